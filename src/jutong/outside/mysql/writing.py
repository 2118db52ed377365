"""Writing the MySQL family: many rows to a statement, in the caller's transaction.

There is no COPY, and LOAD DATA LOCAL asks the server to allow it; so rows travel as VALUES lists, built column by
column.  A text literal needs nothing doubled but its quotes, because ``writing_session`` sets and each writer asks
for NO_BACKSLASH_ESCAPES.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.connections import Connection
from pymysql.constants import SERVER_STATUS

from jutong.outside.mysql.connecting import mysql_name
from jutong.terms import Broken

Types = Mapping[str, str]
"""Item type by column."""

#: Characters to a statement: servers take 16 MB by default, few take less than 4.
_STATEMENT = 1_000_000
#: Strict, so that nothing is cut to fit; no other engine than the one asked for.
_SESSION = (
    "sql_mode = 'NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "lock_wait_timeout = 60",
    "innodb_lock_wait_timeout = 60",
)


def writing_session(connection: Connection[Any]) -> None:
    """Make a connection of ``connect_mysql`` fit for writing: strict, and locking no more than the rows it writes."""
    with connection.cursor() as cursor:
        for setting in _SESSION:
            cursor.execute(f"SET SESSION {setting}")


def insert_rows(connection: Connection[Any], table: str, rows: pa.Table, types: Types) -> None:
    """Put rows into a table; a key that is there already is an IntegrityError."""
    listed = ", ".join(map(mysql_name, rows.column_names))
    for values in value_lists(rows, types):
        _run(connection, f"INSERT INTO {mysql_name(table)} ({listed}) VALUES {values}")


def merge_rows(
    connection: Connection[Any],
    table: str,
    rows: pa.Table,
    types: Types,
    keys: Sequence[str],
    *,
    only_key: bool,
) -> None:
    """Insert or update rows by key; a row that is already as it should be is not written.

    ``only_key``: the table has no other unique index.  ON DUPLICATE KEY would otherwise take a clash in the
    receiver's own index for the same row, so then rows go one by one and the clash is an IntegrityError.
    """
    names = rows.column_names
    others = [name for name in names if name not in keys] or list(keys[:1])
    if only_key:
        listed = ", ".join(map(mysql_name, names))
        sets = ", ".join(f"{mysql_name(name)} = VALUES({mysql_name(name)})" for name in others)
        for values in value_lists(rows, types):
            _run(
                connection,
                f"INSERT INTO {mysql_name(table)} ({listed}) VALUES {values} ON DUPLICATE KEY UPDATE {sets}",
            )
        return
    given = {name: _literals(rows.column(name), types[name]).to_pylist() for name in names}
    matched = [_literals(rows.column(key), types[key], cast=True).to_pylist() for key in keys]
    for place in range(rows.num_rows):
        sets = ", ".join(f"{mysql_name(name)} = {given[name][place]}" for name in others)
        where = " AND ".join(
            f"{mysql_name(key)} = {column[place]}" for key, column in zip(keys, matched, strict=True)
        )
        # The connection counts rows found, not rows changed.
        if not _run(connection, f"UPDATE {mysql_name(table)} SET {sets} WHERE {where}"):
            listed = ", ".join(map(mysql_name, names))
            values = ", ".join(given[name][place] for name in names)
            _run(connection, f"INSERT INTO {mysql_name(table)} ({listed}) VALUES ({values})")


def delete_rows(
    connection: Connection[Any], table: str, gone: pa.Table, types: Types, keys: Sequence[str]
) -> int:
    """Remove rows by key; returns how many were there."""
    deleted = 0
    if len(keys) == 1:
        before, between, after = f"{mysql_name(keys[0])} IN (", ", ", ")"
        conditions = _literals(gone.column(keys[0]), types[keys[0]], cast=True)
    else:  # (a, b) IN (…) is answered from the index by few servers, this by all
        before, between, after = "", " OR ", ""
        parts: list[Any] = []
        for key in keys:
            parts += [
                f"{' AND ' if parts else '('}{mysql_name(key)} = ",
                _literals(gone.column(key), types[key], cast=True),
            ]
        conditions = pc.binary_join_element_wise(*parts, ")", "")
    for block in _blocks(conditions, between):
        deleted += _run(connection, f"DELETE FROM {mysql_name(table)} WHERE {before}{block}{after}")
    return deleted


def value_lists(rows: pa.Table, types: Types) -> Iterator[str]:
    """``(…), (…)`` for a VALUES clause, some of the rows at a time."""
    columns = [_literals(rows.column(name), types[name]) for name in rows.column_names]
    joined = pc.binary_join_element_wise(*columns, ",")
    return _blocks(pc.binary_join_element_wise("(", joined, ")", ""), ",")


def _blocks(parts: Any, between: str) -> Iterator[str]:
    waiting: list[str] = []
    size = 0
    for part in parts.to_pylist():
        if size + len(part) > _STATEMENT and waiting:
            yield between.join(waiting)
            waiting, size = [], 0
        waiting.append(part)
        size += len(part) + len(between)
    if waiting:
        yield between.join(waiting)


def _literals(column: Any, item_type: str, *, cast: bool = False) -> Any:
    """One SQL literal per value; with ``cast`` of the column's own type, so that it can be found by an index.

    Columns hold values of their types, or the canonical texts of the content hash.
    """
    if item_type == "boolean":
        texts = pc.equal(column, pa.scalar("t")) if pa.types.is_string(column.type) else column
        return pc.fill_null(texts.cast(pa.int8()).cast(pa.string()), "NULL")
    texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
    if item_type == "text":
        texts = pc.replace_substring(texts, "'", "''")
    before, after = (
        ("CAST('", f"' AS {_CASTS.get(item_type, item_type)})")
        if cast and item_type != "text"
        else ("'", "'")
    )
    return pc.fill_null(pc.binary_join_element_wise(before, texts, after, ""), "NULL")


_CASTS = {"integer": "SIGNED", "date": "DATE", "timestamp": "DATETIME(6)"}


def _run(connection: Connection[Any], statement: str) -> int:
    status = connection.server_status  # type: ignore[attr-defined]
    if not status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
        raise Broken("outside.mysql_escapes", "接收方会话的 sql_mode 已改变，不能安全地写入")
    with connection.cursor() as cursor:
        return int(cursor.execute(statement))
