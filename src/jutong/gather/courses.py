"""A course: one large table on its way, part by part, and what of it has landed; it outlives the run that began it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.outside import Part
from jutong.store import Store
from jutong.terms import Item

_sql = named_sql(__file__, "courses.sql")


@dataclass(frozen=True)
class Chunk:
    """What one commit landed of a course: rows ``first_row`` … of the batch, from one part of the table."""

    batch_id: str
    no: int
    part: Part
    first_row: int
    attempt: int = 0
    given: int = 0
    bytes: int = 0
    #: SHA-256 over the Parquet files the commit wrote.
    digest: str = ""
    snapshot: int | None = None

    @property
    def commit_id(self) -> str:
        return f"gather:{self.batch_id}:{self.no}" + (f":{self.attempt}" if self.attempt else "")

    @property
    def rows_sql(self) -> str:
        return f"_row BETWEEN {self.first_row} AND {self.first_row + self.given - 1}"


@dataclass(frozen=True)
class Course:
    batch_id: str
    source_table: str
    run_id: str
    started_at: dt.datetime
    #: The source's columns when it began; if they have changed, it begins anew.
    columns: tuple[tuple[str, str], ...]
    plan: tuple[Part, ...]
    text: frozenset[str] = frozenset()
    #: Whether it was interrupted, so that its parts come from more than one instant of the source.
    spliced: bool = False
    chunks: Mapping[int, Chunk] = field(default_factory=dict)

    @property
    def next_row(self) -> int:
        return max((chunk.first_row + chunk.given for chunk in self.chunks.values()), default=1)

    def with_chunk(self, chunk: Chunk) -> Course:
        return replace(self, chunks={**self.chunks, chunk.no: chunk})

    def missing(self) -> list[tuple[int, Part]]:
        """Parts not landed yet, with the number their chunk will have.

        A table in the order of its key has one plan, continued behind the last chunk unless that one was open.
        """
        if not self.plan[0].by:
            return [(no, part) for no, part in enumerate(self.plan) if no not in self.chunks]
        if not self.chunks:
            return [(0, self.plan[0])]
        last = max(self.chunks)
        high = self.chunks[last].part.high
        return [] if high is None else [(last + 1, Part(self.plan[0].by, high))]


def told(columns: Sequence[Item]) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.type) for column in columns)


def save_course(connection: Connection, course: Course) -> None:
    connection.execute(
        _sql.save_course,
        {
            **vars(course),
            "columns": Jsonb([list(column) for column in course.columns]),
            "plan": Jsonb([part.to_json() for part in course.plan]),
            "text": sorted(course.text),
        },
    )


def note_chunk(connection: Connection, chunk: Chunk) -> None:
    """Before its commit, so that after any crash the lake can be asked for it; again with the snapshot after it."""
    connection.execute(
        _sql.save_chunk,
        {**vars(chunk), "commit_id": chunk.commit_id, "part": Jsonb(chunk.part.to_json())},
    )


def find_course(connection: Connection, store: Store, table: str) -> Course | None:
    """The unfinished course of a table, its chunks settled with the lake: noted ones that never landed are gone."""
    row = connection.execute(_sql.find_course, {"table": table}).fetchone()
    if row is None:
        return None
    chunks: dict[int, Chunk] = {}
    for noted in connection.execute(_sql.chunks, {"batch": row["batch_id"]}).fetchall():
        values = {name: noted[name] for name in Chunk.__dataclass_fields__}
        chunk = Chunk(**{**values, "part": Part.from_json(noted["part"])})
        if chunk.snapshot is None:
            snapshot = store.committed(chunk.commit_id)
            if snapshot is None:
                connection.execute(_sql.strike_chunk, {"commit_id": chunk.commit_id})
                continue
            chunk = replace(chunk, snapshot=snapshot)
            note_chunk(connection, chunk)
        chunks[chunk.no] = chunk  # ordered by attempt: a replacement comes after what it replaced
    return Course(
        row["batch_id"], row["source_table"], row["run_id"], row["started_at"],
        tuple((name, kind) for name, kind in row["columns"]), tuple(map(Part.from_json, row["plan"])),
        frozenset(row["text"]), row["spliced"], chunks,
    )  # fmt: skip


def end_course(connection: Connection, batch_id: str) -> None:
    """Its chunks stay as the batch's receipt, part by part."""
    connection.execute(_sql.end_course, {"batch": batch_id})


def forget_course(connection: Connection, batch_id: str) -> None:
    connection.execute(_sql.forget_chunks, {"batch": batch_id})
    connection.execute(_sql.end_course, {"batch": batch_id})
