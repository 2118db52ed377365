"""Working days: the official calendar, an administrator's corrections, and how a limit is counted over them.

The law is silent on counting, so the city's habit is stated here once (domain.md §1.1): a day is a day in
Asia/Shanghai; what arrives on a non-working day counts as received on the next working day; counting starts on
the working day after receipt; 调休 days count.  The shipped calendar ends with a year; later years know only
weekends and are marked provisional until a row or a new release says otherwise.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from zoneinfo import ZoneInfo

import chinese_calendar
from chinese_calendar.constants import holidays

from jutong.database import Connection, named_sql

_SQL = named_sql(__file__)

#: The city's clock on the wall.
CITY_TIME = ZoneInfo("Asia/Shanghai")

_OFFICIAL_YEARS = range(min(holidays).year, max(holidays).year + 1)
_ONE = dt.timedelta(days=1)
#: A limit that needs more days than this is a mistake in the calendar, not a limit.
_FAR = 3660
_NAMES = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午",
    "Mid-autumn Festival": "中秋",
    "National Day": "国庆节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}

#: When a clock stood still: the days after the first, up to and with the second (None: still standing).
Pause = tuple[dt.date, dt.date | None]


@dataclass(frozen=True)
class Calendar:
    """One version of the working days; two calendars of one version count alike."""

    version: str
    corrections: Mapping[dt.date, bool] = field(default_factory=dict)

    def is_working(self, day: dt.date) -> bool:
        if day in self.corrections:
            return self.corrections[day]
        if day.year in _OFFICIAL_YEARS:
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < 5

    def is_official(self, day: dt.date) -> bool:
        """False where only weekends are known."""
        return day in self.corrections or day.year in _OFFICIAL_YEARS

    def name(self, day: dt.date) -> str:
        """``端午``, ``国庆节调休上班`` or an empty string."""
        if day.year not in _OFFICIAL_YEARS:
            return ""
        _, english = chinese_calendar.get_holiday_detail(day)
        name = _NAMES.get(str(english), "") if english else ""
        return f"{name}调休上班" if name and self.is_working(day) else name


@dataclass(frozen=True)
class CountedDay:
    """One day of a clock's strip: ``number`` is which working day of the limit it is, None if it does not count."""

    day: dt.date
    number: int | None
    working: bool
    paused: bool
    name: str


def read_calendar(conn: Connection) -> Calendar:
    """The shipped calendar with the corrections of now; its version changes with either."""
    rows = conn.execute(_SQL.calendar_days).fetchall()
    corrections = {row["day"]: row["working"] for row in rows}
    return Calendar(_version(corrections), corrections)


def shipped_calendar() -> Calendar:
    """The official calendar alone."""
    return Calendar(_version({}))


def city_day(instant: dt.datetime) -> dt.date:
    return instant.astimezone(CITY_TIME).date()


def end_of(day: dt.date) -> dt.datetime:
    """The last second of a day in the city: what ``due_at`` holds."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), CITY_TIME)


def receipt_day(received: dt.date, calendar: Calendar) -> dt.date:
    """The day something counts as received: itself, or the next working day."""
    return next(day for day in _days_from(received) if calendar.is_working(day))


def due_on(received: dt.date, working_days: int, calendar: Calendar, pauses: Sequence[Pause] = ()) -> dt.date:
    """The last day of a limit of ``working_days`` for what was received on ``received``.

    Every pause must have ended: a clock that stands still is not due.
    """
    if any(until is None for _, until in pauses):
        raise ValueError("a clock that stands still has no due day")
    for counted in count_days(received, working_days, calendar, pauses):
        if counted.number == working_days:
            return counted.day
    raise ValueError(f"no {working_days} working days within ten years after {received}")


def count_days(
    received: dt.date, working_days: int, calendar: Calendar, pauses: Sequence[Pause] = ()
) -> Iterator[CountedDay]:
    """Every calendar day from receipt to the last counted one, in order, with the receipt day as number 0."""
    start = receipt_day(received, calendar)
    number = 0
    yield CountedDay(start, 0, working=True, paused=False, name=calendar.name(start))
    for day in _days_from(start + _ONE):
        working, paused = calendar.is_working(day), _paused(day, pauses)
        counts = working and not paused
        number += counts
        yield CountedDay(day, number if counts else None, working, paused, calendar.name(day))
        if number == working_days:
            return


def days_left(today: dt.date, due: dt.date, calendar: Calendar) -> int:
    """Working days after today up to and with the due day; 0 is due today, -1 one working day overdue."""
    first, last, sign = (today, due, 1) if due >= today else (due, today, -1)
    days = (first + _ONE * n for n in range(1, (last - first).days + 1))
    count = sum(calendar.is_working(day) for day in days)
    return sign * count if count or due >= today else -1


def _paused(day: dt.date, pauses: Sequence[Pause]) -> bool:
    return any(since < day and (until is None or day <= until) for since, until in pauses)


def _days_from(day: dt.date) -> Iterator[dt.date]:
    return (day + _ONE * n for n in range(_FAR))


def _version(corrections: Mapping[dt.date, bool]) -> str:
    shipped = f"chinesecalendar-{version('chinesecalendar')}"
    if not corrections:
        return shipped
    text = ";".join(f"{day}={working:d}" for day, working in sorted(corrections.items()))
    return f"{shipped}+{hashlib.sha256(text.encode()).hexdigest()[:8]}"
