"""Law 10 for all ways of gathering at once: full, incremental and captured tables of one source, PostgreSQL and MariaDB,
killed at random instants; whenever a run comes through, what landed is what the source holds, by content hash.

``JUTONG_KILLS`` says how many kills in all (default 12), ``JUTONG_SEED`` which instants and changes.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.gather.foreign_city import City
from tests.mariadb import started

import jutong.gather.chunking as chunking
import jutong.outside.mysql.reading as mysql_reading
import jutong.outside.postgres.reading as postgres_reading
from jutong.database import EmbeddedPostgres
from jutong.gather import find_tables, verify
from jutong.settings import Settings
from jutong.terms import Conflict

KILLS = int(os.environ.get("JUTONG_KILLS", "12"))
SEED = int(os.environ.get("JUTONG_SEED", "20261123"))
_SMALL = """
import jutong.gather.capturing as capturing
import jutong.gather.chunking as chunking
import jutong.outside.mysql.reading as mysql_reading
import jutong.outside.postgres.reading as postgres_reading
capturing.CHUNK_CHANGES, chunking.CHUNK_ROWS, mysql_reading.SMALL_BYTES = 150, 1500, 1000
postgres_reading._PART_BYTES, postgres_reading._SMALL_BYTES = 100_000, 1000
"""
#: Ready and waiting for the word, so that a kill falls into the gathering and not into the start of a process.
_CHILD = f"""
import sys
import time
from dataclasses import replace
from pathlib import Path
from jutong.database import open_database
from jutong.gather import find_tables, take_many
from jutong.settings import read_settings
from jutong.store import Store
from jutong.terms import Conflict
{_SMALL}
settings = replace(read_settings(Path(sys.argv[1]), {{}}), database_url=sys.argv[2], lake_memory="500MB")
with open_database(settings) as database, Store.open(database, settings) as store:
    with database.connection() as connection:
        tables = find_tables(connection, sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()
    while True:
        try:
            take_many(tables, database=database, store=store, home=settings.home)
            break
        except Conflict:  # the server has not missed a killed taker yet
            time.sleep(0.1)
    print("done", flush=True)
"""
TABLES = ("whole", "grown", "followed")
Run = Callable[[str], None]


@pytest.fixture
def source(
    request: pytest.FixtureRequest, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Runs SQL, each statement a transaction, in a source whose three tables are gathered in three ways."""
    monkeypatch.setattr(chunking, "CHUNK_ROWS", 1500)
    monkeypatch.setattr(mysql_reading, "SMALL_BYTES", 1000)
    monkeypatch.setattr(postgres_reading, "_PART_BYTES", 100_000)
    monkeypatch.setattr(postgres_reading, "_SMALL_BYTES", 1000)
    reached = request.getfixturevalue(f"_{request.param}")
    kind, config, run = reached
    for name, rows in zip(TABLES, (8000, 4000, 1500), strict=True):
        run(f"CREATE TABLE {name} (id int PRIMARY KEY, v varchar(60), n int)")
        numbers = (
            f"generate_series(1, {rows}) g"
            if kind == "postgres"
            else f"(SELECT seq AS g FROM seq_1_to_{rows}) s"
        )
        run(f"INSERT INTO {name} SELECT g, CONCAT('企业', g), 0 FROM {numbers}")
    ways: tuple[dict[str, Any], ...] = (
        {"mode": "full"}, {"mode": "incremental", "watermark_item": "n"}, {"mode": "capture"},
    )  # fmt: skip
    tables = [
        {"name": name, "locator": {"table": name}, "keys": ("id",), **way}
        for name, way in zip(TABLES, ways, strict=True)
    ]
    city.declare(kind, config, *tables)
    yield run


@pytest.fixture
def _postgres(tmp_path: Path) -> Iterator[tuple[str, dict[str, Any], Run]]:
    server = EmbeddedPostgres(tmp_path / "source")
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
    server.stop()
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            yield "postgres", {"url": server.url()}, lambda query: void(connection.execute(query.encode()))
    finally:
        server.stop()


@pytest.fixture
def _mysql(tmp_path: Path) -> Iterator[tuple[str, dict[str, Any], Run]]:
    log = ("--log-bin=bin", "--server-id=7", "--binlog-format=ROW")
    with (
        started(tmp_path, *log) as server,
        server.database() as config,
        server.connect(database=config["database"]) as connection,
        connection.cursor() as cursor,
    ):
        yield "mysql", config, lambda query: void(cursor.execute(query))


def void(_: object) -> None:
    """What a statement answers is not asked here."""


class Writing:
    """Random changes: any in the whole and the followed table, in the grown one those its watermark tells."""

    def __init__(self, run: Run, chance: random.Random) -> None:
        self._run, self._chance, self._now = run, chance, 0

    def some(self) -> None:
        for _ in range(self._chance.randrange(4, 30)):
            self._now += 1
            low = self._chance.randrange(1, 9000)
            high = low + self._chance.choice((0, 3, 200))
            name = self._chance.choice(TABLES)
            what = self._chance.randrange(4) if name != "grown" else self._chance.choice((1, 3))
            between = f"id BETWEEN {low} AND {high}"
            if what == 0:
                self._run(f"DELETE FROM {name} WHERE {between}")
            elif what == 1:
                self._run(f"UPDATE {name} SET v = '改{self._now}', n = {self._now} WHERE {between}")
            elif what == 2:
                self._run(f"UPDATE {name} SET id = id + {self._now * 10_000} WHERE id = {low}")
            else:
                new = 1_000_000 * self._now
                rows = ", ".join(f"({new + row}, '新', {self._now})" for row in range(high - low + 1))
                self._run(f"INSERT INTO {name} VALUES {rows}")


class Children:
    """Runs in processes of their own; the next one starts while this one is looked at."""

    def __init__(self, settings: Settings, city: City) -> None:
        self._arguments = [str(settings.home), settings.database_url, city.source]
        self._next = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", _CHILD, *self._arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def run(self, after: float | None) -> tuple[bool, float]:
        """Whether it was killed before it was done, and how long it went; ``after``: seconds until it is killed."""
        child, self._next = self._next, self._start()
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        began = time.monotonic()
        child.stdin.write(b"\n")
        child.stdin.flush()
        if after is not None:
            time.sleep(after)
            child.kill()
        said = child.stdout.read()
        child.stdout.close()
        child.stdin.close()
        assert child.wait() in (0, -signal.SIGKILL)  # what breaks by itself was not killed
        return b"done" not in said, time.monotonic() - began

    def end(self) -> None:
        self._next.kill()
        self._next.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("source", ["postgres", "mysql"], indirect=True)
def test_sigkills_at_random_instants_lose_and_double_nothing(
    city: City, settings: Settings, source: Run
) -> None:
    chance = random.Random(SEED)
    writing = Writing(source, chance)
    children = Children(settings, city)
    try:
        killed, whole = children.run(None)
        assert not killed
        _same(city)
        kills, rounds, wanted = 0, 0, (KILLS + 1) // 2
        while kills < wanted:
            rounds += 1
            assert rounds < 20 + 10 * wanted
            for _ in range(chance.randrange(1, 4)):
                writing.some()
            killed, took = children.run(chance.uniform(0, whole))
            kills += killed
            if not killed:
                whole = max(0.8 * took, 0.1)  # it went faster than the first: aim at what it takes
            if rounds % 2:  # every other kill falls into what an earlier one left
                _taken(city)
                _same(city)
        _taken(city)
        _same(city)
    finally:
        children.end()
    _nothing_doubled(city)
    print(f"{kills} kills in {rounds} rounds")


def _taken(city: City) -> None:
    """As the worker does: a source whose killed taker the server has not missed yet is asked for again."""
    for _ in range(600):
        try:
            city.take()
        except Conflict:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the source stays busy")


def _same(city: City) -> None:
    with city.database.connection() as connection:
        tables = find_tables(connection, city.source)
    for table in tables:
        told = verify(table, database=city.database, store=city.store)
        assert told.same, (table.name, told)


def _nothing_doubled(city: City) -> None:
    """No change landed in two batches, no row of the grown table twice."""
    with city.store.reading() as view:
        changes = view.table(f"raw.{city.name('followed')}_change")
        assert view.rows(f"SELECT _lsn FROM {changes} GROUP BY 1 HAVING count(DISTINCT _batch) > 1") == []
        grown = view.table(f"raw.{city.name('grown')}")
        assert view.rows(f"SELECT id FROM {grown} GROUP BY id, v, n HAVING count(*) > 1") == []
