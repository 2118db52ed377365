"""Law 10: gathering may be killed at any instant and run again; nothing is lost and nothing is doubled."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.gather.foreign_city import City, Foreign

from jutong.settings import Settings

_CHILD = """
import sys
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
    print("ready", flush=True)
    take_many(tables, database=database, store=store, home=settings.home, run_id=sys.argv[4])
    print("done", flush=True)
"""


def _killed_until_done(settings: Settings, city: City, run: str, chance: random.Random) -> int:
    """Start the taking again and again, each time killed at a random instant, until one comes through."""
    kills = 0
    for attempt in range(40):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(settings.home), settings.database_url, city.source, run],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.4 + attempt * 0.2))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        said = child.stdout.read()
        child.stdout.close()
        child.wait()
        if b"done" in said:
            break
    return kills


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
    assert kills
