"""XML rows: one repeated element is a row, its children and attributes are the columns; nothing is declared in it."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from xml.parsers import expat

from jutong.outside.files.records import Numbered, read_records
from jutong.outside.packed import refuse_entities
from jutong.outside.reading import Reading
from jutong.terms import Address, BadInput

_CHUNK = 1 << 20
_MOST_VALUE = 4 << 20
#: Encodings of text; Python knows others by such names, which are none.
_ENCODINGS = re.compile(
    r"utf-?(?:8|8-sig|16|32)(?:-?[lb]e)?|(?:us-)?ascii|iso-?8859-\d+|latin-?\d|windows-\d+|cp\d+|big5(?:-hkscs)?"
    r"|shift[_-]jis|euc-(?:jp|kr|cn)|koi8-[ru]|gb18030"
)
_DECLARED = re.compile(rb"""<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_MOST_DEPTH = 40


def read_xml(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """``row`` names the element that is a row; else it is the first whose children hold only text.

    Raises BadInput ``outside.xml_broken``, ``xml_entities``, ``xml_encoding``, ``xml_not_rows``, ``xml_repeated``,
    with the line.
    """
    row = declared.get("row") or _row_element(path, name)
    return read_records(partial(_records, path, name, str(row)), name, {**declared, "row": row})


def _events(path: Path, name: str) -> Iterator[tuple[str, Any, int]]:
    """('start', (tag, attributes)) · ('text', text) · ('end', tag), each with its line."""
    found: list[tuple[str, Any, int]] = []
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    given = length = 0

    def line() -> int:
        return int(parser.CurrentLineNumber)

    def refuse(*_: object) -> None:
        raise BadInput(
            "outside.xml_entities", "XML 里有 DOCTYPE 或实体声明，为安全起见不读", Address(name, row=line())
        )

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda tag, held: found.append(("start", (_local(tag), held), line()))
    parser.EndElementHandler = lambda tag: found.append(("end", _local(tag), line()))
    parser.CharacterDataHandler = lambda text: found.append(("text", text, line()))
    try:
        for text in _texts(path, name):
            plain = text.encode()
            given += len(plain)
            parser.Parse(plain, False)
            for event in found:
                length = length + len(event[1]) if event[0] == "text" else 0
                if length > _MOST_VALUE:
                    raise _too_long(name, event[2])
                yield event
            found.clear()
            if given - parser.CurrentByteIndex > _MOST_VALUE + _CHUNK:  # a tag that does not end
                raise _too_long(name, line())
        parser.Parse("", True)
    except expat.ExpatError as problem:
        raise BadInput(
            "outside.xml_broken",
            f"XML 不完整：{expat.ErrorString(problem.code)}",
            Address(name, row=problem.lineno),
        ) from None
    yield from found


def _too_long(name: str, line: int) -> BadInput:
    return BadInput(
        "outside.xml_value_too_long", f"有一个值超过 {_MOST_VALUE >> 20} MB", Address(name, row=line)
    )


def _texts(path: Path, name: str) -> Iterator[str]:
    with path.open("rb") as opened:
        chunk = opened.read(_CHUNK)
        refuse_entities(chunk, name)
        encoding = _encoding(chunk)
        try:
            if not _ENCODINGS.fullmatch(encoding):
                raise LookupError
            decoder = codecs.getincrementaldecoder(encoding)("strict")
        except LookupError:
            raise BadInput(
                "outside.xml_encoding", f"不认识 XML 声明的编码 {encoding}", Address(name, row=1)
            ) from None
        first = True
        while chunk:
            following = opened.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not following)
            except UnicodeDecodeError as problem:
                raise BadInput(
                    "outside.xml_encoding",
                    f"有字节不是有效的 {encoding.upper()}（{problem.reason}）",
                    Address(name),
                ) from None
            if first:
                text = _DECLARATION.sub(
                    lambda found: "\n" * found[0].count("\n"), text.removeprefix("\ufeff")
                )
                first = False
            yield text
            chunk = following


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    told = _DECLARED.search(head[:400])
    name = told[1].decode().lower() if told else "utf-8"
    return (
        "gb18030"
        if name in ("gb2312", "gbk", "gb18030", "cp936")
        else "utf-8-sig"
        if name == "utf-8"
        else name
    )


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _row_element(path: Path, name: str) -> str:
    """The shallowest element below the root that comes more than once and holds something; else, for a file of
    one row, the shallowest whose children hold only text."""
    counts: Counter[tuple[str, ...]] = Counter()
    holds: set[tuple[str, ...]] = set()
    parents: set[tuple[str, ...]] = set()
    trail: tuple[str, ...] = ()
    for kind, held, line in _events(path, name):
        if kind == "start":
            if trail:
                holds.add(trail)
                parents.add(trail[:-1])
            trail = (*trail, held[0])
            counts[trail] += 1
            if held[1]:
                holds.add(trail)
            if len(trail) > _MOST_DEPTH:
                raise BadInput(
                    "outside.xml_not_rows", "XML 嵌套得太深，不是一行一行的数据", Address(name, row=line)
                )
        elif kind == "end":
            trail = trail[:-1]
    inner = [one for one in counts if len(one) > 1 and one in holds]
    rows = [one for one in inner if counts[one] > 1] or [one for one in inner if one not in parents]
    if not rows:
        raise BadInput("outside.xml_not_rows", "XML 里找不到重复的行元素，请写明 row", Address(file=name))
    return min(rows, key=len)[-1]


def _records(path: Path, name: str, row: str) -> Iterator[Numbered]:
    depth, number = 0, 0
    values: dict[str, str | None] = {}
    trail: list[str] = []
    texts: list[str] = []
    leaf = True
    wrong: BadInput | None = None
    for kind, held, line in _events(path, name):
        if kind == "start":
            tag, attributes = held
            if not trail and tag == row and depth:
                number, trail, texts, wrong = number + 1, [tag], [], None
                values = {_local(key): value for key, value in attributes.items()}
            elif trail:
                trail.append(tag)
                texts, leaf = [], True
                for key, value in attributes.items():
                    values["/".join([*trail[1:], "@" + _local(key)])] = value
            depth += 1
        elif kind == "text" and trail:
            texts.append(held)
        elif kind == "end":
            depth -= 1
            if len(trail) == 1:
                yield number, wrong or values
                trail = []
            elif trail:
                column = "/".join(trail[1:])
                text = "".join(texts).strip()
                if text or (leaf and column not in values):
                    if values.get(column):
                        wrong = BadInput(
                            "outside.xml_repeated",
                            f"这一行里「{column}」出现了两次",
                            Address(name, row=line, item=column),
                        )
                    values[column] = text or None
                trail.pop()
                texts, leaf = [], False
    if not number:
        raise BadInput("outside.xml_not_rows", f"XML 里没有「{row}」元素", Address(file=name))
