"""The receiver's side of a delivery: a consumer's PostgreSQL, its control table and its rows.

Law 4 lives here: a chunk's rows and the checkpoint that says they have arrived commit in one transaction, and
the checkpoint moves n → n + 1 only while it still stands at n.  All methods run inside the transaction the
caller has opened with ``transaction()``.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn, Self

import psycopg
import pyarrow as pa
from psycopg import errors
from psycopg.rows import dict_row, tuple_row
from pyarrow import csv

from jutong.outside import connect_postgres, copy_rows, merge_sql
from jutong.share.outgoing import Key, Outgoing, OutItem
from jutong.terms import (
    BadInput,
    Broken,
    Conflict,
    ContentHash,
    Unavailable,
    combine,
    field_text,
    quote,
    row_hash,
)

CONTROL_TABLE = "jutong_delivery"
_ROWS, _GONE = "jutong_chunk_rows", "jutong_chunk_gone"
_QUARTERS = ", ".join(
    f"sum(('x' || substr(h, {8 * place + 1}, 8))::bit(32)::bigint & 4294967295) AS q{place}"
    for place in range(4)
)
#: From this server version on a hexadecimal text is read as a number.
_SUMS_HEXADECIMAL = 160_000
_LOCK_TIMEOUT = "2s"
_SWAP_TRIES = 30

_CONTROL = """
CREATE TABLE IF NOT EXISTS {table} (
    delivery       text PRIMARY KEY,
    table_name     text NOT NULL,
    signature      text NOT NULL,
    columns        text[] NOT NULL,
    snapshot       bigint,
    run            text NOT NULL DEFAULT '',
    kind           text NOT NULL DEFAULT '',
    from_snapshot  bigint,
    to_snapshot    bigint,
    phase          text NOT NULL DEFAULT 'idle',
    chunk          bigint NOT NULL DEFAULT 0,
    last_key       text,
    attempt        text NOT NULL DEFAULT '',
    upserted       bigint NOT NULL DEFAULT 0,
    deleted        bigint NOT NULL DEFAULT 0,
    upserted_total bigint NOT NULL DEFAULT 0,
    deleted_total  bigint NOT NULL DEFAULT 0,
    changed_at     timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Checkpoint:
    """One row of the receiver's control table: how far a delivery has come, as the receiver itself knows it."""

    delivery: str
    table_name: str
    #: Outgoing.signature of what the live table holds, or of what the running full load will make it hold.
    signature: str
    #: The columns that are ours in it; any other column of the table is the receiver's own.
    columns: tuple[str, ...]
    #: Lake snapshot the live table stands at; None until the first load is swapped in.
    snapshot: int | None = None
    #: The run under way, or the last one.
    run: str = ""
    #: full, incremental or difference.
    kind: str = ""
    from_snapshot: int | None = None
    to_snapshot: int | None = None
    #: idle, load, swapped, delete, upsert or compare.
    phase: str = "idle"
    #: Chunks of the run that are committed.
    chunk: int = 0
    #: Last key the phase has dealt with.
    last_key: Key | None = None
    #: The attempt that committed the last chunk: what the ledger is told (see metering).
    attempt: str = ""
    #: Rows the run has written and removed, then since the delivery began.
    upserted: int = 0
    deleted: int = 0
    upserted_total: int = 0
    deleted_total: int = 0

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {field.name: row[field.name] for field in fields(cls)}
        if values["last_key"] is not None:
            values["last_key"] = tuple(json.loads(values["last_key"]))
        return cls(**{**values, "columns": tuple(values["columns"])})

    def to_row(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.last_key is not None:
            values["last_key"] = json.dumps(self.last_key, ensure_ascii=False)
        return {**values, "columns": list(self.columns)}


class Receiver:
    """An open connection to a consumer's database; close it, or use it as a context manager."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]], schema: str) -> None:
        self._connection = connection
        self._schema = schema

    @classmethod
    def open(cls, receiver: Mapping[str, Any], password: str | None) -> Self:
        """Raises Unavailable ``outside.postgres_unreachable`` with the server's words, never the password."""
        config = {name: value for name, value in receiver.items() if name != "schema"}
        connection = connect_postgres(config, password)
        connection.row_factory = dict_row
        return cls(connection, str(receiver.get("schema") or "public"))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; a database error becomes an error of ours and nothing has happened."""
        try:
            with self._connection.transaction():
                yield
        except errors.LockNotAvailable:
            raise  # swap_in gives way and comes again
        except (errors.DataError, errors.IntegrityError) as problem:
            raise BadInput(
                "share.row_not_storable", f"接收库不能存放这批数据：{_words(problem)}"
            ) from problem
        except psycopg.OperationalError as problem:
            raise Unavailable(
                "share.receiver_unreachable", f"接收方数据库中断：{_words(problem)}"
            ) from problem
        except psycopg.Error as problem:
            raise Conflict("share.receiver_refused", f"接收方数据库拒绝执行：{_words(problem)}") from problem

    def wait_at_most(self, patience: str) -> None:
        self._run(f"SET LOCAL lock_timeout = '{patience}'")

    # -- the checkpoint

    def prepare(self) -> None:
        """Make the control table if it is not there.  Two first deliveries at once make it once."""
        self._run("SELECT pg_advisory_xact_lock(hashtext('jutong_delivery'))")
        self._run(_CONTROL.format(table=self._name(CONTROL_TABLE)))

    def checkpoint(self, delivery: str, *, lock: bool = False) -> Checkpoint | None:
        """With ``lock`` the row is held FOR UPDATE: a killed run whose commit is still in flight is waited for."""
        row = self._run(
            f"SELECT * FROM {self._name(CONTROL_TABLE)} WHERE delivery = %s{' FOR UPDATE' if lock else ''}",
            (delivery,),
        ).fetchone()
        return Checkpoint.from_row(row) if row else None

    def begin(self, checkpoint: Checkpoint, before: Checkpoint | None) -> None:
        """Put a new run's checkpoint in the place of ``before``; raises Conflict if that one has moved."""
        if before is not None:
            self._replace(before, checkpoint)
            return
        names = list(checkpoint.to_row())
        inserted = self._run(
            f"INSERT INTO {self._name(CONTROL_TABLE)} ({', '.join(map(quote, names))})"
            f" VALUES ({', '.join(f'%({name})s' for name in names)}) ON CONFLICT DO NOTHING",
            checkpoint.to_row(),
        ).rowcount
        if inserted != 1:
            raise _moved(checkpoint.delivery)

    def hold(self, checkpoint: Checkpoint) -> None:
        """Lock the checkpoint row and make sure it stands where we think it does."""
        found = self.checkpoint(checkpoint.delivery, lock=True)
        if found != checkpoint:
            raise _moved(checkpoint.delivery)

    def move(self, before: Checkpoint, **changes: Any) -> Checkpoint:
        """Compare and set; the chunk number is what is compared."""
        after = replace(before, **changes)
        self._replace(before, after)
        return after

    def _replace(self, before: Checkpoint, after: Checkpoint) -> None:
        sets = ", ".join(f"{quote(name)} = %({name})s" for name in after.to_row() if name != "delivery")
        moved = self._run(
            f"UPDATE {self._name(CONTROL_TABLE)} SET {sets}, changed_at = clock_timestamp()"
            " WHERE delivery = %(delivery)s AND run = %(was_run)s AND chunk = %(was_chunk)s"
            " AND phase = %(was_phase)s",
            {**after.to_row(), "was_run": before.run, "was_chunk": before.chunk, "was_phase": before.phase},
        ).rowcount
        if moved != 1:
            raise _moved(before.delivery)

    # -- tables

    def exists(self, table: str) -> bool:
        row = self._run("SELECT to_regclass(%s) IS NOT NULL AS found", (self._name(table),)).fetchone()
        return bool(row and row["found"])

    def create(self, table: str, outgoing: Outgoing, comment: str) -> None:
        """A table of our own, its key texts in the binary collation, every item with its Chinese name."""
        self.drop(table)
        columns = [self._column(out, key=out.item.name in outgoing.keys) for out in outgoing.items]
        name = self._name(table)
        self._run(f"CREATE TABLE {name} ({', '.join(columns)})")
        self._run(f"COMMENT ON TABLE {name} IS {_text(comment)}")
        for out in outgoing.items:
            self._run(f"COMMENT ON COLUMN {name}.{quote(out.item.name)} IS {_text(out.item.label)}")

    def drop(self, table: str) -> None:
        self._run(f"DROP TABLE IF EXISTS {self._name(table)}")

    def add_key(self, table: str, keys: Sequence[str], index: str) -> None:
        self._run(
            f"ALTER TABLE {self._name(table)} ADD CONSTRAINT {quote(index)}"
            f" PRIMARY KEY ({', '.join(map(quote, keys))})"
        )

    def rename(self, table: str, to: str) -> None:
        self._run(f"ALTER TABLE {self._name(table)} RENAME TO {quote(to)}")

    def reshape(self, table: str, outgoing: Outgoing) -> None:
        """Bring the live table to the columns that may leave now: new ones added, lost ones emptied.

        The receiver's own columns stay; a column whose type changed cannot be kept in place: Conflict.
        """
        found = self._columns(table)
        for out in outgoing.items:
            name, given = out.item.name, postgres_type(out.type)
            if name not in found:
                self._run(f"ALTER TABLE {self._name(table)} ADD COLUMN {self._column(out, key=False)}")
            elif found[name] != given:
                raise Conflict(
                    "share.receiver_type",
                    f"接收表的列「{name}」是 {found[name]}，现在应为 {given}：请另建交换",
                )

    def empty_column(self, table: str, column: str) -> None:
        """What may no longer be held is taken back (第27条)."""
        if column in self._columns(table):
            name = quote(column)
            self._run(f"UPDATE {self._name(table)} SET {name} = NULL WHERE {name} IS NOT NULL")

    # -- rows

    def load(self, table: str, rows: pa.Table) -> None:
        """COPY rows into a table nobody reads yet."""
        copy_rows(self._connection, (self._schema, table), rows.to_batches())

    def keys_there(self, table: str, outgoing: Outgoing) -> pa.Table:
        """The keys of every row as texts: what an interrupted load has brought."""
        types = zip(outgoing.keys, outgoing.key_types, strict=True)
        listed = ", ".join(field_text(key, item_type, "postgres") for key, item_type in types)
        sink = io.BytesIO()
        copying = f"COPY (SELECT {listed} FROM {self._name(table)}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
        with self._connection.cursor() as cursor, cursor.copy(copying.encode()) as copy:
            for block in copy:
                sink.write(block)
        names, text = list(outgoing.keys), pa.string()
        if not sink.tell():
            return pa.table({name: pa.array([], text) for name in names})
        sink.seek(0)
        return csv.read_csv(
            sink,
            csv.ReadOptions(column_names=names),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(names, text), strings_can_be_null=False),
        )

    def merge(self, table: str, keys: Sequence[str], upserts: pa.Table, deletes: pa.Table) -> int:
        """Remove the keys of ``deletes``, insert or update ``upserts`` by key; returns how many were removed.

        Rows that are already as they should be are left alone: no dead tuple, no trigger of the receiver's.
        """
        self._stage(_GONE, table, deletes)
        self._stage(_ROWS, table, upserts)
        delete, write = merge_sql((self._schema, table), _ROWS, upserts.column_names, keys, delete=_GONE)
        deleted = self._run(delete).rowcount if deletes.num_rows else 0
        if upserts.num_rows:
            self._run(write)
        return deleted

    # -- comparing

    def content(
        self, table: str, outgoing: Outgoing, after: Key | None = None, upto: Key | None = None
    ) -> ContentHash:
        """Content hash of the live table's granted columns, of one key range or the whole."""
        where, values = self._range(outgoing, after, upto)
        hashed, source = row_hash(outgoing.columns, "postgres"), f"{self._name(table)} WHERE {where}"
        if self._connection.info.server_version >= _SUMS_HEXADECIMAL:  # and several workers may sum
            summed = f"SELECT count(*) AS n, sum(('0x' || {hashed})::numeric) AS whole FROM {source}"
            row = self._run(summed, values).fetchone()
            return combine(row["n"], [0, 0, 0, row["whole"]]) if row else _no_answer()
        # OFFSET 0 keeps the planner from computing the MD5 once per quarter; it made this 2.2 times as fast.
        row = self._run(
            f"SELECT count(*) AS n, {_QUARTERS} FROM (SELECT {hashed} AS h FROM {source} OFFSET 0) AS hashed",
            values,
        ).fetchone()
        return combine(row["n"], [row[f"q{place}"] for place in range(4)]) if row else _no_answer()

    def row_hashes(
        self, table: str, outgoing: Outgoing, after: Key | None, upto: Key | None, limit: int | None = None
    ) -> dict[Key, str]:
        """Key → MD5 of the rows in one range, in key order; the first ``limit`` of them if given."""
        where, values = self._range(outgoing, after, upto)
        types = zip(outgoing.keys, outgoing.key_types, strict=True)
        listed = ", ".join(field_text(key, item_type, "postgres") for key, item_type in types)
        query = f"SELECT {listed}, {row_hash(outgoing.columns, 'postgres')} FROM {self._name(table)} WHERE {where}"
        if limit is not None:
            query += f" ORDER BY {', '.join(quote(key) for key in outgoing.keys)} LIMIT {limit}"
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(query.encode(), values)
            return {tuple(row[:-1]): row[-1] for row in cursor}

    def _range(self, outgoing: Outgoing, after: Key | None, upto: Key | None) -> tuple[str, list[str]]:
        columns = ", ".join(quote(key) for key in outgoing.keys)
        marks = ", ".join(f"%s::{postgres_type(item_type)}" for item_type in outgoing.key_types)
        parts = ["true"]
        values: list[str] = []
        for sign, bound in ((">", after), ("<=", upto)):
            if bound is not None:
                parts.append(f"({columns}) {sign} ({marks})")
                values += bound
        return " AND ".join(parts), values

    # -- SQL

    def _name(self, table: str) -> str:
        return f"{quote(self._schema)}.{quote(table)}"

    def _column(self, out: OutItem, *, key: bool) -> str:
        given = postgres_type(out.type)
        collation = ' COLLATE "C"' if key and given == "text" else ""
        return f"{quote(out.item.name)} {given}{collation}{' NOT NULL' if key else ''}"

    def _columns(self, table: str) -> dict[str, str]:
        rows = self._run(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            (self._name(table),),
        ).fetchall()
        return {row["attname"]: row["type"] for row in rows}

    def _stage(self, name: str, like: str, rows: pa.Table) -> None:
        listed = ", ".join(map(quote, rows.column_names))
        self._run(
            f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS"
            f" SELECT {listed} FROM {self._name(like)} WITH NO DATA"
        )
        copy_rows(self._connection, name, rows.to_batches())

    def _run(self, statement: str, values: Any = None) -> psycopg.Cursor[dict[str, Any]]:
        return self._connection.execute(statement.encode(), values)


def swap_in(receiver: Receiver, work: Callable[[], Checkpoint]) -> Checkpoint:
    """Run ``work`` (the renaming) under a short lock_timeout, again and again while readers hold the table.

    Waiting behind a reader with an exclusive lock queued would stop every reader after it; so we give way.
    """
    for tried in range(1, _SWAP_TRIES + 1):
        try:
            with receiver.transaction():
                receiver.wait_at_most(_LOCK_TIMEOUT)
                return work()
        except errors.LockNotAvailable:
            time.sleep(min(0.1 * 2**tried, 5.0))
    raise Unavailable("share.receiver_locked", "接收表一直被占用，换表未成；下次运行接着换")


def postgres_type(item_type: str) -> str:
    """The receiver's column type, as ``format_type`` writes it."""
    return {"integer": "bigint", "timestamp": "timestamp without time zone"}.get(
        item_type, item_type.replace("decimal", "numeric")
    )


def _no_answer() -> NoReturn:
    raise Broken("share.no_answer", "接收库没有返回内容哈希")


def _moved(delivery: str) -> Conflict:
    return Conflict("share.checkpoint_moved", f"交换 {delivery} 的进度已被另一次运行推进，本次让位")


def _text(value: str) -> str:
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def _words(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]
