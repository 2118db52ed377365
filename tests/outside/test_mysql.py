"""MySQL family: every type exactly, in one snapshot, refused in a sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from jutong.outside import Part, Since, Widened
from jutong.outside.mysql import MysqlSource
from jutong.outside.mysql import reading as mysql_reading
from jutong.terms import BadInput, Unavailable, content_hash


@pytest.fixture
def there(mariadb: dict[str, Any]) -> Iterator[Any]:
    connection = pymysql.connect(**mariadb, charset="utf8mb4", autocommit=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        yield cursor


def rows_of(source: MysqlSource, table: str, **how: Any) -> list[dict[str, Any]]:
    return [row for batch in source.read({"table": table}, **how).batches for row in batch.to_pylist()]


#: type → (what is written, what must arrive)
EXTREMES: dict[str, list[tuple[str, Any]]] = {
    "tinyint": [("-128", -128), ("127", 127)],
    "tinyint unsigned": [("255", 255)],
    "mediumint unsigned": [("16777215", 16777215)],
    "int unsigned": [("4294967295", 4294967295)],
    "bigint": [("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)],
    "bigint unsigned": [("18446744073709551615", "18446744073709551615"), ("0", "0")],
    "decimal(38,18)": [
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("-0.000000000000000001", "-0.000000000000000001"),
    ],
    "decimal(65,30)": [("-1" + "2" * 34 + "." + "3" * 30, "-1" + "2" * 34 + "." + "3" * 30)],
    "float": [("0.1", "0.10000000149011612"), ("3.40282e38", None)],
    "double": [
        ("1.7976931348623157e308", "1.7976931348623157e308"),
        ("0.1", "0.1"),
        ("-2.5e-300", "-2.5e-300"),
    ],
    "bit(1)": [("b'1'", "1")],
    "bit(64)": [("18446744073709551615", "1" * 64), ("1", "0" * 63 + "1")],
    "date": [("'9999-12-31'", dt.date(9999, 12, 31)), ("'1000-01-01'", dt.date(1000, 1, 1))],
    "datetime(6)": [("'9999-12-31 23:59:59.999999'", dt.datetime(9999, 12, 31, 23, 59, 59, 999999))],
    "timestamp(6) null": [("'2024-02-29 12:00:00.000001'", dt.datetime(2024, 2, 29, 12, 0, 0, 1))],
    "time(6)": [("'-838:59:59.999999'", "-838:59:59.999999")],
    "year": [("2155", 2155), ("1901", 1901)],
    "char(4)": [("'邵阳'", "邵阳"), ("''", "")],
    "varchar(255)": [("'a\\\\b\\n\\0\"\\''", "a\\b\n\0\"'"), ("REPEAT('长', 250)", "长" * 250)],
    "longtext": [("REPEAT('x', 70000)", "x" * 70000), ("'emoji 😀'", "emoji 😀")],
    "binary(3)": [("x'00FF'", "\\x00ff00")],
    "varbinary(10)": [("x'00FF'", "\\x00ff"), ("''", "\\x")],
    "mediumblob": [("REPEAT(x'DEAD', 40000)", "\\x" + "dead" * 40000)],
    "json": [('\'{"a": [1, 2.50, "中"]}\'', '{"a": [1, 2.50, "中"]}')],
    "enum('喜','忧')": [("'忧'", "忧")],
    "set('a','b','c')": [("'a,c'", "a,c")],
    "uuid": [("'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000")],
    "inet6": [("'2001:db8::ff00:42:8329'", "2001:db8::ff00:42:8329")],
    "point": [("POINT(1, 2)", "\\x000000000101000000000000000000f03f0000000000000040")],
}


def test_every_type_arrives_exactly_at_its_extremes(mariadb: dict[str, Any], there: Any) -> None:
    names = [f"c{place}" for place in range(len(EXTREMES))]
    there.execute("SET time_zone = '+08:00'")
    there.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, {', '.join(f'{n} {k}' for n, k in zip(names, EXTREMES, strict=True))})"
    )
    expected: dict[tuple[int, str], Any] = {}
    for row in range(2):
        given = [(n, v[row]) for n, v in zip(names, EXTREMES.values(), strict=True) if len(v) > row]
        there.execute(
            f"INSERT INTO t (id, {', '.join(n for n, _ in given)}) VALUES ({row}, {', '.join(v[0] for _, v in given)})"
        )
        expected |= {(row, n): v[1] for n, v in given}
    with MysqlSource(mariadb) as source:
        rows = rows_of(source, "t")
        told = {
            row["column_name"]: row["column_type"] for row in source._described()[(mariadb["database"], "t")]
        }
        wrong = {
            (told[name], number): (rows[number][name], wanted)
            for (number, name), wanted in expected.items()
            if rows[number][name] != wanted and wanted is not None
        }
        assert wrong == {}
        missing = [name for name in names if (1, name) not in expected]
        assert all(rows[1][name] is None for name in missing)
        reading = source.read({"table": "t"})
        types = [column.type for column in reading.columns]
        here = content_hash([tuple(row.values()) for row in rows], types)
        list(reading.batches)
        assert source.fingerprint({"table": "t"}) == here


def test_zero_dates_arrive_as_their_own_text(mariadb: dict[str, Any], there: Any) -> None:
    there.execute("CREATE TABLE t (id int PRIMARY KEY, d date, at datetime(3))")
    there.execute("INSERT INTO t VALUES (1, '2024-01-01', NULL), (2, '0000-00-00', '2024-00-15 00:00:00')")
    with MysqlSource(mariadb) as source:
        with pytest.raises(Widened) as raised:
            rows_of(source, "t")
        assert raised.value.item == "d"
        rows = rows_of(source, "t", text=frozenset({"d", "at"}))
    assert [tuple(row.values()) for row in rows] == [
        (1, "2024-01-01", None), (2, "0000-00-00", "2024-00-15 00:00:00.000"),
    ]  # fmt: skip


def test_many_rows_of_many_lengths_come_whole(
    mariadb: dict[str, Any], there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.execute("CREATE TABLE t (id int PRIMARY KEY, a longtext, b varchar(20))")
    there.execute(
        "INSERT INTO t SELECT seq, IF(seq % 7 = 0, NULL, REPEAT(CHAR(65 + seq % 26), (seq * 37) % 400)),"
        " CONCAT('第', seq, '号') FROM seq_1_to_60000"
    )
    there.execute("INSERT INTO t VALUES (0, REPEAT('y', 3000000), '')")
    with MysqlSource(mariadb) as source:
        rows = rows_of(source, "t")
        assert len(rows) == 60001
        for row in rows[1:]:
            number = row["id"]
            wanted = None if number % 7 == 0 else chr(65 + number % 26) * ((number * 37) % 400)
            assert (row["a"], row["b"]) == (wanted, f"第{number}号")
        assert len(rows[0]["a"]) == 3000000
        assert source.parts({"table": "t"}) == []
        monkeypatch.setattr(mysql_reading, "SMALL_BYTES", 1000)
        assert source.parts({"table": "t"}) == [Part(("id",))]
        halves = [Part(("id",), None, (30000,)), Part(("id",), (30000,), None)]
        assert [len(rows_of(source, "t", part=half)) for half in halves] == [30001, 30000]
        hashes = [source.fingerprint({"table": "t"}, half) for half in halves]
        assert hashes[0] + hashes[1] == source.fingerprint({"table": "t"})


def test_a_giant_field_is_refused_with_its_own_code(mariadb: dict[str, Any], there: Any) -> None:
    there.execute("SET GLOBAL max_allowed_packet = 64000000")
    there.execute("CREATE TABLE t (a longtext)")
    other = pymysql.connect(**mariadb, autocommit=True)
    with other, other.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (REPEAT('x', 17000000))")
    with MysqlSource(mariadb) as source, pytest.raises(BadInput) as raised:
        rows_of(source, "t")
    assert raised.value.code == "outside.mysql_giant"


def test_tables_of_one_source_belong_to_one_instant(mariadb: dict[str, Any], there: Any) -> None:
    there.execute("CREATE TABLE a (n int)")
    there.execute("CREATE TABLE b (n int)")
    there.execute("INSERT INTO a VALUES (1)")
    with MysqlSource(mariadb) as source:
        assert rows_of(source, "a") == [{"n": 1}]
        there.execute("INSERT INTO a VALUES (2)")
        there.execute("INSERT INTO b VALUES (2)")
        assert rows_of(source, "b") == []
        assert rows_of(source, "a") == [{"n": 1}]


def test_a_watermark_reads_the_boundary_again(mariadb: dict[str, Any], there: Any) -> None:
    there.execute("CREATE TABLE t (id int PRIMARY KEY, at datetime)")
    there.execute("INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-02'), (3, NULL), (4, '9999-12-31')")
    with MysqlSource(mariadb) as source:
        reading = source.read({"table": "t"}, since=Since("at", None, ("id",)))
        assert sum(batch.num_rows for batch in reading.batches) == 4
        assert reading.watermark == "2024-01-02 00:00:00"
        since = Since("at", "2024-01-02 00:00:00", ("id",))
        assert [row["id"] for row in rows_of(source, "t", since=since)] == [3, 2, 4]
        since = Since("at", "2024-01-02 00:00:00", ("id",), 86_400)
        assert [row["id"] for row in rows_of(source, "t", since=since)] == [3, 1, 2, 4]
        there.execute("CREATE TABLE u (j json)")
    with MysqlSource(mariadb) as source:
        for item, code in (("no", "watermark_missing"), ("j", "watermark_type")):
            with pytest.raises(BadInput) as raised:
                source.read({"table": "u"}, since=Since(item, None))
            assert raised.value.code == f"outside.{code}"


def test_a_source_that_is_not_there_or_vanishes_says_so_without_its_password(
    mariadb: dict[str, Any], there: Any
) -> None:
    with pytest.raises(Unavailable) as raised:
        MysqlSource({**mariadb, "port": 1}, "s3cret-word")
    assert raised.value.code == "outside.mysql_unreachable"
    assert "s3cret-word" not in str(raised.value)
    for wrong in ({"hots": "x"}, {"url": "mysql://u:s3cret@h/d"}, {"url": "http://h"}, {"port": "x"}):
        with pytest.raises(BadInput) as refused:
            MysqlSource(wrong)
        assert refused.value.code == "outside.mysql_config"
        assert "s3cret" not in str(refused.value)
    there.execute("CREATE TABLE t (id int PRIMARY KEY, t text)")
    there.execute("INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM seq_1_to_60000")
    there.execute("CREATE VIEW bad AS SELECT (SELECT id FROM t) AS q")
    with MysqlSource(mariadb) as source:
        with pytest.raises(BadInput) as missing:
            source.read({"table": "没有"})
        assert missing.value.code == "outside.table_missing"
        with pytest.raises(BadInput) as refused:
            rows_of(source, "bad")
        assert refused.value.code == "outside.mysql_refused"
        batches = source.read({"table": "t"}).batches
        next(batches)
        there.execute("SELECT id FROM information_schema.PROCESSLIST WHERE id <> CONNECTION_ID()")
        for (number,) in there.fetchall():
            there.execute(f"KILL {number}")
        with pytest.raises(Unavailable) as gone:
            list(batches)
    assert gone.value.code == "outside.source_vanished"
