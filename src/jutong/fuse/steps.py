"""A plan is a list of steps, each a SELECT kept under a name; engines run them, nothing here does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Step:
    """``table`` becomes what ``sql`` gives; without SQL it is no longer needed."""

    table: str
    sql: str | None = None


def drops(*tables: str) -> list[Step]:
    return [Step(table) for table in tables]


def run(duck: duckdb.DuckDBPyConnection, steps: Iterable[Step]) -> None:
    """Run a plan in DuckDB."""
    for step in steps:
        if step.sql is None:
            duck.execute(f"DROP TABLE IF EXISTS {step.table}")
        else:
            duck.execute(f"CREATE OR REPLACE TABLE {step.table} AS {step.sql}")


#: What the plans need and DuckDB lacks. Its levenshtein counts bytes, of which a Chinese character has three:
#: two texts are one character apart when one is the other with a character exchanged or left out.
MACROS = (
    (
        "CREATE OR REPLACE MACRO one_char_apart(a, b) AS CASE WHEN length(a) = length(b) THEN levenshtein(a, b) <= 3 AND "
        "len(list_filter(range(1, length(a) + 1), lambda i: substr(a, i, 1) <> substr(b, i, 1))) <= 1 "
        "WHEN length(a) = length(b) + 1 THEN list_contains(list_transform(range(1, length(a) + 1), "
        "lambda i: substr(a, 1, i - 1) || substr(a, i + 1)), b) "
        "WHEN length(b) = length(a) + 1 THEN list_contains(list_transform(range(1, length(b) + 1), "
        "lambda i: substr(b, 1, i - 1) || substr(b, i + 1)), a) ELSE false END"
    ),
)
