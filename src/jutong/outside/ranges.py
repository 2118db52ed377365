"""Parts of a table: ranges of its primary key, or of the blocks it lies in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Value = str | int


@dataclass(frozen=True)
class Part:
    """Rows with key > ``low`` and <= ``high`` (None: no bound), in the order of the columns ``by``.

    Without columns: the table's blocks from ``low`` up to, and not with, ``high``.
    """

    by: tuple[str, ...] = ()
    low: tuple[Value, ...] | None = None
    high: tuple[Value, ...] | None = None

    def to_json(self) -> dict[str, list[Value] | None]:
        return {name: list(value) if value is not None else None for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, row: dict[str, list[Value] | None]) -> Part:
        return cls(**{name: tuple(value) if value is not None else None for name, value in row.items()})  # type: ignore[arg-type]


def within_sql(part: Part, name: Callable[[str], str], value: Callable[[Value], str]) -> str:
    """A condition for the rows of a part, for any database; the first column is bounded by itself too, for not
    every planner sees a range in the rest."""
    bounds = []
    for bound, strict, last in ((part.low, ">", ">"), (part.high, "<", "<=")):
        if bound is None:
            continue
        if len(bound) > 1:
            bounds.append(f"{name(part.by[0])} {strict}= {value(bound[0])}")
        terms = []
        for place, column in enumerate(part.by):
            same = [f"{name(part.by[i])} = {value(bound[i])}" for i in range(place)]
            sign = last if place == len(bound) - 1 else strict
            terms.append(" AND ".join([*same, f"{name(column)} {sign} {value(bound[place])}"]))
        bounds.append(" OR ".join(f"({term})" for term in terms) if len(terms) > 1 else terms[0])
    return " AND ".join(f"({bound})" for bound in bounds) or "1 = 1"
