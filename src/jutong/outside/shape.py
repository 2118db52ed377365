"""Where a table stands in a grid of texts: titles above it, one or more header rows, totals and notes below.

Pure functions over the first and last rows of a file.  What they find is a proposal: it is shown, a clerk may
overrule it, and where the rows do not say it clearly nothing is found and the reader refuses.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: How many rows of a file's beginning and end are looked at.
HEAD_ROWS, TAIL_ROWS = 60, 12
_MOST_HEADER_ROWS = 4

Row = Sequence[str | None]

_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(?:[eE][-+]?\d+)?%?")
_YEAR = re.compile(r"(?:19|20)\d\d年?")
_DATE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?")
_CODE = re.compile(r"(?=.*\d{6})[0-9A-Za-z]{8,}")
_LABELLED = re.compile(r"[^\W\d][^:：]*[:：]\s*\S*")
_TOTAL = re.compile(
    r"(?:合\s*计|总\s*计|小\s*计|共\s*计|总\s*数|累\s*计|total|sum|subtotal)[:：]?", re.IGNORECASE
)
_NOTE = re.compile(
    r"(?:注|备注|说明|制表|填表|审核|填报|单位负责人|负责人|联系电话|报送|统计)[^,，]{0,8}[:：]"
)


@dataclass(frozen=True)
class Shape:
    """``header_row`` counts from 1 as the clerk does; 0 where the file has no header."""

    header_row: int
    header_rows: int = 1
    #: Why, in words for the clerk.
    grounds: tuple[str, ...] = ()


def find_shape(rows: Sequence[Row]) -> Shape | None:
    """The header among the first rows (blank ones included, as they stand); None when there is nothing."""
    left = min((place for row in rows if (place := _margin(row)) is not None), default=0)
    rows = [row[left:] for row in rows]
    width = _width(rows)
    if width == 0:
        return None
    first = next((place for place, row in enumerate(rows) if _heads(row, width)), None)
    if first is None:
        return None
    if _is_data(rows, first):
        begin = first
        while begin and (
            not _filled(rows[begin - 1]) or any(_typed(_text(cell)) for cell in rows[begin - 1])
        ):
            begin -= 1  # blank rows, and rows of data that are too sparse to be taken for a header
        top = _layers(rows, begin, width)
        if top == begin:
            return Shape(0, 0, ("第一行就是数据，没有表头",))
        return Shape(top + 1, begin - top, (f"表头有 {begin - top} 行",))
    top = min(first, _layers(rows, first + 1, width))
    while top and _is_group(rows[top - 1], rows[top]):
        top -= 1
    last = _deepest(rows, top, first, width)
    while last + 1 < len(rows) and last - top + 1 < _MOST_HEADER_ROWS and _continues(rows, top, last):
        last += 1
    if last + 1 < len(rows) and _is_numbering(rows[last + 1]):
        last += 1
    grounds = []
    if top:
        grounds.append(f"前 {top} 行是标题，第 {top + 1} 行是表头")
    if last > top:
        grounds.append(f"表头有 {last - top + 1} 行")
    return Shape(top + 1, last - top + 1, tuple(grounds))


def header_names(rows: Sequence[Row]) -> list[str]:
    """One name per column of a header of several rows: the lowest text, and the group's before it where two
    columns would bear the same name.  Blank where no row has one."""
    rows = [row for place, row in enumerate(rows) if not (place and _is_numbering(row))]
    width = max((len(row) for row in rows), default=0)
    grids = [[_cell(row, place) for place in range(width)] for row in rows]
    for lower, upper in itertools.pairwise(reversed(grids)):
        for place in range(1, width):
            if not upper[place] and upper[place - 1] and lower[place] and lower[place - 1]:
                upper[place] = upper[place - 1]  # a merged group's name stands over all its columns
    paths = [_distinct([grid[place] for grid in grids if grid[place]]) for place in range(width)]
    leaves = Counter(path[-1].casefold() for path in paths if path)
    return [
        "" if not path else path[-1] if leaves[path[-1].casefold()] == 1 else "·".join(path) for path in paths
    ]


def find_footer(rows: Sequence[Row], width: int) -> int:
    """How many of the last rows (blank ones not given) are totals or notes, not data."""
    count = 0
    for row in reversed(rows):
        if not is_total(row, width) and not _is_note(row, width):
            break
        count += 1
    return count


def is_total(row: Row, width: int) -> bool:
    """A row that says 合计 in its first filled cell and leaves cells blank that a row of data would fill."""
    first = next((text for text in map(_text, row) if text), "")
    return bool(_TOTAL.fullmatch(first)) and (width == 1 or _filled(row) < width)


def _is_note(row: Row, width: int) -> bool:
    first = next((text for text in map(_text, row) if text), "")
    return bool(_NOTE.match(first)) and _filled(row) <= max(1, width // 2)


def _text(cell: str | None) -> str:
    return (cell or "").strip()


def _cell(row: Row, place: int) -> str:
    return _text(row[place]) if place < len(row) else ""


def _filled(row: Row) -> int:
    return sum(bool(_text(cell)) for cell in row)


def _span(row: Row) -> int:
    return next((place for place in range(len(row), 0, -1) if _text(row[place - 1])), 0)


def _margin(row: Row) -> int | None:
    return next((place for place, cell in enumerate(row) if _text(cell)), None)


def _distinct(path: Sequence[str]) -> list[str]:
    return [name for place, name in enumerate(path) if place == 0 or name != path[place - 1]]


def _width(rows: Sequence[Row]) -> int:
    """How many columns the table has: the commonest span, the wider one of two equally common."""
    spans = Counter(span for row in rows if (span := _span(row)))
    wide = {span: count for span, count in spans.items() if span > 1} or spans
    return max(wide, key=lambda span: (wide[span], span), default=0)


def _heads(row: Row, width: int) -> bool:
    """Whether a row is full enough to be a header or data, where titles fill one or two cells."""
    if any(_LABELLED.fullmatch(_text(cell)) for cell in row) and _filled(row) < width:
        return False
    return _filled(row) >= max(1, -(-width * 6 // 10)) and not (width > 2 and _filled(row) == 1)


def _typed(text: str) -> bool:
    """A number, a date or a code: what data hold and headers do not, years apart."""
    if not text or _YEAR.fullmatch(text):
        return False
    return bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text) or _CODE.fullmatch(text))


def _is_data(rows: Sequence[Row], place: int) -> bool:
    """A first row that holds a number, date or code in a column where the rows below hold one too."""
    row = rows[place]
    columns = [number for number, cell in enumerate(row) if _typed(_text(cell))]
    if not columns:
        return False
    below = [other for other in rows[place + 1 :] if _filled(other)]
    return not below or any(_typed(_cell(other, number)) for other in below for number in columns)


def _is_group(above: Row, row: Row) -> bool:
    """Names of groups over the columns: at least two, short, each over a filled cell; no 填报单位：…"""
    texts = [_text(cell) for cell in above if _text(cell)]
    if len(texts) < 2 or any(_typed(text) or _LABELLED.fullmatch(text) or len(text) > 20 for text in texts):
        return False
    return all(_cell(row, place) for place in range(_span(above)) if not _cell(above, place)) and bool(
        _filled(row) > len(texts)
    )


def _continues(rows: Sequence[Row], top: int, last: int) -> bool:
    """Whether the row below belongs to the header: it names what the rows above leave blank, and holds no data."""
    row, below = rows[last], rows[last + 1]
    texts = [_text(cell) for cell in below if _text(cell)]
    if not texts or any(_typed(text) or len(text) > 20 for text in texts):
        return False
    above = [
        any(_cell(rows[place], column) for place in range(top, last + 1)) for column in range(_span(below))
    ]
    named = [
        column
        for column in range(1, _span(below))
        if not _cell(row, column) and _cell(below, column) and _cell(below, column - 1)
    ]
    fills = bool(named) and any(not filled for filled in above)
    rest = rows[last + 2 :]
    return fills and any(_typed(_cell(other, column)) for other in rest for column in range(_span(other)))


def _layers(rows: Sequence[Row], first: int, width: int) -> int:
    """Where a header begins whose rows above the data are each too sparse to be one, but name every column together."""
    top = first
    while top and first - top < _MOST_HEADER_ROWS and _filled(rows[top - 1]) > 1 and _may_name(rows[top - 1]):
        top -= 1
        if _names_all(rows[top:first], width):
            return top
    return first


def _deepest(rows: Sequence[Row], top: int, first: int, width: int) -> int:
    """The last row of a header of layers: below names that are merged downwards, until every column has one."""
    for last in range(first, min(top + _MOST_HEADER_ROWS, len(rows) - 1)):
        if last > first and (_cell(rows[last], 0) or not _may_name(rows[last])):
            break
        if _names_all(rows[top : last + 1], width):
            data = any(_typed(_text(cell)) for row in rows[last + 1 :] for cell in row)
            return last if data else first
    return first


def _may_name(row: Row) -> bool:
    texts = [_text(cell) for cell in row if _text(cell)]
    return bool(texts) and not any(
        _typed(text) or _LABELLED.fullmatch(text) or len(text) > 20 for text in texts
    )


def _names_all(rows: Sequence[Row], width: int) -> bool:
    return all(any(_cell(row, place) for row in rows) for place in range(width))


def _is_numbering(row: Row) -> bool:
    """栏次 1 2 3 …, or 甲 乙 1 2 3 …, as printed forms have it below the header."""
    texts = [_text(cell) for cell in row if _text(cell)]
    named = [text for text in texts if text in ("栏次", "甲", "乙", "丙")]
    numbers = texts[len(named) :]
    return bool(named) and len(numbers) > 1 and numbers == [str(place + 1) for place in range(len(numbers))]
