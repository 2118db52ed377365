"""Clocks as a page shows them: time left in a word, ticks of working days, the ruler of the real calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jutong.casework import Calendar, Clock, CountedDay, DeskRow, city_day, days_left
from jutong.portal.saying import WEEKDAYS

#: More ticks than this say nothing a number would not.
MOST_TICKS = 30


@dataclass(frozen=True)
class ClockView:
    #: left, today, over, paused, met, none
    kind: str
    #: the colour's name: idle, info, near, over, wait, ok
    state: str
    days: int = 0
    due: dt.date | None = None
    paused_at: dt.date | None = None
    #: one per working day of the limit: "p" used, "" left, "o" overdue
    ticks: tuple[str, ...] = ()


NO_CLOCK = ClockView("none", "idle")


def of_desk_row(row: DeskRow) -> ClockView:
    """The nearest clock of a case on the desk."""
    if row.clock is None:
        return NO_CLOCK
    return _view(row.clock, row.days_left, row.days_total)


def of_clock(clock: Clock, today: dt.date, calendar: Calendar) -> ClockView:
    """Any clock of a case, running or over."""
    total = clock.working_days + clock.extended_wd if clock.working_days else None
    if clock.met_at is not None:
        return ClockView("met", "over" if clock.late else "ok", due=city_day(clock.due_at))
    if clock.stopped_at is not None:
        return NO_CLOCK
    left = None if clock.paused_at else days_left(today, city_day(clock.due_at), calendar)
    return _view(clock, left, total)


def _view(clock: Clock, left: int | None, total: int | None) -> ClockView:
    due = city_day(clock.due_at)
    if left is None:
        paused = city_day(clock.paused_at) if clock.paused_at else None
        return ClockView("paused", "wait", due=due, paused_at=paused)
    if left < 0:
        return ClockView("over", "over", -left, due, ticks=_ticks(total, 0, over=True))
    ticks = _ticks(total, left)
    if left == 0:
        return ClockView("today", "near", 0, due, ticks=ticks)
    return ClockView("left", "info" if left <= 2 else "idle", left, due, ticks=ticks)


def _ticks(total: int | None, left: int, *, over: bool = False) -> tuple[str, ...]:
    if total is None or total > MOST_TICKS:
        return ()
    used = max(total - left, 0)
    return ("p",) * used + ("",) * (total - used) + (("o",) if over else ())


@dataclass(frozen=True)
class RulerDay:
    date: dt.date
    weekday: str
    #: zero, past, today, left, off, due
    kind: str
    count: int | None
    mark: str


def ruler(days: Sequence[CountedDay], today: dt.date) -> list[RulerDay]:
    """The law's days on the real calendar: receipt, working days counted, holidays named once, the due day."""
    shown: list[RulerDay] = []
    named = ""
    for place, counted in enumerate(days):
        last = place == len(days) - 1
        kind = _kind(counted, today, first=place == 0, last=last)
        mark = {"zero": "收到", "today": "今天", "due": "应办结"}.get(kind, "")
        if kind == "off":
            name = "暂停" if counted.paused else counted.name
            mark = name if name and name != named else ""
            named = name or named
        if kind == "due" and counted.day == today:
            mark = "今天到期"
        number = counted.number or None
        shown.append(RulerDay(counted.day, WEEKDAYS[counted.day.weekday()], kind, number, mark))
    return shown


def _kind(counted: CountedDay, today: dt.date, *, first: bool, last: bool) -> str:
    if first:
        return "zero"
    if counted.number is None:
        return "off"
    if last:
        return "due"
    if counted.day == today:
        return "today"
    return "past" if counted.day < today else "left"
