"""How a text table is written: each property declared by the clerk, or else found in the file and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from jutong.terms import BadInput

_ALIASES = {
    "utf8": "utf-8",
    "utf-8-sig": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "utf16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_ENCODINGS = ("utf-8", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "big5", "mixed")
_SPACE = ("\t", "\x01", "\x1f")


@dataclass(frozen=True)
class Dialect:
    """``quote`` may be empty: then quotes are letters.  Without a header ``columns`` names the columns.

    ``mixed`` is UTF-8 and GB18030 line by line.  ``widths`` makes it fixed text: columns by their width in
    characters, a Chinese one counting two as terminals print it.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    columns: tuple[str, ...] = ()
    #: The clerk's number of the header's first row, 0 for the first row that is not blank; and how many it has.
    header_row: int = 0
    header_rows: int = 1
    #: Rows at the end that are totals or notes.
    footer_rows: int = 0
    #: Rows with too many or too few values: refuse the file, or set them aside with their address.
    wrong_rows: Literal["refuse", "set_aside"] = "refuse"
    widths: tuple[int, ...] = ()

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
        if min(self.header_row, self.footer_rows) < 0 or not 1 <= self.header_rows <= 9:
            raise BadInput("outside.csv_dialect", "表头行号、表头行数与表尾行数须是不小于零的整数")
        if self.wrong_rows not in ("refuse", "set_aside"):
            raise BadInput(
                "outside.csv_dialect", "wrong_rows 须是 refuse（整份退回）或 set_aside（剔出错行）"
            )
        if any(width < 1 for width in self.widths):
            raise BadInput("outside.csv_dialect", "定宽文本的列宽须是正整数")

    @classmethod
    def of(cls, *declared: Mapping[str, Any]) -> Self:
        """From declarations, the later one winning (source's config, then the table's locator)."""
        given: dict[str, Any] = {}
        for declaration in declared:
            given |= {name: declaration[name] for name in cls.__dataclass_fields__ if name in declaration}
        given["encoding"] = named(str(given.get("encoding", "utf-8")))
        given["columns"] = tuple(given.get("columns", ()))
        given["widths"] = tuple(given.get("widths", ()))
        return cls(**given)

    def shown(self) -> dict[str, Any]:
        """What a clerk is shown and may overrule, as JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def named(encoding: str) -> str:
    """An encoding by the one name it has here."""
    plain = encoding.lower().replace("_", "-")
    return _ALIASES.get(plain, plain)


def delimiter_name(delimiter: str) -> str:
    return {"\t": "制表符", "\x01": "\\x01", "\x1f": "\\x1f", " ": "空格"}.get(delimiter, delimiter)
