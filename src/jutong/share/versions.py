"""接口版本: a service is drafted, reviewed, published, and retired with notice; what is published never changes.

    draft ──submit──▶ review ──publish──▶ active ──stop──▶ stopped ──start──▶ active
      ▲────────return────┘                  └── notice given, and the day comes ──▶ retired (410)

A change of a published service is a new version with a name of its own (``company`` → ``company_v2``), so that
callers of the old one notice nothing until they go over; both answer until the old one's day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from jutong.casework import notify
from jutong.database import Connection, named_sql
from jutong.share.grants import last_instant
from jutong.share.services import Offer, Service, checked_service, find_service, now_provided
from jutong.terms import BadInput, Conflict, Denied

_SQL = named_sql(__file__)

#: Whoever is told of the end of a service has at least so many days to go over.
NOTICE_DAYS = 30
#: move → (states it starts from, state it leads to)
SERVICE_MOVES: Mapping[str, tuple[str, str]] = {
    "submit": ("draft", "review"),
    "return": ("review", "draft"),
    "publish": ("review", "active"),
    "stop": ("active", "stopped"),
    "start": ("stopped", "active"),
}


@dataclass(frozen=True)
class ServiceMove:
    """One line of a service's history."""

    at: dt.datetime
    from_state: str
    to_state: str
    note: str
    by_name: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def draft_service(
    connection: Connection, offer: Offer, *, version_of: str | None = None, by_user: int | None = None
) -> Service:
    """Save a draft, or a draft of the next version of ``version_of``, whose name and entry then follow from it.

    Raises what ``publish_service`` raises, Conflict ``share.service_taken`` where the name is no draft of this entry.
    """
    family, version = offer.name, 1
    if version_of is not None:
        before = find_service(connection, version_of)
        found = connection.execute(_SQL.last_version, {"family": before.family}).fetchone()
        family, version = before.family, int(found["version"] if found else 0) + 1
        offer = replace(offer, name=f"{family}_v{version}", entry_id=before.entry_id)
    else:
        known = connection.execute(_SQL.find_service, {"name": offer.name}).fetchone()
        if known is not None:
            family, version = known["family"] or offer.name, known["version"]
    values = {**checked_service(connection, offer), "family": family, "version": version}
    row = connection.execute(_SQL.save_draft, values).fetchone()
    if row is None:
        raise Conflict("share.service_taken", f"服务名 {offer.name} 已在用；要改已发布的服务，请起草新版本")
    _remember(connection, offer.name, "draft", "draft", "", by_user)
    return Service.from_row(row)


def move_service(
    connection: Connection, name: str, move: str, *, note: str = "", by_user: int | None = None
) -> Service:
    """One move of ``SERVICE_MOVES``; who submitted a service does not publish it.

    Raises BadInput ``share.service_move``, Conflict ``share.service_moved``, Denied ``share.service_own_review``.
    """
    if move not in SERVICE_MOVES:
        raise BadInput("share.service_move", f"接口服务没有这一步：{move}")
    before, after = SERVICE_MOVES[move]
    service = find_service(connection, name)
    if move == "publish" and by_user is not None:
        last = connection.execute(_SQL.last_submitter, {"name": name}).fetchone()
        if last is not None and last["by_user"] == by_user:
            raise Denied("share.service_own_review", "提交审核的人不能自己发布，请由另一人审核")
    row = connection.execute(
        _SQL.set_service_state, {"name": name, "before": before, "state": after}
    ).fetchone()
    if row is None:
        raise Conflict("share.service_moved", f"服务 {name} 现在是 {service.state}，不能这样办理")
    _remember(connection, name, before, after, note, by_user)
    if after == "active":
        now_provided(connection, service.entry_id)
    return Service.from_row(row)


def retire_service(
    connection: Connection,
    name: str,
    last_day: dt.date,
    *,
    successor: str | None = None,
    note: str = "",
    by_user: int | None = None,
    now: dt.datetime | None = None,
) -> Service:
    """Give notice that a service ends with ``last_day`` (Asia/Shanghai); every department with a live grant is told.

    Answers carry ``Deprecation`` and ``Sunset`` from now on; after the day they are 410 ``share.service_retired``.
    Raises BadInput ``share.service_notice`` for less than ``NOTICE_DAYS``, Conflict ``share.service_moved``.
    """
    service, moment = find_service(connection, name), now or dt.datetime.now(dt.UTC)
    sunset = last_instant(last_day)
    consumers = [
        row["department_code"]
        for row in connection.execute(_SQL.consumers_of_entry, {"entry": service.entry_id})
    ]
    if sunset < moment + dt.timedelta(days=NOTICE_DAYS if consumers else 0):
        raise BadInput("share.service_notice", f"还有部门在用，须至少提前 {NOTICE_DAYS} 天告知")
    if successor is not None:
        following = find_service(connection, successor)
        if following.entry_id != service.entry_id or following.name == name or following.state != "active":
            raise BadInput("share.service_notice", f"{successor} 不是同一目录的、已发布的接口服务，不能接替")
    values = {"name": name, "now": moment, "sunset": sunset, "successor": successor}
    row = connection.execute(_SQL.give_notice, values).fetchone()
    if row is None:
        raise Conflict("share.service_moved", f"服务 {name} 不在发布状态，不用告知退役")
    _remember(connection, name, "active", "active", note or f"退役告知：用到 {last_day}", by_user)
    instead = f"，请改用 {successor}" if successor else ""
    for code in consumers:
        notify(
            connection, to_department=code, now=now,
            subject=f"接口服务 {name} 将于 {last_day} 后退役",
            body=f"{service.label}（{name}）用到 {last_day}{instead}。{note}",
        )  # fmt: skip
    return Service.from_row(row)


def retire_ended(connection: Connection, now: dt.datetime | None = None) -> list[str]:
    """Services whose day has come are retired in name too; the gate refuses them since that instant anyway."""
    moment = now or dt.datetime.now(dt.UTC)
    names = sorted(row["name"] for row in connection.execute(_SQL.retire_ended, {"now": moment}))
    for name in names:
        _remember(connection, name, "active", "retired", "到期退役", None)
    return names


def service_versions(connection: Connection, family: str) -> list[Service]:
    return [Service.from_row(row) for row in connection.execute(_SQL.versions, {"family": family})]


def service_history(connection: Connection, name: str) -> list[ServiceMove]:
    return [ServiceMove.from_row(row) for row in connection.execute(_SQL.service_moves, {"name": name})]


def _remember(
    connection: Connection, name: str, before: str, after: str, note: str, by_user: int | None
) -> None:
    values = {"name": name, "before": before, "state": after, "note": note, "by_user": by_user}
    connection.execute(_SQL.remember_service_move, values)
