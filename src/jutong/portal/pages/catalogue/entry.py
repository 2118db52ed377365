"""One entry: where its rows come from, what it holds, on what terms, who uses it, how good it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from jutong.catalogue import FORMATS, STATES, CatalogueItem, Entry, entry, entry_items, versions
from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.names import CYCLES, GRANT_COLOURS, GRANT_STATES, METHODS, SHARE_TYPES, department_names
from jutong.portal.pages.catalogue.examples import look_of
from jutong.portal.routes import NoQuestion
from jutong.portal.timeline import EventView
from jutong.portal.visits import Visit
from jutong.share import EntryItem
from jutong.terms import NotFound, ShareType

_SQL = named_sql(__file__)

STATE_COLOURS = {
    "draft": "idle", "dept_review": "now", "publish_review": "now", "published": "ok", "rejected": "near",
    "withdrawn": "idle",
}  # fmt: skip
DIMENSIONS = ("规范性", "完整性", "准确性", "一致性", "时效性", "可访问性")


@dataclass(frozen=True)
class ItemView:
    no: int
    name: str
    label: str
    element: str
    #: 1272号's letter and length: C18.
    type: str
    key: bool
    grade: int
    share_type: int
    look: str
    masked: bool
    #: Rows in which this item was found wrong; None where nothing was questioned.
    faults: int | None


@dataclass(frozen=True)
class SourceView:
    table: str
    label: str
    source: str
    source_label: str
    batch: str
    given: int | None
    given_ever: int
    received_at: dt.datetime | None
    accepted: int | None
    rejected: int | None
    duplicates: int | None


@dataclass(frozen=True)
class Lineage:
    sources: tuple[SourceView, ...]
    given: int
    rejected: int
    duplicates: int
    #: Rows of the dataset now; None where nothing is attached.
    rows: int | None
    dataset: str
    zone: str
    services: int
    deliveries: int
    departments: int
    applications: int
    grants: int


@dataclass(frozen=True)
class UserView:
    grant_id: str
    application: str
    department: str
    scene: str
    method: str
    colour: str
    state: str
    until: dt.datetime
    times: int
    records: int


@dataclass(frozen=True)
class DimensionView:
    name: str
    faults: int
    #: Share of questioned rows, 0–1.
    share: float


@dataclass(frozen=True)
class Quality:
    questioned: int
    dimensions: tuple[DimensionView, ...]
    target: float = 0.02


@dataclass(frozen=True)
class EntryPage:
    """One catalogue entry."""

    id: int
    code: str
    name: str
    summary: str
    department: str
    class_code: str
    class_name: str
    theme: str
    state: str
    state_label: str
    state_colour: str
    version: int
    published_at: dt.date | None
    share_type: int
    share_label: str
    share_condition: str
    use_condition: str
    methods: tuple[str, ...]
    formats: tuple[str, ...]
    grade: int
    cycle: str
    open: bool
    open_condition: str
    related: tuple[str, ...]
    source_system: str
    secrecy_assessed: bool
    privacy_assessed: bool
    approved_at: dt.datetime | None
    case_id: int | None
    reply_days: int
    reply_average: float | None
    items: tuple[ItemView, ...]
    lineage: Lineage
    quality: Quality | None
    users: tuple[UserView, ...]
    events: tuple[EventView, ...]
    may_ask: bool
    may_object: bool


def build(visit: Visit, _: NoQuestion) -> EntryPage:
    """One entry."""
    found = entry(visit.connection, visit.path["entry_id"], visit.who)
    reply = visit.connection.execute(_SQL.reply, {"department": found.department_code}).fetchone() or {}
    faults = _faults(visit, found)
    return EntryPage(
        id=found.id,
        code=found.code,
        name=found.name,
        summary=found.summary,
        department=found.department_short,
        class_code=found.class_code,
        class_name=found.class_name,
        theme=found.theme,
        state=found.state,
        state_label=STATES[found.state],
        state_colour=STATE_COLOURS[found.state],
        version=found.version,
        published_at=found.published_at,
        share_type=found.share_type,
        share_label=SHARE_TYPES[found.share_type],
        share_condition=found.share_condition,
        use_condition=found.use_condition,
        methods=tuple(METHODS[method] for method in found.share_methods),
        formats=tuple(FORMATS[number] for number in found.formats),
        grade=found.grade,
        cycle=CYCLES[found.update_cycle],
        open=found.open,
        open_condition=found.open_condition,
        related=found.related_codes,
        source_system=found.source_system,
        secrecy_assessed=found.secrecy_assessed,
        privacy_assessed=found.privacy_assessed,
        approved_at=found.approved_at,
        case_id=found.case_id,
        # 第21条; the clock of a real request comes from the rule rows.
        reply_days=1 if found.share_type == ShareType.UNCONDITIONAL else 10,
        reply_average=reply.get("days"),
        items=tuple(_item(one, found, faults) for one in entry_items(visit.connection, found.id)),
        lineage=_lineage(visit, found),
        quality=_quality(faults),
        users=_users(visit, found),
        events=tuple(
            EventView(
                one.published_at,
                visit.tell("第 {n} 版发布", n=one.version) if one.version > 1 else visit.tell("首版发布"),
                one.note,
            )
            for one in versions(visit.connection, found.id)
        ),
        may_ask=visit.can("entry:ask", found),
        may_object=visit.can("request:add"),
    )


@dataclass(frozen=True)
class _Faults:
    """Issues of a dataset, counted once: rows by item, and by dimension."""

    by_item: dict[str, int]
    by_dimension: dict[str, int]
    questioned: int


def _faults(visit: Visit, found: Entry) -> _Faults | None:
    if not found.dataset or not found.dataset.startswith("standard."):
        return None
    row = visit.connection.execute(_SQL.questioned, {"dataset": found.dataset}).fetchone()
    if not row or not row["rows"]:
        return None
    issues = visit.connection.execute(_SQL.faults, {"dataset": found.dataset}).fetchall()
    return _Faults(
        {one["item"]: one["rows"] for one in issues if one["item"] is not None},
        {one["dimension"]: one["rows"] for one in issues if one["dimension"] is not None},
        row["rows"],
    )


def _item(item: CatalogueItem, found: Entry, faults: _Faults | None) -> ItemView:
    strictest = max(item.share_type, found.share_type)
    shared = EntryItem(item.name, item.label, item.element, item.is_key, strictest, item.grade, item.mask)
    look = look_of(shared, item.data_type)
    return ItemView(
        no=item.no,
        name=item.name,
        label=item.label,
        element=item.element or "",
        type=f"{item.data_type}{item.length or ''}",
        key=item.is_key,
        grade=item.grade,
        share_type=strictest,
        look=look,
        masked="*" in look,
        faults=faults.by_item.get(item.name, 0) if faults else None,
    )


def _lineage(visit: Visit, found: Entry) -> Lineage:
    zone, _, table = (found.dataset or ".").partition(".")
    rows = visit.connection.execute(_SQL.lineage, {"tables": [table], "entry": found.id}).fetchall()
    hands = visit.connection.execute(_SQL.hands, {"entry": found.id}).fetchone() or {}
    use = visit.connection.execute(_SQL.use, {"entry": found.id}).fetchone() or {}
    return Lineage(
        sources=tuple(_source(row) for row in rows),
        given=sum(row["given_ever"] for row in rows),
        rejected=sum(row["rejected"] or 0 for row in rows),
        duplicates=sum(row["duplicates"] or 0 for row in rows),
        rows=_count(visit, found.dataset),
        dataset=found.dataset or "",
        zone=zone,
        services=hands.get("services", 0),
        deliveries=hands.get("deliveries", 0),
        departments=use.get("departments", 0),
        applications=use.get("applications", 0),
        grants=use.get("grants", 0),
    )


def _source(row: dict[str, Any]) -> SourceView:
    return SourceView(
        table=row["name"],
        label=row["label"],
        source=row["source"],
        source_label=row["source_label"],
        batch=row["batch"] or "",
        given=row["given"],
        given_ever=row["given_ever"],
        received_at=row["received_at"],
        accepted=row["accepted"],
        rejected=row["rejected"],
        duplicates=row["duplicates"],
    )


def _count(visit: Visit, dataset: str | None) -> int | None:
    if not dataset or dataset.startswith("live."):
        return None
    try:
        visit.rooms.store.spec(dataset)
    except NotFound:
        return None
    return visit.rooms.store.count(dataset)


def _quality(faults: _Faults | None) -> Quality | None:
    if faults is None:
        return None
    return Quality(
        faults.questioned,
        tuple(
            DimensionView(name, count := faults.by_dimension.get(name, 0), count / faults.questioned)
            for name in DIMENSIONS
        ),
    )


def _users(visit: Visit, found: Entry) -> tuple[UserView, ...]:
    """The grants this party may see; the lineage says how many there are in all."""
    if not visit.can("grant:read"):
        return ()
    names = department_names(visit.connection)
    query = _SQL.users.format(visible=visible_to(visit.who, "grant", "g"))
    return tuple(
        UserView(
            grant_id=row["id"],
            application=row["application"],
            department=names.get(row["department_code"], str(row["department_code"])),
            scene=row["scene"],
            method=METHODS[row["method"]],
            colour=GRANT_COLOURS[row["state"]],
            state=GRANT_STATES[row["state"]],
            until=row["until"],
            times=row["times"],
            records=row["records"],
        )
        for row in visit.connection.execute(query, {"entry": found.id, "code": found.code})
    )
