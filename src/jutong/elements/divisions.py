"""行政区划 with its history, as rows of ``divisions.csv`` (GB/T 2260; domain handbook §3.6).

A row says that ``code`` meant ``name`` from ``valid_from`` to ``valid_to`` (empty = open) and which code that
place has today.  A correction is a change of the file's rows, never of code.  Dates of change are the year's
boundary: the handbook gives years (unverified to the day).
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jutong.terms import literal


@dataclass(frozen=True)
class Division:
    code: str
    name: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    current_code: str


@cache
def divisions() -> tuple[Division, ...]:
    with (Path(__file__).parent / "divisions.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Division(
                row["code"],
                row["name"],
                _date(row["valid_from"]),
                _date(row["valid_to"]),
                row["current_code"],
            )
            for row in csv.DictReader(file)
        )


def current_division_sql(code: str, on: str | None = None) -> str:
    """SQL for the code that the place has today; ``on`` is the date the code was written, NULL for unknown.

    Some numbers were given to another place later (430502 东区), so the date decides; without one a number
    that is in force keeps its present meaning.  Unknown codes stay as they are.
    """
    arms = [
        f"WHEN {code} = {literal(old.code)}{_within(old, on)} THEN {literal(old.current_code)}"
        for old in _moved()
    ]
    return f"CASE {' '.join(arms)} ELSE {code} END"


def unknown_division_sql(code: str) -> str:
    """True where the province does not exist, or a code of 邵阳 (4305, 4326) never did."""
    provinces = ", ".join(sorted({literal(row.code[:2]) for row in divisions() if row.code.endswith("0000")}))
    ours = ", ".join(sorted({literal(row.code) for row in divisions() if row.code[:4] in ("4305", "4326")}))
    return (
        f"left({code}, 2) NOT IN ({provinces}) "
        f"OR (left({code}, 4) IN ('4305', '4326') AND left({code}, 6) NOT IN ({ours}))"
    )


def _moved() -> list[Division]:
    return [row for row in divisions() if row.code != row.current_code]


def _within(old: Division, on: str | None) -> str:
    in_force = any(row.code == old.code and row.valid_to is None for row in divisions())
    if on is None:
        return " AND false" if in_force else ""
    if not in_force:
        return ""
    since = f" AND {on} >= {literal(old.valid_from)}" if old.valid_from else ""
    return f"{since} AND {on} <= {literal(old.valid_to)}" if old.valid_to else since


def _date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
