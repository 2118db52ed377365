"""What a run has to send, read from the lake: everything, what changed, or everything beside its row hashes.

Each function is a stream of chunks; but for a first load they come in key order from behind ``after``.  All of them
go through ``view_sql``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from jutong.share.ahead import fetched_ahead
from jutong.share.outgoing import Chunk, Key, Outgoing, beyond_sql, chunks, duckdb_type, tables, view_sql
from jutong.store import Reading, Store
from jutong.terms import ContentHash, combine, quote

_CHANGED = "_jutong_changed"
_THERE = "_jutong_there"
#: With its own 1 MB two DuckDB threads mostly wait for each other: twice the processor time for the same rows.
_BUFFER = "16MB"


class ChangesLost(Exception):
    """The feed no longer reaches back that far: the live table must be differenced instead."""


@contextmanager
def everything_unordered(
    store: Store, outgoing: Outgoing, snapshot: int, *, there: pa.Table | None, size: int,
    subject_key: bytes | None = None,
) -> Iterator[Iterator[Chunk]]:  # fmt: skip
    """All granted rows at one snapshot as the lake hands them out, but for those whose keys are ``there`` already.

    Unsorted, the first rows leave at once and the rest is read while they travel; sorting ten million rows first
    would take as long as sending them.  ``there``: the keys as texts, what an interrupted load has brought.
    """
    with store.reading(snapshot) as lake:
        sql, values = view_sql(
            outgoing, lake.table(outgoing.dataset), subject_key=subject_key, ordered=False, raw=True
        )
        if there is not None:
            lake.register(_THERE, there)
            typed = zip(outgoing.keys, outgoing.key_types, strict=True)
            keys = ", ".join(
                f"CAST({quote(key)} AS {duckdb_type(one)}) AS {quote(key)}" for key, one in typed
            )
            sql = (
                f"SELECT * FROM ({sql}) AS leaving"
                f" ANTI JOIN (SELECT {keys} FROM {_THERE}) AS arrived USING ({_keys(outgoing)})"
            )
        lake.rows(f"SET streaming_buffer_size = '{_BUFFER}'")
        with fetched_ahead(chunks(lake.reader(sql, values), outgoing, size)) as found:
            yield found


@contextmanager
def everything(
    store: Store, outgoing: Outgoing, snapshot: int, *, after: Key | None, size: int,
    subject_key: bytes | None = None, with_row_hash: bool = False,
) -> Iterator[Iterator[Chunk]]:  # fmt: skip
    """All granted rows at one snapshot."""
    with store.reading(snapshot) as lake:
        sql, values = view_sql(
            outgoing,
            lake.table(outgoing.dataset),
            after=after,
            subject_key=subject_key,
            with_row_hash=with_row_hash,
        )
        yield chunks(lake.reader(sql, values), outgoing, size)


@contextmanager
def changed_rows(
    store: Store, outgoing: Outgoing, since: int, until: int, *, after: Key | None, size: int,
    subject_key: bytes | None = None,
) -> Iterator[Iterator[Chunk]]:  # fmt: skip
    """Granted rows that are new in ``(since, until]`` or look different to the receiver.

    A change in an item that is not granted, or that its mask hides, is no change to the receiver.
    """
    with _both_states(store, outgoing, since, until) as (lake, before, now):
        new, values = view_sql(
            outgoing, now, after=after, subject_key=subject_key, with_row_hash=True, ordered=False
        )
        old, old_values = view_sql(outgoing, before, with_row_hash=True, ordered=False)
        keys = _keys(outgoing)
        sql = (
            f"SELECT * EXCLUDE (_h) FROM ({new}) AS fresh"
            f" ANTI JOIN (SELECT {keys}, _h FROM ({old}) AS stale) AS known USING ({keys}, _h) ORDER BY {keys}"
        )
        yield chunks(lake.reader(sql, [*values, *old_values]), outgoing, size)


@contextmanager
def gone_keys(
    store: Store, outgoing: Outgoing, since: int, until: int, *, after: Key | None, size: int
) -> Iterator[Iterator[pa.Table]]:
    """Keys the receiver was given by ``since`` and may no longer hold at ``until``: deleted, or left the filter.

    A row that was never granted is not named here, not even by its key.
    """
    with _both_states(store, outgoing, since, until) as (lake, before, now):
        old, old_values = view_sql(outgoing, before, ordered=False)
        new, new_values = view_sql(outgoing, now, ordered=False)
        keys = _keys(outgoing)
        beyond, more = beyond_sql(outgoing, after) if after is not None else ("true", [])
        sql = (
            f"SELECT {keys} FROM ({old}) AS stale"
            f" ANTI JOIN (SELECT {keys} FROM ({new}) AS fresh) AS kept USING ({keys})"
            f" WHERE {beyond} ORDER BY {keys}"
        )
        yield tables(lake.reader(sql, [*old_values, *new_values, *more]), size)


def content_here(store: Store, outgoing: Outgoing, snapshot: int) -> ContentHash:
    """Content hash of what the grant lets out at a snapshot: what the receiver's table must have."""
    with store.reading(snapshot) as lake:
        sql, values = view_sql(outgoing, lake.table(outgoing.dataset), ordered=False)
        sums = ", ".join(f"sum(_q{place})::DECIMAL(38,0) AS q{place}" for place in range(4))
        row = lake.rows(f"SELECT count(*) AS n, {sums} FROM ({sql}) AS view", values)[0]
    return combine(row["n"], [row[f"q{place}"] for place in range(4)])


@contextmanager
def _both_states(
    store: Store, outgoing: Outgoing, since: int, until: int
) -> Iterator[tuple[Reading, str, str]]:
    """One reading, and the dataset's touched rows as they were at ``since`` and are at ``until``."""
    keys = _keys(outgoing)
    with store.changes(outgoing.dataset, since, until) as feed:
        if feed.full or feed.keys != outgoing.keys:
            raise ChangesLost
        touched = feed.reader(f"SELECT {keys} FROM upserts UNION ALL SELECT {keys} FROM deletes").read_all()
    with store.reading(since) as then:
        before = then.table(outgoing.dataset)
    with store.reading(until) as lake:
        lake.register(_CHANGED, touched)
        narrowed = [
            f"(SELECT * FROM {state} SEMI JOIN {_CHANGED} USING ({keys})) AS touched"
            for state in (before, lake.table(outgoing.dataset))
        ]
        yield lake, narrowed[0], narrowed[1]


def _keys(outgoing: Outgoing) -> str:
    return ", ".join(quote(key) for key in outgoing.keys)
