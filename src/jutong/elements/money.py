"""Amounts of money as text → exact decimal text → decimal, in one stated unit."""

from __future__ import annotations

from typing import Literal

from jutong.elements.capitals import NUMERALS, written_out
from jutong.elements.cleaning import half_width, let, matching, nothing_to_null, squeezed, unless, wordy
from jutong.elements.element import FLAG, REJECT, Check, Dimension

_PLAIN = "-?(?:0|[1-9][0-9]{0,15})(?:\\.[0-9]{1,2})?"
#: The same with more decimals or its unit behind it, and no zero that says nothing.
_IN_YUAN = "-?(?:0|[1-9][0-9]{0,15})(?:\\.[0-9]*[1-9])?元?"
_WRITTEN = (
    "^(?:人民币|RMB|CNY|¥)?([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\\.[0-9]+)?"
    "(亿|千万|百万|万|千|百)?(元整?|圆整?|块)?$"
)
#: How many places each word moves the point to the right.
_PLACES = {"亿": 8, "千万": 7, "百万": 6, "万": 4, "千": 3, "百": 2}


def clean_money(expression: str, unit: Literal["元", "万元"]) -> str:
    """A bare number is in the item's ``unit``; a number with its own unit (万元, 元) is converted into it."""

    def read(text: str) -> str:
        found = f"regexp_extract(upper({text}), '{_WRITTEN}', ['sign', 'whole', 'part', 'factor', 'yuan'])"
        return let(found, lambda m: _number(m, text, unit), name="m")

    bare = nothing_to_null(squeezed(half_width(expression)))
    grouped = f"regexp_full_match({expression}, '[1-9][0-9]{{0,2}}(,[0-9]{{3}})+(\\.[0-9]{{1,2}})?')"
    more = let(bare, lambda u: _sign_and_power(u, read), name="u")
    arms = f"WHEN {grouped} THEN replace({expression}, ',', '') {wordy(expression, NUMERALS)}"
    if unit == "元":
        arms += f" WHEN regexp_full_match({expression}, '{_IN_YUAN}') THEN rtrim({expression}, '元')"
    return unless(_PLAIN, expression, f"CASE {arms} ELSE {more} END")


def plain_money(text: str, digits: int) -> str:
    """Digits alone, so many before the point as the type holds and no more than two behind it."""
    return matching(text, f"(?:0|[1-9][0-9]{{0,{digits - 1}}})(?:\\.[0-9]{{1,2}})?")


def _sign_and_power(text: str, read: object) -> str:
    """Accountants' (1,234.56) is negative; a spreadsheet's 1.2E+6 and 大写 are written out in digits."""
    assert callable(read)
    power = f"CAST(TRY_CAST({text} AS DECIMAL(38,10)) AS VARCHAR)"
    opened = (
        f"CASE WHEN regexp_full_match({text}, '\\([0-9.,]+\\)') THEN '-' || {text}[2:-2] "
        f"WHEN regexp_full_match({text}, '[+-]?[0-9]+(\\.[0-9]+)?[eE][+]?[0-9]{{1,2}}') "
        f"THEN coalesce({power}, {text}) ELSE {written_out(text)} END"
    )
    return let(opened, read, name="w")


def _number(match: str, text: str, unit: str) -> str:
    """The point moved by whole places of text: exact whatever the number of digits."""
    whole, part = f"replace({match}.whole, ',', '')", f"substr({match}.part, 2)"
    arms = " ".join(f"WHEN '{word}' THEN {places}" for word, places in _PLACES.items())
    right = f"CASE {match}.factor {arms} ELSE 0 END"
    moved_right = (
        f"{whole} || left(rpad({part}, {right}, '0'), {right}) || '.' || substr({part}, {right} + 1)"
    )
    number = moved_right
    if unit == "万元":
        # Stated in yuan or in another unit: first to yuan, then four places to the left.
        yuan = f"lpad({whole} || left(rpad({part}, {right}, '0'), {right}), CAST(greatest(length({whole}) + {right}, 5) AS INTEGER), '0')"
        in_wan = let(
            yuan, lambda y: f"left({y}, -4) || '.' || right({y}, 4) || substr({part}, {right} + 1)", name="y"
        )
        stated = f"{match}.factor <> '' OR {match}.yuan <> ''"
        number = f"CASE WHEN {stated} THEN {in_wan} ELSE {moved_right} END"
    signed = f"replace({match}.sign, '+', '') || {number}"
    return f"CASE WHEN {match}.whole = '' THEN {text} ELSE {_shortest(signed)} END"


def _shortest(number: str) -> str:
    """Without zeros that say nothing: 007.50 → 7.5."""
    no_tail = f"regexp_replace({number}, '(\\.[0-9]*?)0+$', '\\1')"
    no_point = f"regexp_replace({no_tail}, '\\.$', '')"
    return f"regexp_replace({no_point}, '^(-?)0+([0-9])', '\\1\\2')"


def cast_money(text: str, decimal: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, '-?[0-9]+(?:\\.[0-9]+)?') THEN TRY_CAST({text} AS {decimal}) END"


def _loses_digits(text: str, value: str) -> str:
    """More decimals than the value's type holds: the element's, or an item's of its own width."""
    given = f"length(regexp_extract({text}, '\\.([0-9]*[1-9])0*$', 1))"
    held = f"length(split_part(CAST({value} AS VARCHAR), '.', 2))"
    return f"instr({text}, '.') > 0 AND {given} > {held}"


def money_checks(element: str, expected: str) -> tuple[Check, ...]:
    return (
        Check(
            f"{element}.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda _, value: f"{value} IS NULL",
            f"「{{label}}」应为金额，单位{expected}",
        ),
        Check(
            f"{element}.scale",
            FLAG,
            Dimension.ACCURACY,
            _loses_digits,
            "「{label}」的小数位数超出规定，已四舍五入",
        ),
        Check(
            f"{element}.negative",
            FLAG,
            Dimension.ACCURACY,
            lambda _, value: f"{value} < 0",
            "「{label}」不应为负数",
        ),
    )
