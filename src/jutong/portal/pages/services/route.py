"""Lists of services, one service, publishing and stopping."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.drawing import days
from jutong.portal.names import GRANT_COLOURS, GRANT_STATES, department_names
from jutong.portal.pages.services.console import gate_of
from jutong.portal.pages.services.drafting import STATES
from jutong.portal.pages.services.examples import Example, examples
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import (
    NOTICE_DAYS,
    SERVICE_KINDS,
    Offer,
    Service,
    columns_of,
    counted_beside,
    describe,
    find_interface,
    find_service,
    leaving_sql,
    meter_by,
    move_service,
    openapi,
    publish_service,
    servable,
    service_history,
    service_versions,
)
from jutong.store import Bounds
from jutong.terms import BadInput

_SQL = named_sql(__file__)
#: What the query of a draft may take to be shown as it would answer.
SAMPLED = Bounds(seconds=15.0, memory_mb=512, spill_mb=1024, rows=1_000_000)


@dataclass(frozen=True)
class ServicesQuestion:
    q: Annotated[str, Field(title="服务")] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class ServiceRow:
    name: str
    label: str
    entry: str
    entry_id: int
    provider: str
    keys: tuple[str, ...]
    items: int
    grants: int
    times: int
    records: int
    kind: str
    version: int
    state: tuple[str, str]
    #: The last day of a service that has been given notice.
    sunset_at: dt.datetime | None


@dataclass(frozen=True)
class Services:
    """What the gate answers, the most used first."""

    asked: ServicesQuestion
    rows: tuple[ServiceRow, ...]
    pager: Pager
    may_draft: bool


@dataclass(frozen=True)
class ServiceItem:
    name: str
    label: str
    type: str
    element: str
    grade: int
    key: bool


@dataclass(frozen=True)
class ServiceUser:
    grant_id: str
    application: str
    department: str
    items: int
    colour: str
    state: str
    until: dt.datetime


@dataclass(frozen=True)
class Refusal:
    code: str
    times: int


@dataclass(frozen=True)
class Day:
    day: dt.date
    times: int
    records: int


@dataclass(frozen=True)
class Version:
    name: str
    version: int
    state: tuple[str, str]


@dataclass(frozen=True)
class Step:
    """One line of its history."""

    at: dt.datetime
    title: str
    text: str
    state: str


@dataclass(frozen=True)
class Live:
    """The provider's interface behind a proxy."""

    label: str
    #: Where it is, without what it is asked.
    host: str
    seconds: float
    places: int
    max_age: int


@dataclass(frozen=True)
class Sample:
    """What a draft would answer, masked as the catalogue says: a few rows, for who reviews it."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: Why there are none, of a query.
    problem: str = ""


@dataclass(frozen=True)
class ServicePage:
    """One service: how it is called, by whom, how much."""

    name: str
    label: str
    active: bool
    state: tuple[str, str]
    step: str
    version: int
    versions: tuple[Version, ...]
    history: tuple[Step, ...]
    sunset_at: dt.datetime | None
    successor: str
    live: Live | None
    sample: Sample | None
    notice_days: int
    entry: str
    entry_id: int
    entry_code: str
    provider: str
    dataset: str
    max_rows: int
    items: tuple[ServiceItem, ...]
    users: tuple[ServiceUser, ...]
    days: tuple[Day, ...]
    times: int
    records: int
    refusals: tuple[Refusal, ...]
    #: Where the gate listens, as the example of a call shows it.
    gate: str
    kind: str
    #: statistics: counts below this are not told.
    least: int
    #: How many days back it may be asked as of; 0: not at all.
    past_days: int
    examples: tuple[Example, ...]
    #: The SELECT it answers from, as written; its datasets; what tells its rows apart.
    sql: str
    tables: tuple[str, ...]
    #: Services that tell of other groups of the same subjects.
    beside: tuple[str, ...]
    unique: str
    may_edit: bool
    may_publish: bool
    may_ask: bool


@dataclass(frozen=True)
class ServiceForm:
    name: Annotated[str, Field(title="服务名", max_length=63)]
    entry: Annotated[int, Field(title="目录")]
    keys: Annotated[tuple[str, ...], Field(title="查询项", min_length=1)]
    label: Annotated[str, Field(title="名称", max_length=100)] = ""
    max_rows: Annotated[int, Field(title="一次最多行数", ge=1, le=10_000)] = 100
    kind: Annotated[Literal["query", "verify", "list", "statistics", "proxy"], Field(title="类型")] = "query"
    least: Annotated[int, Field(title="最小计数", ge=2, le=1_000)] = 10
    past_days: Annotated[int | None, Field(title="可回溯天数", ge=1, le=3_660)] = None


@dataclass(frozen=True)
class ServiceMove:
    move: Literal["stop", "start"]


def listed(visit: Visit, asked: ServicesQuestion) -> Services:
    """Services, the most used first."""
    values: dict[str, Any] = {"text": asked.q or None}
    counted = visit.connection.execute(_SQL.count_services, values).fetchone()
    pager = Pager.of("/services", asked, counted["total"] if counted else 0, 30)
    rows = visit.connection.execute(_SQL.services, {**values, "limit": pager.size, "offset": pager.offset})
    names = department_names(visit.connection)
    return Services(
        asked,
        tuple(
            ServiceRow(
                name=row["name"], label=row["label"], entry=row["entry"], entry_id=row["entry_id"],
                provider=names.get(row["department_code"], str(row["department_code"])), keys=tuple(row["keys"]),
                items=row["items"], grants=row["grants"], times=row["times"], records=row["records"],
                kind=SERVICE_KINDS[row["kind"]], version=row["version"], state=STATES[row["state"]],
                sunset_at=row["sunset_at"],
            )
            for row in rows
        ),
        pager,
        visit.can("service:edit", {"department_code": visit.who.department_code}),
    )  # fmt: skip


def build(visit: Visit, _: NoQuestion) -> ServicePage:
    """One service."""
    service = find_service(visit.connection, visit.path["name"])
    entry = visit.connection.execute(_SQL.entry_code, {"entry": service.entry_id}).fetchone()
    assert entry is not None
    used = _used(visit, service.name)
    names = department_names(visit.connection)
    settings = visit.rooms.settings
    return ServicePage(
        name=service.name,
        label=service.label,
        active=service.state == "active",
        state=STATES[service.state],
        step=service.state,
        version=service.version,
        versions=tuple(
            Version(one.name, one.version, STATES[one.state])
            for one in service_versions(visit.connection, service.family)
        ),
        history=_history(visit, service.name),
        sunset_at=service.sunset_at,
        successor=service.successor or "",
        live=_live(visit, service),
        sample=_sample(visit, service),
        notice_days=NOTICE_DAYS,
        entry=entry["name"],
        entry_id=service.entry_id,
        entry_code=entry["code"],
        provider=names.get(service.department_code, service.department_code),
        dataset=service.dataset,
        max_rows=service.max_rows,
        items=_items(visit, service),
        users=_users(visit, service.entry_id, names),
        days=used,
        times=sum(day.times for day in used),
        records=sum(day.records for day in used),
        refusals=tuple(
            Refusal(row["code"], row["times"])
            for row in visit.connection.execute(_SQL.refusals, {"name": service.name})
        ),
        gate=gate_of(settings),
        kind=SERVICE_KINDS[service.kind],
        least=service.least if service.kind == "statistics" else 0,
        past_days=service.past_days or 0,
        examples=examples(service, gate_of(settings)),
        sql=service.selection.written if service.selection else "",
        tables=tuple(view.dataset for view in service.selection.views) if service.selection else (),
        beside=counted_beside(visit.connection, service),
        unique="，".join(service.selection.keys) if service.selection else "",
        may_edit=visit.can("service:edit", service),
        may_publish=visit.can("service:publish", service),
        may_ask=visit.can("request:add"),
    )  # fmt: skip


def _items(visit: Visit, service: Service) -> tuple[ServiceItem, ...]:
    """What it is asked by, then what it answers."""
    offered, _keys = servable(visit.connection, service.entry_id, service.dataset, service.selection)
    known = {item.name: item for item in offered}
    columns = columns_of(visit.connection, service.dataset, service.selection)
    return tuple(
        ServiceItem(
            name,
            known[name].label,
            columns[name].type,
            known[name].element or "",
            known[name].grade,
            name in service.keys,
        )
        for name in dict.fromkeys((*service.keys, *service.items))
        if name in known
    )


def _used(visit: Visit, name: str) -> tuple[Day, ...]:
    """Thirty days up to today."""
    since = visit.today - dt.timedelta(days=29)
    rows = {
        row["day"]: row for row in meter_by(visit.connection, ["day"], since=since, where={"resource": name})
    }
    counted = days({day: row["times"] for day, row in rows.items()}, visit.today)
    return tuple(Day(day, times, rows[day]["records"] if day in rows else 0) for day, times in counted)


def _history(visit: Visit, name: str) -> tuple[Step, ...]:
    """Newest first."""
    return tuple(
        Step(
            one.at,
            visit.tell(STATES[one.to_state][1]) if one.to_state != one.from_state else one.note or visit.tell("保存"),
            "，".join(filter(None, (one.by_name, one.note if one.to_state != one.from_state else ""))),
            STATES[one.to_state][0],
        )
        for one in reversed(service_history(visit.connection, name))
    )  # fmt: skip


def _live(visit: Visit, service: Service) -> Live | None:
    if service.kind != "proxy":
        return None
    found = find_interface(visit.connection, service.dataset)
    host = urlsplit(found.way.url).netloc if visit.can("service:edit", service) else ""
    return Live(found.label, host, found.way.timeout, found.way.concurrency, found.way.max_age)


def _sample(visit: Visit, service: Service) -> Sample | None:
    """Only before it is published, and only for those whose data it is."""
    if service.state not in ("draft", "review") or (service.kind != "query" and not service.selection):
        return None
    if not visit.can("dataset:preview", {"department_code": service.department_code}):
        return None
    leaving = describe(visit.connection, service).items
    columns = ", ".join(f"CAST({leaving_sql(out)} AS VARCHAR)" for out in leaving)
    names = tuple(out.item.label or out.item.name for out in leaving)
    made = None
    if service.selection is not None:
        try:
            made = visit.rooms.store.people_sql(service.selection.sql, service.selection.seen(), SAMPLED)
        except BadInput as problem:
            return Sample(names, (), problem.sentence)
    with visit.rooms.store.reading() as view:
        if made is not None:
            view.register("_selected", made)
        source = view.table(service.dataset) if made is None else "_selected"
        rows = view.arrow(f"SELECT {columns} FROM {source} LIMIT 3").to_pydict().values()
    told = tuple(
        tuple("" if value is None else str(value) for value in row) for row in zip(*rows, strict=True)
    )
    return Sample(names, told)


def document(visit: Visit, _: NoQuestion) -> Download:
    """A service as OpenAPI 3.1."""
    service = find_service(visit.connection, visit.path["name"])
    made = openapi(
        [describe(visit.connection, service)], title=service.label, server=gate_of(visit.rooms.settings)
    )
    content = json.dumps(made, ensure_ascii=False, indent=1).encode()
    return Download(f"{service.name}.openapi.json", "application/json", content)


def _users(visit: Visit, entry_id: int, names: dict[str, str]) -> tuple[ServiceUser, ...]:
    """The grants this party may see."""
    if not visit.can("grant:read"):
        return ()
    query = _SQL.service_users.format(visible=visible_to(visit.who, "grant", "g"))
    return tuple(
        ServiceUser(
            row["id"], row["application"], names.get(row["department_code"], str(row["department_code"])), row["items"],
            GRANT_COLOURS[row["state"]], GRANT_STATES[row["state"]], row["until"],
        )
        for row in visit.connection.execute(query, {"entry": entry_id})
    )  # fmt: skip


def publish(visit: Visit, form: ServiceForm) -> Done:
    """Publish a service of an entry at once, without a draft; drafts are for everybody else."""
    entry = visit.connection.execute(
        "SELECT department_code FROM entry WHERE id = %s", (form.entry,)
    ).fetchone() or {"department_code": ""}
    visit.must("service:publish", entry)
    service = publish_service(
        visit.connection,
        Offer(
            name=form.name,
            entry_id=form.entry,
            keys=form.keys,
            label=form.label or None,
            max_rows=form.max_rows,
            kind=form.kind,
            least=form.least,
            past_days=form.past_days,
        ),
    )
    return Done(
        f"/services/{service.name}",
        visit.tell("接口服务 {name} 已发布", name=service.name),
        value={"name": service.name},
    )


def act(visit: Visit, form: ServiceMove) -> Done:
    """Stop a service, or publish it again as it was."""
    service = find_service(visit.connection, visit.path["name"])
    visit.must("service:edit", service)
    if form.move == "stop":
        move_service(visit.connection, service.name, "stop", by_user=visit.who.user_id or None)
        return Done(f"/services/{service.name}", visit.tell("接口服务 {name} 已停止", name=service.name))
    move_service(visit.connection, service.name, "start", by_user=visit.who.user_id or None)
    return Done(f"/services/{service.name}", visit.tell("接口服务 {name} 已恢复", name=service.name))


_PATH = "/services/{name}"
PAGES = (
    Page(
        "services",
        "/services",
        listed,
        may="service:read",
        stop="share",
        tab="services",
        asks=ServicesQuestion,
    ),
    Page("services.service", _PATH, build, may="service:read", stop="share", tab="services"),
    Page("services.openapi", _PATH + "/openapi", document, may="service:read"),
)
ACTS = (
    Act("services.publish", "/services", publish, ServiceForm, may="service:publish", shown_on="/services"),
    Act("services.move", _PATH, act, ServiceMove, may="service:edit", shown_on=_PATH),
)
