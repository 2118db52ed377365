"""Row filters and values mean the same in the replica's SQL as in the deliveries' (share)."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.share_city import ITEMS, SCHEMA, company

from jutong.gate.shape import cell, conditions_of, plain_column, where_sql
from jutong.share import filter_problems, fits
from jutong.terms import quote

TYPED = {item.name: item for item in ITEMS}
ROWS = [{**company(number, random.Random(number)), "_batch": "b", "_row": number} for number in range(40)]

texts = st.sampled_from(
    ["4", "43050", "430502", "邵阳市", "a\"b,c'd", "𠮷", "\\N", "%", "_", "91430502MA0000001"]
)
conditions = st.one_of(
    st.builds(lambda i, v: {"item": i, "op": "prefix", "value": v}, st.sampled_from(["uscc", "name", "division"]), texts),
    st.builds(lambda i, v: {"item": i, "op": "eq", "value": v}, st.sampled_from(["name", "division"]), texts),
    st.builds(lambda v: {"item": "division", "op": "in", "value": v}, st.lists(texts, min_size=1, max_size=3)),
    st.builds(lambda v: {"item": "capital", "op": "eq", "value": v}, st.sampled_from(["0", "-0.1", "1234567.890", "0.001", 0])),
    st.builds(lambda v: {"item": "staff", "op": "in", "value": v}, st.lists(st.sampled_from([0, 7, "7", 2**40]), min_size=1)),
    st.builds(lambda v: {"item": "founded", "op": "eq", "value": v}, st.sampled_from(["1949-10-01", "2000-01-01"])),
    st.builds(lambda v: {"item": "checked_at", "op": "eq", "value": v},
              st.sampled_from(["2020-01-01T00:00:00", "2020-01-01", "2024-02-29 23:59:59.12345"])),
    st.builds(lambda v: {"item": "active", "op": "eq", "value": v}, st.booleans()),
)  # fmt: skip


@pytest.fixture(scope="module")
def replica():
    columns = [plain_column(TYPED[name]) for name in TYPED]
    lake = duckdb.connect()
    lake.register("given", pa.Table.from_pylist(ROWS, schema=SCHEMA))
    made = ", ".join(f"{column.sql} AS {quote(column.name)}" for column in columns)
    rows = lake.execute(f"SELECT {made} FROM given").fetchall()
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE data ({', '.join(quote(column.name) for column in columns)})")
    connection.executemany(f"INSERT INTO data VALUES ({', '.join('?' for _ in columns)})", rows)
    yield connection
    connection.close()


@given(row_filter=st.lists(conditions, max_size=3))
def test_the_replica_finds_the_rows_that_fit(replica, row_filter):
    assert filter_problems(row_filter, TYPED) == []
    parts, values = where_sql(conditions_of(row_filter, ITEMS))
    found = replica.execute(f"SELECT uscc FROM data WHERE {' AND '.join(parts) or '1'}", values).fetchall()
    assert sorted(row[0] for row in found) == [row["uscc"] for row in ROWS if fits(row, row_filter, TYPED)]


@pytest.mark.parametrize(
    ("value", "item_type", "held"),
    [
        ("007", "text", "007"),
        (7, "text", "7"),
        ("007", "integer", 7),
        ("1.5", "decimal(18,2)", "1.50"),
        ("1.505", "decimal(18,2)", "1.505"),
        (Decimal("-0.1"), "decimal(18,2)", "-0.10"),
        ("2023-05-09", "date", "2023-05-09"),
        (dt.date(2023, 5, 9), "date", "2023-05-09"),
        ("2023-05-09 01:02:03.4", "timestamp", "2023-05-09T01:02:03.400000"),
        ("true", "boolean", 1),
        (False, "boolean", 0),
    ],
)
def test_a_value_is_worded_as_the_replica_holds_it(value, item_type, held):
    assert cell(value, item_type) == held


@pytest.mark.parametrize(
    ("value", "item_type"),
    [
        ("x", "integer"),
        ("1e400", "integer"),
        (True, "integer"),
        ("NaN", "decimal(18,2)"),
        ("x", "decimal(18,2)"),
        ("2023-13-01", "date"),
        ("2023-05-09T00:00:00+08:00", "timestamp"),
        ("yes", "boolean"),
        (None, "text"),
    ],
)
def test_what_is_no_value_of_the_type_is_told(value, item_type):
    with pytest.raises(ValueError):
        cell(value, item_type)


@pytest.mark.parametrize(
    ("value", "item_type"),
    [
        (1 << 63, "integer"),
        ("99999999999999999999", "integer"),
        ("1_000", "integer"),
        ("１２", "integer"),
        (" 12", "integer"),
        (1.5, "integer"),
        ("1e-999999999999", "decimal(18,2)"),
        ("1e999999999999", "decimal(18,2)"),
        ("1_0", "decimal(18,2)"),
        ("٣", "decimal(18,2)"),
        ("NaN", "decimal(18,2)"),
        ("Infinity", "decimal(18,2)"),
    ],
)
def test_numbers_only_python_would_read_are_none(value, item_type):
    """SQLite would raise at the first, memory would not suffice for others; the rest nobody else reads so."""
    with pytest.raises(ValueError):
        cell(value, item_type)


def test_numbers_of_every_width_are_kept_exactly():
    assert cell(-(1 << 63), "integer") == -(1 << 63)
    assert cell("12345678901234567890123456789012345.67", "decimal(38,2)") == (
        "12345678901234567890123456789012345.67"
    )
    assert cell("1.50e1", "decimal(18,2)") == "15.00"
