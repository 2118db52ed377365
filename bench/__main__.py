"""``python -m bench NAME [--rows N] [--days N] [--json] [--page]``; ``all`` runs all and writes docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

#: name → (module, rows by default)
BENCHES: dict[str, tuple[str, int]] = {
    "gather": ("gather", 10_000_000),
    "gather_mysql": ("gather_mysql", 10_000_000),
    "gather_csv": ("gather_csv", 2_000_000),
    "gather_excel": ("gather_excel", 1_000_000),
    "refine": ("refine", 10_000_000),
    "store_merge": ("store_merge", 10_000_000),
    "store_changes": ("store_changes", 10_000_000),
    "store_tables": ("store_tables", 15_000),
    "fuse": ("fuse", 942_000),
    "fuse_incremental": ("fuse_incremental", 942_000),
    "febrl": ("febrl", 10_000),
    "gate": ("gate", 2_000_000),
    "gate_services": ("gate_services", 100_000),
    "gate_larger": ("gate_larger", 2_000_000),
    "gate_flat": ("gate_flat", 200_000),
    "revocation": ("revocation", 100_000),
    "deliver": ("deliver", 10_000_000),
    "deliver_incremental": ("deliver_incremental", 10_000_000),
    "ledger": ("ledger", 1_000_000),
    "search": ("search", 100_000),
}

_PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def run(name: str, rows: int | None) -> dict[str, Any]:
    module, default = BENCHES[name]
    result: dict[str, Any] = import_module(f"bench.{module}").run(rows or default).printed()
    return result


_HEAD = (
    "| bench | rows | value | limit | ratio | peers | peak MB |",
    "|---|---:|---:|---|---:|---|---:|",
)
_BEGIN, _END = "<!-- table -->", "<!-- /table -->"


def _line(one: dict[str, Any]) -> str:
    limit = f"{one['limit']['name']} {one['limit']['value']:g}" if one["limit"] else "—"
    peers = " · ".join(f"{p} {v:g} ({one['ratios'][f'to_{p}']:g} ×)" for p, v in one["peers"].items()) or "—"
    return (
        f"| {one['name']} | {one['rows']:,} | {one['value']:g} {one['unit']} | {limit} |"
        f" {one['ratios'].get('to_limit', '—')} | {peers} | {one['peak_rss_mb']} |"
    )


def with_line(page: str, result: dict[str, Any]) -> str:
    """The page with this bench's line new; the other benches' lines and what was written by hand stay."""
    head, rest = page.split(_BEGIN)
    table, tail = rest.split(_END)
    lines = {
        line.split("|")[1].strip(): line
        for line in table.strip().splitlines()
        if line not in _HEAD and line.startswith("|")
    }
    lines[result["name"]] = _line(result)
    ordered = [lines[name] for name in BENCHES if name in lines]
    return head + "\n".join((_BEGIN, *_HEAD, *ordered, _END)) + tail


@click.command()
@click.argument("name", type=click.Choice([*BENCHES, "all"]))
@click.option("--rows", type=int, default=None)
@click.option(
    "--days", type=int, default=None, help="store_merge: so many days of merges, each with its night"
)
@click.option("--json", "machine", is_flag=True)
@click.option("--page", is_flag=True, help="write the result's line into docs/benchmarks.md, as `all` does")
def main(name: str, rows: int | None, days: int | None, machine: bool, page: bool) -> None:
    if days is not None:
        os.environ["BENCH_DAYS"] = str(days)
    failed = []
    for one in list(BENCHES) if name == "all" else [name]:
        try:
            result = run(one, rows)
        except Exception:
            if name != "all":
                raise
            # Hours of other benches are worth more than stopping at this one.
            traceback.print_exc()
            failed.append(one)
            continue
        click.echo(json.dumps(result, ensure_ascii=False, indent=None if machine else 1))
        if page or name == "all":
            _PAGE.write_text(with_line(_PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
