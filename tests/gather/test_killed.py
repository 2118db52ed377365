"""Law 10: gathering may be killed at any instant and run again; nothing is lost and nothing is doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.gather.foreign_city import City, Foreign

from jutong.settings import Settings

_CHILD = """
import os, signal, sys, threading
from dataclasses import replace
from pathlib import Path
import jutong.gather.taking as taking
from jutong.database import open_database
from jutong.gather import find_tables, take_many
from jutong.settings import read_settings
from jutong.store import Store
taking.SMALL_ROWS = 5000
settings = replace(read_settings(Path(sys.argv[1]), {}), database_url=sys.argv[2], lake_memory="1GB")
with open_database(settings) as database, Store.open(database, settings) as store:
    with database.connection() as connection:
        tables = find_tables(connection, sys.argv[3])
    left = int(sys.argv[5])

    def count(frame, event, argument):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    sys.setprofile(count)
    take_many(tables, database=database, store=store, home=settings.home, run_id=sys.argv[4])
    sys.setprofile(None)
    print("done", -left, flush=True)
"""


def _taken(settings: Settings, city: City, run: str, steps: int) -> bool:
    """Whether a taking that is killed after so many calls and returns comes through; 0 steps: it is let be.

    Counted in steps of the program, so that the instant does not depend on how quick the machine is.
    """
    child = subprocess.run(
        [
            sys.executable, "-c", _CHILD, str(settings.home), settings.database_url, city.source, run, str(steps),
        ],
        capture_output=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.returncode in (0, -signal.SIGKILL), child.stderr.decode()
    return b"done" in child.stdout


def _killed_until_done(settings: Settings, city: City, run: str, chance: random.Random) -> int:
    """Start the taking again and again, each time killed at a random instant, until one comes through."""
    for attempt in range(6):
        if _taken(settings, city, run, chance.randrange(1, 2_000 << 2 * attempt)):
            return attempt
    assert _taken(settings, city, run, 0)
    return 6


@pytest.mark.slow
def test_sigkill_at_random_instants_loses_and_doubles_nothing(
    city: City, settings: Settings, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute(
        "CREATE TABLE small AS SELECT g AS id, now()::timestamp AS at FROM generate_series(1, 900) g"
    )
    foreign.execute(
        "CREATE TABLE large AS SELECT g AS id, now()::timestamp AS at, repeat('x', 50) AS t FROM generate_series(1, 60000) g"
    )
    incremental = {"mode": "incremental", "watermark_item": "at", "keys": ("id",)}
    city.declare(
        "postgres",
        {"url": foreign_url},
        {"name": "small", "locator": {"table": "small"}, **incremental},
        {"name": "large", "locator": {"table": "large"}, **incremental},
    )
    chance = random.Random(20250809)
    kills, expected = 0, {"small": 900, "large": 60000}
    for run in range(3):
        kills += _killed_until_done(settings, city, f"k{run}", chance)
        batches = city.take(f"k{run}")
        for table, rows in expected.items():
            landed = city.rows(table, "count(*), count(DISTINCT id), count(DISTINCT _batch)", "1")
            assert landed == [(rows, rows, run + 1)]
            assert batches[table].state == "received"
        foreign.execute("INSERT INTO small SELECT g, now()::timestamp FROM generate_series(%s::int, %s::int) g", (
            expected["small"] + 1, expected["small"] + 50,
        ))  # fmt: skip
        expected["small"] += 50
        foreign.execute(
            "INSERT INTO large SELECT g, now()::timestamp, 'y' FROM generate_series(%s::int, %s::int) g",
            (expected["large"] + 1, expected["large"] + 7000),
        )
        expected["large"] += 7000
    print(f"{kills} kills")
    assert kills >= 6
