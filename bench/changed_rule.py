"""``python -m bench.changed_rule [--examples N]``: a changed standard changes exactly the rows it concerns.

Invented tables with invented standards are refined, given another standard (rules, elements, thresholds, keys), and
carried through; a twin is refined from the beginning by the new one.  The two must be equal, row for row and issue for
issue, the change feed must hold the rows that differ and no other, and carrying through again must change nothing.
Standards and rows are those of ``tests/refine/test_again.py``, drawn from a fixed seed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.refine.test_again import as_from_scratch, modes, rows, standards
from tests.refine.town import Town

from jutong.database import open_database
from jutong.settings import read_settings
from jutong.store import Store


@click.command()
@click.option("--examples", default=60, show_default=True)
def main(examples: int) -> None:
    """Prints how many rows there were and how many a standard changed; fails on the first that is not as it should be."""
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-changed-"))
    told = {"examples": 0, "rows": 0, "rows_changed": 0, "examples_that_changed_rows": 0}

    def law(town: Town) -> Any:
        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )  # fmt: skip
        @given(before=standards, after=standards, mode=modes, batches=st.lists(rows, min_size=1, max_size=5))
        def holds(before: Any, after: Any, mode: str, batches: list[list[dict[str, str]]]) -> None:
            there, changed = as_from_scratch(town, before, after, mode, batches)
            told["examples"] += 1
            told["rows"] += there
            told["rows_changed"] += changed
            told["examples_that_changed_rows"] += changed > 0

        return holds

    try:
        city = read_settings(home, {})
        with open_database(city) as database, Store.open(database, city) as store:
            law(Town(database, store))()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    click.echo(json.dumps(told))


if __name__ == "__main__":
    main()
