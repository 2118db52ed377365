"""Batches: the list and one receipt."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.gather import Batch, batch, chunks, kept_file
from jutong.outside import KINDS
from jutong.people import visible_to
from jutong.portal import saying
from jutong.portal.pages.issues.reading import IssueQuestion, Issues, issues_of_batch
from jutong.portal.pages.sources.route import BATCH_STATES, MODES, told
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

_SQL = named_sql(__file__)
_SIZE = 40


@dataclass(frozen=True)
class BatchesQuestion:
    q: Annotated[str, Field(title="表")] = ""
    table: str = ""
    source: str = ""
    department: str = ""
    state: Literal["", "received", "refined", "held", "failed"] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class Equation:
    """given = accepted + rejected + duplicates; ``given`` was counted while reading, never summed."""

    given: int
    accepted: int
    rejected: int
    duplicates: int

    @property
    def holds(self) -> bool:
        return self.given == self.accepted + self.rejected + self.duplicates


@dataclass(frozen=True)
class BatchRow:
    id: str
    table: str
    label: str
    department: str
    kind: str
    mode: str
    received_at: dt.datetime
    given: int | None
    accepted: int | None
    rejected: int | None
    duplicates: int | None
    score: float | None
    state: tuple[str, str]
    problem: str


@dataclass(frozen=True)
class Batches:
    """Deliveries, newest first, and the equation over all of them."""

    asked: BatchesQuestion
    rows: tuple[BatchRow, ...]
    equation: Equation
    #: Rows received and not yet refined.
    waiting: int
    pager: Pager


@dataclass(frozen=True)
class Past:
    id: str
    day: dt.date
    share: float


@dataclass(frozen=True)
class NoticeRow:
    code: str
    sentence: str


@dataclass(frozen=True)
class ChunkRow:
    no: int
    given: int
    bytes: int
    digest: str
    #: How often it was read again, for the source had changed while the run was interrupted.
    again: int


@dataclass(frozen=True)
class BatchPage:
    """One delivery: the equation, the receipt, its issue rows."""

    id: str
    table: str
    label: str
    source: str
    department: str
    department_code: str
    kind: str
    mode: str
    state: tuple[str, str]
    problem: str
    held_reason: str
    received_at: dt.datetime
    bytes: int | None
    digest: str
    digest_kind: str
    #: The commits it landed in, each with its rows and its own digest; none where it landed in one.
    chunks: tuple[ChunkRow, ...]
    file_name: str
    #: Rows of the file kept out for they do not fit its header.
    set_aside: int
    watermark: tuple[str, str]
    snapshot: int | None
    equation: Equation | None
    flagged: int
    score: float | None
    past: tuple[Past, ...]
    notices: tuple[NoticeRow, ...]
    noticed: int
    issues: Issues | None
    may_see_issues: bool
    may_export: bool
    has_file: bool
    #: Where what was sent back is given again, mended; empty where this party does not give it by hand.
    again: str


def listed(visit: Visit, asked: BatchesQuestion) -> Batches:
    """Batches."""
    values: dict[str, Any] = {
        "table": asked.table or None, "source": asked.source or None, "department": asked.department or None,
        "state": asked.state or None, "text": asked.q or None,
    }  # fmt: skip
    visible = visible_to(visit.who, "batch", "s")
    counted = visit.connection.execute(_SQL.count_batches.format(visible=visible), values).fetchone()
    assert counted is not None
    pager = Pager.of("/batches", asked, counted["total"], _SIZE)
    values |= {"limit": pager.size, "offset": pager.offset}
    rows = visit.connection.execute(_SQL.batches.format(visible=visible), values)
    given = counted["accepted"] + counted["rejected"] + counted["duplicates"]
    return Batches(
        asked=asked,
        rows=tuple(_row(row) for row in rows),
        equation=Equation(
            counted["given"] - counted["waiting"],
            counted["accepted"],
            counted["rejected"],
            counted["duplicates"],
        )
        if given
        else Equation(0, 0, 0, 0),
        waiting=counted["waiting"],
        pager=pager,
    )


def _row(row: dict[str, Any]) -> BatchRow:
    return BatchRow(
        id=row["id"],
        table=row["source_table"],
        label=row["label"],
        department=row["department"],
        kind=KINDS.get(row["kind"], row["kind"]),
        mode=MODES[row["mode"]],
        received_at=row["received_at"],
        given=row["given"],
        accepted=row["accepted"],
        rejected=row["rejected"],
        duplicates=row["duplicates"],
        score=float(row["score"]) if row["score"] is not None else None,
        state=BATCH_STATES[row["state"]],
        problem=told(row["problem"]),
    )


def visible_batch(visit: Visit) -> dict[str, Any]:
    """The batch of this address, if this party may see it."""
    row = batch(visit.connection, visit.path["batch_id"])
    if not visit.can("batch:read", row):
        raise NotFound("gather.no_batch", f"没有批次 {row['id']}，或不是您部门的")
    return row


def build(visit: Visit, asked: IssueQuestion) -> BatchPage:
    """One batch."""
    row = visible_batch(visit)
    refined = visit.connection.execute(_SQL.refinement, {"id": row["id"]}).fetchone()
    past = visit.connection.execute(_SQL.past, {"table": row["source_table"]}).fetchall()
    may_see = visit.can("issue:read", row)
    has_issues = refined is not None and refined["issues"] > 0 and may_see
    return BatchPage(
        id=row["id"],
        table=row["source_table"],
        label=row["label"],
        source=row["source_name"],
        department=row["department"],
        department_code=row["department_code"],
        kind=KINDS.get(row["kind"], row["kind"]),
        mode=MODES[row["mode"]],
        state=BATCH_STATES[row["state"]],
        problem=told(row["problem"]),
        held_reason=(refined or {}).get("held_reason") or "",
        received_at=row["received_at"],
        bytes=row["bytes"],
        digest=row["file_sha256"] or (row["content_hash"] or "").rpartition(":")[2],
        digest_kind=_digest_kind(row),
        chunks=_chunks(visit, row),
        file_name=row["file_name"] or "",
        set_aside=row["set_aside"],
        watermark=(row["watermark_from"] or "", row["watermark_to"] or ""),
        snapshot=row["snapshot"],
        equation=_equation(row, refined),
        flagged=refined["flagged"] if refined else 0,
        score=float(refined["score"]) if refined and refined["score"] is not None else None,
        past=tuple(
            Past(one["id"], saying.local(one["received_at"]).date(), 100 * one["rejected"] / one["given"])
            for one in past
        ),
        notices=tuple(NoticeRow(one["code"], told(one)) for one in row["notices"][:20]),
        noticed=row["noticed"],
        issues=issues_of_batch(visit, row, asked) if has_issues else None,
        may_see_issues=may_see,
        may_export=visit.can("issue:export", row),
        has_file=row["file_sha256"] is not None,
        again=_again(visit, row, refined),
    )


def _again(visit: Visit, row: dict[str, Any], refined: dict[str, Any] | None) -> str:
    if not refined or not refined["rejected"] or row["kind"] != "file" or not visit.can("source:run", row):
        return ""
    form = visit.connection.execute(_SQL.open_form, {"table": row["source_table"]}).fetchone()
    return f"/forms/{row['source_table']}" if form else f"/arrivals?table={row['source_table']}"


def _digest_kind(row: dict[str, Any]) -> str:
    if row["file_sha256"]:
        return "SHA-256，收到时逐字节算出"
    if (row["content_hash"] or "").startswith("files:"):
        return "各段落盘文件的 SHA-256，合为一个"
    return "内容哈希，逐行合计，与次序无关"


def _chunks(visit: Visit, row: dict[str, Any]) -> tuple[ChunkRow, ...]:
    return tuple(
        ChunkRow(one["no"] + 1, one["given"], one["bytes"], one["digest"], one["attempt"])
        for one in chunks(visit.connection, row["id"])
    )


def _equation(row: dict[str, Any], refined: dict[str, Any] | None) -> Equation | None:
    if refined is None or row["given"] is None:
        return None
    return Equation(row["given"], refined["accepted"], refined["rejected"], refined["duplicates"])


def receipt(visit: Visit, _: NoQuestion) -> Download:
    """The receipt of a batch, signed by the platform's key."""
    row = visible_batch(visit)
    kept = Batch.from_row(row)
    told = asdict(kept)
    del told["gaps"]  # how a clerk counts, not what came
    body = json.dumps(
        {**told, "notices": list(kept.notices), "department": row["department"], "label": row["label"]},
        ensure_ascii=False, indent=1, default=str, sort_keys=True,
    )  # fmt: skip
    keys = visit.rooms.keys
    signature = keys.sign("receipt", body.encode()).hex()
    text = f"{body}\n— 平台密钥 {keys.public_key('receipt').hex()}\n— Ed25519 签名 {signature}\n"
    name = f"收件回执-{row['label']}-{saying.iso_day(row['received_at'])}.txt"
    return Download(name, "text/plain; charset=utf-8", text.encode())


def original(visit: Visit, _: NoQuestion) -> Download:
    """The delivered file, byte for byte as it came."""
    row = visible_batch(visit)
    visit.must("issue:export", row)
    path = kept_file(visit.rooms.settings.home, Batch.from_row(row))
    if path is None or not path.exists():
        raise NotFound("portal.no_file", "这一批不是文件报送的，没有原文件")
    return Download(row["file_name"] or path.name, "application/octet-stream", path)


_PATH = "/batches/{batch_id}"
PAGES = (
    Page("batches", "/batches", listed, may="batch:read", stop="gather", tab="batches", asks=BatchesQuestion),
    Page("batches.batch", _PATH, build, may="batch:read", stop="gather", tab="batches", asks=IssueQuestion),
    Page("batches.receipt", _PATH + "/receipt", receipt, may="batch:read"),
    Page("batches.file", _PATH + "/file", original, may="issue:export"),
)
ACTS: tuple[Act, ...] = ()
