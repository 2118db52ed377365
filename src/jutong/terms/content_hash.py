"""Content hash: whether two tables hold the same rows, whatever engine they live in (design §9).

Canonical row = for each field ``<length in UTF-8 bytes>:<text>``, and ``-`` for NULL, so that NULL, empty
and shifted fields all differ.  Text per type: decimals with their declared scale, dates ``YYYY-MM-DD``,
timestamps ``YYYY-MM-DDTHH:MM:SS.ffffff`` (zoneless; instants in UTC), booleans ``t``/``f``.
Row hash = MD5 of the canonical row; set hash = sum of the row hashes as integers, modulo 2^128.
The sum makes the set hash independent of order yet, unlike XOR, aware of doubled rows.

Each dialect sums four 32-bit quarters of the MD5 apart, because no engine but ours adds 128-bit numbers;
``combine`` puts the quarters together.  Equal in DuckDB, PostgreSQL, MariaDB and Spark by one shared test.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Literal

Dialect = Literal["duckdb", "postgres", "mysql", "spark"]
Column = tuple[str, str]
"""(name, item type)"""


@dataclass(frozen=True)
class ContentHash:
    rows: int
    digest: str

    def __add__(self, other: ContentHash) -> ContentHash:
        """Hash of two disjoint parts together."""
        total = (int(self.digest, 16) + int(other.digest, 16)) % (1 << 128)
        return ContentHash(self.rows + other.rows, f"{total:032x}")


#: Decimals have up to 38 digits (Python's own context keeps 28); databases round halves away from zero.
_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)
EMPTY = ContentHash(0, "0" * 32)


def combine(rows: int, quarters: Sequence[int | Decimal | None]) -> ContentHash:
    """Put the four summed quarters (most significant first) together."""
    total = sum(int(part or 0) << (32 * (3 - place)) for place, part in enumerate(quarters))
    return ContentHash(int(rows), f"{total % (1 << 128):032x}")


def _quote(name: str, dialect: Dialect) -> str:
    mark = "`" if dialect in ("mysql", "spark") else '"'
    return mark + name.replace(mark, mark * 2) + mark


def field_text(name: str, item_type: str, dialect: Dialect) -> str:
    """SQL for the one fixed text of a field; NULL stays NULL."""
    column = _quote(name, dialect)
    if item_type == "boolean":
        return f"CASE WHEN {column} THEN 't' WHEN NOT {column} THEN 'f' END"
    if item_type == "timestamp":
        return {
            "duckdb": f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%f')",
            "postgres": f"to_char({column}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
            "mysql": f"DATE_FORMAT({column}, '%Y-%m-%dT%H:%i:%s.%f')",
            "spark": _spark_timestamp(column),
        }[dialect]
    if item_type == "date":
        return {
            "duckdb": f"strftime({column}, '%Y-%m-%d')",
            "postgres": f"to_char({column}, 'YYYY-MM-DD')",
            "mysql": f"DATE_FORMAT({column}, '%Y-%m-%d')",
            "spark": f"date_format({column}, 'yyyy-MM-dd')",
        }[dialect]
    if item_type.startswith("decimal"):
        precision, scale = item_type[8:-1].split(",")
        as_text = {"duckdb": "VARCHAR", "postgres": "text", "mysql": "CHAR", "spark": "STRING"}[dialect]
        return f"CAST(CAST({column} AS DECIMAL({precision},{scale})) AS {as_text})"
    if item_type == "integer":
        as_text = {"duckdb": "VARCHAR", "postgres": "text", "mysql": "CHAR", "spark": "STRING"}[dialect]
        return f"CAST({column} AS {as_text})"
    return {
        "duckdb": column,
        "postgres": f"{column}::text",
        "mysql": f"CONVERT({column} USING utf8mb4)",
        "spark": column,
    }[dialect]


def _spark_timestamp(column: str) -> str:
    """Spark's date_format would first carry a zoneless value into the session's zone, where 1988-04-17 02:30
    does not exist; the plain cast does not, but drops trailing zeros."""
    text = f"CAST({column} AS STRING)"
    fraction = f"rpad(substr({text}, 21), 6, '0')"
    return f"concat(substr({text}, 1, 10), 'T', substr({text}, 12, 8), '.', {fraction})"


def _field(name: str, item_type: str, dialect: Dialect, *, plain: bool) -> str:
    text = field_text(name, item_type, dialect)
    if dialect == "postgres" and item_type != "text":
        return _postgres_field(_quote(name, dialect), text, item_type, plain=plain)
    if dialect == "duckdb":  # parts of one concat, which leaves out what is NULL
        mark = f"CASE WHEN {_quote(name, dialect)} IS NULL THEN '-' ELSE ':' END"
        return f"CAST(strlen({text}) AS VARCHAR), {mark}, {text}"
    length = {
        "postgres": f"octet_length({text})" if plain else f"octet_length(convert_to({text}, 'UTF8'))",
        "mysql": f"OCTET_LENGTH({text})",
        "spark": f"octet_length({text})",
    }[dialect]
    if dialect == "postgres":
        return f"coalesce({length} || ':' || {text}, '-')"
    return f"coalesce(concat({length}, ':', {text}), '-')"


def _postgres_field(column: str, text: str, item_type: str, *, plain: bool) -> str:
    """Lengths PostgreSQL need not count: they took a quarter of the time of hashing a table."""
    counted = f"octet_length({text}) || ':'"
    if item_type == "boolean":
        return f"CASE WHEN {column} THEN '1:t' WHEN NOT {column} THEN '1:f' ELSE '-' END"
    if item_type == "date" and plain:
        four = f"{column} BETWEEN '0001-01-01' AND '9999-12-31'"
        return f"coalesce(CASE WHEN {four} THEN '10:' || {column}::text ELSE {counted} || {text} END, '-')"
    if item_type in ("date", "timestamp"):
        digits = "10:" if item_type == "date" else "26:"
        return (
            f"coalesce(CASE WHEN {column} < '10000-01-01' THEN '{digits}' ELSE {counted} END || {text}, '-')"
        )
    return f"coalesce({counted} || {text}, '-')"


def row_hash(columns: Sequence[Column], dialect: Dialect, *, plain: bool = False) -> str:
    """SQL for the 32 hexadecimal digits of one row's MD5."""
    return f"md5({canonical_sql(columns, dialect, plain=plain)})"


def canonical_sql(columns: Sequence[Column], dialect: Dialect, *, plain: bool = False) -> str:
    """SQL for the canonical row: what is hashed.

    ``plain``: of a PostgreSQL session known to keep texts in UTF-8 and to write dates as ISO does: bytes are counted as
    they lie, dates written as they are; a tenth of the time of hashing a table.
    """
    fields = [_field(name, item_type, dialect, plain=plain) for name, item_type in columns]
    return " || ".join(fields) if dialect == "postgres" else f"concat({', '.join(fields)})"


def set_hash_sql(table_sql: str, columns: Sequence[Column], dialect: Dialect, where: str = "true") -> str:
    """A SELECT of one row: count and the four summed quarters, for ``combine``."""
    quarters = ", ".join(_quarter(place, dialect) for place in range(4))
    # PostgreSQL would otherwise pull the subquery up and compute the MD5 once for each quarter.
    once = " OFFSET 0" if dialect == "postgres" else ""
    return (
        f"SELECT count(*) AS n, {quarters} FROM "
        f"(SELECT {row_hash(columns, dialect)} AS h FROM {table_sql} WHERE {where}{once}) AS hashed"
    )


def _quarter(place: int, dialect: Dialect) -> str:
    part = f"substr(h, {place * 8 + 1}, 8)"
    return {
        "duckdb": f"sum(CAST('0x' || {part} AS BIGINT))::DECIMAL(38,0)",
        "postgres": f"sum(('x' || {part})::bit(32)::bigint & 4294967295)",
        "mysql": f"SUM(CAST(CONV({part}, 16, 10) AS UNSIGNED))",
        "spark": f"sum(CAST(conv({part}, 16, 10) AS DECIMAL(20,0)))",
    }[dialect] + f" AS q{place}"


def canonical(row: Sequence[object], types: Sequence[str]) -> bytes:
    """The canonical row in Python: the reference the dialects are held against."""
    fields = []
    for value, item_type in zip(row, types, strict=True):
        text = _python_text(value, item_type)
        fields.append("-" if text is None else f"{len(text.encode())}:{text}")
    return "".join(fields).encode()


def _python_text(value: object, item_type: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, dt.datetime):
        # strftime would not pad years before 1000
        zoneless = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        return zoneless.isoformat(timespec="microseconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if item_type.startswith("decimal"):
        scale = int(item_type[8:-1].split(",")[1])
        rounded = _WIDE.quantize(Decimal(str(value)), Decimal(1).scaleb(-scale))
        return f"{abs(rounded) if rounded.is_zero() else rounded:f}"
    return str(value)


def content_hash(rows: Iterable[Sequence[object]], types: Sequence[str]) -> ContentHash:
    """Reference implementation over Python rows."""
    total = count = 0
    for row in rows:
        digest = hashlib.md5(canonical(row, types), usedforsecurity=False).digest()
        total = (total + int.from_bytes(digest, "big")) % (1 << 128)
        count += 1
    return ContentHash(count, f"{total:032x}")
