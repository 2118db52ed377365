r"""Reading a SQLite file: one read transaction, every value as SQLite holds it.

A column here has an affinity, not a type: an ``INTEGER`` column may hold a text.  So a column is read as whole numbers
only where it is declared so, and the first other value makes it text (``Widened``); everything else is text:

    REAL    the shortest digits that read back as the same number      BLOB    \x and hexadecimal digits
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from jutong.outside.ranges import Part, Value, within_sql
from jutong.outside.reading import Found, Reading, Since, Widened, content_of, file_in, schema_of
from jutong.terms import Address, BadInput, ContentHash, Item, Unavailable, literal, quote

_ROWS = 20_000
#: A table up to this size need not be divided.
SMALL_ROWS = 200_000


class SqliteSource:
    """``config``: ``folder`` and ``file``, opened read-only.  A ``locator``: ``table``."""

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:  # noqa: ARG002
        path = file_in(str(config.get("folder", "")), config)
        self._name = str(config.get("file"))
        try:
            self._connection = sqlite3.connect(
                f"{path.as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=30,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.execute("BEGIN")
            tables = self._connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                " ORDER BY name"
            ).fetchall()
            self._columns = {
                name: self._connection.execute(f"PRAGMA table_xinfo({quote(name)})").fetchall()
                for (name,) in tables
            }
        except sqlite3.Error as problem:
            raise Unavailable(
                "outside.sqlite_unreadable", f"SQLite 文件读不了：{problem}", Address(file=self._name)
            ) from None

    def find(self) -> list[Found]:
        return [
            Found({"table": name}, name, tuple(_item(column) for column in columns), tuple(self._keys(name)))
            for name, columns in self._columns.items()
        ]

    def file(self, locator: Mapping[str, Any]) -> Path | None:  # noqa: ARG002  its tables are gathered, not the file
        return None

    def parts(self, locator: Mapping[str, Any]) -> list[Part]:
        name, _ = self._table(locator)
        types = {column[1]: _item(column).type for column in self._columns[name]}
        keys = self._keys(name)
        (size,) = self._connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()
        usable = size > SMALL_ROWS and bool(keys) and all(types[key] == "integer" for key in keys)
        return [Part(tuple(keys))] if usable else []

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,
        file: Path | None = None,  # noqa: ARG002  every kind is asked alike
        part: Part | None = None,
        text: frozenset[str] = frozenset(),
    ) -> Reading:
        """Raises BadInput ``outside.table_missing``, ``outside.watermark_missing``."""
        name, address = self._table(locator)
        columns = tuple(_item(column, text) for column in self._columns[name])
        where = within_sql(part, quote, _value) if part else "1 = 1"
        order = f" ORDER BY {', '.join(map(quote, part.by))}" if part else ""
        lower = upper = None
        if since is not None:
            bound, lower, upper = self._bounds(name, since, address)
            where = f"{where} AND {bound}"
            order = f" ORDER BY {quote(since.item)}"
        query = f"SELECT {', '.join(quote(column.name) for column in columns)} FROM {quote(name)} WHERE {where}{order}"
        return Reading(columns, self._batches(query, columns, address), watermark=upper, since=lower)

    def count(self, locator: Mapping[str, Any]) -> int:
        name, _ = self._table(locator)
        (rows,) = self._connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()
        return int(rows)

    def fingerprint(
        self, locator: Mapping[str, Any], part: Part | None = None, text: frozenset[str] = frozenset()
    ) -> ContentHash:
        return content_of(self.read(locator, part=part, text=text))

    def _bounds(self, name: str, since: Since, address: Address) -> tuple[str, str | None, str | None]:
        """A watermark is a whole number or a text, never both: SQLite puts every text after every number."""
        if since.item not in {column[1] for column in self._columns[name]}:
            raise BadInput("outside.watermark_missing", f"表里没有增量字段「{since.item}」", address)
        item = quote(since.item)
        (kind, upper), *mixed = self._connection.execute(
            f"SELECT typeof({item}), CAST(max({item}) AS TEXT) FROM {quote(name)} WHERE {item} IS NOT NULL"
            f" GROUP BY typeof({item})"
        ).fetchall() or [("text", None)]
        if mixed or kind not in ("integer", "text"):
            raise BadInput("outside.watermark_type", f"增量字段「{since.item}」须都是整数或都是文本", address)
        told: str | None = upper
        if since.value is None:
            return "1 = 1", None, told
        bound: Value = int(since.value) if kind == "integer" else since.value
        if told is None or (int(told) < bound if isinstance(bound, int) else told < str(bound)):
            told = since.value
        return f"({item} >= {_value(bound)} OR {item} IS NULL)", since.value, told

    def _table(self, locator: Mapping[str, Any]) -> tuple[str, Address]:
        name = str(locator.get("table", ""))
        address = Address(file=self._name, sheet=name)
        if name not in self._columns:
            raise BadInput("outside.table_missing", f"数据库里没有表 {name}", address)
        return name, address

    def _keys(self, name: str) -> list[str]:
        return [
            column[1] for column in sorted(self._columns[name], key=lambda column: column[5]) if column[5]
        ]

    def _batches(self, query: str, columns: tuple[Item, ...], address: Address) -> Iterator[pa.RecordBatch]:
        schema = schema_of(columns)
        try:
            cursor = self._connection.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                arrays = [
                    _array(values, field, address)
                    for values, field in zip(zip(*rows, strict=True), schema, strict=True)
                ]
                yield pa.record_batch(arrays, schema=schema)
        except sqlite3.Error as problem:
            raise BadInput("outside.sqlite_refused", f"读取被拒绝：{problem}", address) from None

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def _item(column: tuple[Any, ...], text: frozenset[str] = frozenset()) -> Item:
    name, declared = column[1], column[2].upper()
    whole = "INT" in declared and "POINT" not in declared and name not in text
    return Item(name, name, "integer" if whole else "text")


def _value(value: Value) -> str:
    return literal(value)


def _array(values: tuple[Any, ...], field: pa.Field[Any], address: Address) -> pa.Array[Any]:
    where = Address(address.file, address.sheet, None, field.name)
    if pa.types.is_integer(field.type):
        if any(not isinstance(value, int) and value is not None for value in values):
            raise Widened(field.name, where)
        return pa.array(values, field.type)
    return pa.array([_told(value) for value in values], pa.string())


def _told(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return repr(value)
