"""dBASE and FoxPro tables (.dbf): fixed records, text in GBK unless the file says otherwise.

Layout: dBASE III/IV and Visual FoxPro table file structure. Deleted records are passed over and counted.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from jutong.outside.csv.dialect import named
from jutong.outside.csv.gb18030 import corrected
from jutong.outside.reading import Reading, header_columns
from jutong.terms import Address, BadInput

_ROWS = 10_000
#: Language driver (byte 29) → encoding; 0 and everything Chinese is GB18030.
_LANGUAGES = {0x01: "cp437", 0x03: "cp1252", 0x4D: "gb18030", 0x4F: "big5", 0x7A: "gb18030", 0x78: "big5"}
_JULIAN_1970 = 2_440_588


@dataclass(frozen=True)
class _Field:
    name: str
    kind: str
    start: int
    length: int


def read_dbf(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """Raises BadInput ``outside.dbf_broken``, ``dbf_memo``, ``dbf_encoding``, ``header_only``, with the row."""
    with path.open("rb") as opened:
        head = opened.read(32)
        if len(head) < 32:
            raise BadInput("outside.dbf_broken", "文件比 DBF 的表头还短", Address(file=name))
        count, length, width = struct.unpack("<IHH", head[4:12])
        blocks = opened.read(max(length - 32, 0))
    encoding = (
        named(str(declared["encoding"])) if "encoding" in declared else _LANGUAGES.get(head[29], "gb18030")
    )
    fields = _fields(blocks, encoding, name)
    if not fields or width != 1 + sum(field.length for field in fields) or length > path.stat().st_size:
        raise BadInput("outside.dbf_broken", "DBF 的表头前后不符", Address(file=name))
    if path.stat().st_size < length + count * width:
        there = max(0, (path.stat().st_size - length) // width)
        raise BadInput(
            "outside.dbf_broken",
            f"表头说有 {count} 行，文件只有 {there} 行，可能没有传完",
            Address(name, row=there + 1),
        )
    columns, _ = header_columns([field.name for field in fields], Address(file=name))
    reading = Reading(columns, iter(()), manner={"encoding": encoding})
    reading.batches = _batches(path, (length, count, width), fields, encoding, reading, name)
    return reading


def _fields(blocks: bytes, encoding: str, name: str) -> list[_Field]:
    fields, start = [], 1
    for place in range(0, len(blocks) - 31, 32):
        block = blocks[place : place + 32]
        if block[0] in (0x0D, 0x00):
            break
        kind, size = chr(block[11]), block[16]
        label = block[:11].split(b"\0")[0].decode(encoding, errors="replace")
        if kind in "MGPW":
            raise BadInput(
                "outside.dbf_memo",
                f"「{label}」是备注型，内容在另一个文件里，请导出为文本型",
                Address(file=name),
            )
        if kind == "C":
            size += block[17] << 8  # FoxPro's long text
        if kind != "0":  # FoxPro's own flags
            fields.append(_Field(label, kind, start, size))
        start += size
    return fields


def _batches(
    path: Path, layout: tuple[int, int, int], fields: list[_Field], encoding: str, reading: Reading, name: str
) -> Iterator[pa.RecordBatch]:
    start, count, width = layout
    rows: list[list[str | None]] = []
    given = deleted = 0
    with path.open("rb") as opened:
        opened.seek(start)
        for number in range(1, count + 1):
            record = opened.read(width)
            if record[:1] == b"*":
                deleted += 1
                reading.gaps.append(given)
                continue
            rows.append(
                [
                    _value(record, field, encoding, Address(name, row=number, item=field.name))
                    for field in fields
                ]
            )
            given += 1
            if len(rows) == _ROWS:
                yield _batch(rows, reading)
                rows = []
    if rows:
        yield _batch(rows, reading)
    if deleted:
        reading.notice(
            "outside.dbf_deleted", f"有 {deleted} 行在来源系统里已标记删除，没有读", Address(file=name)
        )
    if not given:
        raise BadInput("outside.header_only", "文件里没有数据行", Address(file=name))


def _batch(rows: list[list[str | None]], reading: Reading) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array(values, pa.string()) for values in zip(*rows, strict=True)], schema=reading.schema
    )


def _value(record: bytes, field: _Field, encoding: str, where: Address) -> str | None:
    raw = record[field.start : field.start + field.length]
    if field.kind == "I":
        return str(struct.unpack("<i", raw)[0])
    if field.kind == "Y":
        return str(Decimal(struct.unpack("<q", raw)[0]).scaleb(-4))
    if field.kind == "B" and len(raw) == 8:
        return repr(struct.unpack("<d", raw)[0])
    if field.kind == "T":
        day, milliseconds = struct.unpack("<ii", raw)
        if not day:
            return None
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(days=day - _JULIAN_1970, milliseconds=milliseconds)
        return moment.isoformat(" ", timespec="seconds")
    try:
        text = raw.rstrip(b" \0").decode(encoding)
    except UnicodeDecodeError:
        raise BadInput("outside.dbf_encoding", f"这个值不是有效的 {encoding.upper()}", where) from None
    if encoding == "gb18030":
        text = corrected(text)
    if "\0" in text:
        raise BadInput("outside.dbf_broken", "值的中间有空字节（NUL）", where)
    if field.kind != "C":
        text = text.strip()
    if field.kind == "D" and len(text) == 8 and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if field.kind == "L":
        return {"T": "TRUE", "Y": "TRUE", "F": "FALSE", "N": "FALSE"}.get(text.upper())
    return text or None
