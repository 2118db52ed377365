"""The cells of an .xlsx sheet, read as a stream: a full sheet needs no more memory than its shared texts.

The XML that spreadsheet programs write is regular enough for one expression per cell; what does not look like
that (namespaces with prefixes, cells without a place) is left to the slower reader, never guessed at.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Any

import pyarrow as pa

from jutong.outside.excel.workbook import Styles, rich_text, unescaped
from jutong.outside.packed import refuse_entities
from jutong.terms import Address, BadInput

_CHUNK = 4 << 20
#: The longest cell Excel keeps is 32 767 characters; a stretch of XML without a cell's end is no sheet.
_LONGEST = 32 << 20
_CELL = re.compile(
    rb'<c r="([A-Z]{1,3})(\d+)"(?: s="(\d+)")?(?: t="(\w+)")?(?: [a-z]+="[^"]*")*'
    rb"(?: ?/>|>(?:<f[^>]*?(?:/>|>[^<]*</f>))?(?:<v(?: xml:space=\"preserve\")?>([^<]*)</v>|<v ?/>|<is>(.*?)</is>)?"
    rb"(?:<extLst>.*?</extLst>)?</c>)",
    re.DOTALL,
)
#: A formula whose result is not in the file: programs write it so and leave the reckoning to Excel.
_UNCACHED = re.compile(
    rb'<c r="([A-Z]{1,3})(\d+)"([^>]*)>(?:<f[^>]*?/>|<f[^>]*?>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>'
)
_HIDDEN_ROW = re.compile(rb'<row\b[^>]*\bhidden="(?:1|true)"')
_MERGED = re.compile(rb'<mergeCell ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
#: Excel keeps 15 significant digits of a number; a whole number this long has lost its last ones.
EXACT = 10**15
_EPOCH_1900, _EPOCH_1904 = dt.datetime(1899, 12, 30), dt.datetime(1904, 1, 1)
_ROWS_IN_EXCEL, _COLUMNS_IN_EXCEL = 1_048_576, 16_384


class Irregular(Exception):
    """The sheet's XML is not of the usual form."""


@dataclass
class Told:
    """What the cells' values do not say, by (row, column) from 0."""

    rounded: list[tuple[int, int, str]] = field(default_factory=list)
    errors: list[tuple[int, int]] = field(default_factory=list)
    impossible: list[tuple[int, int, str]] = field(default_factory=list)
    uncached: list[tuple[int, int]] = field(default_factory=list)
    hidden_rows: int = 0
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Cells:
    """One sheet. A cell is a text, or an int: the number of a shared text; None where it is empty."""

    book: zipfile.ZipFile
    part: str
    styles: Styles
    shared: pa.Array[Any]
    from_1904: bool
    name: str
    sheet: str
    told: Told = field(default_factory=Told)

    def rows(self) -> Iterator[tuple[int, list[str | int | None]]]:
        """Rows that hold a cell, with their number from 0. Raises Irregular before the first one, if ever."""
        at = [-1]
        try:
            yield from self._rows(at)
        except (ValueError, OverflowError):  # a number, a date, a text's number or a text that is none
            raise self._broken("有一个单元格的内容读不懂", max(at[0], 0)) from None

    def _rows(self, reached: list[int]) -> Iterator[tuple[int, list[str | int | None]]]:
        columns = _Columns()
        current, row = -2, []  # type: int, list[str | int | None]
        values: dict[tuple[bytes, bytes], str | None] = {}
        for letters, number, style, kind, value, inline in chain.from_iterable(self._cells()):
            place = columns[letters]
            at = int(number) - 1
            if at != current:
                if row and at < current:
                    raise self._broken("行号倒退")
                if row:
                    yield current, row
                if not 0 <= at < _ROWS_IN_EXCEL:
                    raise self._broken("单元格超出工作表")
                current, row = at, []
                reached[0] = at
            if place < len(row):
                raise self._broken("列号倒退")
            if place > len(row):
                if place >= _COLUMNS_IN_EXCEL:
                    raise self._broken("单元格超出工作表", at)
                row.extend([None] * (place - len(row)))
            if kind == b"s" and value:
                row.append(int(value))
            elif not kind or kind == b"n":
                key = (style, value)
                if key in values:
                    row.append(values[key])
                else:
                    told = len(self.told.rounded) + len(self.told.impossible)
                    text = self._number(at, place, style, value)
                    # What was told of one cell must be told of every other that holds the same.
                    if len(values) < 100_000 and told == len(self.told.rounded) + len(self.told.impossible):
                        values[key] = text
                    row.append(text)
            else:
                row.append(self._other(at, place, kind, value, inline))
        if row:
            yield current, row

    def texts(self, values: list[str | int | None]) -> pa.Array[Any]:
        """A column's cells as texts; an empty text is a missing one, as in any workbook."""
        kinds = {type(value) for value in values}
        try:
            if str not in kinds:
                return self.shared.take(pa.array(values, pa.int32()))
            known = self._known({value for value in values if type(value) is int})
        except (pa.ArrowException, IndexError, OverflowError):
            raise self._broken("单元格指向没有的文字") from None
        return pa.array([known[v] if type(v) is int else v for v in values], pa.string())

    def _known(self, numbers: set[int]) -> dict[int, str]:
        wanted = sorted(numbers)
        texts: list[Any] = self.shared.take(pa.array(wanted, pa.int32())).to_pylist()
        return dict(zip(wanted, texts, strict=True))

    def _cells(self) -> Iterator[list[tuple[bytes, bytes, bytes, bytes, bytes, bytes]]]:
        with self.book.open(self.part) as xml:
            rest, begun, cells = b"", False, False
            while True:
                try:
                    chunk = xml.read(_CHUNK)
                except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as problem:
                    raise self._broken(str(problem)) from None
                if not chunk:
                    break
                block = rest + chunk
                if not begun:
                    refuse_entities(block[:4096], self.name)
                    begun = True
                cut = max(
                    block.rfind(b"</c>") + 4, block.rfind(b"</row>") + 6, block.rfind(b"<sheetData>") + 11
                )
                if cut < 12:
                    if len(block) > _LONGEST:
                        raise self._broken("有一个单元格长得不像话")
                    rest = block
                    continue
                ready, rest = block[:cut], block[cut:]
                found = _CELL.findall(ready)
                if len(found) != ready.count(b"<c ") + ready.count(b"<c>"):
                    if cells:
                        raise self._broken("单元格的写法前后不一")
                    raise Irregular
                self._look(ready)
                cells = cells or bool(found)
                yield found
            self._look(rest)
            if not cells and (b":c " in rest or b":row" in rest or b"\0" in rest):
                raise Irregular

    def _look(self, block: bytes) -> None:
        if b"hidden=" in block:
            self.told.hidden_rows += len(_HIDDEN_ROW.findall(block))
        if b"<mergeCell " in block:
            self.told.merged += merged_in(block)
        if b"<f" in block:
            columns = _Columns()
            self.told.uncached += [
                (int(row) - 1, columns[letters])
                for letters, row, kind in _UNCACHED.findall(block)
                if b't="str"' not in kind  # an empty text is a result
            ]

    def _number(self, row: int, column: int, style: bytes, value: bytes) -> str | None:
        if not value:
            return None
        number = int(style) if style else 0
        styles = self.styles
        if number in styles.dates or number in styles.durations:
            return self._moment(row, column, number, value)
        text = value.decode() if value.isdigit() and len(value) <= 15 else self._long(row, column, value)
        width = styles.zeros.get(number)
        return text.zfill(width) if width and text.isdigit() else text

    def _long(self, row: int, column: int, value: bytes) -> str:
        try:
            real = float(value)
        except ValueError:
            real = math.nan
        if not math.isfinite(real):
            raise self._broken(f"数字 {value.decode(errors='replace')[:40]} 读不懂", row)
        if value.isdigit():  # longer than Excel keeps: programs write such, and as it stands it is right
            self.told.rounded.append((row, column, value.decode()))
            return value.decode()
        if real.is_integer() and abs(real) < 1e22:
            text = f"{Decimal(repr(real)):f}".removesuffix(".0")
            if abs(real) >= EXACT:
                self.told.rounded.append((row, column, text))
            return text
        return repr(real)

    def _moment(self, row: int, column: int, style: int, value: bytes) -> str:
        """A serial number as the date or time it is drawn as."""
        serial = float(value)
        if style in self.styles.durations:
            seconds = round(serial * 86_400)
            return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
        # Excel believes in 29 February 1900, serial 60: before it every date is one day late.
        whole = int(serial // 1)
        if not self.from_1904 and whole == 60:
            self.told.impossible.append((row, column, "1900-02-29"))
            return "1900-02-29"
        if not 0 <= serial < 2_958_466:
            self.told.impossible.append((row, column, value.decode()))
            return value.decode()
        epoch = _EPOCH_1904 if self.from_1904 else _EPOCH_1900
        early = not self.from_1904 and whole < 60
        moment = epoch + dt.timedelta(days=whole + early, seconds=round((serial - whole) * 86_400, 3))
        if whole == 0 and not self.from_1904:
            return moment.strftime("%H:%M:%S")
        if style in self.styles.times and whole < 1:
            return moment.strftime("%H:%M:%S")
        shown = moment.isoformat(" ", timespec="milliseconds" if moment.microsecond else "seconds")
        return shown if serial != whole else shown[:10]

    def _other(self, row: int, column: int, kind: bytes, value: bytes, inline: bytes) -> str | None:
        if kind == b"e":
            self.told.errors.append((row, column))
            return None
        if kind == b"b":
            return "TRUE" if value == b"1" else "FALSE"
        if kind == b"inlineStr":
            return rich_text(inline) or None
        if kind == b"d":
            return value.decode().replace("T", " ").removesuffix(" 00:00:00")
        return unescaped(value) or None

    def _broken(self, what: str, row: int | None = None) -> BadInput:
        where = Address(self.name, self.sheet, None if row is None else row + 1)
        return BadInput("outside.excel_unreadable", f"工作簿已损坏（{what}）", where)


class _Columns(dict[bytes, int]):
    """Column letters → place from 0."""

    def __missing__(self, letters: bytes) -> int:
        place = 0
        for letter in letters:
            place = place * 26 + letter - 64
        self[letters] = place - 1
        return place - 1


def merged_of(book: zipfile.ZipFile, part: str) -> tuple[tuple[int, int, int, int], ...]:
    """All merged ranges of a sheet; they stand behind the cells, so this reads it once."""
    found: list[tuple[int, int, int, int]] = []
    rest = b""
    with suppress(zipfile.BadZipFile, zlib.error, OSError, EOFError), book.open(part) as xml:
        while chunk := xml.read(_CHUNK):
            block = rest + chunk
            cut = block.rfind(b">") + 1
            if b"<mergeCell " in block:
                found += merged_in(block[:cut])
            rest = block[cut:]
    return tuple(found)


def merged_in(block: bytes) -> list[tuple[int, int, int, int]]:
    """Merged ranges as (first row, first column, last row, last column), from 0."""
    columns = _Columns()
    return [
        (int(top) - 1, columns[left], int(bottom) - 1, columns[right])
        for left, top, right, bottom in _MERGED.findall(block)
    ]
