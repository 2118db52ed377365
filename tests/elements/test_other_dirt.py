"""Dirt made by another hand: recall and precision of every operator, and nothing asked of what is clean."""

from __future__ import annotations

import random

import duckdb
import pytest
from bench.refining_data import ITEMS, rows_sql
from tests.elements.other_dirt import CLEAN, OPERATORS, Operator, measured

from jutong.elements import ELEMENTS, element_of, try_many, verdict_sql

_COUNT = 400


def test_there_are_forty_kinds_and_more() -> None:
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS) >= 40


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: one.name)
def test_each_kind_is_found_or_mended(operator: Operator) -> None:
    found = measured(operator, _COUNT)
    assert found.spoiled
    assert found.recall >= 0.98, f"{found.right} of {found.spoiled}"
    assert found.precision >= 0.98, f"{found.false} false beside {found.right}"


@pytest.mark.parametrize("element", CLEAN)
def test_nothing_is_asked_of_clean_values(element: str) -> None:
    rng = random.Random(7)
    tried = try_many(ELEMENTS[element], [CLEAN[element](rng) for _ in range(5_000)])
    asked = [one for one in tried if one.problems]
    assert asked == []


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_no_clean_row_is_questioned(count: int) -> None:
    """Rows of the refining bench without its seeded dirt, by the same SQL that refines."""
    columns = []
    for item in ITEMS:
        element = element_of(str(item["element"]), str(item.get("type", "text")))
        text, value = f"t_{item['name']}", f"v_{item['name']}"
        columns.append((element, str(item["name"]), text, value))
    cleaned = ", ".join(f"{element.clean(name)} AS {text}" for element, name, text, _ in columns)
    values = ", ".join(f"{element.cast(text)} AS {value}" for element, _, text, value in columns)
    asked = ", ".join(
        f"count(*) FILTER (WHERE {verdict_sql(element, text, value)} <> 0)"
        for element, _, text, value in columns
    )
    # Seeded rows are those whose number hashes below 100 in a thousand (see rows_sql).
    clean = f"SELECT * FROM ({rows_sql(0, count)}) WHERE hash(_row - 1 + 1000000007) % 1000 >= 100"
    found = duckdb.sql(f"SELECT {asked} FROM (SELECT *, {values} FROM (SELECT {cleaned} FROM ({clean})))")
    assert found.fetchone() == (0,) * len(columns)
