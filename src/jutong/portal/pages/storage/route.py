"""The lake's four zones and one dataset."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import Field

from jutong.database import named_sql
from jutong.elements import PROFILES, element_of, masked_sql
from jutong.people import visible_to
from jutong.portal.names import ZONES, department_names
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Page
from jutong.portal.visits import Visit
from jutong.store import DatasetSpec, column_type
from jutong.terms import Item, NotFound, quote

_SQL = named_sql(__file__)
_ABOUT = {
    "raw": "收到什么存什么，一字不改，每批一张回执",
    "standard": "按数据元洗过、查过的行，主键唯一",
    "base": "几家合成一户，落选的值都留着",
    "topic": "为一件事算好的表",
}
_SHOWN_ROWS = 20
_ZONE = ZoneInfo("Asia/Shanghai")


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
class DatasetQuestion:
    on: Annotated[dt.date | None, Field(title="看哪一天")] = None
    key: Annotated[str, Field(title="主键", max_length=400)] = ""


@dataclass(frozen=True)
class VersionRow:
    """What a record said from one instant on; no values where it was gone."""

    at: dt.datetime | None
    snapshot: int
    batch: str
    values: tuple[str, ...] | None
    #: Places of the items that differ from the version before.
    changed: tuple[int, ...]


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
    keys: tuple[str, ...]
    entries: tuple[EntryLink, ...]
    #: Only for those who may look into it; every item from grade 2 up is masked.
    preview: tuple[tuple[str, ...], ...]
    may_preview: bool
    asked: DatasetQuestion
    #: The versions of the record asked for, the newest first.
    versions: tuple[VersionRow, ...]


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


def build(visit: Visit, asked: DatasetQuestion) -> DatasetPage:
    """One dataset, as it is or as a day left it; the history of one of its records."""
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
    # A day is as it ended, in the city's time.
    as_of = dt.datetime.combine(asked.on + dt.timedelta(days=1), dt.time(), _ZONE) if asked.on else None
    return DatasetPage(
        name=name,
        zone=ZONES[spec.name.zone],
        label=spec.label,
        department=names.get(spec.department_code or "", "平台"),
        version=spec.version,
        rows=store.count(name, as_of) if as_of else int(used.get("rows", 0)),
        bytes=int(used.get("bytes", 0)),
        files=int(used.get("files", 0)),
        snapshot=store.snapshot(),
        declared_at=row["declared_at"],
        items=tuple(_item(item, spec) for item in spec.items),
        keys=spec.keys,
        entries=tuple(EntryLink(**one) for one in visit.connection.execute(_SQL.hanging, {"name": name})),
        preview=_preview(visit, spec, as_of) if may_preview else (),
        may_preview=may_preview,
        asked=asked,
        versions=_versions(visit, spec, asked.key) if may_preview and asked.key else (),
    )


def _item(item: Item, spec: DatasetSpec) -> ItemRow:
    return ItemRow(
        item.name, item.label, item.type, item.element or "", item.grade, item.name in spec.keys, item.required,
        item.share_type,
    )  # fmt: skip


def _preview(visit: Visit, spec: DatasetSpec, as_of: dt.datetime | None) -> tuple[tuple[str, ...], ...]:
    """The first rows; nothing personal is readable, whoever looks."""
    with visit.rooms.store.reading(as_of) as view:
        table = view.table(spec.name)
        # A day long gone may not have had every item of today.
        there = set(view.arrow(f"SELECT * FROM {table} LIMIT 0").column_names)
        columns = ", ".join(
            _masked(item) if item.name in there else f"NULL AS {quote(item.name)}" for item in spec.items
        )
        rows = view.rows(f"SELECT {columns} FROM {table} LIMIT {_SHOWN_ROWS}")
    return _shown(rows)


def _shown(rows: list[dict[str, Any]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple("" if value is None else str(value) for value in row.values()) for row in rows)


def _versions(visit: Visit, spec: DatasetSpec, key: str) -> tuple[VersionRow, ...]:
    """A record's history, masked as the preview is; what changed is told of the values themselves."""
    values = [part.strip() for part in key.split(",")] if len(spec.keys) > 1 else [key.strip()]
    found = visit.rooms.store.history(spec.name, values)
    there = [
        {item.name: one.row.get(item.name) for item in spec.items} for one in found if one.row is not None
    ]
    shown: list[tuple[str, ...]] = []
    if there:
        given = pa.table({item.name: [row[item.name] for row in there] for item in spec.items})
        casts = ", ".join(
            f"CAST({quote(i.name)} AS {column_type(i.type)}) AS {quote(i.name)}" for i in spec.items
        )
        columns = ", ".join(_masked(item) for item in spec.items)
        with visit.rooms.store.reading() as view:
            view.register("versions", given)
            shown = list(_shown(view.rows(f"SELECT {columns} FROM (SELECT {casts} FROM versions)")))
    rows, before = [], None
    for one in reversed(found):
        row = None if one.row is None else shown.pop()
        changed = tuple(
            place
            for place, item in enumerate(spec.items)
            if before and one.row and item in spec.content and before.get(item.name) != one.row.get(item.name)
        )
        batch = str(one.row.get("_batch") or "") if one.row else ""
        rows.append(VersionRow(one.at, one.snapshot, batch, row, changed))
        before = one.row
    return tuple(reversed(rows))


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
    Page(
        "storage.dataset",
        "/storage/{name}",
        build,
        may="dataset:read",
        stop="store",
        tab="storage",
        asks=DatasetQuestion,
    ),
)
ACTS: tuple[Act, ...] = ()
