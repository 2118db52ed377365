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
    print("done", flush=True)
"""
KILLS = 8


@pytest.mark.slow
def test_sigkill_at_random_instants_leaves_the_same_as_one_quiet_run(town: Town, settings: Settings) -> None:
    wrong = {"uscc": "91430502MA4L000116"}
    chance = random.Random(20250809)
    tables: list[str] = []
    batches: list[tuple[str, int]] = []
    kills = 0
    whole: float | None = None  # seconds of one run: the kills are aimed by what this machine takes
    while kills < KILLS:
        assert len(tables) < 20 + 10 * KILLS
        # Work is added before every run: a quick machine would otherwise be done before the first kill.
        tables.append(town.table(COMPANY))
        for rows in (300, 400):
            given = [good(f"A{n}", **(wrong if n % 10 == 3 else {})) for n in range(rows)]
            batches.append((town.land(tables[-1], given), rows))
        killed, took = killed_after(_CHILD, settings, None if whole is None else chance.uniform(0, whole))
        kills += killed
        if not killed:
            whole = took if whole is None else max(0.8 * took, 0.05)  # it went faster: aim at what it takes
    town.refine()
    assert {town.state(batch) for batch, _ in batches} == {"refined"}
    assert [len(town.issues(batch)) for batch, _ in batches] == [rows // 10 for _, rows in batches]
    assert [len(town.rows(table)) for table in tables] == [400] * len(tables)
    with town.database.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM refining").fetchone() == {"n": 0}


def killed_after(words: str, settings: Settings, after: float | None) -> tuple[bool, float]:
    """Run these words in a process of its own and kill it ``after`` so many seconds of work, None: not at all.

    Whether it was killed before it said that it was done, and how many seconds it went.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", words, str(settings.home), settings.database_url],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout
    assert child.stdout.readline() == b"ready\n"
    began = time.monotonic()
    if after is not None:
        time.sleep(after)
        child.kill()
    done = b"done" in child.stdout.readline()
    took = time.monotonic() - began
    child.stdout.close()
    code = child.wait()
    assert code in ((0, -signal.SIGKILL) if done else (-signal.SIGKILL,))  # a run that failed is no kill
    return not done, took
