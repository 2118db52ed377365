"""Carrying a standard through may be killed at any instant: it has happened or it has not, and again it happens once."""

from __future__ import annotations

import random

import pytest
from tests.refine.test_again import BIG, again, content, rule, stale
from tests.refine.test_killed import killed_after
from tests.refine.test_refining import COMPANY, good
from tests.refine.town import Town

from jutong.settings import Settings

_CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from jutong.database import open_database
from jutong.refine import refine_again
from jutong.settings import read_settings
from jutong.store import Store
settings = replace(read_settings(Path(sys.argv[1]), {}), database_url=sys.argv[2], lake_memory="1GB")
with open_database(settings) as database, Store.open(database, settings) as store:
    print("ready", flush=True)
    refine_again(database=database, store=store)
    print("done", flush=True)
"""
KILLS = 10


@pytest.mark.slow
def test_sigkill_at_random_instants_leaves_the_old_or_the_new_and_at_last_the_new(
    town: Town, settings: Settings
) -> None:
    tables = [town.table(COMPANY) for _ in range(12)]
    batches = [town.land(table, [good(f"A{n}", capital=str(n)) for n in range(600)]) for table in tables]
    town.refine(*batches)
    chance = random.Random(20251122)
    kills = runs = turns = 0
    whole: float | None = None  # seconds of one whole turn: the kills are aimed by what this machine takes
    while kills < KILLS or turns % 2 == 0:
        runs += 1
        assert runs < 20 + 10 * KILLS
        fresh = not stale(town)
        if fresh:  # The rule comes and goes, so that there is work for every kill on a quick machine too.
            turns += 1
            for table in tables:
                rule(town, table, *([BIG] if turns % 2 else []))
        killed, took = killed_after(_CHILD, settings, None if whole is None else chance.uniform(0, whole))
        kills += killed
        if fresh and not killed:
            whole = took if whole is None else max(0.8 * took, 0.05)  # it went faster: aim at what it takes
        sizes = {len(content(town, table)) for table in tables}
        assert sizes <= {600, 501}, "a table stands wholly by one standard"
    again(town)
    assert stale(town) == []
    for table, batch in zip(tables, batches, strict=True):
        assert len(town.rows(table)) == 501
        assert len(town.issues(batch)) == 99
    with town.database.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE state = 'running') AS running, count(*) FILTER (WHERE state = 'done') AS done "
            "FROM rerefinement"
        ).fetchone()
    assert row
    assert row["running"] == 0
    assert row["done"] == len(tables) * turns
