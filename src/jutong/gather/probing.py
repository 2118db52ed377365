"""Probing a source (``jutong source test``): can it be reached, is every declared table there, do its columns fit. Nothing is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jutong.gather.capturing import capture_standing
from jutong.gather.declaring import Source, SourceTable, raw_columns
from jutong.gather.profiling import may_be_watermark
from jutong.gather.receipts import problem_row
from jutong.keys import KeyProvider
from jutong.outside import Divisible, Found, open_source
from jutong.outside import Source as OpenedSource
from jutong.terms import Address, JutongError


@dataclass(frozen=True)
class ProbedTable:
    """``problem`` is None when the table can be taken; ``rows`` are the first few, as they would land."""

    table: str
    columns: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    problem: Mapping[str, Any] | None = None
    #: Of a database: how many rows there are, its primary key, and columns that may serve as watermark.
    count: int | None = None
    keys: tuple[str, ...] = ()
    watermarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probed:
    """``problem`` is set when the source itself cannot be reached; ``found`` is all it offers."""

    ok: bool
    tables: tuple[ProbedTable, ...] = ()
    found: tuple[Found, ...] = ()
    problem: Mapping[str, Any] | None = None
    #: Of a source with captured tables: what it lacks for that, and how much of its log it keeps for us.
    lacks: tuple[str, ...] = ()
    log_kept: int | None = None


def probe_source(
    source: Source, tables: Sequence[SourceTable], keys: KeyProvider | None = None, rows: int = 5
) -> Probed:
    """Reach the source and read the first rows of each table. Never raises JutongError: the answer says it."""
    try:
        with open_source(source.kind, source.config, source.secret(keys)) as opened:
            found = tuple(opened.find())
            probed = tuple(_probed(opened, table, rows, found) for table in tables)
        lacks, kept = capture_standing(source, tables, keys)
    except JutongError as problem:
        return Probed(ok=False, problem=problem_row(problem))
    ok = not lacks and all(each.problem is None for each in probed)
    return Probed(ok, probed, found, None, tuple(lacks), kept)


def _probed(opened: OpenedSource, table: SourceTable, rows: int, found: Sequence[Found]) -> ProbedTable:
    columns: tuple[str, ...] = ()
    try:
        reading = opened.read(table.locator)
        address = Address(str(table.locator.get("file", table.source_name)))
        columns = tuple(item.name for item in raw_columns(reading.columns, table.items, address))
        first = next(reading.batches, None)
        count = opened.count(table.locator) if isinstance(opened, Divisible) else None
        shown = [] if first is None else first.slice(0, rows).rename_columns(list(columns)).to_pylist()
    except JutongError as problem:
        return ProbedTable(table.name, columns, problem=problem_row(problem))
    there = str(table.locator.get("table"))
    keys = next((each.keys for each in found if str(each.locator.get("table")) == there), ())
    watermarks = tuple(item.name for item in reading.columns if may_be_watermark(item))
    return ProbedTable(table.name, columns, tuple(shown), None, count, keys, watermarks)
