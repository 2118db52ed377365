"""Dates and times in every form departments write, to ``YYYY-MM-DD[ HH:MM:SS[.ffffff]]``.

2023-05-09 · 2023/5/9 · 2023.5.9 · 20230509 · 2023年5月9日 · 二〇二三年五月九日 · 45055 (a spreadsheet's serial
day) and the same with a time behind.  Two-digit years and day-first forms are not guessed at.
"""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, trimmed, unless, wordy

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,6})?"
_SPLIT = (
    "^([0-9]{4}) ?[-/.年] ?([0-9]{1,2}) ?[-/.月] ?([0-9]{1,2}) ?[日号]?"
    "(?:[T ]? ?([0-9]{1,2}) ?[:时点] ?([0-9]{1,2})(?: ?[:分] ?([0-9]{1,2})(\\.[0-9]{1,6})?0*秒?|分)?)?(?:\\+08:?00)?$"
)
_COMPACT = "^([0-9]{4})([0-9]{2})([0-9]{2})(?:T?([0-9]{2})([0-9]{2})([0-9]{2})?(\\.[0-9]{1,6})?)?$"
_PARTS = "['y', 'm', 'd', 'hh', 'mi', 'ss', 'ff']"
#: Serial days 10000–69999 are 1927–2091; Excel's day 0 is 1899-12-30.
_SERIAL = "[1-6][0-9]{4}(?:\\.[0-9]+)?"


def day_of_year(between: str = "") -> str:
    """Month and day of any year as a regex: all days but the 29th of February."""
    return (
        f"(?:(?:0[1-9]|1[0-2]){between}(?:0[1-9]|1[0-9]|2[0-8])"
        f"|(?:0[13-9]|1[0-2]){between}(?:29|30)|(?:0[13578]|1[02]){between}31)"
    )


def clean_date(expression: str) -> str:
    """Midnight is dropped, another time of day stays behind the date."""
    remark = wordy(expression, "〇零一二三四五六七八九十")
    more = f"CASE {_usual(expression, '')} {remark} ELSE {_read(expression, midnight=False)} END"
    return unless(_DAY, expression, more)


def clean_datetime(expression: str) -> str:
    clock = "[ T]([0-9]{1,2}:[0-9]{2}:[0-9]{2})"
    more = f"CASE {_usual(expression, clock)} ELSE {_read(expression, midnight=True)} END"
    return unless(f"{_DAY} {_TIME}", expression, more)


def _usual(expression: str, clock: str) -> str:
    """The forms whole tables are written in (2023/5/9, 2023年5月9日, 20230509), five times as fast as ``_read``.

    Every number gets a zero before it, and then loses it where it has two digits already.
    """
    parted = f"([0-9]{{4}})[-/.年]([0-9]{{1,2}})[-/.月]([0-9]{{1,2}})日?{clock}"
    zeroed = "\\1-0\\2-0\\3 0\\4" if clock else "\\1-0\\2-0\\3"
    padded = f"regexp_replace({expression}, '^{parted}$', '{zeroed}')"
    arms = (
        f"WHEN regexp_full_match({expression}, '{parted}') "
        f"THEN regexp_replace({padded}, '([- ])0([0-9]{{2}})', '\\1\\2', 'g')"
    )
    if not clock:
        joined = f"regexp_replace({expression}, '^(....)(..)(..)$', '\\1-\\2-\\3')"
        arms += f" WHEN regexp_full_match({expression}, '[0-9]{{8}}') THEN {joined}"
    return arms


def _read(expression: str, *, midnight: bool) -> str:
    blank = nothing_to_null(f"replace({trimmed(half_width(expression))}, '。', '.')")
    return let(blank, lambda u: let(_western(u), lambda t: _shape(t, midnight), name="w"), name="u")


def _western(text: str) -> str:
    """二〇二三年五月二十三日 → 2023年5月23日; anything else as it is."""
    digits = f"translate({text}, '〇○零一二三四五六七八九', '000123456789')"
    tens = f"regexp_replace({digits}, '([0-9])十([0-9])', '\\1\\2', 'g')"
    tens = f"regexp_replace({tens}, '([0-9])十', '\\10', 'g')"
    tens = f"regexp_replace({tens}, '十([0-9])', '1\\1', 'g')"
    written = "[〇○零一二三四五六七八九]{4}年[一二三四五六七八九十]{1,3}月[一二三四五六七八九十]{1,3}[日号]"
    return (
        f"CASE WHEN regexp_full_match({text}, '{written}') THEN replace({tens}, '十', '10') ELSE {text} END"
    )


def _shape(text: str, midnight: bool) -> str:
    pattern = f"CASE WHEN regexp_full_match({text}, '[0-9T.]+') THEN 1 END"
    found = (
        f"CASE WHEN {pattern} = 1 AND regexp_matches({text}, '{_COMPACT}') "
        f"THEN regexp_extract({text}, '{_COMPACT}', {_PARTS}) "
        f"ELSE regexp_extract({text}, '{_SPLIT}', {_PARTS}) END"
    )
    joined = let(found, lambda m: _joined(m, text, midnight), name="m")
    return (
        f"CASE WHEN regexp_full_match({text}, '{_SERIAL}') THEN {_serial(text, midnight)} ELSE {joined} END"
    )


def _joined(match: str, text: str, midnight: bool) -> str:
    day = f"{match}.y || '-' || lpad({match}.m, 2, '0') || '-' || lpad({match}.d, 2, '0')"
    fraction = f"regexp_replace({match}.ff, '\\.?0*$', '')"
    time = (
        f"lpad({match}.hh, 2, '0') || ':' || lpad({match}.mi, 2, '0') || ':' "
        f"|| lpad({match}.ss, 2, '0') || {fraction}"
    )
    at_midnight = f"concat({match}.hh, {match}.mi, {match}.ss, {fraction}) IN ('', '00', '000', '0000', '00000', '000000')"
    tail = "' 00:00:00'" if midnight else "''"
    return f"CASE WHEN {match}.y = '' THEN {text} WHEN {at_midnight} THEN {day} || {tail} ELSE {day} || ' ' || {time} END"


def _serial(text: str, midnight: bool) -> str:
    seconds = (
        f"CAST(round(CAST(left({text}, 24) AS DECIMAL(28,18)) * CAST(86400 AS DECIMAL(5,0)), 0) AS BIGINT)"
    )
    instant = f"(TIMESTAMP '1899-12-30' + to_seconds({seconds}))"
    if midnight:
        return f"strftime({instant}, '%Y-%m-%d %H:%M:%S')"
    whole = f"CAST({instant} AS DATE) = {instant}"
    return f"CASE WHEN {whole} THEN strftime({instant}, '%Y-%m-%d') ELSE strftime({instant}, '%Y-%m-%d %H:%M:%S') END"
