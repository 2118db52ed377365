"""Taking a large table part by part; each part lands in a commit of its own and is its own receipt (UC-GATHER-02).

1. What an earlier run left of it is found; the lake says which parts landed.
2. Those are held against the source, within one instant of it; one that no longer agrees is replaced.
3. The parts that are missing are read, the next one while the last one is being written.
4. The batch row says what came in all; the course is over.

Replaced and missing parts are read in the same instant as the comparison (where the source offers one), so a batch
that was interrupted still ends as one state of the source: spliced, and equal.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jutong.database import Database
from jutong.gather.ahead import Ahead
from jutong.gather.courses import (
    Chunk,
    Course,
    end_course,
    find_course,
    forget_course,
    note_chunk,
    save_course,
    told,
)
from jutong.gather.declaring import BATCH, ROW, SourceTable, raw_columns, raw_dataset
from jutong.gather.receipts import Batch, batch_id, notice_row, save_batches
from jutong.outside import Divisible, Notice, Part, Widened
from jutong.store import AlreadyCommitted, DatasetSpec, Store, table_sql
from jutong.terms import Address, Broken, ContentHash, Item, combine, literal, set_hash_sql

#: Rows and bytes after which a table read in the order of its key is cut.
CHUNK_ROWS, CHUNK_BYTES = 1_000_000, 192 << 20
#: Rows handed to the lake at once.
_PIECE = 1 << 17


@dataclass(frozen=True)
class _Passing:
    """A batch of rows on its way, or, without rows, the end of a chunk and the part it turned out to be."""

    no: int
    part: Part
    rows: pa.RecordBatch | None


class Chunked:
    """One table of one source, taken in chunks."""

    def __init__(
        self,
        opened: Divisible,
        table: SourceTable,
        *,
        database: Database,
        store: Store,
    ) -> None:
        self._opened, self._table = opened, table
        self._database, self._store = database, store
        self._dataset = raw_dataset(table.name)

    def left(self) -> Course | None:
        """What an earlier run left unfinished of this table."""
        with self._database.connection() as connection:
            return find_course(connection, self._store, self._table.name)

    def take(
        self, run_id: str, plan: Sequence[Part], text: frozenset[str], noticed: Sequence[Notice] = ()
    ) -> Batch:
        """Raises what the source raises; what landed until then stays for the next run."""
        course = self._begun(run_id, plan, text)
        while True:
            try:
                course = self._go_on(course)
                break
            except Widened as problem:
                if problem.item in course.text:
                    raise
                course = self._saved(replace(course, text=course.text | {problem.item}))
        return self._finished(course, noticed)

    def _begun(self, run_id: str, plan: Sequence[Part], text: frozenset[str]) -> Course:
        course = self.left()  # 1
        columns = told(self._columns(text | (course.text if course else frozenset())))
        if course and course.columns == columns:
            return self._saved(replace(course, spliced=course.spliced or bool(course.chunks)))
        if course:
            self.forget(course)
        identity = batch_id(run_id, self._table.name)
        begun = Course(
            identity, self._table.name, run_id, dt.datetime.now(dt.UTC), columns, tuple(plan), text
        )
        return self._saved(begun)

    def forget(self, course: Course) -> None:
        """Take back what landed of a course that cannot be continued."""
        if course.chunks:
            rows = f"DELETE FROM {table_sql(self._dataset)} WHERE {BATCH} = {literal(course.batch_id)}"
            with contextlib.suppress(AlreadyCommitted):
                self._store.write(
                    f"gather:{course.batch_id}:forget:{max(c.snapshot or 0 for c in course.chunks.values())}",
                    self._dataset, author="gather", body=lambda writer: writer.run(rows),
                )  # fmt: skip
        with self._database.connection() as connection:
            forget_course(connection, course.batch_id)

    def _saved(self, course: Course) -> Course:
        with self._database.connection() as connection:
            save_course(connection, course)
        return course

    def _columns(self, text: frozenset[str]) -> tuple[Item, ...]:
        return self._opened.read(self._table.locator, text=text).columns

    def _go_on(self, course: Course) -> Course:
        columns = self._columns(course.text)
        where = Address(self._table.source_name, str(self._table.locator.get("table")))
        raw = raw_columns(columns, self._table.items, where)
        items = (Item(BATCH, "批次"), Item(ROW, "行号", "integer"), *raw)
        self._store.declare(
            [
                DatasetSpec(
                    self._dataset, self._table.label, items, department_code=self._table.department_code
                )
            ]
        )
        if course.spliced:
            course = self._replaced(course, raw)  # 2
        for no, part in course.missing():
            if self._store.committed(Chunk(course.batch_id, no, part, 0).commit_id) is not None:
                course = self._late(course, no, part, raw)
        with Ahead(self._passing(course.missing(), course.text)) as ahead:  # 3
            coming = iter(ahead)
            for first in coming:
                course = course.with_chunk(self._landed(course, first, coming, raw))
        return course

    def _passing(self, missing: Sequence[tuple[int, Part]], text: frozenset[str]) -> Iterator[_Passing]:
        for number, part in missing:
            no, low = number, part.low
            rows = size = 0
            last: pa.RecordBatch | None = None
            for batch in self._opened.read(self._table.locator, part=part, text=text).batches:
                for piece in _pieces(batch):
                    if part.by and last is not None and (rows >= CHUNK_ROWS or size >= CHUNK_BYTES):
                        high = _keys_of(last, part.by)
                        yield _Passing(no, Part(part.by, low, high), None)
                        no, low, rows, size = no + 1, high, 0, 0
                    rows, size, last = rows + piece.num_rows, size + piece.nbytes, piece
                    yield _Passing(no, part, piece)
            yield _Passing(no, Part(part.by, low, part.high), None)

    def _landed(
        self,
        course: Course,
        first: _Passing,
        coming: Iterator[_Passing],
        raw: Sequence[Item],
        old: Chunk | None = None,
    ) -> Chunk:
        attempt = old.attempt + 1 if old else 0
        passing = _Counting(first, coming, course.next_row, raw)
        chunk = Chunk(course.batch_id, first.no, first.part, course.next_row, attempt)
        try:
            with self._store.writing(chunk.commit_id, self._dataset, author="gather") as writer:
                if old is not None:
                    writer.run(f"DELETE FROM {table_sql(self._dataset)} WHERE {_of(old)}")
                writer.register("incoming", passing.reader())
                written = writer.append(
                    self._dataset, f"SELECT {literal(course.batch_id)} AS {BATCH}, * FROM incoming"
                )
                if passing.problem is not None:
                    raise passing.problem
                if written != passing.given:
                    raise Broken(
                        "gather.rows_lost", f"批次 {course.batch_id} 第 {chunk.no} 段读到 {passing.given} 行，"
                        f"写入 {written} 行，整段撤回"
                    )  # fmt: skip
                chunk = replace(chunk, part=passing.part, given=passing.given, bytes=passing.bytes)
                with self._database.connection() as connection:
                    note_chunk(connection, chunk)
        except Exception:
            if passing.problem is not None:  # the source broke; the lake only said that its reader did
                raise passing.problem from None
            raise
        chunk = replace(chunk, snapshot=writer.snapshot, digest=self._digest(writer.snapshot))
        with self._database.connection() as connection:
            note_chunk(connection, chunk)
        return chunk

    def _late(self, course: Course, no: int, part: Part, raw: Sequence[Item]) -> Course:
        """A killed run's commit came after its note had been struck: its rows are replaced by what is there now."""
        commit = Chunk(course.batch_id, no, part, course.next_row).commit_id
        snapshot = self._store.committed(commit)
        with self._store.reading() as view:
            row = view.rows(
                f"SELECT count(*) AS n, max({ROW}) AS last FROM {view.table(self._dataset)}"
                f" WHERE {BATCH} = ? AND {ROW} >= ?", [course.batch_id, course.next_row],
            )[0]  # fmt: skip
        came = Chunk(course.batch_id, no, part, course.next_row, given=int(row["n"]), snapshot=snapshot)
        with self._database.connection() as connection:
            note_chunk(connection, came)
        return self._replace(course.with_chunk(came), came, raw)

    def _replaced(self, course: Course, raw: Sequence[Item]) -> Course:
        for chunk in sorted(course.chunks.values(), key=lambda each: each.no):
            there = self._opened.fingerprint(self._table.locator, chunk.part, course.text)
            if there != self.landed_hash(chunk, raw):
                course = self._replace(course, chunk, raw)
        return course

    def _replace(self, course: Course, old: Chunk, raw: Sequence[Item]) -> Course:
        reading = self._opened.read(self._table.locator, part=old.part, text=course.text)
        coming = iter(
            [_Passing(old.no, old.part, piece) for batch in reading.batches for piece in _pieces(batch)]
            + [_Passing(old.no, old.part, None)]
        )
        return course.with_chunk(self._landed(course, next(coming), coming, raw, old))

    def landed_hash(self, chunk: Chunk, raw: Sequence[Item]) -> ContentHash:
        typed = [(item.name, item.type) for item in raw]
        with self._store.reading() as view:
            row = view.rows(set_hash_sql(view.table(self._dataset), typed, "duckdb", _of(chunk)))[0]
        return combine(row["n"], [row[f"q{place}"] for place in range(4)])

    def _digest(self, snapshot: int) -> str:
        """SHA-256 over the files a commit wrote; empty where the lake is an object store."""
        before = {each.path for each in self._store.files(self._dataset, snapshot - 1).data}
        digest = hashlib.sha256()
        for each in self._store.files(self._dataset, snapshot).data:
            if each.path in before or "://" in each.path:
                continue
            with Path(each.path).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _finished(self, course: Course, noticed: Sequence[Notice]) -> Batch:
        chunks = [course.chunks[no] for no in sorted(course.chunks)]
        digest = hashlib.sha256("\n".join(chunk.digest for chunk in chunks).encode()).hexdigest()
        batch = Batch(
            id=course.batch_id,
            source_table=self._table.name,
            run_id=course.run_id,
            mode="full",
            started_at=course.started_at,
            received_at=dt.datetime.now(dt.UTC),
            given=sum(chunk.given for chunk in chunks),
            bytes=sum(chunk.bytes for chunk in chunks),
            content_hash=f"files:{digest}",
            commit_id=chunks[-1].commit_id,
            snapshot=max(chunk.snapshot or 0 for chunk in chunks),
            spliced=course.spliced,
            notices=tuple(notice_row(notice) for notice in noticed),
            noticed=len(noticed),
        )
        with self._database.connection() as connection, connection.transaction():  # 4
            save_batches(connection, [batch])
            end_course(connection, course.batch_id)
        return batch


class _Counting:
    """The rows of one chunk on their way into the lake: numbered and counted while they pass."""

    def __init__(self, first: _Passing, coming: Iterator[_Passing], row: int, raw: Sequence[Item]) -> None:
        self.part, self.given, self.bytes = first.part, 0, 0
        self.problem: Exception | None = None
        self._first, self._coming, self._row = first, coming, row
        self._names = [ROW, *(item.name for item in raw)]
        self._types = raw

    def reader(self) -> pa.RecordBatchReader:
        from jutong.outside.reading import schema_of

        fields = [pa.field(ROW, pa.int64()), *schema_of(self._types)]
        return pa.RecordBatchReader.from_batches(pa.schema(fields), self._rows())

    def _rows(self) -> Iterator[pa.RecordBatch]:
        try:
            passing = self._first
            while passing.rows is not None:
                first = self._row + self.given
                numbers = pa.array(np.arange(first, first + passing.rows.num_rows))
                self.given += passing.rows.num_rows
                self.bytes += passing.rows.nbytes
                yield pa.RecordBatch.from_arrays([numbers, *passing.rows.columns], names=self._names)
                passing = next(self._coming)
            self.part = passing.part
        except Exception as problem:
            self.problem = problem
            raise


def _of(chunk: Chunk) -> str:
    return f"{BATCH} = {literal(chunk.batch_id)} AND {chunk.rows_sql}"


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    size = min(_PIECE, CHUNK_ROWS)
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def _keys_of(batch: pa.RecordBatch, names: Sequence[str]) -> tuple[Any, ...]:
    values = (batch.column(name)[batch.num_rows - 1].as_py() for name in names)
    return tuple(value if isinstance(value, int) else str(value) for value in values)
