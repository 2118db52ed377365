"""Every version a standard had, every carrying-through, and a former version taken up again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong.database import named_sql
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.refine import Difference, draft, earlier, refinements_again, standard_of, versions
from jutong.terms import NotFound

_SQL = named_sql(__file__)
_PATH = "/standards/{table}/history"


def keeper(visit: Visit) -> dict[str, Any]:
    """The table with its department; raises NotFound for one that is not there or not his."""
    row = visit.connection.execute(_SQL.table_keeper, {"table": visit.path["table"]}).fetchone()
    if row is None or not visit.can("source:read", row):
        raise NotFound("refine.no_table", f"没有归集表 {visit.path['table']}，或不是您部门的")
    return dict(row)


def may_edit(visit: Visit, row: Mapping[str, Any]) -> bool:
    own = "provider_officer" in visit.who.roles and visit.who.department_code == row["department_code"]
    return own or "steward" in visit.who.roles


@dataclass(frozen=True)
class VersionRow:
    version: int
    #: The one that holds.
    now: bool
    made_by: str
    made_at: dt.datetime
    note: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class AgainRow:
    id: int
    version: int
    state: str
    at: dt.datetime
    batches: int
    judged: int
    inserted: int
    updated: int
    deleted: int
    found: int
    withdrawn: int
    note: str


@dataclass(frozen=True)
class HistoryPage:
    """Every version with who and when, and every carrying-through."""

    table: str
    label: str
    versions: tuple[VersionRow, ...]
    again: tuple[AgainRow, ...]
    may_restore: bool


def history(visit: Visit, _: NoQuestion) -> HistoryPage:
    """Versions of a standard."""
    row = keeper(visit)
    now = standard_of(visit.connection, row["name"])[0]
    return HistoryPage(
        row["name"],
        row["label"],
        tuple(
            VersionRow(
                one["version"], one["version"] == now, one["made_by"] or "", one["made_at"], one["note"], one["differences"]
            )
            for one in versions(visit.connection, row["name"])
        ),
        again_rows(visit, row["name"], 20),
        may_edit(visit, row),
    )  # fmt: skip


@dataclass(frozen=True)
class RestoreForm:
    version: Annotated[int, Field(title="版本", ge=1)]


def restore(visit: Visit, form: RestoreForm) -> Done:
    """Save a former version as a draft: it is looked at and adopted like any other."""
    row = keeper(visit)
    standard = earlier(visit.connection, row["name"], form.version)
    note = f"恢复第 {form.version} 版"
    made = draft(visit.connection, visit.rooms.store, row["name"], standard, by=visit.who, note=note)
    return Done(
        f"/standards/{row['name']}/drafts/{made}", visit.tell("修改稿已存，看过前后再采用"), {"draft": made}
    )


def again_rows(visit: Visit, table: str, limit: int) -> tuple[AgainRow, ...]:
    fields = [name for name in AgainRow.__dataclass_fields__ if name != "at"]
    return tuple(
        AgainRow(**{name: row[name] for name in fields}, at=row["began_at"])  # type: ignore[arg-type]
        for row in refinements_again(visit.connection, table, limit=limit)
    )


PAGES = (Page("standards.history", _PATH, history, may="source:read", stop="refine", tab="standards"),)
ACTS = (Act("standards.restore", _PATH, restore, RestoreForm, may="source:read", shown_on=_PATH),)
