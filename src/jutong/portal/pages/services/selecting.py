"""用查询起草: a service whose rows are the result of a SELECT over the department's own entries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.portal.asking import read
from jutong.portal.pages.services.drafting import EntryChoice, entries_to_draft
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit
from jutong.share import (
    SERVICE_KINDS,
    Offer,
    Readable,
    draft_service,
    find_service,
    mask_for,
    readable,
    select_over,
)
from jutong.terms import JutongError

_SQL = named_sql(__file__)
#: Entries of the department that are offered beside the service's own.
_OTHERS = 30
_KINDS = ("query", "verify", "list", "statistics")


@dataclass(frozen=True)
class SelectQuestion:
    entry: Annotated[int | None, Field(title="目录")] = None
    #: The service whose next version is drafted.
    of: Annotated[str, Field(title="改自", max_length=63)] = ""
    q: Annotated[str, Field(title="目录", max_length=100)] = ""


@dataclass(frozen=True)
class TableItem:
    name: str
    label: str
    type: str
    grade: int
    mask: str
    key: bool


@dataclass(frozen=True)
class Table:
    """One entry the query may read, under its name in the query."""

    view: str
    entry_id: int
    label: str
    items: tuple[TableItem, ...]
    own: bool
    chosen: bool


@dataclass(frozen=True)
class SelectPage:
    """A SELECT being written, with everything it may read; first which entry it belongs to."""

    asked: SelectQuestion
    entries: tuple[EntryChoice, ...]
    entry_id: int | None
    entry: str
    tables: tuple[Table, ...]
    kinds: tuple[tuple[str, str], ...]
    name: str
    label: str
    kind: str
    sql: str
    keys: str
    unique: str
    max_rows: int
    least: int


@dataclass(frozen=True)
class SelectForm:
    entry: Annotated[int, Field(title="目录")]
    sql: Annotated[str, Field(title="查询", min_length=1, max_length=20_000)]
    #: Names of the result's columns, with commas or spaces between them.
    keys: Annotated[str, Field(title="查询项", min_length=1, max_length=1_000)]
    unique: Annotated[str, Field(title="主键", max_length=1_000)] = ""
    also: Annotated[tuple[int, ...], Field(title="还用到")] = ()
    kind: Annotated[Literal["query", "verify", "list", "statistics"], Field(title="类型")] = "query"
    name: Annotated[str, Field(title="服务名", max_length=63)] = ""
    of: Annotated[str, Field(title="改自", max_length=63)] = ""
    label: Annotated[str, Field(title="名称", max_length=100)] = ""
    max_rows: Annotated[int, Field(title="一次最多行数", ge=1, le=10_000)] = 100
    least: Annotated[int, Field(title="最小计数", ge=2, le=1_000)] = 10


def build(visit: Visit, asked: SelectQuestion) -> SelectPage:
    """Write a SELECT for a service."""
    given = visit.given
    if given:  # the form again, with what was wrong
        posted = {name: given.get(name) or None for name in ("entry", "of")}
        asked = read(SelectQuestion, {name: value for name, value in posted.items() if value})
    before = find_service(visit.connection, asked.of) if asked.of else None
    entry_id = before.entry_id if before else asked.entry
    row = visit.connection.execute(_SQL.entry_to_draft, {"entry": entry_id}).fetchone() if entry_id else None
    if row is None:
        return SelectPage(
            asked, entries_to_draft(visit, asked.q), None, "", (), (), "", "", "query", "", "", "", 100, 10
        )
    visit.must("service:edit", row)
    own = readable(visit.connection, [row["id"]])
    old = before.selection if before else None
    chosen = set(old.entries) if old else set()
    said = given.get("also") if given else None
    if said:
        chosen = {
            int(one) for one in (said if isinstance(said, list | tuple) else [said]) if str(one).isdigit()
        }
    view = next(iter(own))
    first = own[view]
    return SelectPage(
        asked=asked, entries=(), entry_id=row["id"], entry=row["name"],
        tables=(_table(first, own=True, chosen=True), *_others(visit, row, first, chosen)),
        kinds=tuple((kind, SERVICE_KINDS[kind]) for kind in _KINDS),
        name=before.name if before else "", label=before.label if before else row["name"],
        kind=before.kind if before else "query",
        sql=old.written if old else f"SELECT {', '.join(list(first.items)[:4])}\nFROM {view}",
        keys="，".join(before.keys) if before else "，".join(first.keys), unique="，".join(old.keys) if old else "",
        max_rows=before.max_rows if before else 100, least=before.least if before else 10,
    )  # fmt: skip


def _others(visit: Visit, row: dict[str, object], first: Readable, chosen: set[int]) -> list[Table]:
    """The department's other entries with a dataset; of two on the same dataset the one that has services."""
    values = {"text": None, "department": row["department_code"]}
    tables: dict[str, Table] = {}
    for one in visit.connection.execute(_SQL.draftable, values):
        if one["id"] == first.entry_id or one["dataset"].startswith("live."):
            continue
        try:
            found = next(iter(readable(visit.connection, [one["id"]]).values()))
        except JutongError:
            continue
        if found.view != first.view and (found.view not in tables or found.entry_id in chosen):
            tables[found.view] = _table(found, own=False, chosen=found.entry_id in chosen)
    return sorted(tables.values(), key=lambda table: (not table.chosen, table.view))[:_OTHERS]


def _table(one: Readable, *, own: bool, chosen: bool) -> Table:
    items = tuple(
        TableItem(
            item.name, item.label, one.types[item.name].type, item.grade, mask_for(item) or "", item.name in one.keys
        )
        for item in one.items.values()
    )  # fmt: skip
    return Table(one.view, one.entry_id, one.label, items, own, chosen)


def draft(visit: Visit, form: SelectForm) -> Done:
    """Check the query and save a draft; nothing is answered before it is reviewed and published."""
    row = visit.connection.execute(_SQL.entry_to_draft, {"entry": form.entry}).fetchone()
    visit.must("service:edit", row or {"department_code": ""})
    selection = select_over(
        visit.connection, form.entry, form.sql, also=form.also, keys=_names(form.unique) or None
    )
    offer = Offer(
        name=form.name, entry_id=form.entry, keys=_names(form.keys), label=form.label or None, max_rows=form.max_rows,
        kind=form.kind, least=form.least, selection=selection,
    )  # fmt: skip
    made = draft_service(
        visit.connection, offer, version_of=form.of or None, by_user=visit.who.user_id or None
    )
    return Done(
        f"/services/{made.name}",
        visit.tell("接口服务 {name} 已存为草稿，提交审核后发布", name=made.name),
        value={"name": made.name, "version": made.version},
    )


def _names(text: str) -> list[str]:
    return [name for name in re.split(r"[\s,，、]+", text) if name]


_PATH = "/services/select"
PAGES = (
    Page(
        "services.select", _PATH, build, may="service:edit", stop="share", tab="services", asks=SelectQuestion
    ),
)
ACTS = (Act("services.select", _PATH, draft, SelectForm, may="service:edit", shown_on=_PATH),)
