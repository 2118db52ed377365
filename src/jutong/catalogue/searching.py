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

from jutong.catalogue.indexing import ANYWHERE, NAME, TEXT, query
from jutong.database import Connection, named_sql
from jutong.people import Party, visible_to
from jutong.words import folded

_SQL = named_sql(__file__)

#: Ranks, best first: how a page may say why an entry was found.
RANKS = {6: "名称", 5: "名称", 4: "名称", 3: "名称", 2: "摘要", 1: "信息项", 0: "部分词"}


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
        "offset": (page - 1) * size, "text": said, "plain": list(asked.plain),
    }  # fmt: skip
    way = _BROWSE
    groups: dict[str, list[dict[str, Any]]] = {}
    for way in _ways(len(asked.words)):
        values |= {
            rank: getattr(asked, way.holds)(number) for rank, number in _RANK_NAMES.items() if way.holds
        }
        groups = _groups(conn, way, party, values)
        if groups["total"][0]["n"]:
            break
    total = groups["total"][0]["n"]
    return Found(
        text=said, hits=_page(conn, way, party, values, total) if total else (), total=total, page=page, size=size,
        departments=_facets(groups, "department"), themes=_facets(groups, "theme"),
        share_types=_facets(groups, "share_type"), partial=way.partial and total > 0,
    )  # fmt: skip


_RANK_NAMES = {"in_name": NAME, "in_text": TEXT, "anywhere": ANYWHERE}


@dataclass(frozen=True)
class _Way:
    """One way to answer: which words must be held (a method of ``Query``) and how the found are put in order."""

    holds: str
    order: str
    partial: bool = False


#: The name itself, its beginning, a part of it, all its words; then name and summary; then anywhere.
_NAMED_RANK = (
    "CASE WHEN s.name = %(text)s THEN 6 WHEN starts_with(s.name, %(text)s) THEN 5"
    " WHEN strpos(s.name, %(text)s) > 0 THEN 4 ELSE 3 END"
)
_RANK = f"CASE WHEN n.entry_id IS NOT NULL THEN {_NAMED_RANK} WHEN t.entry_id IS NOT NULL THEN 2 ELSE 1 END"
_WHERE_IT_STANDS = (
    "LEFT JOIN (SELECT entry_id FROM entry_search WHERE terms @@ %(in_name)s::tsquery) n USING (entry_id)"
    " LEFT JOIN (SELECT entry_id FROM entry_search WHERE terms @@ %(in_text)s::tsquery) t USING (entry_id)"
)
_BY_RANK = "rank DESC, s.worth DESC, s.entry_id"
_BY_WORDS_IN_NAME = (
    "(SELECT count(*) FROM unnest(%(plain)s::text[]) AS w(word) WHERE strpos(s.name, w.word) > 0) DESC,"
    " s.worth DESC, s.entry_id"
)
_BROWSE = _Way("", "s.worth DESC, s.entry_id")
_WAYS = (
    _Way("every", _BY_RANK),
    _Way("all_but_one", _BY_WORDS_IN_NAME, partial=True),
    _Way("all_but_two", _BY_WORDS_IN_NAME, partial=True),
    _Way("all_but_three", _BY_WORDS_IN_NAME, partial=True),
    _Way("any", _BY_WORDS_IN_NAME, partial=True),
)


def _ways(words: int) -> tuple[_Way, ...]:
    """What to try, in turn, for so many words: one word at least always stays."""
    if not words:
        return (_BROWSE,)
    every, *some, any_ = _WAYS
    return (every, *some[: max(0, words - 2)], any_) if words > 1 else (every,)


def _groups(
    conn: Connection, way: _Way, party: Party, values: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    found = "s.terms @@ %(anywhere)s::tsquery" if way.holds else "true"
    query = _SQL.found_groups.format(found=_piece(found), visible=visible_to(party, "entry", "s"))
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(query, values):
        groups.setdefault(row["facet"], []).append(row)
    return groups


def _page(
    conn: Connection, way: _Way, party: Party, values: Mapping[str, Any], total: int
) -> tuple[Hit, ...]:
    """Most pages are filled by names alone; only where they are not, the rest is looked at."""
    if way.holds:
        rank = "0" if way.partial else _NAMED_RANK
        named = _hits(conn, "s.terms @@ %(in_name)s::tsquery", rank, "", way.order, party, values)
        if len(named) == min(values["limit"], max(0, total - values["offset"])):
            return named
    found = "s.terms @@ %(anywhere)s::tsquery" if way.holds else "true"
    rank, joined = ("0", "") if way.partial or not way.holds else (_RANK, _WHERE_IT_STANDS)
    return _hits(conn, found, rank, joined, way.order, party, values)


def _hits(
    conn: Connection, found: str, rank: str, joined: str, order: str, party: Party, values: Mapping[str, Any]
) -> tuple[Hit, ...]:
    query = _SQL.found_entries.format(
        rank=_piece(rank), order=_piece(order), joined=_piece(joined), found=_piece(found),
        visible=visible_to(party, "entry", "s"),
    )  # fmt: skip
    return tuple(Hit.from_row(row) for row in conn.execute(query, values))


def _piece(text: str) -> sql.SQL:
    """SQL of this file, not of any visitor."""
    return sql.SQL(cast("LiteralString", cast("Any", text)))


def _facets(groups: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> tuple[Facet, ...]:
    return tuple(Facet(row["value"], row["label"], row["n"]) for row in groups.get(name, ()))
