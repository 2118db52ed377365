"""A row filter means the same in SQL as it says, and a bad one is explained, never guessed at."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from jutong.share import filter_problems, filter_sql, fits
from jutong.terms import Item

ITEMS = {
    "t": Item("t", "文本"),
    "n": Item("n", "整数", "integer"),
    "d": Item("d", "日期", "date"),
    "m": Item("m", "金额", "decimal(18,2)"),
    "b": Item("b", "布尔", "boolean"),
    "s": Item("s", "时间", "timestamp"),
}
texts = st.sampled_from(["", "4", "43", "430502", "430503", "'; DROP TABLE x --", "%", "邵阳", "邵"])
numbers = st.integers(-3, 3)
days = st.sampled_from([dt.date(2020, 1, 1), dt.date(2024, 2, 29)])
money = st.sampled_from([Decimal("0.10"), Decimal("1.00"), Decimal("-1.50")])
instants = st.sampled_from([dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 0, 0, 0, 500000)])
rows = st.fixed_dictionaries(
    {
        "t": st.none() | texts,
        "n": st.none() | numbers,
        "d": st.none() | days,
        "m": st.none() | money,
        "b": st.none() | st.booleans(),
        "s": st.none() | instants,
    }
)
values = {
    "t": texts,
    "n": numbers,
    "d": days.map(str),
    "m": money.map(str),
    "b": st.booleans(),
    "s": instants.map(str),
}


@st.composite
def conditions(draw):
    name = draw(st.sampled_from(sorted(ITEMS)))
    op = draw(st.sampled_from(["eq", "in", "prefix"] if name == "t" else ["eq", "in"]))
    if op == "in":
        return {"item": name, "op": op, "value": draw(st.lists(values[name], min_size=1, max_size=3))}
    value = draw(values[name].filter(lambda one: op != "prefix" or one != ""))
    return {"item": name, "op": op, "value": value}


@settings(max_examples=150, deadline=None)
@given(st.lists(rows, max_size=6), st.lists(conditions(), max_size=3))
def test_the_sql_keeps_exactly_the_rows_that_fit(given_rows, row_filter):
    assert filter_problems(row_filter, ITEMS) == []
    where, parameters = filter_sql(row_filter, ITEMS)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE x (i INT, t VARCHAR, n BIGINT, d DATE, m DECIMAL(18,2), b BOOLEAN, s TIMESTAMP)"
        )
        for place, row in enumerate(given_rows):
            connection.execute(
                "INSERT INTO x VALUES (?, ?, ?, ?, ?, ?, ?)", [place, *(row[name] for name in "tndmbs")]
            )
        kept = connection.execute(f"SELECT i FROM x WHERE {where} ORDER BY i", parameters).fetchall()
    assert [row[0] for row in kept] == [
        place for place, row in enumerate(given_rows) if fits(row, row_filter, ITEMS)
    ]


def test_everything_wrong_with_a_filter_is_said():
    bad = [
        {"item": "x", "op": "eq", "value": 1},
        {"item": "t", "op": "like", "value": "%"},
        {"item": "t", "op": "in", "value": []},
        {"item": "n", "op": "prefix", "value": "1"},
        {"item": "d", "op": "eq", "value": "2024-02-30"},
        {"item": "b", "op": "eq", "value": "yes"},
        {"item": "s", "op": "eq", "value": "2024-01-01T00:00:00+08:00"},
        {"item": "m", "op": "eq", "value": "NaN"},
        {"item": "t", "op": "eq", "value": "a\0b"},
        {"item": "t"},
    ]
    assert len(filter_problems(bad, ITEMS)) == len(bad)
