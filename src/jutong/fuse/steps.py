"""A plan is a list of steps, each a SELECT kept under a name; engines run them, nothing here does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import duckdb
import pyarrow as pa


@dataclass(frozen=True)
class Step:
    """``table`` becomes what ``sql`` gives; without SQL it is no longer needed."""

    table: str
    sql: str | None = None


def drops(*tables: str) -> list[Step]:
    return [Step(table) for table in tables]


class Engine(Protocol):
    """What a plan needs of the program that computes it."""

    def run(self, steps: Iterable[Step]) -> None: ...

    def some(self, sql: str) -> bool:
        """Whether a SELECT gives any row."""

    def texts(self, sql: str) -> list[str]:
        """The first column of a SELECT."""

    def give(self, name: str, rows: pa.Table) -> None:
        """Rows under a name, for the steps to come."""


@dataclass(frozen=True)
class Duck:
    """DuckDB: the engine of one machine."""

    duck: duckdb.DuckDBPyConnection

    def run(self, steps: Iterable[Step]) -> None:
        run(self.duck, steps)

    def some(self, sql: str) -> bool:
        return self.duck.execute(f"SELECT 1 FROM ({sql}) LIMIT 1").fetchone() is not None

    def texts(self, sql: str) -> list[str]:
        return [str(row[0]) for row in self.duck.execute(sql).fetchall() if row[0] is not None]

    def give(self, name: str, rows: pa.Table) -> None:
        self.duck.register("giving", rows)
        self.duck.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM giving")
        self.duck.unregister("giving")


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
