"""Law 10: refining may be killed at any instant and run again; nothing is lost and nothing is doubled."""

from __future__ import annotations

import random
import signal
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
    tables = [town.table(COMPANY) for _ in range(12)]
    wrong = {"uscc": "91430502MA4L000116"}
    batches = [
        town.land(table, [good(f"A{n}", **(wrong if n % 10 == 3 else {})) for n in range(rows)])
        for table in tables
        for rows in (300, 400)
    ]
    chance = random.Random(20250809)
    kills = 0
    for _ in range(60):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(settings.home), settings.database_url],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout
        child.stdout.readline()
        time.sleep(chance.uniform(0, 2.5))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.stdout.close()
        child.wait()
        if all(town.state(batch) == "refined" for batch in batches):
            break
    town.refine()
    assert kills
    assert {town.state(batch) for batch in batches} == {"refined"}
    for batch in batches:
        rows = 300 if batches.index(batch) % 2 == 0 else 400
        assert len(town.issues(batch)) == rows // 10
    assert [len(town.rows(table)) for table in tables] == [400] * len(tables)
    with town.database.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM refining").fetchone() == {"n": 0}
