"""A folder of workbooks as a source: one sheet is one table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import python_calamine as calamine

from jutong.outside.excel.marks import Marks, marks_of, sheet_bytes
from jutong.outside.reading import Found, Reading, Since, file_in, header_columns
from jutong.terms import Address, BadInput

_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")
_ROWS = 10_000
#: A sheet is held in memory by the reader; a full one of 1 048 576 rows unpacks to less than this.
_MAX_SHEET = 2 << 30
#: Excel keeps 15 significant digits of a number; a whole number this long has lost its last ones.
_EXACT = 10**15


class ExcelFolder:
    """``config``: ``folder``; a ``locator``: ``file``, ``sheet`` (else the first), ``header_row`` (else 1)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._folder = str(config.get("folder", ""))
        if not Path(self._folder).is_dir():
            raise BadInput("outside.folder_missing", "数据源登记的目录不存在", Address(file=self._folder))

    def find(self) -> list[Found]:
        found: list[Found] = []
        for path in sorted(Path(self._folder).rglob("*")):
            if path.suffix.lower() not in _SUFFIXES or path.name.startswith("~$"):
                continue
            name = str(path.relative_to(self._folder))
            try:
                sheets = _open(path, name).sheet_names
            except BadInput:
                sheets = []
            found.extend(self._found(path, name, sheet) for sheet in sheets)
        return found

    def _found(self, path: Path, name: str, sheet: str) -> Found:
        locator = {"file": name, "sheet": sheet}
        try:
            columns = self.read(locator, file=path).columns
        except BadInput:  # found all the same; reading it says what is wrong
            columns = ()
        return Found(locator, f"{path.stem} · {sheet}", columns)

    def file(self, locator: Mapping[str, Any]) -> Path:
        return file_in(self._folder, locator)

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,  # noqa: ARG002  every kind is asked alike
        file: Path | None = None,
    ) -> Reading:
        """``since`` is ignored: a file is a delivery of its own, taken whole."""
        sheet = locator.get("sheet")
        header_row = int(locator.get("header_row", self._config.get("header_row", 1)))
        return read_sheet(file or self.file(locator), str(locator["file"]), sheet, header_row)

    def close(self) -> None:
        """Nothing is held open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def read_sheet(path: Path, name: str, sheet: str | None = None, header_row: int = 1) -> Reading:
    """A sheet's rows as text; wholly empty rows are no rows.

    Numbers are written as a clerk reads them (no ``.0``, zeros of a ``000000`` format kept), dates in ISO.
    A whole number of more than 15 digits is noticed as ``outside.excel_precision_lost``: Excel has already
    rounded it.  Raises BadInput ``outside.excel_unreadable``, ``excel_locked``, ``excel_no_sheet``,
    ``sheet_missing``, ``excel_too_large``, ``file_empty``, ``header_blank``, ``header_duplicate``,
    ``header_only``, ``excel_beyond_header``.
    """
    book = _open(path, name)
    if not book.sheet_names:
        raise BadInput("outside.excel_no_sheet", "工作簿里没有工作表", Address(file=name))
    chosen = sheet if sheet is not None else book.sheet_names[0]
    address = Address(file=name, sheet=chosen)
    if chosen not in book.sheet_names:
        there = "、".join(book.sheet_names[:5])
        raise BadInput("outside.sheet_missing", f"工作簿里没有这张工作表，有的是 {there}", address)
    if sheet_bytes(path, chosen) > _MAX_SHEET:
        raise BadInput("outside.excel_too_large", "工作表展开后超过 2 GB，请改用 CSV 或数据库", address)
    opened = book.get_sheet_by_name(chosen)
    rows = _rows(opened)
    header = _header(rows, header_row, address)
    columns = header_columns(header, Address(name, chosen, header_row))
    reading = Reading(columns, iter(()), row_offset=header_row)
    reading.batches = _batches(rows, reading, marks_of(path, chosen), address)
    return reading


def _open(path: Path, name: str) -> calamine.CalamineWorkbook:
    if path.stat().st_size == 0:
        raise BadInput("outside.file_empty", "文件里没有任何内容", Address(file=name))
    try:
        return calamine.CalamineWorkbook.from_path(str(path))
    except calamine.PasswordError:
        raise BadInput("outside.excel_locked", "工作簿设有密码，打不开", Address(file=name)) from None
    except (calamine.CalamineError, OSError) as problem:
        raise BadInput(
            "outside.excel_unreadable", f"不是可读的 Excel 工作簿（{problem}）", Address(file=name)
        ) from None


def _rows(sheet: calamine.CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """Rows with their number from 0; the reader leaves out the columns before the first used one."""
    if sheet.start is None:
        return
    before = [""] * sheet.start[1]
    for number, row in enumerate(sheet.iter_rows()):
        yield number, before + row


def _header(rows: Iterator[tuple[int, list[Any]]], header_row: int, address: Address) -> list[str]:
    for number, row in rows:
        if number == header_row - 1:
            header = [_text(value) or "" for value in row]
            while header and not header[-1].strip():
                header.pop()  # formatted but empty columns to the right
            if not header:
                break
            return header
    raise BadInput("outside.file_empty", "工作表里没有表头", address)


def _batches(
    rows: Iterator[tuple[int, list[Any]]], reading: Reading, marks: Marks, address: Address
) -> Iterator[pa.RecordBatch]:
    header_row = reading.row_offset
    _notice_errors(reading, marks, address)
    width = len(reading.columns)
    given: list[list[str | None]] = []
    any_row = False
    for number, row in rows:
        if number < header_row or all(value == "" for value in row):
            continue
        if any(value != "" for value in row[width:]):
            raise BadInput(
                "outside.excel_beyond_header",
                f"这一行在表头的 {width} 列之外还有值",
                Address(address.file, address.sheet, number + 1),
            )
        given.append(_row(number, row[:width], reading, marks, address))
        if len(given) == _ROWS:
            any_row = True
            yield _batch(given, reading)
            given = []
    if given:
        yield _batch(given, reading)
    elif not any_row:
        raise BadInput("outside.header_only", "工作表只有表头，没有数据行", address)


def _row(
    number: int, row: Sequence[Any], reading: Reading, marks: Marks, address: Address
) -> list[str | None]:
    texts = []
    for place, value in enumerate(row):
        text = _text(value)
        if isinstance(value, float):
            if value.is_integer() and abs(value) >= _EXACT:
                reading.notice(
                    "outside.excel_precision_lost",
                    f"{text} 是以数字保存的，Excel 只保留 15 位有效数字，末尾几位已经丢失；请把这一列改为文本",
                    Address(address.file, address.sheet, number + 1, reading.columns[place].name),
                )
            elif text and (width := marks.padded.get((number, place))):
                text = text.zfill(width)
        texts.append(text)
    return texts + [None] * (len(reading.columns) - len(texts))


def _notice_errors(reading: Reading, marks: Marks, address: Address) -> None:
    for row, column in marks.errors:
        if row >= reading.row_offset and column < len(reading.columns):
            reading.notice(
                "outside.excel_error_value",
                "单元格是公式错误（如 #DIV/0!），没有值可取",
                Address(address.file, address.sheet, row + 1, reading.columns[column].name),
            )


def _batch(rows: list[list[str | None]], reading: Reading) -> pa.RecordBatch:
    columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    return pa.record_batch(columns, schema=reading.schema)


def _text(value: Any) -> str | None:
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
        return _duration(value)
    return str(value)


def _duration(value: dt.timedelta) -> str:
    seconds = int(value.total_seconds())
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
