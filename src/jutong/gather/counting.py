"""Counting while reading: given, bytes and content hash of what passes, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import duckdb
import pyarrow as pa

from jutong.gather.declaring import ROW
from jutong.terms import EMPTY_CONTENT, ContentHash, Item, combine, quote, set_hash_sql


def engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB of our own for hashing and for leaving out rows that are held already; the lake is not in it."""
    connection = duckdb.connect(config={"memory_limit": "1GB", "threads": 1})
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    return connection


class Counted:
    """Passes record batches on with ``_row`` before them, and keeps the tally.

    ``columns`` name and type the batches' columns as the raw dataset has them.
    """

    def __init__(
        self, batches: Iterable[pa.RecordBatch], columns: Sequence[Item], duck: duckdb.DuckDBPyConnection
    ) -> None:
        self.given = 0
        self.bytes = 0
        self.content = EMPTY_CONTENT
        self._batches = batches
        self._names = [column.name for column in columns]
        self._typed = [(column.name, column.type) for column in columns]
        self._duck = duck

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            if batch.num_rows:
                yield self._numbered(batch)

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = batch.num_rows
        number = pa.array(range(self.given + 1, self.given + rows + 1), pa.int64())
        self.given += rows
        self.bytes += batch.nbytes
        named = pa.RecordBatch.from_arrays([number, *batch.columns], names=[ROW, *self._names])
        return named

    def hash(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Add rows to the content hash; batches may be hashed one by one or together."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        self._duck.register("passing", table)
        row = self._duck.execute(set_hash_sql("passing", self._typed, "duckdb")).fetchone()
        self._duck.unregister("passing")
        if row:
            self.content += combine(row[0], row[1:])

    def receipt(self) -> tuple[int, int, ContentHash]:
        return self.given, self.bytes, self.content


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
