"""Registers: how good each one is, what waits for people, licences by validity, credit by timeliness."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jutong.casework import read_calendar
from jutong.database import named_sql
from jutong.fuse import Register, credit_counts, doubts, licence_counts, list_registers, timeliness
from jutong.portal.names import department_names
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

_SQL = named_sql(__file__)
#: Pairs shown on the page, and how far back timeliness looks.
_PAIRS, _DAYS = 20, 730


@dataclass(frozen=True)
class RegisterRow:
    """A register as its last run left it."""

    name: str
    label: str
    sources: int
    records: int
    entities: int
    by_likeness: int
    residue: int
    merges: int
    splits: int
    fused_at: dt.datetime | None
    #: A case that must be closed before the register changes again.
    hold: int | None


@dataclass(frozen=True)
class Pair:
    """Two rows that may be one entity."""

    register: str
    left: str
    right: str
    weight: float
    case_id: int | None
    verdict: str


@dataclass(frozen=True)
class LicenceRow:
    kind: str
    total: int
    valid: int
    soon: int
    over: int
    cancelled: int
    held: int


@dataclass(frozen=True)
class TimelyRow:
    department: str
    kind: str
    total: int
    late: int
    #: In percent.
    rate: float


@dataclass(frozen=True)
class CreditRow:
    kind: str
    total: int
    subjects: int
    unknown: int


@dataclass(frozen=True)
class Registers:
    """Every register's quality, and what the licence and credit registers say today."""

    rows: tuple[RegisterRow, ...]
    pairs: tuple[Pair, ...]
    licences: tuple[LicenceRow, ...]
    credit: tuple[CreditRow, ...]
    timely: tuple[TimelyRow, ...]
    today: dt.date


def build(visit: Visit, _: NoQuestion) -> Registers:
    registers = list_registers(visit.connection)
    known = {one.name: one for one in registers if _there(visit, one)}
    names = department_names(visit.connection)
    return Registers(
        rows=tuple(_row(visit, one) for one in registers),
        pairs=tuple(pair for one in registers for pair in _pairs(visit, one))[:_PAIRS],
        licences=_licences(visit, known.get("licence")),
        credit=_credit(visit, known.get("credit")),
        timely=_timely(visit, known.get("credit"), names),
        today=visit.today,
    )


def _there(visit: Visit, register: Register) -> bool:
    try:
        visit.rooms.store.spec(register.linked if register.links else register.golden)
    except NotFound:
        return False
    return True


def _row(visit: Visit, register: Register) -> RegisterRow:
    row = visit.connection.execute(_SQL.last_run, {"register": register.name}).fetchone() or {}
    hold = visit.connection.execute(_SQL.hold, {"register": register.name}).fetchone()
    records, entities, by_likeness, residue, merges, splits = (
        int(row.get(name, 0))
        for name in ("records", "entities", "by_likeness", "residue", "merges", "splits")
    )
    return RegisterRow(
        register.name, register.label, len(register.sources), records, entities, by_likeness, residue, merges,
        splits, row.get("finished_at"), hold["case_id"] if hold else None,
    )  # fmt: skip


def _pairs(visit: Visit, register: Register) -> list[Pair]:
    """Names only: both records stand side by side in the case, masked as cases are."""
    name = register.item_of("legal_name")
    return [
        Pair(
            register.label,
            one.rows["left"].get(name or "", one.key_l), one.rows["right"].get(name or "", one.key_r),
            round(one.weight, 1), one.case_id, one.verdict,
        )
        for one in doubts(visit.connection, register.name, _PAIRS)
    ]  # fmt: skip


def _licences(visit: Visit, register: Register | None) -> tuple[LicenceRow, ...]:
    if register is None:
        return ()
    rows = licence_counts(visit.rooms.store, register, visit.today)
    names = ("total", "valid", "soon", "over", "cancelled", "held")
    return tuple(LicenceRow(row["kind"] or "", *(int(row[name]) for name in names)) for row in rows)


def _credit(visit: Visit, register: Register | None) -> tuple[CreditRow, ...]:
    if register is None:
        return ()
    counted: dict[str, list[int]] = {}
    for row in credit_counts(visit.rooms.store, register):
        total = counted.setdefault(row["kind"] or "", [0, 0, 0])
        for place, name in enumerate(("total", "subjects", "unknown")):
            total[place] += int(row[name])
    ordered: Sequence[tuple[str, list[int]]] = sorted(counted.items(), key=lambda one: -one[1][0])
    return tuple(CreditRow(kind, *numbers) for kind, numbers in ordered)


def _timely(visit: Visit, register: Register | None, names: dict[str, str]) -> tuple[TimelyRow, ...]:
    if register is None:
        return ()
    since = visit.today - dt.timedelta(days=_DAYS)
    found = timeliness(visit.rooms.store, register, read_calendar(visit.connection), since, visit.today)
    return tuple(
        TimelyRow(
            names.get(one.department, one.department), one.kind, one.total, one.late, round(100 * one.rate, 1)
        )
        for one in sorted(found, key=lambda one: (one.rate, -one.total))
    )


PAGES = (Page("registers", "/registers", build, may="register:read", stop="fuse", tab="registers"),)
ACTS: tuple[Act, ...] = ()
