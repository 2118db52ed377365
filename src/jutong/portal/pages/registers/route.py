"""Registers: looking through all of them, how good each one is, and the desk for pairs only a person can judge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.casework import find_case, move
from jutong.database import named_sql
from jutong.fuse import (
    Quality,
    Register,
    doubts,
    find_entities,
    find_facts,
    find_licences,
    find_register,
    list_registers,
    quality,
)
from jutong.portal.pages.registers.pairs import Pair, pair_of
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

_SQL = named_sql(__file__)
#: Pairs on the desk, lines per register found, runs shown.
_PAIRS, _FOUND, _RUNS = 20, 8, 12
#: Where an entity of a register has its own page.
PATHS = {"legal_entity": "/companies", "person": "/persons", "licence": "/licences", "credit": "/credit"}


@dataclass(frozen=True)
class RegisterRow:
    """A register as its last run left it."""

    name: str
    label: str
    sources: int
    records: int
    entities: int
    by_key: int
    by_likeness: int
    residue: int
    merges: int
    splits: int
    #: Pairs that wait for a person.
    doubtful: int
    fused_at: dt.datetime | None
    #: A case that must be closed before the register changes again.
    hold: int | None
    #: Where its entities are looked up; "" where none is made for it.
    path: str


@dataclass(frozen=True)
class Registers:
    """Every register's quality."""

    rows: tuple[RegisterRow, ...]
    waiting: int


@dataclass(frozen=True)
class RunRow:
    finished_at: dt.datetime
    whole: bool
    records: int
    entities: int
    reached: int
    merges: int
    splits: int
    inserted: int
    updated: int
    deleted: int
    seconds: float


@dataclass(frozen=True)
class RegisterPage:
    """One register: how full, from whom, what could not be placed, what its last runs did."""

    row: RegisterRow
    quality: Quality
    runs: tuple[RunRow, ...]


@dataclass(frozen=True)
class Found:
    title: str
    note: str
    href: str


@dataclass(frozen=True)
class FoundIn:
    label: str
    path: str
    total: int
    lines: tuple[Found, ...]


@dataclass(frozen=True)
class FindQuestion:
    q: Annotated[str, Field(title="名称、代码或编号", max_length=100)] = ""


@dataclass(frozen=True)
class Find:
    """What all registers know of a text; of persons only how many."""

    asked: FindQuestion
    rows: tuple[RegisterRow, ...]
    groups: tuple[FoundIn, ...]
    persons: int


@dataclass(frozen=True)
class ReviewQuestion:
    register: str = ""


@dataclass(frozen=True)
class Review:
    """The desk: pairs too alike to part, too unlike to join."""

    asked: ReviewQuestion
    registers: tuple[RegisterRow, ...]
    waiting: tuple[Pair, ...]
    done: tuple[Pair, ...]
    queued: int
    may: bool


@dataclass(frozen=True)
class VerdictForm:
    verdict: Literal["join", "part"]
    note: Annotated[str, Field(title="凭什么", min_length=2, max_length=500)]


def build(visit: Visit, _: NoQuestion) -> Registers:
    """How good each register is."""
    rows = tuple(_row(visit, one) for one in list_registers(visit.connection))
    return Registers(rows, sum(row.doubtful for row in rows))


def one(visit: Visit, _: NoQuestion) -> RegisterPage:
    """One register in depth."""
    register = find_register(visit.connection, visit.path["name"])
    try:
        visit.rooms.store.spec(register.golden)
    except NotFound:
        raise NotFound("portal.no_register", f"{register.label}还没有融合过") from None
    runs = visit.connection.execute(_SQL.runs, {"register": register.name, "limit": _RUNS}).fetchall()
    return RegisterPage(
        _row(visit, register),
        quality(visit.rooms.store, register),
        tuple(RunRow(**row) for row in runs),
    )


def _row(visit: Visit, register: Register) -> RegisterRow:
    row = visit.connection.execute(_SQL.last_run, {"register": register.name}).fetchone() or {}
    hold = visit.connection.execute(_SQL.hold, {"register": register.name}).fetchone()
    waiting = visit.connection.execute(_SQL.waiting, {"register": register.name}).fetchone() or {"n": 0}
    names = ("records", "entities", "by_key", "by_likeness", "residue", "merges", "splits")
    return RegisterRow(
        name=register.name,
        label=register.label,
        sources=len(register.sources),
        doubtful=waiting["n"],
        fused_at=row.get("finished_at"),
        hold=hold["case_id"] if hold else None,
        path=PATHS.get(register.name, ""),
        **{name: int(row.get(name, 0)) for name in names},
    )


def find(visit: Visit, asked: FindQuestion) -> Find:
    """Everything all registers know of a name, code or number."""
    registers = {one.name: one for one in list_registers(visit.connection)}
    there = {name: one for name, one in registers.items() if _there(visit, one)}
    text, groups, persons = asked.q.strip(), [], 0
    if text:
        store = visit.rooms.store
        for name, register in there.items():
            path = PATHS.get(name, "")
            match name:
                case "person":
                    persons = len(find_entities(store, register, text, 1000))
                    continue
                case "licence":
                    licences, total = find_licences(store, register, visit.today, text=text, limit=_FOUND)
                    lines = [
                        Found(
                            f"{it.kind} {it.number}",
                            _holder(visit, it.holder_name, personal=it.personal),
                            f"{path}/{it.entity}",
                        )
                        for it in licences
                    ]
                case "credit":
                    facts, total = find_facts(store, register, visit.today, text=text, limit=_FOUND)
                    lines = [
                        Found(f"{it.kind} {it.record_no}", it.subject_name, f"{path}/{it.entity}")
                        for it in facts
                    ]
                case _:
                    found = find_entities(store, register, text, _FOUND + 1)
                    total = len(found)
                    lines = [
                        Found(str(row.get("name") or row["entity"]), str(row.get("uscc") or row["entity"]),
                              f"{path}/{row['entity']}" if path else "")
                        for row in found[:_FOUND]
                    ]  # fmt: skip
            if lines:
                groups.append(FoundIn(register.label, path, total, tuple(lines)))
    rows = tuple(_row(visit, register) for register in registers.values())
    return Find(asked, rows, tuple(groups), persons)


def _holder(visit: Visit, name: str, *, personal: bool) -> str:
    return visit.tell("持证人为个人") if personal else name


def _there(visit: Visit, register: Register) -> bool:
    try:
        visit.rooms.store.spec(register.linked if register.links else register.golden)
    except NotFound:
        return False
    return True


def review(visit: Visit, asked: ReviewQuestion) -> Review:
    """The desk for uncertain pairs."""
    registers = [one for one in list_registers(visit.connection) if one.likeness.blocks]
    chosen = [one for one in registers if asked.register in ("", one.name)]
    pairs = [
        (one.case_id, one.verdict, pair_of(register, one))
        for register in chosen
        for one in doubts(visit.connection, register.name, _PAIRS * 3)
    ]
    waiting = [pair for case, verdict, pair in pairs if case and not verdict]
    done = [pair for _, verdict, pair in pairs if verdict]
    rows = tuple(_row(visit, one) for one in registers)
    return Review(
        asked,
        rows,
        tuple(waiting[:_PAIRS]),
        tuple(done[:_PAIRS]),
        sum(row.doubtful for row in rows if asked.register in ("", row.name)) - len(waiting),
        visit.can("register:read") and "steward" in visit.who.roles,
    )


def judge(visit: Visit, form: VerdictForm) -> Done:
    """Say whether two rows are one entity; every later run goes by it."""
    case = find_case(visit.connection, visit.path["case_id"])
    if case.kind != "merge_review":
        raise NotFound("portal.no_case", "没有这件归并复核")
    moved = move(visit.connection, case.id, form.verdict, visit.who, form.note, now=visit.now)
    said = {"same": "已判为同一主体，下次融合时合并", "different": "已判为不同主体，以后不再问"}[moved.state]
    value: Mapping[str, object] = {"case": moved.id, "state": moved.state}
    return Done("/registers/review", visit.tell(said), value=value)


_MAY = "register:read"
PAGES = (
    Page("registers.find", "/registers/find", find, may=_MAY, stop="fuse", tab="find", asks=FindQuestion),
    Page("registers.review", "/registers/review", review, may=_MAY, stop="fuse", tab="review", asks=ReviewQuestion),
    Page("registers", "/registers", build, may=_MAY, stop="fuse", tab="registers"),
    Page("registers.register", "/registers/{name}", one, may=_MAY, stop="fuse", tab="registers"),
)  # fmt: skip
ACTS = (
    Act(
        "registers.judge", "/registers/review/{case_id:int}", judge, VerdictForm, may=_MAY, shown_on="/registers/review"
    ),
)  # fmt: skip
