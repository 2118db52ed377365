"""Search: words, bigrams and pinyin initials in PostgreSQL, permission in the same query.

What is found is ranked by where the whole query stands: in the name, in name and summary, anywhere (items,
department, theme).  Within the name: the name itself, its beginning, a part of it, all its words.  Where nothing
holds every word, entries that hold some are shown, the most words first, and the answer says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Self, cast

from psycopg import sql

from jutong.catalogue.indexing import query
from jutong.database import Connection, named_sql
from jutong.people import Party, visible_to
from jutong.words import folded

_SQL = named_sql(__file__)

#: Ranks, best first: how a page may say why an entry was found.
RANKS = {6: "名称", 5: "名称开头", 4: "名称中", 3: "名称", 2: "摘要", 1: "信息项", 0: "部分词"}


@dataclass(frozen=True)
class Hit:
    """One line of an answer; ``matched`` are the items in which the typed text stands."""

    id: int
    code: str
    name: str
    summary: str
    department_code: str
    department_short: str
    class_code: str
    class_name: str
    theme: str
    share_type: int
    grade: int
    update_cycle: int
    state: str
    dataset: str | None
    committed: bool
    published_at: dt.date | None
    uses: int
    item_count: int
    rank: int
    matched: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "matched": tuple(row["matched"])})


@dataclass(frozen=True)
class Facet:
    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Found:
    """An answer: one page, the whole count, and counts by facet (each ignoring its own filter)."""

    text: str
    hits: tuple[Hit, ...]
    total: int
    page: int
    size: int
    departments: tuple[Facet, ...]
    themes: tuple[Facet, ...]
    share_types: tuple[Facet, ...]
    #: nothing holds every word; these hold some
    partial: bool = False

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def search(
    conn: Connection,
    text: str,
    party: Party,
    *,
    department: str | None = None,
    theme: str | None = None,
    share_type: int | None = None,
    page: int = 1,
    size: int = 20,
) -> Found:
    """What the catalogue has for this text, of what the party may see; an empty text browses."""
    said = folded(text)[:100]
    asked = query(said)
    page = max(1, page)
    values: dict[str, Any] = {
        "department": department, "theme": theme, "share_type": share_type, "limit": size,
        "offset": (page - 1) * size, "text": said, "all": asked.every, "some": asked.some,
        "each": list(asked.each),
    }  # fmt: skip
    how = _EVERY_WORD if asked.each else _BROWSE
    groups = _groups(conn, how, party, values)
    if len(asked.each) > 1 and groups["total"][0]["n"] == 0:
        how = _SOME_WORDS
        groups = _groups(conn, how, party, values)
    total, named = groups["total"][0]["n"], groups["total"][0]["named"]
    if how is _EVERY_WORD and values["offset"] + size <= named:
        how = _NAMES_ONLY
    return Found(
        text=said, hits=_page(conn, how, party, values), total=total, page=page, size=size,
        departments=_facets(groups, "department"), themes=_facets(groups, "theme"),
        share_types=_facets(groups, "share_type"), partial=how is _SOME_WORDS and total > 0,
    )  # fmt: skip


@dataclass(frozen=True)
class _How:
    """One way to answer, as pieces of SQL over ``entry_search s``."""

    found: str
    rank: str
    order: str
    #: what of the found stands in the name
    named: str = "false"
    joined: str = ""


_ALL = "%(all)s::tsquery"
_IN_NAME = f"s.names @@ {_ALL}"
_RANK = (
    "CASE WHEN s.name = %(text)s THEN 6 WHEN starts_with(s.name, %(text)s) THEN 5"
    f" WHEN strpos(s.name, %(text)s) > 0 THEN 4 WHEN {_IN_NAME} THEN 3"
)
#: Within a rank: what is used much, and names that say little else.
_WORTH = "ln(s.uses + 1) - length(s.name) / 10.0 DESC, s.entry_id"
_HELD = "(SELECT count(*) FROM unnest(%(each)s::tsquery[]) AS q(term) WHERE s.{} @@ q.term)"

_EVERY_WORD = _How(
    found=f"s.terms @@ {_ALL}",
    named=_IN_NAME,
    rank=f"{_RANK} WHEN x.entry_id IS NOT NULL THEN 2 ELSE 1 END",
    order=f"rank DESC, {_WORTH}",
    joined=f"LEFT JOIN (SELECT entry_id FROM entry_search WHERE texts @@ {_ALL}) x USING (entry_id)",
)
#: Names alone fill the page, and that is most pages: nothing else is looked at.
_NAMES_ONLY = _How(found=_IN_NAME, rank=f"{_RANK} END", order=f"rank DESC, {_WORTH}")
_SOME_WORDS = _How(
    found="s.terms @@ %(some)s::tsquery",
    rank="0",
    order=f"{_HELD.format('names')} * 3 + {_HELD.format('terms')} DESC, {_WORTH}",
)
_BROWSE = _How(found="true", rank="0", order="s.uses DESC, s.department_code, s.entry_id")


def _groups(
    conn: Connection, how: _How, party: Party, values: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    query = _SQL.found_groups.format(
        named=_piece(how.named), found=_piece(how.found), visible=visible_to(party, "entry", "s")
    )
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(query, values):
        groups.setdefault(row["facet"], []).append(row)
    return groups


def _page(conn: Connection, how: _How, party: Party, values: Mapping[str, Any]) -> tuple[Hit, ...]:
    query = _SQL.found_entries.format(
        rank=_piece(how.rank), order=_piece(how.order), joined=_piece(how.joined), found=_piece(how.found),
        visible=visible_to(party, "entry", "s"),
    )  # fmt: skip
    return tuple(Hit.from_row(row) for row in conn.execute(query, values))


def _piece(text: str) -> sql.SQL:
    """SQL of this file, not of any visitor."""
    return sql.SQL(cast("LiteralString", cast("Any", text)))


def _facets(groups: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> tuple[Facet, ...]:
    return tuple(Facet(row["value"], row["label"], row["n"]) for row in groups.get(name, ()))
