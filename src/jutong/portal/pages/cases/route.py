"""Lists of cases, one case, its moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.casework import (
    KINDS,
    CasePage,
    ask_extension,
    case_for,
    cases,
    counted_days,
    desk,
    read_calendar,
)
from jutong.people import departments
from jutong.portal import clocks
from jutong.portal.clocks import ClockView, RulerDay
from jutong.portal.pages.cases import views
from jutong.portal.pages.cases.moving import MOVERS
from jutong.portal.pages.cases.subjects import Subject, subject_of
from jutong.portal.pages.cases.views import CaseRow, MoveView, StepView
from jutong.portal.routes import Act, Done, Page
from jutong.portal.timeline import EventView
from jutong.portal.visits import Visit
from jutong.terms import NotFound

_PAGE = 50


@dataclass(frozen=True)
class CasesQuestion:
    #: waiting: on my desk; open: under way anywhere I may look; closed; mine: opened by me
    show: Literal["waiting", "open", "closed", "mine"] = "waiting"
    kind: str = ""
    overdue: bool = False
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class KindChoice:
    name: str
    label: str


@dataclass(frozen=True)
class Cases:
    """Cases on my desk, or those I may see."""

    asked: CasesQuestion
    rows: tuple[CaseRow, ...]
    kinds: tuple[KindChoice, ...]
    more: bool
    overdue: int
    today: int


@dataclass(frozen=True)
class ClockPart:
    """One limit of a case: its rule, its state, its days on the calendar."""

    label: str
    article: str
    total: int | None
    view: ClockView
    ruler: tuple[RulerDay, ...]
    extendable: int
    provisional: bool
    running: bool


@dataclass(frozen=True)
class Case:
    """One case: what it is about, where it stands, what the law allows, what I may do."""

    id: int
    number: str
    title: str
    kind: str
    kind_label: str
    state_label: str
    opened_at: dt.datetime
    closed_at: dt.datetime | None
    desk: str
    sides: tuple[tuple[str, str], ...]
    clock: ClockView
    clocks: tuple[ClockPart, ...]
    steps: tuple[StepView, ...]
    events: tuple[EventView, ...]
    moves: tuple[MoveView, ...]
    subject: Subject


@dataclass(frozen=True)
class MoveForm:
    move: Annotated[str, Field(title="怎么办")]
    note: Annotated[str, Field(title="意见", max_length=2000)] = ""
    missing: Annotated[str, Field(title="缺少的材料", max_length=4000)] = ""
    entry_code: Annotated[str, Field(title="目录代码", max_length=60)] = ""
    secrecy_assessed: bool = False
    privacy_assessed: bool = False
    #: Other needs of a move, for programs.
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtensionForm:
    days: Annotated[int, Field(title="延几个工作日", ge=1, le=30)]
    reason: Annotated[str, Field(title="特殊原因", min_length=10, max_length=500)]


def listed(visit: Visit, asked: CasesQuestion) -> Cases:
    """Cases, the nearest due first on my desk, the latest moved first elsewhere."""
    kinds = (asked.kind,) if asked.kind in KINDS else ()
    if asked.show == "waiting":
        found = [
            row
            for row in desk(visit.connection, visit.who, now=visit.now)
            if not kinds or row.case.kind in kinds
        ]
        more = False
    else:
        found = cases(
            visit.connection,
            visit.who,
            kinds=kinds,
            closed={"open": False, "closed": True, "mine": None}[asked.show],
            opened_by_me=asked.show == "mine",
            now=visit.now,
            limit=_PAGE + 1,
            offset=(asked.page - 1) * _PAGE,
        )
        more = len(found) > _PAGE
        found = found[:_PAGE]
    rows = [views.case_row(row) for row in found if row.overdue or not asked.overdue]
    return Cases(
        asked=asked,
        rows=tuple(rows),
        kinds=tuple(KindChoice(kind.name, kind.label) for kind in KINDS.values()),
        more=more,
        overdue=sum(row.clock.kind == "over" for row in rows),
        today=sum(row.clock.kind == "today" for row in rows),
    )


def build(visit: Visit, _: object) -> Case:
    """One case."""
    page = case_for(visit.connection, visit.path["case_id"], visit.who)
    case = page.case
    names = {department.code: department.short_name for department in departments(visit.connection)}
    parts = _clock_parts(visit, page)
    running = next((part.view for part in parts if part.running), clocks.NO_CLOCK)
    return Case(
        id=case.id,
        number=case.number,
        title=case.title,
        kind=case.kind,
        kind_label=page.kind_label,
        state_label=page.state_label,
        opened_at=case.opened_at,
        closed_at=case.closed_at,
        desk=names.get(case.department_code, ""),
        sides=views.sides(case, names),
        clock=running,
        clocks=parts,
        steps=views.steps(visit, page, page.history),
        events=views.events(visit, page.history),
        moves=views.move_views(page.moves),
        subject=subject_of(visit, case, names),
    )


def _clock_parts(visit: Visit, page: CasePage) -> tuple[ClockPart, ...]:
    calendar = read_calendar(visit.connection)
    return tuple(
        ClockPart(
            label=clock.label,
            article=clock.article,
            total=clock.working_days + clock.extended_wd if clock.working_days else None,
            view=clocks.of_clock(clock, visit.today, calendar),
            ruler=tuple(clocks.ruler(counted_days(visit.connection, clock), visit.today))
            if clock.running
            else (),
            extendable=clock.max_ext_wd - clock.extended_wd,
            provisional=clock.provisional,
            running=clock.running,
        )
        for clock in sorted(page.clocks, key=lambda one: not one.running)
    )


def act(visit: Visit, form: MoveForm) -> Done:
    """Make one move of a case; a reason is asked for where the law wants one."""
    case = case_for(visit.connection, visit.path["case_id"], visit.who).case
    step = KINDS[case.kind].move(form.move)
    if step is None:
        raise NotFound("portal.no_move", "没有这一步")
    given = {
        "missing": form.missing,
        "entry_code": form.entry_code,
        "secrecy_assessed": form.secrecy_assessed,
        "privacy_assessed": form.privacy_assessed,
        **form.data,
    }
    data = views.given_data(step, given)
    moved = MOVERS[KINDS[case.kind].room](visit, case, form.move, form.note, data)
    return Done(
        f"/cases/{case.id}",
        f"{case.number} {visit.tell(step.label)}",
        value={"id": moved.id, "state": moved.state},
    )


def extend(visit: Visit, form: ExtensionForm) -> Done:
    """Ask the 主管部门 for more working days (第21条)."""
    case = case_for(visit.connection, visit.path["case_id"], visit.who).case
    asked = ask_extension(visit.connection, case.id, form.days, form.reason, visit.who, now=visit.now)
    return Done(f"/cases/{case.id}", visit.tell("延期申请已报主管部门"), value={"id": asked})


_PATH = "/cases/{case_id:int}"
PAGES = (
    Page("cases", "/cases", listed, may="case:read", stop="share", tab="cases", asks=CasesQuestion),
    Page("cases.case", _PATH, build, may="case:read", stop="share", tab="cases"),
)
ACTS = (
    Act("cases.move", _PATH + "/moves", act, MoveForm, may="case:read", shown_on=_PATH),
    Act("cases.extension", _PATH + "/extension", extend, ExtensionForm, may="case:read", shown_on=_PATH),
)
