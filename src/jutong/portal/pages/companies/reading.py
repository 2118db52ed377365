"""Companies and what hangs on them in the other registers; nothing personal in the clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jutong.fuse import Register, credit_of, find_entities, find_register, licences_of, ties_of
from jutong.portal.pages.registers.life import Record, of_fact, of_licence
from jutong.portal.pages.registers.why import masked
from jutong.portal.visits import Visit
from jutong.terms import Item, NotFound, quote

REGISTER = "legal_entity"
#: Values of items from this grade up are masked for everybody.
MASKED_FROM = 2
#: What two companies share that makes them related, the closest tie first; only who shares is told, never what.
_SHARED = (
    (("legal_rep", "phone"), "法定代表人与联系电话相同"),
    (("legal_rep", "address"), "法定代表人与住所相同"),
    (("phone",), "联系电话相同"),
    (("address",), "住所相同"),
)
_RELATED = 8


@dataclass(frozen=True)
class CompanyRow:
    id: str
    name: str
    uscc: str
    kind: str
    address: str
    state: str
    sources: int
    records: int


@dataclass(frozen=True)
class Related:
    id: str
    name: str
    state: str
    why: str


@dataclass(frozen=True)
class Person:
    """Somebody beside a company, never by the whole name."""

    name: str
    role: str
    told: str


def persons(visit: Visit, register: Register, golden: Mapping[str, Any]) -> tuple[Person, ...]:
    """The representative and whoever the register's ties name, masked."""
    name = Item("name", "姓名", element="person_name")
    told = [
        (one.name, one.label, "；".join(f"{label} {value}" for label, value in one.told))
        for one in ties_of(visit.rooms.store, register, golden)
    ]
    first = next((item for item in register.items if item.element == "person_name"), None)
    if first is not None and golden.get(first.name):
        told.insert(0, (str(golden[first.name]), first.label, ""))
    shown = masked(name, (one for one, _, _ in told))
    return tuple(Person(shown[one], role, what) for one, role, what in told)


def register_of(visit: Visit, name: str = REGISTER) -> Register | None:
    """A register by its name; None in a city that has not declared or made it yet."""
    try:
        register = find_register(visit.connection, name)
        visit.rooms.store.spec(register.linked if register.links else register.golden)
    except NotFound:
        return None
    return register


def find(visit: Visit, text: str, limit: int, offset: int) -> tuple[list[CompanyRow], int]:
    """Companies by name, code or id and how many there are at least; without a text all of them."""
    register = register_of(visit)
    if register is None:
        return [], 0
    if text.strip():
        rows = find_entities(visit.rooms.store, register, text, limit + 1, offset)
        return [_row(row) for row in rows[:limit]], offset + len(rows)
    with visit.rooms.store.reading() as view:
        table = view.table(register.golden)
        total = view.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        rows = view.rows(
            f"SELECT * FROM {table} ORDER BY sources DESC, records DESC, entity LIMIT {limit} OFFSET {offset}"
        )
    return [_row(row) for row in rows], int(total)


def _row(row: Mapping[str, Any]) -> CompanyRow:
    return CompanyRow(
        row["entity"], row["name"] or "", row["uscc"] or "", row.get("kind") or "", row.get("address") or "",
        row.get("state") or "", row["sources"], row["records"],
    )  # fmt: skip


def records(
    visit: Visit, entity: str, departments: dict[str, str]
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """An entity's licences and its facts of credit, as the registers know them, the newest first."""
    store, day = visit.rooms.store, visit.today
    licence, credit = register_of(visit, "licence"), register_of(visit, "credit")
    held = licences_of(store, licence, entity) if licence else ()
    told = credit_of(store, credit, entity) if credit else ()
    return (
        tuple(of_licence(one, day, departments) for one in held),
        tuple(of_fact(one, day, departments) for one in told),
    )


def related(visit: Visit, register: Register, entity: str, golden: Mapping[str, Any]) -> tuple[Related, ...]:
    """Other entities of the register that share what two strangers seldom share, the closest first."""
    known = [
        (place, items, why)
        for place, (items, why) in enumerate(_SHARED)
        if all(golden.get(item) for item in items)
        and all(any(one.name == item for one in register.items) for item in items)
    ]
    if not known:
        return ()
    params: dict[str, Any] = {"entity": entity}
    arms = []
    for place, items, _ in known:
        params |= {f"v_{item}": golden[item] for item in items}
        arms.append(f"WHEN {' AND '.join(f'{quote(item)} = $v_{item}' for item in items)} THEN {place}")
    with visit.rooms.store.reading() as view:
        rows = view.rows(
            f"SELECT * FROM (SELECT *, CASE {' '.join(arms)} END AS shared FROM {view.table(register.golden)}) "
            f"WHERE shared IS NOT NULL AND entity <> $entity ORDER BY shared, entity LIMIT {_RELATED}",
            params,
        )
    return tuple(
        Related(
            row["entity"], row["name"] or row["entity"], row.get("state") or "", _SHARED[row["shared"]][1]
        )
        for row in rows
    )
