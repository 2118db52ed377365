"""The exam every kind of database source must pass; it ships with us, so that a connector made elsewhere can sit it.

A connector's test says how a table is made in its system (``Bench``); ``examine`` asks the questions and returns the
sentences of what went wrong, none when all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jutong.outside.ranges import Part
from jutong.outside.reading import Divisible, Since, Source
from jutong.terms import EMPTY_CONTENT, BadInput, ContentHash, content_hash

#: Rows of the exam's table: more than one batch of any connector.
ROWS = 30_000


@dataclass(frozen=True)
class Bench:
    """``make(rows)`` creates the table ``exam`` (id whole number and primary key, name text, note text, rank whole
    number), fills it, and may be called once; ``open`` opens the source."""

    make: Callable[[list[tuple[int, str, str | None, int]]], None]
    open: Callable[[], Source]


def examine(bench: Bench) -> list[str]:
    """What a connector does wrong, in sentences."""
    rows = list(_rows())
    bench.make(rows)
    questions = (_finds, _gives_all, _says_so, _watermark, _divides, _fingerprints)
    wrong = []
    for question in questions:
        with bench.open() as source:
            wrong += [f"{question.__name__[1:]}: {sentence}" for sentence in question(source, rows)]
    return wrong


_AT = {"table": "exam"}
Row = tuple[int, str, str | None, int]


def _rows() -> Iterator[Row]:
    """Values that tell careless connectors apart: quotes, newlines, empty beside missing, codes that look like numbers."""
    names = ("邵阳", "007", "", "a'b\"c", "x\ny\tz", "\\N", "NULL", "😀", " trailing ", "-0.10")
    for number in range(ROWS):
        yield number + 1, names[number % len(names)], None if number % 3 else names[number % 7], number // 100


def _finds(source: Source, _: list[Row]) -> Iterator[str]:
    found = [each for each in source.find() if dict(each.locator).get("table") == "exam"]
    if len(found) != 1:
        yield f"the table is found {len(found)} times"
    elif [column.name for column in found[0].columns] != ["id", "name", "note", "rank"]:
        yield f"its columns are told as {[column.name for column in found[0].columns]}"


def _gives_all(source: Source, rows: list[Row]) -> Iterator[str]:
    if sorted(_read(source)) != sorted(rows, key=lambda row: row[0]):
        yield "what is read is not what was written"


def _says_so(source: Source, _: list[Row]) -> Iterator[str]:
    for locator, since, code in (
        ({"table": "no_such_table"}, None, "outside.table_missing"),
        (_AT, Since("no_such_item", None), "outside.watermark_missing"),
    ):
        try:
            source.read(locator, since=since)
        except BadInput as problem:
            if problem.code != code:
                yield f"{code} is told as {problem.code}"
        else:
            yield f"{code} is not told"
    if len(_read(source)) != ROWS:
        yield "after a refusal the source does not answer as before"


def _watermark(source: Source, rows: list[Row]) -> Iterator[str]:
    reading = source.read(_AT, since=Since("rank", None, ("id",)))
    if sum(batch.num_rows for batch in reading.batches) != ROWS:
        yield "the first increment is not the whole table"
    top = rows[-1][3]
    if reading.watermark != str(top):
        yield f"the watermark is {reading.watermark}, not {top}"
    reading = source.read(_AT, since=Since("rank", str(top - 1), ("id",)))
    got = {row["id"] for batch in reading.batches for row in batch.to_pylist()}
    if got != {row[0] for row in rows if row[3] >= top - 1}:
        yield "an increment does not begin with the rows at the watermark itself"


def _divides(source: Source, rows: list[Row]) -> Iterator[str]:
    if not isinstance(source, Divisible):
        return
    cut = [Part(("id",), None, (ROWS // 2,)), Part(("id",), (ROWS // 2,), None)]
    for plan in (source.parts(_AT), cut):
        if plan and sorted(row for part in plan for row in _read(source, part)) != sorted(
            rows, key=lambda r: r[0]
        ):
            yield f"the parts {plan} together are not the table"


def _fingerprints(source: Source, rows: list[Row]) -> Iterator[str]:
    if not isinstance(source, Divisible):
        return
    here = content_hash(rows, ("integer", "text", "text", "integer"))
    if source.fingerprint(_AT) != here:
        yield "the table's fingerprint there is not its content hash here"
    parts: ContentHash = sum((source.fingerprint(_AT, part) for part in source.parts(_AT)), EMPTY_CONTENT)
    if parts not in (here, EMPTY_CONTENT):
        yield "the fingerprints of the parts do not add up"


def _read(source: Source, part: Part | None = None) -> list[Any]:
    how: dict[str, Any] = {} if part is None else {"part": part}
    return [tuple(row.values()) for batch in source.read(_AT, **how).batches for row in batch.to_pylist()]
