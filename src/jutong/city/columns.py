"""A column is an SQL expression over earlier columns; ``layered`` puts them into nested SELECTs.

Expressions refer to other columns as ``$name``.  Each layer computes what its predecessors made possible, so
nothing is computed twice and the engine sees plain projections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from jutong.terms import literal

_REFERENCE = re.compile(r"\$([a-z][a-z0-9_]*)")


def layered(columns: Mapping[str, str], wanted: Iterable[str], start: str, given: Iterable[str]) -> str:
    """SQL that selects ``wanted`` (all must be columns or ``given``) from ``start``, which offers ``given``."""
    base = frozenset(given)
    levels: dict[str, int] = dict.fromkeys(base, 0)
    order: list[str] = []

    def level(name: str) -> int:
        if name not in levels:
            needs = _REFERENCE.findall(columns[name])
            levels[name] = 1 + max((level(need) for need in needs), default=0)
            order.append(name)
        return levels[name]

    outputs = list(wanted)
    for name in outputs:
        level(name)
    sql = start
    for depth in range(1, max(levels.values(), default=0) + 1):
        made = ", ".join(f"{_plain(columns[name])} AS {name}" for name in order if levels[name] == depth)
        sql = f"SELECT *, {made} FROM ({sql})"
    return f"SELECT {', '.join(outputs)} FROM ({sql})"


def _plain(expression: str) -> str:
    return _REFERENCE.sub(r"\1", expression)


def literals(values: Sequence[str | int]) -> str:
    """A list of constants."""
    return f"[{', '.join(literal(value) for value in values)}]"


def chance(number: str, salt: int) -> str:
    """A hash of ``number`` and ``salt`` (0–127): the only source of variety, the same on every run."""
    return f"hash({number} * 128 + {salt})"


def choose(number: str, salt: int, values: str, count: int) -> str:
    """One of ``count`` values of a list expression."""
    return f"{values}[1 + ({chance(number, salt)} % {count})::BIGINT]"


def between(number: str, salt: int, low: int, high: int) -> str:
    """A whole number from low to high, both included."""
    return f"({low} + ({chance(number, salt)} % {high - low + 1})::BIGINT)"
