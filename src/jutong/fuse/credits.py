"""公共信用: one subject's record, and whether departments publish in time.

双公示: 行政许可 and 行政处罚 are published within 7 working days of the decision (domain handbook §4); the days are
counted by the city's calendar, which knows the holidays that are moved.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from jutong.casework import Calendar, due_on
from jutong.fuse.register import Register
from jutong.store import Store

PUBLISHED_WITHIN = 7
#: Kinds that must be published in time.
TIMED = ("行政许可", "行政处罚")
#: What a repaired fact is called in 信用修复, by the kind that was repaired.
_REPAIRS = {
    "行政处罚公示信息": "行政处罚",
    "经营异常名录": "经营异常名录",
    "严重失信主体名单": "严重违法失信名单",
}


@dataclass(frozen=True)
class Fact:
    """One fact of credit; ``repaired_on``: the first repair of its kind after it."""

    entity: str
    kind: str
    record_no: str
    what: str
    decided_on: dt.date | None
    until: dt.date | None
    organ: str
    department: str
    repaired_on: dt.date | None

    def counts_on(self, day: dt.date) -> bool:
        """Whether it is shown and counted on a day: decided, not over, not repaired."""
        if self.decided_on and day < self.decided_on:
            return False
        if self.repaired_on and self.repaired_on <= day:
            return False
        return self.until is None or day <= self.until


@dataclass(frozen=True)
class Timeliness:
    """公示及时率 of a department and kind."""

    department: str
    kind: str
    total: int
    in_time: int

    @property
    def late(self) -> int:
        return self.total - self.in_time

    @property
    def rate(self) -> float:
        return self.in_time / self.total if self.total else 1.0


def credit_of(store: Store, register: Register, target: str) -> list[Fact]:
    """Every fact of one subject (an id of 法人), the newest first, repairs applied."""
    with store.reading() as view:
        rows = view.rows(
            f"SELECT g.* FROM {view.table(register.golden)} g JOIN {view.table(register.linked)} l ON l.entity = g.entity "
            "WHERE l.target = ? ORDER BY g.decided_on DESC NULLS LAST, g.kind, g.record_no",
            [target],
        )
    repairs = [
        (_REPAIRS.get(row["what"] or "", ""), row["decided_on"]) for row in rows if row["kind"] == "信用修复"
    ]
    return [
        Fact(
            row["entity"], row["kind"], row["record_no"], row["what"] or "", row["decided_on"], row["until"],
            row["organ"] or "", row["department"] or "", _repaired(row, repairs),
        )
        for row in rows
    ]  # fmt: skip


def _repaired(row: dict[str, Any], repairs: list[tuple[str, dt.date | None]]) -> dt.date | None:
    days = [
        day
        for kind, day in repairs
        if kind == row["kind"] and day and (row["decided_on"] is None or row["decided_on"] <= day)
    ]
    return min(days, default=None)


def timeliness(
    store: Store, register: Register, calendar: Calendar, since: dt.date, until: dt.date
) -> list[Timeliness]:
    """Per department and kind, of decisions made in ``[since, until]``: published within seven working days."""
    kinds = ", ".join(f"'{kind}'" for kind in TIMED)
    with store.reading() as view:
        rows = view.rows(
            "SELECT coalesce(department, '') AS department, kind, decided_on, published_on, count(*) AS n "
            f"FROM {view.table(register.golden)} WHERE kind IN ({kinds}) AND decided_on BETWEEN ? AND ? GROUP BY ALL",
            [since, until],
        )
    last = {day: due_on(day, PUBLISHED_WITHIN, calendar) for day in {row["decided_on"] for row in rows}}
    counted: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        total = counted.setdefault((row["department"], row["kind"]), [0, 0])
        total[0] += row["n"]
        total[1] += row["n"] if row["published_on"] and row["published_on"] <= last[row["decided_on"]] else 0
    return [Timeliness(*key, *numbers) for key, numbers in sorted(counted.items())]


def credit_counts(store: Store, register: Register) -> list[dict[str, Any]]:
    """Per kind and department: facts, subjects known, those whose subject was not found."""
    with store.reading() as view:
        return view.rows(
            "SELECT kind, coalesce(department, '') AS department, count(*) AS total, count(DISTINCT l.target) AS subjects, "
            f"count(*) FILTER (l.target IS NULL) AS unknown FROM {view.table(register.golden)} g "
            f"LEFT JOIN {view.table(register.linked)} l USING (entity) GROUP BY ALL ORDER BY kind, total DESC, department"
        )
