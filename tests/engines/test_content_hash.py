"""One content hash in every engine: the same rows give the same digest, whatever holds them (design §9)."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jutong.database import Database
from jutong.terms import ContentHash, combine, content_hash, row_hash, set_hash_sql

COLUMNS = [
    ("文本", "text"), ("n", "integer"), ("amount", "decimal(18,2)"), ("wide", "decimal(38,10)"),
    ("day", "date"), ("moment", "timestamp"), ("yes", "boolean"),
]  # fmt: skip
D = Decimal
ROWS: list[tuple[Any, ...]] = [
    (None, None, None, None, None, None, None),
    ("", 0, D("0.00"), D("0"), dt.date(1970, 1, 1), dt.datetime(1970, 1, 1), False),
    ("", 0, D("0.00"), D("0"), dt.date(1970, 1, 1), dt.datetime(1970, 1, 1), False),
    ("邵阳市双清区", 2**63 - 1, D("9999999999999999.99"), D("1234567890123456789012345678.0123456789"),
     dt.date(9999, 12, 31), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), True),
    ("𠮷野家 🐟 e\u0301", -(2**63), D("-0.01"), D("-0.0000000001"), dt.date(1000, 1, 1),
     dt.datetime(1000, 1, 1, 0, 0, 0, 1), False),
    ("back\\slash 'quote' \"double\" %_ ?", 1, D("1.10"), D("1.1"), dt.date(1988, 4, 17),
     dt.datetime(1988, 4, 17, 0, 30), True),
    ("a:1b", 12, D("-1.00"), D("10"), dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 0, 0, 120000), None),
    ("tab\tnew\nline\rnull", -1, D("100.00"), D("-99999"), dt.date(1900, 2, 28), dt.datetime(1899, 12, 31, 23), True),
    ("A", 7, None, None, None, None, None),
    ("a", 7, None, None, None, None, None),
    ("a ", 7, None, None, None, None, None),
    (" a", 7, None, None, None, None, None),
    ("-", None, None, None, None, None, None),
    ("1:-", None, None, None, None, None, None),
]  # fmt: skip
#: Summer time began in 1988 at this hour: a zone would move it (or refuse it).
ROWS.append(("夏时制", 1, D("1"), D("1"), dt.date(1988, 4, 17), dt.datetime(1988, 4, 17, 2, 30), True))


def random_rows(number: int) -> list[tuple[Any, ...]]:
    chance = random.Random(1988)

    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.1 else value

    letters = "ab 甲乙丙𠮷é\\'\":-\n0"
    return [
        (
            maybe("".join(chance.choices(letters, k=chance.randrange(12)))),
            maybe(chance.randrange(-(2**63), 2**63)),
            maybe(D(chance.randrange(-(10**17), 10**17)).scaleb(-2)),
            maybe(D(chance.randrange(-(10**30), 10**30)).scaleb(-10)),
            maybe(dt.date(1000, 1, 1) + dt.timedelta(days=chance.randrange(3_000_000))),
            maybe(dt.datetime(1000, 1, 1) + dt.timedelta(microseconds=chance.randrange(2 * 10**17))),
            maybe(chance.random() < 0.5),
        )
        for _ in range(number)
    ]


ROWS += random_rows(500)
TYPES = [item_type for _, item_type in COLUMNS]
EXPECTED = content_hash(ROWS, TYPES)


def arrow() -> pa.Table:
    types = {"text": pa.string(), "integer": pa.int64(), "date": pa.date32(), "timestamp": pa.timestamp("us"),
             "boolean": pa.bool_(), "decimal(18,2)": pa.decimal128(18, 2), "decimal(38,10)": pa.decimal128(38, 10)}  # fmt: skip
    arrays = [pa.array([row[place] for row in ROWS], types[kind]) for place, kind in enumerate(TYPES)]
    return pa.table(arrays, names=[name for name, _ in COLUMNS])


def found(row: Any) -> ContentHash:
    return combine(row[0], row[1:5])


def test_duckdb(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.register("given", arrow())
        assert found(connection.execute(set_hash_sql("given", COLUMNS, "duckdb")).fetchone()) == EXPECTED


def test_postgres(database: Database) -> None:
    types = {"text": "text", "integer": "bigint", "timestamp": "timestamp"}
    columns = ", ".join(f'"{name}" {types.get(kind, kind)}' for name, kind in COLUMNS)
    with psycopg.connect(database.url) as connection:
        connection.execute(f"CREATE TEMP TABLE given ({columns})")  # type: ignore[arg-type]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO given VALUES (%s, %s, %s, %s, %s, %s, %s)", ROWS)
        assert found(connection.execute(set_hash_sql("given", COLUMNS, "postgres")).fetchone()) == EXPECTED  # type: ignore[arg-type]
        plain = row_hash(COLUMNS, "postgres", plain=True)
        connection.execute("SET datestyle = ISO")
        summed = f"SELECT count(*), sum(('0x' || {plain})::numeric) FROM given"
        rows, whole = connection.execute(summed).fetchone()  # type: ignore[arg-type, misc]
        assert combine(rows, [0, 0, 0, whole]) == EXPECTED


@pytest.mark.parametrize("text", ["LONGTEXT", "VARCHAR(200)"])
def test_mariadb(mariadb: Any, text: str) -> None:
    types = {"text": text, "integer": "BIGINT", "timestamp": "DATETIME(6)"}
    columns = ", ".join(f"`{name}` {types.get(kind, kind)}" for name, kind in COLUMNS)
    with mariadb.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE TABLE given ({columns}) ENGINE=InnoDB")
        cursor.executemany("INSERT INTO given VALUES (%s, %s, %s, %s, %s, %s, %s)", ROWS)
        cursor.execute(set_hash_sql("given", COLUMNS, "mysql"))
        assert found(cursor.fetchone()) == EXPECTED


def test_spark(spark: Any, tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "given.parquet")
    spark.read.parquet(str(tmp_path / "given.parquet")).createOrReplaceTempView("given")
    assert found(spark.sql(set_hash_sql("given", COLUMNS, "spark")).collect()[0]) == EXPECTED


def test_an_empty_table_has_the_empty_hash(database: Database) -> None:
    with duckdb.connect() as connection:
        connection.register("given", arrow().slice(0, 0))
        assert found(connection.execute(set_hash_sql("given", COLUMNS, "duckdb")).fetchone()) == content_hash(
            [], TYPES
        )


def test_early_years_are_written_with_four_digits_everywhere(database: Database) -> None:
    """Old archives hold such dates; MariaDB's own range begins in 1000."""
    row = [(dt.date(1, 1, 1), dt.datetime(987, 6, 5, 4, 3, 2, 1))]
    columns = [("d", "date"), ("t", "timestamp")]
    expected = content_hash(row, ["date", "timestamp"])
    given = "(SELECT DATE '0001-01-01' AS d, TIMESTAMP '0987-06-05 04:03:02.000001' AS t) AS g"
    with duckdb.connect() as connection:
        assert found(connection.execute(set_hash_sql(given, columns, "duckdb")).fetchone()) == expected
    with psycopg.connect(database.url) as connection:
        assert found(connection.execute(set_hash_sql(given, columns, "postgres")).fetchone()) == expected  # type: ignore[arg-type]
        far = (
            "(VALUES (DATE '0044-03-15 BC'), ('infinity'), ('12026-01-01'), ('0001-01-01'), (NULL)) AS g (d)"
        )
        hashes = [row_hash(columns[:1], "postgres", plain=plain) for plain in (False, True)]
        assert all(one == two for one, two in connection.execute(f"SELECT {', '.join(hashes)} FROM {far}"))  # type: ignore[arg-type]
