"""起草接口: from an attached entry to a draft, step by step; then its moves, and notice of its end."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.portal.asking import read
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit
from jutong.share import (
    SERVICE_KINDS,
    Offer,
    draft_service,
    find_service,
    mask_for,
    move_service,
    retire_service,
    servable,
)

_SQL = named_sql(__file__)

#: kind → what it does, in a sentence.
_ABOUT = {
    "query": "按键查询，返回授权范围内的信息项；可一次问至多 1000 个键",
    "verify": "调用方给出要核对的值，只答是、否或查无，不返回数据",
    "list": "逐页列出全部记录，以后只取变更",
    "statistics": "按分组计数，少于最小计数的不告知",
    "proxy": "转问提供方的实时接口，数据不落平台",
}


@dataclass(frozen=True)
class NewQuestion:
    entry: Annotated[int | None, Field(title="目录")] = None
    kind: Annotated[Literal["query", "verify", "list", "statistics", "proxy"], Field(title="类型")] = "query"
    #: The service whose next version is drafted.
    of: Annotated[str, Field(title="改自", max_length=63)] = ""
    q: Annotated[str, Field(title="目录名称", max_length=60)] = ""


@dataclass(frozen=True)
class EntryChoice:
    id: int
    name: str
    dataset: str
    services: int


@dataclass(frozen=True)
class KindChoice:
    kind: str
    label: str
    about: str
    chosen: bool


@dataclass(frozen=True)
class ItemChoice:
    name: str
    label: str
    element: str
    grade: int
    mask: str
    asked_by: bool
    answered: bool


@dataclass(frozen=True)
class NewService:
    """A service being drafted: first which entry, then which kind, then which items."""

    asked: NewQuestion
    entries: tuple[EntryChoice, ...]
    entry_id: int | None
    entry: str
    kinds: tuple[KindChoice, ...]
    items: tuple[ItemChoice, ...]
    #: Where the keys are the interface's own.
    fixed: bool
    name: str
    label: str
    max_rows: int
    least: int
    past_days: int | None = None


@dataclass(frozen=True)
class DraftForm:
    entry: Annotated[int, Field(title="目录")]
    keys: Annotated[tuple[str, ...], Field(title="查询项", min_length=1)]
    kind: Annotated[Literal["query", "verify", "list", "statistics", "proxy"], Field(title="类型")] = "query"
    items: Annotated[tuple[str, ...], Field(title="返回项")] = ()
    name: Annotated[str, Field(title="服务名", max_length=63)] = ""
    of: Annotated[str, Field(title="改自", max_length=63)] = ""
    label: Annotated[str, Field(title="名称", max_length=100)] = ""
    max_rows: Annotated[int, Field(title="一次最多行数", ge=1, le=10_000)] = 100
    least: Annotated[int, Field(title="最小计数", ge=2, le=1_000)] = 10
    past_days: Annotated[int | None, Field(title="可回溯天数", ge=1, le=3_660)] = None


@dataclass(frozen=True)
class MoveForm:
    move: Literal["submit", "return", "publish", "stop", "start"]
    note: Annotated[str, Field(title="说明", max_length=500)] = ""


@dataclass(frozen=True)
class EndForm:
    last_day: Annotated[dt.date, Field(title="最后一天")]
    successor: Annotated[str, Field(title="由谁接替", max_length=63)] = ""
    note: Annotated[str, Field(title="说明", max_length=500)] = ""


def build(visit: Visit, asked: NewQuestion) -> NewService:
    """Draft a service, or a new version of one."""
    if visit.given:  # the form again, with what was wrong
        posted = {name: visit.given.get(name) or None for name in ("entry", "kind", "of")}
        asked = read(NewQuestion, {name: value for name, value in posted.items() if value})
    before = find_service(visit.connection, asked.of) if asked.of else None
    entry_id = before.entry_id if before else asked.entry
    entries = entries_to_draft(visit, asked.q) if entry_id is None else ()
    row = visit.connection.execute(_SQL.entry_to_draft, {"entry": entry_id}).fetchone() if entry_id else None
    if row is None:
        return NewService(
            asked, entries, None, "", (), (), fixed=False, name="", label="", max_rows=100, least=10
        )
    visit.must("service:edit", row)
    offered, dataset_keys = servable(visit.connection, row["id"], row["dataset"])
    live = row["dataset"].startswith("live.")
    kind = before.kind if before else "proxy" if live else asked.kind
    keys = before.keys if before else dataset_keys if live or kind in ("query", "verify") else []
    items = tuple(
        ItemChoice(
            item.name, item.label, item.element or "", item.grade, mask_for(item) or "", item.name in keys,
            before is None or item.name in before.items,
        )
        for item in offered
    )  # fmt: skip
    kinds = tuple(
        KindChoice(name, label, _ABOUT[name], name == kind)
        for name, label in SERVICE_KINDS.items()
        if (name == "proxy") == live
    )
    return NewService(
        asked=asked, entries=(), entry_id=row["id"], entry=row["name"], kinds=kinds, items=items, fixed=live,
        name=before.name if before else row["dataset"].partition(".")[2], label=before.label if before else row["name"],
        max_rows=before.max_rows if before else 100, least=before.least if before else 10,
        past_days=before.past_days if before else None,
    )  # fmt: skip


def entries_to_draft(visit: Visit, text: str) -> tuple[EntryChoice, ...]:
    """The department's entries, or for the steward all, that a service may be drafted for."""
    department = None if "steward" in visit.who.roles else visit.who.department_code
    rows = visit.connection.execute(_SQL.draftable, {"text": text or None, "department": department})
    return tuple(EntryChoice(row["id"], row["name"], row["dataset"], row["services"]) for row in rows)


def draft(visit: Visit, form: DraftForm) -> Done:
    """Save a draft; nothing is answered before it is reviewed and published."""
    row = visit.connection.execute(_SQL.entry_to_draft, {"entry": form.entry}).fetchone()
    visit.must("service:edit", row or {"department_code": ""})
    made = draft_service(
        visit.connection,
        Offer(
            name=form.name,
            entry_id=form.entry,
            keys=form.keys,
            items=form.items or None,
            label=form.label or None,
            max_rows=form.max_rows,
            kind=form.kind,
            least=form.least,
            past_days=form.past_days,
        ),
        version_of=form.of or None,
        by_user=visit.who.user_id or None,
    )
    return Done(
        f"/services/{made.name}",
        visit.tell("接口服务 {name} 已存为草稿，提交审核后发布", name=made.name),
        value={"name": made.name, "version": made.version},
    )


def act(visit: Visit, form: MoveForm) -> Done:
    """Submit, return or publish a draft; stop or resume what is published."""
    service = find_service(visit.connection, visit.path["name"])
    visit.must("service:publish" if form.move in ("return", "publish") else "service:edit", service)
    moved = move_service(
        visit.connection, service.name, form.move, note=form.note, by_user=visit.who.user_id or None
    )
    said = visit.tell("接口服务 {name}：{state}", name=moved.name, state=visit.tell(STATES[moved.state][1]))
    return Done(f"/services/{moved.name}", said, value={"name": moved.name, "state": moved.state})


def end(visit: Visit, form: EndForm) -> Done:
    """Give notice that a service ends; whoever holds a grant is told."""
    service = find_service(visit.connection, visit.path["name"])
    visit.must("service:publish", service)
    retire_service(
        visit.connection, service.name, form.last_day, successor=form.successor or None, note=form.note,
        by_user=visit.who.user_id or None, now=visit.now,
    )  # fmt: skip
    return Done(
        f"/services/{service.name}",
        visit.tell("已告知使用部门：{name} 用到 {day}", name=service.name, day=form.last_day.isoformat()),
    )


STATES = {
    "draft": ("idle", "草稿"),
    "review": ("near", "待审核"),
    "active": ("ok", "可调用"),
    "stopped": ("idle", "已停止"),
    "retired": ("idle", "已退役"),
}
_PATH = "/services/{name}"
PAGES = (
    Page(
        "services.new",
        "/services/new",
        build,
        may="service:edit",
        stop="share",
        tab="services",
        asks=NewQuestion,
    ),
)
ACTS = (
    Act("services.draft", "/services/new", draft, DraftForm, may="service:edit", shown_on="/services/new"),
    Act("services.review", _PATH + "/moves", act, MoveForm, may="service:read", shown_on=_PATH),
    Act("services.end", _PATH + "/end", end, EndForm, may="service:publish", shown_on=_PATH),
)
