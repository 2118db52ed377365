"""The security log: who did what to accounts and sessions, ``source:subject:action``; append only, six months.

A retired event stays in the list as a comment: old rows still carry it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.people.decisions import visible_to
from jutong.people.party import Party

_SQL = named_sql(__file__)


class Event(StrEnum):
    """What people do with accounts; other rooms write their own words of the same grammar."""

    SESSION_OPEN = "people:session:open"
    SESSION_REFUSE = "people:session:refuse"
    SESSION_CLOSE = "people:session:close"
    ACCOUNT_ADD = "people:account:add"
    ACCOUNT_LOCK = "people:account:lock"
    ACCOUNT_UNLOCK = "people:account:unlock"
    ACCOUNT_DISABLE = "people:account:disable"
    ACCOUNT_ENABLE = "people:account:enable"
    PASSWORD_CHANGE = "people:password:change"  # noqa: S105 - an event, not a password
    PASSWORD_RESET = "people:password:reset"  # noqa: S105
    FACTOR_ENROL = "people:factor:enrol"
    FACTOR_FORGET = "people:factor:forget"
    ROLE_GRANT = "people:role:grant"
    ROLE_REVOKE = "people:role:revoke"


#: event → what a page says.
EVENT_LABELS = {
    "people:session:open": "登录",
    "people:session:refuse": "登录被拒",
    "people:session:close": "退出",
    "people:account:add": "建账号",
    "people:account:lock": "账号锁定",
    "people:account:unlock": "解除锁定",
    "people:account:disable": "停用账号",
    "people:account:enable": "启用账号",
    "people:password:change": "改口令",
    "people:password:reset": "重置口令",
    "people:factor:enrol": "绑定动态口令",
    "people:factor:forget": "解绑动态口令",
    "people:role:grant": "授予角色",
    "people:role:revoke": "收回角色",
}


@dataclass(frozen=True)
class SecurityEvent:
    id: int
    at: dt.datetime
    event: str
    user_id: int | None
    login: str
    department_code: str | None
    address: str
    detail: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def log(
    conn: Connection,
    event: str,
    *,
    party: Party | None = None,
    login: str = "",
    at: dt.datetime | None = None,
    address: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Keep one event; it commits with the caller's transaction, so a refusal is returned, never raised."""
    conn.execute(
        _SQL.add_security_event,
        {
            "at": at,
            "event": event,
            "user_id": party.user_id or None if party else None,
            "login": party.login if party else login[:200],
            "department_code": party.department_code or None if party else None,
            "address": address,
            "detail": Jsonb(dict(detail or {})),
        },
    )


def security_events(
    conn: Connection,
    party: Party,
    *,
    event: str | None = None,
    limit: int = 100,
    before_id: int | None = None,
) -> list[SecurityEvent]:
    """Newest first; the auditor sees all, everybody his own."""
    query = _SQL.security_events.format(visible=visible_to(party, "security_event"))
    rows = conn.execute(query, {"event": event, "before": before_id, "limit": limit})
    return [SecurityEvent.from_row(row) for row in rows]
