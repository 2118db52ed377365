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
from jutong.store import Reading, Store
from jutong.terms import NotFound

PUBLISHED_WITHIN = 7
#: Kinds that must be published in time.
TIMED = ("行政许可", "行政处罚")
#: 名单: whoever is on one is treated by it, for better or worse.
LISTS = ("守信激励名单", "经营异常名录", "严重违法失信名单")
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
    subject_name: str = ""
    #: The subject's id in 法人基础库, where it was found.
    target: str | None = None
    published_on: dt.date | None = None

    @property
    def timed(self) -> bool:
        """Whether it must be published in time."""
        return self.kind in TIMED

    def state_on(self, day: dt.date) -> str:
        """未生效 · 有效 · 已届满 · 已修复, as of a day; the last day still counts."""
        if self.decided_on and day < self.decided_on:
            return "未生效"
        if self.repaired_on and self.repaired_on <= day:
            return "已修复"
        return "已届满" if self.until and day > self.until else "有效"

    def counts_on(self, day: dt.date) -> bool:
        """Whether it is shown and counted on a day: decided, not over, not repaired."""
        return self.state_on(day) == "有效"


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
            f"{_facts_sql(register, view, 'WHERE l.target = $target')} ORDER BY decided_on DESC NULLS LAST, kind, record_no",
            {"target": target},
        )
    return [_fact(row) for row in rows]


def find_facts(
    store: Store, register: Register, day: dt.date, *, text: str = "", kind: str = "", department: str = "", limit: int = 30, offset: int = 0
) -> tuple[list[Fact], int]:  # fmt: skip
    """Facts by number, whole code or part of the name of their subject, of a kind, of a department, the newest
    first, those dated after ``day`` last; and how many there are."""
    where: list[str] = ["$day IS NOT NULL"]
    params: dict[str, Any] = {"day": day}
    newest = "coalesce(decided_on > $day, true), decided_on DESC NULLS LAST, entity"
    if text:
        where.append("($text IN (record_no, entity, subject_uscc) OR contains(subject_name, $text))")
        params["text"] = text
    if kind:
        where.append("kind = $kind")
        params["kind"] = kind
    if department:
        where.append("coalesce(department, '') = $department")
        params["department"] = department
    told = " AND ".join(where)
    with store.reading() as view:
        total = view.rows(f"SELECT count(*) AS n FROM {view.table(register.golden)} WHERE {told}", params)
        some = (
            f"WHERE g.entity IN (SELECT entity FROM {view.table(register.golden)} WHERE {told} "
            f"ORDER BY {newest} LIMIT {int(limit)} OFFSET {int(offset)})"
        )
        rows = view.rows(f"{_facts_sql(register, view, some)} ORDER BY {newest}", params)
    return [_fact(row) for row in rows], int(total[0]["n"])


def fact(store: Store, register: Register, entity: str) -> Fact:
    """Raises NotFound ``fuse.no_entity``."""
    with store.reading() as view:
        rows = view.rows(_facts_sql(register, view, "WHERE g.entity = $entity"), {"entity": entity})
    if not rows:
        raise NotFound("fuse.no_entity", f"{register.label}里没有 {entity}")
    return _fact(rows[0])


def listed_on(store: Store, register: Register, day: dt.date) -> dict[str, tuple[int, int]]:
    """名单 → (facts on it on a day, subjects): decided, not over, not repaired by then."""
    kinds = ", ".join(f"'{kind}'" for kind in LISTS)
    with store.reading() as view:
        rows = view.rows(
            "SELECT kind, count(*) AS facts, count(DISTINCT coalesce(target, subject_uscc, subject_name)) AS subjects "
            f"FROM ({_facts_sql(register, view, f'WHERE g.kind IN ({kinds})')}) "
            "WHERE (decided_on IS NULL OR decided_on <= $day) AND (until IS NULL OR until >= $day) "
            "AND (repaired_on IS NULL OR repaired_on > $day) GROUP BY kind",
            {"day": day},
        )
    found = {row["kind"]: (int(row["facts"]), int(row["subjects"])) for row in rows}
    return {kind: found.get(kind, (0, 0)) for kind in LISTS}


def _facts_sql(register: Register, view: Reading, where: str) -> str:
    """Golden facts with ``target``, their subject, and ``repaired_on``, the first repair of their kind after them."""
    repaired = " ".join(f"WHEN '{what}' THEN '{kind}'" for what, kind in _REPAIRS.items())
    golden, linked = view.table(register.golden), view.table(register.linked)
    return (
        f"WITH f AS (SELECT g.*, l.target FROM {golden} g LEFT JOIN {linked} l ON l.entity = g.entity {where}), "
        f"r AS (SELECT l.target, CASE g.what {repaired} END AS kind, g.decided_on FROM {golden} g "
        f"JOIN {linked} l ON l.entity = g.entity WHERE g.kind = '信用修复'), "
        "repair AS (SELECT f.entity, min(r.decided_on) AS repaired_on FROM f JOIN r ON r.target = f.target AND r.kind = f.kind "
        "WHERE f.decided_on IS NULL OR f.decided_on <= r.decided_on GROUP BY 1) "
        "SELECT f.*, repair.repaired_on FROM f LEFT JOIN repair ON repair.entity = f.entity"
    )


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(
        row["entity"], row["kind"], row["record_no"], row["what"] or "", row["decided_on"], row["until"],
        row["organ"] or "", row["department"] or "", row["repaired_on"], row["subject_name"] or "", row["target"],
        row["published_on"],
    )  # fmt: skip


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
