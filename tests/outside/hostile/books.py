"""Workbooks: titles, merged headers, totals, hidden sheets, dates, rounded codes, errors, macros, locks, bombs."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import xlsxwriter
from tests.outside.hostile.case import Case, Rows

Write = Callable[[Any, Any], None]


def book(write: Write, **options: Any) -> bytes:
    """A workbook whose first sheet 表 is written by ``write(book, sheet)``."""
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True, **options})
    write(made, made.add_worksheet("表"))
    made.close()
    return out.getvalue()


def rows_book(rows: list[list[Any]], **options: Any) -> bytes:
    def write(_: Any, sheet: Any) -> None:
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, str) and value:
                    sheet.write_string(number, place, value)
                elif value not in ("", None):
                    sheet.write_number(number, place, value)

    return book(write, **options)


def cases() -> Iterator[Case]:
    yield from shapes()
    yield from values()
    yield from dates()
    yield from rounded()
    yield from sheets()
    yield from merged()
    yield from refused()


def shapes() -> Iterator[Case]:
    data: Rows = [["91430500MA4L01", "甲公司", "12", "3"], ["91430500MA4L02", "乙公司", "7", "5"],
                  ["91430500MA4L03", "丙公司", "9", "1"]]  # fmt: skip
    columns = ["代码", "名称", "一季度", "二季度"]
    titles = [["邵阳市市场主体统计表"], ["填报单位：市市场监管局", "", "", "单位：户"], []]
    totals = [["合计", "", 28, 9], ["制表人：张三"]]
    for above, double, below in itertools.product(range(4), (False, True), range(3)):
        header = [["代码", "名称", "户数", ""], ["", "", "一季度", "二季度"]] if double else [columns]
        numbers = [[row[0], row[1], int(row[2] or 0), int(row[3] or 0)] for row in data]
        content = rows_book([*titles[:above], *header, *numbers, *totals[:below]])
        first = above + len(header) + 1
        yield Case(
            f"book-{above}-{len(header)}-{below}", "表.xlsx", content, columns, data,
            clerk_rows=(first, first + 1, first + 2),
            noticed=tuple(("footer_left_out", first + 3 + place) for place in range(below)),
        )  # fmt: skip
    gaps = rows_book([["a", "b"], [], ["1", "x"], [], [], ["2", "y"]])
    yield Case("book-gaps", "表.xlsx", gaps, ["a", "b"], [["1", "x"], ["2", "y"]], clerk_rows=(3, 6))
    right = rows_book([[], ["", "", "码", "名"], ["", "", "01", "甲"]])
    yield Case("book-to-the-right", "表.xlsx", right, ["码", "名"], [["01", "甲"]])


def values() -> Iterator[Case]:
    def write(made: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["代码", "数", "真", "公式", "富文本"])
        zeros, bold = made.add_format({"num_format": "000000"}), made.add_format({"bold": True})
        sheet.write_number(1, 0, 42, zeros)
        sheet.write_number(1, 1, 0.1 + 0.2)
        sheet.write_boolean(1, 2, True)
        sheet.write_formula(1, 3, '="甲"&"乙"', None, "甲乙")
        sheet.write_rich_string(1, 4, "前", bold, "中&<>", "后")
        sheet.write_string(2, 0, "007")
        sheet.write_number(2, 1, -12)
        sheet.write_formula(2, 3, "=1/0", None, "#DIV/0!")
        sheet.write_string(2, 4, "_x005F_ 换\n行")

    yield Case("book-values", "表.xlsx", book(write), ["代码", "数", "真", "公式", "富文本"],
               [["000042", "0.3", "TRUE", "甲乙", "前中&<>后"], ["007", "-12", None, None, "_x005F_ 换\n行"]],
               noticed=(("excel_error_value", 3),))  # fmt: skip
    wide = rows_book([["a", "b"], ["1", "2"], ["3", "4", "漏"]])
    yield Case("book-beyond", "表.xlsx", wide, refused=("excel_beyond_header", 3))
    yield Case("book-beyond-aside", "表.xlsx", wide, ["a", "b"], [["1", "2"]], declared={"wrong_rows": "set_aside"},
               noticed=(("excel_beyond_header", 3),))  # fmt: skip
    yield Case("book-named-csv", "表.csv", rows_book([["a", "b"], ["01", "x"]]), ["a", "b"], [["01", "x"]])
    for name, header, code in (
        ("duplicate", ["a", "b", "A"], "header_duplicate"), ("none", ["20240101001", "甲", "3.5"], "header_missing"),
    ):  # fmt: skip
        content = rows_book([header, ["20240101002", "乙", "4.5"]])
        yield Case(f"book-header-{name}", "表.xlsx", content, refused=(code, 1))


def dates() -> Iterator[Case]:
    moments = {
        "yyyy-mm-dd": (dt.datetime(2024, 2, 29), "2024-02-29"),
        'yyyy"年"m"月"d"日"': (dt.datetime(1988, 7, 1), "1988-07-01"),
        "[$-804]yyyy/m/d": (dt.datetime(2001, 1, 2), "2001-01-02"),
        "m/d/yy h:mm": (dt.datetime(2024, 2, 29, 8, 5), "2024-02-29 08:05:00"),
        "yyyy-mm-dd hh:mm:ss": (dt.datetime(2024, 12, 31, 23, 59, 59), "2024-12-31 23:59:59"),
        "h:mm:ss": (dt.datetime(1899, 12, 31, 8, 5, 1), "08:05:01"),
    }
    for from_1904 in (False, True):
        for place, (shape, (moment, truth)) in enumerate(moments.items()):
            if from_1904 and moment.year < 1904:
                continue

            def write(made: Any, sheet: Any, shape: str = shape, moment: dt.datetime = moment) -> None:
                sheet.write_row(0, 0, ["名称", "日期"])
                for row in (1, 2):
                    sheet.write_string(row, 0, "甲")
                    sheet.write_datetime(row, 1, moment, made.add_format({"num_format": shape}))

            content = book(write, date_1904=from_1904)
            yield Case(f"date-{place}-{from_1904}", "表.xlsx", content, ["名称", "日期"], [["甲", truth]] * 2)
    for serial, truth in (
        (1, "1900-01-01"),
        (59, "1900-02-28"),
        (60, "1900-02-29"),
        (61, "1900-03-01"),
        (45351, "2024-02-29"),
    ):

        def serials(made: Any, sheet: Any, serial: int = serial) -> None:
            sheet.write_row(0, 0, ["名称", "日期"])
            sheet.write_string(1, 0, "甲")
            sheet.write_number(1, 1, serial, made.add_format({"num_format": "yyyy-mm-dd"}))

        noticed = (("excel_date_impossible", 2),) if serial == 60 else ()
        yield Case(
            f"serial-{serial}", "表.xlsx", book(serials), ["名称", "日期"], [["甲", truth]], noticed=noticed
        )


def rounded() -> Iterator[Case]:
    for digits in range(12, 20):
        code = int("4305221985010100129"[:digits])
        content = rows_book([["证件号码", "名称"], [code, "甲"], [str(code), "乙"]])
        kept = f"{Decimal(f'{code:.15g}'):f}" if digits > 15 else str(code)
        told = (("excel_precision_lost", 2),) if digits > 15 else ()
        yield Case(f"code-of-{digits}", "表.xlsx", content, ["证件号码", "名称"], [[kept, "甲"], [str(code), "乙"]],
                   noticed=told)  # fmt: skip


def sheets() -> Iterator[Case]:
    def several(made: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_row(1, 0, ["1", "甲"])
        more, secret = made.add_worksheet("二"), made.add_worksheet("暗")
        more.write_row(0, 0, ["c", "d"])
        more.write_row(1, 0, ["2", "乙"])
        secret.write_row(0, 0, ["e"])
        secret.hide()

    content = book(several)
    yield Case(
        "several-sheets", "表.xlsx", content, ["a", "b"], [["1", "甲"]], noticed=(("sheet_not_read", None),)
    )
    yield Case("sheet-told", "表.xlsx", content, ["c", "d"], [["2", "乙"]], declared={"sheet": "二"})
    yield Case("sheet-missing", "表.xlsx", content, refused=("sheet_missing", None), declared={"sheet": "三"})
    yield Case(
        "sheet-told-with-header-only",
        "表.xlsx",
        content,
        refused=("header_only", None),
        declared={"sheet": "暗"},
    )

    def hidden_first(made: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["旧", "表"])
        sheet.write_row(1, 0, ["1", "旧"])
        shown = made.add_worksheet("新")
        shown.write_row(0, 0, ["a", "b"])
        shown.write_row(1, 0, ["2", "新"])
        shown.activate()
        sheet.hide()

    yield Case("hidden-first", "表.xlsx", book(hidden_first), ["a", "b"], [["2", "新"]],
               noticed=(("sheet_not_read", None),))  # fmt: skip

    def hidden_rows(_: Any, sheet: Any) -> None:
        for number, row in enumerate([["a", "b"], ["1", "x"], ["2", "y"]]):
            sheet.write_row(number, 0, row)
        sheet.set_row(1, None, None, {"hidden": True})

    yield Case("hidden-rows", "表.xlsx", book(hidden_rows), ["a", "b"], [["1", "x"], ["2", "y"]],
               noticed=(("hidden_rows", None),))  # fmt: skip
    yield Case("empty-sheet", "表.xlsx", rows_book([]), refused=("file_empty", None))
    yield Case("header-only-sheet", "表.xlsx", rows_book([["a", "b"]]), refused=("header_only", None))


def merged() -> Iterator[Case]:
    def body(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["部门", "人数", "金额"])
        sheet.merge_range(1, 0, 3, 0, "市场局")
        for row in (1, 2, 3):
            sheet.write_row(row, 1, [row, row * 10])

    yield Case("merged-down", "表.xlsx", book(body), ["部门", "人数", "金额"],
               [["市场局", "1", "10"], ["市场局", "2", "20"], ["市场局", "3", "30"]],
               noticed=(("merged_filled", 2),))  # fmt: skip

    def header(_: Any, sheet: Any) -> None:
        sheet.merge_range(0, 0, 0, 4, "邵阳市统计表")
        sheet.merge_range(1, 0, 2, 0, "地区")
        sheet.merge_range(1, 1, 1, 2, "企业")
        sheet.merge_range(1, 3, 1, 4, "个体户")
        sheet.write_row(2, 1, ["户数", "金额", "户数", "金额"])
        sheet.write_row(3, 0, ["双清区", 1, 2, 3, 4])
        sheet.write_row(4, 0, ["大祥区", 5, 6, 7, 8])

    yield Case("merged-header", "表.xlsx", book(header), ["地区", "企业·户数", "企业·金额", "个体户·户数", "个体户·金额"],
               [["双清区", "1", "2", "3", "4"], ["大祥区", "5", "6", "7", "8"]], clerk_rows=(4, 5))  # fmt: skip


def refused() -> Iterator[Case]:
    good = rows_book([["a", "b"], ["1", "x"], ["2", "y"]])
    yield Case(
        "macros", "表.xlsm", with_member(good, "xl/vbaProject.bin", b"macro"), refused=("excel_macros", None)
    )
    locked = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + b"\0" * 504
        + "EncryptedPackage".encode("utf-16-le")
        + b"\0" * 1024
    )
    yield Case("locked", "表.xlsx", locked, refused=("excel_locked", None))
    macros = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "_VBA_PROJECT".encode("utf-16-le") + b"\0" * 1024
    )
    yield Case("macros-in-xls", "表.xls", macros, refused=("excel_macros", None))
    yield Case(
        "ole-noise",
        "表.xls",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 2048,
        refused=("excel_unreadable", None),
    )
    for place in (200, len(good) // 2, len(good) - 30):
        yield Case(f"book-cut-{place}", "表.xlsx", good[:place], refused=("excel_unreadable", None))
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol">]><worksheet><sheetData/></worksheet>'
    part = "xl/worksheets/sheet1.xml"
    yield Case("book-entities", "表.xlsx", with_member(good, part, entity), refused=("xml_entities", None))
    bomb = b"<worksheet><sheetData>" + b" " * (80 << 20) + b"</sheetData></worksheet>"
    yield Case("book-bomb", "表.xlsx", with_member(good, part, bomb), refused=("archive_bomb", None))
    yield Case(
        "book-traversal",
        "表.xlsx",
        with_member(good, "../../etc/passwd", b"x"),
        refused=("archive_traversal", None),
    )
    broken = b'<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c r="A2"><v>1x</v></c></row></sheetData></worksheet>'
    yield Case(
        "book-number-broken", "表.xlsx", with_member(good, part, broken), refused=("excel_unreadable", 2)
    )


def with_member(content: bytes, name: str, data: bytes) -> bytes:
    """The same zip with one member put in or replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as given,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for one in given.namelist():
            if one != name:
                made.writestr(one, given.read(one))
        made.writestr(name, data)
    return out.getvalue()
