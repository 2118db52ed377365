"""``jutong gather verify``: is what landed what the source holds?  Row sets are compared, not counts.

A full table's newest batch is held against the table; an incremental table's newest version of each key is.  The source
computes its own side where it can (``fingerprint``); otherwise it is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from jutong.database import Database, named_sql
from jutong.gather.changes import change_dataset, newest_of
from jutong.gather.counting import Engine
from jutong.gather.declaring import BATCH, ROW, SourceTable, find_source, raw_columns, raw_dataset
from jutong.keys import KeyProvider
from jutong.outside import Divisible, Source, default_schema, lsn, open_source
from jutong.store import DatasetSpec, Store
from jutong.store import Reading as LakeReading
from jutong.terms import (
    EMPTY_CONTENT,
    Address,
    ContentHash,
    Item,
    NotFound,
    Zone,
    combine,
    literal,
    quote,
    set_hash_sql,
)

_sql = named_sql(__file__)


@dataclass(frozen=True)
class Verified:
    """``batch``: the newest one that landed."""

    table: str
    batch: str
    here: ContentHash
    there: ContentHash

    @property
    def same(self) -> bool:
        return self.here == self.there


def verify(
    table: SourceTable, *, database: Database, store: Store, keys: KeyProvider | None = None
) -> Verified:
    """Raises NotFound ``gather.nothing_landed``, and what the source raises."""
    with database.connection() as connection:
        source = find_source(connection, table.source_name)
        last = connection.execute(_sql.last_batches, {"tables": [table.name]}).fetchone()
    if last is None:
        raise NotFound("gather.nothing_landed", f"{table.name} 还没有收到过数据，无从核对")
    name = raw_dataset(table.name)
    spec = store.spec(name)
    whole = _stands_on(table, database, store)
    with open_source(source.kind, source.config, source.secret(keys)) as opened:
        text = as_text(opened, table, spec)
        reading = (
            opened.read(table.locator, text=text)
            if isinstance(opened, Divisible)
            else opened.read(table.locator)
        )
        columns = reading.columns
        raw = raw_columns(columns, table.items, Address(table.source_name))
        with store.reading() as view:
            rows = _captured(
                view, table, opened, raw, whole, default_schema(source.kind, source.config)
            ) or _newest(view, table, raw, last["id"])
            found = view.rows(set_hash_sql(rows, [(item.name, item.type) for item in raw], "duckdb"))[0]
        here = combine(found["n"], [found[f"q{place}"] for place in range(4)])
        there = _there(opened, table, raw, text)
    return Verified(table.name, last["id"], here, there)


def as_text(opened: Source, table: SourceTable, spec: DatasetSpec | None) -> frozenset[str]:
    """The source's columns that have been taken as text before, for a value did not fit their type."""
    if spec is None or not isinstance(opened, Divisible):
        return frozenset()
    columns = opened.read(table.locator).columns
    landed = {item.name: item.type for item in spec.items}
    raw = raw_columns(columns, table.items, Address(table.source_name))
    return frozenset(
        column.name
        for column, item in zip(columns, raw, strict=True)
        if item.type in ("date", "timestamp", "integer") and landed.get(item.name) == "text"
    )


def _stands_on(table: SourceTable, database: Database, store: Store) -> tuple[str, int] | None:
    """The snapshot a captured table's changes stand on; None where there are no changes to put on top."""
    if table.mode != "capture":
        return None
    with database.connection() as connection:
        row = connection.execute(_sql.captured, {"table": table.name}).fetchone()
    changed = any(spec.name == change_dataset(table.name) for spec in store.datasets(Zone.RAW))
    return (str(row["batch_id"]), lsn(row["position"])) if row and changed else None


def _captured(
    view: LakeReading,
    table: SourceTable,
    opened: Source,
    raw: Sequence[Item],
    whole: tuple[str, int] | None,
    schema: str,
) -> str | None:
    """A captured table as its snapshot and the changes after it make it."""
    if whole is None:
        return None
    columns = opened.read(table.locator).columns
    wanted = (str(table.locator.get("schema") or schema), str(table.locator.get("table")))
    found = next(
        each for each in opened.find() if (each.locator.get("schema"), each.locator.get("table")) == wanted
    )
    names = {column.name: item.name for column, item in zip(columns, raw, strict=True)}
    keys = [names[key] for key in found.keys]
    return newest_of(view, table.name, [item.name for item in raw], keys, whole)


def _newest(view: LakeReading, table: SourceTable, raw: Sequence[Item], batch: str) -> str:
    """The rows that should equal the source's, as a table for SQL."""
    lake = view.table(raw_dataset(table.name))
    if table.mode != "incremental":
        return f"(SELECT * FROM {lake} WHERE {BATCH} = {literal(batch)}) AS given"
    keys = ", ".join(quote(key) for key in table.keys) or ", ".join(quote(item.name) for item in raw)
    mark = f"{quote(str(table.watermark_item))} DESC NULLS LAST, "
    return (
        f"(SELECT * FROM {lake} QUALIFY row_number() OVER (PARTITION BY {keys}"
        f" ORDER BY {mark}{BATCH} DESC, {ROW} DESC) = 1) AS given"
    )


def _there(opened: Source, table: SourceTable, raw: Sequence[Item], text: frozenset[str]) -> ContentHash:
    if isinstance(opened, Divisible):
        return opened.fingerprint(table.locator, None, text)
    kept = opened.file(table.locator)
    reading = opened.read(table.locator, file=kept) if kept else opened.read(table.locator, since=None)
    typed = [(item.name, item.type) for item in raw]
    total = EMPTY_CONTENT
    with Engine() as engine:
        for batch in reading.batches:
            rows = pa.Table.from_batches([batch]).rename_columns([item.name for item in raw])
            total = total + engine.hash(rows, typed).result()
    return total
