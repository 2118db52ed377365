"""Workbooks read whole by calamine, and what its cell values do not say: zeros a number format draws, errors.

The fast reader gives ``42`` for a cell shown as ``000042`` and nothing for ``#DIV/0!``; both would be silent
changes (law 2).  The workbook's own XML knows; it is scanned only when it can matter.
"""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.parsers import expat

import python_calamine as calamine

from jutong.outside.excel.binary import marks_of_xls, marks_of_xlsb
from jutong.outside.excel.cells import EXACT
from jutong.outside.excel.document import marks_of_ods
from jutong.outside.excel.marks import Marks
from jutong.outside.excel.workbook import sheets_of, styles_of
from jutong.outside.packed import refuse_entities
from jutong.terms import Address, BadInput

_CHUNK = 1 << 20


def marks_before_opening(path: Path, name: str) -> dict[str, Marks]:
    """Of all sheets of an .ods, which the reader takes into memory as it opens it; else nothing yet."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as book:
            if "content.xml" in book.namelist() and "xl/workbook.bin" not in book.namelist():
                return marks_of_ods(book, name)
    return {}


def marks_of(path: Path, sheet: str, name: str) -> Marks:
    """Scan one sheet of any other format."""
    if not zipfile.is_zipfile(path):
        return marks_of_xls(path, sheet)
    with zipfile.ZipFile(path) as book:
        if "xl/workbook.bin" in book.namelist():
            return marks_of_xlsb(book, sheet)
        part = next((one.part for one in sheets_of(book, name)[0] if one.name == sheet), None)
        return Marks() if part is None else _marks_of_part(book, part, styles_of(book, name).zeros, name)


def _marks_of_part(book: zipfile.ZipFile, part: str, zeros: dict[int, int], name: str) -> Marks:
    """A sheet in XML of any form.  Raises BadInput ``outside.xml_entities``; where the XML is broken, what was seen."""
    walk = _Walk(zeros)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = walk.start
    parser.EndElementHandler = walk.end
    parser.CharacterDataHandler = walk.text
    broken = (expat.ExpatError, zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError)
    with suppress(*broken), book.open(part) as xml:
        block = xml.read(_CHUNK)
        refuse_entities(block[:4096], name)
        while block:
            parser.Parse(block, False)
            block = xml.read(_CHUNK)
    return walk.marks


@dataclass
class _Walk:
    """Where the parser stands in the sheet, and what it saw in the cell; rows and cells may go without their number."""

    zeros: dict[int, int]
    marks: Marks = field(default_factory=Marks)
    row: int = -1
    column: int = -1
    told: dict[str, str] = field(default_factory=dict)
    formula: bool = False
    value: str = ""
    within: bool = False

    def start(self, tag: str, held: dict[str, str]) -> None:
        kind = tag.rpartition(":")[2]
        if kind == "row":
            self.row = int(held["r"]) - 1 if "r" in held else self.row + 1
            self.column = -1
            self.marks.hidden_rows += held.get("hidden") in ("1", "true")
        elif kind == "c":
            letters = held.get("r", "").rstrip("0123456789")
            self.column = _column(letters.encode()) if letters else self.column + 1
            self.told, self.formula, self.value = held, False, ""
        elif kind == "f":
            self.formula = True
        self.within = kind == "v"

    def text(self, text: str) -> None:
        if self.within:
            self.value += text

    def end(self, tag: str) -> None:
        self.within = False
        if tag.rpartition(":")[2] != "c":
            return
        kind, style = self.told.get("t", "n"), self.told.get("s", "")
        if self.value or kind == "inlineStr":
            self.marks.reach(self.row + 1, self.column + 1)
        if kind == "e":
            self.marks.errors.append((self.row, self.column))
        elif self.formula and not self.value and kind != "str":  # an empty text is a result
            self.marks.uncached.append((self.row, self.column))
        elif kind == "n" and style.isdigit() and int(style) in self.zeros:
            self.marks.padded[self.row, self.column] = self.zeros[int(style)]


def _column(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place - 1


def open_slowly(path: Path, name: str) -> calamine.CalamineWorkbook:
    """Raises BadInput ``outside.excel_locked`` and ``outside.excel_unreadable``."""
    with told_as_unreadable(name):
        return calamine.CalamineWorkbook.from_path(str(path))
    raise AssertionError("unreachable")


@contextmanager
def told_as_unreadable(name: str) -> Iterator[None]:
    """What the reader says of a broken workbook, in our words; on some it panics, which Python sees as an exception
    that is no ``Exception``."""
    try:
        yield
    except calamine.PasswordError:
        raise BadInput("outside.excel_locked", "工作簿设有密码，打不开", Address(file=name)) from None
    except (calamine.CalamineError, OSError) as problem:
        raise BadInput(
            "outside.excel_unreadable", f"不是可读的 Excel 工作簿（{problem}）", Address(file=name)
        ) from None
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        raise BadInput(
            "outside.excel_unreadable", "工作簿已损坏，读到一半读不下去了", Address(file=name)
        ) from None


def slow_rows(
    sheet: calamine.CalamineSheet, marks: Marks, rounded: list[tuple[int, int, str]]
) -> Iterator[tuple[int, list[str | None]]]:
    """Rows as texts with their number from 0; the reader leaves out the columns before the first used one."""
    if sheet.start is None:
        return
    before: list[Any] = [""] * sheet.start[1]
    for number, row in enumerate(sheet.iter_rows()):
        texts: list[str | None] = []
        for place, value in enumerate(before + row):
            text = _text_of(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and text:
                if abs(value) >= EXACT and float(value).is_integer():
                    rounded.append((number, place, text))
                elif width := marks.padded.get((number, place)):
                    text = text.zfill(width)
            texts.append(text)
        yield number, texts


def _text_of(value: Any) -> str | None:
    """A cell as text; an empty cell and an empty text are the same in a workbook: missing."""
    if value == "" or value is None:
        return None
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        shown = repr(value)  # the shortest text that is this number
        return f"{Decimal(shown):f}".removesuffix(".0") if value.is_integer() and abs(value) < 1e22 else shown
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    if isinstance(value, dt.timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    return str(value)
