"""Reading PostgreSQL: all tables of a source in one server-side snapshot, as Arrow batches by ADBC.

Text, integers, booleans, dates and zoneless timestamps keep their type; every other type is the server's own
text, cast there: NUMERIC because a float would lose digits, timestamptz because it would lose its offset, an
unknown type because its text is always right.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jutong.database import named_sql
from jutong.outside.ranges import Part, within_sql
from jutong.outside.reading import Found, Reading, Since, Widened, schema_of
from jutong.terms import (
    Address,
    BadInput,
    ContentHash,
    Item,
    JutongError,
    Unavailable,
    combine,
    literal,
    quote,
    set_hash_sql,
)

_sql = named_sql(__file__)

_KEPT = {
    "bool": "boolean",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "text": "text",
    "varchar": "text",
    "date": "date",
    "timestamp": "timestamp",
}
_EPOCH = dt.date(1970, 1, 1)
_FIRST_DAY = (dt.date(1, 1, 1) - _EPOCH).days
_LAST_DAY = (dt.date(9999, 12, 31) - _EPOCH).days
_DAY_US = 86_400_000_000

#: Of a source's config, what is not libpq's.
_OURS = ("url", "publication")
#: Types whose watermark has a now, which it may not pass.
#: A zoneless clock may be Beijing's or UTC's, so the earlier of the two is taken.
_NOW = {
    "timestamp": "(now() AT TIME ZONE 'UTC')",
    "timestamptz": "now()",
    "date": "(now() AT TIME ZONE 'UTC')::date",
}
#: Types whose order in the source is also their order in the lake, text being compared byte by byte in both.
_WATERMARKS = {*_NOW, "int2", "int4", "int8", "text", "varchar"}


#: A part of a table, about a million of ordinary rows; a smaller table than this is one part.
_PART_BYTES, _SMALL_BYTES = 160 << 20, 48 << 20


#: Bytes the driver collects before it hands over: the lake writes while the next ones come.
_BATCH, _BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes", 4 << 20


class PostgresSource:
    """``config``: libpq keywords or a ``url``; the secret is the password.

    One connection, one REPEATABLE READ transaction: every table read here belongs to the same instant.
    A ``locator``: ``table``, ``schema`` (else public).
    """

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        conninfo = conninfo_of(config, secret)
        shown = conninfo_to_dict(conninfo)
        self._name = f"{shown.get('host', '')}/{shown.get('dbname', '')}"
        try:
            # Our own BEGIN: the driver's would refuse to go back to a savepoint after an error.
            self._connection = adbc.connect(conninfo, autocommit=True)
            self._cursor = self._connection.cursor(adbc_stmt_kwargs={_BATCH: str(_BATCH_BYTES)})
            self._cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._cursor.execute("SET LOCAL TimeZone = 'Asia/Shanghai'")
            self._cursor.execute("SET LOCAL DateStyle = 'ISO, YMD'")
            self._cursor.execute("SET LOCAL extra_float_digits = 1")
            self._cursor.execute("SAVEPOINT whole")
        except adbc_driver_manager.Error as problem:
            raise Unavailable(
                "outside.postgres_unreachable",
                f"数据源连接不上：{_words(problem, secret)}",
                Address(file=self._name),
            ) from None
        self._secret = secret
        self._columns: dict[tuple[str, str], list[dict[str, Any]]] | None = None

    def find(self) -> list[Found]:
        return [
            Found(
                {"schema": schema, "table": table},
                rows[0]["table_label"] or table,
                tuple(_item(row) for row in rows),
                tuple(rows[0]["keys"] or ()),
            )
            for (schema, table), rows in self._described().items()
        ]

    def kinds(self, locator: Mapping[str, Any]) -> dict[str, str]:
        """Column → type, domains resolved; Raises BadInput ``outside.table_missing``."""
        return {row["column_name"]: row["type_name"] for row in self._table(locator)[1]}

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
        """Raises BadInput ``outside.table_missing`` or ``outside.watermark_missing``."""
        name, rows, address = self._table(locator)
        columns = tuple(_item(row, text) for row in rows)
        types = {row["column_name"]: row["type_name"] for row in rows}
        selected = ", ".join(_selected(row, text) for row in rows)
        if since is None:
            query = f"SELECT {selected} FROM {name}{_within(part)}"
            return Reading(columns, self._batches(query, columns, address))
        if since.item not in types:
            raise BadInput("outside.watermark_missing", f"表里没有增量字段「{since.item}」", address)
        if types[since.item] not in _WATERMARKS:
            raise BadInput(
                "outside.watermark_type", f"增量字段「{since.item}」须是时间、日期、整数或文本", address
            )
        where, lower, upper = self._bounds(name, since, types[since.item], address)
        order = ", ".join(quote(item) for item in (since.item, *since.keys) if item in types)
        query = f"SELECT {selected} FROM {name} WHERE {where} ORDER BY {order}"
        return Reading(columns, self._batches(query, columns, address), watermark=upper, since=lower)

    def parts(self, locator: Mapping[str, Any]) -> list[Part]:
        """Ranges of blocks, each of about ``_PART_BYTES``, the last one open; views and their like have none.

        Before version 14 a range of blocks is not found without reading the whole table.
        """
        name, _, address = self._table(locator)
        row = self._rows(_sql.blocks.as_string(None).format(table=literal(name)), address)[0]
        if not row["divisible"]:
            return []
        size, step = row["blocks"] * row["block_size"], _PART_BYTES // row["block_size"]
        if size > _SMALL_BYTES:  # at least two, so that it is known for a large one
            step = max(1, min(step, -(-row["blocks"] // 2)))
        starts = [*range(0, max(1, row["blocks"]), step)]
        return [Part((), (low,), (low + step,) if low != starts[-1] else None) for low in starts]

    def count(self, locator: Mapping[str, Any]) -> int:
        name, _, address = self._table(locator)
        return int(self._rows(f"SELECT count(*) AS n FROM {name}", address)[0]["n"])

    def fingerprint(
        self, locator: Mapping[str, Any], part: Part | None = None, text: frozenset[str] = frozenset()
    ) -> ContentHash:
        """The set hash of a table's rows, or of one part of it, computed by the server over the values ``read``
        gives."""
        name, rows, address = self._table(locator)
        typed = [(item.name, item.type) for item in (_item(row, text) for row in rows)]
        given = f"(SELECT {', '.join(_selected(row, text) for row in rows)} FROM {name}{_within(part)})"
        row = self._rows(set_hash_sql(f"{given} AS given", typed, "postgres"), address)[0]
        return combine(row["n"], [None if row[f"q{i}"] is None else int(row[f"q{i}"]) for i in range(4)])

    def _table(self, locator: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]], Address]:
        schema, table = str(locator.get("schema", "public")), str(locator.get("table", ""))
        address = Address(file=self._name, sheet=table)
        rows = self._described().get((schema, table))
        if not rows:
            raise BadInput(
                "outside.table_missing", f"数据库里没有表 {schema}.{table}，或者没有读它的权限", address
            )
        return f"{quote(schema)}.{quote(table)}", rows, address

    def _bounds(
        self, name: str, since: Since, type_name: str, address: Address
    ) -> tuple[str, str | None, str | None]:
        """Which rows are due: the WHERE, the lower bound and the next watermark, in the source's own text.

        Rows at the old watermark itself come again (another may have been committed there since), those before
        it as far as the look-back, and those without any; the caller drops what it holds already.  The next
        watermark never runs ahead of the source's own clock: one row dated 9999 must not end all reading.
        """
        item = quote(since.item) + (' COLLATE "C"' if _KEPT.get(type_name) == "text" else "")
        value = f"{literal(since.value)}::{quote(type_name)}"
        passed = f" FILTER (WHERE {item} <= {_NOW[type_name]})" if type_name in _NOW else ""
        lower = value + _step_back(since.lookback, type_name) if since.value is not None else "NULL"
        query = f"SELECT greatest(max({item}){passed}, {value})::text AS upper, ({lower})::text AS lower FROM {name}"
        row = self._rows(query, address)[0]
        if row["lower"] is None:
            return "true", None, row["upper"]
        bound = f"{literal(row['lower'])}::{quote(type_name)}"
        return f"({item} >= {bound} OR {item} IS NULL)", row["lower"], row["upper"]

    def _described(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        if self._columns is None:
            self._columns = {}
            query = _sql.columns.as_string(None)
            for row in self._rows(query, Address(file=self._name)):
                self._columns.setdefault((row["schema_name"], row["table_name"]), []).append(row)
        return self._columns

    def _rows(self, query: str, address: Address) -> list[dict[str, Any]]:
        try:
            self._cursor.execute(query)
            table: pa.Table = self._cursor.fetch_arrow_table()
        except adbc_driver_manager.Error as problem:
            raise self._broken(problem, address) from None
        return table.to_pylist()

    def _batches(self, query: str, columns: tuple[Item, ...], address: Address) -> Iterator[pa.RecordBatch]:
        schema = schema_of(columns)
        try:
            self._cursor.execute(query)
            with self._cursor.fetch_record_batch() as reader:
                for batch in reader:
                    yield _typed(batch, schema, address)
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as problem:
            raise self._broken(problem, address) from None

    def _broken(self, problem: Exception, address: Address) -> JutongError:
        """What went wrong, in ours; the transaction goes on, for one bad table must not stop the others."""
        words = _words(problem, self._secret)
        try:
            self._cursor.execute("ROLLBACK TO SAVEPOINT whole")
        except adbc_driver_manager.Error:
            return Unavailable("outside.source_vanished", f"读到一半时数据源断开了：{words}", address)
        return BadInput("outside.postgres_refused", f"数据库拒绝了这次读取：{words}", address)

    def close(self) -> None:
        for part in (self._cursor, self._connection):
            with suppress(adbc_driver_manager.Error):  # the server is gone; there is nothing left to close
                part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def conninfo_of(config: Mapping[str, Any], secret: str | None) -> str:
    url = str(config.get("url", ""))
    parts = {name: str(value) for name, value in config.items() if name not in _OURS and value is not None}
    defaults = {"connect_timeout": "10", "keepalives_idle": "30", "application_name": "jutong"}
    try:
        given = {
            name: str(value) for name, value in conninfo_to_dict(url, **parts).items() if value is not None
        }
        if secret is not None:
            given["password"] = secret
        return str(make_conninfo(**{**defaults, **given}))
    except psycopg.ProgrammingError as problem:
        raise BadInput("outside.postgres_config", f"数据源的连接参数有误：{problem}") from None


def _step_back(seconds: int, type_name: str) -> str:
    if not seconds or type_name not in _NOW:
        return ""
    return f" - {-(-seconds // 86_400)}" if type_name == "date" else f" - interval '{int(seconds)} seconds'"


def _item(row: Mapping[str, Any], text: frozenset[str] = frozenset()) -> Item:
    name = row["column_name"]
    kind = "text" if name in text else _KEPT.get(row["type_name"], "text")
    return Item(name, row["label"] or name, kind)


def _selected(row: Mapping[str, Any], text: frozenset[str] = frozenset()) -> str:
    column = quote(row["column_name"])
    kept = row["type_name"] in _KEPT and row["column_name"] not in text
    return column if kept else f"{column}::text AS {column}"


def _within(part: Part | None) -> str:
    if part is None:
        return ""
    if part.by:
        return f" WHERE {within_sql(part, quote, literal)} ORDER BY {', '.join(map(quote, part.by))}"
    low, high = (part.low or (0,))[0], part.high[0] if part.high else None
    until = f" AND ctid < '({int(high)},0)'" if high is not None else ""
    return f" WHERE ctid >= '({int(low)},0)'{until}"


def _typed(batch: pa.RecordBatch, schema: pa.Schema, address: Address) -> pa.RecordBatch:
    """Widen integers to 64 bit; a date outside the calendar (``infinity``) asks for the column as text."""
    columns = []
    for field, column in zip(schema, batch.columns, strict=True):
        if pa.types.is_date32(field.type) or pa.types.is_timestamp(field.type):
            _check_calendar(column, Address(address.file, address.sheet, None, field.name))
        columns.append(column if column.type == field.type else pc.cast(column, field.type))
    return pa.record_batch(columns, schema=schema)


def _check_calendar(column: pa.Array[Any], address: Address) -> None:
    days = pa.types.is_date32(column.type)
    ticks: Any = pc.min_max(column.cast(pa.int32() if days else pa.int64())).as_py()
    first, last = (_FIRST_DAY, _LAST_DAY) if days else (_FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    if ticks["min"] is not None and not first <= ticks["min"] <= ticks["max"] <= last:
        raise Widened(address.item or "", address)


def _words(problem: Exception, secret: str | None) -> str:
    words = " ".join(str(problem).split())
    return words.replace(secret, "…") if secret else words
