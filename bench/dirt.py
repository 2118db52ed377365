"""``python -m bench.dirt [--count N] [--json]``: every kind of dirt of the second generator, with recall and precision.

Unknowable are values that became another right one by their own standard's check; they are counted beside.
The kinds are those of ``tests/elements/other_dirt.py``, which was written apart from the rules.  ``--city DIR``: the
kinds seeded in a sample city that was made there, held against its truth.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from tests.elements.other_dirt import OPERATORS, measured

from jutong.city import evaluate_dirt, truth, wrongly_cleaned
from jutong.settings import read_settings
from jutong.terms import DatasetName, Zone, quote
from jutong.wiring import Platform, open_platform

#: Table, item, key, the value meant, the value that stands.
Wrong = tuple[str, str, str, str | None, str | None]


@click.command()
@click.option("--count", default=2_000, show_default=True, help="clean values each kind is made from")
@click.option("--json", "machine", is_flag=True)
@click.option("--city", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(count: int, machine: bool, city: Path | None) -> None:
    """Recall: spoiled values asked (or mended, where that is wanted). Precision: against clean values asked or changed."""
    if city:
        seeded(city, machine)
        return
    rows = [measured(operator, count) for operator in OPERATORS]
    if machine:
        told = [
            {
                "kind": one.operator.name, "wanted": one.operator.wanted, "spoiled": one.spoiled, "right": one.right,
                "false": one.false, "unknowable": one.unknowable, "recall": round(one.recall, 5), "precision": round(one.precision, 5),
            }
            for one in rows
        ]  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    click.echo(f"{'kind':42} {'wanted':7} {'spoiled':>8} {'recall':>8} {'precision':>9} {'unknowable':>10}")
    for one in rows:
        click.echo(
            f"{one.operator.name:42} {one.operator.wanted:7} {one.spoiled:8} {one.recall:8.4f} {one.precision:9.4f} {one.unknowable or '':>10}"
        )
    worst = min(rows, key=lambda one: min(one.recall, one.precision))
    click.echo(
        f"{len(rows)} kinds; lowest: {worst.operator.name}, {worst.recall:.4f} recall, {worst.precision:.4f} precision"
    )


_FIRST = """
    SELECT DISTINCT ON (source_table) source_table, id FROM batch WHERE state <> 'failed'
    ORDER BY source_table, received_at, id
"""


def _never_given_again(platform: Platform, wrong: list[Wrong]) -> list[Wrong]:
    """Without rows a later delivery gave another value, for the truth of the first is what is looked at."""
    with platform.database.connection() as connection:
        first = {row["source_table"]: row["id"] for row in connection.execute(_FIRST)}
    kept = []
    with platform.store.reading() as view:
        for one in wrong:
            spec = platform.store.spec(DatasetName(Zone.STANDARD, one[0]))
            key = f"concat_ws('|', {', '.join(quote(name) for name in spec.keys)})"
            rows = view.rows(f"SELECT _batch FROM {view.table(spec.name)} WHERE {key} = ?", [one[2]])
            if not rows or rows[0]["_batch"] == first[one[0]]:
                kept.append(one)
    return kept


def seeded(city: Path, machine: bool) -> None:
    """Issues by kind: wanted, told, and told of the right row, item and rule; then what was to be mended in silence."""
    with open_platform(read_settings(city)) as platform:
        score = evaluate_dirt(city, platform.database, platform.store)
        wrong = _never_given_again(platform, wrongly_cleaned(city, platform.store, most=1_000_000))
    mended: dict[str, int] = {}
    for row in truth(city, "errors", 0).to_pylist():
        if row["outcome"] == "clean":
            mended[row["kind"]] = mended.get(row["kind"], 0) + 1
    told = [
        {"kind": kind, "wanted": score.kinds[kind][0], "found": score.kinds[kind][1], "recall": recall, "precision": precision}
        for kind, (recall, precision) in score.by_kind.items()
    ]  # fmt: skip
    if machine:
        click.echo(
            json.dumps({"asked": told, "mended": mended, "wrongly_mended": len(wrong)}, ensure_ascii=False)
        )
        return
    click.echo(f"{'asked':28} {'wanted':>8} {'found':>8} {'recall':>8} {'precision':>9}")
    for one in told:
        click.echo(
            f"{one['kind']:28} {one['wanted']:8} {one['found']:8} {one['recall']:8.4f} {one['precision']:9.4f}"
        )
    click.echo(f"\n{'mended in silence':28} {'seeded':>8}")
    for kind, rows in sorted(mended.items()):
        click.echo(f"{kind:28} {rows:8}")
    click.echo(f"{len(told)} kinds asked, {len(mended)} mended; values mended wrongly: {len(wrong)}")
    for one in wrong[:5]:
        click.echo("  " + " ".join(str(part) for part in one))


if __name__ == "__main__":
    main()
