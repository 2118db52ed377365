"""A receiver of the MySQL family (MySQL, MariaDB, OceanBase, TiDB).

DDL commits by itself here, so the first load is a state machine whose every step can be repeated: the run is put
into the checkpoint, then the table of its generation (named after the run) is made, filled chunk by chunk and renamed.
A run killed after the renaming knows the live table by the generation in its comment.  A statement that outlives its
client can only touch a generation nobody reads.

Rows and checkpoint commit together only if the engine has transactions: InnoDB is asked for, and looked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import pyarrow as pa
import pymysql
from pymysql.constants import CLIENT, ER
from pymysql.cursors import Cursor, DictCursor

from jutong.outside import connect_mysql, delete_rows, insert_rows, merge_rows, mysql_name, writing_session
from jutong.share.outgoing import Key, Outgoing, OutItem
from jutong.share.receiver.checkpoint import CONTROL_TABLE
from jutong.share.receiver.contract import Locked, Receiver
from jutong.terms import (
    BadInput,
    Conflict,
    ContentHash,
    Unavailable,
    combine,
    field_text,
    row_hash,
    set_hash_sql,
)

_CONTROL = """
CREATE TABLE IF NOT EXISTS {table} (
    delivery       VARCHAR(64) NOT NULL PRIMARY KEY,
    table_name     VARCHAR(64) NOT NULL,
    signature      VARCHAR(64) NOT NULL,
    `columns`      LONGTEXT NOT NULL,
    snapshot       BIGINT,
    run            VARCHAR(32) NOT NULL,
    kind           VARCHAR(16) NOT NULL,
    from_snapshot  BIGINT,
    to_snapshot    BIGINT,
    phase          VARCHAR(16) NOT NULL,
    chunk          BIGINT NOT NULL,
    last_key       LONGTEXT,
    attempt        VARCHAR(32) NOT NULL,
    upserted       BIGINT NOT NULL,
    deleted        BIGINT NOT NULL,
    upserted_total BIGINT NOT NULL,
    deleted_total  BIGINT NOT NULL,
    changed_at     DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
"""
_TYPES = {
    "text": "LONGTEXT",
    "integer": "BIGINT",
    "date": "DATE",
    "timestamp": "DATETIME(6)",
    "boolean": "BOOLEAN",
}
#: Data types in which a column of ours stays what it is: a text may be made short enough to be indexed.
_FAMILIES = {
    "text": ("longtext", "mediumtext", "text", "varchar"),
    "integer": ("bigint",),
    "date": ("date",),
    "timestamp": ("datetime(6)",),
    "boolean": ("tinyint",),
}
_BOUNDS = {
    "text": "%s",
    "integer": "CAST(%s AS SIGNED)",
    "date": "CAST(%s AS DATE)",
    "timestamp": "CAST(%s AS DATETIME(6))",
    "boolean": "(%s = 't')",
}
#: Bytes an index of InnoDB may span, and characters a key text may have at most.
_INDEX_BYTES, _KEY_CHARACTERS = 3072, 255
_GENERATION = re.compile(r"⟨(R[0-9a-f]+)⟩$")
#: What makes a server keep a subquery to itself and compute each MD5 once (the others merge or pass).
_ONCE = " LIMIT 18446744073709551615"

_LOCKED = {ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK}
_UNSTORABLE = {
    ER.NET_PACKET_TOO_LARGE, ER.WARN_DATA_OUT_OF_RANGE, ER.WARN_DATA_TRUNCATED, ER.DATA_TOO_LONG, ER.DUP_ENTRY,
    ER.TRUNCATED_WRONG_VALUE, ER.TRUNCATED_WRONG_VALUE_FOR_FIELD, ER.BAD_NULL_ERROR, ER.TOO_BIG_ROWSIZE,
}  # fmt: skip
#: The server ends or has ended the connection; 1927 is MariaDB's own.
_GONE = {ER.SERVER_SHUTDOWN, ER.QUERY_INTERRUPTED, ER.NEW_ABORTING_CONNECTION, 1927}
_OFTEN_DONE = {ER.DUP_FIELDNAME, ER.TABLE_EXISTS_ERROR, ER.NO_SUCH_TABLE}


class MysqlReceiver(Receiver):
    """A database of a consumer's server."""

    _now = "CURRENT_TIMESTAMP(6)"

    def __init__(self, connection: pymysql.connections.Connection[Any]) -> None:
        self._connection = connection
        self._collations: tuple[str, str] | None = None

    @classmethod
    def open(cls, receiver: Mapping[str, Any], password: str | None) -> Self:
        """Raises Unavailable ``outside.mysql_unreachable`` with the server's words, never the password."""
        config = {name: value for name, value in receiver.items() if name not in ("kind", "dbname")}
        connection = connect_mysql(
            {"database": receiver.get("dbname"), **config},
            password,
            cursorclass=DictCursor,
            client_flag=CLIENT.FOUND_ROWS,
        )
        try:
            writing_session(connection)
        except (pymysql.Error, OSError) as problem:
            raise Unavailable(
                "share.receiver_unreachable", f"接收方数据库中断：{_words(problem)}"
            ) from problem
        return cls(connection)

    def close(self) -> None:
        with suppress(pymysql.Error, OSError):
            self._connection.close()

    @contextmanager
    def transaction(self, patience: int | None = None) -> Iterator[None]:
        try:
            with self._patiently(patience):
                self._connection.begin()
                try:
                    yield
                    self._connection.commit()
                except BaseException:
                    with suppress(pymysql.Error, OSError):
                        self._connection.rollback()
                    raise
        except (pymysql.Error, OSError) as problem:
            raise _told(problem) from problem

    @contextmanager
    def _patiently(self, patience: int | None) -> Iterator[None]:
        if patience is None:
            yield
            return
        names = ("lock_wait_timeout", "innodb_lock_wait_timeout")
        for name in names:
            self._run(f"SET SESSION {name} = {int(patience)}")
        try:
            yield
        finally:
            with suppress(pymysql.Error, OSError):
                for name in names:
                    self._run(f"SET SESSION {name} = 60")

    # -- the checkpoint

    def prepare(self) -> None:
        if not self.exists(CONTROL_TABLE):
            self._run(_CONTROL.format(table=self._name(CONTROL_TABLE)))
        self._must_hold_transactions(CONTROL_TABLE)

    def _stored(self, checkpoint: Any) -> dict[str, Any]:
        row = super()._stored(checkpoint)
        return {**row, "columns": json.dumps(row["columns"], ensure_ascii=False)}

    def _insert_first(self, row: dict[str, Any]) -> int:
        return self._change(
            f"INSERT IGNORE INTO {self._name(CONTROL_TABLE)} ({', '.join(map(mysql_name, row))})"
            f" VALUES ({', '.join(f'%({name})s' for name in row)})",
            row,
        )

    # -- tables

    def exists(self, table: str) -> bool:
        return self._row(f"SELECT 1 AS found {_TABLE}", (table,)) is not None

    def load_table(self, stem: str, run: str) -> str:
        return f"{stem}_{run.lower()}"

    def sweep(self, stem: str) -> None:
        found = self._rows(
            "SELECT TABLE_NAME AS name FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = DATABASE() AND LEFT(TABLE_NAME, %s) = %s",
            (len(stem), stem),
        )
        for row in found:  # all named before the first DROP lets go of the checkpoint
            self._run(f"DROP TABLE IF EXISTS {self._name(row['name'])}")

    def create(self, table: str, outgoing: Outgoing, comment: str) -> None:
        """The key is there from the beginning: adding it later would write an InnoDB table twice."""
        keys = list(outgoing.keys)
        texts = sum(item_type == "text" for item_type in outgoing.key_types)
        columns = [self._column(out, keys, texts) for out in outgoing.items]
        labels = [out.item.label for out in outgoing.items]
        generation = "R" + table.rsplit("_r", 1)[-1]
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._name(table)} ({', '.join(columns)},"
            f" PRIMARY KEY ({', '.join(map(mysql_name, keys))}))"
            f" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {self._binary()[0]} COMMENT %s",
            [*(label[:1000] for label in labels), f"{comment[:1000]} ⟨{generation}⟩"],
        )

    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """It was made with the table."""

    def rename(self, table: str, to: str) -> None:
        self._repeatable(f"RENAME TABLE {self._name(table)} TO {self._name(to)}")
        row = self._row(f"SELECT TABLE_COMMENT AS told {_TABLE}", (to,))
        shown = _GENERATION.search(row["told"]) if row else None
        if shown is None or not table.endswith(f"_{shown[1].lower()}"):
            raise Conflict(
                "share.table_taken", f"接收库中已有表 {to}，不是本交换所建：请改名或换一个接收表名"
            )

    def drift(self, table: str, outgoing: Outgoing) -> str | None:
        drift = super().drift(table, outgoing)
        if drift is None:
            self._must_hold_transactions(table)
        return drift

    # -- rows

    def load(self, table: str, outgoing: Outgoing, rows: pa.Table) -> None:
        # In key order the clustered index grows at its end for as long as the lake's own order allows.
        ordered = rows.sort_by([(key, "ascending") for key in outgoing.keys])
        insert_rows(self._connection, table, ordered, dict(outgoing.columns))

    def keys_there(self, table: str, outgoing: Outgoing) -> pa.Table:
        found = self._tuples(f"SELECT {_key_texts(outgoing)} FROM {self._name(table)}")
        return pa.table(
            {
                name: pa.array([row[place] for row in found], pa.string())
                for place, name in enumerate(outgoing.keys)
            }
        )

    def merge(self, table: str, outgoing: Outgoing, upserts: pa.Table, deletes: pa.Table) -> int:
        types = dict(outgoing.columns)
        deleted = 0
        if deletes.num_rows:
            deleted = delete_rows(self._connection, table, deletes, types, outgoing.keys)
        if upserts.num_rows:
            only_key = self._unique_indexes(table) == [set(outgoing.keys)]
            merge_rows(self._connection, table, upserts, types, outgoing.keys, only_key=only_key)
        return deleted

    # -- comparing

    def content(
        self, table: str, outgoing: Outgoing, after: Key | None = None, upto: Key | None = None
    ) -> ContentHash:
        where, values = _range(outgoing, after, upto)
        query = set_hash_sql(self._name(table), outgoing.columns, "mysql", "{where}").replace("%", "%%")
        row = self._row(query.replace("{where}", where + _ONCE), values)
        assert row is not None  # an aggregate always answers
        return combine(row["n"], [row[f"q{place}"] for place in range(4)])

    def row_hashes(
        self, table: str, outgoing: Outgoing, after: Key | None, upto: Key | None, limit: int | None = None
    ) -> dict[Key, str]:
        where, values = _range(outgoing, after, upto)
        listed = f"{_key_texts(outgoing)}, {row_hash(outgoing.columns, 'mysql')}".replace("%", "%%")
        query = f"SELECT {listed} FROM {self._name(table)} WHERE {where}"
        if limit is not None:
            query += f" ORDER BY {', '.join(map(mysql_name, outgoing.keys))} LIMIT {int(limit)}"
        return {tuple(row[:-1]): row[-1] for row in self._tuples(query, values)}

    # -- SQL

    def _name(self, table: str) -> str:
        return mysql_name(table)

    def _quote(self, name: str) -> str:
        return mysql_name(name)

    def _column(self, out: OutItem, keys: Sequence[str], texts: int) -> str:
        given = mysql_type(out.type)
        name = out.item.name
        if name in keys and out.type == "text":
            length = min(_KEY_CHARACTERS, _INDEX_BYTES // 4 // texts)
            given = f"VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE {self._binary()[1]}"
        elif out.type == "text":
            given += f" CHARACTER SET utf8mb4 COLLATE {self._binary()[0]}"
        return f"{mysql_name(name)} {given}{' NOT NULL' if name in keys else ' NULL'} COMMENT %s"

    def _binary(self) -> tuple[str, str]:
        """Binary collations for texts and for keys; for keys one in which a trailing space counts, if there is one."""
        if self._collations is None:
            names = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
            found = {
                row["name"]
                for row in self._rows(
                    "SELECT COLLATION_NAME AS name FROM information_schema.COLLATIONS"
                    " WHERE COLLATION_NAME IN %s",
                    (names,),
                )
            }
            self._collations = ("utf8mb4_bin", next((name for name in names if name in found), "utf8mb4_bin"))
        return self._collations

    def _add_column(self, table: str, out: OutItem) -> None:
        self._repeatable(
            f"ALTER TABLE {self._name(table)} ADD COLUMN {self._column(out, [], 0)}", [out.item.label[:1000]]
        )

    def _fits(self, found: str, item_type: str) -> bool:
        if item_type.startswith("decimal"):
            return found.replace(" ", "") == item_type.replace(" ", "")
        return found.startswith(_FAMILIES[item_type]) and "unsigned" not in found

    def _type_said(self, item_type: str) -> str:
        return mysql_type(item_type)

    def _keyed(self, table: str, keys: Sequence[str]) -> bool:
        return set(keys) in self._unique_indexes(table)

    def _columns(self, table: str) -> dict[str, str]:
        rows = self._rows(
            "SELECT COLUMN_NAME AS name, LOWER(COLUMN_TYPE) AS type FROM information_schema.COLUMNS"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
            (table,),
        )
        return {row["name"]: row["type"] for row in rows}

    def _unique_indexes(self, table: str) -> list[set[str]]:
        rows = self._rows(
            "SELECT INDEX_NAME AS named, COLUMN_NAME AS name FROM information_schema.STATISTICS"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND NON_UNIQUE = 0",
            (table,),
        )
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row["named"], set()).add(row["name"])
        return list(found.values())

    def _must_hold_transactions(self, table: str) -> None:
        row = self._row(
            "SELECT t.ENGINE AS engine FROM information_schema.TABLES t JOIN information_schema.ENGINES e"
            " ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = %s"
            " AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'",
            (table,),
        )
        if row:
            raise Conflict(
                "share.receiver_engine",
                f"接收库的表 {table} 用的是没有事务的 {row['engine']}，请改为 InnoDB，否则进度与数据不能一起提交",
            )

    def _repeatable(self, ddl: str, values: Any = None) -> None:
        """DDL that a killed run may have done already, or may just be doing."""
        try:
            self._run(ddl, values)
        except pymysql.Error as problem:
            if _number(problem) not in _OFTEN_DONE:
                raise

    def _row(self, statement: str, values: Any = None) -> dict[str, Any] | None:
        found = self._rows(statement, values)
        return found[0] if found else None

    def _rows(self, statement: str, values: Any = None) -> list[dict[str, Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def _tuples(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        with self._connection.cursor(Cursor) as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def _change(self, statement: str, values: Any = None) -> int:
        with self._connection.cursor() as cursor:
            return int(cursor.execute(statement, values))

    def _run(self, statement: str, values: Any = None) -> None:
        self._change(statement, values)


_TABLE = "FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"


def mysql_type(item_type: str) -> str:
    return _TYPES.get(item_type, item_type.upper())


def _key_texts(outgoing: Outgoing) -> str:
    types = zip(outgoing.keys, outgoing.key_types, strict=True)
    return ", ".join(field_text(key, item_type, "mysql") for key, item_type in types)


def _range(outgoing: Outgoing, after: Key | None, upto: Key | None) -> tuple[str, list[str]]:
    """The condition ``after < key <= upto``, spelt out: (a, b) > (x, y) is answered from the index by few servers."""
    parts, values = ["true"], []
    for bound, last in ((after, ">"), (upto, "<=")):
        if bound is None:
            continue
        names = [mysql_name(key) for key in outgoing.keys]
        marks = [_BOUNDS.get(kind, f"CAST(%s AS {kind.upper()})") for kind in outgoing.key_types]
        condition, given = f"{names[-1]} {last} {marks[-1]}", [bound[-1]]
        for name, mark, value in reversed(list(zip(names, marks, bound, strict=True))[:-1]):
            wide = last[0]
            condition = f"{name} {wide}= {mark} AND ({name} {wide} {mark} OR ({condition}))"
            given = [value, value, *given]
        parts.append(f"({condition})")
        values += given
    return " AND ".join(parts), values


def _number(problem: BaseException) -> int:
    return problem.args[0] if problem.args and isinstance(problem.args[0], int) else 0


def _told(problem: Exception) -> Exception:
    """The error of ours a database error becomes."""
    number = _number(problem)
    if number in _LOCKED:
        return Locked("share.receiver_locked", "接收表正被占用，稍后再试")
    if number in _UNSTORABLE or isinstance(problem, pymysql.DataError | pymysql.IntegrityError):
        return BadInput("share.row_not_storable", f"接收库不能存放这批数据：{_words(problem)}")
    lost = number in _GONE or 2000 <= number < 3000 or isinstance(problem, OSError | pymysql.InterfaceError)
    if lost:
        return Unavailable("share.receiver_unreachable", f"接收方数据库中断：{_words(problem)}")
    return Conflict("share.receiver_refused", f"接收方数据库拒绝执行：{_words(problem)}")


def _words(problem: Exception) -> str:
    told = problem.args[1] if len(problem.args) > 1 else problem
    return " ".join(str(told).split())[:300]
