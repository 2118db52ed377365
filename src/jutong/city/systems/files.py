"""Folders of CSV files and of workbooks."""

from __future__ import annotations

import codecs
import datetime as dt
import io
import os
import re
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pc
import xlsxwriter

from jutong.city.plan import SourcePlan, TablePlan
from jutong.city.shaping import Column, Shape
from jutong.city.systems.outlet import Mark, outside_folder, own_columns

_MARK = ".written.json"
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,12})(?:\.[0-9]{1,2})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
WORKBOOK = "数据报送.xlsx"


class Folder:
    """A source's folder being filled; it appears, or its files are replaced, only when all is there."""

    def __init__(self, home: Path, source: SourcePlan, *, anew: bool) -> None:
        self.source = source
        self.final = outside_folder(home) / source.name
        self.folder = self.final.with_name(f"{source.name}.new")
        self._anew = anew
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def finish(self, mark: Mark) -> None:
        (self.folder / _MARK).write_text(mark.to_text(), encoding="utf-8")
        if self._anew:
            shutil.rmtree(self.final, ignore_errors=True)
            self.folder.rename(self.final)
            return
        # The mark last: a kill in between leaves the older mark, and the round is made again, to the same bytes.
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == _MARK):
            os.replace(path, self.final / path.name)
        self.folder.rmdir()

    def abandon(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class CsvOutlet(Folder):
    """One file per table, in the source's encoding."""

    def __init__(self, home: Path, source: SourcePlan, *, anew: bool) -> None:
        super().__init__(home, source, anew=anew)
        self._files: dict[str, BinaryIO] = {}

    def write(self, table: TablePlan, form: Shape, rows: pa.Table) -> None:
        first = table.name not in self._files
        if first:
            self._files[table.name] = (self.folder / csv_name(table)).open("wb")
            if self.source.encoding == "utf-8-sig":
                self._files[table.name].write(codecs.BOM_UTF8)
        if first or rows.num_rows:
            text = io.BytesIO()
            options = pc.WriteOptions(include_header=first, delimiter=self.source.delimiter, batch_size=8192)
            pc.write_csv(own_columns(form, rows), text, options)
            self._files[table.name].write(self._encoded(text.getbuffer()))

    def _encoded(self, text: memoryview) -> bytes | memoryview:
        return str(text, "utf-8").encode("gb18030") if self.source.encoding == "gb18030" else text

    def finish(self, mark: Mark) -> None:
        self._close()
        super().finish(mark)

    def abandon(self) -> None:
        self._close()
        super().abandon()

    def _close(self) -> None:
        for file in self._files.values():
            file.close()


class WorkbookOutlet(Folder):
    """One workbook with a sheet per table; numbers are numbers and some dates are dates, as clerks type them."""

    def __init__(self, home: Path, source: SourcePlan, *, anew: bool) -> None:
        super().__init__(home, source, anew=anew)
        options = {"constant_memory": True, "strings_to_urls": False, "strings_to_formulas": False}
        self._book = xlsxwriter.Workbook(str(self.folder / WORKBOOK), options)
        # The time of writing is no part of what is written.
        self._book.set_properties({"created": dt.datetime(2026, 1, 1), "title": source.label})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._bold = self._book.add_format({"bold": True})
        self._sheets: dict[str, Any] = {}
        self._rows: dict[str, int] = {}

    def write(self, table: TablePlan, form: Shape, rows: pa.Table) -> None:
        if table.name not in self._sheets:
            self._sheets[table.name] = self._book.add_worksheet(sheet_name(table))
            self._rows[table.name] = 1
            for place, column in enumerate(form.columns):
                self._sheets[table.name].write_string(0, place, column.header, self._bold)
        sheet, number = self._sheets[table.name], self._rows[table.name]
        for row in zip(*(column.to_pylist() for column in own_columns(form, rows).columns), strict=True):
            for place, (column, value) in enumerate(zip(form.columns, row, strict=True)):
                if value is not None:
                    self._cell(sheet, number, place, column, value)
            number += 1
        self._rows[table.name] = number

    def _cell(self, sheet: Any, row: int, place: int, column: Column, value: str) -> None:
        if column.element in ("integer", "amount") and _NUMBER.fullmatch(value):
            sheet.write_number(row, place, float(value))
        elif column.element == "date" and _DAY.fullmatch(value) and _real(value):
            sheet.write_datetime(row, place, dt.datetime.fromisoformat(value), self._day)
        else:
            sheet.write_string(row, place, value)

    def finish(self, mark: Mark) -> None:
        self._book.close()
        super().finish(mark)

    def abandon(self) -> None:
        self._book.fileclosed = True  # keeps the writer from writing when it is collected
        super().abandon()


def _real(text: str) -> bool:
    """Whether Excel can hold the date."""
    try:
        return dt.date.fromisoformat(text) >= dt.date(1900, 3, 1)
    except ValueError:
        return False


def csv_name(table: TablePlan) -> str:
    return f"{table.template.label}.csv"


def sheet_name(table: TablePlan) -> str:
    """Excel allows 31 characters."""
    return table.template.label[:31]


def folder_mark(home: Path, source: SourcePlan) -> Mark | None:
    path = outside_folder(home) / source.name / _MARK
    return Mark.from_text(path.read_text(encoding="utf-8")) if path.exists() else None


def drop_folder(home: Path, source: SourcePlan) -> None:
    shutil.rmtree(outside_folder(home) / source.name, ignore_errors=True)
