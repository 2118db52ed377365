"""The desk."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from jutong.casework import Calendar, desk, read_calendar
from jutong.portal.pages.cases.views import CaseRow, case_row
from jutong.portal.routes import SIGNED_IN, Act, NoQuestion, Page
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class DayOff:
    """The next holiday that moves a due day."""

    name: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class Desk:
    """What waits for me today."""

    today: dt.date
    working: bool
    holiday: DayOff | None
    waiting: tuple[CaseRow, ...]
    overdue: int
    due_today: int


def build(visit: Visit, _: NoQuestion) -> Desk:
    """My desk."""
    calendar = read_calendar(visit.connection)
    rows = tuple(case_row(row) for row in desk(visit.connection, visit.who, now=visit.now))
    return Desk(
        today=visit.today,
        working=calendar.is_working(visit.today),
        holiday=next_holiday(calendar, visit.today),
        waiting=rows,
        overdue=sum(row.clock.kind == "over" for row in rows),
        due_today=sum(row.clock.kind == "today" for row in rows),
    )


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
