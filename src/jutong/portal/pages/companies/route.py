"""Companies: the list, one company, how they are merged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.database import named_sql
from jutong.elements import element_of, try_out
from jutong.fuse import Explanation, Register, explain, list_registers
from jutong.people import log
from jutong.portal import saying
from jutong.portal.drawing import TimeScale
from jutong.portal.names import department_names
from jutong.portal.pages.companies.reading import REGISTER, CompanyRow, Record, find, records, register_of
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import Sighting, who_saw
from jutong.terms import Item, NotFound

_SQL = named_sql(__file__)
_SIZE = 30


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
class ValueView:
    value: str
    source: str
    source_key: str
    batch: str
    as_of: dt.date | None
    chosen: bool
    sentence: str


@dataclass(frozen=True)
class ItemView:
    name: str
    label: str
    value: str
    because: str
    source: str
    as_of: dt.date | None
    hidden: bool
    losing: int
    disputed: bool
    values: tuple[ValueView, ...]


@dataclass(frozen=True)
class MemberView:
    source: str
    dataset: str
    source_key: str
    batch: str
    row_no: int | None
    as_of: dt.date | None
    sentence: str


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
class LifeBar:
    x: float
    width: float
    y: int
    role: str
    label: str
    #: Whether the words stand left of the bar, where there is no room to its right.
    before: bool


@dataclass(frozen=True)
class LifeRow:
    label: str
    y: int
    line: int


@dataclass(frozen=True)
class Life:
    """The company's way on one time scale, in percent across and pixels down."""

    height: int
    years: tuple[tuple[str, float], ...]
    rows: tuple[LifeRow, ...]
    bars: tuple[LifeBar, ...]
    today: float


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
    found = records(visit, uscc)
    licences = tuple(one for one in found if one.kind == "licence")
    credit = tuple(one for one in found if one.kind == "credit")
    soon = visit.today + dt.timedelta(days=30)
    items = _items(told, register)
    sees = visit.can("subject:read")
    entry = visit.connection.execute(_SQL.entry_of, {"dataset": _first_source(register)}).fetchone()
    return Company(
        id=told.entity,
        name=str(told.golden.get("name") or told.entity),
        uscc=uscc,
        state=str(told.golden.get("state") or ""),
        items=items,
        members=tuple(
            MemberView(
                one.source,
                one.dataset,
                one.source_key,
                one.batch or "",
                one.row_no,
                _date(one.as_of),
                one.sentence,
            )
            for one in told.members
        ),
        sources=int(told.golden.get("sources") or 0),
        licences=licences,
        credit=credit,
        live_licences=sum(not one.over(visit.today) for one in licences),
        ending_soon=sum(one.until is not None and visit.today <= one.until <= soon for one in licences),
        live_credit=sum(not one.over(visit.today) for one in credit),
        disputed=sum(one.disputed for one in items),
        life=_life(told, licences, credit, visit.today),
        sightings=_sightings(visit, uscc) if sees and uscc else (),
        sees_sightings=sees,
        entry_id=entry["id"] if entry else None,
        today=visit.today,
    )


def _first_source(register: Register) -> str:
    return min(register.sources, key=lambda source: source.trust).dataset if register.sources else ""


def _date(at: dt.datetime | None) -> dt.date | None:
    return saying.local(at).date() if at else None


def _items(told: Explanation, register: Register) -> tuple[ItemView, ...]:
    """Every item with its reason; values from grade 2 up are masked, for everybody."""
    kinds = {item.name: item for item in register.items}
    shown = []
    for one in told.items:
        item = kinds[one.item]
        hidden = item.grade >= 2
        values = tuple(
            ValueView(
                _masked(item, value.value) if hidden else value.value, value.source, value.source_key,
                value.batch or "", _date(value.as_of), value.chosen, value.sentence,
            )
            for value in one.values
        )  # fmt: skip
        best = values[0] if values else None
        shown.append(
            ItemView(
                name=one.item,
                label=one.label,
                value=best.value if best and best.chosen else str(one.value or ""),
                because=one.because,
                source=best.source if best else "",
                as_of=best.as_of if best else None,
                hidden=hidden,
                losing=sum(not value.chosen and value.value != values[0].value for value in values),
                disputed=one.disputed,
                values=values,
            )
        )
    return tuple(shown)


def _masked(item: Item, value: str) -> str:
    """As the element masks its middle; what the element cannot read is hidden whole."""
    element = element_of(item.element, item.type)
    read = try_out(element, value)
    if read.value is None or len(value) < 2:
        return "*" * len(value)
    keep = 3 if len(value) > 8 else 1
    tail = 4 if len(value) > 8 else 0
    return value[:keep] + "*" * (len(value) - keep - tail) + (value[-tail:] if tail else "")


def _sightings(visit: Visit, uscc: str) -> tuple[SightingView, ...]:
    found = who_saw(visit.connection, visit.rooms.keys, uscc)[:12]
    log(
        visit.connection, "portal:subject:read", party=visit.who, at=visit.now, address=visit.address,
        detail={"uscc": uscc, "found": len(found)},
    )  # fmt: skip
    keys = {"applications": [one.application for one in found], "entries": [one.entry for one in found]}
    known = {(row["kind"], row["code"]): row["name"] for row in visit.connection.execute(_SQL.names, keys)}
    names = department_names(visit.connection)
    return tuple(_sighting(one, known, names) for one in found)


def _sighting(one: Sighting, known: Mapping[tuple[str, str], str], names: Mapping[str, str]) -> SightingView:
    return SightingView(
        at=one.at,
        consumer=names.get(one.consumer, one.consumer),
        application=known.get(("application", one.application), one.application),
        entry=known.get(("entry", one.entry), one.entry),
        purpose=one.purpose,
        grant_id=one.grant_id,
        index=one.log_index,
    )


def _life(told: Explanation, licences: Sequence[Record], credit: Sequence[Record], today: dt.date) -> Life:
    """Founding, licences and credit on one scale of years; at most six licences and six facts are drawn."""
    founded = told.golden.get("founded_on")
    starts = [one.start for one in (*licences, *credit) if one.start]
    if isinstance(founded, dt.date):
        starts.append(founded)
    since = dt.date(min((start.year for start in starts), default=today.year - 5), 1, 1)
    scale = TimeScale(since, dt.date(today.year + 4, 12, 31))
    bars: list[LifeBar] = []
    rows: list[LifeRow] = []
    y = 28
    if isinstance(founded, dt.date):
        rows.append(LifeRow("登记", y + 15, y + 24))
        bars.append(LifeBar(scale.at(founded), 0, y, "dot", f"设立 {founded.year}", before=False))
        y += 34
    for label, found, role in (("证照", licences, "fw"), ("信用", credit, "fo")):
        drawn = [one for one in found if one.start][:6]
        if not drawn:
            continue
        first = y
        for one in sorted(drawn, key=lambda one: one.start or since):
            assert one.start is not None
            over = one.over(today)
            x, width = scale.span(one.start, one.until or (None if role == "fw" else one.start))
            bars.append(
                LifeBar(x, max(width, 0.6), y, "f0" if over else role, _bar_label(one), before=x > 72)
            )
            y += 26
        rows.append(LifeRow(label, first + 15, y))
        y += 8
    return Life(y + 8, tuple(_thinned(scale.years())), tuple(rows), tuple(bars), scale.at(today))


def _bar_label(one: Record) -> str:
    name = one.entry.removesuffix("信息").removesuffix("电子证照")
    until = f"，至 {one.until:%Y-%m}" if one.until else ""
    return f"{name}{until}" if one.kind == "licence" else f"{name}：{one.what[:14]}{until}"


def _thinned(years: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Not more marks than there is room for."""
    step = -(-len(years) // 16)
    return [mark for place, mark in enumerate(years) if place % step == 0]


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
