"""Workbooks read whole by calamine, and what its cell values do not say: zeros a number format draws, errors.

The fast reader gives ``42`` for a cell shown as ``000042`` and nothing for ``#DIV/0!``; both would be silent
changes (law 2).  The workbook's own XML knows; it is scanned only when it can matter.
"""

from __future__ import annotations

import datetime as dt
import html
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import python_calamine as calamine

from jutong.outside.excel.binary import marks_of_xls, marks_of_xlsb
from jutong.outside.excel.cells import EXACT
from jutong.outside.excel.document import marks_of_ods
from jutong.outside.excel.marks import Marks
from jutong.terms import Address, BadInput

_CHUNK = 1 << 20
#: A cell tag is far shorter; what is left at a chunk's end is carried over.
_TAG = 512

_SHEET = re.compile(r'<sheet\b[^>]*\bname="([^"]*)"[^>]*\br:id="([^"]*)"')
_RELATION = re.compile(r"<Relationship\b[^>]*>")
_FORMAT = re.compile(r'<numFmt\b[^>]*\bnumFmtId="(\d+)"[^>]*\bformatCode="([^"]*)"')
_FORMAT_TURNED = re.compile(r'<numFmt\b[^>]*\bformatCode="([^"]*)"[^>]*\bnumFmtId="(\d+)"')
_CELL = re.compile(rb"<c\b[^>]*>")
_ZEROS = re.compile(r"0{2,}")


def marks_of(path: Path, sheet: str, name: str) -> Marks:
    """Scan one sheet."""
    if not zipfile.is_zipfile(path):
        return marks_of_xls(path, sheet)
    marks = Marks()
    with zipfile.ZipFile(path) as book:
        if "xl/workbook.bin" in book.namelist():
            return marks_of_xlsb(book, sheet)
        if "content.xml" in book.namelist():
            return marks_of_ods(book, sheet, name)
        part = _part_of(book, sheet)
        if part:
            _scan(book, part, _zero_styles(book), marks)
    return marks


def _part_of(book: zipfile.ZipFile, sheet: str) -> str | None:
    """The zip member of a sheet, by way of the workbook's relations."""
    workbook, relations = _text(book, "xl/workbook.xml"), _text(book, "xl/_rels/workbook.xml.rels")
    for name, relation in _SHEET.findall(workbook):
        if html.unescape(name) == sheet:
            for tag in _RELATION.findall(relations):
                if f'Id="{relation}"' in tag and (target := re.search(r'\bTarget="([^"]*)"', tag)):
                    part = target[1].lstrip("/")
                    part = part if part.startswith("xl/") else f"xl/{part}"
                    return part if part in book.namelist() else None
    return None


def _zero_styles(book: zipfile.ZipFile) -> dict[int, int]:
    """Cell style number → width, for styles whose number format is nothing but zeros."""
    styles = _text(book, "xl/styles.xml")
    formats = {int(number): code for number, code in _FORMAT.findall(styles)}
    formats |= {int(number): code for code, number in _FORMAT_TURNED.findall(styles)}
    widths = {number: len(code) for number, code in formats.items() if _ZEROS.fullmatch(code)}
    cells = re.search(r"<cellXfs\b.*?</cellXfs>", styles, re.DOTALL)
    if not widths or not cells:
        return {}
    used = [int(number) for number in re.findall(r'<xf\b[^>]*\bnumFmtId="(\d+)"', cells[0])]
    return {style: widths[number] for style, number in enumerate(used) if number in widths}


def _scan(book: zipfile.ZipFile, part: str, zeros: dict[int, int], marks: Marks) -> None:
    for tag in _cells(book, part, all_of_them=bool(zeros)):
        error = b't="e"' in tag
        place = re.search(rb'\br="([A-Z]+)(\d+)"', tag)
        if not place:
            continue
        cell = int(place[2]) - 1, _column(place[1])
        if error:
            marks.errors.append(cell)
        elif (style := re.search(rb'\bs="(\d+)"', tag)) and int(style[1]) in zeros and b't="s"' not in tag:
            marks.padded[cell] = zeros[int(style[1])]


def _cells(book: zipfile.ZipFile, part: str, *, all_of_them: bool) -> Iterator[bytes]:
    """Cell tags; where only errors are wanted, chunks without any are passed over."""
    with book.open(part) as xml:
        rest = b""
        while chunk := xml.read(_CHUNK):
            block = rest + chunk
            done = 0
            if all_of_them or b't="e"' in block:
                for tag in _CELL.finditer(block):
                    done = tag.end()
                    yield tag[0]
            rest = block[max(done, len(block) - _TAG) :]


def _text(book: zipfile.ZipFile, part: str) -> str:
    try:
        return book.read(part).decode("utf-8", errors="replace")
    except KeyError:
        return ""


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
