"""Excel: what a clerk reads in the sheet is what arrives, and what Excel lost is said."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from jutong.outside.excel import ExcelFolder, read_sheet
from jutong.terms import BadInput


def written(path: Path, rows: list[list[Any]], formats: dict[tuple[int, int], str] | None = None) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("企业")
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            cell = book.add_format({"num_format": (formats or {}).get((row, column), "General")})
            if isinstance(value, dt.date):
                sheet.write_datetime(row, column, value, cell)
            elif value is not None:
                sheet.write(row, column, value, cell)
    book.close()
    return path


def rows_of(path: Path, **options: Any) -> list[list[str | None]]:
    reading = read_sheet(path, path.name, **options)
    return [list(row.values()) for batch in reading.batches for row in batch.to_pylist()]


def test_text_numbers_dates_and_truths_become_the_text_a_clerk_reads(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.xlsx",
        [
            ["代码", "数", "小数", "日期", "时间", "真", "空"],
            ["0012", 12, 0.1, dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 8, 5, 1), True, None],
            ["430522198501010012", -3, 1e-7, None, None, False, ""],
        ],
        {(1, 3): "yyyy-mm-dd", (1, 4): "yyyy-mm-dd hh:mm:ss"},
    )
    assert rows_of(path) == [
        ["0012", "12", "0.1", "2024-02-29", "2024-02-29 08:05:01", "TRUE", None],
        ["430522198501010012", "-3", "1e-07", None, None, "FALSE", None],
    ]


def test_an_18_digit_code_kept_as_a_number_is_reported_as_lost_at_the_source(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [["证件号码"], [430522198501010012], ["430522198501010012"]])
    reading = read_sheet(path, "a.xlsx")
    rows = [row["证件号码"] for batch in reading.batches for row in batch.to_pylist()]
    assert rows == ["430522198501010000", "430522198501010012"]
    (notice,) = reading.notices
    assert notice.code == "outside.excel_precision_lost"
    assert str(notice.address) == "a.xlsx · 工作表「企业」 · 第 2 行 · 「证件号码」"


def test_zeros_drawn_by_a_number_format_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [["行政区划"], [42], [430502]], {(1, 0): "000000", (2, 0): "000000"})
    assert rows_of(path) == [["000042"], ["430502"]]


def test_error_values_are_reported(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["a", "b"])
    sheet.write_row(1, 0, [1, 2])
    sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")
    book.close()
    reading = read_sheet(tmp_path / "a.xlsx", "a.xlsx")
    assert [batch.to_pylist() for batch in reading.batches] == [[{"a": "1", "b": None}]]
    assert [(notice.code, notice.address.row, notice.address.item) for notice in reading.notices] == [
        ("outside.excel_error_value", 2, "b")
    ]


def test_wholly_empty_rows_are_no_rows_and_the_table_may_start_lower(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.xlsx", [["邵阳市企业名单"], [], ["代码", "名称"], ["1", "甲"], [], ["2", None]]
    )
    assert rows_of(path, header_row=3) == [["1", "甲"], ["2", None]]
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active["C3"], book.active["C4"] = "码", "7"
    book.save(tmp_path / "b.xlsx")
    assert rows_of(tmp_path / "b.xlsx", header_row=3) == [["7"]]  # columns without name or value are none
    book.active["A4"] = "没有列名的值"
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(BadInput) as raised:
        rows_of(tmp_path / "b.xlsx", header_row=3)
    assert raised.value.code == "outside.header_blank"


def test_more_rows_than_one_batch_stay_in_order(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [["n"], *[[number] for number in range(25_000)]])
    assert [row[0] for row in rows_of(path)] == [str(number) for number in range(25_000)]


def test_what_cannot_be_taken_is_refused_with_its_place(tmp_path: Path) -> None:
    good = written(tmp_path / "好.xlsx", [["a", "b"], ["1", "2"]])
    wide = written(tmp_path / "宽.xlsx", [["a", "b"], ["1", "2", "3"]])
    header = written(tmp_path / "头.xlsx", [["a", "b"]])
    empty_sheet = written(tmp_path / "空表.xlsx", [])
    (tmp_path / "空.xlsx").touch()
    (tmp_path / "坏.xlsx").write_bytes(b"not a workbook at all")
    cut = tmp_path / "断.xlsx"
    cut.write_bytes(good.read_bytes()[:3000])
    cases: list[tuple[Path, dict[str, Any], str]] = [
        (good, {"sheet": "没有"}, "sheet_missing"),
        (wide, {}, "excel_beyond_header"),
        (header, {}, "header_only"),
        (empty_sheet, {}, "file_empty"),
        (tmp_path / "空.xlsx", {}, "file_empty"),
        (tmp_path / "坏.xlsx", {}, "excel_unreadable"),
        (cut, {}, "excel_unreadable"),
    ]
    for path, options, code in cases:
        with pytest.raises(BadInput) as raised:
            rows_of(path, **options)
        assert raised.value.code == f"outside.{code}", path.name
        assert raised.value.address
        assert raised.value.address.file == path.name


def test_a_workbook_without_any_sheet_is_refused(tmp_path: Path) -> None:
    import zipfile

    good = written(tmp_path / "a.xlsx", [["a"], ["1"]])
    bare = tmp_path / "b.xlsx"
    with zipfile.ZipFile(good) as book, zipfile.ZipFile(bare, "w") as out:
        for name in book.namelist():
            content = book.read(name)
            if name == "xl/workbook.xml":
                start, end = content.index(b"<sheets>"), content.index(b"</sheets>")
                content = content[:start] + b"<sheets>" + content[end:]
            out.writestr(name, content)
    with pytest.raises(BadInput) as raised:
        rows_of(bare)
    assert raised.value.code == "outside.excel_no_sheet"


def test_a_folder_lists_its_sheets(tmp_path: Path) -> None:
    written(tmp_path / "a.xlsx", [["a", "b"], ["1", "2"]])
    (found,) = ExcelFolder({"folder": str(tmp_path)}).find()
    assert found.locator == {"file": "a.xlsx", "sheet": "企业"}
    assert [column.name for column in found.columns] == ["a", "b"]
