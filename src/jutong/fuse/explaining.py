"""Why a register shows what it shows: the company page's answer, value by value and record by record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jutong.fuse import golden
from jutong.fuse.likeness import DECIDED
from jutong.fuse.register import Register
from jutong.store import Reading, Store
from jutong.terms import NotFound, quote

_LOSES = {
    golden.SHORTER: "不如采用的值完整",
    golden.SAME: "与采用的值相同",
    golden.INVALID: "未通过校验，改用另一来源的值",
    golden.LESS_TRUSTED: "来源的可信顺序在后",
    golden.OLDER: "数据时间较早",
}
_RULES = {
    "likeness": "名称、人员、住所或电话等相似",
    "decided": "经人工复核认定为同一主体",
    "alone": "没有可用的代码，也没有足够相似的记录",
}
_EVENTS = {"merged": "并入 {other}", "split": "拆出 {other}", "ended": "来源记录已全部消失"}


@dataclass(frozen=True)
class Value:
    """One source's value of an item."""

    value: str
    dataset: str
    #: The source's label as the register declares it.
    source: str
    source_key: str
    batch: str | None
    row_no: int | None
    as_of: dt.datetime | None
    chosen: bool
    reason: str
    sentence: str


@dataclass(frozen=True)
class ExplainedItem:
    """``values``: the chosen one first, then the losing ones (law 6)."""

    item: str
    label: str
    value: Any
    because: str
    values: tuple[Value, ...]

    @property
    def disputed(self) -> bool:
        return any(value.value != self.values[0].value for value in self.values)


@dataclass(frozen=True)
class Membership:
    """A standard row that belongs to the entity, and on what ground; ``weight`` in bits where by likeness."""

    dataset: str
    source: str
    source_key: str
    batch: str | None
    row_no: int | None
    as_of: dt.datetime | None
    rule: str
    weight: Decimal | None
    sentence: str


@dataclass(frozen=True)
class Event:
    """What became of an id: merged into another, split, ended."""

    entity: str
    event: str
    other: str
    records: int
    snapshot: int
    at: dt.datetime
    sentence: str


@dataclass(frozen=True)
class Explanation:
    entity: str
    golden: Mapping[str, Any]
    items: tuple[ExplainedItem, ...]
    members: tuple[Membership, ...]
    #: role → (register, id) of holders and subjects.
    links: Mapping[str, tuple[str, str]]
    history: tuple[Event, ...]


def explain(store: Store, register: Register, entity: str) -> Explanation:
    """Raises NotFound ``fuse.no_entity``."""
    with store.reading() as view:
        rows = view.rows(f"SELECT * FROM {view.table(register.golden)} WHERE entity = ?", [entity])
        events = _events(view, register, entity)
        if not rows:
            went = next((event.sentence for event in events if event.event != "split"), "")
            raise NotFound("fuse.no_entity", f"{register.label}里没有 {entity}{f'：{went}' if went else ''}")
        values = _values(view, register, entity)
        members = _members(view, register, entity)
        links = _links(view, register, entity)
    items = tuple(
        ExplainedItem(
            item.name, item.label, rows[0][item.name], _because(values[item.name]), values[item.name]
        )
        for item in register.items
        if item.name in values
    )
    return Explanation(entity, rows[0], items, members, links, events)


def history(store: Store, register: Register, entity: str) -> tuple[Event, ...]:
    """What became of an id, the newest first; empty where it is as it was made."""
    with store.reading() as view:
        return _events(view, register, entity)


def _events(view: Reading, register: Register, entity: str) -> tuple[Event, ...]:
    rows = view.rows(
        f"SELECT * FROM {view.table(register.history)} WHERE entity = ? OR other = ? ORDER BY happened DESC, event, entity, other",
        [entity, entity],
    )
    return tuple(
        Event(
            row["entity"], row["event"], row["other"], int(row["records"]), int(row["happened"]), row["at"],
            f"{row['entity']} {_EVENTS.get(row['event'], row['event']).format(other=row['other'])}",
        )
        for row in rows
    )  # fmt: skip


def _links(view: Reading, register: Register, entity: str) -> dict[str, tuple[str, str]]:
    if not register.links:
        return {}
    rows = view.rows(
        f"SELECT role, register, target FROM {view.table(register.linked)} WHERE entity = ?", [entity]
    )
    return {row["role"]: (row["register"], row["target"]) for row in rows}


def find_entities(
    store: Store, register: Register, text: str, limit: int = 20, offset: int = 0
) -> list[dict[str, Any]]:
    """Golden records by entity id, by a whole code, or by a part of the name; shorter names first."""
    codes = list(dict.fromkeys(part.item for key in register.keys for way in key.ways for part in way))
    name = register.item_of("legal_name") or register.item_of("person_name")
    wanted = " OR ".join(f"{quote(code)} = $text" for code in ("entity", *codes))
    part = f" OR contains({quote(name)}, $text)" if name else ""
    order = f"length({quote(name)}), " if name else ""
    with store.reading() as view:
        return view.rows(
            f"SELECT * FROM {view.table(register.golden)} WHERE {wanted}{part} "
            f"ORDER BY {order}entity LIMIT {int(limit)} OFFSET {int(offset)}",
            {"text": text.strip()},
        )


def _values(view: Reading, register: Register, entity: str) -> dict[str, tuple[Value, ...]]:
    found: dict[str, list[Value]] = {}
    for row in view.rows(
        f"SELECT * FROM {view.table(register.values)} WHERE entity = ? "
        "ORDER BY item, chosen DESC, as_of DESC, dataset, source_key",
        [entity],
    ):
        sentence = "采用" if row["chosen"] else _LOSES.get(row["reason"], row["reason"])
        found.setdefault(row["item"], []).append(
            Value(
                row["value"], row["dataset"], _label(register, row["dataset"]), row["source_key"],
                row["batch"], row["row_no"], row["as_of"], row["chosen"], row["reason"], sentence,
            )
        )  # fmt: skip
    return {item: tuple(values) for item, values in found.items()}


def _members(view: Reading, register: Register, entity: str) -> tuple[Membership, ...]:
    rules = {key.name: key.label for key in register.keys} | _RULES
    rows = view.rows(
        f"SELECT * FROM {view.table(register.members)} WHERE entity = ? ORDER BY dataset, source_key",
        [entity],
    )
    return tuple(
        Membership(
            row["dataset"], _label(register, row["dataset"]), row["source_key"], row["batch"],
            row["row_no"], row["as_of"], row["rule"], row["weight"] if (row["weight"] or 0) < DECIDED else None,
            rules.get(row["rule"], row["rule"]),
        )
        for row in rows
    )  # fmt: skip


def _label(register: Register, dataset: str) -> str:
    source = register.source_of(dataset)
    return source.label if source else dataset


def _because(values: tuple[Value, ...]) -> str:
    """The winner's reason, from what the losers lost by."""
    best, others = values[0], values[1:]
    if not others:
        return f"只有「{best.source}」提供"
    reasons = {value.reason for value in others}
    if reasons == {golden.SAME}:
        return f"{len(values)} 条记录一致"
    if golden.LESS_TRUSTED in reasons:
        return f"各源不一，以「{best.source}」为准（可信顺序在前）"
    if golden.SHORTER in reasons:
        return f"各源不一，以「{best.source}」为准（值最完整）"
    if golden.OLDER in reasons:
        return "各源不一，以数据时间较新的为准"
    return "另一来源的值未通过校验"
