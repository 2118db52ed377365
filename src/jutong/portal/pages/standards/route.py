"""数据标准 of each table: items, elements, rules, lineage and trend, read from what really runs."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.pages.ledger.route import NoForm
from jutong.portal.pages.standards import editing
from jutong.portal.pages.standards.editing import Standing, standing
from jutong.portal.pages.standards.history import keeper
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.refine import Link, Plan, dispatch, lineage, openlineage, plan_of, refinements
from jutong.terms import NotFound

_SQL = named_sql(__file__)
_SIZE = 40
_PATH = "/standards/{table}"


@dataclass(frozen=True)
class StandardsQuestion:
    q: Annotated[str, Field(title="表")] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class TableRow:
    name: str
    label: str
    department: str
    items: int
    rules: int
    rejected: int | None
    score: float | None


@dataclass(frozen=True)
class Standards:
    """Every table that is refined, the worst score first."""

    asked: StandardsQuestion
    rows: tuple[TableRow, ...]
    pager: Pager


@dataclass(frozen=True)
class RuleRow:
    code: str
    severity: str
    dimension: str
    sentence: str
    waived: int


@dataclass(frozen=True)
class ItemRow:
    name: str
    label: str
    type: str
    element: str
    element_label: str
    given_as: str
    key: bool
    required: bool
    rules: tuple[RuleRow, ...]
    onward: tuple[Link, ...]


@dataclass(frozen=True)
class ScoreRow:
    batch: str
    at: dt.datetime
    given: int
    rejected: int
    flagged: int
    score: float | None


@dataclass(frozen=True)
class Standard:
    """One table: where each column comes from, what it is held to, where it goes; and its scores."""

    table: str
    label: str
    department: str
    source: str
    keys: tuple[str, ...]
    hold_above: float
    items: tuple[ItemRow, ...]
    rules: tuple[RuleRow, ...]
    scores: tuple[ScoreRow, ...]
    #: Whether this party may send the newest batch's refused rows back.
    may_send_back: bool
    standing: Standing


def listed(visit: Visit, asked: StandardsQuestion) -> Standards:
    """Tables and how they are refined."""
    values: dict[str, Any] = {"text": asked.q or None}
    visible = visible_to(visit.who, "source", "s")
    counted = visit.connection.execute(_SQL.count_tables.format(visible=visible), values).fetchone()
    assert counted is not None
    pager = Pager.of("/standards", asked, counted["total"], _SIZE)
    values |= {"limit": pager.size, "offset": pager.offset}
    rows = visit.connection.execute(_SQL.tables.format(visible=visible), values)
    return Standards(
        asked,
        tuple(
            TableRow(
                row["name"], row["label"], row["department"], row["items"], row["rules"], row["rejected"],
                float(row["score"]) if row["score"] is not None else None,
            )
            for row in rows
        ),
        pager,
    )  # fmt: skip


def build(visit: Visit, _: NoQuestion) -> Standard:
    """One table's standard."""
    row = keeper(visit)
    plan = plan_of(visit.connection, visit.rooms.store, row["name"])
    links = lineage(visit.connection, row["name"])
    scores = _scores(visit, plan)
    return Standard(
        table=row["name"],
        label=row["label"],
        department=row["department"],
        source=row["source"],
        keys=plan.keys,
        hold_above=plan.hold_above,
        items=tuple(_item(plan, place, links) for place in range(len(plan.items))),
        rules=tuple(
            RuleRow(fault.rule, fault.severity, str(fault.dimension), fault.sentence, 0)
            for fault in plan.rule_faults
        ),
        scores=scores,
        may_send_back="steward" in visit.who.roles and bool(scores) and scores[0].rejected > 0,
        standing=standing(visit, row),
    )  # fmt: skip


def _scores(visit: Visit, plan: Plan) -> tuple[ScoreRow, ...]:
    return tuple(
        ScoreRow(
            one["batch_id"], one["received_at"], one["given"], one["rejected"], one["flagged"],
            float(one["score"]) if one["score"] is not None else None,
        )
        for one in refinements(visit.connection, dataset=str(plan.standard), limit=12)
    )  # fmt: skip


def send_back(visit: Visit, _: NoForm) -> Done:
    """Send the refused rows of the newest batch back to who keeps them."""
    row = keeper(visit)
    newest = refinements(visit.connection, dataset=f"standard.{row['name']}", limit=1)
    if not newest:
        raise NotFound("refine.no_batch", f"「{row['label']}」还没有清洗过的批次")
    case = dispatch(visit.connection, newest[0]["batch_id"], by=visit.who, now=visit.now)
    return Done(f"/cases/{case}", visit.tell("已发回整改；改好重报后自动复检"))


def _item(plan: Plan, place: int, links: list[Link]) -> ItemRow:
    planned = plan.items[place]
    item = planned.item
    given = next(
        (link.from_item for link in links if (link.to_dataset, link.to_item) == (str(plan.raw), item.name)),
        "",
    )
    register = [
        link for link in links if (link.from_dataset, link.from_item) == (str(plan.standard), item.name)
    ]
    names = {(link.to_dataset, link.to_item) for link in register}
    served = [link for link in links if (link.from_dataset, link.from_item) in names]
    return ItemRow(
        name=item.name,
        label=item.label,
        type=item.type,
        element=planned.element.name,
        element_label=planned.element.label,
        given_as=given,
        key=item.key,
        required=item.required,
        rules=tuple(
            RuleRow(
                fault.rule, fault.severity, str(fault.dimension), fault.sentence,
                len(plan.whitelist.get(fault.rule, ())),
            )
            for fault in planned.faults
        ),
        onward=(*register, *served),
    )  # fmt: skip


def events(visit: Visit, _: NoQuestion) -> Download:
    """The table's lineage as OpenLineage events, one line per refined batch."""
    row = keeper(visit)
    links = lineage(visit.connection, row["name"])
    done = refinements(visit.connection, dataset=f"standard.{row['name']}", limit=100)
    lines = [
        json.dumps(
            openlineage(links, table=row["name"], at=one["finished_at"].isoformat(), batch=one["batch_id"]),
            ensure_ascii=False,
        )
        for one in reversed(done)
    ]
    return Download(f"{row['name']}.openlineage.jsonl", "application/jsonl", "\n".join(lines).encode())


PAGES = (
    Page("standards", "/standards", listed, may="source:read", stop="refine", tab="standards", asks=StandardsQuestion),
    Page("standards.table", _PATH, build, may="source:read", stop="refine", tab="standards"),
    Page("standards.events", _PATH + "/openlineage/export", events, may="source:read"),
    *editing.PAGES,
)  # fmt: skip
ACTS = (
    Act("standards.send_back", _PATH + "/send-back", send_back, NoForm, may="issue:export", shown_on=_PATH),
    *editing.ACTS,
)
