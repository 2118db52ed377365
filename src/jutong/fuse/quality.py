"""How good a register is: how full its items are, who its values come from, what could not be placed and why."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.fuse import golden
from jutong.fuse.register import Register
from jutong.store import Store
from jutong.terms import quote


@dataclass(frozen=True)
class ItemQuality:
    """Of all entities: how many know the item, and values of sources that say otherwise than the register shows."""

    item: str
    label: str
    filled: int
    contradicted: int


@dataclass(frozen=True)
class SourceQuality:
    """Of one dataset's values: how many there are, are shown, lost to another, failed their check."""

    dataset: str
    label: str
    rows: int
    values: int
    chosen: int
    contradicted: int
    invalid: int


@dataclass(frozen=True)
class ResidueCount:
    dataset: str
    label: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Quality:
    entities: int
    items: tuple[ItemQuality, ...]
    sources: tuple[SourceQuality, ...]
    residue: tuple[ResidueCount, ...]


def quality(store: Store, register: Register) -> Quality:
    """One look at the register as it is now: a scan of its golden records and one of its values."""
    against = f"reason NOT IN ('{golden.CHOSEN}', '{golden.SAME}')"
    filled = ", ".join(f"count({quote(item.name)}) AS {quote(item.name)}" for item in register.items)
    with store.reading() as view:
        full = view.rows(f"SELECT count(*) AS entities, {filled} FROM {view.table(register.golden)}")[0]
        told = view.rows(
            f"SELECT dataset, item, count(*) AS n, count(*) FILTER (chosen) AS chosen, count(*) FILTER ({against}) AS against, "
            f"count(*) FILTER (reason = '{golden.INVALID}') AS invalid FROM {view.table(register.values)} GROUP BY ALL"
        )
        rows = view.rows(f"SELECT dataset, count(*) AS n FROM {view.table(register.members)} GROUP BY 1")
        residue = view.rows(
            f"SELECT dataset, reason, count(*) AS n FROM {view.table(register.residue)} GROUP BY ALL ORDER BY n DESC, dataset, reason"
        )
    per_item: dict[str, int] = {}
    per_source: dict[str, list[int]] = {row["dataset"]: [0, 0, 0, 0] for row in rows}
    for one in told:
        per_item[one["item"]] = per_item.get(one["item"], 0) + one["against"]
        counted = per_source.setdefault(one["dataset"], [0, 0, 0, 0])
        for place, name in enumerate(("n", "chosen", "against", "invalid")):
            counted[place] += one[name]
    members = {row["dataset"]: int(row["n"]) for row in rows}
    return Quality(
        int(full["entities"]),
        tuple(
            ItemQuality(item.name, item.label, int(full[item.name]), per_item.get(item.name, 0))
            for item in register.items
        ),
        tuple(
            SourceQuality(dataset, _label(register, dataset), members.get(dataset, 0), *counted)
            for dataset, counted in sorted(
                per_source.items(), key=lambda one: (-members.get(one[0], 0), one[0])
            )
        ),
        tuple(
            ResidueCount(row["dataset"], _label(register, row["dataset"]), row["reason"], row["n"])
            for row in residue
        ),
    )


def _label(register: Register, dataset: str) -> str:
    source = register.source_of(dataset)
    return source.label if source else dataset
