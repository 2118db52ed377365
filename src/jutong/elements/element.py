"""What an element is: a kind of value that knows how to clean, read, question, mask and grade itself.

Every ability is a function that returns DuckDB SQL for a given expression.  There is no second definition in
Python: the try-out page, the refining of ten million rows and the masking behind the gate all run this SQL.

Contracts of the builders (each one is a test):
- ``clean`` takes a text expression and returns text; NULL for nothing; cleaning twice is cleaning once.
- ``cast`` takes a cleaned text and returns the element's type; NULL where the text cannot be read.
- a check's ``fails`` takes the cleaned text and the value; true means it fails, false *or NULL* that it holds.
  It is never asked about a missing text.  Checks stand in order and only the first that fails speaks, so a
  later one may rely on the earlier.
- a mask takes a *value* expression (the element's type) and returns text; NULL stays NULL.
The expression handed in may appear many times in the answer: hand in a column, not a computation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Sql = Callable[[str], str]
Severity = Literal["reject", "flag"]
Likeness = Literal["exact", "prefix", "date", "number", "name", "address", "none"]

REJECT: Severity = "reject"
FLAG: Severity = "flag"


class Dimension(StrEnum):
    """The six quality dimensions of GB/T 36344-2018; doubled rows count under accuracy (数据重复率)."""

    CONFORMITY = "规范性"
    COMPLETENESS = "完整性"
    ACCURACY = "准确性"
    CONSISTENCY = "一致性"
    TIMELINESS = "时效性"
    ACCESSIBILITY = "可访问性"


@dataclass(frozen=True)
class Check:
    #: ``element.what``; unique over all elements.
    code: str
    #: reject keeps the row out of the standard dataset, flag lets it pass with an issue beside it.
    severity: Severity
    dimension: Dimension
    #: (cleaned text, value) → SQL boolean.
    fails: Callable[[str, str], str]
    #: What was expected, for the provider's clerk; ``{label}`` is the item's name.
    sentence: str


@dataclass(frozen=True, eq=False)
class Element:
    name: str
    label: str
    #: The item type of the value: text, integer, decimal(p,s), date, timestamp.
    type: str
    #: 数据分级 1–4 proposed for an item of this kind.
    grade: int
    #: The standard or law it follows, in one sentence.
    about: str
    clean: Sql
    cast: Sql
    checks: tuple[Check, ...]
    #: Mask profiles by name: full, middle, head, tail, ends (which part is hidden).
    masks: Mapping[str, Sql]
    #: (as given, as cleaned) of values that pass every check.
    passes: tuple[tuple[str, str | None], ...]
    #: (as given, code of the check that speaks).
    fails: tuple[tuple[str, str], ...]
    #: Text as given → SQL boolean. True promises (tested) that cleaning leaves it as it is, that every check holds and
    #: that a bare TRY_CAST into the element's type reads it; false or NULL promises nothing.  One cheap question that
    #: spares most values the dear ones.
    plain: Sql | None = None
    #: How an index or a match treats two of its values: exact, prefix, date, number, name, address or none.
    likeness: Likeness = "exact"
    #: Words that columns of this kind are called by, for suggesting the element of an unbound column.
    called: tuple[str, ...] = ()


def verdict_sql(
    element: Element,
    text: str,
    value: str,
    excused: Mapping[str, str] | None = None,
    *,
    narrowed: bool = False,
) -> str:
    """SQL for the number of the element's first check that fails, 0 for none; checks count from 1.

    ``excused`` maps a check's code to a SQL boolean over the text: rows for which that check is waived
    (whitelisted values with a reason and an owner).  ``narrowed``: the value is of another type than the element's
    (a decimal of other width), of which ``plain`` promises nothing.
    """
    checks = element.checks
    if not checks:
        return "0::UTINYINT"
    plain = f"WHEN {element.plain(text)} THEN 0 " if element.plain and not narrowed else ""
    waived = excused or {}
    arms = []
    for number, check in enumerate(checks, start=1):
        condition = f"({check.fails(text, value)})"
        if check.code in waived:
            condition = f"{condition} AND NOT ({waived[check.code]})"
        arms.append(f"WHEN {condition} THEN {number}")
    return f"CAST(CASE WHEN {text} IS NULL THEN 0 {plain}{' '.join(arms)} ELSE 0 END AS UTINYINT)"


def cast_to(element: Element, text: str, item_type: str) -> str:
    """The element's cast, into the item's own decimal width where that differs; raises ValueError otherwise."""
    sql = element.cast(text)
    if item_type == element.type:
        return sql
    if item_type.startswith("decimal") and element.type.startswith("decimal"):
        return sql.replace(f"AS {element.type.upper()}", f"AS {item_type.upper()}")
    raise ValueError(f"element {element.name} holds {element.type}, not {item_type}")
