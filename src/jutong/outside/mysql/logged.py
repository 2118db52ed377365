r"""Values as the binary log holds them, made into the text that a reading of the same table gives (``types``).

The log tells types, not names: what a column is called, its sign, charset and members are asked of the server.
Formats: MySQL manual, "Row-based events"; decimal and time as in the server's ``decimal.c`` and ``my_time.c``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

from jutong.outside.changes import Name, Relation

Read = Callable[[bytes, int], tuple[str, int]]
"""(event, place) → the value's text and where the next one begins."""

#: Charsets whose texts are read here exactly as the server would; MySQL's latin1 is Windows-1252 without holes.
CHARSETS = {
    "utf8mb4": "utf-8", "utf8mb3": "utf-8", "utf8": "utf-8", "ascii": "ascii", "latin1": "cp1252", "gbk": "gbk",
    "gb2312": "gb2312",
}  # fmt: skip
_HOLES = re.compile("[\x81\x8d\x8f\x90\x9d]")
#: Fractions of a second: how many bytes for 0 … 6 digits.
_FRACTION = (0, 1, 1, 2, 2, 3, 3)
#: Bytes for the 0 … 9 digits at an end of a decimal; nine digits fill four.
_DIGITS = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
_EAST = dt.timezone(dt.timedelta(hours=8))
_FLOAT, _DOUBLE = Struct("<f"), Struct("<d")
#: Base types by the code the log may tell them with.
_CODES = {
    "tinyint": (1,), "smallint": (2,), "mediumint": (9,), "int": (3,), "bigint": (8,), "year": (13,), "float": (4,),
    "double": (5,), "decimal": (246,), "bit": (16,), "date": (10, 14), "datetime": (18,), "timestamp": (17,),
    "time": (19,), "char": (254,), "varchar": (15,), "binary": (254,), "varbinary": (15,), "enum": (247,), "set": (248,),
    "tinytext": (252,), "text": (252,), "mediumtext": (252,), "longtext": (252,), "tinyblob": (252,), "blob": (252,),
    "mediumblob": (252,), "longblob": (252,), "geometry": (255,), "point": (255,), "linestring": (255,), "polygon": (255,),
    "multipoint": (255,), "multilinestring": (255,), "multipolygon": (255,), "geometrycollection": (255,),
    "uuid": (254,), "inet6": (254,), "inet4": (254,),
}  # fmt: skip
_WIDTHS = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8}
#: Bytes of what the log tells beside a column's type.
_META = {4: 1, 5: 1, 15: 2, 16: 2, 17: 1, 18: 1, 19: 1, 245: 1, 246: 2, 252: 1, 254: 2, 255: 1, 140: 1, 141: 2,
         247: 2, 248: 2, 249: 1, 250: 1, 251: 1}  # fmt: skip


class Unlike(Exception):
    """What the log tells of a table is not what the server now says of it."""


@dataclass(frozen=True)
class Layout:
    """A table as the server describes it: rows of ``capturing.sql``'s ``columns``, in their order."""

    relation: Relation
    columns: tuple[Mapping[str, Any], ...]


def unreadable(column: Mapping[str, Any]) -> str | None:
    """Why a column cannot be read from the log exactly, in words; None when it can."""
    kind, charset = column["data_type"], column["charset"]
    if kind not in _CODES:
        return f"类型 {kind} 在日志里读不准"
    if "zerofill" in column["column_type"].lower():
        return "ZEROFILL 的零不在日志里"
    if "compressed" in column["column_type"].lower():
        return "压缩列在日志里读不了"
    if charset is not None and charset not in CHARSETS:
        return f"字符集 {charset} 在日志里读不准"
    return None


def layout(name: Name, columns: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Layout:
    names = tuple(str(column["column_name"]) for column in columns)
    return Layout(Relation(*name, names, tuple(each in keys for each in names)), tuple(columns))


def readers(table: Layout, codes: bytes, metadata: bytes) -> list[Read]:
    """One reader for each column of a table-map event. Raises Unlike."""
    if len(codes) != len(table.columns):
        raise Unlike(f"日志里有 {len(codes)} 列，表里有 {len(table.columns)} 列")
    found, at = [], 0
    for code, column in zip(codes, table.columns, strict=True):
        size = _META.get(code, 0)
        found.append(_reader(column, code, metadata[at : at + size]))
        at += size
    return found


def _reader(column: Mapping[str, Any], code: int, meta: bytes) -> Read:
    kind = str(column["data_type"])
    length = 0
    if code == 254:  # its real type and length share two bytes
        if meta[0] & 0x30 != 0x30:
            code, length = meta[0] | 0x30, meta[1] | ((meta[0] & 0x30) ^ 0x30) << 4
        else:
            code, length = meta[0], meta[1]
    if code not in _CODES.get(kind, ()):
        raise Unlike(f"列 {column['column_name']} 在日志里是另一种类型")
    if kind in _WIDTHS:
        return _integer(_WIDTHS[kind], signed="unsigned" not in column["column_type"].lower())
    if kind in ("enum", "set"):
        members = members_of(str(column["column_type"]))
        return _enum(length, members) if kind == "enum" else _set(length, members)
    if kind in ("uuid", "inet4", "inet6"):
        return _fixed(kind, length)
    if kind in ("datetime", "timestamp", "time"):
        return {"datetime": _datetime, "timestamp": _timestamp, "time": _time}[kind](meta[0])
    if kind in ("float", "double"):
        return _real(_FLOAT if kind == "float" else _DOUBLE, column["scale"] if kind == "double" else None)
    if kind in ("year", "date"):
        return _year if kind == "year" else _date
    if kind == "decimal":
        return _decimal(meta[0], meta[1])
    if kind == "bit":
        return _bits(meta[1] * 8 + meta[0])
    return _text(column, code, meta, length)


def _text(column: Mapping[str, Any], code: int, meta: bytes, length: int) -> Read:
    if code in (252, 255):
        width = meta[0]
    elif code == 15:
        width = 1 if int.from_bytes(meta, "little") < 256 else 2
    else:
        width = 1 if length < 256 else 2
    charset = column["charset"]
    if charset is None:
        return _hex(width, int(column["octets"]) if column["data_type"] == "binary" else 0)
    codec, holes = CHARSETS[charset], charset == "latin1"

    def read(data: bytes, at: int) -> tuple[str, int]:
        begin = at + width
        end = begin + int.from_bytes(data[at:begin], "little")
        given = data[begin:end]
        if holes:
            return _latin(given), end
        return given.decode(codec), end

    return read


def _latin(given: bytes) -> str:
    return "".join(
        chr(byte) if _HOLES.match(chr(byte)) else bytes((byte,)).decode("cp1252") for byte in given
    )


def _hex(width: int, padded: int) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        begin = at + width
        end = begin + int.from_bytes(data[at:begin], "little")
        return "\\x" + data[begin:end].ljust(padded, b"\0").hex(), end

    return read


def _integer(width: int, *, signed: bool) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        return str(int.from_bytes(data[at : at + width], "little", signed=signed)), at + width

    return read


def _year(data: bytes, at: int) -> tuple[str, int]:
    return str(1900 + data[at]) if data[at] else "0000", at + 1


def _date(data: bytes, at: int) -> tuple[str, int]:
    value = int.from_bytes(data[at : at + 3], "little")
    return f"{value >> 9:04}-{value >> 5 & 15:02}-{value & 31:02}", at + 3


def _datetime(digits: int) -> Read:
    size = _FRACTION[digits]

    def read(data: bytes, at: int) -> tuple[str, int]:
        value = int.from_bytes(data[at : at + 5], "big") - 0x8000000000
        day, clock = value >> 17, value & 0x1FFFF
        months = day >> 5
        text = f"{months // 13:04}-{months % 13:02}-{day & 31:02} {clock >> 12:02}:{clock >> 6 & 63:02}:{clock & 63:02}"
        return text + _fraction(data[at + 5 : at + 5 + size], digits), at + 5 + size

    return read


def _timestamp(digits: int) -> Read:
    size = _FRACTION[digits]

    def read(data: bytes, at: int) -> tuple[str, int]:
        seconds, end = int.from_bytes(data[at : at + 4], "big"), at + 4 + size
        fraction = data[at + 4 : end]
        if not seconds and not any(fraction):
            text = "0000-00-00 00:00:00"
        else:
            text = dt.datetime.fromtimestamp(seconds, _EAST).strftime("%Y-%m-%d %H:%M:%S")
        return text + _fraction(fraction, digits), end

    return read


def _time(digits: int) -> Read:
    size = _FRACTION[digits]

    def read(data: bytes, at: int) -> tuple[str, int]:
        end = at + 3 + size
        value = int.from_bytes(data[at:end], "big") - (0x800000 << 8 * size)
        sign, value = "-" if value < 0 else "", abs(value)
        clock = value >> 8 * size
        fraction = (value & (1 << 8 * size) - 1).to_bytes(size, "big")
        text = f"{sign}{clock >> 12 & 0x3FF:02}:{clock >> 6 & 63:02}:{clock & 63:02}"
        return text + _fraction(fraction, digits), end

    return read


def _fraction(data: bytes, digits: int) -> str:
    return "." + f"{int.from_bytes(data, 'big'):0{2 * len(data)}}"[:digits] if digits else ""


def _real(form: Struct, scale: int | None) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        value = form.unpack_from(data, at)[0]
        if form is _FLOAT:  # a reading adds nought, which makes of -0 a 0
            value += 0.0
        return f"{value:.{scale}f}" if scale is not None else real_text(value), at + form.size

    return read


def real_text(value: float) -> str:
    """A double as the family's servers write it: its shortest digits; whole numbers from 1e15 and what is below 1e-15
    with an exponent (``my_gcvt``)."""
    if not value:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, power = repr(value).partition("e")
    sign, mantissa = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(power or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    if 15 < point >= len(digits) or point < -14:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _decimal(precision: int, scale: int) -> Read:
    whole = precision - scale
    first, last = whole % 9, scale % 9
    widths = [_DIGITS[first]] * bool(first) + [4] * (whole // 9 + scale // 9) + [_DIGITS[last]] * bool(last)
    shown = [first] * bool(first) + [9] * (whole // 9 + scale // 9) + [last] * bool(last)
    size = sum(widths)

    def read(data: bytes, at: int) -> tuple[str, int]:
        given = bytearray(data[at : at + size])
        negative = not given[0] & 0x80
        given[0] ^= 0x80
        if negative:
            given = bytearray(byte ^ 0xFF for byte in given)
        text, place = "", 0
        for width, digits in zip(widths, shown, strict=True):
            text += f"{int.from_bytes(given[place : place + width], 'big'):0{digits}}"
            place += width
        front, back = text[:whole].lstrip("0") or "0", text[whole:]
        return f"{'-' if negative else ''}{front}{'.' + back if scale else ''}", at + size

    return read


def _bits(count: int) -> Read:
    size = (count + 7) // 8

    def read(data: bytes, at: int) -> tuple[str, int]:
        return f"{int.from_bytes(data[at : at + size], 'big'):0{count}b}", at + size

    return read


def _enum(size: int, members: Sequence[str]) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        place = int.from_bytes(data[at : at + size], "little")
        return members[place - 1] if place else "", at + size

    return read


def _set(size: int, members: Sequence[str]) -> Read:
    def read(data: bytes, at: int) -> tuple[str, int]:
        value = int.from_bytes(data[at : at + size], "little")
        return ",".join(name for place, name in enumerate(members) if value >> place & 1), at + size

    return read


def _fixed(kind: str, length: int) -> Read:
    """MariaDB's own kinds: their bytes, from the end of which zeros are left out."""

    def read(data: bytes, at: int) -> tuple[str, int]:
        end = at + 1 + data[at]
        given = data[at + 1 : end].ljust(length, b"\0")
        return (str(uuid.UUID(bytes=given)) if kind == "uuid" else _address(given)), end

    return read


def _address(given: bytes) -> str:
    """As the server writes it: the longest run of zeros left out, be it one, and an IPv4 address within dotted."""
    if len(given) == 4:
        return str(ipaddress.IPv4Address(given))
    words = [given[place] << 8 | given[place + 1] for place in range(0, 16, 2)]
    runs = [
        (len(run[0]), run.start())
        for run in re.finditer("0+", "".join("1" if word else "0" for word in words))
    ]
    size, first = max(runs, key=lambda run: run[0], default=(0, -1))
    if first == 0 and (size == 6 or (size == 5 and words[5] == 0xFFFF)):
        return f"::{'ffff:' if size == 5 else ''}{ipaddress.IPv4Address(given[12:])}"
    if not size:
        return ":".join(f"{word:x}" for word in words)
    front, back = words[:first], words[first + size :]
    return ":".join(f"{word:x}" for word in front) + "::" + ":".join(f"{word:x}" for word in back)


def members_of(column_type: str) -> list[str]:
    """``enum('a','it''s')`` → its members, as the server writes them in ``COLUMN_TYPE``."""
    inside = column_type[column_type.index("(") + 1 : column_type.rindex(")")]
    found = re.findall(r"'((?:[^'\\]|''|\\.)*)'", inside, re.DOTALL)
    said = {"0": "\0", "n": "\n", "r": "\r"}
    return [
        re.sub(r"''|\\(.)", lambda m: said.get(m[1], m[1]) if m[1] else "'", one, flags=re.DOTALL)
        for one in found
    ]
