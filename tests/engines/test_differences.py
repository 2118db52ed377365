"""Expressions in which DuckDB and Spark differ: what plans may count on, asked of both (docs/reference/engines.md)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jutong.fuse.steps import MACROS
from jutong.store.engines.dialect import to_spark

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"
D = Decimal

#: (topic, expression in DuckDB's dialect, what both answer): as the plans write them.
AGREED: list[tuple[str, str, Any]] = [
    ("decimals", "CAST(sum(d) AS DECIMAL(38,2)) FROM (VALUES (CAST(0.10 AS DECIMAL(18,2))), (0.20)) t(d)", D("0.30")),
    ("decimals", "CAST('12.345' AS DECIMAL(18,2))", D("12.35")),
    ("decimals", "CAST(CAST(7 AS DECIMAL(18,2)) AS VARCHAR)", "7.00"),
    ("decimals", "CAST(round(CAST(2.5 AS DECIMAL(9,1)), 0) AS INTEGER)", 3),
    ("integers", "7 // 2", 3),
    ("integers", "-7 % 3", -1),
    ("nulls", "string_agg(coalesce(v, '-'), ',' ORDER BY v) FROM (VALUES ('b'), (NULL), ('a')) t(v)", "a,b,-"),
    ("nulls", "string_agg(coalesce(v, '-'), ',' ORDER BY v DESC) FROM (VALUES ('b'), (NULL), ('a')) t(v)", "b,a,-"),
    ("nulls", ("string_agg(v, '' ORDER BY n) FROM (SELECT v, row_number() OVER (ORDER BY v DESC NULLS LAST) AS n FROM "
              "(VALUES ('b'), (NULL), ('a')) t(v))"), "ba"),
    ("nulls", "'a' || CAST(NULL AS VARCHAR)", None),
    ("nulls", "least('a', NULL, 'b')", "a"),
    ("nulls", "greatest(1, NULL)", 1),
    ("nulls", "count(DISTINCT v) FROM (VALUES ('a'), (NULL), ('a')) t(v)", 1),
    ("nulls", "min_by(v, n) FROM (VALUES ('a', 2), ('b', 1), ('c', NULL)) t(v, n)", "b"),
    ("regular expressions", "regexp_full_match('abcab', '(ab|c)+')", True),
    ("regular expressions", "regexp_full_match('ab' || chr(10), 'ab')", False),
    ("regular expressions", "regexp_matches('宏达', '\\p{Han}')", True),
    ("regular expressions", "regexp_matches('abc', '\\p{Han}')", False),
    ("regular expressions", "regexp_replace('a1b22', '[0-9]+', '#', 'g')", "a#b#"),
    ("regular expressions", "regexp_extract('1.2.001.X', '^(.+)\\.[0-9]{3}\\.[0-9A-Z]$', 1)", "1.2"),
    ("regular expressions", "regexp_extract('nothing', '^(.+)\\.[0-9]{3}$', 1)", ""),
    ("time zones", "CAST('1988-04-17 00:30:00' AS TIMESTAMP)", dt.datetime(1988, 4, 17, 0, 30)),
    ("time zones", "CAST('1988-04-17 00:30:00' AS TIMESTAMP) + INTERVAL 1 DAY", dt.datetime(1988, 4, 18, 0, 30)),
    ("time zones", "CAST(CAST('1988-04-17 00:30:00' AS TIMESTAMP) AS VARCHAR)", "1988-04-17 00:30:00"),
    ("time zones", "CAST('2024-02-29' AS DATE) + 1", dt.date(2024, 3, 1)),
    ("collation", "'B' < 'a'", True),
    ("collation", "'啊' < '阿'", True),
    ("collation", "'a' = 'a '", False),
    ("collation", "max(v) FROM (VALUES ('Z'), ('a'), ('é')) t(v)", "é"),
    ("texts", "length('宏达公司')", 4),
    ("texts", "substr('宏达公司', 2, 2)", "达公"),
    ("texts", "left('宏达公司', 2)", "宏达"),
    ("texts", "upper(left(md5('宏达'), 8))", "F4469152"),
    ("texts", "one_char_apart('宏达商贸', '宏大商贸')", True),
    ("texts", "one_char_apart('宏达商贸', '宏大商茂')", False),
    ("texts", "one_char_apart('宏达商贸', '宏达商')", True),
    ("texts", "translate('宏達', '達', '达')", "宏达"),
    ("texts", "concat_ws('|', 'a', NULL, 'b')", "a|b"),
    ("words of 64 bits", "CAST(TRY_CAST('0x' || '8FFFFFFFFFFFFFF1' AS UBIGINT) & 255::UBIGINT AS INTEGER)", 241),
    ("words of 64 bits", "CAST((TRY_CAST('0x' || '8123456789012345' AS UBIGINT) >> 4) & 15::UBIGINT AS INTEGER)", 4),
    ("words of 64 bits", "TRY_CAST('0x' || 'no' AS UBIGINT) IS NULL", True),
    ("days", "try_strptime('20240229', '%Y%m%d')", dt.datetime(2024, 2, 29)),
    ("days", "try_strptime('20230229', '%Y%m%d')", None),
    ("texts", "split_part('a|b|c', '|', 2)", "b"),
    ("texts", "left('12345', -4)", "1"),
    ("texts", "u[2:-2] FROM (VALUES ('(1,234.50)')) t(u)", "1,234.50"),
    ("texts", "rpad('7', 0, '0') || lpad('7', 3, '0')", "007"),
    ("regular expressions", "m.y || m.n || '.' FROM (SELECT regexp_extract('2024-02', '^([0-9]{4})-([0-9]{2})(x)?$', ['y', 'm', 'n']) AS m) t", "2024."),
    ("regular expressions", "m.y FROM (SELECT regexp_extract('none', '^([0-9]{4})$', ['y']) AS m) t", ""),
    ("lists", "list_sum(list_transform(string_split(reverse('1234'), ''), lambda c, i: (ascii(c) - 48) * i))", 20),
    ("lists", "list_reduce((list_transform(string_split('1239', ''), lambda c: ascii(c) - 48))[:-2], lambda p, c: p + c, 0)", 6),
    ("lists", "(list_transform(string_split('1239', ''), lambda c: ascii(c) - 48))[-1]", 9),
    ("days", "TIMESTAMP '1899-12-30' + to_seconds(3892752000)", dt.datetime(2023, 5, 9)),
    ("days", "DATE '2024-02-29' + to_years(1) < DATE '2025-03-01'", True),
    ("time zones", "DATE '1988-09-01' + to_days(30) = DATE '1988-10-01'", True),
]  # fmt: skip


#: (topic, the same words put to both, DuckDB's answer, Spark's answer, what plans do): the page's table.
DIFFER: list[tuple[str, str, Any, Any, str]] = [
    ("decimals", "CAST(1 AS DECIMAL(18,2)) / CAST(4 AS DECIMAL(18,2))", 0.25, D("0.25000000000000000000"), "divide only what is cast to DOUBLE on purpose"),
    ("decimals", "avg(d) FROM (VALUES (CAST(1.00 AS DECIMAL(18,2))), (2.00)) t(d)", 1.5, D("1.500000"), "no averages; sums cast to DECIMAL(38, s)"),
    ("decimals", "CAST(2.5 AS INTEGER)", 3, 2, "round first, then cast"),
    ("decimals", "CAST(1e20 AS DOUBLE) || ''", "1e+20", "1.0E20", "no number goes through DOUBLE into text"),
    ("null order", "first(v) FROM (SELECT v FROM (VALUES ('b'), (NULL)) t(v) ORDER BY v)", "b", None, "sqlglot writes NULLS LAST; ranks are numbers, never order"),
    ("null order", "max_by(v, n) FROM (VALUES ('a', 1), ('b', 1)) t(v, n)", "a", "b", "ties are broken by a unique value in the key"),
    ("collation", "upper('ß')", "ẞ", "SS", "only ASCII letters are turned; comparing is by bytes on both"),
    ("texts", "levenshtein('宏', '大')", 2, 1, "one_char_apart(): a macro here, levenshtein ≤ 1 there"),
    ("texts", "substr('abc', 0, 2)", "a", "ab", "places count from 1"),
    ("texts", "trim('\u3000a')", "a", "\u3000a", "elements trim by name: trim(x, ' …')"),
    ("hashes", "hash('a')", 12561829011207016135, 1485273170, "xxhash64 there: a hash is compared only within its engine"),
]  # fmt: skip


@pytest.fixture(scope="module")
def duck() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    for macro in MACROS:
        connection.execute(macro)
    return connection


@pytest.fixture(scope="module")
def there(spark: Any) -> list[Any]:
    """Spark's answers to all of them, in one question."""
    turned = [to_spark(f"SELECT {sql}") for _, sql, _ in AGREED]
    asked = ", ".join(f"({sql})" if " FROM " in sql else sql.removeprefix("SELECT ") for sql in turned)
    return list(spark.sql(f"SELECT {asked}").collect()[0])


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(AGREED)), ids=[sql for _, sql, _ in AGREED])
def test_both_engines_answer_alike(place: int, duck: duckdb.DuckDBPyConnection, there: list[Any]) -> None:
    _, sql, expected = AGREED[place]
    row = duck.execute(f"SELECT {sql}").fetchone()
    assert row is not None
    assert row[0] == expected
    assert there[place] == expected


@pytest.mark.slow
def test_where_they_differ_they_differ_as_the_page_says(duck: duckdb.DuckDBPyConnection, spark: Any) -> None:
    found = []
    for topic, sql, *_, what in DIFFER:
        row = duck.execute(f"SELECT {sql}").fetchone()
        assert row is not None
        found.append((topic, sql, row[0], spark.sql(f"SELECT {sql}").collect()[0][0], what))
    assert found == DIFFER


def test_the_page_has_every_row() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [sql for _, sql, *_ in (*AGREED, *DIFFER) if f"`{sql}`".replace("|", "\\|") not in page]
    assert missing == []
