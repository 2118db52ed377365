"""Retention: which batches go from the lake to the archive, which may be destroyed, and what a hold forbids.

A rule is a row: a zone, an entry or a dataset; days until the archive, how many of the newest batches stay, days until
destruction, and the law it rests on.  The narrowest rule decides; a hold wins over every rule.  Going to the archive
costs nothing and happens by itself; destruction is proposed by the rule and approved by a person, so that no clock that
jumped and no slip of the pen destroys anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from psycopg import Connection

from jutong.database import Database, named_sql
from jutong.flows.platform import Platform
from jutong.people import log
from jutong.settings import Settings
from jutong.store import Part, Store
from jutong.terms import BadInput, DatasetName, Denied, JutongError, NotFound, Zone

sql = named_sql(__file__, "retention.sql")

#: One lake commit takes away so many rows and batches at most.
_ROWS, _BATCHES = 2_000_000, 50
#: How long a silent follower of a feed holds batches back, as with snapshots.
_CAP = dt.timedelta(days=30)
EVERYTHING = "全部"


@dataclass(frozen=True)
class Scope:
    """What a rule or a hold is about: everything, a zone, a dataset, or the datasets of an entry."""

    everything: bool = False
    zone: str | None = None
    dataset: str | None = None
    entry_id: int | None = None

    def row(self) -> dict[str, Any]:
        return {"zone": self.zone, "dataset": self.dataset, "entry_id": self.entry_id}


@dataclass(frozen=True)
class RetentionRule:
    id: int
    zone: str | None
    dataset: str | None
    entry_id: int | None
    entry_name: str | None
    archive_days: int
    keep_batches: int
    destroy_days: int | None
    basis: str
    set_by: str
    set_at: dt.datetime
    #: How many datasets it decides over; narrower rules take theirs away.
    datasets: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class LegalHold:
    id: int
    everything: bool
    zone: str | None
    dataset: str | None
    entry_id: int | None
    entry_name: str | None
    reason: str
    placed_by: str
    placed_at: dt.datetime
    released_by: str | None
    released_at: dt.datetime | None
    release_reason: str | None
    datasets: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Ripe:
    """An archived batch that its rule lets go."""

    id: int
    dataset: str
    batch_id: str
    rows: int
    bytes: int
    archived_at: dt.datetime
    received_at: dt.datetime
    file_sha256: str | None
    destroy_days: int
    basis: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Archived:
    """What of one dataset lies in the archive, and how many batches were destroyed."""

    dataset: str
    label: str
    batches: int
    rows: int
    bytes: int
    oldest: dt.datetime | None
    destroyed: int
    held: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Certificate:
    """What remains of a destroyed batch."""

    id: int
    dataset: str
    batch_id: str
    rows: int
    sha256: str
    destroy_asked_by: str
    destroy_reason: str
    destroyed_at: dt.datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def scope_of(connection: Connection[Any], said: str) -> Scope:
    """What a person means: 全部, a zone, ``zone.table``, or an entry's code or number.

    Raises BadInput ``flows.bad_scope``.
    """
    said = said.strip()
    if said == EVERYTHING:
        return Scope(everything=True)
    if said in {str(zone) for zone in Zone}:
        return Scope(zone=said)
    if connection.execute(sql.find_dataset, {"name": said}).fetchone():
        return Scope(dataset=said)
    row = connection.execute(sql.find_entry, {"code": said}).fetchone()
    if row is None:
        raise BadInput(
            "flows.bad_scope",
            f"没有「{said}」：请写 raw 等区名、数据集名（区.表）、目录代码，或「{EVERYTHING}」",
        )
    return Scope(entry_id=row["id"])


def rules(connection: Connection[Any]) -> list[RetentionRule]:
    return [RetentionRule.from_row(row) for row in connection.execute(sql.rules)]


def holds(connection: Connection[Any], limit: int = 100) -> list[LegalHold]:
    return [LegalHold.from_row(row) for row in connection.execute(sql.holds, {"limit": limit})]


def archived(connection: Connection[Any], limit: int = 100) -> list[Archived]:
    return [Archived.from_row(row) for row in connection.execute(sql.parts, {"limit": limit})]


def certificates(connection: Connection[Any], limit: int = 100) -> list[Certificate]:
    return [Certificate.from_row(row) for row in connection.execute(sql.certificates, {"limit": limit})]


def ripe(connection: Connection[Any], limit: int = 100, now: dt.datetime | None = None) -> list[Ripe]:
    """The archived batches that may be destroyed."""
    asked = {"now": now or dt.datetime.now(dt.UTC), "id": None, "limit": limit}
    return [Ripe.from_row(row) for row in connection.execute(sql.ripe, asked)]


def set_rule(
    connection: Connection[Any], scope: Scope, archive_days: int, basis: str, by: str, *,
    keep_batches: int = 1, destroy_days: int | None = None,
) -> int:  # fmt: skip
    """Set the rule of a scope; the one before is ended and stays on record. Returns its number.

    Raises BadInput ``flows.bad_rule``.
    """
    if (
        scope.everything
        or scope.zone not in (None, "raw")
        or not (scope.dataset or "raw.").startswith("raw.")
    ):
        raise BadInput("flows.bad_rule", "留存规则管的是原始区按批次收到的行：请写 raw、raw.表名或目录代码")
    if not basis.strip():
        raise BadInput("flows.bad_rule", "请写明依据（法规条款或文号）")
    if not 1 <= archive_days <= 36500 or not 1 <= keep_batches <= 10000:
        raise BadInput("flows.bad_rule", "归档天数应在 1 至 36500 之间，留在湖里的批数应在 1 至 10000 之间")
    if destroy_days is not None and not archive_days < destroy_days <= 36500:
        raise BadInput("flows.bad_rule", "销毁天数应大于归档天数，至多 36500")
    connection.execute(sql.end_rules_of, scope.row() | {"by": by})
    wanted = {
        "archive_days": archive_days, "keep_batches": keep_batches, "destroy_days": destroy_days, "basis": basis.strip(),
    }  # fmt: skip
    row = connection.execute(sql.add_rule, scope.row() | wanted | {"by": by}).fetchone()
    assert row is not None
    log(connection, "flows:retention:rule", login=by, detail=scope.row() | wanted)
    return int(row["id"])


def end_rule(connection: Connection[Any], rule_id: int, by: str) -> None:
    """Raises NotFound ``flows.no_rule``."""
    if connection.execute(sql.end_rule, {"id": rule_id, "by": by}).fetchone() is None:
        raise NotFound("flows.no_rule", f"没有在用的留存规则 {rule_id}")
    log(connection, "flows:retention:end", login=by, detail={"rule": rule_id})


def place_hold(connection: Connection[Any], scope: Scope, reason: str, by: str) -> int:
    """Freeze what the scope names, from this transaction's end on; returns the hold's number.

    Raises BadInput ``flows.no_reason``.
    """
    if not reason.strip():
        raise BadInput("flows.no_reason", "请写明事由（案号或文号）")
    row = connection.execute(
        sql.add_hold, scope.row() | {"everything": scope.everything, "reason": reason.strip(), "by": by}
    ).fetchone()
    assert row is not None
    log(connection, "flows:hold:place", login=by, detail=scope.row() | {"reason": reason.strip()})
    return int(row["id"])


def release_hold(connection: Connection[Any], hold_id: int, reason: str, by: str) -> None:
    """Raises BadInput ``flows.no_reason``, NotFound ``flows.no_hold``."""
    if not reason.strip():
        raise BadInput("flows.no_reason", "请写明事由（案号或文号）")
    asked = {"id": hold_id, "reason": reason.strip(), "by": by}
    if connection.execute(sql.release_hold, asked).fetchone() is None:
        raise NotFound("flows.no_hold", f"没有在用的冻结 {hold_id}")
    log(connection, "flows:hold:release", login=by, detail={"hold": hold_id, "reason": reason.strip()})


def retain(
    platform: Platform, stop: Callable[[], bool], now: dt.datetime | None = None
) -> tuple[int, list[JutongError]]:
    """Bring to the archive what is due, the oldest first; returns how many batches, and what went wrong with others.

    ``stop`` is asked before each commit.  A dataset that fails stops no other.
    """
    platform.store.settle_archive()
    with platform.database.connection() as connection:
        asked = {"now": now or dt.datetime.now(dt.UTC), "cap": _CAP}
        due = connection.execute(sql.due, asked).fetchall()
    done = 0
    problems: list[JutongError] = []
    for (dataset, rule_id), rows in groupby(
        sorted(due, key=lambda row: (row["dataset"], row["rule_id"])),
        key=lambda row: (row["dataset"], row["rule_id"]),
    ):
        for some in _in_pieces(list(rows)):
            if stop():
                return done, problems
            try:
                done += len(platform.store.archive(dataset, some, rule_id))
            except Denied:
                break  # a hold has come meanwhile
            except JutongError as problem:
                problems.append(problem)
                break
    return done, problems


def _in_pieces(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Batch ids in groups that one commit can bear."""
    pieces: list[list[str]] = []
    held = 0
    for row in rows:
        if not pieces or len(pieces[-1]) == _BATCHES or held + row["given"] > _ROWS:
            pieces.append([])
            held = 0
        pieces[-1].append(row["batch_id"])
        held += row["given"]
    return pieces


def recall_batch(platform: Platform, batch: str, by: str) -> Part:
    """Bring a batch back into the lake, where it stays for at least 30 days."""
    table = batch.rpartition(".")[2]
    part = platform.store.recall(DatasetName(Zone.RAW, table), batch, by)
    with platform.database.connection() as connection:
        log(connection, "flows:archive:recall", login=by, detail={"batch": batch, "rows": part.rows})
    return part


def destroy_batch(
    database: Database, store: Store, settings: Settings, part_id: int, reason: str, by: str,
    now: dt.datetime | None = None,
) -> Part:  # fmt: skip
    """Destroy an archived batch and the file it came as; its row stays as the certificate.

    Raises BadInput ``flows.no_reason``, Denied ``flows.not_ripe`` when its rule does not let it go or a hold stands.
    """
    if not reason.strip():
        raise BadInput("flows.no_reason", "请写明事由（案号或文号）")
    with database.connection() as connection:
        asked = {"now": now or dt.datetime.now(dt.UTC), "id": part_id, "limit": 1}
        row = connection.execute(sql.ripe, asked).fetchone()
    if row is None:
        raise Denied("flows.not_ripe", f"归档 {part_id} 还不能销毁：没有到期的规则，或已被冻结")
    part = store.destroy(part_id, by, reason.strip())
    with database.connection() as connection:
        sha256 = row["file_sha256"]
        if sha256 and not connection.execute(sql.still_wanted, {"sha256": sha256}).fetchone():
            (settings.files_folder / sha256[:2] / sha256).unlink(missing_ok=True)
        facts = {"dataset": part.dataset, "batch": part.batch_id, "rows": part.rows, "sha256": part.sha256}
        log(connection, "flows:archive:destroy", login=by, detail=facts | {"reason": reason.strip()})
    return part
