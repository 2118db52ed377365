"""行范围: which rows a grant lets out, as a list of ``{item, op, value}`` joined by AND.

``eq`` equals, ``in`` is one of a list, ``prefix`` begins with (texts only).  A NULL fits no condition.  The
gate answers by the same list; ``fits`` is its meaning in Python, ``filter_sql`` the same in DuckDB's SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from jutong.terms import Item, quote

Condition = Mapping[str, Any]
Value = str | int | Decimal | dt.date | dt.datetime | bool

_OPS = ("eq", "in", "prefix")


def filter_problems(row_filter: Sequence[Condition], items: Mapping[str, Item]) -> list[str]:
    """Everything that is wrong with a filter over these items, as sentences; empty when it is good."""
    problems = []
    for place, condition in enumerate(row_filter, 1):
        where = f"行范围第 {place} 个条件"
        if set(condition) != {"item", "op", "value"}:
            problems.append(f"{where}须有且只有 item、op、value 三项")
            continue
        name, op, value = condition["item"], condition["op"], condition["value"]
        if name not in items:
            problems.append(f"{where}的信息项「{name}」不在目录中")
        elif op not in _OPS:
            problems.append(f"{where}的 op 须为 eq、in 或 prefix，不能是 {op!r}")
        elif op == "in" and not (isinstance(value, list) and value):
            problems.append(f"{where}用 in 时 value 须是非空的列表")
        elif op == "prefix" and not (items[name].type == "text" and isinstance(value, str) and value):
            problems.append(f"{where}用 prefix 时信息项须为文本，value 须为非空文本")
        else:
            wrong = [
                one for one in (value if op == "in" else [value]) if _typed(one, items[name].type) is None
            ]
            problems += [f"{where}的值 {one!r} 不是 {items[name].type} 的值" for one in wrong]
    return problems


def filter_sql(row_filter: Sequence[Condition], items: Mapping[str, Item]) -> tuple[str, list[Value]]:
    """A DuckDB condition with ``?`` parameters; ``true`` for the empty filter.  The filter must be good."""
    parts: list[str] = []
    values: list[Value] = []
    for condition in row_filter:
        item = items[condition["item"]]
        column = quote(item.name)
        given = condition["value"] if condition["op"] == "in" else [condition["value"]]
        values += [_known(one, item.type) for one in given]
        if condition["op"] == "prefix":
            parts.append(f"starts_with({column}, ?)")
        else:
            marks = ", ".join("?" for _ in given)
            parts.append(f"{column} IN ({marks})" if condition["op"] == "in" else f"{column} = ?")
    return " AND ".join(parts) or "true", values


def fits(row: Mapping[str, Any], row_filter: Sequence[Condition], items: Mapping[str, Item]) -> bool:
    """Whether one row is within the filter: the reference the SQL is held against."""
    for condition in row_filter:
        item = items[condition["item"]]
        value = row[item.name]
        if value is None:
            return False
        if condition["op"] == "prefix":
            if not str(value).startswith(condition["value"]):
                return False
        else:
            given = condition["value"] if condition["op"] == "in" else [condition["value"]]
            if value not in [_known(one, item.type) for one in given]:
                return False
    return True


def _known(value: object, item_type: str) -> Value:
    typed = _typed(value, item_type)
    if typed is None:
        raise ValueError(f"{value!r} is not a value of {item_type}")
    return typed


def _typed(value: object, item_type: str) -> Value | None:
    """The JSON value as a value of the item's type; None when it is not one."""
    if isinstance(value, bool):
        return value if item_type == "boolean" else None
    try:
        if item_type == "text":
            return value if isinstance(value, str) and "\0" not in value else None
        if item_type == "integer":
            return int(str(value)) if isinstance(value, int | str) else None
        if item_type.startswith("decimal"):
            number = Decimal(str(value))
            return number if number.is_finite() else None
        if item_type == "date":
            return dt.date.fromisoformat(str(value))
        if item_type == "timestamp":
            instant = dt.datetime.fromisoformat(str(value))
            return instant if instant.tzinfo is None else None
    except (ValueError, InvalidOperation):
        return None
    return None
