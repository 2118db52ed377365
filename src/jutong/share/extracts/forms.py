"""The three forms of a file, and the zip round it: rows in, bytes on disk, never more than a chunk in memory.

CSV is RFC 4180 in UTF-8 with a byte order mark (what Excel on a clerk's desk expects), its first line the visible
watermark; a missing value is nothing between two commas, an empty text is ``""`` (so is a missing value of a file of
one column: many readers skip an empty line, and a row would be lost).  Excel has the words on a sheet of
their own; numbers of more than 15 digits, dates and instants are texts there, so that no digit and no day is lost.
Parquet keeps every type and carries the words in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jutong.share.extracts.marks import form_sql
from jutong.share.outgoing import Outgoing
from jutong.terms import BadInput, quote

FORMS = {"csv": ".csv", "excel": ".xlsx", "parquet": ".parquet"}
#: Excel's own limits: rows of a sheet (one is the heading), characters of a cell.
EXCEL_ROWS = 1_048_575
EXCEL_CELL = 32_767
#: The two colours of a row's text; no eye tells them apart.
BLACKS = ("#000000", "#000001")
#: Digits a spreadsheet's number holds for sure (IEEE 754 double).
_DIGITS = 15
LINE = "_jutong_line"
FORM = "_jutong_form"
_METADATA = b"jutong"


def headings(outgoing: Outgoing) -> list[str]:
    """What stands over each column: its label, or its name where two share a label."""
    labels = [out.item.label or out.item.name for out in outgoing.items]
    return [
        label if labels.count(label) == 1 else out.item.name
        for label, out in zip(labels, outgoing.items, strict=True)
    ]


def form_columns(form: str, outgoing: Outgoing, marked: Sequence[str], digest: str) -> list[str]:
    """The SELECT list a form needs from the view of what leaves: whole CSV lines, or the columns themselves."""
    names = [name for name, _ in outgoing.columns]
    if form == "csv":
        missing = '""' if len(names) == 1 else ""
        fields = [
            _csv_field(name, item_type, form_sql(digest) if name == marked[0] else "false", missing)
            for name, item_type in outgoing.columns
        ]
        return [f"concat_ws(',', {', '.join(fields)}) AS {LINE}"]
    columns = [quote(name) for name in names]
    return [*columns, f"{form_sql(digest)} AS {FORM}"] if form == "excel" else columns


def write_csv(file: Path, words: str, outgoing: Outgoing, tables: Iterable[pa.Table]) -> None:
    with file.open("wb") as out:
        head = ",".join(_quoted(text) for text in headings(outgoing))
        out.write(f"\ufeff# {words}\r\n{head}\r\n".encode())
        for table in tables:
            out.write("".join(f"{line}\r\n" for line in table.column(LINE).to_pylist()).encode())


def write_excel(file: Path, words: str, outgoing: Outgoing, tables: Iterable[pa.Table]) -> None:
    """One sheet of rows, one of words.  Raises BadInput ``share.extract_too_large`` where Excel would cut."""
    import xlsxwriter  # slow to import, needed only where a workbook is made

    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "tmpdir": str(file.parent), "strings_to_urls": False},
    )
    said = book.add_worksheet("说明")
    said.set_column(0, 0, 120)
    said.write_string(0, 0, words)
    sheet = book.add_worksheet("数据")
    sheet.freeze_panes(1, 0)
    sheet.set_footer(f"&L{words[:200].replace('&', '&&')}")
    bold = book.add_format({"bold": True})
    sheet.write_row(0, 0, headings(outgoing), bold)
    looks = [[book.add_format(look) for look in _looks(colour, outgoing)] for colour in BLACKS]
    row = 0
    for table in tables:
        columns = [table.column(name).to_pylist() for name, _ in outgoing.columns]
        for place, form in enumerate(table.column(FORM).to_pylist()):
            row += 1
            for column, (values, look) in enumerate(zip(columns, looks[bool(form)], strict=True)):
                if values[place] is not None:
                    _cell(sheet, row, column, values[place], look)
                elif column == 0:  # a sheet ends at its last written cell, a file at its last row
                    sheet.write_blank(row, column, None, look)
    sheet.activate()
    book.close()


def write_parquet(file: Path, words: str, outgoing: Outgoing, tables: Iterable[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            if writer is None:
                schema = pa.schema(
                    [
                        field.with_metadata({"label": label.encode()})
                        for field, label in zip(table.schema, headings(outgoing), strict=True)
                    ],
                    metadata={_METADATA: words.encode()},
                )
                writer = pq.ParquetWriter(file, schema, compression="zstd")
            writer.write_table(table.cast(schema))
    finally:
        if writer is not None:
            writer.close()


WRITERS: dict[str, Callable[[Path, str, Outgoing, Iterable[pa.Table]], None]] = {
    "csv": write_csv,
    "excel": write_excel,
    "parquet": write_parquet,
}


def seal(file: Path, name: str, password: str, to: Path) -> None:
    """An AES-256 zip (WinZip AE-2) of one file."""
    import pyzipper  # slow to import, needed only for archives

    with pyzipper.AESZipFile(
        to, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(password.encode())
        archive.write(file, name)


def words_in_parquet(file: Path) -> str:
    return (pq.read_schema(file).metadata or {}).get(_METADATA, b"").decode()


def _csv_field(name: str, item_type: str, marked: str, missing: str) -> str:
    column = quote(name) if item_type == "text" else f"CAST({quote(name)} AS VARCHAR)"
    forced = f"{column} = '' OR regexp_matches({column}, '[\",\\r\\n]')" if item_type == "text" else "false"
    return (
        f"CASE WHEN {column} IS NULL THEN '{missing}' WHEN {forced} OR {marked}"
        f" THEN '\"' || replace({column}, '\"', '\"\"') || '\"' ELSE {column} END"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\r\n') else text


def _looks(colour: str, outgoing: Outgoing) -> list[dict[str, str]]:
    looks = []
    for _, item_type in outgoing.columns:
        look = {"font_color": colour}
        if item_type.startswith("decimal"):
            scale = int(item_type.rstrip(")").partition(",")[2] or 0)
            look["num_format"] = "0." + "0" * scale if scale else "0"
        looks.append(look)
    return looks


def _cell(sheet: Any, row: int, column: int, value: object, look: Any) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value, look)
    elif isinstance(value, int | Decimal) and len(Decimal(value).as_tuple().digits) <= _DIGITS:
        sheet.write_number(row, column, value, look)
    else:
        text = value if isinstance(value, str) else f"{value:f}" if isinstance(value, Decimal) else str(value)
        if len(text) > EXCEL_CELL:
            raise BadInput(
                "share.extract_too_large",
                f"第 {row} 行有超过 {EXCEL_CELL} 字的值，Excel 放不下，请改用 CSV 或 Parquet",
            )
        sheet.write_string(row, column, text, look)
