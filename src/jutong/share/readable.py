"""What a SELECT of a service may read, and the way to have one checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jutong.database import Connection, named_sql
from jutong.share.bounds import NAMES_SOMEBODY, SUBJECT_ELEMENTS, EntryItem, dataset_columns, entry_items
from jutong.share.selections import Selection
from jutong.terms import BadInput, Conflict, Item, NotFound, ShareType

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class Readable:
    """One entry a SELECT may read, under the name it is read by."""

    view: str
    entry_id: int
    label: str
    dataset: str
    items: Mapping[str, EntryItem]
    types: Mapping[str, Item]
    keys: tuple[str, ...]
    #: Columns that say whom a row is about, whether the entry offers them or not.
    subjects: tuple[str, ...]
    #: Items and columns that name somebody, offered or not.
    naming: tuple[str, ...]


def readable(connection: Connection, entry_ids: Sequence[int]) -> dict[str, Readable]:
    """View name → what a SELECT of a service may read; the first entry is the service's own.

    Raises NotFound ``share.entry_unknown``, Conflict ``share.entry_not_published``, ``share.not_attached``, BadInput
    ``share.select_entry``.
    """
    found: dict[str, Readable] = {}
    department = None
    for entry_id in dict.fromkeys(entry_ids):
        entry = connection.execute(_SQL.entry_for_request, {"entry": entry_id}).fetchone()
        if entry is None:
            raise NotFound("share.entry_unknown", "没有这条目录")
        if entry["state"] != "published" or entry["share_type"] == ShareType.WITHHELD:
            raise Conflict("share.entry_not_published", f"目录 {entry['code']} 未发布或不予共享，不能查询")
        if not entry["dataset"] or entry["dataset"].startswith("live."):
            raise Conflict("share.not_attached", f"目录 {entry['code']} 没有挂接湖中的数据集，不能查询")
        department = department or entry["department_code"]
        view = entry["dataset"].partition(".")[2]
        if entry["department_code"] != department or view in found:
            raise BadInput(
                "share.select_entry", f"查询只能用本部门的、各挂接不同数据集的目录；不能用 {entry['code']}"
            )
        columns, keys = dataset_columns(connection, entry["dataset"])
        types = {column.name: column for column in columns}
        known = {item.name: item for item in entry_items(connection, entry_id)}
        elements = {name: _element(known.get(name), column) for name, column in types.items()}
        items = {
            name: replace(item, element=elements[name])
            for name, item in known.items()
            if item.share_type < ShareType.WITHHELD and name in types
        }
        subjects = tuple(name for name, element in elements.items() if element in SUBJECT_ELEMENTS)
        named = [name for name, item in known.items() if item.element in NAMES_SOMEBODY]
        named += [name for name, element in elements.items() if element in NAMES_SOMEBODY]
        found[view] = Readable(
            view, entry_id, entry["name"], entry["dataset"], items, types, tuple(keys), subjects,
            tuple(dict.fromkeys(named)),
        )  # fmt: skip
    return found


def _element(item: EntryItem | None, column: Item) -> str | None:
    """What a column is: the catalogue's word, unless only the dataset's says that it names somebody."""
    said = [element for element in (item.element if item else None, column.element) if element]
    for naming in (SUBJECT_ELEMENTS, NAMES_SOMEBODY):
        for element in said:
            if element in naming:
                return element
    return said[0] if said else None


def select_over(
    connection: Connection,
    entry_id: int,
    sql: str,
    *,
    also: Sequence[int] = (),
    keys: Sequence[str] | None = None,
) -> Selection:
    """Check a SELECT over the datasets of these entries; nothing of them is read.

    ``keys``: what tells the result's rows apart; None: as far as the query itself says.  Raises the guard's BadInput
    ``store.sql_…``, BadInput ``share.select_shape``, ``share.select_column``, ``share.select_name``,
    ``share.select_mask``, ``share.select_subject``, ``share.select_group``, ``share.select_type``,
    ``share.select_keys`` and what ``readable`` raises.
    """
    from jutong.share.selecting import selected  # slow to import, needed only when a query is saved

    return selected(connection, entry_id, sql, also, keys)
