"""The binary log of the MySQL family: every value as a reading gives it; what cannot be followed is named."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pymysql
import pytest
from tests.outside.test_mysql import EXTREMES

from jutong.outside import Change
from jutong.outside.mysql import MysqlCapture, MysqlSource
from jutong.outside.mysql.binlog import statement_of
from jutong.outside.mysql.logged import members_of, real_text

#: What the extremes of reading leave out: forms that only the log makes difficult.
AND_MORE: dict[str, list[tuple[str, Any]]] = {
    "decimal(5,0)": [("-12345", None), ("0", None)], "decimal(1,1)": [("-0.1", None), ("0.0", None)],
    "decimal(9,9)": [("0.123456789", None)], "time": [("'-00:00:01'", None), ("'838:59:59'", None)],
    "time(2)": [("'-00:00:00.01'", None), ("'23:59:59.99'", None)], "time(1)": [("'-01:00:00.9'", None)],
    "datetime(1)": [("'2020-01-01 00:00:00.5'", None), ("'0000-00-00'", None)],
    "datetime(3)": [("'2024-00-15 00:00:00'", None)], "datetime": [("'0000-00-00 00:00:00'", None)],
    "date null": [("'0000-00-00'", None), ("'2024-02-31'", None)],
    "timestamp null": [("'0000-00-00'", None), ("'1970-01-01 08:00:01'", None)],
    "timestamp(4) null": [("'2038-01-19 11:14:07.9999'", None)], "inet4": [("'255.0.0.1'", None), ("'0.0.0.0'", None)],
    "inet6 null": [("'::ffff:1.2.3.4'", None), ("'::'", None)], "inet6 default '::1'": [("'::1.2.3.4'", None), ("'1::'", None)],
    "inet6 default '::2'": [("'1:0:0:2::3'", None), ("'2001:db8:0:1:1:1:1:1'", None)],
    "inet6 default '::3'": [("'::1:2'", None), ("'::ffff:0:0'", None)],
    "uuid null": [("'00000000-0000-0000-0000-000000000000'", None), ("'01234567-89ab-7def-8123-456789abcdef'", None)],
    "uuid default '123e4567-e89b-12d3-a456-426655440001'": [("'6ba7b810-9dad-11d1-80b4-00c04fd430c8'", None)],
    "enum('a','it''s','换\n行','b\\\\c')": [("2", None), ("'换\n行'", None)], "enum('x','B\\\\c')": [("2", None), ("''", None)],
    "set('甲','乙','丙')": [("'丙,甲'", None), ("''", None)], "char(200) charset latin1": [("'é€'", None), ("x'818d'", None)],
    "varchar(20) charset gbk": [("'邵阳市—·'", None)], "varchar(300) charset ascii": [("'q'", None)],
    "char(255)": [("'长长  '", None)], "binary(255)": [("x'20'", None)], "bit(7)": [("5", None)], "bit(8)": [("255", None)],
    "double(10,3)": [("-1.0005", None), ("0", None)], "float(7,2)": [("1.005", None)], "double null": [("1e15", None), ("0", None)],
    "year null": [("0", None)], "smallint": [("-32768", None)], "mediumint": [("-8388608", None)],
    "linestring": [("ST_GeomFromText('LINESTRING(0 0,1 1)')", None)], "varbinary(500)": [("x'ff'", None)],
}  # fmt: skip


@pytest.fixture
def there(mariadb: dict[str, Any]) -> Iterator[Any]:
    connection = pymysql.connect(**mariadb, charset="utf8mb4", autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+08:00'")
        yield cursor


@pytest.fixture
def capture(mariadb: dict[str, Any]) -> Iterator[MysqlCapture]:
    with MysqlCapture(mariadb) as opened:
        yield opened


def told(capture: MysqlCapture, since: int, *names: tuple[str, str]) -> list[Change]:
    upto, unread = capture.bounds(since, 0, names)
    assert unread == {}
    return [change for one in capture.peek("", since, upto, 10**9) for change in one.changes]


def test_every_type_arrives_from_the_log_as_a_reading_gives_it(
    mariadb: dict[str, Any], there: Any, capture: MysqlCapture
) -> None:
    kinds = {**EXTREMES, **AND_MORE}
    names = [f"c{place}" for place in range(len(kinds))]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
    there.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    since = capture.make_slot("")
    for row in range(2):
        given = [(name, v[row][0]) for name, v in zip(names, kinds.values(), strict=True) if len(v) > row]
        listed, values = (", ".join(each) for each in zip(*given, strict=True))
        there.execute(f"INSERT INTO t (id, {listed}) VALUES ({row}, {values})")
    found = {
        one.values[0]: dict(zip(one.relation.columns, one.values, strict=True))
        for one in told(capture, since, (mariadb["database"], "t"))
    }
    with MysqlSource(mariadb) as source:
        typed = [item.name for item in source.read({"table": "t"}).columns if item.type != "text"]
        batches = source.read({"table": "t"}, text=frozenset(typed)).batches
        rows = [row for batch in batches for row in batch.to_pylist()]
    shown = {"id": "id", **dict(zip(names, kinds, strict=True))}
    wrong = [
        (shown[name], value, found[row["id"]][name])
        for row in rows for name, value in row.items() if found[row["id"]][name] != value
    ]  # fmt: skip
    assert (wrong, len(rows)) == ([], 2)


def test_real_numbers_are_written_as_the_server_writes_them(
    mariadb: dict[str, Any], there: Any, capture: MysqlCapture
) -> None:
    chance = random.Random(20261123)
    values = [4192836477449043.5, 1e15, 123456789012345.0, 1e-15, 1e-16, 1.5e300]
    while len(values) < 2000:
        [value] = struct.unpack("<d", chance.randbytes(8))
        near = round(chance.random() * 10 ** chance.randint(12, 22), chance.randint(-20, 3))
        values += [near, -near, value] if value == value and abs(value) < 1e308 else [near]
    there.execute("CREATE TABLE t (id int PRIMARY KEY, a double, b float)")
    single = [value if abs(value) < 1e38 else 1.0 for value in values]
    rows = ", ".join(f"({n}, {a!r}, {b!r})" for n, (a, b) in enumerate(zip(values, single, strict=True)))
    since = capture.make_slot("")
    there.execute(f"INSERT INTO t VALUES {rows}")
    found = {one.values[0]: one.values[1:] for one in told(capture, since, (mariadb["database"], "t"))}
    with MysqlSource(mariadb) as source:
        wanted = {
            str(row["id"]): (row["a"], row["b"])
            for batch in source.read({"table": "t"}).batches
            for row in batch.to_pylist()
        }
    assert found == wanted
    assert real_text(-0.0) == "-0"


def test_a_changed_key_is_a_delete_and_an_insert_and_another_table_is_not_told(
    mariadb: dict[str, Any], there: Any, capture: MysqlCapture
) -> None:
    there.execute("CREATE TABLE t (id int, kind char(3), n int, PRIMARY KEY (id, kind))")
    there.execute("CREATE TABLE other (id int PRIMARY KEY)")
    since = capture.make_slot("")
    there.execute("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', NULL)")
    there.execute("INSERT INTO other VALUES (1)")
    there.execute("UPDATE t SET n = 5 WHERE id = 1")
    there.execute("UPDATE t SET kind = 'c' WHERE id = 2")
    there.execute("DELETE FROM t WHERE id = 1")
    there.execute("TRUNCATE TABLE t")
    changes = [(one.op, one.values) for one in told(capture, since, (mariadb["database"], "t"))]
    assert changes == [
        ("i", ("1", "a", "1")), ("i", ("2", "b", None)), ("u", ("1", "a", "5")), ("d", ("2", "b", None)),
        ("i", ("2", "c", None)), ("d", ("1", "a", "5")), ("t", (None, None, None)),
    ]  # fmt: skip


def test_what_the_log_does_not_tell_in_full_is_named(
    mariadb: dict[str, Any], there: Any, capture: MysqlCapture
) -> None:
    name = (mariadb["database"], "t")
    there.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b int)")
    there.execute("CREATE TABLE quiet (id int PRIMARY KEY)")

    def why(*statements: str) -> str:
        since = capture.make_slot("")
        for statement in statements:
            there.execute(statement)
        _, unread = capture.bounds(since, 0, [name, (mariadb["database"], "quiet")])
        return unread.get(name, "")

    assert why("INSERT INTO t VALUES (1, 1, 1)", "ANALYZE TABLE t", "CREATE VIEW v AS SELECT * FROM t") == ""
    assert "ALTER TABLE" in why("ALTER TABLE t ADD COLUMN c int")
    assert "ALTER TABLE" in why("/* quiet */ ALTER /* x */ TABLE `t` DROP COLUMN c")
    assert "RENAME TABLE" in why("RENAME TABLE t TO u", "RENAME TABLE u TO t")
    assert "CREATE INDEX" in why("CREATE INDEX i ON t (a)")
    partial = (
        "SET SESSION binlog_row_image = 'MINIMAL'",
        "UPDATE t SET a = 2",
        "SET SESSION binlog_row_image = 'FULL'",
    )
    assert "binlog_row_image" in why(*partial)
    spoken = (
        "SET SESSION binlog_format = 'STATEMENT'",
        "UPDATE t SET a = 3",
        "SET SESSION binlog_format = 'ROW'",
    )
    assert "语句" in why(*spoken)
    two = ("XA START 'x'", "UPDATE t SET a = 4", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'")
    assert "XA" in why(*two)
    assert why("DELETE FROM t") == ""


def test_a_place_that_no_longer_means_the_same_is_lost(
    mariadb: dict[str, Any], there: Any, capture: MysqlCapture
) -> None:
    there.execute("CREATE TABLE t (id int PRIMARY KEY)")
    place = capture.make_slot("")
    mark = capture.mark(place)
    there.execute("INSERT INTO t VALUES (1)")

    def why(place: int, mark: str) -> str:
        with MysqlCapture(mariadb) as again:
            slot = again.slot("", place, mark)
        assert slot is not None
        assert slot.lost == bool(slot.why)
        return slot.why

    assert why(place, mark) == ""
    assert "无从证明" in why(place, "")
    assert "换了服务器" in why(place, mark.replace('"7/', '"8/'))
    assert "比我们读到的地方短" in why(place + (1 << 30), mark)
    there.execute("FLUSH BINARY LOGS")
    there.execute("SHOW MASTER STATUS")
    newest = there.fetchone()[0]
    for _ in range(600):  # a file is kept while the server still sends it to somebody
        there.execute(f"PURGE BINARY LOGS TO '{newest}'")
        if why(place, mark):
            break
        time.sleep(0.05)
    assert "已清除" in why(place, mark)
    place = capture.make_slot("")
    mark = capture.mark(place)
    there.execute("RESET MASTER")
    for number in range(2, (place >> 32) + 1):
        assert number
        there.execute("FLUSH BINARY LOGS")
    there.execute("INSERT INTO t SELECT seq FROM seq_2_to_900")
    assert "重新开始过" in why(place, mark)


def test_what_the_source_lacks_for_it_is_told(
    mariadb: dict[str, Any], there: Any, capture: MysqlCapture
) -> None:
    there.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    made = {
        "nokey": "(id int)", "old": "(id int PRIMARY KEY) ENGINE = MyISAM",
        "computed": "(id int PRIMARY KEY, twice int AS (id * 2) STORED)",
        "child": "(id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)",
        "padded": "(id int PRIMARY KEY, n bigint ZEROFILL)", "far": "(id int PRIMARY KEY, a text CHARSET big5)",
        "kept": "(id int PRIMARY KEY) WITH SYSTEM VERSIONING", "good": "(id int PRIMARY KEY)",
    }  # fmt: skip
    for name, columns in made.items():
        there.execute(f"CREATE TABLE {name} {columns}")
    there.execute("CREATE VIEW seen AS SELECT * FROM good")
    sentences = capture.missing([(mariadb["database"], name) for name in (*made, "seen", "absent")])
    for words in (
        "nokey 没有主键", "old 的引擎是 MyISAM", "computed 有计算列", "child 的外键有级联动作", "列 n：ZEROFILL", "列 a：字符集 big5",
        "kept 不是普通的表", "seen 不是普通的表", "没有表",
    ):  # fmt: skip
        assert any(words in sentence for sentence in sentences), words
    assert not any(".good" in sentence for sentence in sentences)
    assert capture.missing([(mariadb["database"], "good")]) == []
    with suppress(pymysql.Error):
        there.execute("DROP USER reader")
    there.execute("CREATE USER reader IDENTIFIED BY 'pw'")
    there.execute("GRANT SELECT ON *.* TO reader")
    there.execute("SET GLOBAL binlog_row_image = 'MINIMAL'")
    try:
        with MysqlCapture({**mariadb, "user": "reader"}, "pw") as other:
            lacks = other.missing([(mariadb["database"], "good")])
    finally:
        there.execute("SET GLOBAL binlog_row_image = 'FULL'")
        there.execute("DROP USER reader")
    assert ["binlog_row_image 须为 FULL" in lacks[0], "REPLICATION SLAVE" in lacks[1]] == [True, True]


def test_members_and_statements_are_taken_apart() -> None:
    assert members_of("enum('a','it''s','b,c','d\\\\e','')") == ["a", "it's", "b,c", "d\\e", ""]
    body = bytes(8) + b"\2" + bytes(4) + b"db\0" + b"ALTER  /* x */ TABLE t -- y\n ADD c int"
    assert statement_of(body) == ("db", "ALTER TABLE t ADD c int")
