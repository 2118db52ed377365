"""``python -m bench.dirt [--count N] [--json]``: every kind of dirt of the second generator, with recall and precision.

Unknowable are values that became another right one by their own standard's check; they are counted beside.
The kinds are those of ``tests/elements/other_dirt.py``, which was written apart from the rules.
"""

from __future__ import annotations

import json

import click
from tests.elements.other_dirt import OPERATORS, measured


@click.command()
@click.option("--count", default=2_000, show_default=True, help="clean values each kind is made from")
@click.option("--json", "machine", is_flag=True)
def main(count: int, machine: bool) -> None:
    """Recall: spoiled values asked (or mended, where that is wanted). Precision: against clean values asked or changed."""
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


if __name__ == "__main__":
    main()
