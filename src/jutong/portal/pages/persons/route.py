"""Persons: looked up only on a stated ground, which is written down first; masked by grade whoever looks.

1 the visitor says whom and on what ground; 2 the ground is kept in the security log with every person shown;
3 for half an hour the person's page opens to this visitor; after that the ground must be stated again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.fuse import Register, explain, find_entities, find_register
from jutong.people import log, security_events
from jutong.portal.names import department_names
from jutong.portal.pages.companies.reading import records
from jutong.portal.pages.registers.life import Life, Record, life
from jutong.portal.pages.registers.why import (
    HappeningView,
    ItemView,
    MemberView,
    happenings_of,
    items_of,
    masked,
    members_of,
)
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

REGISTER = "person"
#: Values from this grade up are masked for everybody; below it they are shown to whoever has stated a ground.
MASKED_FROM = 3
EVENT = "portal:record:read"
#: A stated ground holds so long; persons one question shows.
_HOLDS, _SHOWN = dt.timedelta(minutes=30), 20


@dataclass(frozen=True)
class Persons:
    """The question: whom, on what ground; and how the register stands."""

    entities: int
    sources: int
    #: How many persons this visitor looked at today.
    looked: int


@dataclass(frozen=True)
class PersonRow:
    id: str
    name: str
    person_id: str
    gender: str
    division: str
    sources: int


@dataclass(frozen=True)
class PersonsFound:
    """Who was found; shown once, kept as the fact that it was asked."""

    ground: str
    rows: tuple[PersonRow, ...]


@dataclass(frozen=True)
class PersonPage:
    """One person; without a ground stated within half an hour nothing of him is shown."""

    id: str
    #: "" while none has been stated.
    ground: str
    until: dt.datetime | None
    name: str
    items: tuple[ItemView, ...]
    members: tuple[MemberView, ...]
    licences: tuple[Record, ...]
    live_licences: int
    life: Life | None
    happenings: tuple[HappeningView, ...]


@dataclass(frozen=True)
class LookForm:
    subject: Annotated[str, Field(title="公民身份号码或姓名", min_length=2, max_length=64)]
    ground: Annotated[str, Field(title="依据", min_length=4, max_length=200)]


@dataclass(frozen=True)
class GroundForm:
    ground: Annotated[str, Field(title="依据", min_length=4, max_length=200)]


def asked(visit: Visit, _: NoQuestion) -> Persons:
    """The form."""
    register = _register(visit)
    since = dt.datetime.combine(visit.today, dt.time(), visit.now.astimezone().tzinfo)
    looked = {entity for entity, _, at in _grounds(visit) if at >= since}
    return Persons(visit.rooms.store.count(register.golden), len(register.sources), len(looked))


def look(visit: Visit, form: LookForm) -> Done:
    """Find persons by whole number or whole name; the ground is kept before anything is shown."""
    register, text = _register(visit), form.subject.strip()
    found = [
        row
        for row in find_entities(visit.rooms.store, register, text, 200)
        if text in (row.get("person_id"), row.get("name"))
    ][:_SHOWN]
    for row in found:
        _keep(visit, register, row["entity"], form.ground)
    items = {item.name: item for item in register.items}
    shown = {
        name: masked(items[name], (row[name] for row in found if row.get(name)))
        for name in ("name", "person_id")
    }
    rows = tuple(
        PersonRow(
            row["entity"], shown["name"].get(row["name"] or "", ""), shown["person_id"].get(row["person_id"] or "", ""),
            row.get("gender") or "", row.get("division_code") or "", int(row["sources"]),
        )
        for row in found
    )  # fmt: skip
    return Done("/persons", value=PersonsFound(form.ground, rows), shows="pages/persons/found.html")


def state(visit: Visit, form: GroundForm) -> Done:
    """State the ground of looking at one person."""
    register = _register(visit)
    found = explain(visit.rooms.store, register, visit.path["entity"])
    _keep(visit, register, found.entity, form.ground)
    return Done(f"/persons/{found.entity}", visit.tell("依据已记下"), value={"entity": found.entity})


def one(visit: Visit, _: NoQuestion) -> PersonPage:
    """One person."""
    register, entity = _register(visit), visit.path["entity"]
    stated = next(
        (
            (ground, at)
            for known, ground, at in _grounds(visit)
            if known == entity and at > visit.now - _HOLDS
        ),
        None,
    )
    if stated is None:
        return PersonPage(entity, "", None, "", (), (), (), 0, None, ())
    told = explain(visit.rooms.store, register, entity)
    items = items_of(told, register, masked_from=MASKED_FROM)
    licences, _facts = records(visit, told.entity, department_names(visit.connection))
    return PersonPage(
        id=told.entity,
        ground=stated[0],
        until=stated[1] + _HOLDS,
        name=next((item.value for item in items if item.name == "name"), told.entity),
        items=items,
        members=members_of(told, register, masked_from=MASKED_FROM),
        licences=licences,
        live_licences=sum(record.live for record in licences),
        life=life(None, "", licences, (), visit.today) if licences else None,
        happenings=happenings_of(told),
    )


def _grounds(visit: Visit) -> list[tuple[str, str, dt.datetime]]:
    """(person, ground, when) of this visitor's latest looks, the newest first."""
    return [
        (str(event.detail["entity"]), str(event.detail["ground"]), event.at)
        for event in security_events(visit.connection, visit.who, event=EVENT, limit=500)
        if event.login == visit.who.login
        and event.detail.get("register") == REGISTER
        and event.detail.get("ground")
    ]


def _keep(visit: Visit, register: Register, entity: str, ground: str) -> None:
    log(
        visit.connection, EVENT, party=visit.who, at=visit.now, address=visit.address,
        detail={"register": register.name, "entity": entity, "ground": ground},
    )  # fmt: skip


def _register(visit: Visit) -> Register:
    register = find_register(visit.connection, REGISTER)
    try:
        visit.rooms.store.spec(register.golden)
    except NotFound:
        raise NotFound("portal.no_register", "人口基础库还没有建立") from None
    return register


_MAY, _PATH = "register:read", "/persons/{entity}"
PAGES = (
    Page("persons", "/persons", asked, may=_MAY, stop="fuse", tab="persons"),
    Page("persons.person", _PATH, one, may=_MAY, stop="fuse", tab="persons"),
)
ACTS = (
    Act("persons.look", "/persons", look, LookForm, may=_MAY, shown_on="/persons"),
    Act("persons.state", _PATH, state, GroundForm, may=_MAY, shown_on=_PATH),
)
