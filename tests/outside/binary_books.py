"""Real .xls, .xlsb and .ods workbooks: by xlwt; by records as [MS-XLSB] lays them out; as OpenDocument's XML."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import xlwt


@dataclass(frozen=True)
class Cell:
    """``value`` as the file holds it; ``shape``: a number format; ``formula``: what it was computed by; ``error``."""

    value: Any
    shape: str = ""
    formula: str = ""
    error: bool = False


Rows = Sequence[Sequence[Any]]


def xls(rows: Rows, *, from_1904: bool = False) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    book.dates_1904 = from_1904
    sheet, styles = book.add_sheet("表"), {"": xlwt.Style.default_style}
    for number, row in enumerate(rows):
        for place, given in enumerate(row):
            cell = given if isinstance(given, Cell) else Cell(given)
            if cell.shape not in styles:
                styles[cell.shape] = xlwt.easyxf(num_format_str=cell.shape)
            style = styles[cell.shape]
            if cell.error:
                sheet.row(number).set_cell_error(place, cell.value)
            elif cell.value is not None:
                sheet.write(number, place, cell.value, style)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xlsb(rows: Rows) -> bytes:
    shapes = sorted({cell.shape for row in rows for cell in row if isinstance(cell, Cell) and cell.shape})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr("_rels/.rels", _relations(("officeDocument", "xl/workbook.bin")))
        book.writestr("xl/_rels/workbook.bin.rels", _relations(
            ("worksheet", "worksheets/sheet1.bin"), ("styles", "styles.bin"), ("sharedStrings", "sharedStrings.bin")))  # fmt: skip
        book.writestr("xl/workbook.bin", _workbook())
        book.writestr("xl/styles.bin", _styles(shapes))
        texts: list[str] = []
        book.writestr("xl/worksheets/sheet1.bin", _sheet(rows, shapes, texts))
        book.writestr("xl/sharedStrings.bin", _record(159, struct.pack("<II", len(texts), len(texts)))
                      + b"".join(_record(19, b"\0" + _wide(text)) for text in texts) + _record(160))  # fmt: skip
    return out.getvalue()


_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _relations(*targets: tuple[str, str]) -> str:
    inside = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inside}</Relationships>'


def _record(kind: int, body: bytes = b"") -> bytes:
    """[MS-XLSB] 2.1.4: the type in one or two bytes, the size in groups of seven bits."""
    head = bytes((kind,)) if kind < 128 else bytes((kind & 0x7F | 0x80, kind >> 7))
    size, left = bytearray(), len(body)
    while left > 127:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    size.append(left)
    return head + bytes(size) + body


def _wide(text: str) -> bytes:
    units = text.encode("utf-16-le")
    return struct.pack("<I", len(units) // 2) + units


def _workbook() -> bytes:
    sheet = struct.pack("<II", 0, 1) + _wide("rId1") + _wide("表")
    properties = struct.pack("<II", 0, 0) + _wide("")
    return (
        _record(131)
        + _record(153, properties)
        + _record(143)
        + _record(156, sheet)
        + _record(144)
        + _record(132)
    )


def _styles(shapes: Sequence[str]) -> bytes:
    formats = b"".join(
        _record(44, struct.pack("<H", 164 + number) + _wide(shape)) for number, shape in enumerate(shapes)
    )
    looks = b"".join(
        _record(47, struct.pack("<HHHHHBBHBB", 0, number, 0, 0, 0, 0, 0, 0, 0, 0))
        for number in (0, *range(164, 164 + len(shapes)))
    )
    return (
        _record(278) + _record(615, struct.pack("<I", len(shapes))) + formats + _record(616)
        + _record(617, struct.pack("<I", len(shapes) + 1)) + looks + _record(618) + _record(279)
    )  # fmt: skip


def _sheet(rows: Rows, shapes: Sequence[str], texts: list[str]) -> bytes:
    width = max(map(len, rows))
    parts = [_record(129), _record(148, struct.pack("<IIII", 0, len(rows) - 1, 0, width - 1)), _record(145)]
    for number, row in enumerate(rows):
        parts.append(_record(0, struct.pack("<IIHBBBI", number, 0, 300, 0, 0, 0, 0)))
        parts += _cells(row, shapes, texts)
    return b"".join([*parts, _record(146), _record(130)])


def _cells(row: Sequence[Any], shapes: Sequence[str], texts: list[str]) -> Iterator[bytes]:
    for place, given in enumerate(row):
        cell = given if isinstance(given, Cell) else Cell(given)
        style = shapes.index(cell.shape) + 1 if cell.shape else 0
        head, formula = struct.pack("<II", place, style), struct.pack("<HII", 0, 0, 0)
        if cell.error:
            yield _record(3, head + bytes((0x07,)))
        elif isinstance(cell.value, bool):
            yield _record(4, head + bytes((cell.value,)))
        elif isinstance(cell.value, str) and cell.formula:
            yield _record(8, head + _wide(cell.value) + formula)
        elif isinstance(cell.value, str):
            texts.append(cell.value)
            yield _record(7, head + struct.pack("<I", len(texts) - 1))
        elif cell.value is not None and cell.formula:
            yield _record(9, head + struct.pack("<d", cell.value) + formula)
        elif isinstance(cell.value, int) and abs(cell.value) < 1 << 29:  # RK, a whole number in thirty bits
            yield _record(2, head + struct.pack("<i", cell.value << 2 | 2))
        elif cell.value is not None:
            yield _record(5, head + struct.pack("<d", cell.value))


def ods(rows: Rows) -> bytes:
    """A cell's ``value`` is what is stored, ``shape`` its office type (date, time, percentage) or empty."""
    table = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} office:version="1.3"><office:body>'
        f'<office:spreadsheet><table:table table:name="表">{table}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr("mimetype", kind, zipfile.ZIP_STORED)
        book.writestr("META-INF/manifest.xml", manifest, zipfile.ZIP_DEFLATED)
        book.writestr("content.xml", content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _ods_cell(given: Any) -> str:
    cell = given if isinstance(given, Cell) else Cell(given)
    formula = f" table:formula={quoteattr('of:=' + cell.formula)}" if cell.formula else ""
    if cell.value is None:
        return "<table:table-cell/>"
    if isinstance(cell.value, bool):
        kind, value = "boolean", f'office:boolean-value="{str(cell.value).lower()}"'
    elif cell.shape in ("date", "time"):
        kind, value = cell.shape, f'office:{cell.shape}-value="{cell.value}"'
    elif isinstance(cell.value, str):
        kind, value = "string", ""
    else:
        kind, value = "float", f'office:value="{cell.value}"'
    return f'<table:table-cell office:value-type="{kind}" {value}{formula}><text:p>{escape(str(cell.value))}</text:p></table:table-cell>'
