"""授权: issued by the last agreement, suspended, resumed, terminated, expired; never edited into more.

The gate hears of every change within a second: a trigger announces it on ``jutong_grants`` when it commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.share.bounds import EntryItem, entry_items, mask_for, stricter
from jutong.terms import BadInput, Conflict, NotFound, ShareType

_SQL = named_sql(__file__)
_HERE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Grant:
    id: str
    request_id: int
    application_id: str
    department_code: str
    provider_code: str
    entry_id: int
    dataset: str
    items: tuple[str, ...]
    row_filter: tuple[Mapping[str, Any], ...]
    masks: Mapping[str, str]
    grade: int
    purpose: str
    method: str
    valid_from: datetime
    until: datetime
    state: str
    reason: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "items": tuple(row["items"]), "row_filter": tuple(row["row_filter"])})


def issue_grant(connection: Connection, request_id: int, by_user: int | None = None) -> Grant:
    """Turn an agreed request into a grant, in the caller's transaction; a second call returns the same grant.

    Masks follow grade and catalogue at this instant.  Raises Conflict ``share.not_attached`` while the entry has
    no dataset (T6 gives the provider 20 working days for that), ``share.withheld`` if an item has been withheld
    since it was asked for.
    """
    found = connection.execute(_SQL.grant_of_request, {"request_id": request_id}).fetchone()
    if found:
        return Grant.from_row(found)
    request = connection.execute(_SQL.find_request, {"id": request_id}).fetchone()
    if request is None:
        raise NotFound("share.request_unknown", f"没有编号为 {request_id} 的共享申请")
    entry = connection.execute(_SQL.entry_for_request, {"entry": request["entry_id"]}).fetchone()
    if entry is None or not entry["dataset"]:
        raise Conflict("share.not_attached", "目录尚未挂接数据资源，挂接后才能授权")
    items = {item.name: item for item in entry_items(connection, request["entry_id"])}
    withheld = [name for name in request["items"] if not _may_leave(items.get(name))]
    if withheld:
        raise Conflict("share.withheld", f"信息项 {'、'.join(withheld)} 已改为不予共享，请退回申请方修改")
    granted = [items[name] for name in request["items"]]
    row = connection.execute(
        _SQL.add_grant,
        {
            **{name: request[name] for name in _FROM_REQUEST},
            "id": f"G{request_id:06d}",
            "request_id": request_id,
            "dataset": entry["dataset"],
            "row_filter": Jsonb(request["row_filter"]),
            "masks": Jsonb({item.name: mask for item in granted if (mask := mask_for(item))}),
            "grade": max(item.grade for item in granted),
            "until": last_instant(request["until"]),
            "issued_by": by_user,
        },
    ).fetchone()
    assert row is not None
    _remember(connection, row["id"], None, "active", "", by_user)
    return Grant.from_row(row)


_FROM_REQUEST = (
    "application_id",
    "department_code",
    "provider_code",
    "entry_id",
    "items",
    "purpose",
    "method",
)


def last_instant(last_day: date) -> datetime:
    """The first instant at which a grant good until ``last_day`` (inclusive, Asia/Shanghai) is no longer good."""
    return datetime.combine(last_day + timedelta(days=1), time.min, _HERE)


def suspend_grant(connection: Connection, grant_id: str, reason: str, by_user: int | None = None) -> Grant:
    """第27条: provider or steward stops a misused share until it is rectified."""
    return _move(connection, grant_id, ("active",), "suspended", reason, by_user)


def resume_grant(connection: Connection, grant_id: str, by_user: int | None = None, note: str = "") -> Grant:
    """Rectified: the share goes on."""
    return _move(connection, grant_id, ("suspended",), "active", note, by_user, needs_reason=False)


def terminate_grant(connection: Connection, grant_id: str, reason: str, by_user: int | None = None) -> Grant:
    """第27条: for good; what the consumer holds is then disposed of as the provider requires."""
    return _move(connection, grant_id, ("active", "suspended"), "terminated", reason, by_user)


def expire_grants(connection: Connection, now: datetime | None = None) -> list[str]:
    """End every grant whose 使用时限 has passed; returns their ids.  Run by the clock."""
    rows = connection.execute(_SQL.expire_grants, {"now": now or datetime.now(UTC)}).fetchall()
    return sorted(row["grant_id"] for row in rows)


def tighten_grants(connection: Connection, entry_id: int) -> list[str]:
    """After an entry was republished: narrow its living grants to what may still leave (strictest wins).

    Never widens.  Returns the ids of the grants that changed; one with nothing left is suspended.
    """
    items = {item.name: item for item in entry_items(connection, entry_id)}
    changed = []
    for found in connection.execute(_SQL.grants_of_entry, {"entry": entry_id}).fetchall():
        grant = find_grant(connection, found["id"])
        left = [name for name in grant.items if _may_leave(items.get(name))]
        if not left:
            if grant.state == "active":
                suspend_grant(connection, grant.id, "目录调整后，授权的信息项均不予共享")
                changed.append(grant.id)
            continue
        masks = {name: stricter(grant.masks.get(name), mask_for(items[name])) for name in left}
        touched = connection.execute(
            _SQL.tighten_grant,
            {
                "id": grant.id,
                "items": left,
                "masks": Jsonb({name: mask for name, mask in masks.items() if mask}),
            },
        ).rowcount
        if touched:
            changed.append(grant.id)
    return changed


def find_grant(connection: Connection, grant_id: str) -> Grant:
    """Raises NotFound ``share.grant_unknown``."""
    row = connection.execute(_SQL.find_grant, {"id": grant_id}).fetchone()
    if row is None:
        raise NotFound("share.grant_unknown", f"没有编号为 {grant_id} 的授权")
    return Grant.from_row(row)


def grants_of(connection: Connection, application_id: str) -> list[Grant]:
    """Every grant of an application, oldest first."""
    rows = connection.execute(_SQL.grants_of_application, {"application": application_id}).fetchall()
    return [Grant.from_row(row) for row in rows]


def _may_leave(item: EntryItem | None) -> bool:
    return item is not None and item.share_type < ShareType.WITHHELD


def _move(
    connection: Connection,
    grant_id: str,
    wanted: Sequence[str],
    to: str,
    reason: str,
    by_user: int | None,
    *,
    needs_reason: bool = True,
) -> Grant:
    if needs_reason and not reason.strip():
        raise BadInput("share.reason_missing", "暂停或终止共享须说明理由（政务数据共享条例第27条）")
    before = find_grant(connection, grant_id)
    row = connection.execute(
        _SQL.move_grant, {"id": grant_id, "from": list(wanted), "to": to, "reason": reason or None}
    ).fetchone()
    if row is None:
        raise Conflict("share.grant_state", f"授权 {grant_id} 现在是 {before.state}，不能改为 {to}")
    _remember(connection, grant_id, before.state, to, reason, by_user)
    return Grant.from_row(row)


def _remember(
    connection: Connection, grant_id: str, was: str | None, to: str, reason: str, by_user: int | None
) -> None:
    connection.execute(
        _SQL.add_grant_change,
        {"id": grant_id, "from": was, "to": to, "reason": reason, "by_user": by_user},
    )
