"""What pages read of the catalogue: one entry, its items and versions, the lists of the survey, their counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from psycopg import sql

from jutong.catalogue.rows import (
    CatalogueItem,
    Counts,
    Demand,
    DepartmentCounts,
    Entry,
    EntryVersion,
)
from jutong.database import Connection, named_sql
from jutong.people import Party, visible_to
from jutong.terms import NotFound

_SQL = named_sql(__file__)

Row = TypeVar("Row")

ListName = Literal["entries", "supply", "negative", "mine", "withdrawn"]

#: list → what of the catalogue is on it; ``mine`` is everything of one's own department in any state.
_LISTS: dict[ListName, str] = {
    "entries": "e.state = 'published'",
    "supply": "e.state = 'published' AND e.committed AND e.dataset IS NOT NULL",
    "negative": "e.state = 'published' AND e.share_type = 3",
    "mine": "e.department_code = %(mine)s AND e.state <> 'withdrawn'",
    "withdrawn": "e.state = 'withdrawn'",
}


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list and how long the list is."""

    rows: tuple[Row, ...]
    total: int
    page: int
    size: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def find_entry(conn: Connection, entry: int | str) -> Entry:
    """By id or code, whoever asks; raises NotFound ``catalogue.no_entry``.  Pages use ``entry``."""
    row = conn.execute(_SQL.entry.format(visible=sql.SQL("true")), _key(entry)).fetchone()
    if row is None:
        raise NotFound("catalogue.no_entry", f"没有目录「{entry}」")
    return Entry.from_row(row)


def entry(conn: Connection, code: int | str, party: Party) -> Entry:
    """The entry of this code (or id), if the party may see it; raises NotFound ``catalogue.no_entry``."""
    row = conn.execute(_SQL.entry.format(visible=visible_to(party, "entry", "e")), _key(code)).fetchone()
    if row is None:
        raise NotFound("catalogue.no_entry", f"没有目录「{code}」，或还没有发布")
    return Entry.from_row(row)


def items(conn: Connection, code: int | str, party: Party) -> list[CatalogueItem]:
    """The items of an entry the party may see, in their order."""
    return entry_items(conn, entry(conn, code, party).id)


def entry_items(conn: Connection, entry_id: int) -> list[CatalogueItem]:
    return [CatalogueItem.from_row(row) for row in conn.execute(_SQL.items, {"id": entry_id})]


def versions(conn: Connection, entry_id: int) -> list[EntryVersion]:
    """Newest first."""
    return [EntryVersion.from_row(row) for row in conn.execute(_SQL.versions, {"id": entry_id})]


def entries(
    conn: Connection,
    party: Party,
    of: ListName = "entries",
    *,
    department: str | None = None,
    theme: str | None = None,
    share_type: int | None = None,
    page: int = 1,
    size: int = 20,
) -> Page[Entry]:
    """One page of a list, by department and code.  Finding by words is ``search``."""
    where = sql.SQL("{} AND {}").format(sql.SQL(_LISTS[of]), visible_to(party, "entry", "e"))
    values = {"department": department, "theme": theme, "share_type": share_type, "limit": size,
              "offset": (page - 1) * size, "mine": party.department_code}  # fmt: skip
    total = conn.execute(_SQL.count_entries.format(where=where), values).fetchone()
    rows = conn.execute(_SQL.entries.format(where=where), values)
    assert total is not None
    return Page(tuple(Entry.from_row(row) for row in rows), total["total"], page, size)


def all_entries(
    conn: Connection, party: Party, of: ListName = "entries", *, department: str | None = None
) -> Iterator[tuple[Entry, list[CatalogueItem]]]:
    """A whole list with its items, one after another, for exports; read by a cursor, never all at once."""
    where = sql.SQL("{} AND {}").format(sql.SQL(_LISTS[of]), visible_to(party, "entry", "e"))
    values = {"department": department, "theme": None, "share_type": None, "limit": None, "offset": 0,
              "mine": party.department_code}  # fmt: skip
    with conn.cursor(name="catalogue_export") as cursor:
        cursor.itersize = 500
        for row in cursor.execute(_SQL.entries_with_items.format(where=where), values):
            yield Entry.from_row(row), [CatalogueItem.from_row(item) for item in row["items"]]


def demands(
    conn: Connection,
    *,
    department: str | None = None,
    status: str | None = None,
    page: int = 1,
    size: int = 20,
) -> Page[Demand]:
    """需求清单, by department and name; every department may see it."""
    values = {"department": department, "status": status, "limit": size, "offset": (page - 1) * size}
    total = conn.execute(_SQL.count_demands, values).fetchone()
    rows = conn.execute(_SQL.demands, values)
    assert total is not None
    return Page(tuple(Demand.from_row(row) for row in rows), total["total"], page, size)


def match_demand(conn: Connection, demand_id: int, entry_id: int) -> None:
    """The demand is met by this entry."""
    if not conn.execute(_SQL.match_demand, {"id": demand_id, "entry_id": entry_id}).rowcount:
        raise NotFound("catalogue.no_demand", "没有这条需求")


def counts(conn: Connection, department: str | None = None) -> Counts:
    """The four lists and what stands behind them, of the city or of one department."""
    row = conn.execute(_SQL.counts, {"department": department}).fetchone()
    assert row is not None
    return Counts.from_row(row)


def counts_by_department(conn: Connection) -> list[DepartmentCounts]:
    """One row per department and county, in their order, zeros included."""
    return [DepartmentCounts.from_row(row) for row in conn.execute(_SQL.counts_by_department)]


def classes(conn: Connection) -> list[dict[str, Any]]:
    """The classification: code, name, parent_code and how many published entries each 分类码 has."""
    return conn.execute(_SQL.classes).fetchall()


def themes(conn: Connection) -> list[tuple[str, int]]:
    """Themes of published entries and how many each has, the largest first."""
    return [(row["theme"], row["entries"]) for row in conn.execute(_SQL.themes)]


def _key(entry: int | str) -> dict[str, Any]:
    return {
        "id": entry if isinstance(entry, int) else None,
        "code": entry if isinstance(entry, str) else None,
    }
