"""A receiver that is a PostgreSQL (or speaks its protocol): DDL is part of the transaction, rows come by COPY."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, Self

import psycopg
import pyarrow as pa
from psycopg import errors
from psycopg.rows import dict_row, tuple_row
from pyarrow import csv

from jutong.outside import connect_postgres, copy_rows, merge_sql
from jutong.share.outgoing import Key, Outgoing, OutItem
from jutong.share.receiver.checkpoint import CONTROL_TABLE
from jutong.share.receiver.contract import Locked, Receiver
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

_ROWS, _GONE = "jutong_chunk_rows", "jutong_chunk_gone"
#: A receiver that answers not even a keep-alive for so long is away; else the kernel waits a quarter of an hour.
_SILENCE_MS = 120_000
_QUARTERS = ", ".join(
    f"sum(('x' || substr(h, {8 * place + 1}, 8))::bit(32)::bigint & 4294967295) AS q{place}"
    for place in range(4)
)
#: From this server version on a hexadecimal text is read as a number.
_SUMS_HEXADECIMAL = 160_000

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


class PostgresReceiver(Receiver):
    """A schema of a consumer's PostgreSQL."""

    _now = "clock_timestamp()"

    def __init__(self, connection: psycopg.Connection[dict[str, Any]], schema: str) -> None:
        self._connection = connection
        self._schema = schema

    @classmethod
    def open(cls, receiver: Mapping[str, Any], password: str | None) -> Self:
        """Raises Unavailable ``outside.postgres_unreachable`` with the server's words, never the password."""
        config = {name: value for name, value in receiver.items() if name not in ("schema", "kind")}
        connection = connect_postgres({"tcp_user_timeout": _SILENCE_MS, **config}, password)
        connection.row_factory = dict_row
        return cls(connection, str(receiver.get("schema") or "public"))

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self, patience: int | None = None) -> Iterator[None]:
        try:
            with self._connection.transaction():
                if patience is not None:
                    self._run(f"SET LOCAL lock_timeout = '{int(patience)}s'")
                yield
        except errors.LockNotAvailable as problem:
            raise Locked("share.receiver_locked", "接收表正被占用，稍后再试") from problem
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
        except ValueError as problem:
            if not self._connection.broken:
                raise
            # psycopg unpacks one result at the end of a COPY, where a line that breaks just then gives two.
            raise Unavailable(
                "share.receiver_unreachable", f"接收方数据库中断：{_words(problem)}"
            ) from problem

    # -- the checkpoint

    def prepare(self) -> None:
        self._run("SELECT pg_advisory_xact_lock(hashtext('jutong_delivery'))")
        self._run(_CONTROL.format(table=self._name(CONTROL_TABLE)))

    def _insert_first(self, row: dict[str, Any]) -> int:
        return self._change(
            f"INSERT INTO {self._name(CONTROL_TABLE)} ({', '.join(map(quote, row))})"
            f" VALUES ({', '.join(f'%({name})s' for name in row)}) ON CONFLICT DO NOTHING",
            row,
        )

    # -- tables

    def exists(self, table: str) -> bool:
        row = self._run("SELECT to_regclass(%s) IS NOT NULL AS found", (self._name(table),)).fetchone()
        return bool(row and row["found"])

    def load_table(self, stem: str, run: str) -> str:  # noqa: ARG002
        return stem  # dropping and making it again is part of the transaction that begins the run

    def sweep(self, stem: str) -> None:
        self._run(f"DROP TABLE IF EXISTS {self._name(stem)}")

    def create(self, table: str, outgoing: Outgoing, comment: str) -> None:
        columns = [self._column(out, key=out.item.name in outgoing.keys) for out in outgoing.items]
        name = self._name(table)
        self._run(f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)})")
        self._run(f"COMMENT ON TABLE {name} IS {_text(comment)}")
        for out in outgoing.items:
            self._run(f"COMMENT ON COLUMN {name}.{quote(out.item.name)} IS {_text(out.item.label)}")

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        self._run(
            f"ALTER TABLE {self._name(table)} ADD CONSTRAINT {quote(f'{table}_key')}"
            f" PRIMARY KEY ({', '.join(map(quote, keys))})"
        )

    def rename(self, table: str, to: str) -> None:
        self._run(f"ALTER TABLE {self._name(table)} RENAME TO {quote(to)}")

    def _keyed(self, table: str, keys: Sequence[str]) -> bool:
        row = self._row(
            "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass(%(table)s) AND i.indisunique"
            " AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND %(keys)s = ("
            'SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") FROM pg_attribute a'
            " WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))) AS keyed",
            {"table": self._name(table), "keys": sorted(keys)},
        )
        return bool(row and row["keyed"])

    # -- rows

    def load(self, table: str, outgoing: Outgoing, rows: pa.Table) -> None:  # noqa: ARG002
        copy_rows(self._connection, (self._schema, table), rows.to_batches())

    def keys_there(self, table: str, outgoing: Outgoing) -> pa.Table:
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

    def merge(self, table: str, outgoing: Outgoing, upserts: pa.Table, deletes: pa.Table) -> int:
        self._stage(_GONE, table, deletes)
        self._stage(_ROWS, table, upserts)
        delete, write = merge_sql(
            (self._schema, table), _ROWS, upserts.column_names, outgoing.keys, delete=_GONE
        )
        deleted = self._run(delete).rowcount if deletes.num_rows else 0
        if upserts.num_rows:
            self._run(write)
        return deleted

    # -- comparing

    def content(
        self, table: str, outgoing: Outgoing, after: Key | None = None, upto: Key | None = None
    ) -> ContentHash:
        where, values = self._range(outgoing, after, upto)
        hashed, source = self._hashed(outgoing), f"{self._name(table)} WHERE {where}"
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
        where, values = self._range(outgoing, after, upto)
        types = zip(outgoing.keys, outgoing.key_types, strict=True)
        listed = ", ".join(field_text(key, item_type, "postgres") for key, item_type in types)
        query = f"SELECT {listed}, {self._hashed(outgoing)} FROM {self._name(table)} WHERE {where}"
        if limit is not None:
            query += f" ORDER BY {', '.join(quote(key) for key in outgoing.keys)} LIMIT {limit}"
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(query.encode(), values)
            return {tuple(row[:-1]): row[-1] for row in cursor}

    def _hashed(self, outgoing: Outgoing) -> str:
        told = self._connection.info.parameter_status
        plain = told("server_encoding") == "UTF8" and str(told("DateStyle")).startswith("ISO")
        return row_hash(outgoing.columns, "postgres", plain=plain)

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

    def _quote(self, name: str) -> str:
        return quote(name)

    def _row(self, statement: str, values: Any = None) -> dict[str, Any] | None:
        return self._run(statement, values).fetchone()

    def _change(self, statement: str, values: Any = None) -> int:
        return self._run(statement, values).rowcount

    def _name(self, table: str) -> str:
        return f"{quote(self._schema)}.{quote(table)}"

    def _column(self, out: OutItem, *, key: bool) -> str:
        given = postgres_type(out.type)
        collation = ' COLLATE "C"' if key and given == "text" else ""
        return f"{quote(out.item.name)} {given}{collation}{' NOT NULL' if key else ''}"

    def _add_column(self, table: str, out: OutItem) -> None:
        self._run(f"ALTER TABLE {self._name(table)} ADD COLUMN {self._column(out, key=False)}")

    def _fits(self, found: str, item_type: str) -> bool:
        return found == postgres_type(item_type)

    def _type_said(self, item_type: str) -> str:
        return postgres_type(item_type)

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


def postgres_type(item_type: str) -> str:
    """The receiver's column type, as ``format_type`` writes it."""
    return {"integer": "bigint", "timestamp": "timestamp without time zone"}.get(
        item_type, item_type.replace("decimal", "numeric")
    )


def _no_answer() -> NoReturn:
    raise Broken("share.no_answer", "接收库没有返回内容哈希")


def _text(value: str) -> str:
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def _words(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]
