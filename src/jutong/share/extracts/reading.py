"""Reading a file found somewhere, as far as its row marks need: rows of texts, and which of two forms each cell has."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from jutong.share.extracts.forms import BLACKS, words_in_parquet
from jutong.terms import BadInput

if TYPE_CHECKING:
    import openpyxl

#: Rows looked at: chance falls by half with each, so more of them say nothing new.
MOST_ROWS = 20_000
_FIELD = re.compile(r'("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|\n|\r|$)')
_SPECIAL = re.compile(r'[",\r\n]')


@dataclass(frozen=True)
class Cell:
    text: str
    #: The form of it that was chosen; None where there was no choice, or none is left to see.
    form: bool | None = None


@dataclass(frozen=True)
class Found:
    """``words``: the visible watermark, if it is still there; ``rows`` with their heading, if there is one."""

    kind: str
    words: str
    rows: tuple[tuple[Cell, ...], ...]


def read_found(file: Path, password: str | None = None) -> Found:
    """Raises BadInput ``share.extract_unreadable``."""
    try:
        with file.open("rb") as opened:
            begin = opened.read(4)
        if begin == b"PAR1":
            return _parquet(file)
        if begin == b"PK\x03\x04":
            return _excel(file) if _is_excel(file) else _zipped(file, password)
        return _csv(file.read_bytes())
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as problem:
        raise BadInput("share.extract_unreadable", f"读不懂文件 {file.name}：{problem}") from problem


def csv_rows(text: str) -> Iterator[list[Cell]]:
    """RFC 4180, remembering which fields stood in quotes."""
    row: list[Cell] = []
    for field in _FIELD.finditer(text):
        given, end = field.groups()
        quoted = given.startswith('"')
        value = given[1:-1].replace('""', '"') if quoted else given
        chosen = None if not value or _SPECIAL.search(value) else quoted
        row.append(Cell(value, chosen))
        if end != ",":
            if len(row) > 1 or row[0].text or quoted:
                yield row
            row = []
            if field.end() == len(text):
                return


def _csv(content: bytes) -> Found:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    words = ""
    if text.startswith("# "):
        words, _, text = text[2:].partition("\n")
    rows = islice(csv_rows(text), MOST_ROWS + 1)
    return Found("csv", words.strip(), tuple(tuple(row) for row in rows))


def _parquet(file: Path) -> Found:
    rows: list[tuple[Cell, ...]] = []
    with pq.ParquetFile(file) as opened:
        names = opened.schema_arrow.names
        for batch in opened.iter_batches(batch_size=MOST_ROWS):
            columns = [column.to_pylist() for column in batch.columns]
            rows += [tuple(Cell(_text(value)) for value in row) for row in zip(*columns, strict=True)]
            if len(rows) >= MOST_ROWS:
                break
    heading = tuple(Cell(name) for name in names)
    return Found("parquet", words_in_parquet(file), (heading, *rows[:MOST_ROWS]))


def _excel(file: Path) -> Found:
    import openpyxl  # slow to import, needed only for workbooks

    with file.open("rb") as opened:  # by handle: a name found somewhere ends in anything
        return _sheets(openpyxl.load_workbook(opened, read_only=True))


def _sheets(book: openpyxl.Workbook) -> Found:
    try:
        words, rows = "", []
        for sheet in book.worksheets:
            for row in sheet.iter_rows(max_row=MOST_ROWS + 1):
                cells = tuple(Cell(_text(cell.value), _black(cell)) for cell in row)
                if len(cells) == 1 and cells[0].text.startswith("聚通文件 "):
                    words = cells[0].text
                elif any(cell.text for cell in cells):
                    rows.append(cells)
        return Found("excel", words, tuple(rows[: MOST_ROWS + 1]))
    finally:
        book.close()


def _black(cell: object) -> bool | None:
    colour = getattr(getattr(cell, "font", None), "color", None)
    shade = getattr(colour, "rgb", None)
    shades = [f"FF{black[1:]}" for black in BLACKS]
    return bool(shades.index(shade)) if shade in shades else None


def _is_excel(file: Path) -> bool:
    with zipfile.ZipFile(file) as archive:
        return "[Content_Types].xml" in archive.namelist()


def _zipped(file: Path, password: str | None) -> Found:
    import pyzipper  # slow to import, needed only for archives

    with pyzipper.AESZipFile(file) as archive:
        inside = archive.namelist()[0]
        if password is None and archive.getinfo(inside).flag_bits & 1:
            raise BadInput("share.extract_unreadable", f"{file.name} 是加密的压缩包，请给出口令或先解开")
        archive.setpassword((password or "").encode())
        unpacked = file.with_name(f".{file.name}.opened")
        try:
            unpacked.write_bytes(archive.read(inside))
            return read_found(unpacked)
        finally:
            unpacked.unlink(missing_ok=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def heading_of(rows: Sequence[Sequence[Cell]]) -> list[str]:
    return [cell.text.strip() for cell in rows[0]] if rows else []
