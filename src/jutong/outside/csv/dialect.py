"""How a CSV file is written: declared, never guessed, because a wrong guess is silent.

``suggest`` looks at a file for the form in which a clerk declares it; gathering never calls it.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jutong.terms import BadInput

_ALIASES = {
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "utf16": "utf-16",
}
_ENCODINGS = ("utf-8", "gb18030", "utf-16")
_LOOK = 1 << 20


@dataclass(frozen=True)
class Dialect:
    """``quote`` may be empty: then quotes are letters.  Without a header ``columns`` names the columns."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.encoding not in _ENCODINGS:
            raise BadInput(
                "outside.csv_encoding_unknown", f"不认识编码「{self.encoding}」，可用 {'、'.join(_ENCODINGS)}"
            )
        for name, value in (("分隔符", self.delimiter), ("引号", self.quote or '"')):
            if len(value) != 1 or not value.isascii() or value in "\r\n\0":
                raise BadInput("outside.csv_dialect", f"{name}须是一个 ASCII 字符，而不是 {value!r}")
        if self.delimiter == self.quote:
            raise BadInput("outside.csv_dialect", "分隔符与引号不能相同")
        if not self.header and not self.columns:
            raise BadInput("outside.csv_dialect", "没有表头的文件须登记列名")

    @classmethod
    def of(cls, *declared: Mapping[str, Any]) -> Self:
        """From declarations, the later one winning (source's config, then the table's locator)."""
        given: dict[str, Any] = {}
        for declaration in declared:
            given |= {name: declaration[name] for name in cls.__dataclass_fields__ if name in declaration}
        encoding = str(given.get("encoding", "utf-8")).lower().replace("_", "-")
        given["encoding"] = _ALIASES.get(encoding, encoding)
        given["columns"] = tuple(given.get("columns", ()))
        return cls(**given)


def suggest(file: Path) -> Dialect:
    """The dialect the first megabyte looks like, to pre-fill a form."""
    with file.open("rb") as opened:
        head = opened.read(_LOOK)
    encoding = _encoding_of(head)
    text = head.decode(encoding, errors="ignore")
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",\t;|", key=first.count)
    return Dialect(encoding=encoding, delimiter=delimiter if delimiter in first else ",")


def _encoding_of(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)("strict").decode(head)
        except UnicodeDecodeError:
            continue
        return encoding
    return "utf-8"
