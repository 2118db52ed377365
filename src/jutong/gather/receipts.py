"""Receipts: what a batch row says, and how it survives a crash between lake and control database."""

from __future__ import annotations

import bisect
import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.outside import Notice
from jutong.store import Store
from jutong.terms import Address, Broken, JutongError

_sql = named_sql(__file__)

#: A file with more rows passed over than this is counted as a clerk does up to here.
GAPS_KEPT = 100_000


@dataclass(frozen=True)
class Batch:
    """批次: one delivery and its receipt; ``given`` was counted while reading (law 1)."""

    id: str
    source_table: str
    run_id: str
    mode: str
    started_at: dt.datetime
    received_at: dt.datetime
    state: str = "received"
    given: int | None = None
    bytes: int | None = None
    content_hash: str | None = None
    file_name: str | None = None
    file_sha256: str | None = None
    watermark_from: str | None = None
    watermark_to: str | None = None
    row_offset: int = 0
    #: After how many rows each row stands that was passed over; see ``sheet_row``.
    gaps: tuple[int, ...] = ()
    #: Rows of the file kept out for they do not fit its header.
    set_aside: int = 0
    #: Read over more than one run, every part then held against the source.
    spliced: bool = False
    notices: tuple[Mapping[str, Any], ...] = ()
    noticed: int = 0
    problem: Mapping[str, Any] | None = field(default=None)
    commit_id: str | None = None
    snapshot: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        known = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "gaps": tuple(row["gaps"]), "notices": tuple(row["notices"])})

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        instants = {name: dt.datetime.fromisoformat(row[name]) for name in ("started_at", "received_at")}
        return cls.from_row({"gaps": [], "set_aside": 0, **row, **instants})  # 0.1.0 wrote neither

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self), "notices": list(self.notices), "started_at": self.started_at.isoformat(),
            "received_at": self.received_at.isoformat(),
        }  # fmt: skip


def sheet_row(batch: Mapping[str, Any], number: int) -> int:
    """The row a clerk sees in the file for the row ``number`` of a batch, counted from 1."""
    return int(batch["row_offset"]) + number + bisect.bisect_left(batch["gaps"], number)


def batch_id(run_id: str, table: str) -> str:
    return f"{run_id}.{table}"


def notice_row(notice: Notice) -> dict[str, Any]:
    return {"code": notice.code, "sentence": notice.sentence, **_address(notice.address)}


def problem_row(problem: JutongError) -> dict[str, Any]:
    told = {"code": problem.code, "sentence": problem.sentence, "kind": problem_kind(problem)}
    return {**told, **_address(problem.address)}


def problem_kind(problem: JutongError) -> str:
    """What may be done about it: ``temporary`` try again later, ``broken`` perhaps, ``refused`` only a person can."""
    if problem.temporary or problem.code == "gather.source_busy":
        return "temporary"
    return "broken" if isinstance(problem, Broken) else "refused"


def _address(address: Address | None) -> dict[str, Any]:
    return {name: value for name, value in asdict(address or Address()).items() if value is not None}


def save_batches(connection: Connection, batches: Sequence[Batch]) -> None:
    """Write batch rows; a batch that was received keeps its receipt whatever comes later."""
    with connection.cursor() as cursor:
        cursor.executemany(_sql.save_batch, [_row(batch) for batch in batches])


def note(connection: Connection, sources: Sequence[str], commit_id: str, batches: Sequence[Batch]) -> None:
    """Lay the receipts down before the lake commits, so that ``settle`` can find them after any crash."""
    receipts = Jsonb([batch.to_json() for batch in batches])
    connection.execute(
        _sql.note_gathering, {"commit_id": commit_id, "sources": list(sources), "receipts": receipts}
    )


def settle(
    connection: Connection, store: Store, sources: Sequence[str], *, patience: float = 0.0
) -> list[Batch]:
    """Turn laid-down receipts into batch rows where the lake says the commit happened; strike them out.

    ``patience``: seconds to wait for a killed run's commit that may still be in flight.
    """
    settled: list[Batch] = []
    for row in connection.execute(_sql.open_gatherings, {"sources": list(sources)}).fetchall():
        snapshot = store.committed(row["commit_id"])
        if snapshot is None and patience:
            time.sleep(patience)
            patience = 0.0
            snapshot = store.committed(row["commit_id"])
        if snapshot is not None:
            landed = [
                replace(Batch.from_json(receipt), snapshot=snapshot, commit_id=row["commit_id"])
                for receipt in row["receipts"]
            ]
            save_batches(connection, landed)
            settled += landed
        connection.execute(
            _sql.strike_gathering, {"commit_id": row["commit_id"], "landed": snapshot is not None}
        )
    return settled


def strike(connection: Connection, commit_id: str) -> None:
    """Take back receipts that were laid down; nothing landed under them."""
    connection.execute(_sql.strike_gathering, {"commit_id": commit_id, "landed": True})


def kept_file(home: Path, batch: Batch) -> Path | None:
    """Where the delivered file is kept byte for byte (law 2); None for a database batch."""
    if batch.file_sha256 is None:
        return None
    return file_of(home, batch.file_sha256)


def file_of(home: Path, sha256: str) -> Path:
    return home / "files" / sha256[:2] / sha256


def _row(batch: Batch) -> dict[str, Any]:
    problem = None if batch.problem is None else Jsonb(dict(batch.problem))
    return {
        **asdict(batch),
        "gaps": list(batch.gaps),
        "notices": Jsonb(list(batch.notices)),
        "problem": problem,
    }
