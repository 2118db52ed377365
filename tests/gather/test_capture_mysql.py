"""Change capture from a real MariaDB: deletes arrive, kills lose and double nothing, a lost log is noticed."""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from tests.gather.foreign_city import City
from tests.mariadb import MariaDb, started
from tests.outside.test_mysql import EXTREMES
from tests.proxy import Proxy, Way

import jutong.gather.capturing as capturing
import jutong.gather.taking as taking
from jutong.gather import find_source, find_tables, probe_source, release, verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A server that writes its log in rows, and keeps what it has said when it is killed."""
    log = ("--log-bin=bin", "--server-id=7", "--binlog-format=ROW", "--sync-binlog=1")
    with started(tmp_path_factory.mktemp("logging"), *log) as running:
        yield running


@pytest.fixture
def config(server: MariaDb) -> Iterator[dict[str, Any]]:
    with server.database() as made:
        yield made


class Firms:
    """A captured table of a thousand firms, and a pen in the source's database."""

    def __init__(self, city: City, server: MariaDb, config: dict[str, Any]) -> None:
        self.city, self._server, self.config = city, server, config
        self.run(
            "CREATE TABLE firm (id int PRIMARY KEY, name varchar(40), capital decimal(20,4), at datetime(3))"
        )
        self.run(
            "INSERT INTO firm SELECT seq, CONCAT('企业', seq), seq * 1.5, '2026-01-01' FROM seq_1_to_1000"
        )
        self.declare("firm")

    def declare(self, *names: str, **more: Any) -> None:
        tables = [{"name": n, "locator": {"table": n}, "mode": "capture", "keys": ("id",)} for n in names]
        self.city.declare("mysql", {**self.config, **more}, *tables)

    def run(self, *statements: str) -> None:
        """All in one transaction."""
        with self._server.connect(database=self.config["database"]) as pen, pen.cursor() as cursor:
            cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
            cursor.execute("BEGIN")
            for statement in statements:
                cursor.execute(statement)
            cursor.execute("COMMIT")

    def writes(self, chance: random.Random) -> None:
        keys = [chance.randrange(1, 400) for _ in range(chance.randrange(1, 30))]
        self.run(*(self._write(chance.randrange(4), key) for key in keys))

    def _write(self, what: int, key: int) -> str:
        name = secrets.token_hex(3)
        return (
            f"DELETE FROM firm WHERE id = {key}",
            f"UPDATE firm SET name = '{name}' WHERE id = {key}",
            f"UPDATE IGNORE firm SET id = id + 100000 WHERE id = {key}",
            f"INSERT INTO firm VALUES ({key}, '{name}', 1, NULL) ON DUPLICATE KEY UPDATE name = VALUES(name)",
        )[what]

    def same(self, table: str = "firm") -> bool:
        with self.city.database.connection() as connection:
            [found] = find_tables(connection, names=[self.city.name(table)])
        return verify(found, database=self.city.database, store=self.city.store).same

    def nothing_doubled(self) -> None:
        with self.city.store.reading() as view:
            name = view.table("raw." + self.city.name("firm") + "_change")
            spans = view.rows(f"SELECT _lsn FROM {name} GROUP BY 1 HAVING count(DISTINCT _batch) > 1")
            [rows] = view.rows(f"SELECT count(*) AS n, count(DISTINCT (_batch, _row)) AS d FROM {name}")
        assert spans == []  # no transaction landed in two batches
        assert rows["n"] == rows["d"]


@pytest.fixture
def firms(city: City, server: MariaDb, config: dict[str, Any]) -> Firms:
    return Firms(city, server, config)


def _told(batch: Any) -> str:
    return " ".join(str(notice["sentence"]) for notice in batch.notices)


def test_inserts_updates_and_deletes_arrive_on_top_of_a_whole_snapshot(city: City, firms: Firms) -> None:
    batch = city.take()["firm"]
    assert (batch.mode, batch.given, batch.state) == ("full", 1000, "received")
    assert firms.same()
    assert city.take()["firm"].given == 0
    firms.run(
        "DELETE FROM firm WHERE id <= 10",
        "UPDATE firm SET name = '改了' WHERE id BETWEEN 11 AND 15",
        "INSERT INTO firm VALUES (2000, '新的', 0.0001, NULL), (2001, '', NULL, '2026-02-02')",
        "DELETE FROM firm WHERE id = 2001",
        "UPDATE firm SET id = 3000 WHERE id = 16",
    )
    batch = city.take()["firm"]
    assert (batch.mode, batch.given) == ("capture", 7)
    assert "删除 12 次" in _told(batch)
    assert firms.same()
    firms.run("TRUNCATE firm")
    firms.run("INSERT INTO firm VALUES (1, '又来', 1, NULL)")
    city.take()
    assert firms.same()
    with city.database.connection() as connection:
        source, tables = find_source(connection, city.source), find_tables(connection, city.source)
    probed = probe_source(source, tables)
    assert (probed.ok, probed.lacks, probed.log_kept) == (True, (), None)
    assert release(source, city.database, None)


def test_every_type_arrives_as_a_whole_reading_gives_it(city: City, firms: Firms) -> None:
    names = [f"c{place}" for place in range(len(EXTREMES))]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, EXTREMES, strict=True))
    firms.run(f"CREATE TABLE kinds (id int PRIMARY KEY, {columns}, zero datetime(3))")
    row = ", ".join(values[0][0] for values in EXTREMES.values())
    firms.run(f"INSERT INTO kinds VALUES (1, {row}, NULL)")
    firms.declare("kinds")
    city.take()
    firms.run(f"INSERT INTO kinds VALUES (2, {row}, NULL), (3{', NULL' * len(names)}, '2024-00-15')")
    assert city.take()["kinds"].given == 2
    whole, captured, empty = city.rows("kinds", "* EXCLUDE (_batch, _row)", "id")
    assert captured[1:-1] == whole[1:-1]
    assert set(empty[1:-1]) == {None}
    assert empty[-1] == "2024-00-15 00:00:00.000"
    assert firms.same("kinds")


def test_an_altered_table_is_taken_whole_again_and_a_lost_column_holds_it(city: City, firms: Firms) -> None:
    city.take()
    firms.run("DELETE FROM firm WHERE id = 1")
    firms.run("ALTER TABLE firm ADD COLUMN city varchar(9) AFTER id")
    firms.run("INSERT INTO firm VALUES (7000, '邵阳', '新列', 1, NULL)")
    batch = city.take()["firm"]
    assert (batch.mode, batch.given) == ("full", 1000)
    assert "ALTER TABLE" in _told(batch)
    assert firms.same()
    firms.run("UPDATE firm SET city = '武冈' WHERE id = 2")
    assert city.take()["firm"].given == 1
    assert firms.same()
    firms.run("ALTER TABLE firm DROP COLUMN capital")
    held = city.take()["firm"]
    assert (held.state, (held.problem or {})["code"]) == ("failed", "gather.columns_changed")


def test_a_log_that_was_purged_or_begun_anew_is_noticed_and_all_is_taken_again(
    city: City, firms: Firms, server: MariaDb
) -> None:
    city.take()
    firms.run("DELETE FROM firm WHERE id = 1")
    firms.run("RESET MASTER")
    firms.run("DELETE FROM firm WHERE id = 2")
    batch = city.take()["firm"]
    assert (batch.mode, batch.given) == ("full", 998)
    assert "各表重新取一遍全量" in _told(batch)
    assert firms.same()
    firms.run("DELETE FROM firm WHERE id = 3")
    assert city.take()["firm"].mode == "capture"
    firms.run("SET GLOBAL server_id = 9")
    firms.run("DELETE FROM firm WHERE id = 4")
    try:
        batch = city.take()["firm"]
    finally:
        firms.run("SET GLOBAL server_id = 7")
    assert "换了服务器" in _told(batch)
    assert firms.same()
    firms.run("SET GLOBAL binlog_row_image = 'MINIMAL'")
    try:
        held = city.take()["firm"]
    finally:
        firms.run("SET GLOBAL binlog_row_image = 'FULL'")
    assert (held.state, (held.problem or {})["code"]) == ("failed", "gather.capture_not_ready")


def test_a_transaction_that_is_open_while_the_snapshot_is_taken_is_not_lost(
    city: City, firms: Firms, server: MariaDb
) -> None:
    with server.connect(database=firms.config["database"]) as late, late.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO firm VALUES (5000, '晚提交', 1, NULL)")
        city.take()
        firms.run("INSERT INTO firm VALUES (5001, '早提交', 1, NULL)")
        assert city.take()["firm"].given == 1
        cursor.execute("ROLLBACK")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO firm VALUES (5002, '晚提交', 1, NULL)")
        firms.run("DELETE FROM firm WHERE id = 1")
        assert city.take()["firm"].given == 0
        cursor.execute("COMMIT")
    assert city.take()["firm"].given == 1
    assert firms.same()


def test_small_chunks_random_writes_and_new_files_end_equal(
    city: City, firms: Firms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capturing, "CHUNK_CHANGES", 40)
    chance = random.Random(5)
    for _ in range(3):
        for _ in range(10):
            firms.writes(chance)
        firms.run("FLUSH BINARY LOGS")
        firms.writes(chance)
        city.take()
        assert firms.same()
    firms.nothing_doubled()


def test_a_source_that_crashed_loses_and_doubles_nothing(city: City, firms: Firms, server: MariaDb) -> None:
    city.take()
    for number in range(3):
        firms.writes(random.Random(number))
        if number != 1:
            city.take()
        server.stop(hard=True)
        assert city.take()["firm"].state == "failed"
        server.start()
        firms.writes(random.Random(number + 100))
        city.take()
        assert firms.same()
    firms.nothing_doubled()


def test_a_network_that_cuts_loses_no_change(
    city: City, firms: Firms, server: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "RETRY_PAUSES", (0.05, 0.05))
    monkeypatch.setattr(capturing, "CHUNK_CHANGES", 100)
    chance = random.Random(11)
    with Proxy(lambda: socket.create_connection(("127.0.0.1", server.port), 5)) as proxy:
        firms.declare("firm", port=proxy.port)
        ways: tuple[Way, ...] = ("close", "reset", "half")
        for number in range(9):
            for _ in range(20):
                firms.writes(chance)
            for _ in range(chance.randrange(1, 9)):
                proxy.cut(chance.randrange(100, 30_000), ways[number % 3])
            assert city.take()["firm"].state in ("received", "failed")
            proxy.heal()
            assert city.take()["firm"].state == "received"
            assert firms.same()
        assert proxy.count > 10
    firms.nothing_doubled()
