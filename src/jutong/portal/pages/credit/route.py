"""Credit: who is on which list, whether departments publish in time, and one fact with its repair."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.casework import Calendar, due_on, read_calendar
from jutong.fuse import (
    PUBLISHED_WITHIN,
    Fact,
    Register,
    Timeliness,
    credit_counts,
    explain,
    fact,
    find_facts,
    find_register,
    listed_on,
    timeliness,
)
from jutong.portal.names import department_names
from jutong.portal.pages.registers.why import (
    HappeningView,
    ItemView,
    MemberView,
    happenings_of,
    items_of,
    members_of,
)
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

REGISTER = "credit"
_SIZE = 30
#: How far back timeliness looks: two years.
_DAYS = 730
#: Departments shown before the rest is folded.
_SHOWN = 12
_MASKED_FROM = 2


@dataclass(frozen=True)
class CreditQuestion:
    q: Annotated[str, Field(title="文书号、名称、代码", max_length=100)] = ""
    kind: Annotated[str, Field(title="类别", max_length=60)] = ""
    department: Annotated[str, Field(title="部门", max_length=10)] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class ListRow:
    name: str
    facts: int
    subjects: int
    #: A year ago.
    before: int


@dataclass(frozen=True)
class KindRow:
    kind: str
    total: int
    subjects: int
    unknown: int


@dataclass(frozen=True)
class DepartmentRow:
    code: str
    name: str
    total: int
    permits: int
    penalties: int
    others: int
    #: Of permits and penalties of two years.
    timed: int
    late: int
    #: In percent; None where nothing is timed.
    rate: float | None


@dataclass(frozen=True)
class FactRow:
    id: str
    kind: str
    number: str
    what: str
    subject: str
    subject_href: str
    organ: str
    decided_on: dt.date | None
    until: dt.date | None
    state: str


@dataclass(frozen=True)
class Credit:
    """The credit register today: lists, kinds, departments, timeliness, and facts found."""

    asked: CreditQuestion
    today: dt.date
    total: int
    lists: tuple[ListRow, ...]
    kinds: tuple[KindRow, ...]
    departments: tuple[DepartmentRow, ...]
    #: How many of the departments come first; the others are folded away.
    shown: int
    timed: int
    late: int
    rate: float | None
    rows: tuple[FactRow, ...]
    pager: Pager


@dataclass(frozen=True)
class Published:
    """双公示: by when a decision had to be published, and when it was."""

    due: dt.date
    on: dt.date | None
    late: bool


@dataclass(frozen=True)
class FactPage:
    """One fact: where it stands, whether it was published in time, and why every value."""

    row: FactRow
    repaired_on: dt.date | None
    published: Published | None
    items: tuple[ItemView, ...]
    members: tuple[MemberView, ...]
    happenings: tuple[HappeningView, ...]
    today: dt.date


def listed(visit: Visit, asked: CreditQuestion) -> Credit:
    """The credit register."""
    register, store = _register(visit), visit.rooms.store
    names = department_names(visit.connection)
    counts = credit_counts(store, register)
    now = listed_on(store, register, visit.today)
    before = listed_on(store, register, visit.today - dt.timedelta(days=365))
    calendar = read_calendar(visit.connection)
    timed = timeliness(store, register, calendar, visit.today - dt.timedelta(days=_DAYS), visit.today)
    found, total = find_facts(
        store, register, visit.today, text=asked.q.strip(), kind=asked.kind, department=asked.department, limit=_SIZE,
        offset=(asked.page - 1) * _SIZE,
    )  # fmt: skip
    kinds: dict[str, list[int]] = {}
    for row in counts:
        kept = kinds.setdefault(row["kind"] or "", [0, 0, 0])
        for place, name in enumerate(("total", "subjects", "unknown")):
            kept[place] += int(row[name])
    everything, late = sum(one.total for one in timed), sum(one.late for one in timed)
    return Credit(
        asked=asked,
        today=visit.today,
        total=sum(one[0] for one in kinds.values()),
        lists=tuple(ListRow(name, *now[name], before[name][0]) for name in now),
        kinds=tuple(
            KindRow(kind, *numbers) for kind, numbers in sorted(kinds.items(), key=lambda one: -one[1][0])
        ),
        departments=_departments(counts, timed, names),
        shown=_SHOWN,
        timed=everything,
        late=late,
        rate=_rate(everything, late),
        rows=tuple(_row(one, visit.today, names) for one in found),
        pager=Pager.of("/credit", asked, total, _SIZE),
    )


def one(visit: Visit, _: NoQuestion) -> FactPage:
    """One fact of credit."""
    register = _register(visit)
    told = explain(visit.rooms.store, register, visit.path["entity"])
    found = fact(visit.rooms.store, register, told.entity)
    names = department_names(visit.connection)
    return FactPage(
        row=_row(found, visit.today, names),
        repaired_on=found.repaired_on,
        published=_published(found, read_calendar(visit.connection), visit.today),
        items=items_of(told, register, masked_from=_MASKED_FROM, words={"department": names}),
        members=members_of(told, register, masked_from=_MASKED_FROM),
        happenings=happenings_of(told),
        today=visit.today,
    )


def _published(found: Fact, calendar: Calendar, today: dt.date) -> Published | None:
    if not found.timed or found.decided_on is None:
        return None
    due = due_on(found.decided_on, PUBLISHED_WITHIN, calendar)
    return Published(due, found.published_on, (found.published_on or today) > due)


def _departments(
    counts: list[dict[str, object]], timed: list[Timeliness], names: dict[str, str]
) -> tuple[DepartmentRow, ...]:
    """Those late most come first, then those with most facts."""
    totals: dict[str, dict[str, int]] = {}
    for row in counts:
        kept = totals.setdefault(str(row["department"]), {})
        kept[str(row["kind"])] = kept.get(str(row["kind"]), 0) + int(str(row["total"]))
    rows = []
    for code, kinds in totals.items():
        mine = [one for one in timed if one.department == code]
        everything, late = sum(one.total for one in mine), sum(one.late for one in mine)
        permits, penalties = kinds.get("行政许可", 0), kinds.get("行政处罚", 0)
        total = sum(kinds.values())
        rows.append(
            DepartmentRow(code, names.get(code, code or "—"), total, permits, penalties, total - permits - penalties,
                          everything, late, _rate(everything, late))
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda one: (one.rate if one.rate is not None else 101, -one.total)))


def _rate(total: int, late: int) -> float | None:
    return round(100 * (total - late) / total, 1) if total else None


def _row(one: Fact, today: dt.date, names: dict[str, str]) -> FactRow:
    return FactRow(
        one.entity, one.kind, one.record_no, one.what, one.subject_name,
        f"/companies/{one.target}" if one.target else "", one.organ or names.get(one.department, one.department),
        one.decided_on, one.until, one.state_on(today),
    )  # fmt: skip


def _register(visit: Visit) -> Register:
    register = find_register(visit.connection, REGISTER)
    try:
        visit.rooms.store.spec(register.linked)
    except NotFound:
        raise NotFound("portal.no_register", "信用基础库还没有建立") from None
    return register


_MAY = "register:read"
PAGES = (
    Page("credit", "/credit", listed, may=_MAY, stop="fuse", tab="credit", asks=CreditQuestion),
    Page("credit.fact", "/credit/{entity}", one, may=_MAY, stop="fuse", tab="credit"),
)
ACTS: tuple[Act, ...] = ()
