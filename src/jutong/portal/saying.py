"""How numbers, sizes and times are said to people.

Instants are shown in the city's own time.  Unknown is a dash, zero is 0 (look, README).
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

CITY_TIME = ZoneInfo("Asia/Shanghai")
UNKNOWN = "—"
WEEKDAYS = "一二三四五六日"

Number = int | float | Decimal


def number(value: Number | None, places: int | None = None) -> str:
    """7488 → 7,488; a fraction keeps its own digits unless ``places`` says how many."""
    if value is None:
        return UNKNOWN
    if places is not None:
        return f"{value:,.{places}f}"
    if isinstance(value, float) and value == int(value):
        value = int(value)
    if isinstance(value, Decimal):
        # A decimal keeps no needless zeros on a page: 500.00 is read as 500.
        text = f"{value:,f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:,}"


def large(value: Number | None, chinese: bool = True) -> str:
    """万 and 亿 with two decimals from a hundred thousand on; below that every digit (domain §6.2)."""
    if value is None:
        return UNKNOWN
    magnitude = abs(float(value))
    if not chinese or magnitude < 100_000:
        return number(value)
    if magnitude >= 100_000_000:
        return f"{value / 100_000_000:,.2f} 亿"
    return f"{value / 10_000:,.2f} 万"


def percent(part: Number | None, whole: Number | None = None, places: int = 2) -> str:
    """``percent(673, 7488)`` → 8.99%; one argument is a ratio already.  A whole of 0 has no percentage."""
    if part is None or whole == 0:
        return UNKNOWN
    ratio = float(part) / float(whole) if whole is not None else float(part)
    return f"{100 * ratio:.{places}f}%"


def size(count: int | None) -> str:
    """Bytes, in the unit a person reads; below 10 KB every byte counts."""
    if count is None:
        return UNKNOWN
    if count < 10_000:
        return f"{count:,} B"
    value = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        value /= 1024
        if value < 1024 or unit == "TB":
            return f"{value:,.1f} {unit}"
    raise AssertionError("unreachable")


def local(instant: dt.datetime) -> dt.datetime:
    """An instant in the city's time; a zoneless timestamp came so from its source and stays so."""
    return instant.astimezone(CITY_TIME) if instant.tzinfo else instant


def day(value: dt.date | dt.datetime | None, today: dt.date | None = None, chinese: bool = True) -> str:
    """6月15日, with its year unless it is this year's."""
    if value is None:
        return UNKNOWN
    date = local(value).date() if isinstance(value, dt.datetime) else value
    if not chinese:
        return f"{date.day} {date:%b}" if today and date.year == today.year else f"{date.day} {date:%b %Y}"
    short = f"{date.month}月{date.day}日"
    return short if today and date.year == today.year else f"{date.year}年{short}"


def moment(value: dt.datetime | None, today: dt.date | None = None, chinese: bool = True) -> str:
    """今天 09:12, else 6月9日 15:20."""
    if value is None:
        return UNKNOWN
    value = local(value)
    if today and value.date() == today:
        return f"今天 {value:%H:%M}" if chinese else f"today {value:%H:%M}"
    return f"{day(value, today, chinese)} {value:%H:%M}"


def weekday(value: dt.date) -> str:
    """星期一."""
    return f"星期{WEEKDAYS[value.weekday()]}"


def stamp(value: dt.datetime | None) -> str:
    """2026-06-15 06:31:44, for receipts."""
    return f"{local(value):%Y-%m-%d %H:%M:%S}" if value else UNKNOWN


def clock_time(value: dt.datetime | None) -> str:
    return f"{local(value):%H:%M}" if value else UNKNOWN


def iso_day(value: dt.date | dt.datetime | None) -> str:
    if value is None:
        return UNKNOWN
    return (local(value).date() if isinstance(value, dt.datetime) else value).isoformat()


def groups(text: str, width: int = 4) -> list[str]:
    """A hash in groups a person can compare by eye."""
    return [text[start : start + width] for start in range(0, len(text), width)]


def statement_time(value: dt.datetime, chinese: bool = True) -> str:
    """2026年6月15日 9时41分07秒, for sentences that bind someone."""
    value = local(value)
    if not chinese:
        return f"{value.day} {value:%B %Y}, {value:%H:%M:%S}"
    return (
        f"{value.year}年{value.month}月{value.day}日 {value.hour}时{value.minute:02d}分{value.second:02d}秒"
    )


def last_day(until: dt.datetime) -> dt.date:
    """The last day of a term that ends, exclusively, at this instant: a grant until midnight is good that day."""
    return local(until - dt.timedelta(microseconds=1)).date()
