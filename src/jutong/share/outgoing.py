"""What leaves: the granted items of the granted rows of one dataset, masked, in key order, cut into chunks.

Everything a delivery reads from the lake goes through ``view_sql``; there is no other way out (law 5).  A chunk
of a difference or an increment is a pure function of (snapshot, items, masks, filter, last key before it, size), so
a run killed at any instant cuts the same chunks again; a first load leaves out what has arrived instead.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from jutong.elements import element_of, masked_sql
from jutong.share.filters import Condition, filter_sql
from jutong.terms import ContentHash, Item, canonical_sql, combine, quote, row_hash

_QUARTERS = ("_q0", "_q1", "_q2", "_q3")
_SUBJECT = "_s"
_ROW_HASH = "_h"
Key = tuple[str, ...]
"""The key of one row as the canonical texts of the content hash; both engines cast them back."""


@dataclass(frozen=True)
class OutItem:
    """One column that leaves: ``mask`` names a profile of its element, or is None."""

    item: Item
    mask: str | None = None

    @property
    def type(self) -> str:
        return "text" if self.mask else self.item.type


@dataclass(frozen=True)
class Outgoing:
    """The shape of what leaves one dataset under one grant.

    ``items`` in the order of the receiver's columns, keys among them, never masked; ``subjects`` are the items
    of the whole dataset that say whose record a row is, delivered or not (design §11, Who saw).
    """

    dataset: str
    keys: tuple[str, ...]
    items: tuple[OutItem, ...]
    row_filter: tuple[Condition, ...]
    all_items: tuple[Item, ...]
    subjects: tuple[str, ...] = ()

    @property
    def columns(self) -> list[tuple[str, str]]:
        """(name, type) as they leave: what the content hash is made over, on both sides."""
        return [(out.item.name, out.type) for out in self.items]

    @property
    def key_types(self) -> list[str]:
        types = dict(self.columns)
        return [types[key] for key in self.keys]

    @property
    def signature(self) -> str:
        """Changes exactly when the same row would leave differently; 32 hexadecimal digits."""
        shape = {
            "dataset": self.dataset,
            "keys": self.keys,
            "items": [(out.item.name, out.type, out.item.element, out.mask) for out in self.items],
            "filter": list(self.row_filter),
        }
        return hashlib.sha256(json.dumps(shape, sort_keys=True, default=str).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Chunk:
    """Rows in key order; ``table`` holds the leaving columns only, ``row_hashes`` one MD5 per row if asked for."""

    table: pa.Table
    last_key: Key
    content: ContentHash
    subjects: bytes
    row_hashes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    def take(self, places: Sequence[int]) -> Chunk:
        """Only these rows, with the content hash of just them; needs the row hashes."""
        total = sum(int(self.row_hashes[place], 16) for place in places) % (1 << 128)
        return Chunk(
            table=self.table.take(pa.array(places, pa.int64())),
            last_key=self.last_key,
            content=ContentHash(len(places), f"{total:032x}"),
            subjects=self.subjects if places else b"",
            row_hashes=tuple(self.row_hashes[place] for place in places),
        )


def view_sql(
    outgoing: Outgoing,
    source: str,
    *,
    after: Key | None = None,
    subject_key: bytes | None = None,
    with_row_hash: bool = False,
    ordered: bool = True,
    raw: bool = False,
) -> tuple[str, list[Any]]:
    """The SELECT (DuckDB, ``?`` parameters) of what leaves ``source``, in key order.

    Beside the leaving columns stand the four quarters of the row's hash and, with ``subject_key``, one keyed
    hash per subject item; ``chunks`` takes them off again.  ``raw`` leaves the quarters as the bytes lie in the
    digest, which ``chunks`` turns round: reading them out of hexadecimal text costs as much as hashing.
    """
    items = {item.name: item for item in outgoing.all_items}
    condition, values = filter_sql(outgoing.row_filter, items)
    parameters: list[Any] = list(values)
    leaving = [f"{leaving_sql(out)} AS {quote(out.item.name)}" for out in outgoing.items]
    if subject_key is not None:
        secret = subject_key.hex()
        for place, name in enumerate(outgoing.subjects):
            leaving.append(f"{_subject_hash(name, secret)} AS {quote(f'{_SUBJECT}{place}')}")
    beyond = "true"
    if after is not None:
        beyond, more = beyond_sql(outgoing, after)
        parameters += more
    digest = row_hash(outgoing.columns, "duckdb")
    if raw:
        digest = f"md5_number({canonical_sql(outgoing.columns, 'duckdb')})"
    quarters = [
        f"CAST(({_ROW_HASH} >> {32 * place}) & 4294967295::UHUGEINT AS UINTEGER) AS {name}"
        if raw
        else f"CAST('0x' || substr({_ROW_HASH}, {8 * place + 1}, 8) AS BIGINT) AS {name}"
        for place, name in enumerate(_QUARTERS)
    ]
    hidden = "" if with_row_hash else f" EXCLUDE ({_ROW_HASH})"
    keys = ", ".join(quote(key) for key in outgoing.keys)
    sql = (
        f"SELECT *{hidden}, {', '.join(quarters)} FROM ("
        f"SELECT *, {digest} AS {_ROW_HASH} FROM ("
        f"SELECT {', '.join(leaving)} FROM (SELECT * FROM {source} WHERE {condition}) AS given"
        f") AS leaving WHERE {beyond}) AS hashed"
    )
    return (f"{sql} ORDER BY {keys}" if ordered else sql), parameters


def beyond_sql(outgoing: Outgoing, after: Key) -> tuple[str, list[Any]]:
    """The condition ``key > after`` with its parameters; texts compare by bytes, as in the receiver."""
    columns = ", ".join(quote(key) for key in outgoing.keys)
    marks = ", ".join(f"CAST(? AS {duckdb_type(item_type)})" for item_type in outgoing.key_types)
    if len(outgoing.keys) == 1:
        return f"{columns} > {marks}", list(after)
    return f"({columns}) > ({marks})", list(after)


def chunks(batches: Iterable[pa.RecordBatch], outgoing: Outgoing, size: int) -> Iterator[Chunk]:
    """Cut what ``view_sql`` reads into chunks of ``size`` rows, the last one smaller."""
    for table in tables(batches, size):
        yield _chunk(table, outgoing)


def tables(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.Table]:
    """Record batches of any size as tables of ``size`` rows, the last one smaller; none is empty."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= size:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, size)
            waiting = table.slice(size).to_batches()
            rows -= size
    if rows:
        yield pa.Table.from_batches(waiting)


def key_of(table: pa.Table, keys: Sequence[str], row: int) -> Key:
    """The key of one row as texts that both engines read back."""
    return tuple(_key_text(table.column(key)[row].as_py()) for key in keys)


def duckdb_type(item_type: str) -> str:
    return {
        "text": "VARCHAR",
        "integer": "BIGINT",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "boolean": "BOOLEAN",
    }.get(item_type, item_type.upper())


def subject_hasher(secret: bytes) -> Callable[[str], bytes]:
    """The Python twin of the SQL below: 8 bytes for one subject."""
    begun = hashlib.sha256(f"{secret.hex()}:".encode())

    def hashed(subject: str) -> bytes:
        digest = begun.copy()
        digest.update(subject.encode())
        return digest.digest()[:8]

    return hashed


def _subject_hash(name: str, secret: str) -> str:
    # A keyed hash with the secret in front: its output is cut to 8 of 32 bytes, so nothing can be appended.
    digest = f"sha256('{secret}:' || CAST({quote(name)} AS VARCHAR))"
    return f"CAST('0x' || substr({digest}, 1, 16) AS UBIGINT)"


def leaving_sql(out: OutItem) -> str:
    """The item as it may leave, as DuckDB SQL over the dataset's row: the one definition for every way out."""
    column = quote(out.item.name)
    if out.mask is None:
        return column
    element = element_of(out.item.element, out.item.type)
    if element.type == out.item.type:
        return masked_sql(element, out.mask, column)
    return masked_sql("text", out.mask, f"CAST({column} AS VARCHAR)")


def content_of(table: pa.Table) -> ContentHash:
    """Content hash of the rows, from the quarters ``view_sql`` set beside them."""
    return combine(table.num_rows, [_summed(table.column(name)) for name in _QUARTERS])


def subjects_of(table: pa.Table, outgoing: Outgoing) -> bytes:
    """The subjects' keyed hashes ``view_sql`` set beside the rows, sorted, each once, one after another."""
    names = {name for name, _ in outgoing.columns}
    found = [name for name in table.column_names if name.startswith(_SUBJECT) and name not in names]
    found = [name for name in found if name.removeprefix(_SUBJECT).isdigit()]
    if not found:
        return b""
    numbers = [table.column(name).drop_null().to_numpy() for name in found]
    return _sorted_once(np.concatenate(numbers)).astype(">u8").tobytes()


def merged_subjects(parts: Iterable[bytes]) -> bytes:
    """Several of them as one."""
    numbers = np.frombuffer(b"".join(parts), ">u8").astype(np.uint64)
    return _sorted_once(numbers).astype(">u8").tobytes()


def beside(outgoing: Outgoing, *, subjects: bool) -> list[str]:
    """The columns ``view_sql`` sets beside the leaving ones, for whoever wraps it."""
    return [*(f"{_SUBJECT}{place}" for place, _ in enumerate(outgoing.subjects) if subjects), *_QUARTERS]


def _chunk(table: pa.Table, outgoing: Outgoing) -> Chunk:
    names = [name for name, _ in outgoing.columns]
    hashed = _ROW_HASH in table.column_names
    hashes = tuple(map(str, table.column(_ROW_HASH).to_pylist())) if hashed else ()
    return Chunk(
        table=table.select(names),
        last_key=key_of(table, outgoing.keys, table.num_rows - 1),
        content=content_of(table),
        subjects=subjects_of(table, outgoing),
        row_hashes=hashes,
    )


def _summed(quarter: Any) -> int:
    numbers = quarter.to_numpy()
    if pa.types.is_uint32(quarter.type):  # raw
        numbers = numbers.byteswap()
    return int(np.sum(numbers, dtype=np.int64))


def _sorted_once(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What ``np.unique`` gives; sorting in place is three times as fast as its hashing."""
    numbers.sort()
    fresh = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=fresh[1:])
    return numbers[fresh]


def _key_text(value: object) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
