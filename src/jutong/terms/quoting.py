"""The only two ways a name or a constant gets into SQL that is built as text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal


def quote(name: str) -> str:
    """A quoted identifier, the same in PostgreSQL, DuckDB and (with backticks swapped) nowhere else.

    Raises ValueError on an empty name or a NUL, which no database can hold.
    """
    if not name or "\0" in name:
        raise ValueError(f"not an identifier: {name!r}")
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | bool | Decimal | dt.date | dt.datetime | None) -> str:
    """A SQL literal for trusted plan text; people's values go in as parameters instead."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, dt.datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'" if value.tzinfo else f"TIMESTAMP '{value.isoformat()}'"
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    if "\0" in value:
        raise ValueError("a text with a NUL cannot be written as a literal")
    return "'" + value.replace("'", "''") + "'"
