"""``python -m bench NAME [--rows N] [--json]``; ``all`` runs every bench and writes docs/benchmarks.md."""

from __future__ import annotations

import json
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


def write_page(results: list[dict[str, Any]]) -> None:
    """Replace the table between the marks; what was learned, written by hand below it, stays."""
    lines = [
        "| bench | rows | value | limit | ratio | peers | peak MB |",
        "|---|---:|---:|---|---:|---|---:|",
    ]
    for one in results:
        limit = f"{one['limit']['name']} {one['limit']['value']:g}" if one["limit"] else "—"
        peers = (
            " · ".join(f"{p} {v:g} ({one['ratios'][f'to_{p}']:g} ×)" for p, v in one["peers"].items()) or "—"
        )
        lines.append(
            f"| {one['name']} | {one['rows']:,} | {one['value']:g} {one['unit']} | {limit} |"
            f" {one['ratios'].get('to_limit', '—')} | {peers} | {one['peak_rss_mb']} |"
        )
    text = _PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- table -->", "<!-- /table -->"
    head, rest = text.split(begin)[0], text.split(end)[1]
    _PAGE.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + rest, encoding="utf-8")


@click.command()
@click.argument("name", type=click.Choice([*BENCHES, "all"]))
@click.option("--rows", type=int, default=None)
@click.option("--json", "machine", is_flag=True)
def main(name: str, rows: int | None, machine: bool) -> None:
    names = list(BENCHES) if name == "all" else [name]
    results = []
    for one in names:
        results.append(run(one, rows))
        click.echo(json.dumps(results[-1], ensure_ascii=False, indent=None if machine else 1))
    if name == "all":
        write_page(results)


if __name__ == "__main__":
    main()
