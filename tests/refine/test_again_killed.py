"""Carrying a standard through may be killed at any instant: it has happened or it has not, and again it happens once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.refine.test_again import BIG, again, content, rule, stale
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
"""


@pytest.mark.slow
def test_sigkill_at_random_instants_leaves_the_old_or_the_new_and_at_last_the_new(
    town: Town, settings: Settings
) -> None:
    tables = [town.table(COMPANY) for _ in range(12)]
    batches = [town.land(table, [good(f"A{n}", capital=str(n)) for n in range(600)]) for table in tables]
    town.refine(*batches)
    for table in tables:
        rule(town, table, BIG)
    chance = random.Random(20251122)
    kills = 0
    for _ in range(40):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(settings.home), settings.database_url],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout
        child.stdout.readline()
        time.sleep(chance.uniform(0, 1.5))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.stdout.close()
        child.wait()
        sizes = {len(content(town, table)) for table in tables}
        assert sizes <= {600, 501}, "a table stands wholly by one standard"
        if not stale(town):
            break
    assert kills
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
    assert row["done"] == len(tables)
