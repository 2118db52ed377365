"""dBASE and FoxPro tables (.dbf): fixed records, text in the encoding that is declared, that the companion ``.cpg``
names, that the language driver byte says, or that all its values together show; else in GB18030.

Layout: dBASE III/IV and Visual FoxPro table file structure. Deleted records are passed over and counted.
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from jutong.outside.csv.dialect import named
from jutong.outside.csv.encoding import COMMON_ENOUGH, common_share, hanzi_of, tongue
from jutong.outside.csv.gb18030 import corrected
from jutong.outside.reading import Reading, header_columns
from jutong.terms import Address, BadInput

_ROWS = 10_000
#: Language driver (byte 29) → encoding, of dBASE and FoxPro.  0x57 is the code page of whatever machine wrote the file,
#: and says as little as 0.
_LANGUAGES = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x13: "cp932", 0x26: "cp866", 0x4D: "gb18030", 0x4E: "cp949",
    0x4F: "big5", 0x50: "cp874", 0x58: "cp1252", 0x59: "cp1252", 0x64: "cp852", 0x65: "cp866", 0x66: "cp865",
    0x67: "cp861", 0x6A: "cp737", 0x6B: "cp857", 0x78: "big5", 0x79: "cp949", 0x7A: "gb18030", 0x7B: "cp932",
    0x7C: "cp874", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip
_CODE_PAGE = re.compile(r"(?:ANSI|CP|OEM|IBM|MS|WINDOWS)?[ -]?(\d{3,5})")
_PAGES = {
    "936": "gb18030",
    "20936": "gb18030",
    "54936": "gb18030",
    "65001": "utf-8",
    "950": "big5",
    "88591": "latin-1",
}
_NAMES = {
    "UTF-8": "utf-8", "UTF8": "utf-8", "GBK": "gb18030", "GB2312": "gb18030", "GB18030": "gb18030", "EUC-CN": "gb18030",
    "BIG5": "big5", "BIG-5": "big5", "ISO-8859-1": "latin-1", "ISO8859-1": "latin-1", "SHIFT-JIS": "cp932", "EUC-KR": "cp949",
}  # fmt: skip
#: Encodings of more than one byte a character; any other decodes nearly every byte, and proves nothing by it.
_WIDE = frozenset({"utf-8", "gb18030", "big5", "cp932", "cp936", "cp949", "cp950", "cp1361"})
#: Kinds of field whose value lies in the record itself; ``0`` are FoxPro's own flags.  B of FoxPro takes eight bytes.
_KINDS, _SIZES = frozenset("CNFDLIYTB0"), {"I": 4, "Y": 8, "T": 8, "B": 8, "D": 8}
_MOST_CPG = 1 << 10
_JULIAN_1970 = 2_440_588


@dataclass(frozen=True)
class _Field:
    name: str
    kind: str
    start: int
    length: int


def read_dbf(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """Raises BadInput ``outside.dbf_broken``, ``dbf_memo``, ``dbf_encoding``, ``encoding_doubtful``, ``header_only``, with the row."""
    with path.open("rb") as opened:
        head = opened.read(32)
        if len(head) < 32:
            raise BadInput("outside.dbf_broken", "文件比 DBF 的表头还短", Address(file=name))
        count, length, width = struct.unpack("<IHH", head[4:12])
        blocks = opened.read(max(length - 32, 0))
    encoding, ground = _encoding(path, name, declared, head[29])
    fields = _fields(blocks, encoding or "gb18030", name)
    if head[15]:
        raise BadInput("outside.dbf_broken", "DBF 是加密的，读不了", Address(file=name))
    if not fields or width != 1 + sum(field.length for field in fields) or length > path.stat().st_size:
        raise BadInput("outside.dbf_broken", "DBF 的表头前后不符", Address(file=name))
    if path.stat().st_size < length + count * width:
        there = max(0, (path.stat().st_size - length) // width)
        raise BadInput(
            "outside.dbf_broken",
            f"表头说有 {count} 行，文件只有 {there} 行，可能没有传完",
            Address(name, row=there + 1),
        )
    layout = length, count, width
    if encoding is None:
        encoding, ground = _found(path, layout, fields, name)
        fields = _fields(blocks, encoding, name)
    elif "encoding" not in declared and encoding not in _WIDE:
        _refuse_mislabelled(path, layout, fields, encoding, name)
    columns, _ = header_columns([field.name for field in fields], Address(file=name))
    reading = Reading(columns, iter(()), manner={"encoding": encoding}, grounds=(ground,) if ground else ())
    reading.batches = _batches(path, layout, fields, encoding, reading, name)
    return reading


def companion_encoding(path: Path, name: str) -> str | None:
    """What ``x.cpg`` beside ``x.dbf`` says; None where there is none.

    Raises BadInput ``outside.dbf_encoding`` where it names what is not known here.
    """
    for ending in (".cpg", ".CPG", ".Cpg"):
        companion = path.with_suffix(ending)
        if companion.is_file() and companion != path:
            with companion.open("rb") as opened:
                said = opened.read(_MOST_CPG).removeprefix(codecs.BOM_UTF8).decode("ascii", "replace")
            return _named_by(said.strip(" \t\r\n\0\"'"), name)
    return None


def _named_by(said: str, name: str) -> str:
    plain = said.upper().replace("_", "-")
    page = _CODE_PAGE.fullmatch(plain)
    encoding = _NAMES.get(plain) or (page and (_PAGES.get(page[1]) or f"cp{page[1]}"))
    if not encoding or not _is_known(encoding):
        raise BadInput(
            "outside.dbf_encoding",
            f"同名的 .cpg 写的编码「{said[:40]}」不认识，请登记编码",
            Address(file=name),
        )
    return encoding


def _is_known(encoding: str) -> bool:
    """Whether it is an encoding of text a DBF is written in; Python knows codecs by such names that are none."""
    if encoding in _NAMES.values() or encoding in _LANGUAGES.values():
        return True
    try:
        return bool(re.fullmatch(r"cp\d{3,5}", encoding) and codecs.lookup(encoding))
    except LookupError:
        return False


def _encoding(path: Path, name: str, declared: Mapping[str, Any], driver: int) -> tuple[str | None, str]:
    """The encoding and on what ground; None where nothing says it."""
    if "encoding" in declared:
        encoding = named(str(declared["encoding"]))
        if not _is_known(encoding):
            raise BadInput(
                "outside.dbf_encoding", f"DBF 不能按「{encoding}」读，请另选编码", Address(file=name)
            )
        return encoding, ""
    beside = companion_encoding(path, name)
    if beside:
        return beside, f"{beside.upper()}（同名的 .cpg 写明）"
    told = _LANGUAGES.get(driver)
    return told, f"{told.upper()}（文件头的语言标记 0x{driver:02X}）" if told else ""


def _found(path: Path, layout: tuple[int, int, int], fields: list[_Field], name: str) -> tuple[str, str]:
    """UTF-8 where every value is, and some can be nothing else; a value cut off at its field's end is no witness."""
    first_utf8 = first_other = 0
    for number, raw, _ in _beyond_ascii(path, layout, fields):
        if not _begins_as(raw, "utf-8"):
            first_other = first_other or number
        elif tongue(raw) == "utf-8":
            first_utf8 = first_utf8 or number
        if first_utf8 and first_other:
            raise BadInput(
                "outside.encoding_mixed",
                "文件里混着 UTF-8 和别的编码，从这一行起与前面不同；请统一编码后重交，或登记编码",
                Address(file=name, row=number),
            )
    if first_utf8:
        return "utf-8", "UTF-8（全部文字逐值核过）"
    return "gb18030", "GB18030（文件没有写明编码）" if first_other else ""


def _refuse_mislabelled(
    path: Path, layout: tuple[int, int, int], fields: list[_Field], encoding: str, name: str
) -> None:
    """Tools stamp their own machine's code page on Chinese tables; read as that they would be noise, and accepted."""
    first, sure = 0, False
    possible, hanzi = {"utf-8", "gb18030"}, Counter[str]()
    for number, raw, full in _beyond_ascii(path, layout, fields):
        first, sure = first or number, sure or tongue(raw) == "utf-8"
        possible -= {one for one in possible if not _begins_as(raw, one, whole=not full)}
        if not possible:
            return
        hanzi.update(hanzi_of(raw.decode("gb18030", errors="ignore")))
    if "utf-8" in possible and sure:
        seems = "UTF-8"
    elif "gb18030" in possible and hanzi and common_share(hanzi) >= COMMON_ENOUGH:
        seems = "GB18030"
    else:
        return
    raise BadInput(
        "outside.encoding_doubtful",
        f"文件的标记说是 {encoding.upper()}，内容像 {seems}；请登记编码",
        Address(file=name, row=first),
    )


def _beyond_ascii(
    path: Path, layout: tuple[int, int, int], fields: list[_Field]
) -> Iterator[tuple[int, bytes, bool]]:
    """Every text that is not all ASCII, with its row and whether it fills its field, where it may have been cut off."""
    start, count, width = layout
    with path.open("rb") as opened:
        opened.seek(start)
        for number in range(1, count + 1):
            record = opened.read(width)
            if record.isascii() or record[:1] == b"*":
                continue
            for one in fields:
                raw = record[one.start : one.start + one.length].rstrip(b" \0")
                if one.kind == "C" and not raw.isascii():
                    yield number, raw, len(raw) == one.length


def _begins_as(raw: bytes, encoding: str, *, whole: bool = False) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(raw, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _fields(blocks: bytes, encoding: str, name: str) -> list[_Field]:
    fields, start = [], 1
    for place in range(0, len(blocks) - 31, 32):
        block = blocks[place : place + 32]
        if block[0] in (0x0D, 0x00):
            break
        kind, size = chr(block[11]), block[16]
        label = block[:11].split(b"\0")[0].decode(encoding, errors="replace")
        where = Address(file=name, item=label)
        if kind not in _KINDS:
            sentence = (
                f"「{label}」是备注、变长或二进制型（{kind}），内容不在这个文件的记录里，请导出为文本型"
            )
            raise BadInput("outside.dbf_memo", sentence, where)
        if not label.strip():
            raise BadInput("outside.header_blank", "有一个字段没有名称", Address(file=name))
        if size != _SIZES.get(kind, size):
            raise BadInput("outside.dbf_broken", f"「{label}」的类型 {kind} 应占 {_SIZES[kind]} 字节", where)
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
        try:
            moment = dt.datetime(1970, 1, 1) + dt.timedelta(
                days=day - _JULIAN_1970, milliseconds=milliseconds
            )
        except OverflowError:
            raise BadInput("outside.dbf_broken", "这个时刻不在历法之内", where) from None
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
