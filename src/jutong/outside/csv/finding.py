"""What the clerk did not declare, found in the file: encoding, delimiter, quote, titles, header, totals.

Every finding has its ground in words; what is declared is never found anew.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jutong.outside.csv.dialect import Dialect, delimiter_name, named
from jutong.outside.csv.encoding import find_encoding
from jutong.outside.csv.feed import decoded, tail_of
from jutong.outside.csv.survey import MAX_RECORD
from jutong.outside.shape import HEAD_ROWS, TAIL_ROWS, find_footer, find_shape
from jutong.terms import Address, BadInput

_LOOK = 1 << 20
_DELIMITERS = (",", "\t", ";", "|", "^", "~", "\x01", "\x1f")
_LINE_END = re.compile(r"\r\n|\n|\r")
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)

csv.field_size_limit(2 * MAX_RECORD)


@dataclass(frozen=True)
class FoundDialect:
    dialect: Dialect
    #: Properties that were found, not declared.
    found: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()


def find_dialect(path: Path, name: str, declared: Mapping[str, Any]) -> FoundDialect:
    """The dialect of a file, what is declared taken as it is.

    Raises BadInput ``outside.encoding_mixed``, ``outside.encoding_doubtful``, ``outside.header_missing``.
    """
    fixed = {field: declared[field] for field in Dialect.__dataclass_fields__ if field in declared}
    if fixed.get("header") is False and not fixed.get("columns"):
        Dialect.of(fixed)  # says what is wrong
    grounds: list[str] = []
    if "encoding" not in fixed:
        encoding = find_encoding(path, name)
        fixed["encoding"] = encoding.encoding
        grounds.append(encoding.ground)
    text, whole = _head(path, named(str(fixed["encoding"])))
    if not text.strip() or fixed.get("widths"):
        return _told(Dialect.of(fixed), declared, grounds)
    fixed |= _separators(text, fixed, grounds)
    if not _readable(path, named(str(fixed["encoding"]))):
        return _told(Dialect.of(fixed), declared, grounds)
    dialect = Dialect.of({"columns": ("?",), **fixed})
    rows = _rows(text, dialect)[:HEAD_ROWS]
    if not whole and len(rows) > 1:
        rows = rows[:-1]
    fixed |= _header(rows, fixed, declared, name, grounds)
    dialect = Dialect.of(fixed)
    if "footer_rows" not in fixed:
        width = max((len(row) for row in rows), default=1)
        after = dialect.header_row + dialect.header_rows if dialect.header else 0
        known = rows[after:] if whole and len(rows) < HEAD_ROWS else None
        count = _footer(path, dialect, width, known)
        if count:
            grounds.append(f"最后 {count} 行是合计或说明，不作数据")
        dialect = replace(dialect, footer_rows=count)
    return _told(dialect, declared, grounds)


def _told(dialect: Dialect, declared: Mapping[str, Any], grounds: Sequence[str]) -> FoundDialect:
    names = ("encoding", "delimiter", "quote", "header_row", "header_rows", "footer_rows")
    return FoundDialect(dialect, tuple(name for name in names if name not in declared), tuple(grounds))


def _head(path: Path, encoding: str) -> tuple[str, bool]:
    """The first megabyte as text up to its last line end, and whether that is the whole file."""
    with path.open("rb") as opened:
        head = opened.read(_LOOK)
        whole = not opened.read(1)
    text = decoded(head, encoding).removeprefix("\ufeff").replace("\0", "")
    if whole:
        text = text.removesuffix("\x1a")  # with which DOS programs end a text
    elif cut := max(text.rfind("\n"), text.rfind("\r")) + 1:
        text = text[:cut]
    return text, whole


def _readable(path: Path, encoding: str) -> bool:
    """Whether the first megabyte is in the encoding; if not, the reader will say at which byte it is not."""
    if encoding == "mixed":
        return True
    with path.open("rb") as opened:
        head = opened.read(_LOOK)
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _separators(text: str, fixed: Mapping[str, Any], grounds: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    told = _SEPARATOR_LINE.match(text)
    if told and "delimiter" not in fixed and told[1].isascii():
        found["delimiter"] = told[1]
        found.setdefault("header_row", fixed.get("header_row", 2))
        grounds.append(f"第一行写明分隔符是 {delimiter_name(told[1])}")
    if "quote" not in fixed:
        found["quote"] = _quote(text, fixed.get("delimiter"))
        if found["quote"] != '"':
            grounds.append("引号当作普通文字" if not found["quote"] else "值用单引号括起")
    if "delimiter" not in fixed and "delimiter" not in found:
        quote = str({**fixed, **found}["quote"])
        found["delimiter"] = _delimiter(text, quote)
        grounds.append(f"分隔符 {delimiter_name(found['delimiter'])}")
    return found


def _quote(text: str, delimiter: str | None) -> str:
    """The quote that opens and closes whole fields; none where quotes stand only within values."""
    edges = re.escape(delimiter) if delimiter else "".join(map(re.escape, _DELIMITERS))
    edge = f"[{edges}\r\n]"
    if '"' in text:
        opens = re.search(rf'(?:^|{edge})"', text)
        return '"' if opens else ""
    opened = len(re.findall(rf"(?:^|{edge})'", text))
    fields = len(re.findall(rf"(?:^|{edge})(?=[^\r\n])", text))
    closed = len(re.findall(rf"'(?={edge}|$)", text))
    return "'" if opened > 1 and opened == closed and opened * 2 >= fields else '"'


def _delimiter(text: str, quote: str) -> str:
    """The one that cuts the most rows into the same number of values, and into more than one."""
    best: tuple[float, int, str] = (0.0, 0, ",")
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        rows = [row for row in _cut(text, delimiter, quote) if any(cell.strip() for cell in row)]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda one: (one[1], one[0]))
        best = max(best, (count / len(rows), width, delimiter))
    return best[2]


def _rows(text: str, dialect: Dialect) -> list[list[str]]:
    return _cut(text, dialect.delimiter, dialect.quote)


def _cut(text: str, delimiter: str, quote: str, most: int = 400) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    reader = (
        csv.reader(lines, delimiter=delimiter, quotechar=quote)
        if quote
        else csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    )
    rows: list[list[str]] = []
    try:
        for row in reader:
            rows.append(row)
            if len(rows) == most:
                break
    except csv.Error:  # the survey says what is wrong, and where
        pass
    return rows


def _header(
    rows: Sequence[Sequence[str]],
    fixed: Mapping[str, Any],
    declared: Mapping[str, Any],
    name: str,
    grounds: list[str],
) -> dict[str, Any]:
    if fixed.get("header") is False or "header_row" in declared:
        return {}
    skipped = 1 if fixed.get("header_row") == 2 else 0  # the line that names the separator
    shape = find_shape([[]] * skipped + list(rows[skipped:]))
    if shape is None:
        return {}
    if shape.header_row == 0:
        columns = tuple(declared.get("columns", ()))
        if not columns:
            raise BadInput(
                "outside.header_missing",
                "第一行看起来就是数据；没有表头的文件须登记列名",
                Address(file=name, row=1),
            )
        grounds.extend(shape.grounds)
        return {"header": False}
    grounds.extend(shape.grounds)
    return {"header_row": shape.header_row, "header_rows": declared.get("header_rows", shape.header_rows)}


def _footer(path: Path, dialect: Dialect, width: int, known: Sequence[Sequence[str]] | None) -> int:
    """How many of the last rows are totals; a file with open quotes near its end is left as it is."""
    if known is not None:
        rows = [row for row in known if any(cell.strip() for cell in row)]
        return min(find_footer(rows[-TAIL_ROWS:], width), max(len(rows) - 1, 0))
    tail, encoding = tail_of(path, dialect.encoding, 64 << 10)
    text = decoded(tail, dialect.encoding if dialect.encoding == "mixed" else encoding).removesuffix("\x1a")
    starts = [found.end() for found in itertools.islice(_LINE_END.finditer(text), 40)]
    for start in starts:  # where a quoted value is open at a line's start, the rows do not come out right
        rows = [row for row in _cut(text[start:], dialect.delimiter, dialect.quote, len(text)) if any(row)]
        if sum(len(row) == width for row in rows) * 2 > len(rows):
            return find_footer(rows[-TAIL_ROWS:], width)
    return 0
