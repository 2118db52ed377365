"""A receiver of any database SQLAlchemy has a dialect for (Oracle, SQL Server, 达梦 …); the driver is an extra.

Nothing is asked of the server that SQL databases do differently: rows are read and compared here, not there, so this is
slower than the two built-in families and as exact.  DDL is taken to commit by itself, as in the MySQL family: the first
load fills a table named after its run, and every step may be repeated.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, Self

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mssql, mysql, oracle
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from jutong.share.outgoing import Key, Outgoing, OutItem
from jutong.share.receiver.checkpoint import CONTROL_TABLE, Checkpoint
from jutong.share.receiver.contract import Locked, Receiver
from jutong.terms import (
    EMPTY_CONTENT,
    BadInput,
    Conflict,
    ContentHash,
    Unavailable,
    combine,
    field_text,
    quote,
    row_hash,
    set_hash_sql,
)

_ROWS = 10_000
#: Keys named in one statement.
_KEYS = 200
_KEY_CHARACTERS = 255
#: Collations in which texts compare by their bytes and a trailing space counts; others compare so by themselves.
_BINARY = {"postgresql": "C", "sqlite": "BINARY", "mssql": "Latin1_General_100_BIN2"}
_PATIENT = {
    "postgresql": ("SET LOCAL lock_timeout = '{0}s'",),
    "mysql": ("SET SESSION lock_wait_timeout = {0}", "SET SESSION innodb_lock_wait_timeout = {0}"),
    "mssql": ("SET LOCK_TIMEOUT {0}000",),
    "oracle": ("ALTER SESSION SET ddl_lock_timeout = {0}",),
    "sqlite": ("PRAGMA busy_timeout = {0}000",),
}
#: Seconds waited where nobody asks for more patience or less.
_USUAL = 60
#: Dialects in which an empty text is no value.
_EMPTY_IS_NULL = frozenset({"oracle"})
#: Texts of a checkpoint that may be empty: from those dialects, and 达梦 made compatible with them, they come as None.
_MAYBE_EMPTY = ("run", "kind", "attempt")
_LOCKED = re.compile(r"\b(dead)?lock(ed|s)?\b|\bbusy\b|ORA-000(54|60)", re.IGNORECASE)
_NAMED = re.compile(r"%\((\w+)\)s")


class DialectReceiver(Receiver):
    """A schema of a consumer's database: ``driver`` (``oracle+oracledb``), host, port, dbname, user, schema."""

    _now = "CURRENT_TIMESTAMP"

    def __init__(self, connection: sa.Connection, schema: str | None) -> None:
        self._connection = connection
        self._schema = schema
        self._dialect = connection.dialect
        self._family = {"mariadb": "mysql"}.get(self._dialect.name, self._dialect.name)
        self._tables: dict[tuple[str, str], sa.Table] = {}
        self._collation: str | None = None

    @classmethod
    def open(cls, receiver: Mapping[str, Any], password: str | None) -> Self:
        """Raises BadInput ``outside.dialect_missing``, Unavailable ``outside.dialect_unreachable``."""
        driver = str(receiver.get("driver") or "")
        try:
            # Opened in a thread of its own (``limit``), used in another, never in both at once.
            threads = {"check_same_thread": False} if driver.startswith("sqlite") else {}
            engine = sa.create_engine(_url(receiver, password), poolclass=NullPool, connect_args=threads)
            connection = engine.connect()
        except (exc.NoSuchModuleError, ImportError, exc.ArgumentError) as problem:
            raise BadInput(
                "outside.dialect_missing", f"没有安装「{driver}」的驱动：{_words(problem)}"
            ) from None
        except (exc.SQLAlchemyError, OSError) as problem:
            raise Unavailable(
                "outside.dialect_unreachable", f"接收方数据库连接不上：{_words(problem, password)}"
            ) from None
        opened = cls(connection, str(receiver["schema"]) if receiver.get("schema") else None)
        with opened.transaction():
            opened._patience(_USUAL)
        return opened

    def close(self) -> None:
        with suppress(exc.SQLAlchemyError, OSError):
            self._connection.close()
            self._connection.engine.dispose()

    @contextmanager
    def transaction(self, patience: int | None = None) -> Iterator[None]:
        try:
            with self._connection.begin():
                if patience is not None:
                    self._patience(patience)
                yield
                if patience is not None:
                    self._patience(_USUAL)
        except (exc.SQLAlchemyError, OSError) as problem:
            raise _told(problem) from problem

    def _patience(self, seconds: int) -> None:
        for statement in _PATIENT.get(self._family, ()):
            self._connection.exec_driver_sql(statement.format(int(seconds)))

    # -- the checkpoint

    def prepare(self) -> None:
        self._control().create(self._connection, checkfirst=True)

    def checkpoint(self, delivery: str, *, lock: bool = False) -> Checkpoint | None:
        table = self._control()
        query = sa.select(table).where(table.c.delivery == delivery)
        if lock:
            query = query.with_for_update().with_hint(table, "WITH (UPDLOCK, HOLDLOCK)", "mssql")
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        return Checkpoint.from_row({**row, **{name: row[name] or "" for name in _MAYBE_EMPTY}})

    def _control(self) -> sa.Table:
        text, number = sa.Unicode, sa.BigInteger
        wide = _text_type(None)
        columns: list[sa.Column[Any]] = [
            sa.Column("delivery", text(64), primary_key=True),
            *(
                sa.Column(name, text(64), nullable=True)
                for name in ("table_name", "signature", "run", "kind")
            ),
            *(sa.Column(name, text(64), nullable=True) for name in ("phase", "attempt")),
            *(sa.Column(name, wide, nullable=True) for name in ("columns", "last_key")),
            *(
                sa.Column(name, number, nullable=True)
                for name in ("snapshot", "from_snapshot", "to_snapshot")
            ),
            *(sa.Column(name, number, nullable=False) for name in ("chunk", "upserted", "deleted")),
            *(sa.Column(name, number, nullable=False) for name in ("upserted_total", "deleted_total")),
            sa.Column("changed_at", sa.DateTime, server_default=sa.func.current_timestamp()),
        ]
        return sa.Table(CONTROL_TABLE, sa.MetaData(), *columns, schema=self._schema, **_INNODB)

    def _stored(self, checkpoint: Checkpoint) -> dict[str, Any]:
        row = super()._stored(checkpoint)
        return {**row, "columns": json.dumps(row["columns"], ensure_ascii=False)}

    def _insert_first(self, row: dict[str, Any]) -> int:
        """Whoever comes second meets the primary key; no SQL for "unless it is there" is everywhere the same."""
        if self.checkpoint(row["delivery"]) is not None:
            return 0
        try:
            self._connection.execute(sa.insert(self._control()).values(**row))
        except exc.IntegrityError:
            return 0
        return 1

    # -- tables

    def load_table(self, stem: str, run: str) -> str:
        return f"{stem}_{run.lower()}"

    def exists(self, table: str) -> bool:
        return sa.inspect(self._connection).has_table(table, schema=self._schema)

    def sweep(self, stem: str) -> None:
        names = sa.inspect(self._connection).get_table_names(schema=self._schema)
        for name in names:
            if name.startswith(stem):
                self._run(f"DROP TABLE {self._name(name)}")

    def create(self, table: str, outgoing: Outgoing, comment: str) -> None:
        columns = [self._column(out, outgoing.keys) for out in outgoing.items]
        made = sa.Table(
            table, sa.MetaData(), *columns, schema=self._schema, comment=comment[:1000], **_INNODB
        )
        made.create(self._connection, checkfirst=True)

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """It was made with the table."""

    def rename(self, table: str, to: str) -> None:
        if not self.exists(table) and self.exists(to):
            return  # a run that was killed had come so far: the checkpoint was ours, and nobody else fills this
        if self.exists(to):
            raise Conflict(
                "share.table_taken", f"接收库中已有表 {to}，不是本交换所建：请改名或换一个接收表名"
            )
        if self._family == "mssql":
            self._connection.execute(
                sa.text("EXEC sp_rename :old, :new"), {"old": self._name(table), "new": to}
            )
        else:
            self._run(f"ALTER TABLE {self._name(table)} RENAME TO {self._quote(to)}")

    # -- rows

    def load(self, table: str, outgoing: Outgoing, rows: pa.Table) -> None:
        self._insert(self._table(table, outgoing), outgoing, rows.to_pylist())

    def keys_there(self, table: str, outgoing: Outgoing) -> pa.Table:
        shown = self._table(table, outgoing)
        found = [
            _asked(part, ", ".join(f"{text} AS {quote(key)}" for key, text in _key_texts(outgoing)))
            for part in self._read(sa.select(*(shown.c[key] for key in outgoing.keys)), outgoing)
        ]
        empty = pa.table({key: pa.array([], pa.string()) for key in outgoing.keys})
        return pa.concat_tables([empty, *(one.cast(empty.schema) for one in found)])

    def merge(self, table: str, outgoing: Outgoing, upserts: pa.Table, deletes: pa.Table) -> int:
        shown = self._table(table, outgoing)
        deleted = 0
        for keys in _cut([self._key(outgoing, row) for row in deletes.to_pylist()], _KEYS):
            deleted += self._connection.execute(
                sa.delete(shown).where(_any_of(shown, outgoing.keys, keys))
            ).rowcount
        for rows in _cut(upserts.to_pylist(), _KEYS):
            self._upsert(shown, outgoing, rows)
        return deleted

    def _upsert(self, shown: sa.Table, outgoing: Outgoing, rows: list[dict[str, Any]]) -> None:
        """Update what differs, insert what is missing; the receiver's own columns are not named."""
        keys = [self._key(outgoing, row) for row in rows]
        query = sa.select(*(shown.c[name] for name, _ in outgoing.columns)).where(
            _any_of(shown, outgoing.keys, keys)
        )
        there = {
            tuple(row[key] for key in outgoing.keys): row
            for part in self._read(query, outgoing)
            for row in part.to_pylist()
        }
        fresh, changed = [], []
        for key, row in zip(keys, rows, strict=True):
            if key not in there:
                fresh.append(row)
            elif there[key] != row:
                changed.append(row)
        self._insert(shown, outgoing, fresh)
        others = [name for name, _ in outgoing.columns if name not in outgoing.keys]
        if changed and others:
            same = [shown.c[key] == sa.bindparam(f"was_{key}") for key in outgoing.keys]
            statement = sa.update(shown).where(*same).values({name: sa.bindparam(name) for name in others})
            self._connection.execute(
                statement,
                [
                    {
                        **{name: self._given(row[name]) for name in others},
                        **{f"was_{key}": row[key] for key in outgoing.keys},
                    }
                    for row in changed
                ],
            )

    def _insert(self, shown: sa.Table, outgoing: Outgoing, rows: list[dict[str, Any]]) -> None:
        names = [name for name, _ in outgoing.columns]
        for part in _cut(rows, _ROWS):
            self._connection.execute(
                sa.insert(shown), [{name: self._given(row[name]) for name in names} for row in part]
            )

    def _given(self, value: object) -> object:
        if value == "" and self._family in _EMPTY_IS_NULL:
            raise BadInput("share.row_not_storable", "接收库把空文本当作没有值，这批数据里有空文本，不能存放")
        if isinstance(value, Decimal) and self._family == "sqlite":
            return f"{value:f}"
        return value

    def _key(self, outgoing: Outgoing, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """A key as the columns hold it; keys to delete come as texts."""
        return tuple(
            _typed(row[key], item_type)
            for key, item_type in zip(outgoing.keys, outgoing.key_types, strict=True)
        )

    # -- comparing

    def content(
        self, table: str, outgoing: Outgoing, after: Key | None = None, upto: Key | None = None
    ) -> ContentHash:
        total = EMPTY_CONTENT
        for part in self._read(self._range(table, outgoing, after, upto), outgoing):
            with duckdb.connect() as duck:
                duck.register("part", part)
                row = duck.execute(set_hash_sql("part", outgoing.columns, "duckdb")).fetchone()
            assert row is not None  # an aggregate always answers
            total += combine(row[0], row[1:])
        return total

    def row_hashes(
        self, table: str, outgoing: Outgoing, after: Key | None, upto: Key | None, limit: int | None = None
    ) -> dict[Key, str]:
        shown = self._table(table, outgoing)
        query = self._range(table, outgoing, after, upto).order_by(*(shown.c[key] for key in outgoing.keys))
        if limit is not None:
            query = query.limit(limit)
        listed = [text for _, text in _key_texts(outgoing)] + [row_hash(outgoing.columns, "duckdb")]
        names = ", ".join(f"{text} AS c{place}" for place, text in enumerate(listed))
        found: dict[Key, str] = {}
        for part in self._read(query, outgoing):
            columns = _asked(part, names).to_pydict()
            rows = zip(*(columns[f"c{place}"] for place in range(len(listed))), strict=True)
            found |= {tuple(row[:-1]): row[-1] for row in rows}
        return found

    def _range(self, table: str, outgoing: Outgoing, after: Key | None, upto: Key | None) -> sa.Select[Any]:
        """The rows with ``after < key <= upto``, spelt out, for (a, b) > (x, y) is not known everywhere."""
        shown = self._table(table, outgoing)
        query = sa.select(*(shown.c[name] for name, _ in outgoing.columns))
        columns = [shown.c[key] for key in outgoing.keys]
        for bound, beyond in ((after, True), (upto, False)):
            if bound is None:
                continue
            values = [_typed(text, kind) for text, kind in zip(bound, outgoing.key_types, strict=True)]
            condition: Any = columns[-1] > values[-1] if beyond else columns[-1] <= values[-1]
            for column, value in reversed(list(zip(columns, values, strict=True))[:-1]):
                further = column > value if beyond else column < value
                condition = sa.or_(further, sa.and_(column == value, condition))
            query = query.where(condition)
        return query

    def _read(self, query: sa.Select[Any], outgoing: Outgoing) -> Iterator[pa.Table]:
        types = dict(outgoing.columns)
        result = self._connection.execute(query, execution_options={"yield_per": _ROWS})
        names = list(result.keys())
        for part in result.partitions(_ROWS):
            columns = zip(*part, strict=True)
            yield pa.table(
                {
                    name: pa.array([_typed(value, types[name]) for value in column], _arrow_type(types[name]))
                    for name, column in zip(names, columns, strict=True)
                }
            )

    # -- SQL

    def _quote(self, name: str) -> str:
        return self._dialect.identifier_preparer.quote(name)

    def _name(self, table: str) -> str:
        return f"{self._quote(self._schema)}.{self._quote(table)}" if self._schema else self._quote(table)

    def _run(self, statement: str) -> None:
        self._connection.exec_driver_sql(statement)

    def _row(self, statement: str, values: Any = None) -> dict[str, Any] | None:
        row = (
            self._connection.execute(sa.text(_NAMED.sub(r":\1", statement)), values or {}).mappings().first()
        )
        return dict(row) if row else None

    def _change(self, statement: str, values: Any = None) -> int:
        return self._connection.execute(sa.text(_NAMED.sub(r":\1", statement)), values or {}).rowcount

    def _table(self, table: str, outgoing: Outgoing) -> sa.Table:
        place = (table, outgoing.signature)
        if place not in self._tables:
            columns = [self._column(out, outgoing.keys) for out in outgoing.items]
            self._tables[place] = sa.Table(table, sa.MetaData(), *columns, schema=self._schema)
        return self._tables[place]

    def _column(self, out: OutItem, keys: Sequence[str]) -> sa.Column[Any]:
        key = out.item.name in keys
        return sa.Column(
            out.item.name, self._type(out.type, key=key), primary_key=key, nullable=not key, autoincrement=False,
            comment=out.item.label[:1000],
        )  # fmt: skip

    def _type(self, item_type: str, *, key: bool) -> sa.types.TypeEngine[Any]:
        if item_type == "text":
            collation = self._binary()
            return sa.Unicode(_KEY_CHARACTERS, collation=collation) if key else _text_type(collation)
        if item_type.startswith("decimal"):
            precision, scale = (int(part) for part in item_type[8:-1].split(","))
            if self._family == "sqlite":  # it has no decimals, only floats
                if key:
                    raise BadInput("share.receiver_type", "接收库没有定点数，主键不能是小数")
                return sa.Text()
            return sa.Numeric(precision, scale)
        types: dict[str, sa.types.TypeEngine[Any]] = {
            "integer": sa.BigInteger(),
            "date": sa.Date(),
            "timestamp": sa.DateTime()
            .with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
            .with_variant(mssql.DATETIME2(precision=6), "mssql")  # type: ignore[no-untyped-call]
            .with_variant(oracle.TIMESTAMP(), "oracle"),
            "boolean": sa.Boolean(),
        }
        return types[item_type]

    def _binary(self) -> str | None:
        """The collation in which texts compare by their bytes; MariaDB and MySQL name it differently."""
        if self._family != "mysql":
            return _BINARY.get(self._family)
        if self._collation is None:
            names = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
            known = self._connection.execute(
                sa.text(
                    "SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE COLLATION_NAME IN (:a, :b)"
                ),
                {"a": names[0], "b": names[1]},
            ).scalars()
            self._collation = next(iter(known), "utf8mb4_bin")
        return self._collation

    def _add_column(self, table: str, out: OutItem) -> None:
        given = self._type(out.type, key=False).compile(self._dialect)
        self._run(f"ALTER TABLE {self._name(table)} ADD {self._quote(out.item.name)} {given} NULL")

    def _keyed(self, table: str, keys: Sequence[str]) -> bool:
        return set(keys) in self._unique(table)

    def _columns(self, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
        try:
            found = sa.inspect(self._connection).get_columns(table, schema=self._schema)
        except exc.NoSuchTableError:
            return {}
        return {column["name"]: column["type"] for column in found}

    def _fits(self, found: sa.types.TypeEngine[Any], item_type: str) -> bool:
        if item_type.startswith("decimal") and self._family != "sqlite":
            precision, scale = (int(part) for part in item_type[8:-1].split(","))
            return isinstance(found, sa.Numeric) and (found.precision, found.scale) == (precision, scale)
        families: dict[str, tuple[type[Any], ...]] = {
            "integer": (sa.BigInteger, sa.Numeric, sa.INTEGER)
            if self._family != "mysql"
            else (sa.BigInteger,),
            "date": (sa.Date, sa.DateTime) if self._family == "oracle" else (sa.Date,),
            "timestamp": (sa.DateTime,),
            "boolean": (sa.Boolean, sa.Integer, sa.Numeric, mssql.BIT),
        }
        return isinstance(found, families.get(item_type, (sa.String,)))

    def _unique(self, table: str) -> list[set[str]]:
        asked = sa.inspect(self._connection)
        found = [set(asked.get_pk_constraint(table, schema=self._schema)["constrained_columns"])]
        with suppress(NotImplementedError):
            found += [
                set(one["column_names"]) for one in asked.get_unique_constraints(table, schema=self._schema)
            ]
        found += [
            {name for name in one["column_names"] if name}
            for one in asked.get_indexes(table, schema=self._schema)
            if one["unique"]
        ]
        return found


_INNODB: dict[str, Any] = {
    f"{name}_{option}": value
    for name in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}


def _url(receiver: Mapping[str, Any], password: str | None) -> URL:
    driver, database = str(receiver.get("driver") or ""), receiver.get("dbname")
    served = driver.partition("+")[0] == "oracle"  # a database of Oracle's is named as a service
    return URL.create(
        driver, receiver.get("user"), password, receiver.get("host"),
        int(receiver["port"]) if receiver.get("port") else None,
        None if served else str(database), {"service_name": str(database)} if served else {},
    )  # fmt: skip


def _text_type(collation: str | None) -> sa.types.TypeEngine[Any]:
    """Texts of any length."""
    return sa.UnicodeText(collation=collation).with_variant(
        mysql.LONGTEXT(charset="utf8mb4", collation=collation), "mysql", "mariadb"
    )


def _typed(value: Any, item_type: str) -> Any:
    """A value as its item type has it in Python, from what a driver gives or from a key's text."""
    if value is None or item_type == "text":
        return value
    if item_type == "integer":
        return int(value)
    if item_type.startswith("decimal"):
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if item_type == "boolean":
        return value in ("t", "true", "True", True, 1)
    if item_type == "date":
        if isinstance(value, dt.datetime):
            return value.date()
        return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)


def _arrow_type(item_type: str) -> pa.DataType:
    if item_type.startswith("decimal"):
        precision, scale = (int(part) for part in item_type[8:-1].split(","))
        return pa.decimal128(precision, scale)
    types: dict[str, pa.DataType] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "boolean": pa.bool_(),
    }
    return types[item_type]


def _key_texts(outgoing: Outgoing) -> list[tuple[str, str]]:
    types = zip(outgoing.keys, outgoing.key_types, strict=True)
    return [(key, field_text(key, item_type, "duckdb")) for key, item_type in types]


def _asked(part: pa.Table, listed: str) -> pa.Table:
    with duckdb.connect() as duck:
        duck.register("part", part)
        return duck.execute(f"SELECT {listed} FROM part").to_arrow_table()


def _any_of(
    shown: sa.Table, keys: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> sa.ColumnElement[bool]:
    if len(keys) == 1:
        return shown.c[keys[0]].in_([value[0] for value in values])
    return sa.or_(
        *(sa.and_(*(shown.c[key] == one for key, one in zip(keys, value, strict=True))) for value in values)
    )


def _cut(rows: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _told(problem: Exception) -> Exception:
    """The error of ours a database error becomes."""
    words = _words(problem)
    unsent = isinstance(problem, exc.StatementError) and not isinstance(problem, exc.DBAPIError)
    if unsent or isinstance(problem, exc.IntegrityError | exc.DataError):
        return BadInput("share.row_not_storable", f"接收库不能存放这批数据：{words}")
    if _LOCKED.search(words):
        return Locked("share.receiver_locked", "接收表正被占用，稍后再试")
    lost = isinstance(problem, OSError | exc.InterfaceError) or (
        isinstance(problem, exc.DBAPIError) and problem.connection_invalidated
    )
    if lost:
        return Unavailable("share.receiver_unreachable", f"接收方数据库中断：{words}")
    return Conflict("share.receiver_refused", f"接收方数据库拒绝执行：{words}")


def _words(problem: Exception, password: str | None = None) -> str:
    """The server's own words, without the statement, and never the password."""
    told = problem.orig if isinstance(problem, exc.DBAPIError) and problem.orig else problem
    words = " ".join(str(told).split())[:300]
    return words.replace(password, "…") if password else words
