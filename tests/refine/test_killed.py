"""Law 10: refining may be killed at any instant and run again; nothing is lost and nothing is doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.refine.test_refining import COMPANY, good
from tests.refine.town import Town

from jutong.settings import Settings

_CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from jutong.database import open_database
from jutong.refine import refine
from jutong.settings import read_settings
from jutong.store import Store
settings = replace(read_settings(Path(sys.argv[1]), {}), database_url=sys.argv[2], lake_memory="1GB")
with open_database(settings) as database, Store.open(database, settings) as store:
    print("ready", flush=True)
    refine(database=database, store=store)
"""


@pytest.mark.slow
def test_sigkill_at_random_instants_leaves_the_same_as_one_quiet_run(town: Town, settings: Settings) -> None:
    wrong = {"uscc": "91430502MA4L000116"}
    chance = random.Random(20250809)
    tables: list[str] = []
    batches: list[tuple[str, int]] = []
    kills = 0
    for _ in range(24):
        # Work is added before every kill: a quick machine would otherwise be done before the first one.
        tables.append(town.table(COMPANY))
        for rows in (300, 400):
            given = [good(f"A{n}", **(wrong if n % 10 == 3 else {})) for n in range(rows)]
            batches.append((town.land(tables[-1], given), rows))
        kills += _killed_while_refining(settings, chance.uniform(0, 0.8))
    town.refine()
    assert kills >= 6
    assert {town.state(batch) for batch, _ in batches} == {"refined"}
    assert [len(town.issues(batch)) for batch, _ in batches] == [rows // 10 for _, rows in batches]
    assert [len(town.rows(table)) for table in tables] == [400] * len(tables)
    with town.database.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM refining").fetchone() == {"n": 0}


def _killed_while_refining(settings: Settings, after: float) -> bool:
    """Refine in a process of its own and kill it after so many seconds: whether it was still at work."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(settings.home), settings.database_url],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout
    child.stdout.readline()
    time.sleep(after)
    alive = child.poll() is None
    child.kill()
    child.stdout.close()
    child.wait()
    return alive
