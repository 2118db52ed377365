"""Landing: counted rows become part of the raw zone in one lake transaction, with their receipts."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from jutong.database import Database
from jutong.gather.counting import Counted
from jutong.gather.declaring import BATCH, ROW, SourceTable, raw_dataset
from jutong.gather.keeping import Kept
from jutong.gather.receipts import GAPS_KEPT, Batch, batch_id, note, notice_row, save_batches, settle, strike
from jutong.outside import Reading
from jutong.store import AlreadyCommitted, DatasetSpec, Store, Writer
from jutong.terms import Broken, DatasetName, Item, JutongError, NotFound, literal, quote

#: What the lake's engine and Arrow may raise that is not ours yet.
LAKE_PROBLEMS = (duckdb.Error, pa.ArrowException)


@dataclass
class Incoming:
    """One table on its way in: what was read, how it is counted, where it goes."""

    table: SourceTable
    run_id: str
    mode: str
    started_at: dt.datetime
    columns: tuple[Item, ...]
    reading: Reading
    counted: Counted
    kept: Kept | None = None
    watermark_from: str | None = None
    problem: JutongError | None = None

    @property
    def dataset(self) -> DatasetName:
        return raw_dataset(self.table.name)

    @property
    def spec(self) -> DatasetSpec:
        items = (Item(BATCH, "批次"), Item(ROW, "行号", "integer"), *self.columns)
        return DatasetSpec(self.dataset, self.table.label, items, department_code=self.table.department_code)

    def receipt(self) -> Batch:
        counted, kept = self.counted, self.kept
        return Batch(
            id=batch_id(self.run_id, self.table.name),
            source_table=self.table.name,
            run_id=self.run_id,
            mode=self.mode,
            started_at=self.started_at,
            received_at=dt.datetime.now(dt.UTC),
            given=counted.given,
            bytes=kept.bytes if kept else counted.bytes,
            content_hash=counted.content.digest,
            file_name=str(self.table.locator.get("file")) if kept else None,
            file_sha256=kept.sha256 if kept else None,
            watermark_from=self.watermark_from,
            watermark_to=self.reading.watermark,
            row_offset=self.reading.row_offset,
            gaps=tuple(self.reading.gaps[:GAPS_KEPT]),
            set_aside=self.reading.set_aside,
            notices=tuple(notice_row(notice) for notice in self.reading.notices),
            noticed=self.reading.noticed,
        )


def land_together(
    incoming: Sequence[tuple[Incoming, pa.Table]], database: Database, store: Store
) -> list[Batch]:
    """Small tables, already in memory and counted, in one commit; it is made again when another writer won.

    A table from which nothing came is received without a commit: there is nothing to land.
    """
    if not incoming:
        return []
    store.declare([each.spec for each, _ in incoming])
    full = [(each, rows) for each, rows in incoming if rows.num_rows]
    nothing = _received_empty([each for each, rows in incoming if not rows.num_rows], database, store)
    if not full:
        return nothing
    receipts = [each.receipt() for each, _ in full]
    commit_id = _commit_id(receipts)
    sources = _sources(each for each, _ in full)
    with database.connection() as connection:
        note(connection, sources, commit_id, receipts)

    def body(writer: Writer) -> None:
        for (each, rows), receipt in zip(full, receipts, strict=True):
            _agree(receipt, _insert(writer, each, receipt, rows))

    try:
        _, snapshot = store.write(commit_id, *(each.dataset for each, _ in full), author="gather", body=body)
    except AlreadyCommitted:
        raise _receipt_lost(commit_id, database) from None
    return nothing + _settled(sources, receipts, commit_id, snapshot, database, store)


def land_streaming(
    incoming: Incoming, batches: Iterable[pa.RecordBatch], database: Database, store: Store
) -> list[Batch]:
    """A large table in one commit of its own, never whole in memory; counted and hashed as it passes.

    Nothing of it is there before the commit, so a source that breaks in mid-read leaves nothing behind.
    """
    store.declare([incoming.spec])
    identity = incoming.receipt()
    commit_id = _commit_id([identity])
    schema = pa.schema([(ROW, pa.int64()), *zip_schema(incoming)])
    try:
        with store.writing(commit_id, incoming.dataset, author="gather") as writer:
            reader = pa.RecordBatchReader.from_batches(schema, _hashed(incoming, batches))
            written = _insert(writer, incoming, identity, reader)
            receipt = incoming.receipt()
            _agree(receipt, written)
            with database.connection() as connection:
                note(connection, _sources([incoming]), commit_id, [receipt])
        snapshot = writer.snapshot
    except AlreadyCommitted:
        raise _receipt_lost(commit_id, database) from None
    except (JutongError, *LAKE_PROBLEMS):
        if incoming.problem:  # the source broke; the lake only said that its reader did
            raise incoming.problem from None
        raise
    return _settled(_sources([incoming]), [receipt], commit_id, snapshot, database, store)


def zip_schema(incoming: Incoming) -> list[tuple[str, pa.DataType]]:
    """Raw column names with the reading's Arrow types."""
    return [
        (column.name, field.type)
        for column, field in zip(incoming.columns, incoming.reading.schema, strict=True)
    ]


def landed_spec(store: Store, dataset: DatasetName) -> DatasetSpec | None:
    """The raw dataset as it stands; None before anything of it landed."""
    try:
        return store.spec(dataset)
    except NotFound:
        return None


def landed_rows(
    store: Store, incoming_columns: Sequence[Item], dataset: DatasetName, watermark: str, since: str | None
) -> pa.Table:
    """Rows held already at or above the lower bound, or without a watermark: what must not come twice."""
    bound, mark = "true", quote(watermark)
    column = next(item for item in incoming_columns if item.name == watermark)
    names = ", ".join(quote(item.name) for item in incoming_columns)
    kind = {"integer": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP"}.get(column.type, "VARCHAR")
    if since is not None:
        bound = f"{mark} >= CAST({literal(since)} AS {kind}) OR {mark} IS NULL"
    with store.reading() as view:
        return view.arrow(f"SELECT DISTINCT {names} FROM {view.table(dataset)} WHERE {bound}")


def _hashed(incoming: Incoming, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        for batch in batches:
            incoming.counted.hash(batch)
            yield batch
    except JutongError as problem:
        incoming.problem = problem
        raise


def _received_empty(incoming: Sequence[Incoming], database: Database, store: Store) -> list[Batch]:
    if not incoming:
        return []
    snapshot = store.snapshot()
    receipts = [replace(each.receipt(), snapshot=snapshot) for each in incoming]
    with database.connection() as connection:
        save_batches(connection, receipts)
    return receipts


def _receipt_lost(commit_id: str, database: Database) -> Broken:
    """A killed run's commit arrived after we had begun again: its rows are there, our receipt is not theirs."""
    with database.connection() as connection:
        strike(connection, commit_id)
    return Broken(
        "gather.receipt_lost",
        f"上一次中断的归集在重做期间才写入（{commit_id}），它的回执已不可考，请换一个轮次重新归集",
    )


def _insert(writer: Writer, incoming: Incoming, receipt: Batch, rows: pa.Table | pa.RecordBatchReader) -> int:
    writer.register("incoming", rows)
    return writer.append(incoming.dataset, f"SELECT {literal(receipt.id)} AS {BATCH}, * FROM incoming")


def _agree(receipt: Batch, written: int) -> None:
    if written != receipt.given:
        raise Broken(
            "gather.rows_lost", f"批次 {receipt.id} 读到 {receipt.given} 行，写入 {written} 行，整批撤回"
        )


def _settled(
    sources: Sequence[str],
    receipts: Sequence[Batch],
    commit_id: str,
    snapshot: int,
    database: Database,
    store: Store,
) -> list[Batch]:
    with database.connection() as connection:
        settle(connection, store, sources)
    return [replace(receipt, commit_id=commit_id, snapshot=snapshot) for receipt in receipts]


def _sources(incoming: Iterable[Incoming]) -> list[str]:
    return sorted({each.table.source_name for each in incoming})


def _commit_id(receipts: Sequence[Batch]) -> str:
    """The same batches, the same commit: a repeated run is told that it is done."""
    names = "\n".join(sorted(receipt.id for receipt in receipts))
    return f"gather:{receipts[0].run_id}:{hashlib.sha256(names.encode()).hexdigest()[:16]}"
