"""Requests: the list and the form."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.casework import KINDS
from jutong.catalogue import entry, entry_items
from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.names import METHODS, SHARE_TYPES, department_names
from jutong.portal.pages.catalogue.examples import look_of
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit
from jutong.share import PURPOSES, EntryItem, Wish, applications, ask, mask_for
from jutong.terms import ShareType

_SQL = named_sql(__file__)

_KIND = KINDS["share_request"]
_COLOURS = {"granted": "now", "delivered": "ok", "refused": "idle", "withdrawn": "idle", "returned": "near",
            "supplement": "wait"}  # fmt: skip


@dataclass(frozen=True)
class RequestsQuestion:
    state: str = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class RequestRow:
    case_id: int
    number: str
    entry: str
    entry_id: int
    consumer: str
    provider: str
    application: str
    method: str
    purpose: str
    items: int
    share_type: int
    created_at: dt.datetime
    colour: str
    state: str
    grant_id: str


@dataclass(frozen=True)
class StateChoice:
    name: str
    label: str


@dataclass(frozen=True)
class Requests:
    """Requests this party asks or answers."""

    asked: RequestsQuestion
    rows: tuple[RequestRow, ...]
    open: int
    states: tuple[StateChoice, ...]
    pager: Pager
    may_ask: bool


@dataclass(frozen=True)
class NewQuestion:
    entry: Annotated[int, Field(title="目录")] = 0


@dataclass(frozen=True)
class OfferedItem:
    name: str
    label: str
    grade: int
    share_type: int
    key: bool
    look: str
    masked: bool
    withheld: bool


@dataclass(frozen=True)
class AppChoice:
    id: str
    name: str


@dataclass(frozen=True)
class NewRequest:
    """The form of a request: the law's fields, the entry's items."""

    entry_id: int
    entry: str
    code: str
    summary: str
    provider: str
    share_type: int
    share_label: str
    condition: str
    use_condition: str
    reply_days: int
    methods: tuple[tuple[str, str], ...]
    items: tuple[OfferedItem, ...]
    applications: tuple[AppChoice, ...]
    purposes: tuple[str, ...]
    #: A year from today, the usual term.
    until: dt.date


@dataclass(frozen=True)
class RequestForm:
    entry: Annotated[int, Field(title="目录")]
    application: Annotated[str, Field(title="用于哪个应用")]
    basis: Annotated[str, Field(title="使用依据", min_length=4, max_length=1000)]
    scene: Annotated[str, Field(title="使用场景", min_length=4, max_length=1000)]
    scope: Annotated[str, Field(title="使用范围", min_length=2, max_length=1000)]
    purpose: Annotated[Literal["行政依据", "工作参考", "数据校核", "业务协同"], Field(title="用途类型")]
    method: Annotated[Literal["api", "table", "file"], Field(title="共享方式")]
    items: Annotated[tuple[str, ...], Field(title="信息项", min_length=1)]
    until: Annotated[dt.date, Field(title="使用时限")]
    row_item: Annotated[str, Field(title="限定哪些行")] = ""
    row_op: Literal["eq", "in", "prefix"] = "eq"
    row_value: Annotated[str, Field(title="行的取值", max_length=2000)] = ""


def listed(visit: Visit, asked: RequestsQuestion) -> Requests:
    """Requests, newest first."""
    visible = visible_to(visit.who, "request", "r")
    values: dict[str, Any] = {"state": asked.state or None}
    counted = visit.connection.execute(_SQL.count_requests.format(visible=visible), values).fetchone()
    assert counted is not None
    pager = Pager.of("/requests", asked, counted["total"], 30)
    values |= {"limit": pager.size, "offset": pager.offset}
    names = department_names(visit.connection)
    return Requests(
        asked=asked,
        rows=tuple(
            _row(row, names)
            for row in visit.connection.execute(_SQL.requests.format(visible=visible), values)
        ),
        open=counted["open"],
        states=tuple(StateChoice(state.name, state.label) for state in _KIND.states),
        pager=pager,
        may_ask=visit.can("request:add"),
    )


def _row(row: dict[str, Any], names: dict[str, str]) -> RequestRow:
    return RequestRow(
        case_id=row["case_id"],
        number=row["number"],
        entry=row["entry"],
        entry_id=row["entry_id"],
        consumer=names.get(row["department_code"], row["department_code"]),
        provider=names.get(row["provider_code"], row["provider_code"]),
        application=row["application"],
        method=METHODS[row["method"]],
        purpose=row["purpose"],
        items=row["items"],
        share_type=row["share_type"],
        created_at=row["created_at"],
        colour=_COLOURS.get(row["state"], "now"),
        state=_KIND.state(row["state"]).label,
        grant_id=row["grant_id"] or "",
    )


def new(visit: Visit, asked: NewQuestion) -> NewRequest:
    """The form of a request for one entry."""
    found = entry(visit.connection, int(visit.given.get("entry") or asked.entry), visit.who)
    visit.must("entry:ask", found)
    mine = applications(visit.connection, visit.who.department_code)
    offered = []
    for item in entry_items(visit.connection, found.id):
        strictest = max(item.share_type, found.share_type)
        shared = EntryItem(item.name, item.label, item.element, item.is_key, strictest, item.grade, item.mask)
        withheld = strictest == ShareType.WITHHELD
        offered.append(
            OfferedItem(
                item.name, item.label, item.grade, strictest, item.is_key, look_of(shared, item.data_type),
                mask_for(shared) is not None, withheld,
            )
        )  # fmt: skip
    methods = [(name, METHODS[name]) for name in found.share_methods if name in ("api", "table", "file")]
    return NewRequest(
        entry_id=found.id,
        entry=found.name,
        code=found.code,
        summary=found.summary,
        provider=found.department_short,
        share_type=found.share_type,
        share_label=SHARE_TYPES[found.share_type],
        condition=found.share_condition,
        use_condition=found.use_condition,
        reply_days=1 if found.share_type == ShareType.UNCONDITIONAL else 10,
        methods=tuple(methods),
        items=tuple(offered),
        applications=tuple(AppChoice(app.id, app.name) for app in mine if app.state == "active"),
        purposes=PURPOSES,
        until=visit.today.replace(year=visit.today.year + 1, day=min(visit.today.day, 28)),
    )


def add(visit: Visit, form: RequestForm) -> Done:
    """File a request; it goes to the head of my department first."""
    wish = Wish(
        entry_id=form.entry,
        application_id=form.application,
        basis=form.basis,
        scene=form.scene,
        scope=form.scope,
        purpose=form.purpose,
        method=form.method,
        items=form.items,
        until=form.until,
        row_filter=row_filter(form),
    )
    made = ask(visit.connection, visit.who, wish, now=visit.now)
    return Done(
        f"/cases/{made.case_id}",
        visit.tell("申请已提出，先由本部门负责人同意"),
        value={"id": made.id, "case_id": made.case_id},
    )


def row_filter(form: RequestForm) -> tuple[dict[str, Any], ...]:
    """One condition, as the form offers; programs may give a list of values with 顿号."""
    if not form.row_item or not form.row_value.strip():
        return ()
    value: Any = form.row_value.strip()
    if form.row_op == "in":
        value = [part.strip() for part in value.replace("，", "、").split("、") if part.strip()]
    return ({"item": form.row_item, "op": form.row_op, "value": value},)


PAGES = (
    Page(
        "requests",
        "/requests",
        listed,
        may="request:read",
        stop="share",
        tab="requests",
        asks=RequestsQuestion,
    ),
    Page(
        "requests.new",
        "/requests/new",
        new,
        may="request:add",
        stop="share",
        tab="requests",
        asks=NewQuestion,
    ),
)
ACTS = (Act("requests.add", "/requests", add, RequestForm, may="request:add", shown_on="/requests/new"),)
