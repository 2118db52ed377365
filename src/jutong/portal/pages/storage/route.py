"""The lake's four zones and one dataset."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.elements import PROFILES, element_of, masked_sql
from jutong.people import visible_to
from jutong.portal.names import ZONES, department_names
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.store import DatasetSpec
from jutong.terms import Item, NotFound, quote

_SQL = named_sql(__file__)
_ABOUT = {
    "raw": "收到什么存什么，一字不改，每批一张回执",
    "standard": "按数据元洗过、查过的行，主键唯一",
    "base": "几家合成一户，落选的值都留着",
    "topic": "为一件事算好的表",
}
_SHOWN_ROWS = 20


@dataclass(frozen=True)
class StorageQuestion:
    zone: Literal["", "raw", "standard", "base", "topic"] = ""
    q: Annotated[str, Field(title="数据集")] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class ZoneView:
    name: str
    label: str
    about: str
    datasets: int
    rows: int
    bytes: int
    files: int


@dataclass(frozen=True)
class DatasetRow:
    name: str
    zone: str
    label: str
    department: str
    items: int
    keys: int
    version: int
    rows: int
    bytes: int
    files: int


@dataclass(frozen=True)
class Storage:
    """What lies in the lake now."""

    asked: StorageQuestion
    snapshot: int
    zones: tuple[ZoneView, ...]
    rows: tuple[DatasetRow, ...]
    pager: Pager
    total_rows: int
    total_bytes: int


@dataclass(frozen=True)
class ItemRow:
    name: str
    label: str
    type: str
    element: str
    grade: int
    key: bool
    required: bool
    share_type: int


@dataclass(frozen=True)
class EntryLink:
    id: int
    code: str
    name: str


@dataclass(frozen=True)
class DatasetPage:
    """One dataset: its items, its size, what hangs on it, its first rows masked."""

    name: str
    zone: str
    label: str
    department: str
    version: int
    rows: int
    bytes: int
    files: int
    snapshot: int
    declared_at: dt.datetime
    items: tuple[ItemRow, ...]
    entries: tuple[EntryLink, ...]
    #: Only for those who may look into it; every item from grade 2 up is masked.
    preview: tuple[tuple[str, ...], ...]
    may_preview: bool


def listed(visit: Visit, asked: StorageQuestion) -> Storage:
    """The zones and their datasets."""
    store = visit.rooms.store
    usage = {str(row["dataset"]): row for row in store.usage()}
    query = _SQL.visible.format(visible=visible_to(visit.who, "dataset"))
    visible = {row["name"] for row in visit.connection.execute(query)}
    specs = [spec for spec in store.datasets() if str(spec.name) in visible]
    names = department_names(visit.connection)
    word = asked.q.strip().lower()
    found = [
        _row(spec, usage.get(str(spec.name), {}), names)
        for spec in specs
        if asked.zone in ("", spec.name.zone) and (word in str(spec.name) or word in spec.label.lower())
    ]
    found.sort(key=lambda row: (-row.rows, row.name))
    pager = Pager.of("/storage", asked, len(found), 30)
    zones = tuple(
        _zone(name, [usage.get(str(spec.name), {}) for spec in specs if spec.name.zone == name])
        for name in ZONES
    )
    return Storage(
        asked=asked,
        snapshot=store.snapshot(),
        zones=zones,
        rows=tuple(found[pager.offset : pager.offset + pager.size]),
        pager=pager,
        total_rows=sum(zone.rows for zone in zones),
        total_bytes=sum(zone.bytes for zone in zones),
    )


def _zone(name: str, used: list[Any]) -> ZoneView:
    return ZoneView(
        name, ZONES[name], _ABOUT[name], len(used), sum(int(row.get("rows", 0)) for row in used),
        sum(int(row.get("bytes", 0)) for row in used), sum(int(row.get("files", 0)) for row in used),
    )  # fmt: skip


def _row(spec: DatasetSpec, used: Any, names: dict[str, str]) -> DatasetRow:
    return DatasetRow(
        name=str(spec.name),
        zone=ZONES[spec.name.zone],
        label=spec.label,
        department=names.get(spec.department_code or "", "") if spec.department_code else "平台",
        items=len(spec.content),
        keys=len(spec.keys),
        version=spec.version,
        rows=int(used.get("rows", 0)),
        bytes=int(used.get("bytes", 0)),
        files=int(used.get("files", 0)),
    )


def build(visit: Visit, _: NoQuestion) -> DatasetPage:
    """One dataset."""
    store = visit.rooms.store
    name = visit.path["name"]
    spec = store.spec(name)
    query = _SQL.visible.format(visible=visible_to(visit.who, "dataset"))
    row = next((one for one in visit.connection.execute(query) if one["name"] == name), None)
    if row is None:
        raise NotFound("store.no_dataset", f"没有数据集 {name}，或不是您部门的")
    used: Any = next((one for one in store.usage() if str(one["dataset"]) == name), {})
    may_preview = visit.can("dataset:preview", row)
    names = department_names(visit.connection)
    return DatasetPage(
        name=name,
        zone=ZONES[spec.name.zone],
        label=spec.label,
        department=names.get(spec.department_code or "", "平台"),
        version=spec.version,
        rows=int(used.get("rows", 0)),
        bytes=int(used.get("bytes", 0)),
        files=int(used.get("files", 0)),
        snapshot=store.snapshot(),
        declared_at=row["declared_at"],
        items=tuple(_item(item, spec) for item in spec.items),
        entries=tuple(EntryLink(**one) for one in visit.connection.execute(_SQL.hanging, {"name": name})),
        preview=_preview(visit, spec) if may_preview else (),
        may_preview=may_preview,
    )


def _item(item: Item, spec: DatasetSpec) -> ItemRow:
    return ItemRow(
        item.name, item.label, item.type, item.element or "", item.grade, item.name in spec.keys, item.required,
        item.share_type,
    )  # fmt: skip


def _preview(visit: Visit, spec: DatasetSpec) -> tuple[tuple[str, ...], ...]:
    """The first rows; nothing personal is readable, whoever looks."""
    columns = ", ".join(_masked(item) for item in spec.items)
    with visit.rooms.store.reading() as view:
        rows = view.rows(f"SELECT {columns} FROM {view.table(spec.name)} LIMIT {_SHOWN_ROWS}")
    return tuple(tuple("" if value is None else str(value) for value in row.values()) for row in rows)


def _masked(item: Item) -> str:
    column = quote(item.name)
    if item.grade < 2:
        return column
    element = element_of(item.element, item.type)
    same = element.type.split("(")[0] == item.type.split("(")[0]
    shown = masked_sql(element, PROFILES[1], column) if same else "'******'"
    return f"{shown} AS {column}"


PAGES = (
    Page(
        "storage", "/storage", listed, may="dataset:read", stop="store", tab="storage", asks=StorageQuestion
    ),
    Page("storage.dataset", "/storage/{name}", build, may="dataset:read", stop="store", tab="storage"),
)
ACTS: tuple[Act, ...] = ()
