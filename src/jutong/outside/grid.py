"""Rows of a grid (a workbook's sheet, whatever its format) as a reading: titles, header, totals, empty columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jutong.outside.reading import HEADER_WITHIN, Reading, header_columns, nameless
from jutong.outside.shape import HEAD_ROWS, TAIL_ROWS, find_footer, find_shape, header_names, is_total
from jutong.terms import Address, BadInput

_ROWS = 10_000
_NUMBERED = tuple[int, list[Any]]


def _plain_texts(values: list[Any]) -> pa.Array[Any]:
    return pa.array(values, pa.string())


@dataclass
class Grid:
    """``rows`` have their number from 0 and may be shorter than the header; None and ``""`` are empty cells."""

    rows: Iterator[_NUMBERED]
    address: Address
    #: A column's cells as texts, where cells are not texts already.
    texts: Callable[[list[Any]], pa.Array[Any]] = _plain_texts
    #: Merged ranges (first row, first column, last row, last column), from 0.
    merged: Sequence[tuple[int, int, int, int]] = ()
    #: Called between batches with the reading, to tell what was seen meanwhile.
    tell: Callable[[Reading], None] = field(default=lambda _reading: None)


def read_grid(grid: Grid, declared: Mapping[str, Any]) -> Reading:
    """``declared`` may name ``header_row`` (from 1), ``header_rows``, ``footer_rows``, ``header`` False with
    ``columns``, and ``wrong_rows``; what it does not name is found.

    Raises BadInput ``outside.file_empty``, ``header_missing``, ``header_blank``, ``header_duplicate``,
    ``header_only``, ``excel_beyond_header`` with the place.
    """
    source = iter(grid.rows)
    head: list[_NUMBERED] = []
    for number, row in source:
        if number >= HEAD_ROWS and head:
            source = _chained((number, row), source)
            break
        head.append((number, row))
    texts = _positioned(grid, head)
    first, rows, grounds = _header(texts, declared, grid.address)
    offset = first + rows - 1 if first else 0
    header = header_names(texts[first - 1 : offset]) if first else list(declared["columns"])
    where = Address(grid.address.file, grid.address.sheet, offset or None)
    columns, places = header_columns(header, where)
    manner = {"header_row": first, "header_rows": rows, **{k: v for k, v in declared.items() if k in _SHOWN}}
    reading = Reading(columns, iter(()), row_offset=offset, manner=manner, grounds=tuple(grounds))
    body = _Body(grid, reading, places, len(header), declared)
    reading.batches = body.batches(_chained_all([one for one in head if one[0] >= offset], source))
    return reading


_SHOWN = ("sheet", "footer_rows", "wrong_rows", "columns")


def _positioned(grid: Grid, head: Sequence[_NUMBERED]) -> list[list[str | None]]:
    """The first rows as texts, each at its place."""
    found: list[list[str | None]] = [[] for _ in range(max((number for number, _ in head), default=-1) + 1)]
    for number, row in head:
        found[number] = [text or None for text in grid.texts(row).to_pylist()]
    return found


def _header(
    texts: Sequence[Sequence[str | None]], declared: Mapping[str, Any], address: Address
) -> tuple[int, int, list[str]]:
    if declared.get("header") is False:
        return 0, 0, []
    if "header_row" in declared:
        row = int(declared["header_row"])
        if row > len(texts) or not any(texts[row - 1]):
            raise BadInput("outside.file_empty", f"第 {row} 行没有表头", address)
        return row, int(declared.get("header_rows", 1)), []
    shape = find_shape(texts)
    if shape is None:
        raise BadInput("outside.file_empty", "工作表里没有任何内容", address)
    if shape.header_row == 0:
        if not declared.get("columns"):
            where = Address(address.file, address.sheet, 1)
            raise BadInput("outside.header_missing", "第一行看起来就是数据；没有表头的表须登记列名", where)
        return 0, 0, list(shape.grounds)
    return shape.header_row, int(declared.get("header_rows", shape.header_rows)), list(shape.grounds)


def _chained(first: _NUMBERED, rest: Iterator[_NUMBERED]) -> Iterator[_NUMBERED]:
    yield first
    yield from rest


def _chained_all(first: Sequence[_NUMBERED], rest: Iterator[_NUMBERED]) -> Iterator[_NUMBERED]:
    yield from first
    yield from rest


class _Body:
    """The rows below the header, the last ones held back until it is known whether they are totals."""

    def __init__(
        self, grid: Grid, reading: Reading, places: Sequence[int], width: int, declared: Mapping[str, Any]
    ) -> None:
        self._grid, self._reading, self._places, self._width = grid, reading, list(places), width
        self._set_aside = declared.get("wrong_rows") == "set_aside"
        self._footer_rows = declared.get("footer_rows")
        self._blank = [place for place in range(width) if place not in set(places)]
        self._dense = not self._blank
        self._last = reading.row_offset - 1
        self._given = 0

    def batches(self, rows: Iterator[_NUMBERED]) -> Iterator[pa.RecordBatch]:
        held: deque[_NUMBERED] = deque()
        ready: list[_NUMBERED] = []
        for one in self._checked(_filled(rows, self._grid, self._reading)):
            held.append(one)
            if len(held) > max(TAIL_ROWS, int(self._footer_rows or 0)):
                ready.append(held.popleft())
            if len(ready) == _ROWS:
                yield self._batch(ready)
                ready = []
        ready += self._without_footer(list(held))
        if ready:
            yield self._batch(ready)
        self._grid.tell(self._reading)
        if not self._given:
            raise BadInput("outside.header_only", "工作表只有表头，没有数据行", self._grid.address)

    def _checked(self, rows: Iterator[_NUMBERED]) -> Iterator[_NUMBERED]:
        """Rows cut to the header's width. Empty ones are no rows; a value beyond or without a name is refused."""
        for number, row in rows:
            if (not row or row[0] is None or row[0] == "") and not any(
                value is not None and value != "" for value in row
            ):
                continue
            if len(row) > self._width and self._says(row[self._width :]):
                place = next(
                    place for place in range(self._width, len(row)) if self._says(row[place : place + 1])
                )
                self._wrong(number, place)
                continue
            for place in self._blank:
                if place < len(row) and self._says(row[place : place + 1]):
                    offset = self._reading.row_offset or None
                    where = Address(self._grid.address.file, self._grid.address.sheet, offset)
                    raise nameless(place, where, number + 1)
            yield number, row

    def _says(self, cells: list[Any]) -> bool:
        return any(text for text in self._grid.texts(cells).to_pylist())

    def _wrong(self, number: int, place: int) -> None:
        where = Address(self._grid.address.file, self._grid.address.sheet, number + 1)
        sentence = f"这一行在表头的 {self._width} 列之外（第 {place + 1} 列）还有值"
        if not self._set_aside:
            raise BadInput("outside.excel_beyond_header", sentence, where)
        self._reading.notice("outside.excel_beyond_header", sentence, where)
        self._reading.set_aside += 1

    def _without_footer(self, rows: list[_NUMBERED]) -> list[_NUMBERED]:
        count = self._footer_rows
        if count is None:
            texts = [self._grid.texts(self._cut(row)).to_pylist() for _, row in rows]
            count = min(find_footer(texts, len(self._places)), max(len(rows) + self._given - 1, 0))
            if count:
                self._reading.grounds += (f"最后 {count} 行是合计或说明，不作数据",)
        for number, _ in rows[len(rows) - count :]:
            self._reading.notice(
                "outside.footer_left_out", "这一行是合计或说明，没有作为数据",
                Address(self._grid.address.file, self._grid.address.sheet, number + 1),
            )  # fmt: skip
        return rows[: len(rows) - count]

    def _cut(self, row: list[Any]) -> list[Any]:
        short = len(self._places) and self._places[-1] + 1 - len(row)
        full = row + [None] * short if short > 0 else row
        if self._dense and len(full) == self._width:
            return full
        return [full[place] for place in self._places]

    def _batch(self, rows: list[_NUMBERED]) -> pa.RecordBatch:
        for number, _ in rows:
            for _ in range(number - self._last - 1):
                self._reading.gaps.append(self._given)
            self._last = number
            self._given += 1
        columns = [
            _missing_where_empty(self._grid.texts(list(values)))
            for values in zip(*(self._cut(row) for _, row in rows), strict=True)
        ]
        self._notice_odd_rows(rows, columns[0])
        self._grid.tell(self._reading)
        return pa.record_batch(columns, schema=self._reading.schema)

    def _notice_odd_rows(self, rows: Sequence[_NUMBERED], first: pa.Array[Any]) -> None:
        names = tuple(item.name for item in self._reading.columns)
        same: list[Any] = pc.indices_nonzero(pc.equal(first, pa.scalar(names[0]))).to_pylist()
        for place in same if len(names) > 1 else ():
            texts = self._grid.texts(self._cut(rows[place][1])).to_pylist()
            if tuple(map(str, texts)) == names:
                where = Address(self._grid.address.file, self._grid.address.sheet, rows[place][0] + 1)
                self._reading.notice("outside.header_within", HEADER_WITHIN, where)
        places: list[Any] = pc.indices_nonzero(pc.ends_with(first, "计")).to_pylist()
        for place in places:
            if is_total([first[place].as_py()], 1):
                self._reading.notice(
                    "outside.totals_within", "这一行看起来是合计或小计，仍作为数据收下",
                    Address(self._grid.address.file, self._grid.address.sheet, rows[place][0] + 1),
                )  # fmt: skip


def _missing_where_empty(texts: pa.Array[Any]) -> pa.Array[Any]:
    found: pa.Array[Any] = pc.if_else(pc.equal(texts, pa.scalar("")), pa.scalar(None, pa.string()), texts)
    return found


def _filled(rows: Iterator[_NUMBERED], grid: Grid, reading: Reading) -> Iterator[_NUMBERED]:
    """Cells merged downwards hold their value in every row, as they are read; merged sideways they stay empty."""
    if not grid.merged:
        yield from rows
        return
    down = [one for one in grid.merged if one[1] == one[3] and one[2] > one[0] >= reading.row_offset]
    wide = [one for one in grid.merged if one[1] != one[3] and one[0] >= reading.row_offset]
    for top, _, _, _ in wide:
        where = Address(grid.address.file, grid.address.sheet, top + 1)
        reading.notice("outside.merged_wide", "这一行有横向合并的单元格，只有第一列有值", where)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for top, column, bottom, _ in down:
        where = Address(grid.address.file, grid.address.sheet, top + 1)
        reading.notice(
            "outside.merged_filled", f"第 {column + 1} 列合并到第 {bottom + 1} 行，每一行都取它的值", where
        )
        for number in range(top, bottom + 1):
            wanted.setdefault(number, []).append((top, column))
    anchors: dict[tuple[int, int], Any] = {}
    for number, row in rows:
        for top, column in wanted.get(number, ()):
            if number == top:
                anchors[top, column] = row[column] if column < len(row) else None
            elif any(value is not None for value in row) and (top, column) in anchors:
                row.extend([None] * (column + 1 - len(row)))
                row[column] = anchors[top, column]
        yield number, row
