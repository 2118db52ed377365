"""Fixed text 定宽文本: columns by their width, as terminals print them: a Chinese character counts two."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from jutong.outside.csv.dialect import Dialect
from jutong.outside.csv.feed import Feed
from jutong.outside.reading import Reading, header_columns
from jutong.terms import Address, BadInput

_ROWS = 10_000


def read_fixed(path: Path, dialect: Dialect, name: str) -> Reading:
    """Values without the blanks that fill them up; a blank value is missing.

    Raises BadInput as ``read_csv`` does, and ``outside.fixed_width`` where a line is longer than the columns or a
    character stands across two of them.
    """
    # Control characters that no text holds: the survey sees neither delimiter nor quote in the lines.
    plain = Dialect(encoding=dialect.encoding, delimiter="\x1f", quote="", header=False, columns=("?",))
    lines = _lines(Feed(path, plain, name))
    offset = 0
    header: Sequence[str | None] = dialect.columns
    if dialect.header:
        for offset, line in lines:
            if line.strip() and offset >= dialect.header_row:
                header = _cut(line, dialect.widths, Address(name, row=offset))
                break
        else:
            raise BadInput("outside.file_empty", "文件里没有任何内容", Address(file=name))
    columns, _ = header_columns(header, Address(file=name, row=offset or None))
    if len(columns) != len(dialect.widths):
        raise BadInput(
            "outside.csv_dialect", f"登记了 {len(dialect.widths)} 个列宽，却有 {len(columns)} 个列名"
        )
    reading = Reading(columns, iter(()), row_offset=offset)
    reading.batches = _batches(lines, dialect, reading, name)
    return reading


def _lines(feed: Feed) -> Iterator[tuple[int, str]]:
    rest, number = b"", 0
    with feed:
        while block := feed.read(1 << 20):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                number += 1
                yield number, line.decode().rstrip("\r")
        if rest:
            yield number + 1, rest.decode().rstrip("\r")


def _batches(
    lines: Iterator[tuple[int, str]], dialect: Dialect, reading: Reading, name: str
) -> Iterator[pa.RecordBatch]:
    rows: list[list[str | None]] = []
    given = 0
    for number, line in lines:
        if not line.strip():
            reading.gaps.append(given)
            continue
        try:
            rows.append(_cut(line, dialect.widths, Address(name, row=number)))
        except BadInput as problem:
            if dialect.wrong_rows == "refuse":
                raise
            reading.notice(problem.code, problem.sentence, problem.address or Address(name))
            reading.set_aside += 1
            reading.gaps.append(given)
            continue
        given += 1
        if len(rows) == _ROWS:
            yield _batch(rows, reading)
            rows = []
    if rows:
        yield _batch(rows, reading)
    if not given:
        raise BadInput("outside.header_only", "文件没有数据行", Address(file=name))


def _batch(rows: Sequence[Sequence[str | None]], reading: Reading) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array(values, pa.string()) for values in zip(*rows, strict=True)], schema=reading.schema
    )


def _cut(line: str, widths: Sequence[int], where: Address) -> list[str | None]:
    values: list[str | None] = []
    place = 0
    for width in widths:
        start, filled = place, 0
        while place < len(line) and filled < width:
            filled += 2 if unicodedata.east_asian_width(line[place]) in "WF" else 1
            place += 1
        if filled > width:
            raise BadInput("outside.fixed_width", "一个字跨在两列之间，列宽与文件不符", where)
        values.append(line[start:place].strip() or None)
    if line[place:].strip():
        raise BadInput("outside.fixed_width", "这一行比登记的列宽之和还长", where)
    return values
