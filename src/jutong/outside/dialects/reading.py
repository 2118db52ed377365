r"""Reading a database through its SQLAlchemy dialect: slower than a connector of its own, and as exact.

A column keeps its type where that has one meaning everywhere; every other value is told as text: a decimal by its digits
(never through a float), bytes as ``\x`` and hexadecimal digits, what nobody knows as the server casts it to text.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mssql, oracle
from sqlalchemy.engine import URL

from jutong.outside.patience import opened_within
from jutong.outside.ranges import Part
from jutong.outside.reading import Found, Reading, Since, Widened, content_of, schema_of
from jutong.terms import (
    Address,
    BadInput,
    ContentHash,
    Item,
    JutongError,
    Unavailable,
)

_ROWS = 10_000
#: How a dialect is asked for one state of all tables; others give what their reading gives.
_SNAPSHOT = {"postgresql": "REPEATABLE READ", "mysql": "REPEATABLE READ", "mariadb": "REPEATABLE READ",
             "oracle": "SERIALIZABLE", "mssql": "SNAPSHOT"}  # fmt: skip
#: Seconds a server may take until it has let us in, whatever its driver thinks of it.
CONNECT = 20.0
#: How drivers are told to give up by themselves: seconds until let in, and until an answer comes.
_LIMITS: dict[str, dict[str, Any]] = {
    "psycopg": {"connect_timeout": 10}, "psycopg2": {"connect_timeout": 10}, "mysqldb": {"connect_timeout": 10},
    "pymysql": {"connect_timeout": 10, "read_timeout": 300}, "mariadbconnector": {"connect_timeout": 10},
    "oracledb": {"tcp_connect_timeout": 10.0}, "pymssql": {"login_timeout": 10, "timeout": 300}, "pyodbc": {"timeout": 10},
}  # fmt: skip
_WHOLE = range(-(2**63), 2**63)


class DialectSource:
    """``config``: ``url`` (``oracle+oracledb://user@host:1521/?service_name=x``, without the password), ``schema``.

    A ``locator``: ``table``, ``schema``.  The secret is the password.
    """

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        url = _url(config)
        self._secret = secret
        self._name = url.set(password=None).render_as_string(hide_password=True)
        self._schema = str(config["schema"]) if config.get("schema") else None
        self._tables: dict[tuple[str | None, str], sa.Table] = {}
        try:
            self._engine = sa.create_engine(
                url.set(password=secret) if secret else url, pool_size=1, connect_args=_limits(url)
            )
            level = _SNAPSHOT.get(self._engine.dialect.name)
            options = {"isolation_level": level} if level else {}
            self._connection = _let_in(self._engine).execution_options(**options)
            self._inspector = sa.inspect(self._connection)
        except (exc.NoSuchModuleError, ImportError) as problem:
            raise BadInput(
                "outside.dialect_missing",
                f"没有安装「{url.drivername}」的驱动：{problem}",
                Address(file=self._name),
            ) from None
        except (exc.SQLAlchemyError, OSError) as problem:
            raise Unavailable(
                "outside.dialect_unreachable",
                f"数据源连接不上：{self._words(problem)}",
                Address(file=self._name),
            ) from None

    def find(self) -> list[Found]:
        """Tables and views of the schema; one that cannot be described is left out."""
        with self._explained(Address(file=self._name)):
            names = [
                *self._inspector.get_table_names(self._schema), *self._inspector.get_view_names(self._schema),
            ]  # fmt: skip
        found = []
        for name in sorted(names):
            locator = {"table": name, **({"schema": self._schema} if self._schema else {})}
            with suppress(JutongError):
                table = self._table(locator)
                keys = tuple(column.name for column in table.primary_key)
                found.append(Found(locator, table.comment or name, tuple(map(_item, table.columns)), keys))
        return found

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
        address = Address(file=self._name, sheet=table.name)
        columns = tuple(_item(column, text) for column in table.columns)
        family = self._engine.dialect.name
        query = sa.select(*(_selected(column, family) for column in table.columns))
        if part is not None:
            by = [table.columns[name] for name in part.by]
            query = query.where(*_within(by, part)).order_by(*by)
        lower = upper = None
        if since is not None:
            item = self._watermark(table, since, address)
            upper = self._upper(item, since, address)
            if since.value is not None:
                lower = since.value
                query = query.where((item >= _bound(item, lower, address)) | item.is_(None))
            known = [table.columns[key] for key in since.keys if key in table.columns]
            query = query.order_by(item, *known)
        return Reading(columns, self._batches(query, columns, address), watermark=upper, since=lower)

    def parts(self, locator: Mapping[str, Any]) -> list[Part]:
        """None: what a range costs is different in every system."""
        self._table(locator)
        return []

    def count(self, locator: Mapping[str, Any]) -> int:
        table = self._table(locator)
        with self._explained(Address(file=self._name, sheet=table.name)):
            return int(self._connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0)

    def fingerprint(
        self, locator: Mapping[str, Any], part: Part | None = None, text: frozenset[str] = frozenset()
    ) -> ContentHash:
        """Computed here: the systems have no hash in common."""
        return content_of(self.read(locator, part=part, text=text))

    def close(self) -> None:
        with suppress(exc.SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _table(self, locator: Mapping[str, Any]) -> sa.Table:
        name, schema = str(locator.get("table", "")), locator.get("schema") or self._schema
        address = Address(file=self._name, sheet=name)
        if (schema, name) not in self._tables:
            with self._explained(address):
                try:
                    table = sa.Table(
                        name, sa.MetaData(), schema=schema, autoload_with=self._connection, resolve_fks=False
                    )
                except exc.NoSuchTableError:
                    raise BadInput(
                        "outside.table_missing", f"数据库里没有表 {name}，或者没有读它的权限", address
                    ) from None
            self._tables[schema, name] = table
        return self._tables[schema, name]

    def _watermark(self, table: sa.Table, since: Since, address: Address) -> sa.Column[Any]:
        if since.item not in table.columns:
            raise BadInput("outside.watermark_missing", f"表里没有增量字段「{since.item}」", address)
        column = table.columns[since.item]
        if _ordered(column.type) not in ("integer", "date", "timestamp"):
            raise BadInput("outside.watermark_type", f"增量字段「{since.item}」须是时间、日期或整数", address)
        return column

    def _upper(self, item: sa.Column[Any], since: Since, address: Address) -> str | None:
        """The greatest value, but of a time none that lies ahead of the clock here."""
        asked = sa.select(sa.func.max(item))
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        if _ordered(item.type) == "timestamp":
            asked = asked.where(item <= now)
        elif _ordered(item.type) == "date":
            asked = asked.where(item <= now.date())
        with self._explained(address):
            found = self._connection.execute(asked).scalar()
        if found is None:
            return since.value
        if since.value is not None and _bound(item, since.value, address) > found:
            return since.value
        return str(found)

    def _batches(
        self, query: sa.Select[Any], columns: tuple[Item, ...], address: Address
    ) -> Iterator[pa.RecordBatch]:
        schema = schema_of(columns)
        with self._explained(address):
            rows = self._connection.execution_options(stream_results=True, max_row_buffer=_ROWS).execute(
                query
            )
            with rows:
                for part in rows.partitions(_ROWS):
                    arrays = [
                        _array(values, field, address)
                        for values, field in zip(zip(*part, strict=True), schema, strict=True)
                    ]
                    yield pa.record_batch(arrays, schema=schema)

    def _explained(self, address: Address) -> _Explained:
        return _Explained(self, address)

    def told(self, problem: Exception, address: Address) -> JutongError:
        """What went wrong, in ours; after a refusal the connection answers as before."""
        gone = isinstance(problem, OSError) or bool(getattr(problem, "connection_invalidated", False))
        with suppress(exc.SQLAlchemyError, OSError):
            self._connection.rollback()
        words = self._words(problem)
        if gone:
            return Unavailable("outside.source_vanished", f"读到一半时数据源断开了：{words}", address)
        return BadInput("outside.dialect_refused", f"数据库拒绝了这次读取：{words}", address)

    def _words(self, problem: Exception) -> str:
        said = getattr(problem, "orig", None) or problem
        words = " ".join(str(said).split())
        return words.replace(self._secret, "…") if self._secret else words


class _Explained:
    """A block in which the dialect's problems become ours."""

    def __init__(self, source: DialectSource, address: Address) -> None:
        self._source, self._address = source, address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, _: object) -> None:
        if isinstance(problem, exc.SQLAlchemyError | OSError):
            raise self._source.told(problem, self._address) from None


def _url(config: Mapping[str, Any]) -> URL:
    unknown = sorted(set(config) - {"url", "schema"})
    if unknown or not config.get("url"):
        told = f"不认得 {'、'.join(unknown)}" if unknown else "缺少 url"
        raise BadInput("outside.dialect_config", f"数据源的连接参数有误：{told}")
    try:
        url = sa.make_url(str(config["url"]))
    except exc.ArgumentError:
        raise BadInput("outside.dialect_config", "数据源的连接参数有误：url 读不懂") from None
    if url.password:
        raise BadInput("outside.dialect_config", "口令不能写在连接地址里，请另存为密文")
    return url


def _limits(url: URL) -> dict[str, Any]:
    known = _LIMITS.get(url.get_driver_name(), {})
    return {name: value for name, value in known.items() if name not in url.query}


def _let_in(engine: sa.Engine) -> sa.Connection:
    """A connection, or NotLetIn: a server that lets nobody in may not hold us (a silent port, a firewall)."""
    if engine.dialect.name == "sqlite":  # a file
        return engine.connect()
    return opened_within(CONNECT, engine.connect)


def _kind(kind: sa.types.TypeEngine[Any]) -> str:
    """The item type a column keeps."""
    return "text" if _cut_by_drivers(kind) else _ordered(kind)


def _ordered(kind: sa.types.TypeEngine[Any]) -> str:
    """The item type by whose order its values can be asked for."""
    if isinstance(kind, sa.Boolean):
        return "boolean"
    if isinstance(
        kind, oracle.NUMBER
    ):  # one type for all numbers, which SQLAlchemy also counts among integers
        return "integer" if kind.scale == 0 and 0 < (kind.precision or 0) <= 18 else "text"
    if isinstance(kind, sa.Integer):
        return "integer"
    if isinstance(kind, sa.DateTime):  # before the date: Oracle's DATE is both
        zoned = getattr(kind, "timezone", False) or getattr(kind, "local_timezone", False)
        return "text" if zoned or isinstance(kind, mssql.DATETIMEOFFSET) else "timestamp"
    return "date" if isinstance(kind, sa.Date) else "text"


def _cut_by_drivers(kind: sa.types.TypeEngine[Any]) -> bool:
    """Times that drivers hand over without their offset, or without what is finer than a microsecond."""
    if isinstance(kind, oracle.TIMESTAMP | mssql.DATETIMEOFFSET):
        return True  # how fine an Oracle column is, its description does not say
    return isinstance(kind, mssql.DATETIME2 | mssql.TIME) and (kind.precision is None or kind.precision > 6)


def _item(column: sa.Column[Any], text: frozenset[str] = frozenset()) -> Item:
    kind = "text" if column.name in text else _kind(column.type)
    return Item(column.name, column.comment or column.name, kind)


def _selected(column: sa.Column[Any], family: str) -> sa.ColumnElement[Any]:
    """Raw values of the driver where it gives them exactly; what it would take apart is cast there."""
    kind = column.type
    if _cut_by_drivers(kind):
        return _time_told(column).label(column.name)
    if _kind(kind) != "text" or isinstance(kind, sa.String | sa.LargeBinary | sa.Uuid):
        return column
    if isinstance(kind, sa.types.NullType | sa.JSON | sa.ARRAY | sa.Interval | oracle.INTERVAL):
        return sa.cast(column, _TEXTS.get(family, sa.Text())).label(column.name)
    return sa.type_coerce(column, sa.types.NullType()).label(column.name)


#: What a server casts a value of an unknown type to: Oracle casts to no CLOB, SQL Server's VARCHAR has no Chinese.
_TEXTS: dict[str, sa.types.TypeEngine[str]] = {"oracle": sa.String(4000), "mssql": mssql.NVARCHAR()}


def _time_told(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    if isinstance(column.type, oracle.TIMESTAMP):
        zoned = column.type.timezone or column.type.local_timezone
        form = "YYYY-MM-DD HH24:MI:SS.FF9" + (" TZH:TZM" if zoned else "")
        return sa.func.to_char(column, form, type_=sa.String())
    return sa.func.convert(
        sa.literal_column("varchar(40)"), column, sa.literal_column("121"), type_=sa.String()
    )


def _within(by: Sequence[sa.Column[Any]], part: Part) -> Iterator[sa.ColumnElement[bool]]:
    """Behind ``low`` and not behind ``high``; without row values, which not every system compares."""

    def behind(values: Sequence[Any]) -> sa.ColumnElement[bool]:
        steps = []
        for place, (column, value) in enumerate(zip(by, values, strict=True)):
            same = [one == was for one, was in zip(by[:place], values[:place], strict=True)]
            steps.append(sa.and_(*same, column > value))
        return sa.or_(*steps)

    if part.low is not None:
        yield behind(part.low)
    if part.high is not None:
        yield sa.not_(behind(part.high))


def _bound(item: sa.Column[Any], value: str, address: Address) -> Any:
    read: dict[str, Callable[[str], Any]] = {
        "integer": int, "date": dt.date.fromisoformat, "timestamp": dt.datetime.fromisoformat,
    }  # fmt: skip
    try:
        return read[_ordered(item.type)](value)
    except ValueError:
        raise BadInput(
            "outside.watermark_type", f"增量值「{value}」不是「{item.name}」的值", address
        ) from None


def _array(values: tuple[Any, ...], field: pa.Field[Any], address: Address) -> pa.Array[Any]:
    """Raises Widened for a value its column's type cannot hold."""
    fits = _FITS.get(field.type)
    if fits is None:
        return pa.array([_told(value) for value in values], pa.string())
    if not all(value is None or fits(value) for value in values):
        raise Widened(field.name, Address(address.file, address.sheet, None, field.name))
    plain: pa.Array[Any] = pa.array(
        [value if value is None else _plain(value, field) for value in values], field.type
    )
    return plain


_FITS: dict[pa.DataType, Callable[[Any], bool]] = {
    pa.int64(): lambda value: (
        isinstance(value, int | Decimal) and value == int(value) and int(value) in _WHOLE
    ),
    pa.bool_(): lambda value: value in (0, 1),
    pa.date32(): lambda value: isinstance(value, dt.date),
    pa.timestamp("us"): lambda value: isinstance(value, dt.datetime) and value.tzinfo is None,
}


def _plain(value: Any, field: pa.Field[Any]) -> Any:
    if pa.types.is_integer(field.type):
        return int(value)
    return bool(value) if pa.types.is_boolean(field.type) else value


def _told(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
