"""A large gather goes on where it was killed, while the source changes under it, and ends equal to the source."""

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

import pymysql
import pytest
from tests.gather.foreign_city import City, Foreign
from tests.mariadb import MariaDb, started

import jutong.gather.chunking as chunking
import jutong.outside.mysql.reading as mysql_reading
import jutong.outside.postgres.reading as postgres_reading
from jutong.gather import find_tables, verify
from jutong.settings import Settings

_CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
import jutong.gather.chunking as chunking
import jutong.outside.mysql.reading as mysql_reading
import jutong.outside.postgres.reading as postgres_reading
from jutong.database import open_database
from jutong.gather import find_tables, take_many
from jutong.settings import read_settings
from jutong.store import Store
chunking.CHUNK_ROWS, mysql_reading.SMALL_BYTES = 2000, 1000
postgres_reading._PART_BYTES, postgres_reading._SMALL_BYTES = 200_000, 1000
settings = replace(read_settings(Path(sys.argv[1]), {}), database_url=sys.argv[2], lake_memory="1GB")
with open_database(settings) as database, Store.open(database, settings) as store:
    with database.connection() as connection:
        tables = find_tables(connection, sys.argv[3])
    print("ready", flush=True)
    take_many(tables, database=database, store=store, home=settings.home)
    print("done", flush=True)
"""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunking, "CHUNK_ROWS", 2000)
    monkeypatch.setattr(mysql_reading, "SMALL_BYTES", 1000)
    monkeypatch.setattr(postgres_reading, "_PART_BYTES", 200_000)
    monkeypatch.setattr(postgres_reading, "_SMALL_BYTES", 1000)


@pytest.fixture(scope="module")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with started(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


KILLS = int(os.environ.get("JUTONG_KILLS", "10"))
Run = Callable[[str], object]
_MADE = "CREATE TABLE t (id int PRIMARY KEY, v varchar(40), n int)"


@pytest.fixture
def postgres(city: City, foreign: Foreign, foreign_url: str) -> Run:
    foreign.execute(_MADE)
    foreign.execute("INSERT INTO t SELECT g, 'v' || g, g % 7 FROM generate_series(1, 30000) g")
    city.declare("postgres", {"url": foreign_url}, {"name": "t", "locator": {"table": "t"}, "keys": ("id",)})
    return lambda query: foreign.execute(query.encode())


@pytest.fixture
def mysql(city: City, mariadb_server: MariaDb) -> Iterator[Run]:
    with (
        mariadb_server.database() as config,
        pymysql.connect(**config, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_MADE)
        cursor.execute("INSERT INTO t SELECT seq, CONCAT('v', seq), seq % 7 FROM seq_1_to_30000")
        cursor.execute("ANALYZE TABLE t")
        city.declare("mysql", config, {"name": "t", "locator": {"table": "t"}, "keys": ("id",)})
        yield cursor.execute


def same(city: City) -> bool:
    with city.database.connection() as connection:
        (table,) = find_tables(connection, city.source)
    return verify(table, database=city.database, store=city.store).same


class Cut(Exception):
    """The run ends here."""


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_what_landed_is_kept_and_what_changed_meanwhile_is_read_again(
    kind: str, request: pytest.FixtureRequest, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Run = request.getfixturevalue(kind)
    landed = chunking.Chunked._landed

    def killed_at(number: int) -> Callable[..., Any]:
        def cut(self: Any, course: Any, *rest: Any, **more: Any) -> Any:
            if len(course.chunks) >= number:
                raise Cut
            return landed(self, course, *rest, **more)

        return cut

    monkeypatch.setattr(chunking.Chunked, "_landed", killed_at(3))
    with pytest.raises(Cut):
        city.take("r1")
    monkeypatch.setattr(chunking.Chunked, "_landed", landed)
    before = city.store.count(f"raw.{city.name('t')}")
    assert 4000 < before < 30000
    run("UPDATE t SET v = 'changed' WHERE id IN (5, 29000)")
    run("DELETE FROM t WHERE id IN (17, 29001)")
    run("INSERT INTO t VALUES (0, 'new', NULL), (40000, 'new', 1)")
    read: list[Any] = []
    monkeypatch.setattr(
        chunking.Chunked, "_landed", lambda self, course, *rest, **more: (
            read.append(rest[0].no), landed(self, course, *rest, **more))[1],
    )  # fmt: skip
    got = city.take("r2")["t"]
    assert (got.run_id, got.given, got.spliced, got.state) == ("r1", 30000, True, "received")
    assert same(city)
    # the first chunk had changed and was replaced; two that had not were not read again
    assert sorted(set(read)) == sorted(read)
    assert not {1, 2} <= set(read)
    with city.database.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM course").fetchone() == {"n": 0}
    monkeypatch.setattr(chunking.Chunked, "_landed", landed)
    again = city.take("r3")["t"]
    assert (again.run_id, again.spliced, again.given) == ("r3", False, 30000)
    assert same(city)
    run("INSERT INTO t VALUES (50000, 'after', 1)")
    assert not same(city)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_source_whose_columns_changed_meanwhile_is_begun_anew(
    kind: str, request: pytest.FixtureRequest, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Run = request.getfixturevalue(kind)
    landed = chunking.Chunked._landed
    monkeypatch.setattr(
        chunking.Chunked, "_landed",
        lambda self, course, *rest, **more: landed(self, course, *rest, **more) if not course.chunks else 1 / 0,
    )  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        city.take("r1")
    monkeypatch.setattr(chunking.Chunked, "_landed", landed)
    run("ALTER TABLE t ADD COLUMN extra varchar(10)")
    got = city.take("r2")["t"]
    assert (got.run_id, got.given, got.spliced) == ("r2", 30000, False)
    assert city.store.count(f"raw.{city.name('t')}") == 30000
    assert same(city)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_sigkill_at_random_instants_ends_equal_to_a_source_that_changes(
    kind: str, request: pytest.FixtureRequest, city: City, settings: Settings
) -> None:
    run: Run = request.getfixturevalue(kind)
    chance = random.Random(20251101)
    kills = 0
    while kills < KILLS:
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(settings.home), settings.database_url, city.source],
            stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert child.stdout
        child.stdout.readline()
        time.sleep(chance.uniform(0, 1.2))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.stdout.close()
        child.wait()
        low = chance.randrange(30000)
        run(f"UPDATE t SET n = n + 1 WHERE id BETWEEN {low} AND {low + 20}")
        run(f"DELETE FROM t WHERE id = {chance.randrange(30000)}")
        run(f"INSERT INTO t VALUES ({100_000 + kills * 1000 + chance.randrange(1000)}, 'new', 0)"
            if kind == "mysql" else
            f"INSERT INTO t VALUES ({100_000 + kills * 1000 + chance.randrange(1000)}, 'new', 0) ON CONFLICT DO NOTHING")  # fmt: skip
    got = city.take()["t"]
    assert got.state == "received"
    assert same(city)
    name = f"raw.{city.name('t')}"
    with city.store.reading() as view:
        query = f"SELECT count(*) AS n, count(DISTINCT id) AS ids FROM {view.table(name)} WHERE _batch = ?"
        rows = view.rows(query, [got.id])[0]
    assert rows["n"] == rows["ids"] == got.given


def test_a_value_beyond_its_type_is_taken_as_text_and_stays_so(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute("CREATE TABLE t (id int PRIMARY KEY, d date)")
    foreign.execute("INSERT INTO t VALUES (1, '2024-02-29')")
    city.declare("postgres", {"url": foreign_url}, {"name": "t", "locator": {"table": "t"}, "keys": ("id",)})
    assert city.take("r1")["t"].given == 1
    foreign.execute("INSERT INTO t VALUES (2, 'infinity')")
    assert city.take("r2")["t"].state == "received"
    assert same(city)
    foreign.execute("DELETE FROM t WHERE id = 2")
    assert city.take("r3")["t"].state == "received"
    assert same(city)
    assert [row[2:] for row in city.rows("t")] == [
        (1, "2024-02-29"), (1, "2024-02-29"), (2, "infinity"), (1, "2024-02-29"),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("small_parts")
def test_a_server_killed_and_restarted_in_mid_read_is_read_to_the_end_by_the_same_run(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with started(tmp_path) as server, server.database() as config:
        with pymysql.connect(**config, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(400), n int)")
            cursor.execute("INSERT INTO t SELECT seq, REPEAT('v', 400), seq FROM seq_1_to_200000")
            cursor.execute("ANALYZE TABLE t")
        city.declare("mysql", config, {"name": "t", "locator": {"table": "t"}, "keys": ("id",)})
        landed = chunking.Chunked._landed

        def cut(self: Any, course: Any, *rest: Any, **more: Any) -> Any:
            if len(course.chunks) == 3 and not course.spliced:
                server.stop(hard=True)
                server.start()
            return landed(self, course, *rest, **more)

        monkeypatch.setattr(chunking.Chunked, "_landed", cut)
        monkeypatch.setattr(chunking, "CHUNK_ROWS", 5_000)
        got = city.take("r1")["t"]
        assert (got.given, got.spliced, got.state) == (200_000, True, "received")
        assert same(city)
