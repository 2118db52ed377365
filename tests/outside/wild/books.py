"""Workbooks as openpyxl writes them (no cached results), and .ods as LibreOffice and WPS do, by hand."""

from __future__ import annotations

import datetime as dt
import io
import random
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
from tests.outside.hostile.case import Case
from tests.outside.wild.truth import table


def cases(chance: random.Random, count: int) -> Iterator[Case]:
    for number in range(count):
        yield book(chance, f"book-{number}")
    for number in range(count // 2):
        yield document(chance, f"ods-{number}")


def book(chance: random.Random, name: str) -> Case:
    """Titles merged over the table, a header of one to three rows, typed cells, totals, other and hidden sheets."""
    made = openpyxl.Workbook()
    sheet: Any = made.active
    sheet.title = chance.choice(("表", "Sheet1", "甲&乙", "2024年", "it's"))
    noticed: list[tuple[str, int | None]] = []
    right, below = chance.choice((0, 0, 0, 1, 2)), chance.choice((0, 0, 1, 2))
    columns, rows = table(chance, rows=chance.choice((1, 2, 5, 70, 200)))
    at = below
    width = len(columns)
    for title in ["邵阳市登记情况表", "填报单位：市监局"][: chance.randrange(3)]:
        at += 1
        sheet.cell(at, right + 1, title)
        if chance.random() < 0.7:
            sheet.merge_cells(start_row=at, end_row=at, start_column=right + 1, end_column=right + width)
    at = header(chance, sheet, columns, at, right)
    first = at + 1
    places = []
    for row in rows:
        at += 1 + (chance.random() < 0.02)
        places.append(at)
        for place, value in enumerate(row):
            told = put(chance, sheet.cell(at, right + place + 1), value, keep=place < 2 or len(rows) == 1)
            row[place] = told[0]
            noticed += [(code, at) for code in told[1:] if code]
    if len(rows) > 2 and chance.random() < 0.4:
        at += 1
        sheet.cell(at, right + 1, "合计")
        sheet.cell(at, right + width, 3)
        noticed.append(("footer_left_out", at))
    if chance.random() < 0.3:
        other = made.create_sheet(chance.choice(("说明", "旧表")), chance.choice((0, 1)))
        other["A1"] = "不是这张"
        other["B1"] = "也不是"
        other.sheet_state = (
            "hidden"
            if made.sheetnames[0] == other.title
            else chance.choice(("visible", "hidden", "veryHidden"))
        )
        made.active = made.sheetnames.index(sheet.title)
        noticed.append(("sheet_not_read", None))
    out = io.BytesIO()
    made.save(out)
    del first
    return Case(name, chance.choice(("表.xlsx", "表.XLSX", "表.csv", "表.xls")), out.getvalue(), columns, rows,
                noticed=tuple(noticed), clerk_rows=tuple(places))  # fmt: skip


def header(chance: random.Random, sheet: Any, columns: list[str], at: int, right: int) -> int:
    """Writes the header, names the columns anew where groups tell them apart, and returns its last row."""
    width = len(columns)
    deep = chance.choice((1, 1, 2, 3)) if width >= 6 else 1
    if deep == 1:
        for place, label in enumerate(columns):
            sheet.cell(at + 1, right + place + 1, label)
        return at + 1
    leaves = ["户数", "金额"]
    for place in range(width - 4):
        sheet.cell(at + 1, right + place + 1, columns[place])
        sheet.merge_cells(
            start_row=at + 1, end_row=at + deep, start_column=right + place + 1, end_column=right + place + 1
        )
    base = right + width - 4
    if deep == 3:
        sheet.cell(at + 1, base + 1, "二〇二四年")
        sheet.merge_cells(start_row=at + 1, end_row=at + 1, start_column=base + 1, end_column=base + 4)
    for group, label in enumerate(("企业", "个体户")):
        sheet.cell(at + deep - 1, base + 1 + 2 * group, label)
        sheet.merge_cells(start_row=at + deep - 1, end_row=at + deep - 1, start_column=base + 1 + 2 * group,
                          end_column=base + 2 + 2 * group)  # fmt: skip
        for leaf in range(2):
            sheet.cell(at + deep, base + 1 + 2 * group + leaf, leaves[leaf])
            above = "二〇二四年·" if deep == 3 else ""
            columns[width - 4 + 2 * group + leaf] = f"{above}{label}·{leaves[leaf]}"
    return at + deep


def put(chance: random.Random, cell: Any, value: str | None, *, keep: bool) -> tuple[str | None, ...]:
    """Write a cell; the text it must come out as, and the codes of what must be noticed."""
    kind = chance.random()
    if keep or kind < 0.5 or value is None:
        cell.value = value
        cell.data_type = "s" if value is not None else "n"
        cell.number_format = "@" if chance.random() < 0.5 else "General"
        return (value,)
    if kind < 0.6:
        number = chance.randrange(10**4)
        cell.value, cell.number_format = number, "000000"
        return (f"{number:06}",)
    if kind < 0.7:
        day = dt.datetime(chance.randrange(1901, 2030), chance.randrange(1, 13), chance.randrange(1, 29))
        cell.value = day
        cell.number_format = chance.choice(
            ("yyyy-mm-dd", "yyyy/m/d", 'yyyy"年"m"月"d"日"', "[$-804]yyyy/m/d;@", "d-mmm-yy")
        )
        return (f"{day:%Y-%m-%d}",)
    if kind < 0.75:
        cell.value = 430522198501010000 + chance.randrange(1000)
        return (f"{Decimal(f'{cell.value:.16g}'):f}", "excel_precision_lost")  # as openpyxl writes it
    if kind < 0.8:
        cell.value = f"=1+{chance.randrange(9)}"
        return (None, "excel_formula_uncached")
    if kind < 0.85:
        cell.value = bool(chance.randrange(2))
        return (str(cell.value).upper(),)
    if kind < 0.9:
        number = round(chance.random() * 10 ** chance.randrange(8), 2)
        cell.value = number
        return (f"{number:.2f}".rstrip("0").rstrip("."),)
    if kind < 0.93:
        cell.value = "#DIV/0!"
        cell.data_type = "e"
        return (None, "excel_error_value")
    if kind < 0.96:
        cell.value = chance.randrange(-99, 99)
        return (str(cell.value),)
    cell.value = chance.choice(("两\n行", "a\tb", "<&>\"'", " 前后 ", "😀"))
    return (cell.value,)


_NS = "urn:oasis:names:tc:opendocument:xmlns:"
_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="{_NS}office:1.0" '
    f'xmlns:table="{_NS}table:1.0" xmlns:text="{_NS}text:1.0" xmlns:style="{_NS}style:1.0" xmlns:number="{_NS}datastyle:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" office:version="1.3">'
    '<office:automatic-styles><style:style style:name="ta1" style:family="table"><style:table-properties '
    'table:display="true"/></style:style><style:style style:name="ta2" style:family="table"><style:table-properties '
    'table:display="false"/></style:style></office:automatic-styles><office:body><office:spreadsheet>'
)
_TAIL = "</office:spreadsheet></office:body></office:document-content>"


def document(chance: random.Random, name: str) -> Case:
    columns, rows = table(chance, rows=chance.choice((1, 3, 70)))
    noticed: list[tuple[str, int | None]] = []
    right = chance.choice((0, 0, 1))
    lead = f'<table:table-cell table:number-columns-repeated="{right}"/>' if right else ""
    lines = [_row(lead + "".join(_string(label) for label in columns))]
    at = 1
    places = []
    for row in rows:
        if chance.random() < 0.05:
            empty = chance.randrange(1, 4)
            lines.append(
                f'<table:table-row table:number-rows-repeated="{empty}"><table:table-cell/></table:table-row>'
            )
            at += empty
        at += 1
        places.append(at)
        cells = ""
        for place, value in enumerate(row):
            cell, row[place], code = _cell(chance, value, keep=place < 2)
            cells += cell
            if code:
                noticed.append((code, at))
        lines.append(_row(lead + cells))
    sheets = _sheet("表", "ta1", lines)
    if chance.random() < 0.4:
        sheets = (
            _sheet("暗", "ta2", [_row(_string("旧") + _string("表")), _row(_string("1") + _string("2"))])
            + sheets
        )
        noticed.append(("sheet_not_read", None))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("META-INF/manifest.xml", f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{_NS}manifest:1.0">'
                      '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>')  # fmt: skip
        made.writestr("content.xml", _HEAD + sheets + _TAIL)
    return Case(
        name, "表.ods", out.getvalue(), columns, rows, noticed=tuple(noticed), clerk_rows=tuple(places)
    )


def _sheet(label: str, style: str, lines: list[str]) -> str:
    rest = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    return (
        f'<table:table table:name="{label}" table:style-name="{style}">{"".join(lines)}{rest}</table:table>'
    )


def _row(cells: str) -> str:
    return f"<table:table-row>{cells}</table:table-row>"


def _string(value: str) -> str:
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in value.split("\n"))
    return (
        f'<table:table-cell office:value-type="string" calcext:value-type="string">{lines}</table:table-cell>'
    )


def _cell(chance: random.Random, value: str | None, *, keep: bool) -> tuple[str, str | None, str]:
    kind = chance.random()
    if value is None:
        return "<table:table-cell/>", None, ""
    if keep or kind < 0.5:
        return _string(value), value, ""
    if kind < 0.65:
        number = chance.randrange(10**4)
        cell = f'<table:table-cell office:value-type="float" office:value="{number}"><text:p>{number:06}</text:p></table:table-cell>'
        return cell, f"{number:06}", ""
    if kind < 0.75:
        number = chance.randrange(10**6) / 100
        cell = f'<table:table-cell office:value-type="float" office:value="{number}"><text:p>{number:.1f}</text:p></table:table-cell>'
        return cell, f"{number:.2f}".rstrip("0").rstrip("."), ""
    if kind < 0.85:
        day = f"{chance.randrange(1901, 2030)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        cell = f'<table:table-cell office:value-type="date" office:date-value="{day}"><text:p>{day[2:]}</text:p></table:table-cell>'
        return cell, day, ""
    if kind < 0.9:
        code = 430522198501010012
        cell = f'<table:table-cell office:value-type="float" office:value="{code}"><text:p>4.30522E+17</text:p></table:table-cell>'
        return cell, f"{Decimal(repr(float(code))):f}".removesuffix(".0"), "excel_precision_lost"
    if kind < 0.95:
        cell = ('<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
                'calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>')  # fmt: skip
        return cell, None, "excel_error_value"
    truth = chance.random() < 0.5
    cell = f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(truth).lower()}"><text:p>X</text:p></table:table-cell>'
    return cell, str(truth).upper(), ""
