"""The shape of a replica: which columns it holds, how each is made in the lake, what is indexed.

Masking is decided when the replica is built, not when a call is answered: a masked value is a column of its
own (``phone#middle``), made by the same SQL as everywhere else, and a grant's query names either the plain
column or the masked one.  So an answer under a masking grant never has the plain value in hand, and a column
that is not there yet means no answer, not an unmasked one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from jutong.elements import element_of
from jutong.share import OutItem, Selection, leaving_sql
from jutong.terms import Item, field_text, quote

Cell = str | int | None
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,60}(?:\.[0-9]{0,60})?(?:[eE][+-]?[0-9]{1,2})?")
#: Wide enough for every number of that form.
_EXACTLY = Context(prec=300)


@dataclass(frozen=True)
class Column:
    #: Its name in the replica: the item's, or ``item#profile``.
    name: str
    #: DuckDB SQL over the dataset's row that makes it.
    sql: str
    boolean: bool = False


@dataclass(frozen=True)
class Condition:
    """One condition of a row filter over a plain replica column; ``values`` are cells of the replica."""

    column: str
    op: str
    values: tuple[Cell, ...]


@dataclass(frozen=True)
class Shape:
    dataset: str
    #: The dataset's business key, by which changes are told; empty where rows are only appended.
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    #: Columns to index together, besides the business key.
    indexes: tuple[tuple[str, ...], ...]
    #: 列表: whether the replica remembers when a row came, and what went; it goes when one of ``watched`` changes.
    remembers: bool = False
    watched: tuple[str, ...] = ()
    #: 统计: the columns rows are counted by, filters included.
    counted: tuple[str, ...] = ()
    #: The SELECT whose result it holds instead of the dataset.
    selection: Selection | None = None

    @property
    def signature(self) -> str:
        """Changes when the same lake would make another replica."""
        made: list[object] = [
            self.dataset,
            self.keys,
            [(one.name, one.sql) for one in self.columns],
            self.indexes,
        ]
        if self.remembers or self.counted:
            made += [self.remembers, self.watched, self.counted]
        if self.selection:
            made.append(self.selection.to_row())
        return hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16]


def shape_of(
    dataset: str,
    keys: Sequence[str],
    asked_by: Sequence[str],
    columns: Iterable[Column],
    filtered: Iterable[str],
) -> Shape:
    """The same shape for the same contents, whatever order they came in."""
    indexes: list[tuple[str, ...]] = [(one,) for one in sorted(filtered)]
    if tuple(asked_by) != tuple(keys):
        indexes.insert(0, tuple(asked_by))
    in_order = tuple(sorted(columns, key=lambda column: column.name))
    return Shape(dataset, tuple(keys), in_order, tuple(dict.fromkeys(indexes)))


def plain_column(item: Item) -> Column:
    """The item as it is: 64-bit integers as such, booleans as 0 and 1, everything else as its one fixed text."""
    if item.type == "integer":
        return Column(item.name, quote(item.name))
    if item.type == "boolean":
        return Column(item.name, f"CAST({quote(item.name)} AS INTEGER)", boolean=True)
    return Column(item.name, field_text(item.name, item.type, "duckdb"))


def leaving_column(out: OutItem) -> Column:
    """The item as it may leave under a grant, by share's one definition."""
    if out.mask is None:
        return plain_column(out.item)
    named = out.item.element or element_of(None, out.item.type).name
    return Column(f"{out.item.name}#{named}#{out.mask}", leaving_sql(out))


def cell(value: object, item_type: str) -> Cell:
    """A value from JSON or a query string as the replica holds it.  Raises ValueError if it is none of its type."""
    if item_type == "text" and isinstance(value, str):
        return value
    if item_type == "boolean":
        found = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}.get(str(value).lower())
        if found is None:
            raise ValueError("not a boolean")
        return found
    if isinstance(value, bool) or value is None:
        raise ValueError("not a value of this type")
    text = str(value)
    if item_type == "integer":
        return _integer(text)
    if item_type.startswith("decimal"):
        return _decimal(text, int(item_type[8:-1].split(",")[1]))
    if item_type == "date":
        return dt.date.fromisoformat(text).isoformat()
    if item_type == "timestamp":
        instant = dt.datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            raise ValueError("a zoneless timestamp is wanted")
        return instant.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text


def _integer(text: str) -> int:
    """Python reads other scripts' digits and underscores as well, and SQLite no more than 64 bits."""
    if not _INTEGER.fullmatch(text) or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError("not a 64-bit integer")
    return int(text)


def _decimal(text: str, scale: int) -> str:
    if not _NUMBER.fullmatch(text):  # 1e-999999999 has a thousand million digits when written out
        raise ValueError("not a number")
    try:
        number = Decimal(text)
        exact = number.quantize(Decimal(1).scaleb(-scale), context=_EXACTLY)
    except InvalidOperation as problem:
        raise ValueError("not a number") from problem
    # More digits than the item has: kept as they are, so that they equal nothing rather than something near.
    return f"{exact:f}" if exact == number else f"{number:f}"


def conditions_of(row_filter: Iterable[Mapping[str, Any]], columns: Iterable[Item]) -> tuple[Condition, ...]:
    """A grant's row filter over the replica's columns; a value that is none of its type fits no row."""
    typed = {item.name: item.type for item in columns}
    found = []
    for condition in row_filter:
        name, op, value = condition["item"], condition["op"], condition["value"]
        given = value if op == "in" else [value]
        cells = []
        for one in given:
            try:
                cells.append(cell(one, typed[name]))
            except ValueError:
                continue
        found.append(Condition(name, op, tuple(cells)))
    return tuple(found)


def where_sql(conditions: Sequence[Condition]) -> tuple[list[str], list[Cell]]:
    """SQLite conditions with ``?`` parameters; NULL fits none, an empty list of values fits nothing."""
    parts: list[str] = []
    values: list[Cell] = []
    for one in conditions:
        column = quote(one.column)
        if not one.values:
            parts.append("0")
        elif one.op == "prefix":
            # The range uses the index; substr decides, in characters as DuckDB's starts_with does.
            prefix = str(one.values[0])
            parts.append(f"({column} >= ? AND {column} < ? AND substr({column}, 1, ?) = ?)")
            values += [prefix, prefix + "\U0010ffff", len(prefix), prefix]
        else:
            parts.append(f"{column} IN ({', '.join('?' for _ in one.values)})")
            values += one.values
    return parts, values
