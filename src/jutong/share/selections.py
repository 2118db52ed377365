"""服务查询: a service whose rows are the result of a SELECT over a department's entries, and what may leave of it.

Law 5 goes on holding column by column.  A column is as strict as the strictest item it is made of or rows are chosen,
joined and grouped by; it leaves under grants that name all of those, one live grant of each entry.  A column that is
an item as it stands keeps that item's mask; one that is worked out from an item that must be masked does not leave.
A grant's row filter holds for the result where every table it speaks of tells the item; elsewhere it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from jutong.share.bounds import NAMES_SOMEBODY, UNMASKED, EntryItem, Ground, mask_for, not_live
from jutong.store import Bounds, View
from jutong.terms import Item, Refused, ShareType

#: What one result may take; it is made again whenever one of its datasets has changed.
SELECT_BOUNDS = Bounds(seconds=60.0, memory_mb=1024, spill_mb=4096, rows=1_000_000)

Used = tuple[int, str]
"""An item of an entry: (entry id, item name)."""


@dataclass(frozen=True)
class SelectView:
    """One name the SELECT reads: an entry's dataset, and the items of it that reach the query."""

    view: str
    entry_id: int
    dataset: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class SelectColumn:
    item: Item
    #: The items it is made of; none for a constant or a count of rows.
    sources: tuple[Used, ...]
    #: Whether it is its one source as it stands.
    copied: bool


@dataclass(frozen=True)
class Told:
    """``column`` of the result tells ``item`` of whichever row the query reads as ``alias``."""

    alias: str
    entry_id: int
    item: str
    column: str


@dataclass(frozen=True)
class Selection:
    """A SELECT that has been checked (``selecting``), with where everything in it comes from."""

    sql: str
    views: tuple[SelectView, ...]
    columns: tuple[SelectColumn, ...]
    #: Items rows are chosen, joined or grouped by.
    conditions: tuple[Used, ...]
    told: tuple[Told, ...]
    #: (alias, entry id) of every table in its FROM.
    places: tuple[tuple[str, int], ...]
    #: What tells one row of the result from another; empty: nothing does.
    keys: tuple[str, ...] = ()
    #: As its author wrote it.
    written: str = ""
    #: Items of its entries that named somebody when it was checked; of any other that does since, nothing was checked.
    naming: tuple[Used, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(column.item for column in self.columns)

    @property
    def entries(self) -> tuple[int, ...]:
        return tuple(view.entry_id for view in self.views)

    def seen(self) -> dict[str, View]:
        """What the guard hands to the query: these items, as they are, of these datasets."""
        return {one.view: View(one.dataset, one.items) for one in self.views}

    def to_row(self) -> dict[str, Any]:
        return {
            "sql": self.sql,
            "views": [{**vars(one), "items": list(one.items)} for one in self.views],
            "columns": [
                {"item": one.item.to_row(), "sources": [list(used) for used in one.sources], "copied": one.copied}
                for one in self.columns
            ],
            "conditions": [list(used) for used in self.conditions],
            "told": [vars(one) for one in self.told],
            "places": [list(place) for place in self.places],
            "keys": list(self.keys),
            "written": self.written,
            "naming": [list(used) for used in self.naming],
        }  # fmt: skip

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            sql=row["sql"],
            views=tuple(SelectView(**{**one, "items": tuple(one["items"])}) for one in row["views"]),
            columns=tuple(
                SelectColumn(Item.from_row(one["item"]), _used(one["sources"]), one["copied"])
                for one in row["columns"]
            ),
            conditions=_used(row["conditions"]),
            told=tuple(Told(**one) for one in row["told"]),
            places=tuple((alias, entry) for alias, entry in row["places"]),
            keys=tuple(row["keys"]),
            written=row["written"],
            naming=_used(row.get("naming", ())),
        )


def offered_by(selection: Selection, items: Mapping[int, Sequence[EntryItem]]) -> tuple[EntryItem, ...]:
    """The result's columns as the catalogue's items would stand; ``items`` by entry, as they are now.

    Withheld is what one of its items has become withheld, withdrawn, or to be masked where that is not possible; and
    all of it once an item of its entries names somebody that did not when the query was checked.
    """
    known = {(entry, item.name): item for entry in selection.entries for item in items.get(entry, ())}
    naming = {used for used, item in known.items() if item.element in NAMES_SOMEBODY}
    unchecked = not naming <= set(selection.naming)
    offered = tuple(_strictest(selection, column, known) for column in selection.columns)
    return tuple(replace(one, share_type=ShareType.WITHHELD) for one in offered) if unchecked else offered


def _strictest(selection: Selection, column: SelectColumn, known: Mapping[Used, EntryItem]) -> EntryItem:
    depends = [known.get(used) for used in (*column.sources, *selection.conditions)]
    there = [item for item in depends if item is not None]
    plain = there[1:] if column.copied else there
    lost = len(there) < len(depends) or any(mask_for(item) for item in plain)
    mask = mask_for(there[0]) if column.copied and there else None
    return EntryItem(
        name=column.item.name,
        label=column.item.label,
        element=column.item.element,
        is_key=column.item.name in selection.keys,
        share_type=ShareType.WITHHELD if lost else max((item.share_type for item in there), default=1),
        grade=max((item.grade for item in there), default=1),
        mask=mask or UNMASKED,
    )


def combined(
    selection: Selection,
    anchor: Mapping[str, Any],
    granted: Callable[[int], Sequence[Mapping[str, Any]]],
    now: datetime,
) -> dict[str, Any] | Refused:
    """A grant of the service's own entry and the oldest live ones of the others, as one grant over the columns.

    ``granted``: entry → the application's api grants of it, oldest first, with the states ``bound`` asks for.
    """
    held = {int(anchor["entry_id"]): anchor}
    for view in selection.views:
        if view.entry_id not in held:
            living = [one for one in granted(view.entry_id) if not not_live(one, now)]
            if not living:
                return Refused("share.not_granted", f"服务还用到数据集 {view.dataset}，应用没有它的授权")
            held[view.entry_id] = living[0]
    for view in selection.views:
        if held[view.entry_id]["dataset"] != view.dataset:
            return Refused(
                "share.not_granted", f"授权 {held[view.entry_id]['id']} 针对的数据集已更换，请重新申请"
            )
    outside = [name for entry, name in selection.conditions if not _plainly(held[entry], name)]
    if outside:
        return Refused(
            "share.select_condition",
            f"服务按信息项 {'、'.join(dict.fromkeys(outside))} 取数，它不在授权范围内或须脱敏",
        )
    items, masks = [], {}
    for column in selection.columns:
        if not column.copied:
            leaves = all(_plainly(held[entry], name) for entry, name in column.sources)
        else:
            entry, name = column.sources[0]
            leaves = name in held[entry]["items"]
            if leaves and held[entry]["masks"].get(name):
                masks[column.item.name] = held[entry]["masks"][name]
        if leaves:
            items.append(column.item.name)
    row_filter = _narrowed(selection, held)
    if isinstance(row_filter, Refused):
        return row_filter
    also = [
        Ground(str(grant["id"]), str(grant["entry_code"]), str(grant["dataset"]))
        for grant in held.values()
        if grant is not anchor
    ]
    return {**anchor, "items": items, "masks": masks, "row_filter": row_filter, "also": also}


def _plainly(grant: Mapping[str, Any], name: str) -> bool:
    return name in grant["items"] and not grant["masks"].get(name)


def _narrowed(selection: Selection, held: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Any]] | Refused:
    """Every grant's row filter over the result: a row of it is told only if all rows it was made of are granted."""
    told = {(one.alias, one.item): one.column for one in selection.told}
    conditions: list[dict[str, Any]] = []
    for alias, entry in selection.places:
        for condition in held[entry]["row_filter"]:
            column = told.get((alias, condition["item"]))
            if column is None:
                return Refused(
                    "share.select_rows",
                    f"授权 {held[entry]['id']} 按信息项 {condition['item']} 限定行，服务的结果里没有它，无法限定",
                )
            conditions.append({**condition, "item": column})
    return conditions


def _used(rows: Sequence[Sequence[Any]]) -> tuple[Used, ...]:
    return tuple((int(entry), str(name)) for entry, name in rows)
