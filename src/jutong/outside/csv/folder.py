"""A folder of CSV files as a source; every value stays text (law 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import pyarrow as pa
from pyarrow import csv

from jutong.outside.csv.dialect import Dialect
from jutong.outside.csv.feed import Feed
from jutong.outside.csv.survey import MAX_RECORD
from jutong.outside.reading import Found, Reading, Since, file_in, header_columns
from jutong.terms import Address, BadInput, JutongError

_BLOCK = 2 * MAX_RECORD
#: Ragged rows named one by one before the rest are only counted.
_RAGGED_NAMED = 20


class CsvFolder:
    """``config``: ``folder`` and the dialect of its files; a ``locator``: ``file`` and what differs."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._folder = str(config.get("folder", ""))
        if not Path(self._folder).is_dir():
            raise BadInput("outside.folder_missing", "数据源登记的目录不存在", Address(file=self._folder))

    def find(self) -> list[Found]:
        found = []
        for path in sorted(Path(self._folder).rglob("*.csv")):
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
        dialect = Dialect.of(self._config, locator)
        return read_csv(file or self.file(locator), dialect, str(locator["file"]))

    def close(self) -> None:
        """Nothing is held open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def read_csv(path: Path, dialect: Dialect, name: str) -> Reading:
    """A file's rows as text, in bounded memory; ``name`` is what the clerk calls it.

    Unquoted empty is missing, ``""`` is empty.  Raises BadInput with the row: ``outside.file_empty``,
    ``header_only``, ``csv_encoding``, ``csv_ragged``, ``csv_quote``, ``csv_quote_open``, ``csv_nul``,
    ``csv_line_too_long``, ``header_blank``, ``header_duplicate``; the ones about rows while being consumed.
    """
    feed = Feed(path, dialect, name)
    try:
        header, offset = feed.header()
    finally:
        feed.close()
    columns = header_columns(header, Address(file=name, row=offset or None))
    reading = Reading(columns, iter(()), row_offset=offset)
    reading.batches = _batches(path, dialect, name, reading)
    return reading


def _batches(path: Path, dialect: Dialect, name: str, reading: Reading) -> Iterator[pa.RecordBatch]:
    feed = Feed(path, dialect, name)
    try:
        feed.header()
        if feed.exhausted:
            raise BadInput("outside.header_only", "文件只有表头，没有数据行", Address(file=name))
        ragged = _Ragged()
        rows = 0
        for batch in _parsed(feed, dialect, reading, ragged):
            rows += batch.num_rows
            if not ragged.count:
                yield batch
        _complete(feed, rows, ragged, reading, name)
    except (pa.ArrowException, OSError) as problem:
        if feed.problem:
            raise feed.problem from None
        raise BadInput("outside.csv_unreadable", f"文件无法解析：{problem}", Address(file=name)) from None
    except JutongError:
        raise
    finally:
        feed.close()


@dataclass
class _Ragged:
    """Rows with more or fewer values than the header: all counted, the first ones named."""

    count: int = 0
    first: list[tuple[int, int]] = field(default_factory=list)

    def skip(self, row: csv.InvalidRow) -> Literal["skip"]:
        self.count += 1
        if len(self.first) < _RAGGED_NAMED:
            self.first.append((row.number or 0, row.actual_columns))
        return "skip"


def _parsed(feed: Feed, dialect: Dialect, reading: Reading, ragged: _Ragged) -> Iterator[pa.RecordBatch]:
    names = [column.name for column in reading.columns]
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
            invalid_row_handler=ragged.skip,
        ),
        convert_options=csv.ConvertOptions(
            check_utf8=False,  # the feed has looked, and knows the row
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    with parser:
        yield from parser


def _complete(feed: Feed, rows: int, ragged: _Ragged, reading: Reading, name: str) -> None:
    """Nothing may be missing at the end: the parser's rows against the survey's own count."""
    survey, width = feed.survey, len(reading.columns)
    records = survey.records - (1 if reading.row_offset else 0)
    if width == 1:
        records += survey.blanks - max(reading.row_offset - 1, 0)
    if ragged.count:
        for number, actual in ragged.first:
            where = Address(file=name, row=reading.row_offset + number)
            reading.notice("outside.csv_ragged", f"这一行有 {actual} 个值，应有 {width} 个", where)
        number, actual = ragged.first[0]
        raise BadInput(
            "outside.csv_ragged",
            f"有 {ragged.count} 行的列数与表头不符，第一处有 {actual} 个值，应有 {width} 个",
            Address(file=name, row=reading.row_offset + number),
        )
    if rows != records:
        raise BadInput(
            "outside.csv_disagrees", f"解析出 {rows} 行，而文件中数出 {records} 行", Address(file=name)
        )
    if not rows:
        raise BadInput("outside.header_only", "文件只有表头，没有数据行", Address(file=name))
