"""Records with named values (JSON objects, XML elements) as a table; the whole file decides the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from jutong.outside.reading import Reading, header_columns
from jutong.terms import Address, BadInput

_ROWS = 10_000

#: A record with its number from 1, or what is wrong with it.
Numbered = tuple[int, dict[str, str | None] | BadInput]


def read_records(
    records: Callable[[], Iterator[Numbered]], name: str, declared: Mapping[str, Any]
) -> Reading:
    """``records`` is called twice: once for the names, in the order in which they come first, once for the values.

    A record that is wrong refuses the file or, with ``wrong_rows`` set aside, becomes a notice.
    Raises BadInput ``outside.header_only`` where there is no record.
    """
    names: dict[str, None] = {}
    for _, record in records():
        if not isinstance(record, BadInput):
            names.update(dict.fromkeys(record))
    if not names:
        first = next((record for _, record in records() if isinstance(record, BadInput)), None)
        raise first or BadInput("outside.header_only", "文件里没有数据行", Address(file=name))
    columns, _ = header_columns(list(names), Address(file=name))
    reading = Reading(
        columns, iter(()), manner={k: v for k, v in declared.items() if k in ("rows", "row", "wrong_rows")}
    )
    reading.batches = _batches(
        records(), list(names), reading, set_aside=declared.get("wrong_rows") == "set_aside"
    )
    return reading


def _batches(
    records: Iterator[Numbered], names: list[str], reading: Reading, *, set_aside: bool
) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, str | None]] = []
    given, last = 0, 0
    for number, record in records:
        if isinstance(record, BadInput):
            if not set_aside:
                raise record
            reading.notice(record.code, record.sentence, record.address or Address())
            reading.set_aside += 1
            continue
        reading.gaps += [given] * (number - last - 1)
        given, last = given + 1, number
        rows.append(record)
        if len(rows) == _ROWS:
            yield _batch(rows, names, reading)
            rows = []
    if rows:
        yield _batch(rows, names, reading)


def _batch(rows: list[dict[str, str | None]], names: list[str], reading: Reading) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array([row.get(name) for row in rows], pa.string()) for name in names], schema=reading.schema
    )
