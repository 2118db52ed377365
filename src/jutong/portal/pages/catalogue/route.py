"""The catalogue: search with facets, and one entry."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong.catalogue import RANKS, Facet, Found, Hit, classes, search
from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.names import CYCLES, SHARE_TYPES
from jutong.portal.pages.catalogue.entry import EntryPage, build
from jutong.portal.paging import Pager, query_of
from jutong.portal.routes import Act, Page
from jutong.portal.visits import Visit

_SQL = named_sql(__file__)
_SIZE = 20


@dataclass(frozen=True)
class CatalogueQuestion:
    q: Annotated[str, Field(title="找什么", max_length=100)] = ""
    department: Annotated[str, Field(title="提供方")] = ""
    theme: Annotated[str, Field(title="主题")] = ""
    share: Annotated[int | None, Field(title="共享类型", ge=1, le=3)] = None
    #: 分类码 or the beginning of one; then nothing else is asked.
    class_code: Annotated[str, Field(title="分类", alias="class", max_length=20)] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class HitRow:
    id: int
    code: str
    name: str
    summary: str
    department: str
    share_type: int
    grade: int
    cycle: str
    state: str
    attached: bool
    uses: int
    items: int
    matched: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class FacetChoice:
    value: str
    label: str
    count: int
    href: str
    chosen: bool


@dataclass(frozen=True)
class FacetGroup:
    label: str
    top: int
    choices: tuple[FacetChoice, ...]
    #: The values beyond the first dozen.
    more: tuple[FacetChoice, ...]


@dataclass(frozen=True)
class Catalogue:
    """What the catalogue has for these words, of what this party may see."""

    asked: CatalogueQuestion
    class_name: str
    rows: tuple[HitRow, ...]
    pager: Pager
    facets: tuple[FacetGroup, ...]
    #: Nothing holds every word; these hold some.
    partial: bool
    #: Where to say what is missing: 去数据供需对接提需求.
    demand_href: str


def listed(visit: Visit, asked: CatalogueQuestion) -> Catalogue:
    """The catalogue, searched or browsed."""
    if asked.class_code:
        return _of_class(visit, asked)
    found = search(
        visit.connection,
        asked.q,
        visit.who,
        department=asked.department or None,
        theme=asked.theme or None,
        share_type=asked.share,
        page=asked.page,
        size=_SIZE,
    )
    return Catalogue(
        asked=asked,
        class_name="",
        rows=tuple(_row(hit) for hit in found.hits),
        pager=Pager.of("/catalogue", asked, found.total, _SIZE),
        facets=_facets(asked, found),
        partial=found.partial,
        demand_href=f"/lists/demand/new?{query_of(asked, without=('page', 'department', 'theme', 'share', 'class_code'))}",
    )


def _of_class(visit: Visit, asked: CatalogueQuestion) -> Catalogue:
    """Entries under one 分类码, as figures link to them."""
    visible = visible_to(visit.who, "entry", "e")
    values: dict[str, Any] = {"class": asked.class_code}
    counted = visit.connection.execute(_SQL.count_of_class.format(visible=visible), values).fetchone()
    pager = Pager.of("/catalogue", asked, counted["total"] if counted else 0, _SIZE)
    values |= {"limit": pager.size, "offset": pager.offset}
    rows = visit.connection.execute(_SQL.of_class.format(visible=visible), values).fetchall()
    named = {row["code"]: row["name"] for row in classes(visit.connection)}
    pager = dataclasses.replace(pager, query=f"class={asked.class_code}")
    return Catalogue(
        asked, named.get(asked.class_code, asked.class_code), tuple(_row(Hit.from_row(row)) for row in rows), pager,
        (), partial=False, demand_href="/lists/demand/new",
    )  # fmt: skip


def _row(hit: Hit) -> HitRow:
    return HitRow(
        id=hit.id,
        code=hit.code,
        name=hit.name,
        summary=hit.summary,
        department=hit.department_short,
        share_type=hit.share_type,
        grade=hit.grade,
        cycle=CYCLES[hit.update_cycle],
        state=hit.state,
        attached=hit.dataset is not None,
        uses=hit.uses,
        items=hit.item_count,
        matched=hit.matched[:4],
        why=RANKS[hit.rank] if hit.rank in (0, 1, 2) else "",
    )


#: Facet values shown before “more”.
_SHOWN = 12


def _facets(asked: CatalogueQuestion, found: Found) -> tuple[FacetGroup, ...]:
    share = tuple(
        Facet(one.value, SHARE_TYPES.get(int(one.value), one.label), one.count) for one in found.share_types
    )
    groups = (
        ("共享类型", "share", share),
        ("提供方", "department", found.departments),
        ("主题", "theme", found.themes),
    )
    return tuple(_group(asked, label, name, facets) for label, name, facets in groups if facets)


def _group(asked: CatalogueQuestion, label: str, name: str, facets: tuple[Facet, ...]) -> FacetGroup:
    chosen = str(getattr(asked, name) or "")
    ordered = sorted(facets, key=lambda one: (one.value != chosen, -one.count))
    choices = tuple(
        FacetChoice(
            one.value,
            one.label,
            one.count,
            # A chosen value leads back to all of its kind.
            "/catalogue?"
            + query_of(asked, without=("page",), **{name: "" if one.value == chosen else one.value}),
            one.value == chosen,
        )
        for one in ordered
    )
    top = max((one.count for one in facets), default=0)
    return FacetGroup(label, top, choices[:_SHOWN], choices[_SHOWN:])


PAGES = (
    Page(
        "catalogue",
        "/catalogue",
        listed,
        may="entry:read",
        stop="catalogue",
        tab="catalogue",
        asks=CatalogueQuestion,
    ),
    Page(
        "catalogue.entry",
        "/catalogue/{entry_id:int}",
        build,
        may="entry:read",
        stop="catalogue",
        tab="catalogue",
    ),
)
ACTS: tuple[Act, ...] = ()

__all__ = ["ACTS", "PAGES", "EntryPage"]
