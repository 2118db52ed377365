""".xls, .xlsb and .ods: each cell as its truth says, whatever the format keeps it as."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlwt
from tests.outside.binary_books import Cell, ods, xls, xlsb

from jutong.outside.files import read_file
from jutong.outside.reading import Reading

HEADER = ["代码", "数", "日期", "时刻", "真", "公式", "名称", "错"]
ROUNDED = 430522198501010012
TRUTH = [
    ["000042", "12.5", "2024-02-29", "2024-02-29 08:05:01", "TRUE", "2", "甲", None],
    ["007", "430522198501010000", "1988-07-01", "08:05:01", "FALSE", "甲乙", "乙𠮷", None],
    ["430502", "-3", None, None, None, None, " 空 格 ", "x"],
]
LAST = [Cell(430502, "000000"), -3, None, None, None, None, " 空 格 ", "x"]


def read(folder: Path, name: str, content: bytes, **declared: Any) -> tuple[Reading, list[list[Any]]]:
    (folder / name).write_bytes(content)
    reading = read_file(folder / name, name, declared)
    return reading, [list(row.values()) for batch in reading.batches for row in batch.to_pylist()]


def told(reading: Reading) -> list[tuple[str, int | None, str | None]]:
    return sorted((one.code, one.address.row, one.address.item) for one in reading.notices)


def test_an_xls_is_read_as_its_truth_says(tmp_path: Path) -> None:
    """xlwt writes no formula results but numbers, so the formula of the second row is a text here."""
    content = xls([
        HEADER,
        [Cell(42, "000000"), 12.5, Cell(dt.datetime(2024, 2, 29), "yyyy-mm-dd"),
         Cell(dt.datetime(2024, 2, 29, 8, 5, 1), "yyyy-mm-dd hh:mm:ss"), True, 2, "甲", Cell("#DIV/0!", error=True)],
        ["007", ROUNDED, Cell(dt.datetime(1988, 7, 1), 'yyyy"年"m"月"d"日"'), Cell(dt.time(8, 5, 1), "h:mm:ss"), False,
         "甲乙", "乙𠮷", None],
        LAST,
    ])  # fmt: skip
    reading, rows = read(tmp_path, "表.xls", content)
    assert [column.name for column in reading.columns] == HEADER
    assert rows == TRUTH
    assert told(reading) == [
        ("outside.excel_error_value", 2, "错"), ("outside.excel_precision_lost", 3, "数"),
    ]  # fmt: skip


def test_an_xlsb_is_read_as_its_truth_says(tmp_path: Path) -> None:
    content = xlsb([
        HEADER,
        [Cell(42, "000000"), 12.5, Cell(45351.0, "yyyy-mm-dd"), Cell(45351.336817129632, "yyyy-mm-dd hh:mm:ss"), True,
         Cell(2.0, formula="1+1"), "甲", Cell("#DIV/0!", error=True)],
        ["007", ROUNDED, Cell(32325.0, 'yyyy"年"m"月"d"日"'), Cell(0.336817129632, "h:mm:ss"), False,
         Cell("甲乙", formula='"甲"&"乙"'), "乙𠮷", None],
        LAST,
    ])  # fmt: skip
    reading, rows = read(tmp_path, "表.xlsb", content)
    assert [column.name for column in reading.columns] == HEADER
    assert rows == TRUTH
    assert told(reading) == [
        ("outside.excel_error_value", 2, "错"), ("outside.excel_precision_lost", 3, "数"),
    ]  # fmt: skip


def test_an_ods_is_read_as_its_truth_says(tmp_path: Path) -> None:
    content = ods([
        HEADER,
        ["000042", 12.5, Cell("2024-02-29", "date"), Cell("2024-02-29T08:05:01", "date"), True, Cell(2, formula="1+1"),
         "甲", None],
        ["007", ROUNDED, Cell("1988-07-01", "date"), Cell("PT08H05M01S", "time"), False, Cell("甲乙", formula="A1"),
         "乙𠮷", None],
        ["430502", -3, None, None, None, None, " 空 格 ", "x"],
    ])  # fmt: skip
    reading, rows = read(tmp_path, "表.ods", content)
    assert [column.name for column in reading.columns] == HEADER
    assert rows == TRUTH
    assert told(reading) == [("outside.excel_precision_lost", 3, "数")]


@pytest.mark.parametrize("write", [xls, xlsb, ods], ids=["xls", "xlsb", "ods"])
def test_titles_two_rows_of_header_totals_and_gaps_are_found_in_any_format(
    write: Callable[[Any], bytes], tmp_path: Path
) -> None:
    data = [["91430500MA4L01", "甲", 12, 3], ["91430500MA4L02", "乙", 7, 5], ["91430500MA4L03", "丙", 9, 1]]
    name = f"表.{write.__name__}"
    for above, below in itertools.product(range(3), range(2)):
        titles = [["邵阳市市场主体统计表", None, None, None], ["填报单位：市市场监管局", None, None, None]][
            :above
        ]
        totals = [["合计", None, 28, 9]][:below]
        content = write([*titles, ["代码", "名称", "一季度", "二季度"], *data, *totals])
        reading, rows = read(tmp_path, name, content)
        assert rows == [[str(cell) for cell in row] for row in data], (above, below)
        assert reading.clerk_row(1) == above + 2


def test_every_count_of_digits_is_kept_or_told(tmp_path: Path) -> None:
    for digits, (name, write) in itertools.product(range(9, 19), {"表.xls": xls, "表.xlsb": xlsb}.items()):
        code = int("4305221985010100129"[:digits])
        reading, rows = read(tmp_path, name, write([["证件号码", "名称"], [code, "甲"], [str(code), "乙"]]))
        assert rows[1] == [str(code), "乙"]
        if digits <= 15:
            assert (rows[0], told(reading)) == ([str(code), "甲"], [])
        else:
            assert told(reading) == [("outside.excel_precision_lost", 2, "证件号码")]


def test_a_small_xls_and_a_large_one_keep_their_zeros(tmp_path: Path) -> None:
    """A stream under 4 096 bytes lies among the small sectors; one over seven megabytes has a table of tables."""
    for count, label in ((1, ""), (60, ""), (3_500, "邵" * 1_100)):
        rows = [
            ["行政区划", "名称"],
            *([Cell(number, "000000"), f"{number}{label}"] for number in range(count)),
        ]
        content = xls(rows)
        _, given = read(tmp_path, "表.xls", content)
        assert given == [[f"{number:06}", f"{number}{label}"] for number in range(count)]
    assert len(content) > 109 * 128 * 512


def test_columns_of_numbers_that_share_a_record_keep_their_zeros(tmp_path: Path) -> None:
    """Whole numbers side by side lie in one MulRk."""
    style = xlwt.easyxf(num_format_str="0000")
    book = xlwt.Workbook()
    sheet = book.add_sheet("表")
    for place, name in enumerate(("甲", "乙", "丙")):
        sheet.write(0, place, name)
        sheet.write(1, place, place, style)
        sheet.write(2, place, place * 10.5)
    book.save(str(tmp_path / "m.xls"))
    _, rows = read(tmp_path, "m.xls", (tmp_path / "m.xls").read_bytes())
    assert rows == [["0000", "0001", "0002"], ["0", "10.5", "21"]]


def test_a_cut_or_noisy_binary_book_is_refused_or_read_never_crashes(tmp_path: Path) -> None:
    from jutong.terms import BadInput

    good = {
        "a.xls": xls([["a", "b"], [Cell(1, "000"), "x"]]),
        "a.xlsb": xlsb([["a", "b"], [Cell(1, "000"), "x"]]),
    }
    for name, content in good.items():
        for place in range(0, len(content), max(1, len(content) // 60)):
            noisy = content[:place] + bytes((content[place] ^ 0xFF,)) + content[place + 1 :]
            for broken in (content[:place], noisy):
                try:
                    read(tmp_path, name, broken)
                except BadInput as problem:
                    assert problem.code.startswith("outside.")
