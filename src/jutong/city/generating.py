"""Running the SELECTs of ``making``: many small tables in one query, a large one as a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import local
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from jutong.city.making import Span, row_count, rows_sql
from jutong.city.plan import CityPlan, TablePlan
from jutong.city.subjects import prepare

#: Rows of one query that are held in memory; above it a table is made as a stream.
_TOGETHER = 200_000
_STREAMED = 100_000
#: Queries made ahead of their being written.
_AHEAD = 4


def generate(
    city: CityPlan,
    tables: Iterable[TablePlan],
    round_no: int = 0,
    *,
    changed_only: bool = False,
    threads: int = 2,
) -> Iterator[tuple[TablePlan, pa.Table]]:
    """Parts of tables, each with the facts of ``rows_sql``; every table comes at least once, its parts in order."""
    small, large = _grouped(tables, round_no)
    with _engine(threads) as engine:
        for group, rows in _made_ahead(engine, city, small, round_no, changed_only, threads):
            yield from _apart(group, rows)
        cursor = _cursor(engine, thorough=True)
        for table in large:
            span = Span(table, 0, row_count(table, round_no))
            sql = rows_sql(city, [span], round_no, changed_only=changed_only)
            reader = cursor.execute(sql).to_arrow_reader(_STREAMED)
            yield table, reader.schema.empty_table()
            for batch in reader:
                yield table, pa.Table.from_batches([batch])


def _grouped(tables: Iterable[TablePlan], round_no: int) -> tuple[list[list[TablePlan]], list[TablePlan]]:
    """Tables that one query makes together, and those too large for that."""
    small: dict[tuple[str, str], list[list[TablePlan]]] = {}
    large: list[TablePlan] = []
    for table in sorted(tables, key=lambda table: table.number):
        if row_count(table, round_no) > _TOGETHER:
            large.append(table)
            continue
        groups = small.setdefault((table.template.name, table.source.kind), [[]])
        if sum(row_count(each, round_no) for each in (*groups[-1], table)) > _TOGETHER:
            groups.append([])
        groups[-1].append(table)
    return [group for groups in small.values() for group in groups], large


@contextmanager
def _engine(threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    engine = duckdb.connect(":memory:", config={"threads": str(threads), "memory_limit": "2GB"})
    try:
        yield engine
    finally:
        engine.close()


def _cursor(engine: duckdb.DuckDBPyConnection, *, thorough: bool) -> duckdb.DuckDBPyConnection:
    """A connection with the lists of ``subjects``; planning a few hundred rows may cost more than making them."""
    cursor = engine.cursor()
    prepare(cursor)
    if not thorough:
        cursor.execute("PRAGMA disable_optimizer")
    return cursor


def _made_ahead(
    engine: duckdb.DuckDBPyConnection, city: CityPlan, groups: Sequence[list[TablePlan]], round_no: int,
    changed_only: bool, threads: int,
) -> Iterator[tuple[list[TablePlan], pa.Table]]:  # fmt: skip
    own = local()

    def make(group: list[TablePlan]) -> pa.Table:
        if not hasattr(own, "cursor"):
            own.cursor = _cursor(engine, thorough=False)
        spans = [Span(table, 0, row_count(table, round_no)) for table in group]
        cursor: duckdb.DuckDBPyConnection = own.cursor
        return cursor.execute(rows_sql(city, spans, round_no, changed_only=changed_only)).to_arrow_table()

    waiting: deque[tuple[list[TablePlan], Future[Any]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for group in groups:
            waiting.append((group, pool.submit(make, group)))
            if len(waiting) > _AHEAD:
                first, made = waiting.popleft()
                yield first, made.result()
        for first, made in waiting:
            yield first, made.result()


def _apart(group: Sequence[TablePlan], rows: pa.Table) -> Iterator[tuple[TablePlan, pa.Table]]:
    """The rows of each table of a query; they come in the order of the tables."""
    numbers = rows["_slot_number"].to_numpy()
    if (np.diff(numbers) < 0).any():
        raise AssertionError(f"rows of {group[0].template.name} are out of order")
    for table in group:
        start, end = np.searchsorted(numbers, [table.number, table.number + 1])
        yield table, rows.slice(int(start), int(end - start))
