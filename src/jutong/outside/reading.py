"""What every kind of source gives: a reading, batch by batch, and what was noticed on the way."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import pyarrow as pa

from jutong.outside.ranges import Part
from jutong.terms import EMPTY_CONTENT, Address, BadInput, ContentHash, Item, content_hash

#: How many notices of one kind a reading keeps; the rest are counted.
NOTICES_KEPT = 100

HEADER_WITHIN = "这一行与表头相同，可能是几份表接在了一起，仍作为数据收下"

_ARROW = {
    "text": pa.string(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class Notice:
    """Something the provider should know that does not stop the reading (a number already rounded)."""

    code: str
    sentence: str
    address: Address


@dataclass(frozen=True)
class Since:
    """Where the last incremental reading stopped: ``value`` is the source's own text of the watermark."""

    item: str
    value: str | None
    keys: tuple[str, ...] = ()
    #: Seconds (for a date watermark: whole days) read again behind ``value`` for rows committed late.
    lookback: int = 0


@dataclass
class Reading:
    """One table as the source holds it.

    ``batches`` may be consumed once; it raises JutongError with an address when the source breaks.
    Values keep their type when it is text, integer, date, timestamp or boolean; everything else, NUMERIC
    above all, is the source's own text (law 2: never through float).
    """

    columns: tuple[Item, ...]
    batches: Iterator[pa.RecordBatch]
    #: Rows above the first data row in the clerk's view: header and what stands before it.
    row_offset: int = 0
    #: Upper watermark of what is read here, as the source's text; None where the source has none.
    watermark: str | None = None
    #: Lower bound actually asked for (``Since.value`` less the look-back), as the source's text.
    since: str | None = None
    notices: list[Notice] = field(default_factory=list)
    noticed: int = 0
    #: How the file was read: every property, declared or found; and the grounds of what was found, in words.
    manner: Mapping[str, Any] = field(default_factory=dict)
    grounds: tuple[str, ...] = ()
    #: After how many data rows each blank row stands that was passed over.
    gaps: list[int] = field(default_factory=list)
    #: Rows kept out of the batches because they do not fit the header; each is a notice.
    set_aside: int = 0
    _kinds: Counter[str] = field(default_factory=Counter)

    def clerk_row(self, number: int) -> int:
        """The row a clerk sees in the file for the data row ``number``, counted from 1."""
        return self.row_offset + number + bisect.bisect_left(self.gaps, number)

    @property
    def schema(self) -> pa.Schema:
        return schema_of(self.columns)

    def notice(self, code: str, sentence: str, address: Address) -> None:
        self.noticed += 1
        self._kinds[code] += 1
        if self._kinds[code] <= NOTICES_KEPT:
            self.notices.append(Notice(code, sentence, address))


@dataclass(frozen=True)
class Found:
    """A table or file that a source offers, with its columns and primary key as the source names them."""

    locator: Mapping[str, Any]
    label: str
    columns: tuple[Item, ...]
    keys: tuple[str, ...] = ()


class Widened(BadInput):
    """A value its column's item type cannot hold (``infinity``, ``0000-00-00``): read again, with this column
    among ``text``, it arrives as the source's own text."""

    def __init__(self, item: str, address: Address) -> None:
        super().__init__("outside.beyond_type", "有值超出了这一列的类型，要按原文读取", address)
        self.item = item


class Source(Protocol):
    """An opened source; all readings of one source see one consistent state where the system can give it.

    A database also has ``parts`` and ``fingerprint``, and its ``read`` takes ``part`` and ``text``; see
    ``Divisible``.
    """

    def find(self) -> list[Found]: ...

    def file(self, locator: Mapping[str, Any]) -> Path | None: ...

    def read(
        self, locator: Mapping[str, Any], *, since: Since | None = None, file: Path | None = None
    ) -> Reading: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *problem: object) -> None: ...


@runtime_checkable
class Divisible(Protocol):
    """A source whose tables are read part by part, so that a long reading goes on where it was killed."""

    def parts(self, locator: Mapping[str, Any]) -> list[Part]:
        """Ranges that make up the table; empty where it cannot be divided."""
        ...

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,
        file: Path | None = None,
        part: Part | None = None,
        text: frozenset[str] = frozenset(),
    ) -> Reading:
        """Rows of one part; columns in ``text`` come as the source's own text. Raises Widened while reading."""
        ...

    def count(self, locator: Mapping[str, Any]) -> int:
        """How many rows a table has now."""
        ...

    def fingerprint(
        self, locator: Mapping[str, Any], part: Part | None = None, text: frozenset[str] = frozenset()
    ) -> ContentHash:
        """The set hash of what ``read`` would give, computed where the data are."""
        ...


def schema_of(columns: Sequence[Item]) -> pa.Schema:
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in columns])


def content_of(reading: Reading) -> ContentHash:
    """The content hash of all that is read, computed here: for systems that cannot compute it themselves."""
    types = [column.type for column in reading.columns]
    return sum(
        (
            content_hash(zip(*(c.to_pylist() for c in batch.columns), strict=True), types)
            for batch in reading.batches
        ),
        EMPTY_CONTENT,
    )


def header_columns(
    header: Sequence[str | None], address: Address
) -> tuple[tuple[Item, ...], tuple[int, ...]]:
    """Text columns named as a file's header names them, and their places from 0.

    A column without a name is left out: the reader sees to it that it holds no value.  Raises BadInput
    ``outside.header_blank`` where no column has a name and ``outside.header_duplicate`` (names are compared without
    regard to case, as every database here does) with the column's place.
    """
    seen: dict[str, int] = {}
    columns, places = [], []
    for place, raw in enumerate(header):
        name = _one_line((raw or "").replace("\0", "").strip().strip("\ufeff\u200b").strip())
        where = Address(address.file, address.sheet, address.row, f"第 {place + 1} 列")
        if not name:
            continue
        if name.casefold() in seen:
            first = seen[name.casefold()]
            raise BadInput("outside.header_duplicate", f"表头「{name}」与第 {first} 列重名", where)
        seen[name.casefold()] = place + 1
        columns.append(Item(name, name))
        places.append(place)
    if not columns:
        raise BadInput("outside.header_blank", "表头中没有一列有名称", address)
    return tuple(columns), tuple(places)


def nameless(place: int, address: Address, row: int | None) -> BadInput:
    """The refusal of a value in a column without a name."""
    where = Address(address.file, address.sheet, address.row, f"第 {place + 1} 列")
    return BadInput("outside.header_blank", f"表头中这一列没有名称，而第 {row} 行有值", where)


def _one_line(name: str) -> str:
    """A header broken over lines is one name: without a space between Chinese characters, with one elsewhere."""
    return re.sub(
        r"\s*[\r\n]+\s*",
        lambda gap: " " if (name[gap.start() - 1] + name[gap.end() : gap.end() + 1]).isascii() else "",
        name,
    )


def file_in(folder: str, locator: Mapping[str, Any]) -> Path:
    """The delivered file a locator names, which must lie inside the source's folder.

    Raises BadInput ``outside.file_outside``, ``outside.file_missing`` or ``outside.file_unreadable``.
    """
    base = Path(folder).resolve()
    path = (base / str(locator.get("file", ""))).resolve()
    address = Address(file=str(locator.get("file", "")))
    if not path.is_relative_to(base) or path == base:
        raise BadInput("outside.file_outside", "文件不在数据源登记的目录之内", address)
    if not path.exists():
        raise BadInput("outside.file_missing", "约定的文件不存在", address)
    if not path.is_file():
        raise BadInput("outside.file_unreadable", "约定的路径不是一个文件", address)
    return path
