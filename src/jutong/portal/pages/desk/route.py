"""The desk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jutong.casework import Calendar, Notice, cases, desk, inbox, read_calendar
from jutong.catalogue import Counts, counts
from jutong.database import named_sql
from jutong.portal.drawing import days
from jutong.portal.names import CYCLES, METHODS
from jutong.portal.pages.cases.views import CaseRow, case_row
from jutong.portal.pages.sources.route import Trouble, troubles
from jutong.portal.routes import SIGNED_IN, Act, NoQuestion, Page
from jutong.portal.saying import last_day
from jutong.portal.visits import Visit

_SQL = named_sql(__file__)
_DAYS = 30
#: Roles whose desk shows the whole city rather than their own department.
_CITY = frozenset({"steward", "leader", "auditor", "security_admin", "system_admin"})


@dataclass(frozen=True)
class DayOff:
    """The next holiday that moves a due day."""

    name: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class DueEntry:
    id: int
    name: str
    department: str
    cycle: str
    due_on: dt.date
    #: Days past the due day; 0 today, negative before it.
    late: int


@dataclass(frozen=True)
class DayCount:
    day: dt.date
    count: int


@dataclass(frozen=True)
class Ending:
    grant_id: str
    entry: str
    application: str
    until: dt.date


@dataclass(frozen=True)
class Month:
    month: str
    answered: int
    in_time: int


@dataclass(frozen=True)
class Trend:
    """Thirty days of one thing, days off among them."""

    total: int
    today: int
    days: tuple[DayCount, ...]
    #: Shares of its kinds, where it has kinds.
    parts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Desk:
    """What waits for me today, what did not arrive, what is due, and the last thirty days."""

    today: dt.date
    working: bool
    holiday: DayOff | None
    city: bool
    waiting: tuple[CaseRow, ...]
    overdue: int
    due_today: int
    mine: tuple[CaseRow, ...]
    notices: tuple[Notice, ...]
    troubles: tuple[Trouble, ...]
    sees_sources: bool
    due: tuple[DueEntry, ...]
    due_total: int
    ending: tuple[Ending, ...]
    off: frozenset[dt.date]
    gathered: Trend
    exchanged: Trend
    faults: Trend
    replies: tuple[Month, ...]
    counts: Counts


def build(visit: Visit, _: NoQuestion) -> Desk:
    """My desk."""
    calendar = read_calendar(visit.connection)
    me = visit.who
    city = bool(me.roles & _CITY)
    rows = tuple(case_row(row) for row in desk(visit.connection, me, now=visit.now))
    department = None if city else me.department_code
    due, due_total = _due(visit, department)
    opened = cases(visit.connection, me, closed=False, opened_by_me=True, now=visit.now, limit=5)
    return Desk(
        today=visit.today,
        working=calendar.is_working(visit.today),
        holiday=next_holiday(calendar, visit.today),
        city=city,
        waiting=rows,
        overdue=sum(row.clock.kind == "over" for row in rows),
        due_today=sum(row.clock.kind == "today" for row in rows),
        mine=tuple(case_row(row) for row in opened),
        notices=tuple(inbox(visit.connection, me, unread=True, limit=4)),
        troubles=troubles(visit, 4),
        sees_sources=visit.can("source:read"),
        due=due,
        due_total=due_total,
        ending=_ending(visit),
        off=_days_off(calendar, visit.today),
        gathered=_gathered(visit, department),
        exchanged=_exchanged(visit, department),
        faults=_faults(visit, department),
        replies=_replies(visit, department),
        counts=counts(visit.connection),
    )


def _due(visit: Visit, department: str | None) -> tuple[tuple[DueEntry, ...], int]:
    values = {"until": visit.today + dt.timedelta(days=5), "department": department}
    rows = visit.connection.execute(_SQL.due_entries, values).fetchall()
    found = tuple(
        DueEntry(
            row["id"], row["name"], row["department"], CYCLES[row["update_cycle"]], row["due_on"],
            (visit.today - row["due_on"]).days,
        )
        for row in rows
    )  # fmt: skip
    return found, rows[0]["total"] if rows else 0


def _ending(visit: Visit) -> tuple[Ending, ...]:
    rows = visit.connection.execute(_SQL.ending, {"mine": visit.who.department_code, "now": visit.now})
    return tuple(Ending(row["id"], row["entry"], row["application"], last_day(row["until"])) for row in rows)


def _since(visit: Visit) -> dt.datetime:
    return visit.now - dt.timedelta(days=_DAYS + 1)


def _trend(visit: Visit, rows: Iterable[Mapping[str, Any]]) -> Trend:
    by_day: dict[dt.date, int] = {}
    by_kind: dict[str, int] = {}
    for row in rows:
        by_day[row["day"]] = by_day.get(row["day"], 0) + row["count"]
        if "method" in row:
            by_kind[METHODS[row["method"]]] = by_kind.get(METHODS[row["method"]], 0) + row["count"]
    series = days(by_day, visit.today, _DAYS)
    return Trend(
        total=sum(count for _, count in series),
        today=series[-1][1],
        days=tuple(DayCount(day, count) for day, count in series),
        parts=tuple(sorted(by_kind.items(), key=lambda part: -part[1])),
    )


def _gathered(visit: Visit, department: str | None) -> Trend:
    return _trend(
        visit, visit.connection.execute(_SQL.gathered, {"since": _since(visit), "department": department})
    )


def _exchanged(visit: Visit, department: str | None) -> Trend:
    first = visit.today - dt.timedelta(days=_DAYS - 1)
    return _trend(visit, visit.connection.execute(_SQL.exchanged, {"first": first, "department": department}))


def _faults(visit: Visit, department: str | None) -> Trend:
    return _trend(
        visit, visit.connection.execute(_SQL.faults, {"since": _since(visit), "department": department})
    )


def _replies(visit: Visit, department: str | None) -> tuple[Month, ...]:
    values = {"year": visit.now - dt.timedelta(days=365), "department": department}
    return tuple(
        Month(row["month"], row["answered"], row["in_time"])
        for row in visit.connection.execute(_SQL.replies, values)
    )


def _days_off(calendar: Calendar, today: dt.date) -> frozenset[dt.date]:
    last = (today - dt.timedelta(days=back) for back in range(_DAYS))
    return frozenset(day for day in last if not calendar.is_working(day))


def next_holiday(calendar: Calendar, today: dt.date, within: int = 21) -> DayOff | None:
    """The next named days off within three weeks, weekend days beside them included."""
    for ahead in range(within):
        day = today + dt.timedelta(days=ahead)
        name = calendar.name(day)
        if name and not calendar.is_working(day):
            last = day
            while not calendar.is_working(last + dt.timedelta(days=1)):
                last += dt.timedelta(days=1)
            return DayOff(name, day, last)
    return None


PAGES = (Page("desk", "/", build, may=SIGNED_IN, stop="desk"),)
ACTS: tuple[Act, ...] = ()
