"""Search: words, bigrams and pinyin initials in PostgreSQL, permission in the same query.

What is found is ranked by where the whole query stands: in the name, in name and summary, anywhere (items,
department, theme).  Within the name: the name itself, its beginning, a part of it, all its words.  Where nothing
holds every word, entries that hold some are shown, the most words first, and the answer says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from psycopg import sql

from jutong.catalogue.indexing import query_text
from jutong.database import Connection, named_sql
from jutong.people import Party, visible_to
from jutong.words import query_terms

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


@dataclass(frozen=True)
class _Asked:
    """A query as SQL: what is found, what of it stands in the name, and the words one by one."""

    found: sql.Composable
    named: sql.Composable
    each: tuple[str, ...]


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
    said = " ".join(text.split()).lower()[:100]
    terms = [term for term in query_terms(said) if term]
    values = {
        "department": department, "theme": theme, "share_type": share_type, "limit": size,
        "offset": (max(1, page) - 1) * size, "text": said,
    }  # fmt: skip
    asked = _everything(terms)
    groups = _groups(conn, asked, party, values)
    partial = groups["total"][0]["n"] == 0 and len(terms) > 1
    if partial:
        asked = _anything(terms)
        groups = _groups(conn, asked, party, values)
    total, named = groups["total"][0]["n"], groups["total"][0]["named"]
    rows = _page(conn, asked, party, values, enough_named=values["offset"] + size <= named, partial=partial)
    return Found(
        text=said, hits=tuple(Hit.from_row(row) for row in rows), total=total, page=max(1, page), size=size,
        departments=_facets(groups, "department"), themes=_facets(groups, "theme"),
        share_types=_facets(groups, "share_type"), partial=partial and total > 0,
    )  # fmt: skip


def _everything(terms: Sequence[str]) -> _Asked:
    """Every term must stand somewhere in the entry."""
    if not terms:
        return _Asked(sql.SQL("true"), sql.SQL("false"), ())
    query = _tsquery(terms, "&")
    return _Asked(sql.SQL("s.terms @@ {}").format(query), sql.SQL("s.names @@ {}").format(query), ())


def _anything(terms: Sequence[str]) -> _Asked:
    """At least one of the terms."""
    found = sql.SQL("s.terms @@ {}").format(_tsquery(terms, "|"))
    return _Asked(found, sql.SQL("false"), tuple(query_text([term]) for term in dict.fromkeys(terms)))


def _tsquery(terms: Sequence[str], join: str) -> sql.Composable:
    return sql.SQL("{}::tsquery").format(sql.Literal(query_text(terms, join)))


def _groups(
    conn: Connection, asked: _Asked, party: Party, values: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    query = _SQL.found_groups.format(
        named=asked.named, found=asked.found, visible=visible_to(party, "entry", "s")
    )
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(query, values):
        groups.setdefault(row["facet"], []).append(row)
    return groups


def _page(
    conn: Connection, asked: _Asked, party: Party, values: Mapping[str, Any], *, enough_named: bool, partial: bool
) -> list[dict[str, Any]]:
    """The ranked page.  Where names alone fill it, only names are looked at; that is most pages."""
    found, ranked = asked.found, sql.SQL("")
    if partial:
        each = sql.SQL("{}::tsquery[]").format(sql.Literal(list(asked.each)))
        count = "(SELECT count(*) FROM unnest({0}) q(t) WHERE s.names @@ q.t) * 3 + "
        count += "(SELECT count(*) FROM unnest({0}) q(t) WHERE s.terms @@ q.t)"
        rank: sql.Composable = sql.SQL("0")
        order = sql.SQL(count + " DESC, s.uses DESC, length(s.name), s.entry_id").format(each)
    elif not values["text"]:
        rank, order = sql.SQL("0"), sql.SQL("s.uses DESC, s.department_code, s.entry_id")
    else:
        if enough_named:
            found = asked.named
            in_text: sql.Composable = sql.SQL("true")
        else:
            ranked = sql.SQL("LEFT JOIN (SELECT s.entry_id FROM entry_search s WHERE {}) x USING (entry_id)").format(
                _renamed(asked.named)
            )
            in_text = sql.SQL("x.entry_id IS NOT NULL")
        rank = sql.SQL(
            "CASE WHEN s.name = %(text)s THEN 6 WHEN starts_with(lower(s.name), %(text)s) THEN 5"
            " WHEN strpos(lower(s.name), %(text)s) > 0 THEN 4 WHEN {named} THEN 3 WHEN {texts} THEN 2 ELSE 1 END"
        ).format(named=asked.named, texts=in_text)
        order = sql.SQL("{} DESC, ln(s.uses + 1) - length(s.name) / 10.0 DESC, s.entry_id").format(rank)
    query = _SQL.found_entries.format(
        rank=rank, order=order, ranked=ranked, found=found, visible=visible_to(party, "entry", "s")
    )
    return conn.execute(query, values).fetchall()


def _renamed(named: sql.Composable) -> sql.Composable:
    """The same words looked for in name and summary."""
    return named


def _facets(groups: Mapping[str, Sequence[Mapping[str, Any]]], name: str) -> tuple[Facet, ...]:
    return tuple(Facet(row["value"], row["label"], row["n"]) for row in groups.get(name, ()))
