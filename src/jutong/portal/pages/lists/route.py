"""The lists of the survey."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.casework import find_cases, open_case
from jutong.catalogue import (
    Counts,
    Demand,
    DepartmentCounts,
    Entry,
    NewDemand,
    counts,
    counts_by_department,
    demands,
    entries,
    export_entries,
    import_demands,
)
from jutong.people import departments
from jutong.portal.names import CYCLES, METHODS
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit

_SIZE = 30
STATUSES = {
    "confirming": ("wait", "待确认"),
    "coordinating": ("now", "协调中"),
    "met": ("ok", "已满足"),
    "unable": ("idle", "无法满足"),
}


@dataclass(frozen=True)
class ListQuestion:
    department: Annotated[str, Field(title="部门")] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class DemandQuestion:
    department: Annotated[str, Field(title="部门")] = ""
    status: Literal["", "confirming", "coordinating", "met", "unable"] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class EntryRow:
    id: int
    code: str
    name: str
    department: str
    share_type: int
    condition: str
    methods: tuple[str, ...]
    cycle: str
    grade: int
    items: int
    dataset: str
    published_at: dt.date | None


@dataclass(frozen=True)
class DepartmentChoice:
    code: str
    name: str


@dataclass(frozen=True)
class EntryList:
    """The supply list or the negative list."""

    list: str
    asked: ListQuestion
    rows: tuple[EntryRow, ...]
    pager: Pager
    counts: Counts
    by_department: tuple[DepartmentCounts, ...]


@dataclass(frozen=True)
class DemandRow:
    id: int
    department: str
    name: str
    items: tuple[str, ...]
    basis: str
    provider: str
    expected_on: dt.date | None
    colour: str
    status: str
    entry_id: int | None
    entry_code: str


@dataclass(frozen=True)
class DemandList:
    """What departments need, and how far it is met."""

    asked: DemandQuestion
    rows: tuple[DemandRow, ...]
    pager: Pager
    counts: Counts
    departments: tuple[DepartmentChoice, ...]
    may_add: bool


@dataclass(frozen=True)
class NewQuestion:
    #: What was searched for in vain.
    q: str = ""


@dataclass(frozen=True)
class NewDemandPage:
    """The form in which a need is written down."""

    wanted: str
    departments: tuple[DepartmentChoice, ...]


@dataclass(frozen=True)
class DemandForm:
    name: Annotated[str, Field(title="需要的数据", min_length=2, max_length=128)]
    basis: Annotated[str, Field(title="业务依据", min_length=4, max_length=500)]
    items: Annotated[str, Field(title="需要的信息项", max_length=1000)] = ""
    provider: Annotated[str, Field(title="建议由谁提供")] = ""
    expected_on: Annotated[dt.date | None, Field(title="期望日期")] = None


def supply(visit: Visit, asked: ListQuestion) -> EntryList:
    """供给清单: committed and attached."""
    return _list(visit, asked, "supply")


def negative(visit: Visit, asked: ListQuestion) -> EntryList:
    """负面清单: withheld, each with its law."""
    return _list(visit, asked, "negative")


def _list(visit: Visit, asked: ListQuestion, name: Literal["supply", "negative"]) -> EntryList:
    found = entries(
        visit.connection, visit.who, name, department=asked.department or None, page=asked.page, size=_SIZE
    )
    return EntryList(
        list=name,
        asked=asked,
        rows=tuple(_row(one) for one in found.rows),
        pager=Pager.of(f"/lists/{name}", asked, found.total, _SIZE),
        counts=counts(visit.connection),
        by_department=tuple(counts_by_department(visit.connection)),
    )


def _row(entry: Entry) -> EntryRow:
    return EntryRow(
        id=entry.id,
        code=entry.code,
        name=entry.name,
        department=entry.department_short,
        share_type=entry.share_type,
        condition=entry.share_condition,
        methods=tuple(METHODS[method] for method in entry.share_methods),
        cycle=CYCLES[entry.update_cycle],
        grade=entry.grade,
        items=entry.item_count,
        dataset=entry.dataset or "",
        published_at=entry.published_at,
    )


def demand(visit: Visit, asked: DemandQuestion) -> DemandList:
    """需求清单."""
    found = demands(
        visit.connection,
        department=asked.department or None,
        status=asked.status or None,
        page=asked.page,
        size=_SIZE,
    )
    return DemandList(
        asked=asked,
        rows=tuple(_demand_row(one) for one in found.rows),
        pager=Pager.of("/lists/demand", asked, found.total, _SIZE),
        counts=counts(visit.connection),
        departments=_departments(visit),
        may_add=visit.can("demand:add"),
    )


def _demand_row(one: Demand) -> DemandRow:
    colour, status = STATUSES[one.status]
    return DemandRow(
        id=one.id,
        department=one.department_short,
        name=one.name,
        items=one.items,
        basis=one.basis,
        provider=one.provider_short or "",
        expected_on=one.expected_on,
        colour=colour,
        status=status,
        entry_id=one.entry_id,
        entry_code=one.entry_code or "",
    )


def _departments(visit: Visit) -> tuple[DepartmentChoice, ...]:
    return tuple(DepartmentChoice(one.code, one.short_name) for one in departments(visit.connection))


def new_demand(visit: Visit, asked: NewQuestion) -> NewDemandPage:
    """Write a need down."""
    return NewDemandPage(asked.q, _departments(visit))


def add_demand(visit: Visit, form: DemandForm) -> Done:
    """Put a need on the list and on the 主管部门's desk."""
    me = visit.who
    visit.must("demand:add", {"department_code": me.department_code})
    items = tuple(part.strip() for part in form.items.replace("，", "、").split("、") if part.strip())
    new = NewDemand(me.department_code, form.name, form.basis, items, form.provider or None, form.expected_on)
    import_demands(visit.connection, [new])
    row = visit.connection.execute(
        "SELECT id FROM demand WHERE department_code = %s AND name = %s", (me.department_code, form.name)
    ).fetchone()
    assert row is not None
    open_cases = list(find_cases(visit.connection, {"demand_id": row["id"]}, "demand"))
    if open_cases:
        return Done(
            f"/cases/{open_cases[0].id}", visit.tell("这条需求已经提过"), value={"case_id": open_cases[0].id}
        )
    case_id = open_case(
        visit.connection, "demand", title=form.name, department_code=me.department_code, opened_by=me,
        subject={"demand_id": row["id"]}, data={"basis": form.basis}, now=visit.now,
    )  # fmt: skip
    return Done(
        f"/cases/{case_id}", visit.tell("需求已提出，主管部门 5 个工作日内确认"), value={"case_id": case_id}
    )


def export(visit: Visit, _: NoQuestion) -> Download:
    """A list as a workbook, by the national guide's fields."""
    name = visit.path["name"]
    to = io.BytesIO()
    export_entries(
        visit.connection, visit.who, to, "xlsx", of=name if name in ("supply", "negative") else "entries"
    )
    titles = {"supply": "供给清单", "negative": "负面清单"}
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Download(f"{titles.get(name, '资源目录')}-{visit.today.isoformat()}.xlsx", media, to.getvalue())


PAGES = (
    Page(
        "lists.supply",
        "/lists/supply",
        supply,
        may="entry:read",
        stop="catalogue",
        tab="supply",
        asks=ListQuestion,
    ),
    Page(
        "lists.negative",
        "/lists/negative",
        negative,
        may="entry:read",
        stop="catalogue",
        tab="negative",
        asks=ListQuestion,
    ),
    Page(
        "lists.demand",
        "/lists/demand",
        demand,
        may="demand:read",
        stop="catalogue",
        tab="demand",
        asks=DemandQuestion,
    ),
    Page(
        "lists.new",
        "/lists/demand/new",
        new_demand,
        may="demand:add",
        stop="catalogue",
        tab="demand",
        asks=NewQuestion,
        in_api=False,
    ),
    Page("lists.export", "/lists/{name}/export", export, may="entry:read"),
)
ACTS = (
    Act(
        "lists.demand",
        "/lists/demand",
        add_demand,
        DemandForm,
        may="demand:add",
        shown_on="/lists/demand/new",
    ),
)
