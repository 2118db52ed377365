"""DuckDB and Spark make the same register, row for row: what one has written, the other finds nothing to change in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fuse.test_city import standardise

from jutong.city import registers
from jutong.database import Database
from jutong.fuse import Register, declare_register, fuse
from jutong.settings import Settings
from jutong.store import Store
from jutong.store.engines.dialect import to_spark


@pytest.mark.slow
@pytest.mark.parametrize("register", registers(), ids=lambda one: one.name)
def test_both_engines_make_the_same_register(
    register: Register, database: Database, settings: Settings, spark: Any, tmp_path: Path
) -> None:
    del spark  # the session that the run below finds
    with Store.open(database, settings) as store:
        standardise(0.0005, store, tmp_path, register)
        with database.connection() as connection:
            declare_register(connection, register)
        here = fuse(register, database=database, store=store, settings=settings)
        there = fuse(register, database=database, store=store, settings=replace(settings, engine="local[1]"))
    assert here.records > 50
    assert there.snapshot is None
    assert (there.records, there.entities, there.by_key, there.by_likeness, there.doubtful) == (
        here.records, here.entities, here.by_key, here.by_likeness, here.doubtful,
    )  # fmt: skip


#: DuckDB's expression and Spark's; what is not here, sqlglot turns by itself.
DIFFERENCES = [
    ("SELECT hash(a) FROM t", "SELECT XXHASH64(a) FROM t"),
    ("SELECT regexp_full_match(a, 'x{2}') FROM t", "SELECT a RLIKE '\\\\A(?:x{2})\\\\z' FROM t"),
    ("SELECT regexp_matches(a, '\\p{Han}') FROM t", "SELECT a RLIKE '\\\\p{IsHan}' FROM t"),
    ("SELECT row_number() OVER () FROM t", "SELECT MONOTONICALLY_INCREASING_ID() FROM t"),
    ("SELECT one_char_apart(a, b) FROM t", "SELECT LEVENSHTEIN(a, b) <= 1 FROM t"),
    ("SELECT a // 3 FROM t", "SELECT a DIV 3 FROM t"),
    ("SELECT CAST(a AS TIMESTAMP) FROM t", "SELECT CAST(a AS TIMESTAMP_NTZ) FROM t"),
    ("SELECT regexp_replace(a, '(x)y', '\\1') FROM t", "SELECT REGEXP_REPLACE(a, '(x)y', '$1') FROM t"),
    ("SELECT strlen(a) FROM t", "SELECT OCTET_LENGTH(a) FROM t"),
    ("SELECT try_strptime(a, '%Y%m%d') FROM t", "SELECT TRY_TO_TIMESTAMP(a, 'yyyyMMdd') FROM t"),
    ("SELECT 18446462598749617920::UBIGINT FROM t", "SELECT CAST(-281474959933696 AS BIGINT) FROM t"),
    ("SELECT left(a, -4) FROM t", "SELECT SUBSTRING(a, 1, LENGTH(a) + -4) FROM t"),
    ("SELECT a[2:-2] FROM t", "SELECT SUBSTRING(a, 2, LENGTH(a) + -2) FROM t"),
    ("SELECT (f(a))[:-2] FROM t", "SELECT SLICE((F(a)), 1, SIZE((F(a))) + -1) FROM t"),
    ("SELECT (f(a))[-1] FROM t", "SELECT TRY_ELEMENT_AT((F(a)), -1) FROM t"),
    ("SELECT list_sum(a) FROM t", "SELECT AGGREGATE(a, CAST(0 AS BIGINT), (a, b) -> a + b) FROM t"),
    (
        "SELECT list_transform(a, lambda c, i: c * i) FROM t",
        "SELECT TRANSFORM(a, (c, i) -> c * (i + 1)) FROM t",
    ),
    ("SELECT string_split(a, '') FROM t", "SELECT SPLIT(a, '') FROM t"),
    (
        "SELECT regexp_extract(a, '(x)', ['y']) FROM t",
        "SELECT STRUCT(REGEXP_EXTRACT(a, '(x)', 1) AS y) FROM t",
    ),
    ("SELECT a + to_years(1) FROM t", "SELECT a + MAKE_YM_INTERVAL(1) FROM t"),
    ("SELECT a + to_days(1) FROM t", "SELECT CAST(a AS TIMESTAMP_NTZ) + MAKE_DT_INTERVAL(1) FROM t"),
    ("SELECT * EXCLUDE (a) FROM t", "SELECT * EXCEPT (a) FROM t"),
]


@pytest.mark.parametrize(("duckdb", "spark_sql"), DIFFERENCES)
def test_each_difference_is_known(duckdb: str, spark_sql: str) -> None:
    assert to_spark(duckdb) == spark_sql
