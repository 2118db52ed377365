"""The masthead's search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from psycopg import sql
from pydantic import Field

from jutong.casework import KINDS
from jutong.catalogue import search
from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.pages.companies.reading import find
from jutong.portal.routes import SIGNED_IN, Act, Page
from jutong.portal.visits import Visit

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class SearchQuestion:
    q: Annotated[str, Field(title="找什么", max_length=100)] = ""


@dataclass(frozen=True)
class Line:
    title: str
    note: str
    href: str


@dataclass(frozen=True)
class Group:
    label: str
    lines: tuple[Line, ...]
    #: Where all of them are.
    more: str = ""
    total: int = 0


@dataclass(frozen=True)
class Search:
    """What was found, by kind; only what this party may see."""

    text: str
    groups: tuple[Group, ...]


def build(visit: Visit, asked: SearchQuestion) -> Search:
    """Search everything."""
    text = asked.q.strip()
    if not text:
        return Search("", ())
    found = search(visit.connection, text, visit.who, size=8)
    groups = [
        Group(
            "目录",
            tuple(
                Line(hit.name, f"{hit.department_short}，{hit.code}", f"/catalogue/{hit.id}")
                for hit in found.hits
                if not found.partial
            ),
            f"/catalogue?q={text}",
            found.total,
        ),
        Group("法人", _companies(visit, text), f"/companies?q={text}"),
        Group("工单", tuple(
            Line(row["title"], f"{KINDS[row['kind']].label}，{row['number']}", f"/cases/{row['id']}")
            for row in _rows(visit, "case:read", _SQL.cases, "case", "c", text)
        )),
        Group("批次", tuple(
            Line(row["label"], f"{row['department']}，{row['id']}", f"/batches/{row['id']}")
            for row in _rows(visit, "batch:read", _SQL.batches, "batch", "s", text)
        ), f"/batches?q={text}"),
        Group("授权", tuple(
            Line(f"{row['application']} → {row['entry']}", row["id"], f"/grants/{row['id']}")
            for row in _rows(visit, "grant:read", _SQL.grants, "grant", "g", text)
        ), f"/grants?q={text}"),
    ]  # fmt: skip
    return Search(text, tuple(group for group in groups if group.lines))


def _companies(visit: Visit, text: str) -> tuple[Line, ...]:
    if not visit.can("register:read"):
        return ()
    return tuple(
        Line(one.name, one.uscc or one.id, f"/companies/{one.id}") for one in find(visit, text, 8, 0)[0]
    )


def _rows(visit: Visit, may: str, query: sql.SQL, kind: str, alias: str, text: str) -> list[dict[str, Any]]:
    if not visit.can(may):
        return []
    return visit.connection.execute(
        query.format(visible=visible_to(visit.who, kind, alias)), {"text": text}
    ).fetchall()


PAGES = (Page("search", "/search", build, may=SIGNED_IN, asks=SearchQuestion),)
ACTS: tuple[Act, ...] = ()
