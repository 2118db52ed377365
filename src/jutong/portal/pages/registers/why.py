"""Why a register shows what it shows, for any page of any register: values, rows, what became of ids.

Values from a grade on are masked as their element masks its middle; so is a row's key where it is such a value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from jutong.elements import element_of, masked_sql, try_many
from jutong.fuse import Explanation, Register
from jutong.portal import saying
from jutong.terms import Item

#: What cannot be read is hidden whole.
_HIDDEN = "******"


@dataclass(frozen=True)
class ValueView:
    value: str
    source: str
    source_key: str
    batch: str
    as_of: dt.date | None
    chosen: bool
    sentence: str
    #: Whether it says otherwise than the register shows.
    differs: bool


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
class HappeningView:
    at: dt.datetime
    sentence: str


def items_of(
    told: Explanation,
    register: Register,
    *,
    masked_from: int,
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[ItemView, ...]:
    """Every item with its reason; values of items from grade ``masked_from`` up are masked.

    ``words``: item → code → what it means.
    """
    kinds = {item.name: item for item in register.items}
    masks = _masks(told, register, masked_from)
    shown = []
    for one in told.items:
        said = {**(words or {}).get(one.item, {}), **masks.get(one.item, {})}
        values = tuple(
            ValueView(
                said.get(value.value, value.value), value.source, _key(value.source_key, masks), value.batch or "",
                date_of(value.as_of), value.chosen, value.sentence, value.value != one.values[0].value,
            )
            for value in one.values
        )  # fmt: skip
        best = values[0]
        shown.append(
            ItemView(
                name=one.item,
                label=one.label,
                value=best.value,
                because=one.because,
                source=best.source,
                as_of=best.as_of,
                hidden=kinds[one.item].grade >= masked_from,
                losing=sum(value.differs for value in values),
                disputed=one.disputed,
                values=values,
            )
        )
    return tuple(shown)


def members_of(told: Explanation, register: Register, *, masked_from: int) -> tuple[MemberView, ...]:
    masks = _masks(told, register, masked_from)
    return tuple(
        MemberView(
            one.source, one.dataset, _key(one.source_key, masks), one.batch or "", one.row_no, date_of(one.as_of),
            one.sentence if one.weight is None else f"{one.sentence}（{one.weight:.1f} 比特）",
        )
        for one in told.members
    )  # fmt: skip


def happenings_of(told: Explanation) -> tuple[HappeningView, ...]:
    return tuple(HappeningView(one.at, one.sentence) for one in told.history)


def date_of(at: dt.datetime | None) -> dt.date | None:
    return saying.local(at).date() if at else None


def masked(item: Item, values: Iterable[str]) -> dict[str, str]:
    """Value → how it is shown."""
    given = sorted(set(values))
    element = element_of(item.element, item.type)
    read = try_many(element, given)
    shown = dict.fromkeys(given, _HIDDEN)
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"}) as engine:
        for text, one in zip(given, read, strict=True):
            if one.value is None:
                continue
            query = f"SELECT {masked_sql(element, 'middle', 'v')} FROM (SELECT ? AS v)"
            row = engine.execute(query, [one.value]).fetchone()
            if row and row[0] is not None:
                shown[text] = str(row[0])
    return shown


def _masks(told: Explanation, register: Register, masked_from: int) -> dict[str, dict[str, str]]:
    """Item → value → how it is shown, of the items that are hidden."""
    hidden = {item.name: item for item in register.items if item.grade >= masked_from}
    return {
        one.item: masked(hidden[one.item], (value.value for value in one.values))
        for one in told.items
        if one.item in hidden
    }


def _key(key: str, masks: Mapping[str, Mapping[str, str]]) -> str:
    """A row's key, masked where it is a value that is."""
    return next((values[key] for values in masks.values() if key in values), key)
