"""A folder of CSV files as a source; every value stays text (law 2)."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jutong.outside.csv.dialect import Dialect
from jutong.outside.csv.feed import Feed
from jutong.outside.csv.finding import find_dialect
from jutong.outside.csv.fixed import read_fixed
from jutong.outside.csv.survey import MAX_RECORD
from jutong.outside.csv.unread import cuts_as_it_stands, decoded_batch
from jutong.outside.reading import HEADER_WITHIN, Found, Reading, Since, file_in, header_columns, nameless
from jutong.terms import Address, BadInput, JutongError

_BLOCK = 2 * MAX_RECORD
_SUFFIXES = (".csv", ".tsv", ".txt")
#: Ragged rows named one by one before the rest are only counted.
_RAGGED_NAMED, _RAGGED_PLACED = 100, 100_000
_TOTAL_WORDS = ("合计", "总计", "小计", "共计", "合 计", "总 计", "小 计")


class CsvFolder:
    """``config``: ``folder`` and the dialect of its files; a ``locator``: ``file`` and what differs.

    What neither declares is found in the file, and told in the reading's ``manner`` and ``grounds``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._folder = str(config.get("folder", ""))
        if not Path(self._folder).is_dir():
            raise BadInput("outside.folder_missing", "数据源登记的目录不存在", Address(file=self._folder))

    def find(self) -> list[Found]:
        found = []
        for path in sorted(Path(self._folder).rglob("*")):
            if path.suffix.lower() not in _SUFFIXES:
                continue
            locator = {"file": str(path.relative_to(self._folder))}
            try:
                columns = self.read(locator, file=path).columns
            except BadInput:  # found all the same; reading it says what is wrong
                columns = ()
            found.append(Found(locator, path.stem, columns))
        return found

    def file(self, locator: Mapping[str, Any]) -> Path:
        return file_in(self._folder, locator)

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,  # noqa: ARG002  every kind is asked alike
        file: Path | None = None,
    ) -> Reading:
        """``since`` is ignored: a file is a delivery of its own, taken whole."""
        path, name = file or self.file(locator), str(locator["file"])
        return read_text(path, name, {**self._config, **locator})

    def close(self) -> None:
        """Nothing is held open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def read_text(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """A text table whose undeclared properties are found first; raises what ``find_dialect`` and ``read_csv`` do."""
    found = find_dialect(path, name, declared)
    reading = (
        read_fixed(path, found.dialect, name) if found.dialect.widths else read_csv(path, found.dialect, name)
    )
    reading.manner = found.dialect.shown()
    reading.grounds = found.grounds
    return reading


def read_csv(path: Path, dialect: Dialect, name: str) -> Reading:
    """A file's rows as text, in bounded memory; ``name`` is what the clerk calls it.

    Unquoted empty is missing, ``""`` is empty.  Raises BadInput with the row: ``outside.file_empty``,
    ``header_only``, ``csv_encoding``, ``csv_ragged``, ``csv_quote``, ``csv_quote_open``, ``csv_nul``,
    ``csv_line_too_long``, ``header_blank``, ``header_duplicate``, ``beyond_header``; the ones about rows while
    being consumed.  With ``wrong_rows`` set aside, ragged rows are notices and the rest is taken.
    """
    header, offset = _header(path, dialect, name)
    columns, _ = header_columns(header, Address(file=name, row=offset or None))
    reading = Reading(columns, iter(()), row_offset=offset, manner=dialect.shown())
    reading.batches = _batches(path, dialect, name, reading)
    return reading


def _header(path: Path, dialect: Dialect, name: str) -> tuple[list[str], int]:
    if cuts_as_it_stands(dialect):
        with (
            suppress(JutongError, UnicodeError),
            closing(Feed(path, dialect, name, as_it_stands=True)) as feed,
        ):
            return feed.header()
    with closing(Feed(path, dialect, name)) as feed:
        return feed.header()


def _batches(path: Path, dialect: Dialect, name: str, reading: Reading) -> Iterator[pa.RecordBatch]:
    """What can be is cut before it is decoded.  A file that has something wrong is read once more, decoded first:
    that way knows the byte and the row, and goes on behind the rows that were given."""
    given = 0
    if cuts_as_it_stands(dialect):
        try:
            with closing(Feed(path, dialect, name, as_it_stands=True)) as feed:
                for batch in _rows(feed, dialect, name, reading):
                    given += batch.num_rows
                    yield batch
        except (JutongError, UnicodeError):
            reading.gaps.clear()
        else:
            return
    with closing(Feed(path, dialect, name)) as feed:
        yield from _rows(feed, dialect, name, reading, given)


def _rows(
    feed: Feed, dialect: Dialect, name: str, reading: Reading, given: int = 0
) -> Iterator[pa.RecordBatch]:
    """All rows but the first ``given``. Raises UnicodeError where the feed is cut as it stands."""
    try:
        header, _ = feed.header()
        if feed.exhausted:
            raise BadInput("outside.header_only", "文件只有表头，没有数据行", Address(file=name))
        feed.keep_mark()
        ragged = _Ragged(dialect.wrong_rows == "set_aside")
        columns = _Columns(reading, header, name)
        for batch in _parsed(feed, dialect, columns.names, ragged):
            _note_gaps(feed, reading)
            kept = columns.checked(columns.unknown(batch, given))
            if kept.num_rows and (not ragged.count or ragged.set_aside):
                yield kept
        _note_gaps(feed, reading)
        _complete(feed, columns, ragged, reading, name)
    except (pa.ArrowException, OSError) as problem:
        if feed.problem:
            raise feed.problem from None
        raise BadInput("outside.csv_unreadable", f"文件无法解析：{problem}", Address(file=name)) from None


def _note_gaps(feed: Feed, reading: Reading) -> None:
    """The survey's blank lines so far, counted in data rows."""
    records, blanks = feed.above
    reading.gaps += [place - records for place in feed.survey.gaps[len(reading.gaps) + blanks :]]


@dataclass
class _Ragged:
    """Rows with more or fewer values than the header: all counted, the first ones named."""

    set_aside: bool
    count: int = 0
    first: list[tuple[int, int]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def skip(self, row: csv.InvalidRow) -> Literal["skip"]:
        self.count += 1
        if len(self.first) < _RAGGED_NAMED:
            self.first.append((row.number or 0, row.actual_columns))
        if len(self.places) < _RAGGED_PLACED:
            self.places.append(row.number or 0)
        return "skip"


class _Columns:
    """The columns as parsed: those with a name, and those whose header is blank, which must be empty."""

    def __init__(self, reading: Reading, header: Sequence[str], file: str) -> None:
        self.reading, self.file, self.width, self.rows = reading, file, len(header), 0
        self._named = [place for place, name in enumerate(header) if name.strip("\0 \t\r\n")]
        self._blank = [place for place in range(self.width) if place not in set(self._named)]
        self.names = [f"\1{place}" for place in range(self.width)]
        first = header[self._named[0]]
        self._odd = pa.array([*_TOTAL_WORDS, first, f"\ufeff{first}"])
        for place, item in zip(self._named, reading.columns, strict=True):
            self.names[place] = item.name

    def unknown(self, batch: pa.RecordBatch, given: int) -> pa.RecordBatch:
        """What of a batch lies behind the rows that were given before."""
        known = min(max(given - self.rows, 0), batch.num_rows)
        self.rows += known
        return batch.slice(known)

    def checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Only the columns with a name. Raises BadInput ``outside.header_blank`` and ``outside.beyond_header``."""
        for place in self._blank:
            column: Any = batch.column(place)
            filled = pc.indices_nonzero(pc.fill_null(pc.not_equal(column, pa.scalar("")), False))
            if len(filled):
                raise self._valued(place, self.reading.clerk_row(self.rows + int(filled[0].as_py()) + 1))
        if self._blank:
            batch = batch.select(self._named)
        self._notice_odd_rows(batch)
        self.rows += batch.num_rows
        return batch

    def _valued(self, place: int, row: int) -> BadInput:
        if place < self._named[-1]:
            return nameless(place, Address(file=self.file, row=self.reading.row_offset or None), row)
        sentence = f"表头只有 {self._named[-1] + 1} 列，这一行在第 {place + 1} 列还有值"
        return BadInput("outside.beyond_header", sentence, Address(file=self.file, row=row))

    def _notice_odd_rows(self, batch: pa.RecordBatch) -> None:
        odd = pc.is_in(batch.column(0), value_set=self._odd)
        if not odd.true_count:
            return
        places: list[Any] = pc.indices_nonzero(odd).to_pylist()
        for place in places:
            where = Address(self.file, row=self.reading.clerk_row(self.rows + place + 1))
            first = str(batch.column(0)[place]).removeprefix("\ufeff").strip()
            if first not in _TOTAL_WORDS:
                row = (first, *(str(column[place].as_py()).strip() for column in batch.columns[1:]))
                if row == tuple(item.name for item in self.reading.columns) and len(row) > 1:
                    self.reading.notice("outside.header_within", HEADER_WITHIN, where)
                continue
            self.reading.notice("outside.totals_within", "这一行看起来是合计或小计，仍作为数据收下", where)


def _parsed(feed: Feed, dialect: Dialect, names: list[str], ragged: _Ragged) -> Iterator[pa.RecordBatch]:
    parser = csv.open_csv(
        cast("IO[bytes]", feed),
        read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
        parse_options=csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            double_quote=bool(dialect.quote),
            escape_char=False,
            newlines_in_values=bool(dialect.quote),
            ignore_empty_lines=len(names) > 1,
            # Arrow hands the row's text over, which must be UTF-8 for that
            invalid_row_handler=None if feed.as_it_stands else ragged.skip,
        ),
        convert_options=csv.ConvertOptions(
            check_utf8=False,  # the feed has looked, and knows the row
            column_types=dict.fromkeys(names, pa.binary() if feed.as_it_stands else pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    with parser:
        for batch in parser:
            if not feed.as_it_stands:
                yield batch
                continue
            texts, lost = decoded_batch(batch)
            feed.lost += lost
            yield texts


def _complete(feed: Feed, columns: _Columns, ragged: _Ragged, reading: Reading, name: str) -> None:
    """Nothing may be missing at the end: the parser's rows against the survey's own count."""
    survey, rows = feed.survey, columns.rows
    above, blank_above = feed.above
    records = survey.records - above
    if columns.width == 1:
        records += survey.blanks - blank_above
    if feed.lost:
        reading.notice(
            "outside.replacement_char",
            f"文件里有 {feed.lost} 个「\ufffd」：这些字在交来之前已经丢失",
            Address(name),
        )
    if ragged.count:
        for number, actual in ragged.first:
            where = Address(file=name, row=reading.clerk_row(number))
            reading.notice("outside.csv_ragged", f"这一行有 {actual} 个值，应有 {columns.width} 个", where)
        reading.noticed += ragged.count - len(ragged.first)
        reading.set_aside = ragged.count
        number, actual = ragged.first[0]
        if not ragged.set_aside or not rows:
            raise BadInput(
                "outside.csv_ragged",
                f"有 {ragged.count} 行的列数与表头不符，第一处有 {actual} 个值，应有 {columns.width} 个",
                Address(file=name, row=reading.clerk_row(number)),
            )
    if rows + ragged.count != records:
        raise BadInput(
            "outside.csv_disagrees",
            f"解析出 {rows + ragged.count} 行，而文件中数出 {records} 行",
            Address(file=name),
        )
    if ragged.count:  # from here on rows are counted without them
        passed = [*reading.gaps, *ragged.places]
        reading.gaps = sorted(place - bisect.bisect_right(ragged.places, place) for place in passed)
    if not rows:
        raise BadInput("outside.header_only", "文件只有表头，没有数据行", Address(file=name))
