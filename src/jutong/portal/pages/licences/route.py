"""Licences: valid as of any day, running out, and one licence with its versions and its holder."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from jutong.fuse import (
    STATES,
    Licence,
    Register,
    Version,
    expiring,
    explain,
    find_licences,
    find_register,
    identifier_sound,
    licence,
    licence_counts,
    versions,
)
from jutong.people import log
from jutong.portal.names import department_names
from jutong.portal.pages.registers.why import (
    HappeningView,
    ItemView,
    MemberView,
    happenings_of,
    items_of,
    masked,
    members_of,
)
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Page
from jutong.portal.visits import Visit
from jutong.terms import Item, NotFound

REGISTER = "licence"
_SIZE = 30
#: The household's numbers and a person's name are masked; a licence itself is public.
_MASKED_FROM = 2
_NAME = Item("holder_name", "持证主体", element="person_name", grade=3)
_LABELS = {"valid": "有效", "over": "已到期", "cancelled": "已注销", "pending": "未生效"}


@dataclass(frozen=True)
class LicencesQuestion:
    q: Annotated[str, Field(title="标识、编号、持证主体", max_length=100)] = ""
    kind: Annotated[str, Field(title="证照", max_length=60)] = ""
    state: Annotated[str, Field(title="状态", pattern="^(valid|over|cancelled|pending)?$")] = ""
    #: As of which day; today when empty.
    day: Annotated[str, Field(title="哪一天", pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class KindRow:
    kind: str
    total: int
    valid: int
    soon: int
    over: int
    cancelled: int
    pending: int
    held: int


@dataclass(frozen=True)
class LicenceRow:
    id: str
    kind: str
    number: str
    holder: str
    holder_href: str
    issuer: str
    issued_on: dt.date | None
    valid_to: dt.date | None
    state: str
    #: Until it runs out, from the day asked about; None without an end or past it.
    days_left: int | None


@dataclass(frozen=True)
class Licences:
    """The licence register as of a day."""

    asked: LicencesQuestion
    day: dt.date
    today: dt.date
    kinds: tuple[KindRow, ...]
    whole: KindRow
    rows: tuple[LicenceRow, ...]
    pager: Pager
    states: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ExpiringQuestion:
    within: Annotated[int, Field(title="几日之内", ge=1, le=730)] = 30
    kind: Annotated[str, Field(title="证照", max_length=60)] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class Expiring:
    """Licences valid today that run out soon, the first to run out first."""

    asked: ExpiringQuestion
    kinds: tuple[KindRow, ...]
    rows: tuple[LicenceRow, ...]
    pager: Pager
    total: int


@dataclass(frozen=True)
class OnDay:
    """What the licence is on a day somebody asks about."""

    day: dt.date
    state: str


@dataclass(frozen=True)
class LicenceQuestion:
    day: Annotated[str, Field(title="哪一天", pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""


@dataclass(frozen=True)
class LicencePage:
    """One licence: what it is on a day, who holds it, its versions, and why every value."""

    row: LicenceRow
    licence_no: str
    sound: bool
    on: OnDay
    today: dt.date
    items: tuple[ItemView, ...]
    members: tuple[MemberView, ...]
    versions: tuple[Version, ...]
    happenings: tuple[HappeningView, ...]
    personal: bool


def listed(visit: Visit, asked: LicencesQuestion) -> Licences:
    """Licences as of any day."""
    register, day = _register(visit), _day(asked.day, visit.today)
    store = visit.rooms.store
    kinds = tuple(
        KindRow(
            row["kind"] or "", *(int(row[name]) for name in KindRow.__dataclass_fields__ if name != "kind")
        )
        for row in licence_counts(store, register, day)
    )
    found, total = find_licences(
        store, register, day, text=asked.q.strip(), kind=asked.kind, state=asked.state, limit=_SIZE,
        offset=(asked.page - 1) * _SIZE,
    )  # fmt: skip
    return Licences(
        asked, day, visit.today, kinds, _sum(kinds), _rows(visit, found, day), Pager.of("/licences", asked, total, _SIZE),
        tuple((name, _LABELS[name]) for name in STATES),
    )  # fmt: skip


def soon(visit: Visit, asked: ExpiringQuestion) -> Expiring:
    """What runs out within so many days."""
    register, store = _register(visit), visit.rooms.store
    found, total = expiring(
        store,
        register,
        visit.today,
        asked.within,
        kind=asked.kind,
        limit=_SIZE,
        offset=(asked.page - 1) * _SIZE,
    )
    kinds = tuple(
        KindRow(
            row["kind"] or "", *(int(row[name]) for name in KindRow.__dataclass_fields__ if name != "kind")
        )
        for row in licence_counts(store, register, visit.today)
    )
    return Expiring(
        asked,
        kinds,
        _rows(visit, found, visit.today),
        Pager.of("/licences/expiring", asked, total, _SIZE),
        total,
    )


def one(visit: Visit, asked: LicenceQuestion) -> LicencePage:
    """One licence."""
    register = _register(visit)
    told = explain(visit.rooms.store, register, visit.path["entity"])
    found = licence(visit.rooms.store, register, told.entity)
    if found.personal:
        log(
            visit.connection, "portal:record:read", party=visit.who, at=visit.now, address=visit.address,
            detail={"register": register.name, "entity": told.entity},
        )  # fmt: skip
    day = _day(asked.day, visit.today)
    words = {"issuer": department_names(visit.connection)}
    shown = _personal(register) if found.personal else register
    items = items_of(told, shown, masked_from=_MASKED_FROM, words=words)
    return LicencePage(
        row=_rows(visit, [found], day)[0],
        licence_no=found.licence_no,
        sound=identifier_sound(found.licence_no),
        on=OnDay(day, found.state_on(day)),
        today=visit.today,
        items=items,
        members=members_of(told, register, masked_from=_MASKED_FROM),
        versions=versions(told),
        happenings=happenings_of(told),
        personal=found.personal,
    )


def _personal(register: Register) -> Register:
    """The register as it is when a person holds the licence: the holder's name is personal."""
    items = tuple(_NAME if item.name == _NAME.name else item for item in register.items)
    return replace(register, items=items)


def _rows(visit: Visit, found: list[Licence], day: dt.date) -> tuple[LicenceRow, ...]:
    names = department_names(visit.connection)
    hidden = masked(_NAME, {one.holder_name for one in found if one.personal and one.holder_name})
    paths = {"legal_entity": "/companies", "person": "/persons"}
    return tuple(
        LicenceRow(
            one.entity, one.kind, one.number or one.licence_no,
            hidden.get(one.holder_name, "") if one.personal else one.holder_name,
            f"{paths[one.holder[0]]}/{one.holder[1]}" if one.holder else "", names.get(one.issuer, one.issuer),
            one.issued_on, one.valid_to, one.state_on(day),
            (one.valid_to - day).days if one.valid_to and one.state_on(day) == "有效" else None,
        )
        for one in found
    )  # fmt: skip


def _sum(kinds: tuple[KindRow, ...]) -> KindRow:
    names = [name for name in KindRow.__dataclass_fields__ if name != "kind"]
    return KindRow("", *(sum(getattr(one, name) for one in kinds) for name in names))


def _day(text: str, today: dt.date) -> dt.date:
    try:
        return dt.date.fromisoformat(text) if text else today
    except ValueError:
        return today


def _register(visit: Visit) -> Register:
    register = find_register(visit.connection, REGISTER)
    try:
        visit.rooms.store.spec(register.linked)
    except NotFound:
        raise NotFound("portal.no_register", "证照基础库还没有建立") from None
    return register


_MAY = "register:read"
PAGES = (
    Page("licences", "/licences", listed, may=_MAY, stop="fuse", tab="licences", asks=LicencesQuestion),
    Page("licences.expiring", "/licences/expiring", soon, may=_MAY, stop="fuse", tab="licences", asks=ExpiringQuestion),
    Page("licences.licence", "/licences/{entity}", one, may=_MAY, stop="fuse", tab="licences", asks=LicenceQuestion),
)  # fmt: skip
ACTS: tuple[Act, ...] = ()
