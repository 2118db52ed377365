"""Reading the MySQL family: all tables of a source in one consistent snapshot, streamed as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.cursors import DictCursor

from jutong.database import named_sql
from jutong.outside.mysql.connecting import (
    connect_mysql,
    mysql_name,
    mysql_text,
    parts_of,
    place_of,
    words_of,
)
from jutong.outside.mysql.rows import ask, columns_of
from jutong.outside.mysql.types import ORDERED, WATERMARKS, item_type, selected
from jutong.outside.ranges import Part, within_sql
from jutong.outside.reading import Found, Reading, Since, Widened, schema_of
from jutong.terms import Address, BadInput, ContentHash, Item, Unavailable, combine, set_hash_sql

_sql = named_sql(__file__)

#: A table up to this size need not be divided.
SMALL_BYTES = 48 << 20
#: A watermark never runs ahead of the source's own clock; a zoneless one may be Beijing's or UTC's.
_NOW = {"datetime": "UTC_TIMESTAMP(6)", "timestamp": "NOW(6)", "date": "UTC_DATE()"}
#: The protocol's errors after which the connection is gone.
_GONE = {2006, 2013, 2014, 2055, 1053, 1927, 4031}


class MysqlSource:
    """``config``: see ``connect_mysql``.  A ``locator``: ``table``, ``schema`` (else the config's database).

    One connection, one snapshot: every table read here belongs to the same instant, unless a reading was left
    before its end, for then the connection is made anew.
    """

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        self._config, self._secret = dict(config), secret
        parts = parts_of(config)
        self._name, self._database = place_of(parts), str(parts.get("database") or "")
        self._columns: dict[tuple[str, str], list[dict[str, Any]]] | None = None
        self._keys: dict[tuple[str, str], list[str]] = {}
        self._connection: Any = None
        self._left = False
        self._begin()

    def _begin(self) -> None:
        self._left = False
        self._connection = connect_mysql(self._config, self._secret, autocommit=True, cursorclass=DictCursor)
        self._rows("START TRANSACTION WITH CONSISTENT SNAPSHOT", Address(file=self._name))

    def find(self) -> list[Found]:
        return [
            Found(
                {"schema": schema, "table": table},
                rows[0]["table_label"] or table,
                tuple(_item(row) for row in rows),
                tuple(self._keys.get((schema, table), ())),
            )
            for (schema, table), rows in self._described().items()
        ]

    def file(self, locator: Mapping[str, Any]) -> Path | None:  # noqa: ARG002  a table is no file
        return None

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,
        file: Path | None = None,  # noqa: ARG002  every kind is asked alike
        part: Part | None = None,
        text: frozenset[str] = frozenset(),
    ) -> Reading:
        """Raises BadInput ``outside.table_missing``, ``outside.watermark_missing``, ``outside.watermark_type``."""
        table = self._table(locator)
        columns = tuple(_item(row, text) for row in table.rows)
        query = f"SELECT {', '.join(selected(row) for row in table.rows)} FROM {table.name}"
        if since is None:
            where = _within(part)
            order = f" ORDER BY {', '.join(map(mysql_name, part.by))}" if part is not None else ""
            return Reading(columns, self._batches(f"{query} WHERE {where}{order}", columns, table.address))
        where, lower, upper = self._bounds(table, since)
        order = ", ".join(mysql_name(item) for item in (since.item, *since.keys) if item in table.types)
        query = f"{query} WHERE {where} AND {_within(part)} ORDER BY {order}"
        return Reading(columns, self._batches(query, columns, table.address), watermark=upper, since=lower)

    def parts(self, locator: Mapping[str, Any]) -> list[Part]:
        """The whole table in the order of its primary key, to be cut at any row; none without a usable key, nor
        for a small table."""
        table = self._table(locator)
        if (table.rows[0]["bytes"] or 0) < SMALL_BYTES:
            return []
        usable = bool(table.keys) and all(table.types[key] in ORDERED for key in table.keys)
        return [Part(tuple(table.keys))] if usable else []

    def count(self, locator: Mapping[str, Any]) -> int:
        table = self._table(locator)
        return int(self._rows(f"SELECT COUNT(*) AS n FROM {table.name}", table.address)[0]["n"])

    def fingerprint(
        self, locator: Mapping[str, Any], part: Part | None = None, text: frozenset[str] = frozenset()
    ) -> ContentHash:
        """The set hash of a table's rows, or of one part of it, computed by the server over the values ``read``
        gives."""
        table = self._table(locator)
        typed = [(item.name, item.type) for item in (_item(row, text) for row in table.rows)]
        rows = f"(SELECT {', '.join(selected(row) for row in table.rows)} FROM {table.name} WHERE {_within(part)})"
        row = self._rows(set_hash_sql(f"{rows} AS given", typed, "mysql"), table.address)[0]
        return combine(row["n"], [row[f"q{place}"] for place in range(4)])

    def _table(self, locator: Mapping[str, Any]) -> _Table:
        schema, name = str(locator.get("schema") or self._database), str(locator.get("table", ""))
        address = Address(file=self._name, sheet=name)
        rows = self._described().get((schema, name))
        if not rows:
            raise BadInput(
                "outside.table_missing", f"数据库里没有表 {schema}.{name}，或者没有读它的权限", address
            )
        return _Table(mysql_name(schema, name), rows, self._keys.get((schema, name), []), address)

    def _bounds(self, table: _Table, since: Since) -> tuple[str, str | None, str | None]:
        """As for PostgreSQL: rows at the old watermark again, those as far as the look-back, those without any."""
        if since.item not in table.types:
            raise BadInput("outside.watermark_missing", f"表里没有增量字段「{since.item}」", table.address)
        kind = table.types[since.item]
        if kind not in WATERMARKS:
            raise BadInput(
                "outside.watermark_type", f"增量字段「{since.item}」须是时间、日期、整数或文本", table.address
            )
        item = mysql_name(since.item)
        ordered = f"BINARY {item}" if kind in ("char", "varchar") else item
        passed = f"IF({item} <= {_NOW[kind]}, {item}, NULL)" if kind in _NOW else ordered
        upper = self._rows(f"SELECT CAST(MAX({passed}) AS CHAR) AS v FROM {table.name}", table.address)[0][
            "v"
        ]
        upper = _later(since.value, upper, kind)
        if since.value is None:
            return "TRUE", None, upper
        lower = since.value
        if since.lookback and kind in _NOW:
            unit = (
                f"{-(-since.lookback // 86_400)} DAY" if kind == "date" else f"{int(since.lookback)} SECOND"
            )
            asked = f"SELECT CAST({mysql_text(lower)} - INTERVAL {unit} AS CHAR) AS v"
            lower = self._rows(asked, table.address)[0]["v"] or lower
        bound = str(int(lower)) if kind not in (*_NOW, "char", "varchar") else mysql_text(lower)
        return f"({ordered} >= {bound} OR {item} IS NULL)", lower, upper

    def _described(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        if self._columns is None:
            where = Address(file=self._name)
            found: dict[tuple[str, str], list[dict[str, Any]]] = {}
            for row in self._rows(_sql.columns.as_string(None), where):
                found.setdefault((row["schema_name"], row["table_name"]), []).append(row)
            for row in self._rows(_sql.keys.as_string(None), where):
                self._keys.setdefault((row["schema_name"], row["table_name"]), []).append(row["column_name"])
            self._columns = found
        return self._columns

    def _rows(self, query: str, address: Address) -> list[dict[str, Any]]:
        if self._left:
            self._begin()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        except (pymysql.Error, OSError) as problem:
            raise self._broken(problem, address) from None

    def _batches(self, query: str, columns: tuple[Item, ...], address: Address) -> Iterator[pa.RecordBatch]:
        schema = schema_of(columns)
        whole = False
        if self._left:
            self._begin()
        try:
            count = ask(self._connection, query)
            for arrays in columns_of(self._connection, count):
                yield _typed(arrays, schema, address)
            whole = True
        except (pymysql.Error, OSError) as problem:
            whole = isinstance(problem, pymysql.Error) and problem.args[0] not in _GONE
            raise self._broken(problem, address) from None
        finally:
            if not whole:  # rows are still on their way: the connection cannot be asked anything else
                self._left = True
                self._close()

    def _broken(self, problem: Exception, address: Address) -> BadInput | Unavailable:
        words = words_of(problem, self._secret)
        if isinstance(problem, pymysql.Error) and problem.args and problem.args[0] not in _GONE:
            return BadInput("outside.mysql_refused", f"数据库拒绝了这次读取：{words}", address)
        self._close()
        return Unavailable("outside.source_vanished", f"读到一半时数据源断开了：{words}", address)

    def _close(self) -> None:
        with suppress(pymysql.Error, OSError):
            self._connection._force_close()

    def close(self) -> None:
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


class _Table:
    def __init__(self, name: str, rows: list[dict[str, Any]], keys: list[str], address: Address) -> None:
        self.name, self.rows, self.keys, self.address = name, rows, keys, address
        self.types = {row["column_name"]: row["data_type"] for row in rows}


def _item(row: Mapping[str, Any], text: frozenset[str] = frozenset()) -> Item:
    name = row["column_name"]
    return Item(name, row["label"] or name, "text" if name in text else item_type(row))


def _within(part: Part | None) -> str:
    return "TRUE" if part is None else within_sql(part, mysql_name, _value)


def _value(value: str | int) -> str:
    return str(value) if isinstance(value, int) else mysql_text(value)


def _later(old: str | None, new: str | None, kind: str) -> str | None:
    if old is None or new is None:
        return new if old is None else old
    if kind in _NOW or kind in ("char", "varchar"):
        return max(old, new)
    return str(max(int(old), int(new)))


def _typed(arrays: Sequence[pa.Array[Any]], schema: pa.Schema, address: Address) -> pa.RecordBatch:
    columns = []
    for field, views in zip(schema, arrays, strict=True):
        try:
            column = pc.cast(views, pa.string())
        except pa.ArrowInvalid:
            where = Address(address.file, address.sheet, None, field.name)
            raise BadInput("outside.mysql_text", "值里有不是 UTF-8 的字节", where) from None
        if not pa.types.is_string(field.type):
            try:
                column = pc.cast(column, field.type)
            except pa.ArrowInvalid:
                where = Address(address.file, address.sheet, None, field.name)
                raise Widened(field.name, where) from None
        columns.append(column)
    return pa.record_batch(columns, schema=schema)
