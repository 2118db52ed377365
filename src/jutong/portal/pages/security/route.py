"""The security log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong.people import EVENT_LABELS, security_events
from jutong.portal.names import department_names
from jutong.portal.routes import Act, Page
from jutong.portal.visits import Visit

_SIZE = 100
LABELS = {
    **EVENT_LABELS, "portal:token:rotate": "换应用令牌", "portal:token:revoke": "吊销应用令牌",
    "portal:signing_key:add": "加签名密钥", "portal:signing_key:drop": "停用签名密钥",
    "portal:application:move": "停用或恢复应用", "portal:application:scope": "改应用范围",
    "gather:token:issue": "发推送令牌", "gather:token:rotate": "轮换推送令牌", "gather:token:revoke": "吊销推送令牌",
    "portal:subject:read": "查谁看过", "portal:record:read": "查看主体",
    "flows:retention:rule": "定留存规则", "flows:retention:end": "停用留存规则", "flows:hold:place": "冻结数据",
    "flows:hold:release": "解除冻结", "flows:archive:recall": "取回归档", "flows:archive:destroy": "销毁归档",
    "flows:backup:plan": "定备份计划",
    "flows:purge:apply": "申请依法清除", "flows:purge:confirm": "确认依法清除", "flows:purge:refuse": "不同意清除",
    "flows:purge:done": "依法清除完成",
    "portal:extract:make": "生成文件", "portal:extract:trace": "查文件给过谁",
}  # fmt: skip


@dataclass(frozen=True)
class SecurityQuestion:
    event: Annotated[str, Field(title="事件")] = ""
    #: Older than this one.
    before: Annotated[int | None, Field(title="早于")] = None


@dataclass(frozen=True)
class EventRow:
    id: int
    at: dt.datetime
    event: str
    label: str
    login: str
    department: str
    address: str
    detail: Mapping[str, Any]
    refused: bool


@dataclass(frozen=True)
class EventChoice:
    name: str
    label: str


@dataclass(frozen=True)
class SecurityLog:
    """Security events, newest first; the auditor sees all, everybody his own."""

    asked: SecurityQuestion
    rows: tuple[EventRow, ...]
    events: tuple[EventChoice, ...]
    #: The id to go on from, where there is more.
    older: int | None
    all: bool


def build(visit: Visit, asked: SecurityQuestion) -> SecurityLog:
    """The security log."""
    found = security_events(
        visit.connection, visit.who, event=asked.event or None, limit=_SIZE + 1, before_id=asked.before
    )
    names = department_names(visit.connection)
    rows = tuple(
        EventRow(
            id=one.id, at=one.at, event=one.event, label=LABELS.get(one.event, one.event), login=one.login,
            department=names.get(one.department_code or "", ""), address=one.address, detail=one.detail,
            refused=one.event.endswith((":refuse", ":lock")),
        )
        for one in found[:_SIZE]
    )  # fmt: skip
    return SecurityLog(
        asked=asked,
        rows=rows,
        events=tuple(EventChoice(name, label) for name, label in LABELS.items()),
        older=rows[-1].id if len(found) > _SIZE else None,
        all="auditor" in visit.who.roles,
    )


PAGES = (
    Page(
        "security",
        "/security",
        build,
        may="security_event:read",
        stop="oversee",
        tab="security",
        asks=SecurityQuestion,
    ),
)
ACTS: tuple[Act, ...] = ()
