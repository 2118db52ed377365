"""Before and after: a sample of the newest batch judged by the standard as it is and as it would be, nothing written.

Rules that look beyond their row (unique, refers_to, row_count, fresh) are asked at the refining itself, not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jutong.database import Connection
from jutong.refine import judging
from jutong.refine.plan import Fault, Plan, pinned
from jutong.refine.standards import Standard, planned
from jutong.refine.tasks import plan_of, tasks_again
from jutong.store import Reading, Store
from jutong.terms import NotFound

#: So many rows say enough about a rule and are judged twice in a tenth of a second.
SAMPLE = 2_000
_SHOWN = 60


@dataclass(frozen=True)
class Changed:
    """One value of one row that would be another, or would be questioned otherwise."""

    row: int
    item: str
    given: str | None
    before: str | None
    after: str | None
    #: What each standard finds wrong with it; '' for nothing.
    fault_before: str
    fault_after: str
    #: 数据分级 of the item: from 3 up only its own department sees the value.
    grade: int = 1


@dataclass(frozen=True)
class RuleCount:
    rule: str
    sentence: str
    before: int
    after: int


@dataclass(frozen=True)
class Preview:
    batch: str | None
    #: Rows of the batch, and of the sample.
    given: int
    rows: int
    rejected: tuple[int, int]
    flagged: tuple[int, int]
    rules: tuple[RuleCount, ...]
    #: How many values change; the first of them are shown.
    changes: int
    shown: tuple[Changed, ...]
    #: The share rejected in the sample lies above the limit: batches would be held.
    holds: bool


@dataclass(frozen=True)
class _Judged:
    rows: Mapping[int, Mapping[str, Any]]
    plan: Plan

    @property
    def rejected(self) -> int:
        return sum(bool(row["_rejected"]) for row in self.rows.values())

    @property
    def flagged(self) -> int:
        return sum(bool(row["_questioned"] and not row["_rejected"]) for row in self.rows.values())

    def faults(self, row: Mapping[str, Any]) -> dict[str, Fault]:
        """Item → what is wrong with it."""
        found = {}
        for place, one in enumerate(self.plan.items, start=1):
            number = row[f"f{place}"]
            if number:
                found[one.item.name] = one.faults[number - 1]
        for fault in self.plan.rule_faults:
            if row[f"r{fault.number}"]:
                found.setdefault(fault.item, fault)
        return found


def preview(
    connection: Connection,
    store: Store,
    table: str,
    standard: Standard,
    sets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Preview:
    """What the standard (with these rule sets) would change in the newest batch.

    Raises what ``standards.planned`` raises.
    """
    after = planned(connection, store, table, standard, sets)
    before = plan_of(connection, store, table)
    tasks = tasks_again(connection, store, table)
    newest = next((task for task in tasks if task.given), None)
    if newest is None:
        return Preview(None, 0, 0, (0, 0), (0, 0), (), 0, (), holds=False)
    every = -(-newest.given // SAMPLE)
    try:
        with store.reading() as reading:
            was, now = (
                _judged(reading, plan, newest.batch_id, newest.day, every) for plan in (before, after)
            )
    except NotFound:
        return Preview(None, 0, 0, (0, 0), (0, 0), (), 0, (), holds=False)
    changes = _changes(was, now)
    rows = len(now.rows)
    return Preview(
        newest.batch_id, newest.given, rows, (was.rejected, now.rejected), (was.flagged, now.flagged),
        _rules(was, now), len(changes), tuple(changes[:_SHOWN]),
        holds=rows > 0 and now.rejected / rows > after.hold_above,
    )  # fmt: skip


def _judged(reading: Reading, plan: Plan, batch: str, day: Any, every: int) -> _Judged:
    steps = judging.steps(plan, batch)
    steps[0] = (steps[0][0], f"{steps[0][1]} AND _row % {every} = 0" if every > 1 else steps[0][1])
    layers = ", ".join(f"{name} AS NOT MATERIALIZED ({sql})" for name, sql in steps)
    columns = ["_row", "_rejected", "_questioned"]
    for place in range(1, len(plan.items) + 1):
        columns += [f"g{place}", f"CAST(s{place} AS VARCHAR) AS s{place}", f"f{place}"]
    columns += [f"r{fault.number}" for fault in plan.rule_faults]
    rows = reading.rows(pinned(f"WITH {layers} SELECT {', '.join(columns)} FROM judged ORDER BY _row", day))
    return _Judged({int(row["_row"]): row for row in rows}, plan)


def _changes(was: _Judged, now: _Judged) -> list[Changed]:
    places = {one.item.name: place for place, one in enumerate(was.plan.items, start=1)}
    found = []
    for number, row in now.rows.items():
        elder = was.rows[number]
        faults, before = now.faults(row), was.faults(elder)
        for place, one in enumerate(now.plan.items, start=1):
            name = one.item.name
            old = elder[f"s{places[name]}"] if name in places else None
            said = (before[name].rule if name in before else "", faults[name].rule if name in faults else "")
            if old != row[f"s{place}"] or said[0] != said[1]:
                found.append(
                    Changed(
                        number, one.item.label, row[f"g{place}"], old, row[f"s{place}"],
                        before[name].sentence if name in before else "", faults[name].sentence if name in faults else "",
                        max(one.item.grade, one.element.grade),
                    )
                )  # fmt: skip
    # What is questioned otherwise first, then what merely reads otherwise.
    return sorted(found, key=lambda one: one.fault_before == one.fault_after)


def _rules(was: _Judged, now: _Judged) -> tuple[RuleCount, ...]:
    counted: list[Counter[str]] = []
    sentences: dict[str, str] = {}
    for judged in (was, now):
        counter: Counter[str] = Counter()
        for row in judged.rows.values():
            for fault in judged.faults(row).values():
                counter[fault.rule] += 1
                sentences[fault.rule] = fault.sentence
        counted.append(counter)
    rules: Sequence[str] = sorted(sentences, key=lambda rule: -abs(counted[1][rule] - counted[0][rule]))
    return tuple(
        RuleCount(rule, sentences[rule], counted[0][rule], counted[1][rule])
        for rule in rules
        if counted[0][rule] != counted[1][rule]
    )
