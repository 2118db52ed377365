"""PostgreSQL: read exactly, in one snapshot; written by COPY inside the caller's transaction."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import jutong.outside.postgres.reading as reading_module
from jutong.database import EmbeddedPostgres
from jutong.outside import (
    Since,
    Widened,
    connect_postgres,
    content_hash,
    copy_rows,
    create_table_sql,
    merge_sql,
)
from jutong.outside.postgres import PostgresSource
from jutong.terms import EMPTY_CONTENT, BadInput, Item, Unavailable
from jutong.terms import content_hash as reference_hash

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def url(cluster: EmbeddedPostgres) -> Iterator[str]:
    name = f"out{secrets.token_hex(5)}"
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield cluster.url(name)
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def there(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def rows_of(source: PostgresSource, table: str, since: Since | None = None) -> list[dict[str, Any]]:
    reading = source.read({"table": table}, since=since)
    return [row for batch in reading.batches for row in batch.to_pylist()]


def test_numbers_never_pass_through_a_float_and_unknown_types_are_the_servers_text(
    url: str, there: Connection
) -> None:
    there.execute("CREATE DOMAIN code AS varchar(20)")
    there.execute("CREATE TYPE mood AS ENUM ('喜', '忧')")
    there.execute(
        "CREATE TABLE t (id int, n numeric(18,2), m numeric, f float8, z timestamptz, u uuid, j jsonb, a int[],"
        " b bytea, e mood, d code, c char(4), ok boolean, day date, at timestamp, small int2)"
    )
    there.execute(
        "INSERT INTO t VALUES (1, 12.30, 123456789012345678901234567890.1234500, 0.1,"
        " '2024-02-29 04:00:00+00', 'c232ab00-9414-11ec-b3c8-9e6bdeced846', '{\"a\": 1}', '{1,2}', '\\x00ff',"
        " '忧', '007', 'ab', true, '2024-02-29', '1988-07-01 12:00:00.000001', 7)"
    )
    there.execute("INSERT INTO t (id, n, m, f) VALUES (2, 'NaN', 'Infinity', 'NaN')")
    with PostgresSource({"url": url}) as source:
        first, second = rows_of(source, "t")
        types = {column.name: column.type for column in source.read({"table": "t"}).columns}
    assert first == {
        "id": 1, "n": "12.30", "m": "123456789012345678901234567890.1234500", "f": "0.1",
        "z": "2024-02-29 12:00:00+08", "u": "c232ab00-9414-11ec-b3c8-9e6bdeced846", "j": '{"a": 1}',
        "a": "{1,2}", "b": "\\x00ff", "e": "忧", "d": "007", "c": "ab", "ok": True,
        "day": dt.date(2024, 2, 29), "at": dt.datetime(1988, 7, 1, 12, 0, 0, 1), "small": 7,
    }  # fmt: skip
    assert (second["n"], second["m"], second["f"]) == ("NaN", "Infinity", "NaN")
    assert types == {
        **dict.fromkeys("nmfzujabedc", "text"), "id": "integer", "small": "integer", "ok": "boolean",
        "day": "date", "at": "timestamp",
    }  # fmt: skip


def test_all_tables_of_a_source_belong_to_one_instant(url: str, there: Connection) -> None:
    there.execute("CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (1)")
    with PostgresSource({"url": url}) as source:
        assert rows_of(source, "a") == [{"n": 1}]
        there.execute("INSERT INTO a VALUES (2); INSERT INTO b VALUES (2)")
        assert rows_of(source, "b") == []
        assert rows_of(source, "a") == [{"n": 1}]


def test_a_watermark_reads_the_boundary_again_and_never_runs_ahead_of_the_clock(
    url: str, there: Connection
) -> None:
    there.execute("CREATE TABLE t (id int, at timestamp)")
    there.execute("INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-02'), (3, NULL), (4, '9999-12-31')")
    with PostgresSource({"url": url}) as source:
        reading = source.read({"table": "t"}, since=Since("at", None, ("id",)))
        assert len([row for batch in reading.batches for row in batch.to_pylist()]) == 4
        assert reading.watermark
        assert reading.watermark < "9999"
        reading = source.read({"table": "t"}, since=Since("at", "2024-01-02 00:00:00", ("id",)))
        assert [row["id"] for batch in reading.batches for row in batch.to_pylist()] == [2, 4, 3]
        assert reading.since == "2024-01-02 00:00:00"
        reading = source.read({"table": "t"}, since=Since("at", "2024-01-02 00:00:00", ("id",), 86_400))
        assert [row["id"] for batch in reading.batches for row in batch.to_pylist()] == [1, 2, 4, 3]
        for item, code in (("no", "watermark_missing"), ("n", "watermark_type")):
            there.execute("CREATE TABLE IF NOT EXISTS u (n numeric)")
            with pytest.raises(BadInput) as raised, PostgresSource({"url": url}) as another:
                another.read({"table": "u"}, since=Since(item, None))
            assert raised.value.code == f"outside.{code}"


def test_an_infinite_date_asks_to_be_read_as_text_and_then_arrives(url: str, there: Connection) -> None:
    there.execute("CREATE TABLE t (d date, at timestamp)")
    there.execute(
        "INSERT INTO t VALUES ('infinity', '-infinity'), ('0044-03-15 BC', '294276-12-31 23:59:59')"
    )
    with PostgresSource({"url": url}) as source:
        with pytest.raises(Widened) as raised:
            rows_of(source, "t")
        assert raised.value.item == "d"
        reading = source.read({"table": "t"}, text=frozenset({"d", "at"}))
        assert [tuple(row.values()) for batch in reading.batches for row in batch.to_pylist()] == [
            ("infinity", "-infinity"), ("0044-03-15 BC", "294276-12-31 23:59:59"),
        ]  # fmt: skip


#: type → what is written and must arrive, in PostgreSQL's own text where no item type holds it
EXTREMES: dict[str, list[tuple[str, Any]]] = {
    "numeric(38,18)": [("-99999999999999999999.999999999999999999", None)],
    "numeric": [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e-16383", None)],
    "money": [("-92233720368547758.08", "-$92,233,720,368,547,758.08")],
    "int8": [("-9223372036854775808", -(2**63)), ("9223372036854775807", 2**63 - 1)],
    "float4": [("0.1", "0.1"), ("3.4028235e+38", "3.4028235e+38"), ("NaN", "NaN")],
    "float8": [
        ("1.7976931348623157e+308", "1.7976931348623157e+308"),
        ("-Infinity", "-Infinity"),
        ("5e-324", "5e-324"),
    ],
    "date": [("9999-12-31", dt.date(9999, 12, 31)), ("0001-01-01", dt.date(1, 1, 1))],
    "timestamp": [("9999-12-31 23:59:59.999999", dt.datetime(9999, 12, 31, 23, 59, 59, 999999))],
    "timestamptz": [("infinity", "infinity"), ("1988-04-17 02:30:00+08", "1988-04-17 03:30:00+09")],
    "time": [("24:00:00", "24:00:00")],
    "timetz": [("23:59:59.999999-15:59", "23:59:59.999999-15:59")],
    "interval": [("-178000000 years", "-178000000 years")],
    "bool": [("true", True)],
    "bit(5)": [("10101", "10101")],
    "varbit": [("0000", "0000")],
    "bytea": [("\\x00ff", "\\x00ff"), ("", "\\x")],
    "json": [('{"b": 1,  "a": 2.50}', '{"b": 1,  "a": 2.50}')],
    "jsonb": [('{"b": 1,  "a": 2.50}', '{"a": 2.50, "b": 1}')],
    "int[]": [("{{1,NULL},{3,4}}", "{{1,NULL},{3,4}}")],
    "text[]": [('{"a,b","\\"",NULL}', '{"a,b","\\"",NULL}')],
    "uuid": [("c232ab00-9414-11ec-b3c8-9e6bdeced846", "c232ab00-9414-11ec-b3c8-9e6bdeced846")],
    "inet": [("2001:db8::1/64", "2001:db8::1/64")],
    "macaddr": [("08:00:2b:01:02:03", "08:00:2b:01:02:03")],
    "int4range": [("[1,5)", "[1,5)"), ("empty", "empty")],
    "tsvector": [("'a':1", "'a':1")],
    "point": [("(1.5,-2)", "(1.5,-2)")],
    "char(4)": [("ab", "ab")],
    '"char"': [("x", "x")],
    "name": [("n", "n")],
    "oid": [("4294967295", "4294967295")],
    "mood": [("忧", "忧")],
    "pair": [('(1,"a,b")', '(1,"a,b")')],
}


def test_every_type_arrives_exactly_at_its_extremes(url: str, there: Connection) -> None:
    there.execute("CREATE TYPE mood AS ENUM ('喜', '忧'); CREATE TYPE pair AS (n int, t text)")
    names = [f"c{place}" for place in range(len(EXTREMES))]
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(names, EXTREMES, strict=True))
    there.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns})".encode())
    expected: dict[tuple[int, str], Any] = {}
    for row in range(3):
        given = [(n, v[row]) for n, v in zip(names, EXTREMES.values(), strict=True) if len(v) > row]
        there.execute(
            f"INSERT INTO t (id, {', '.join(n for n, _ in given)}) VALUES ({row}, {', '.join(['%s'] * len(given))})".encode(),
            [value[0] for _, value in given],
        )
        expected |= {(row, n): v[1] if v[1] is not None else there.execute(
            f"SELECT {n}::text FROM t WHERE id = {row}".encode()).fetchone()[0] for n, v in given}  # type: ignore[index]  # fmt: skip
    with PostgresSource({"url": url}) as source:
        reading = source.read({"table": "t"})
        rows = [row for batch in reading.batches for row in batch.to_pylist()]
        kinds = dict(zip(names, EXTREMES, strict=True))
        wrong = {
            (kinds[name], number): (rows[number][name], wanted)
            for (number, name), wanted in expected.items()
            if rows[number][name] != wanted
        }
        assert wrong == {}
        here = reference_hash([tuple(row.values()) for row in rows], [c.type for c in reading.columns])
        assert source.fingerprint({"table": "t"}) == here


def test_a_table_is_read_in_parts_of_its_blocks_within_one_instant(
    url: str, there: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "_PART_BYTES", 64 << 10)
    monkeypatch.setattr(reading_module, "_SMALL_BYTES", 64 << 10)
    there.execute("CREATE TABLE t AS SELECT g AS id, 'n' || g AS t FROM generate_series(1, 9000) g")
    there.execute("CREATE VIEW v AS SELECT * FROM t")
    with PostgresSource({"url": url}) as source:
        parts = source.parts({"table": "t"})
        there.execute("INSERT INTO t VALUES (0, '')")
        assert len(parts) > 3
        read = [[row["id"] for batch in source.read({"table": "t"}, part=part).batches for row in batch.to_pylist()]
                for part in parts]  # fmt: skip
        assert [number for each in read for number in each] == list(range(1, 9001))
        whole = source.fingerprint({"table": "t"})
        assert sum((source.fingerprint({"table": "t"}, part) for part in parts), EMPTY_CONTENT) == whole
        assert source.parts({"table": "v"}) == []


def test_a_source_that_is_not_there_says_so_without_its_password(url: str) -> None:
    with pytest.raises(Unavailable) as raised:
        PostgresSource({"host": "/nowhere", "user": "u", "dbname": "d"}, "s3cret-word")
    assert raised.value.code == "outside.postgres_unreachable"
    assert "s3cret-word" not in str(raised.value)
    with pytest.raises(BadInput) as refused:
        PostgresSource({"hots": "x"})
    assert refused.value.code == "outside.postgres_config"
    with PostgresSource({"url": url}) as source, pytest.raises(BadInput) as missing:
        source.read({"table": "没有"})
    assert missing.value.code == "outside.table_missing"


def test_a_table_that_fails_or_is_left_half_read_stops_no_other(url: str, there: Connection) -> None:
    there.execute("CREATE TABLE good AS SELECT g AS id FROM generate_series(1, 100000) g")
    there.execute("CREATE VIEW bad AS SELECT 1 / (id - 3) AS q FROM good")
    with PostgresSource({"url": url}) as source:
        there.execute("INSERT INTO good VALUES (0)")
        with pytest.raises(BadInput) as raised:
            rows_of(source, "bad")
        assert raised.value.code == "outside.postgres_refused"
        assert "division by zero" in raised.value.sentence
        left = source.read({"table": "good"}).batches
        next(left)
        left.close()  # type: ignore[attr-defined]
        assert len(rows_of(source, "good")) in (100000, 100001)
        with pytest.raises(BadInput):
            rows_of(source, "bad")
        seen = len(rows_of(source, "good"))
        there.execute("INSERT INTO good VALUES (-1)")
        assert len(rows_of(source, "good")) == seen  # still the same instant


def test_a_source_that_vanishes_in_mid_read_says_so(url: str, there: Connection) -> None:
    there.execute(
        "CREATE TABLE t AS SELECT g AS id, repeat('x', 2000) AS t FROM generate_series(1, 100000) g"
    )
    with PostgresSource({"url": url}) as source:
        batches = source.read({"table": "t"}).batches
        next(batches)
        there.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jutong'"
            " AND datname = current_database()"
        )
        with pytest.raises(Unavailable) as raised:
            list(batches)
    assert raised.value.code == "outside.source_vanished"
    assert raised.value.temporary


ITEMS = (
    Item("id", "编号"),
    Item("n", "数", "integer"),
    Item("amount", "金额", "decimal(18,2)"),
    Item("day", "日", "date"),
    Item("at", "时", "timestamp"),
    Item("ok", "是", "boolean"),
)
ROWS: list[tuple[Any, ...]] = [
    ('甲\n"引",号', 1, "12.30", dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 1, 2, 3, 4), True),
    ("", None, None, None, None, None),
    ("乙", -(2**63), "-0.01", dt.date(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), False),
]


def batch_of(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    from decimal import Decimal

    types = [
        pa.string(), pa.int64(), pa.decimal128(18, 2), pa.date32(), pa.timestamp("us"), pa.bool_(),
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns[2] = [None if value is None else Decimal(value) for value in columns[2]]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    return pa.record_batch(arrays, names=[item.name for item in ITEMS])


def test_copied_and_merged_rows_have_the_content_they_were_sent_with(url: str) -> None:
    names = [item.name for item in ITEMS]
    with connect_postgres({"url": url}) as connection:
        connection.execute(create_table_sql("live", ITEMS, ["id"]).encode())
        connection.execute(create_table_sql("chunk", ITEMS, temporary=True).encode())
        assert copy_rows(connection, "chunk", [batch_of(ROWS[:2]), batch_of(ROWS[2:])]) == 3
        for statement in merge_sql("live", "chunk", names, ["id"]):
            connection.execute(statement.encode())
        connection.commit()
        expected = reference_hash(ROWS, [item.type for item in ITEMS])
        assert content_hash(connection, "live", ITEMS) == expected
        parts = [
            content_hash(connection, "live", ITEMS, "id", bounds) for bounds in ((None, "甲"), ("甲", None))
        ]
        assert parts[0] + parts[1] == expected
        assert parts[1].rows == 1


def test_a_merge_leaves_equal_rows_alone_and_deletes_first(url: str) -> None:
    names = [item.name for item in ITEMS]
    with connect_postgres({"url": url}) as connection:
        connection.execute(create_table_sql(("public", "live"), ITEMS, ["id"]).encode())
        copy_rows(connection, ("public", "live"), [batch_of(ROWS)])
        connection.commit()
        untouched = "SELECT ctid FROM live WHERE id = ''"
        before = connection.execute(untouched).fetchone()
        connection.execute(create_table_sql("chunk", ITEMS, temporary=True).encode())
        connection.execute("CREATE TEMPORARY TABLE gone (id text) ON COMMIT DROP")
        connection.execute("INSERT INTO gone VALUES ('乙')")
        changed = [ROWS[1], (ROWS[0][0], 2, *ROWS[0][2:]), ("丙", *ROWS[1][1:])]
        copy_rows(connection, "chunk", [batch_of(changed)])
        for statement in merge_sql(("public", "live"), "chunk", names, ["id"], delete="gone"):
            connection.execute(statement.encode())
        connection.commit()
        assert connection.execute(untouched).fetchone() == before
        assert connection.execute("SELECT id, n FROM live ORDER BY n NULLS FIRST, id").fetchall() == [
            ("", None), ("丙", None), (ROWS[0][0], 2),
        ]  # fmt: skip


def test_a_text_postgresql_cannot_hold_is_refused_and_nothing_is_kept(url: str) -> None:
    with connect_postgres({"url": url}) as connection:
        connection.execute(create_table_sql("live", ITEMS[:1], ["id"]).encode())
        connection.commit()
        with pytest.raises(BadInput) as raised:
            copy_rows(connection, "live", [pa.record_batch([pa.array(["a", "b\0c"])], names=["id"])])
        connection.rollback()
        assert raised.value.code == "outside.postgres_nul"
        assert connection.execute("SELECT count(*) FROM live").fetchone() == (0,)
