"""Change capture from a real PostgreSQL: deletes arrive, kills lose and double nothing, a lost slot is noticed."""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.gather.foreign_city import City, Foreign
from tests.proxy import Proxy, Way

import jutong.gather.capturing as capturing
import jutong.gather.taking as taking
from jutong.database import EmbeddedPostgres
from jutong.gather import Batch, find_source, find_tables, probe_source, release, verify
from jutong.outside import lsn, lsn_text


@pytest.fixture(scope="module")
def logical(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server whose log tells changes."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("logical"))
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
    server.stop()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def there(logical: EmbeddedPostgres) -> Iterator[tuple[str, Foreign]]:
    name = f"src{secrets.token_hex(5)}"
    with psycopg.connect(logical.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    with psycopg.connect(logical.url(name), autocommit=True) as connection:
        yield logical.url(name), connection
    with psycopg.connect(logical.url(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = %s AND active",
            [name],
        )
        for _ in range(50):
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s AND NOT active",
                [name],
            )
            left = connection.execute(
                "SELECT 1 FROM pg_replication_slots WHERE database = %s", [name]
            ).fetchone()
            if left is None:
                break
            time.sleep(0.1)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def firms(city: City, there: tuple[str, Foreign]) -> Foreign:
    """A captured table of a thousand firms."""
    url, connection = there
    connection.execute(
        "CREATE TABLE firm (id int PRIMARY KEY, name text, capital numeric(20,4), at timestamp)"
    )
    connection.execute(
        "INSERT INTO firm SELECT g, '企业' || g, g * 1.5, '2026-01-01'::timestamp FROM generate_series(1, 1000) g"
    )
    _capture(city, url, "firm")
    return connection


def _capture(city: City, url: str, *names: str, **config: Any) -> None:
    tables = [
        {"name": name, "locator": {"table": name}, "mode": "capture", "keys": ("id",)} for name in names
    ]
    city.declare("postgres", {"url": url, **config}, *tables)


def _same(city: City, table: str = "firm") -> bool:
    with city.database.connection() as connection:
        [found] = find_tables(connection, names=[city.name(table)])
    told = verify(found, database=city.database, store=city.store)
    return told.same


def _told(batch: Batch) -> str:
    return " ".join(str(notice["sentence"]) for notice in batch.notices)


def test_inserts_updates_and_deletes_arrive_on_top_of_a_whole_snapshot(city: City, firms: Foreign) -> None:
    batch = city.take()["firm"]
    assert (batch.mode, batch.given, batch.state) == ("full", 1000, "received")
    assert _same(city)
    assert city.take()["firm"].given == 0
    with firms.transaction():
        firms.execute("DELETE FROM firm WHERE id <= 10")
        firms.execute("UPDATE firm SET name = '改了' WHERE id BETWEEN 11 AND 15")
        firms.execute("INSERT INTO firm VALUES (2000, '新的', 0.0001, NULL), (2001, '', NULL, '2026-02-02')")
        firms.execute("DELETE FROM firm WHERE id = 2001")
        firms.execute("UPDATE firm SET id = 3000 WHERE id = 16")
    batch = city.take()["firm"]
    assert (batch.mode, batch.given) == ("capture", 7)
    assert "删除 12 次" in _told(batch)
    assert _same(city)
    with city.store.reading() as view:
        name = view.table("raw." + city.name("firm") + "_change")
        changes = view.rows(f"SELECT _op, count(*) AS n FROM {name} GROUP BY 1 ORDER BY 1")
    assert {row["_op"]: row["n"] for row in changes} == {"d": 12, "i": 3, "u": 5}


@pytest.mark.slow
def test_a_rolled_back_change_and_another_tables_change_do_not_arrive(city: City, firms: Foreign) -> None:
    city.take()
    firms.execute("CREATE TABLE other (id int PRIMARY KEY)")
    firms.execute("INSERT INTO other SELECT generate_series(1, 100)")
    with firms.transaction(force_rollback=True):
        firms.execute("DELETE FROM firm")
    assert city.take()["firm"].given == 0
    assert _same(city)


@pytest.mark.slow
def test_a_transaction_that_is_open_while_the_snapshot_is_taken_is_not_lost(
    city: City, firms: Foreign, there: tuple[str, Foreign]
) -> None:
    city.take()
    with psycopg.connect(there[0]) as late:
        late.execute("INSERT INTO firm VALUES (5000, '晚提交', 1, NULL)")
        firms.execute("INSERT INTO firm VALUES (5001, '早提交', 1, NULL)")
        assert city.take()["firm"].given == 1
        late.commit()
    assert city.take()["firm"].given == 1
    assert _same(city)


def test_a_long_value_that_an_update_left_alone_is_kept(city: City, there: tuple[str, Foreign]) -> None:
    url, connection = there
    connection.execute("CREATE TABLE doc (id char(4) PRIMARY KEY, body text, n int)")
    connection.execute("ALTER TABLE doc ALTER body SET STORAGE EXTERNAL")
    connection.execute(
        "INSERT INTO doc SELECT 'a' || g, repeat('长' || g, 4000), 0 FROM generate_series(1, 3) g"
    )
    _capture(city, url, "doc")
    city.take()
    connection.execute("UPDATE doc SET n = 1 WHERE id = 'a1'")  # its body is only in the snapshot
    assert city.take()["doc"].given == 1
    assert _same(city, "doc")
    with connection.transaction():
        connection.execute("UPDATE doc SET body = repeat('新', 5000) WHERE id = 'a2'")
        connection.execute("UPDATE doc SET n = 2 WHERE id = 'a2'")  # … in the change before it
        connection.execute("UPDATE doc SET id = 'b2', n = 3 WHERE id = 'a2'")  # … under its old key
        connection.execute("UPDATE doc SET n = 4 WHERE id = 'a1'")  # … in an earlier batch
    assert city.take()["doc"].given == 2
    assert _same(city, "doc")


def test_truncate_takes_the_table_whole_again(city: City, firms: Foreign) -> None:
    city.take()
    with firms.transaction():
        firms.execute("UPDATE firm SET name = 'x' WHERE id = 1")
        firms.execute("TRUNCATE firm")
        firms.execute("INSERT INTO firm VALUES (1, '又来', 1, NULL)")
    firms.execute("INSERT INTO firm VALUES (2, '后来', 1, NULL)")
    city.take()
    assert _same(city)
    firms.execute("DELETE FROM firm WHERE id = 1")
    city.take()
    assert _same(city)


def test_every_type_arrives_as_a_whole_reading_gives_it(city: City, there: tuple[str, Foreign]) -> None:
    url, connection = there
    connection.execute("CREATE TYPE mood AS ENUM ('好', '坏')")
    connection.execute("CREATE DOMAIN code AS char(6)")
    values = {
        "numeric(38,18)": "'-99999999999999999999.999999999999999999'", "numeric": "'NaN'", "money": "'-12.34'",
        "date": "'9999-12-31'", "timestamp": "'2024-02-29 23:59:59.120000'", "timestamptz": "'1988-07-01 00:00:00+08'",
        "time": "'24:00:00'", "interval": "'-1 mons +3 days'", "boolean": "false", "char(5)": "'ab'", "code": "'x'",
        "bit(5)": "'10101'", "varbit": "'1'", "bytea": "'\\x00ff'", "json": "'{\"b\": 1,  \"a\": 2}'", "jsonb": "'{\"b\":1}'",
        "int[]": "'{1,NULL,3}'", "char(3)[]": "'{a,b}'", "mood": "'坏'", "inet": "'10.0.0.1'", "cidr": "'10.0.0.0/8'",
        "uuid": "'00000000-0000-0000-0000-000000000001'", "real": "'1e-45'", "float8": "'-Infinity'", "bigint": "-9223372036854775808",
        "tsvector": "'a b'", "int4range": "'[1,5)'", "text": "E'x\\ny\\\\'", "point": "'(1,2)'",
        "varchar(3)": "''", "name": "'n'", '"char"': "'c'", "macaddr": "'08:00:2b:01:02:03'", "smallint": "-32768",
    }  # fmt: skip
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(values))
    connection.execute(f"CREATE TABLE kinds (id int PRIMARY KEY, {columns})".encode())
    row = ", ".join(values.values())
    connection.execute(f"INSERT INTO kinds VALUES (1, {row})".encode())
    _capture(city, url, "kinds")
    city.take()
    connection.execute(f"INSERT INTO kinds VALUES (2, {row}), (3{', NULL' * len(values)})".encode())
    assert city.take()["kinds"].given == 2
    whole, captured, empty = city.rows("kinds", "* EXCLUDE (_batch, _row)", "id")
    assert dict(zip(values, captured[1:], strict=True)) == dict(zip(values, whole[1:], strict=True))
    assert set(empty[1:]) == {None}
    assert _same(city, "kinds")
    connection.execute("UPDATE kinds SET c3 = 'infinity', c4 = '-infinity' WHERE id = 2")
    city.take()
    assert _same(city, "kinds")


def test_what_the_source_lacks_is_told_and_nothing_begins(
    city: City, there: tuple[str, Foreign], foreign_url: str, foreign: Foreign
) -> None:
    url, connection = there
    connection.execute("CREATE TABLE nokey (id int)")
    connection.execute(
        "CREATE TABLE computed (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)"
    )
    _capture(city, url, "nokey", "computed", "absent")
    batches = city.take()
    sentence = str((batches["nokey"].problem or {})["sentence"])
    for words in ("nokey 没有主键", "computed 有计算列", "没有表 public.absent"):
        assert words in sentence
    foreign.execute("CREATE TABLE plain (id int PRIMARY KEY)")
    other = City(city.database, city.store, city.home)
    _capture(other, foreign_url, "plain")
    told = other.take()["plain"].problem or {}
    assert (told["code"], "wal_level" in told["sentence"]) == ("gather.capture_not_ready", True)
    with city.database.connection() as connection:
        source, tables = find_source(connection, other.source), find_tables(connection, other.source)
    assert "wal_level" in probe_source(source, tables).lacks[0]


def test_a_login_that_may_not_publish_is_told_what_its_administrator_must_run(
    city: City, firms: Foreign, logical: EmbeddedPostgres
) -> None:
    role = f"reader_{secrets.token_hex(4)}"
    firms.execute(f"CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'x'".encode())
    firms.execute(f"GRANT SELECT ON firm TO {role}".encode())
    url = logical.url(firms.info.dbname, role, "x")
    try:
        _capture(city, url, "firm")
        told = city.take()["firm"].problem or {}
        assert told["code"] == "gather.capture_not_ready"
        assert "CREATE PUBLICATION" in told["sentence"]
        firms.execute("CREATE PUBLICATION city FOR TABLE firm")
        _capture(city, url, "firm", publication="city")
        assert city.take()["firm"].given == 1000
        firms.execute("DELETE FROM firm WHERE id < 5")
        city.take()
        assert _same(city)
    finally:
        firms.execute(f"DROP OWNED BY {role}".encode())
        firms.execute(f"DROP ROLE {role}".encode())


def test_a_slot_that_lost_changes_is_noticed_and_all_is_taken_again(city: City, firms: Foreign) -> None:
    city.take()
    firms.execute("DELETE FROM firm WHERE id = 1")
    firms.execute(
        "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots"
        " WHERE database = current_database()"
    )
    batch = city.take()["firm"]
    assert (batch.mode, batch.given) == ("full", 999)
    assert _same(city)
    firms.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
    )
    firms.execute("DELETE FROM firm WHERE id = 2")
    assert city.take()["firm"].given == 998
    assert _same(city)
    slots = firms.execute(
        "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"
    ).fetchone()
    assert slots == (1,)
    with city.database.connection() as connection:
        source, tables = find_source(connection, city.source), find_tables(connection, city.source)
    probed = probe_source(source, tables)
    assert (probed.ok, probed.lacks) == (True, ())
    assert probed.log_kept is not None
    assert release(source, city.database, None)
    slots = firms.execute(
        "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"
    ).fetchone()
    assert slots == (0,)


@pytest.mark.slow
def test_a_column_added_and_one_lost(city: City, firms: Foreign) -> None:
    city.take()
    firms.execute("ALTER TABLE firm ADD COLUMN city text")
    firms.execute("INSERT INTO firm VALUES (7000, '新列', 1, NULL, '邵阳')")
    assert city.take()["firm"].given == 1
    assert _same(city)
    firms.execute("ALTER TABLE firm DROP COLUMN capital")
    firms.execute("INSERT INTO firm VALUES (7001, '少列', NULL, '邵阳')")
    held = city.take()["firm"]
    assert (held.state, (held.problem or {})["code"]) == ("failed", "gather.columns_changed")


def test_positions_are_read_and_told_alike() -> None:
    for text in ("0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"):
        assert lsn_text(lsn(text)) == text


def _writes(connection: Foreign, chance: random.Random) -> None:
    with connection.transaction():
        for _ in range(chance.randrange(1, 30)):
            key = chance.randrange(1, 400)
            what = chance.randrange(4)
            if what == 0:
                connection.execute("DELETE FROM firm WHERE id = %s", [key])
            elif what == 1:
                connection.execute("UPDATE firm SET name = %s WHERE id = %s", [secrets.token_hex(3), key])
            elif what == 2:
                connection.execute(
                    "UPDATE firm SET id = id + 100000 WHERE id = %s AND NOT EXISTS"
                    " (SELECT 1 FROM firm WHERE id = %s)", [key, key + 100_000],
                )  # fmt: skip
            else:
                connection.execute(
                    "INSERT INTO firm VALUES (%s, %s, 1, NULL) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name",
                    [key, secrets.token_hex(3)],
                )


@pytest.mark.slow
def test_small_chunks_and_random_writes_end_equal(
    city: City, firms: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capturing, "CHUNK_CHANGES", 40)
    chance = random.Random(5)
    for _ in range(3):
        for _ in range(10):
            _writes(firms, chance)
        city.take()
        assert _same(city)


@pytest.mark.slow
def test_a_source_that_crashed_tells_again_and_nothing_is_doubled(
    city: City, firms: Foreign, logical: EmbeddedPostgres
) -> None:
    city.take()
    name = firms.info.dbname
    for number in range(3):
        with psycopg.connect(logical.url(name), autocommit=True) as connection:
            _writes(connection, random.Random(number))
        city.take()
        with psycopg.connect(logical.url(name), autocommit=True) as connection:
            before = connection.execute(
                "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = %s", [name]
            )
            moved = before.fetchone()
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        pid = int((logical.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)  # at once, without a checkpoint
        for _ in range(100):
            if not (logical.folder / "data" / "postmaster.pid").exists():
                break
            time.sleep(0.1)
        logical.start()
        with psycopg.connect(logical.url(name), autocommit=True) as connection:
            after = connection.execute(
                "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = %s", [name]
            )
            assert lsn(str((after.fetchone() or [""])[0])) <= lsn(str((moved or [""])[0]))
            _writes(connection, random.Random(number + 100))
        city.take()
        assert _same(city)
    _nothing_doubled(city)


@pytest.mark.slow
def test_a_network_that_cuts_loses_no_change(
    city: City, firms: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "RETRY_PAUSES", (0.05, 0.05))
    monkeypatch.setattr(capturing, "CHUNK_CHANGES", 100)
    chance = random.Random(11)
    host = str(firms.info.host)

    def reach() -> socket.socket:
        there = socket.socket(socket.AF_UNIX)
        there.connect(f"{host}/.s.PGSQL.{firms.info.port}")
        return there

    with Proxy(reach) as proxy:
        secret = city.home / f"password_{city.tag}"
        secret.write_text(firms.info.password)
        address = f"postgresql://{firms.info.user}@127.0.0.1:{proxy.port}/{firms.info.dbname}?sslmode=disable"
        table = {"name": "firm", "locator": {"table": "firm"}, "mode": "capture", "keys": ("id",)}
        city.declare("postgres", {"url": address}, table, secret_ref=f"file:{secret}")
        ways: tuple[Way, ...] = ("close", "reset", "half")
        for number in range(12):
            for _ in range(20):
                _writes(firms, chance)
            for _ in range(chance.randrange(1, 9)):
                proxy.cut(chance.randrange(100, 30_000), ways[number % 3])
            assert city.take()["firm"].state in ("received", "failed")
            proxy.heal()
            assert city.take()["firm"].state == "received"
            assert _same(city)
        assert proxy.count > 10
    _nothing_doubled(city)


def _nothing_doubled(city: City) -> None:
    with city.store.reading() as view:
        name = view.table("raw." + city.name("firm") + "_change")
        spans = view.rows(f"SELECT _lsn FROM {name} GROUP BY 1 HAVING count(DISTINCT _batch) > 1")
        [rows] = view.rows(f"SELECT count(*) AS n, count(DISTINCT (_batch, _row)) AS d FROM {name}")
    assert spans == []  # no transaction landed in two batches
    assert rows["n"] == rows["d"]
