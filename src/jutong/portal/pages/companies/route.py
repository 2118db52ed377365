"""Companies: the list, one company, how they are merged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.database import named_sql
from jutong.fuse import Register, explain, list_registers
from jutong.people import log
from jutong.portal.names import department_names
from jutong.portal.pages.companies.reading import (
    MASKED_FROM,
    REGISTER,
    CompanyRow,
    Person,
    Related,
    find,
    persons,
    records,
    register_of,
    related,
)
from jutong.portal.pages.registers.life import Life, Record, life
from jutong.portal.pages.registers.why import (
    HappeningView,
    ItemView,
    MemberView,
    happenings_of,
    items_of,
    members_of,
)
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import Sighting, who_saw
from jutong.terms import NotFound

_SQL = named_sql(__file__)
_SIZE = 30
#: Who looked, latest first; the whole answer is 谁看过's.
_SIGHTINGS = 6


@dataclass(frozen=True)
class CompaniesQuestion:
    q: Annotated[str, Field(title="名称或代码", max_length=100)] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class Companies:
    """The legal-entity register."""

    asked: CompaniesQuestion
    rows: tuple[CompanyRow, ...]
    pager: Pager
    #: More than are counted, where a search stops counting.
    more: bool
    fused_at: dt.datetime | None
    entities: int
    records: int
    by_key: int
    by_likeness: int


@dataclass(frozen=True)
class SightingView:
    at: dt.datetime
    consumer: str
    application: str
    entry: str
    purpose: str
    grant_id: str
    index: int


@dataclass(frozen=True)
class Company:
    """One company: its golden record with why, its sources, licences, credit, and who looked."""

    id: str
    name: str
    uscc: str
    state: str
    items: tuple[ItemView, ...]
    members: tuple[MemberView, ...]
    sources: int
    licences: tuple[Record, ...]
    credit: tuple[Record, ...]
    live_licences: int
    ending_soon: int
    live_credit: int
    disputed: int
    life: Life
    persons: tuple[Person, ...]
    related: tuple[Related, ...]
    happenings: tuple[HappeningView, ...]
    sightings: tuple[SightingView, ...]
    #: Only the auditor, and the steward at the counter, see who looked.
    sees_sightings: bool
    entry_id: int | None
    today: dt.date


@dataclass(frozen=True)
class SourceView:
    label: str
    dataset: str
    trust: int
    items: int
    time_item: str
    exceptions: tuple[str, ...]


@dataclass(frozen=True)
class RegisterView:
    name: str
    label: str
    items: int
    sources: tuple[SourceView, ...]


@dataclass(frozen=True)
class Merging:
    """How registers are made: whom they believe, in what order."""

    registers: tuple[RegisterView, ...]


def listed(visit: Visit, asked: CompaniesQuestion) -> Companies:
    """Companies, those known by most sources first."""
    offset = (asked.page - 1) * _SIZE
    rows, total = find(visit, asked.q, _SIZE, offset)
    fusion = visit.connection.execute(_SQL.last_fusion, {"register": REGISTER}).fetchone() or {}
    return Companies(
        asked=asked,
        rows=tuple(rows),
        pager=Pager.of("/companies", asked, total, _SIZE),
        more=bool(asked.q) and total > offset + len(rows),
        fused_at=fusion.get("finished_at"),
        entities=fusion.get("entities", 0),
        records=fusion.get("records", 0),
        by_key=fusion.get("by_key", 0),
        by_likeness=fusion.get("by_likeness", 0),
    )


def build(visit: Visit, _: NoQuestion) -> Company:
    """One company; looking at it is itself written down."""
    register = register_of(visit)
    if register is None:
        raise NotFound("portal.no_register", "法人基础库还没有建立")
    told = explain(visit.rooms.store, register, visit.path["entity"])
    log(
        visit.connection, "portal:record:read", party=visit.who, at=visit.now, address=visit.address,
        detail={"register": register.name, "entity": told.entity},
    )  # fmt: skip
    uscc = str(told.golden.get("uscc") or "")
    names = department_names(visit.connection)
    licences, credit = records(visit, told.entity, names)
    soon = visit.today + dt.timedelta(days=30)
    items = items_of(told, register, masked_from=MASKED_FROM)
    founded = told.golden.get("founded_on")
    sees = visit.can("subject:read")
    entry = visit.connection.execute(_SQL.entry_of, {"dataset": _first_source(register)}).fetchone()
    return Company(
        id=told.entity,
        name=str(told.golden.get("name") or told.entity),
        uscc=uscc,
        state=str(told.golden.get("state") or ""),
        items=items,
        members=members_of(told, register, masked_from=MASKED_FROM),
        sources=int(told.golden.get("sources") or 0),
        licences=licences,
        credit=credit,
        live_licences=sum(one.live for one in licences),
        ending_soon=sum(one.live and one.until is not None and one.until <= soon for one in licences),
        live_credit=sum(one.against for one in credit),
        disputed=sum(one.disputed for one in items),
        life=life(founded if isinstance(founded, dt.date) else None, "设立", licences, credit, visit.today),
        persons=persons(visit, register, told.golden),
        related=related(visit, register, told.entity, told.golden),
        happenings=happenings_of(told),
        sightings=_sightings(visit, uscc) if sees and uscc else (),
        sees_sightings=sees,
        entry_id=entry["id"] if entry else None,
        today=visit.today,
    )


def _first_source(register: Register) -> str:
    return min(register.sources, key=lambda source: source.trust).dataset if register.sources else ""


def _sightings(visit: Visit, uscc: str) -> tuple[SightingView, ...]:
    found = who_saw(visit.connection, visit.rooms.keys, uscc)[:_SIGHTINGS]
    log(
        visit.connection, "portal:subject:read", party=visit.who, at=visit.now, address=visit.address,
        detail={"uscc": uscc, "found": len(found)},
    )  # fmt: skip
    keys = {
        "applications": [one.application for one in found],
        "entries": [code for one in found for code in one.entries],
    }
    known = {(row["kind"], row["code"]): row["name"] for row in visit.connection.execute(_SQL.names, keys)}
    names = department_names(visit.connection)
    return tuple(_sighting(one, known, names) for one in found)


def _sighting(one: Sighting, known: Mapping[tuple[str, str], str], names: Mapping[str, str]) -> SightingView:
    return SightingView(
        at=one.at,
        consumer=names.get(one.consumer, one.consumer),
        application=known.get(("application", one.application), one.application),
        entry="、".join(known.get(("entry", code), code) for code in one.entries),
        purpose=one.purpose,
        grant_id="、".join(grant for grant in one.grants if grant),
        index=one.log_index,
    )


def merging(visit: Visit, _: NoQuestion) -> Merging:
    """The registers and whom they believe."""
    return Merging(tuple(_register(one) for one in list_registers(visit.connection)))


def _register(one: Register) -> RegisterView:
    labels = {item.name: item.label for item in one.items}
    return RegisterView(
        one.name,
        one.label,
        len(one.items),
        tuple(
            SourceView(
                source.label,
                source.dataset,
                source.trust,
                len(source.mapping),
                source.time_item or "收到批次的时间",
                tuple(f"{labels[name]} {trust}" for name, trust in source.item_trust.items()),
            )
            for source in sorted(one.sources, key=lambda source: source.trust)
        ),
    )


_MAY = "register:read"
PAGES = (
    Page("companies", "/companies", listed, may=_MAY, stop="fuse", tab="companies", asks=CompaniesQuestion),
    Page("companies.company", "/companies/{entity}", build, may=_MAY, stop="fuse", tab="companies"),
    Page("companies.merging", "/merging", merging, may=_MAY, stop="fuse", tab="merging"),
)
ACTS: tuple[Act, ...] = ()
