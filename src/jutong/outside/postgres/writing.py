"""Writing PostgreSQL: rows come by COPY into a table of the caller's choosing, in the caller's transaction.

A delivery is ``create_table_sql`` once; then per chunk, between BEGIN and COMMIT of the caller's connection:
``copy_rows`` into a temporary table, ``merge_sql`` into the live one, the caller's own checkpoint.  Afterwards
``content_hash`` here is held against the lake's.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.rows import tuple_row
from pyarrow import csv

from jutong.outside.postgres.reading import conninfo_of
from jutong.terms import Address, BadInput, ContentHash, Item, Unavailable, combine, quote, set_hash_sql

Table = tuple[str, str] | str
"""``(schema, table)``, or a bare name found by search_path (a temporary table)."""

_TYPES = {
    "text": "text",
    "integer": "bigint",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
}
_BATCH = 65_536


def connect_postgres(config: Mapping[str, Any], secret: str | None = None) -> psycopg.Connection[Any]:
    """A connection to a receiver's database, with the same ``config`` as a source's.

    Raises Unavailable ``outside.postgres_unreachable``.
    """
    conninfo = conninfo_of(config, secret)
    try:
        return psycopg.connect(conninfo, options="-c timezone=Asia/Shanghai -c datestyle=ISO")
    except psycopg.OperationalError as problem:
        words = " ".join(str(problem).split())
        words = words.replace(secret, "…") if secret else words
        raise Unavailable("outside.postgres_unreachable", f"接收方数据库连接不上：{words}") from None


def create_table_sql(
    table: Table, items: Sequence[Item], keys: Sequence[str] = (), *, temporary: bool = False
) -> str:
    """CREATE TABLE IF NOT EXISTS for the items; text keys are compared byte by byte, as in the lake.

    A temporary table disappears at the end of the transaction and has no key: it holds a chunk as it comes.
    """
    columns = [_column(item, key=item.name in keys) for item in items]
    if temporary:
        return f"CREATE TEMPORARY TABLE {name_of(table)} ({', '.join(columns)}) ON COMMIT DROP"
    if keys:
        columns.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
    return f"CREATE TABLE IF NOT EXISTS {name_of(table)} ({', '.join(columns)})"


def copy_rows(
    connection: psycopg.Connection[Any], table: Table, rows: pa.RecordBatchReader | Iterable[pa.RecordBatch]
) -> int:
    """COPY Arrow batches into a table, column by name; returns the rows sent.

    NULL and empty stay different.  Raises BadInput ``outside.postgres_nul`` for a text PostgreSQL cannot hold;
    the transaction is then broken and must be rolled back.
    """
    sent = 0
    batches = iter(rows)
    first = next(batches, None)
    if first is None:
        return 0
    columns = ", ".join(quote(name) for name in first.schema.names)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {name_of(table)} ({columns}) FROM STDIN (FORMAT csv)".encode()) as copy,
    ):
        for batch in _each(first, batches):
            for start in range(0, batch.num_rows, _BATCH):
                copy.write(_as_csv(batch.slice(start, _BATCH)))
            sent += batch.num_rows
    return sent


def merge_sql(
    table: Table, source: Table, items: Sequence[str], keys: Sequence[str], *, delete: Table | None = None
) -> list[str]:
    """Statements that make ``table`` hold what the chunk in ``source`` says, deletes first.

    Rows are matched by key; a row that is already equal is left alone (no dead tuple, no trigger);
    ``delete`` names a table of keys to remove.
    """
    target, rows = name_of(table), name_of(source)
    statements = []
    if delete is not None:
        matched = " AND ".join(f"t.{quote(key)} = d.{quote(key)}" for key in keys)
        statements.append(f"DELETE FROM {target} t USING {name_of(delete)} d WHERE {matched}")
    names = ", ".join(map(quote, items))
    others = [quote(item) for item in items if item not in keys]
    insert = f"INSERT INTO {target} AS t ({names}) SELECT {names} FROM {rows}"
    conflict = ", ".join(map(quote, keys))
    if not others:
        return [*statements, f"{insert} ON CONFLICT ({conflict}) DO NOTHING"]
    changes = ", ".join(f"{item} = EXCLUDED.{item}" for item in others)
    differs = f"({', '.join(f't.{item}' for item in others)})"
    given = f"({', '.join(f'EXCLUDED.{item}' for item in others)})"
    return [
        *statements,
        f"{insert} ON CONFLICT ({conflict}) DO UPDATE SET {changes} WHERE {differs} IS DISTINCT FROM {given}",
    ]


def content_hash(
    connection: psycopg.Connection[Any],
    table: Table,
    items: Sequence[Item],
    key: str | None = None,
    between: tuple[str | int | None, str | int | None] = (None, None),
) -> ContentHash:
    """The set hash of a table's rows, or of those whose ``key`` lies in [low, high) (None: unbounded).

    Text keys are compared in binary collation, as in every engine (design §9).
    """
    where, parameters = "true", []
    if key is not None:
        text = next(item.type for item in items if item.name == key) == "text"
        column = quote(key) + (' COLLATE "C"' if text else "")
        for bound, sign in zip(between, (">=", "<"), strict=True):
            if bound is not None:
                where += f" AND {column} {sign} %s"
                parameters.append(bound)
    columns = [(item.name, item.type) for item in items]
    query = set_hash_sql(name_of(table), columns, "postgres", "{where}").replace("%", "%%")
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query.replace("{where}", where).encode(), parameters or None).fetchone()
    assert row is not None
    return combine(row[0], row[1:])


def name_of(table: Table) -> str:
    return quote(table) if isinstance(table, str) else f"{quote(table[0])}.{quote(table[1])}"


def _column(item: Item, *, key: bool) -> str:
    base = _TYPES.get(item.type) or item.type.replace("decimal", "numeric")
    return f"{quote(item.name)} {base}" + (' COLLATE "C"' if key and base == "text" else "")


def _each(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield first
    yield from rest


def _as_csv(batch: pa.RecordBatch) -> memoryview:
    """CSV as COPY reads it: NULL is nothing, an empty text is ``""``."""
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_string(field.type) and pc.any(pc.match_substring(column, "\0")).as_py():
            raise BadInput(
                "outside.postgres_nul", "值里有空字节（NUL），PostgreSQL 存不下", Address(item=field.name)
            )
    sink = io.BytesIO()
    csv.write_csv(batch, sink, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return sink.getbuffer()
