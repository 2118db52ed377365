"""Counting while reading: given, bytes and content hash of what passes, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa

from jutong.gather.declaring import ROW
from jutong.terms import EMPTY_CONTENT, ContentHash, Item, combine, quote, set_hash_sql

#: Batches that may wait to be hashed before their reader waits for the hashing.
_AHEAD = 4


class Engine:
    """A DuckDB of our own, for hashing and for leaving out rows that are held already; the lake is not in it.

    Hashing has a thread to itself: while one batch is hashed, the next is read and the one before written.
    It is there once it is needed: a table taken in chunks is hashed by its files.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gather-hash")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        if "duck" in self.__dict__:
            self._hashing.close()
            self.duck.close()

    @cached_property
    def duck(self) -> duckdb.DuckDBPyConnection:
        duck = duckdb.connect(config={"memory_limit": "1GB", "threads": 1})
        duck.execute("SET TimeZone = 'Asia/Shanghai'")
        self._hashing = duck.cursor()
        return duck

    def hash(self, rows: pa.Table, columns: Sequence[tuple[str, str]]) -> Future[ContentHash]:
        self.duck  # noqa: B018  made here, by one thread
        return self._thread.submit(self._hash, rows, columns)

    def _hash(self, rows: pa.Table, columns: Sequence[tuple[str, str]]) -> ContentHash:
        self._hashing.register("passing", rows)
        row = self._hashing.execute(set_hash_sql("passing", columns, "duckdb")).fetchone()
        self._hashing.unregister("passing")
        return combine(row[0], row[1:]) if row else EMPTY_CONTENT


class Counted:
    """Passes record batches on with ``_row`` before them, and keeps the tally.

    ``columns`` name and type the batches' columns as the raw dataset has them.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], columns: Sequence[Item], engine: Engine) -> None:
        self.given = 0
        self.bytes = 0
        self._batches = batches
        self._names = [column.name for column in columns]
        self._typed = [(column.name, column.type) for column in columns]
        self._engine = engine
        self._hashed: list[Future[ContentHash]] = []

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            if batch.num_rows:
                yield self._numbered(batch)

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        number = pa.array(np.arange(self.given + 1, self.given + batch.num_rows + 1))
        self.given += batch.num_rows
        self.bytes += batch.nbytes
        return pa.RecordBatch.from_arrays([number, *batch.columns], names=[ROW, *self._names])

    def hash(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Add rows to the content hash; batches may be hashed one by one or together."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        self._hashed.append(self._engine.hash(table, self._typed))
        if len(self._hashed) > _AHEAD:
            self._hashed[-_AHEAD].result()

    @property
    def content(self) -> ContentHash:
        """The hash of all rows so far; waits for those under way."""
        return sum((each.result() for each in self._hashed), EMPTY_CONTENT)


def without_landed(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, landed: pa.Table, duck: duckdb.DuckDBPyConnection
) -> Iterator[pa.RecordBatch]:
    """Rows that are not among ``landed``, every column compared: no doubling at a watermark, and no loss,
    for a row changed within the same instant differs and so passes."""
    if not landed.num_rows:
        yield from batches
        return
    cursor = duck.cursor()
    try:
        cursor.register("incoming", pa.RecordBatchReader.from_batches(schema, batches))
        cursor.register("landed", landed)
        same = " AND ".join(
            f"incoming.{quote(name)} IS NOT DISTINCT FROM landed.{quote(name)}" for name in schema.names
        )
        yield from cursor.execute(
            f"SELECT incoming.* FROM incoming ANTI JOIN landed ON {same}"
        ).to_arrow_reader(100_000)
    finally:
        cursor.close()
