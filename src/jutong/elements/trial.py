"""Trying an element out: the very SQL that refines a batch, on a few values, in an engine of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from jutong.elements.element import Check, Element, verdict_sql


@dataclass(frozen=True)
class TriedOut:
    cleaned: str | None
    #: The value in the element's type; None where nothing was given or it cannot be read.
    value: Any
    #: The check that speaks: at most one, since later checks rely on the earlier.
    problems: tuple[Check, ...]


def try_out(element: Element, value: str | None) -> TriedOut:
    return try_many(element, [value])[0]


def try_many(element: Element, values: Sequence[str | None]) -> list[TriedOut]:
    """The same for many values in one query."""
    given = pa.table(
        {"place": pa.array(range(len(values)), pa.int64()), "given": pa.array(values, pa.string())}
    )
    engine = _engine().cursor()
    try:
        engine.register("given_values", given)
        rows = engine.execute(
            f"SELECT cleaned, value, {verdict_sql(element, 'cleaned', 'value')} FROM "
            f"(SELECT *, {element.cast('cleaned')} AS value FROM "
            f"(SELECT place, {element.clean('given')} AS cleaned FROM given_values)) ORDER BY place"
        ).fetchall()
    finally:
        engine.close()
    return [
        TriedOut(text, value, element.checks[fault - 1 : fault] if fault else ())
        for text, value, fault in rows
    ]


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})
