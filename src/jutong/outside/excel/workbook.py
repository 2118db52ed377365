"""The parts of an .xlsx around its cells: sheets, styles, shared texts, merged ranges (ECMA-376 part 1, §18)."""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.compute as pc

from jutong.outside.packed import refuse_entities
from jutong.terms import Address, BadInput

_CHUNK = 4 << 20
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
#: §18.8.30: built-in formats that are dates or times, those of Chinese and Japanese Excel included.
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DURATION = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}")
_PLAIN_TEXT = re.compile(rb"<si>\s*<t(?: xml:space=\"preserve\")?>([^<]*)</t>\s*</si>")
_RICH = re.compile(rb"<si\b[^>]*?(?:/>|>(.*?)</si>)", re.DOTALL)
_RUN = re.compile(rb"<rPh\b.*?</rPh>|<t\b[^>]*?(?:/>|>([^<]*)</t>)", re.DOTALL)
_ESCAPED_PAIR = re.compile(r"_x([Dd][89ABab][0-9A-Fa-f]{2})__x([Dd][C-Fc-f][0-9A-Fa-f]{2})_")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


#: What reading a member of a broken zip, or a text that is not UTF-8, raises.
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, UnicodeDecodeError, pa.ArrowInvalid)


@dataclass(frozen=True)
class Sheet:
    name: str
    part: str
    hidden: bool


@dataclass(frozen=True)
class Styles:
    """By style number: what a number drawn with it is."""

    dates: frozenset[int] = frozenset()
    times: frozenset[int] = frozenset()
    durations: frozenset[int] = frozenset()
    zeros: dict[int, int] = None  # type: ignore[assignment]


def sheets_of(book: zipfile.ZipFile, name: str) -> tuple[list[Sheet], bool]:
    """The sheets in their order, and whether dates count from 1904."""
    workbook = _xml(book, _main_part(book, name), name)
    folder = _main_part(book, name).rpartition("/")[0]
    targets = {
        one.get("Id"): str(one.get("Target", ""))
        for one in _xml(book, f"{folder}/_rels/workbook.xml.rels".lstrip("/"), name)
    }
    found = []
    for one in workbook.iter():
        if one.tag not in (f"{_MAIN}sheet", f"{_STRICT}sheet"):
            continue
        target = targets.get(one.get(_RELATION) or one.get(_STRICT_RELATION), "")
        part = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}".lstrip("/")
        if part in book.namelist() and "worksheets" in part:
            found.append(Sheet(str(one.get("name")), part, one.get("state", "visible") != "visible"))
    properties = [one for one in workbook if one.tag.endswith("}workbookPr")]
    return found, any(one.get("date1904") in ("1", "true") for one in properties)


def _main_part(book: zipfile.ZipFile, name: str) -> str:
    if "xl/workbook.xml" in book.namelist():
        return "xl/workbook.xml"
    raise BadInput(
        "outside.excel_unreadable", "不是可读的 Excel 工作簿（没有 workbook.xml）", Address(file=name)
    )


def styles_of(book: zipfile.ZipFile, name: str) -> Styles:
    if "xl/styles.xml" not in book.namelist():
        return Styles(zeros={})
    root = _xml(book, "xl/styles.xml", name)
    codes = {
        _format(one, name): str(one.get("formatCode", ""))
        for one in root.iter()
        if one.tag.endswith("}numFmt")
    }
    cells = next((one for one in root if one.tag.endswith("}cellXfs")), ())
    dates, times, durations, zeros = set(), set(), set(), {}
    for style, one in enumerate(cells):
        number = _format(one, name)
        code = codes.get(number, "")
        plain = _QUOTED.sub("", code).partition(";")[0].lower()
        if _DURATION.search(code) or number == 46:
            durations.add(style)
        elif number in _DATES or (number in codes and re.search(r"[ymdhse年月日]", plain) and "0.0" not in plain
                                  and "e+" not in plain and "general" not in plain):  # fmt: skip
            dates.add(style)
            if number in (18, 19, 20, 21, 45, 47, 32, 33) or (
                plain and not re.search(r"[yd年日]|m(?!m?:|:)", plain)
            ):
                times.add(style)
        elif _ZEROS.fullmatch(code):
            zeros[style] = len(code)
    return Styles(frozenset(dates), frozenset(times), frozenset(durations), zeros)


def _format(one: Any, name: str) -> int:
    told = str(one.get("numFmtId", "0"))
    if not told.isdecimal():
        raise BadInput("outside.excel_unreadable", "工作簿已损坏（数字格式没有编号）", Address(file=name))
    return int(told)


def shared_texts(book: zipfile.ZipFile, name: str) -> pa.Array[Any]:
    """All shared texts; as Arrow they take a quarter of the memory of Python's."""
    if "xl/sharedStrings.xml" not in book.namelist():
        return pa.array([], pa.string())
    parts: list[pa.Array[Any]] = []
    rest = b""
    try:
        with book.open("xl/sharedStrings.xml") as xml:
            first = True
            while chunk := xml.read(_CHUNK):
                if first:
                    refuse_entities(chunk[:4096], name)
                    first = False
                block = rest + chunk
                cut = block.rfind(b"</si>") + 5
                if cut < 5:
                    rest = block
                    continue
                parts.append(_texts(block[:cut]))
                rest = block[cut:]
    except _BROKEN as problem:
        raise BadInput("outside.excel_unreadable", f"工作簿已损坏（{problem}）", Address(file=name)) from None
    return pa.concat_arrays(parts) if parts else pa.array([], pa.string())


def _texts(block: bytes) -> pa.Array[Any]:
    plain = _PLAIN_TEXT.findall(block)
    if len(plain) == block.count(b"<si>") and b"<si " not in block and b"<si/" not in block:
        if b"&" not in block and b"_x" not in block and b"\r" not in block:
            return pc.cast(pa.array(plain, pa.binary()), pa.string())
        return pa.array([unescaped(text) for text in plain], pa.string())
    return pa.array([rich_text(body or b"") for body in _RICH.findall(block)], pa.string())


def rich_text(body: bytes) -> str:
    """The runs of a rich text together, without the phonetic guide."""
    return "".join(unescaped(text) for text in _RUN.findall(body))


def unescaped(text: bytes) -> str:
    plain = text.decode()
    if "&" in plain:
        plain = html.unescape(plain)
    if "_x" in plain:
        plain = _ESCAPED_PAIR.sub(lambda code: bytes.fromhex(code[1] + code[2]).decode("utf-16-be"), plain)
        plain = _ESCAPED.sub(_letter, plain)
    return plain.replace("\r\n", "\n")


def _letter(code: re.Match[str]) -> str:
    """What is no character, half of one or NUL, stays written as it is."""
    number = int(code[1], 16)
    return code[0] if not number or 0xD800 <= number < 0xE000 else chr(number)


def _xml(book: zipfile.ZipFile, part: str, name: str) -> Any:
    try:
        content = book.read(part)
    except KeyError:
        return ET.Element("none")
    except _BROKEN as problem:
        raise BadInput("outside.excel_unreadable", f"工作簿已损坏（{problem}）", Address(file=name)) from None
    refuse_entities(content[:4096], name)
    try:
        return ET.fromstring(content)  # noqa: S314  entities have been refused
    except ET.ParseError as problem:
        raise BadInput("outside.excel_unreadable", f"工作簿已损坏（{problem}）", Address(file=name)) from None
