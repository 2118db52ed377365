"""Workbooks that lie about their cells: numbers that are none, places that are none, formulas nobody reckoned."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

import xlwt
from tests.outside.hostile.books import rows_book, with_member
from tests.outside.hostile.case import Case

PART = "xl/worksheets/sheet1.xml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
AB = ["甲", "乙"]


def cases() -> Iterator[Case]:
    yield from numbers()
    yield from places()
    yield from texts()
    yield from formulas()
    yield from documents()


def sheet(*rows: str, prefix: str = "", head: str = "") -> bytes:
    space = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    body = "".join(rows)
    return (
        f'<?xml version="1.0"?><{prefix}worksheet {space}="{_MAIN}">{head}<{prefix}sheetData>{body}'
        f"</{prefix}sheetData></{prefix}worksheet>"
    ).encode()


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


HEAD = f'<row r="1">{text_cell("A1", "甲")}{text_cell("B1", "乙")}</row>'


def made(*rows: str, **options: str) -> bytes:
    return with_member(rows_book([["x"]]), PART, sheet(HEAD, *rows, **options))


def row(cell: str, number: int = 2) -> str:
    return f'<row r="{number}">{text_cell(f"A{number}", "一")}{cell}</row>'


def numbers() -> Iterator[Case]:
    styles = (
        f'<styleSheet xmlns="{_MAIN}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="46"/>'
        "</cellXfs></styleSheet>"
    ).encode()
    for name, value in (("infinite", "1E999"), ("nan", "NaN"), ("word", "abc"), ("hexadecimal", "0x1F")):
        for style in ("0", "1", "2"):
            content = with_member(
                made(row(f'<c r="B2" s="{style}"><v>{value}</v></c>')), "xl/styles.xml", styles
            )
            yield Case(f"number-{name}-{style}", "表.xlsx", content, refused=("excel_unreadable", 2))
    for name, value in (("beyond", "99999"), ("negative", "-1"), ("word", "abc")):
        content = made(row(f'<c r="B2" t="s"><v>{value}</v></c>'))
        yield Case(f"shared-{name}", "表.xlsx", content, refused=("excel_unreadable", None))
    odd = styles.replace(b'numFmtId="14"', b'numFmtId="many"')
    yield Case("style-without-number", "表.xlsx", with_member(made(row('<c r="B2"><v>7</v></c>')), "xl/styles.xml", odd),
               refused=("excel_unreadable", None))  # fmt: skip


def places() -> Iterator[Case]:
    for place in ("B0", "B1048577", "XFE2", "B99999999999"):
        content = made(row(f'<c r="{place}"><v>7</v></c>'))
        yield Case(f"place-{place}", "表.xlsx", content, refused=("excel_unreadable", None))
    twice = made(row('<c r="B2"><v>7</v></c><c r="B2"><v>8</v></c>'))
    yield Case("place-twice", "表.xlsx", twice, refused=("excel_unreadable", None))
    back = made(row('<c r="B3"><v>7</v></c>', 3), row('<c r="B2"><v>8</v></c>', 2))
    yield Case("rows-backwards", "表.xlsx", back, refused=("excel_unreadable", None))
    unplaced = "<row><c><v>1</v></c><c><v>2</v></c></row>"
    yield Case("cells-without-a-place", "表.xlsx", made(unplaced, unplaced), AB, [["1", "2"], ["1", "2"]])
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(made(row('<c r="B2"><v>1</v></c>')))) as given,
        zipfile.ZipFile(out, "w") as both,
    ):
        for one in given.namelist():
            both.writestr(one, given.read(one))
        both.writestr(PART, sheet(HEAD, row('<c r="B2"><v>2</v></c>')))
    yield Case("sheet-twice-in-the-zip", "表.xlsx", out.getvalue(), refused=("excel_unreadable", None))
    wide = made(row('<c r="B2"><v>1</v></c>')).replace(b"UTF-8", b"UTF-8")
    utf16 = sheet(HEAD, row('<c r="B2"><v>1</v></c>')).decode().replace('"1.0"', '"1.0" encoding="UTF-16"', 1)
    yield Case("sheet-in-utf16", "表.xlsx", with_member(wide, PART, utf16.encode("utf-16")),
               refused=("excel_unreadable", None))  # fmt: skip


def texts() -> Iterator[Case]:
    half = made(row(text_cell("B2", "_xD83D__xDE00_尾")))
    yield Case("escaped-pair", "表.xlsx", half, AB, [["一", "😀尾"]])
    lone = made(row(text_cell("B2", "前_xD800_后")))
    yield Case("escaped-half", "表.xlsx", lone, AB, [["一", "前_xD800_后"]])
    bad = made(row(text_cell("B2", "邵阳"))).replace(b"x", b"x")
    broken = sheet(HEAD, row(text_cell("B2", "邵阳"))).replace("邵阳".encode(), b"\xc9\xdb")
    yield Case(
        "inline-not-utf8", "表.xlsx", with_member(bad, PART, broken), refused=("excel_unreadable", None)
    )
    shared = f'<sst xmlns="{_MAIN}"><si><t>'.encode() + b"\xc9\xdb\xd1\xf4</t></si></sst>"
    content = with_member(made(row('<c r="B2" t="s"><v>0</v></c>')), "xl/sharedStrings.xml", shared)
    yield Case("shared-not-utf8", "表.xlsx", content, refused=("excel_unreadable", None))


def formulas() -> Iterator[Case]:
    """A formula without its result, in every format that lets one see it."""
    told = (("excel_formula_uncached", 2),)
    yield Case(
        "uncached-xlsx", "表.xlsx", made(row('<c r="B2"><f>1+1</f></c>')), AB, [["一", None]], noticed=told
    )
    cells = '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>甲</x:t></x:is></x:c><x:c r="B1" t="inlineStr"><x:is><x:t>乙</x:t></x:is></x:c></x:row>'
    data = '<x:row r="2"><x:c r="A2" t="inlineStr"><x:is><x:t>一</x:t></x:is></x:c><x:c r="B2"><x:f>1+1</x:f></x:c></x:row>'
    prefixed = with_member(rows_book([["x"]]), PART, sheet(cells, data, prefix="x:"))
    yield Case("uncached-prefixed", "表.xlsx", prefixed, AB, [["一", None]], noticed=told)
    error = data.replace('<x:c r="B2"><x:f>1+1</x:f>', '<x:c r="B2" t="e"><x:v>#N/A</x:v>')
    prefixed = with_member(rows_book([["x"]]), PART, sheet(cells, error, prefix="x:"))
    yield Case("error-prefixed", "表.xlsx", prefixed, AB, [["一", None]], noticed=(("excel_error_value", 2),))
    yield Case(
        "uncached-xls",
        "表.xls",
        old_book([["甲", "乙"], ["一", xlwt.Formula("1+1")]]),
        AB,
        [["一", None]],
        noticed=told,
    )
    promised = old_book([["甲", "乙"], ["一", xlwt.Formula('"a"&"b"')], ["二", 3]])
    promised = promised.replace(struct.pack("<Q", 0xFFFF000000000003), struct.pack("<Q", 0xFFFF000000000000))
    yield Case(
        "text-that-does-not-come-xls", "表.xls", promised, AB, [["一", None], ["二", "3"]], noticed=told
    )
    later = old_book([["甲", "乙"], ["一", xlwt.Formula("1+1")]])
    later = later.replace(struct.pack("<QH", 0xFFFF000000000003, 0), struct.pack("<QH", 0, 2))
    yield Case("reckoned-when-opened-xls", "表.xls", later, AB, [["一", "0"]], noticed=told)


def old_book(rows: list[list[object]]) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    page = book.add_sheet("表")
    for number, one in enumerate(rows):
        for place, value in enumerate(one):
            page.write(number, place, value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


_NS = "urn:oasis:names:tc:opendocument:xmlns:"


def document(*rows: str) -> bytes:
    spaces = " ".join(f'xmlns:{name}="{_NS}{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="表">{"".join(rows)}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made_:
        made_.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        made_.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{_NS}manifest:1.0"/>')
        made_.writestr("content.xml", content)
    return out.getvalue()


def cell(text: str, held: str = 'office:value-type="string"') -> str:
    return f"<table:table-cell {held}><text:p>{text}</text:p></table:table-cell>"


def line(*cells: str, held: str = "") -> str:
    return f"<table:table-row {held}>{''.join(cells)}</table:table-row>"


def documents() -> Iterator[Case]:
    head = line(cell("甲"), cell("乙"))
    bare = '<table:table-cell table:formula="of:=1+1"/>'
    told = (("excel_formula_uncached", 2),)
    yield Case(
        "uncached-ods", "表.ods", document(head, line(cell("一"), bare)), AB, [["一", None]], noticed=told
    )
    nothing = '<table:table-cell table:formula="of:=1+1" office:value-type="float"/>'
    yield Case("uncached-ods-typed", "表.ods", document(head, line(cell("一"), nothing), line(cell("二"), cell("三"))), AB,
               [["一", None], ["二", "三"]], noticed=told)  # fmt: skip
    blank = '<table:table-cell table:formula="of:=&quot;&quot;" office:value-type="string"><text:p/></table:table-cell>'
    yield Case("empty-result-ods", "表.ods", document(head, line(cell("一"), blank)), AB, [["一", None]])
    hidden = line(cell("二"), cell("藏"), held='table:visibility="filter"')
    yield Case("filtered-rows-ods", "表.ods", document(head, line(cell("一"), cell("显")), hidden), AB,
               [["一", "显"], ["二", "藏"]], noticed=(("hidden_rows", None),))  # fmt: skip
    far = '<table:table-cell table:number-columns-repeated="2000000000" office:value-type="float" office:value="1"/>'
    yield Case(
        "repeated-beyond-reason",
        "表.ods",
        document(head, line(cell("一"), far)),
        refused=("excel_too_large", None),
    )
    down = line(cell("一"), cell("二"), held='table:number-rows-repeated="2000000000"')
    yield Case("rows-beyond-reason", "表.ods", document(head, down), refused=("excel_too_large", None))
    gap = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    right = '<table:table-cell table:number-columns-repeated="16000"/>'
    yield Case(
        "two-far-corners",
        "表.ods",
        document(head, gap, line(right, cell("角"))),
        refused=("excel_too_large", None),
    )
