"""Lists of grants and one grant."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.names import GRANT_COLOURS, GRANT_STATES, METHODS, department_names
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.timeline import EventView
from jutong.portal.visits import Visit
from jutong.share import (
    Bound,
    Grant,
    bound_of,
    columns_of,
    find_grant,
    resume_grant,
    services,
    suspend_grant,
    terminate_grant,
)
from jutong.terms import BadInput, NotFound, Refused

_SQL = named_sql(__file__)

OPERATIONS = {"eq": "等于", "in": "是其中之一", "prefix": "开头是"}


@dataclass(frozen=True)
class GrantsQuestion:
    q: Annotated[str, Field(title="应用或目录")] = ""
    state: Literal["", "active", "suspended", "terminated", "expired"] = ""
    method: Literal["", "api", "table", "file"] = ""
    entry: int | None = None
    application: str = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class GrantRow:
    id: str
    consumer: str
    application: str
    provider: str
    entry: str
    entry_id: int
    method: str
    purpose: str
    items: int
    grade: int
    colour: str
    state: str
    until: dt.datetime
    times: int
    records: int


@dataclass(frozen=True)
class Grants:
    """Grants this party gives or holds."""

    asked: GrantsQuestion
    rows: tuple[GrantRow, ...]
    live: int
    pager: Pager


@dataclass(frozen=True)
class GivenItem:
    name: str
    label: str
    element: str
    grade: int
    mask: str
    #: False where the catalogue has since become stricter.
    leaves: bool


@dataclass(frozen=True)
class ServiceLink:
    name: str
    label: str


@dataclass(frozen=True)
class GrantPage:
    """One grant: who, what, which rows, how, until when, and what came of it."""

    id: str
    state: str
    state_label: str
    colour: str
    refused: str
    consumer: str
    provider: str
    application: str
    application_id: str
    entry: str
    entry_id: int
    entry_code: str
    case_id: int
    case_number: str
    basis: str
    scene: str
    scope: str
    purpose: str
    method: str
    valid_from: dt.datetime
    until: dt.datetime
    reason: str
    conditions: tuple[str, ...]
    items: tuple[GivenItem, ...]
    services: tuple[ServiceLink, ...]
    deliveries: tuple[str, ...]
    #: Files may be taken under it.
    by_file: bool
    by_table: bool
    times: int
    records: int
    events: tuple[EventView, ...]
    may_stop: bool


@dataclass(frozen=True)
class GrantMove:
    move: Literal["suspend", "resume", "terminate"]
    reason: Annotated[str, Field(title="理由", max_length=1000)] = ""


def listed(visit: Visit, asked: GrantsQuestion) -> Grants:
    """Grants, newest first."""
    values: dict[str, Any] = {
        "state": asked.state or None,
        "method": asked.method or None,
        "entry": asked.entry,
        "application": asked.application or None,
        "text": asked.q or None,
    }
    visible = visible_to(visit.who, "grant", "g")
    counted = visit.connection.execute(_SQL.count_grants.format(visible=visible), values).fetchone()
    assert counted is not None
    pager = Pager.of("/grants", asked, counted["total"], 30)
    query = _SQL.grants.format(visible=visible)
    rows = visit.connection.execute(query, {**values, "limit": pager.size, "offset": pager.offset}).fetchall()
    names = department_names(visit.connection)
    return Grants(asked, tuple(_row(row, names, visit.now) for row in rows), counted["live"], pager)


def _row(row: dict[str, Any], names: dict[str, str], now: dt.datetime) -> GrantRow:
    state = "expired" if row["state"] == "active" and row["until"] <= now else row["state"]
    return GrantRow(
        id=row["id"],
        consumer=names.get(row["department_code"], row["department_code"]),
        application=row["application"],
        provider=names.get(row["provider_code"], row["provider_code"]),
        entry=row["entry"],
        entry_id=row["entry_id"],
        method=METHODS[row["method"]],
        purpose=row["purpose"],
        items=row["items"],
        grade=row["grade"],
        colour=GRANT_COLOURS[state],
        state=GRANT_STATES[state],
        until=row["until"],
        times=row["times"],
        records=row["records"],
    )


def _visible(visit: Visit, grant_id: str) -> Grant:
    """A grant this party may see; any other is not there."""
    grant = find_grant(visit.connection, grant_id)
    if not visit.can("grant:read", grant):
        raise NotFound("share.grant_unknown", f"没有编号为 {grant_id} 的授权，或不经您的部门")
    return grant


def build(visit: Visit, _: NoQuestion) -> GrantPage:
    """One grant."""
    grant = _visible(visit, visit.path["grant_id"])
    row = visit.connection.execute(_SQL.grant_names, {"id": grant.id}).fetchone()
    assert row is not None
    use = visit.connection.execute(
        _SQL.grant_use,
        {"application": grant.application_id, "entry": row["entry_code"], "method": grant.method},
    ).fetchone()
    assert use is not None
    decision = bound_of(visit.connection, grant.id, visit.now)
    names = department_names(visit.connection)
    return GrantPage(
        id=grant.id,
        state=grant.state,
        state_label=GRANT_STATES[grant.state],
        colour=GRANT_COLOURS[grant.state],
        refused=decision.reason if isinstance(decision, Refused) and grant.state == "active" else "",
        consumer=names.get(grant.department_code, grant.department_code),
        provider=names.get(grant.provider_code, grant.provider_code),
        application=row["application"],
        application_id=grant.application_id,
        entry=row["entry"],
        entry_id=grant.entry_id,
        entry_code=row["entry_code"],
        case_id=row["case_id"],
        case_number=row["number"],
        basis=row["basis"],
        scene=row["scene"],
        scope=row["scope"],
        purpose=grant.purpose,
        method=METHODS[grant.method],
        valid_from=grant.valid_from,
        until=grant.until,
        reason=grant.reason or "",
        conditions=conditions(grant, _labels(visit, grant)),
        items=_items(visit, grant, decision),
        services=tuple(
            ServiceLink(one.name, one.label)
            for one in services(visit.connection, grant.entry_id)
            if grant.method == "api" and one.state == "active"
        ),
        deliveries=tuple(
            one["name"] for one in visit.connection.execute(_SQL.grant_deliveries, {"id": grant.id})
        ),
        by_file=grant.method == "file",
        by_table=grant.method == "table",
        times=use["times"],
        records=use["records"],
        events=tuple(
            EventView(
                one["at"], f"{one['by_name']}·{visit.tell(GRANT_STATES[one['to_state']])}", one["reason"]
            )
            for one in visit.connection.execute(_SQL.grant_history, {"id": grant.id})
        ),
        may_stop=visit.can("grant:suspend", grant),
    )


def _labels(visit: Visit, grant: Grant) -> dict[str, str]:
    return {name: item.label for name, item in columns_of(visit.connection, grant.dataset).items()}


def _items(visit: Visit, grant: Grant, decision: Bound | Refused) -> tuple[GivenItem, ...]:
    columns = columns_of(visit.connection, grant.dataset)
    leaving = (
        {out.item.name: out.mask for out in decision.outgoing.items} if isinstance(decision, Bound) else {}
    )
    shown = []
    for name in grant.items:
        item = columns.get(name)
        mask = leaving.get(name, grant.masks.get(name)) or ""
        shown.append(
            GivenItem(
                name=name,
                label=item.label if item else name,
                element=(item.element or "") if item else "",
                grade=item.grade if item else 1,
                mask=MASKS.get(mask, mask),
                leaves=name in leaving or isinstance(decision, Refused),
            )
        )
    return tuple(shown)


MASKS = {
    "": "原样",
    "full": "全部遮住",
    "middle": "遮中间",
    "head": "遮开头",
    "tail": "遮末尾",
    "ends": "遮两头",
}


def conditions(grant: Grant, labels: dict[str, str]) -> tuple[str, ...]:
    """The row filter in words; no condition is every row."""
    told = []
    for one in grant.row_filter:
        value = one["value"]
        text = "、".join(map(str, value)) if isinstance(value, list) else str(value)
        told.append(f"{labels.get(one['item'], one['item'])}{OPERATIONS[one['op']]}「{text}」")
    return tuple(told)


def act(visit: Visit, form: GrantMove) -> Done:
    """Suspend, resume or terminate a grant; the gate hears of it within a second (第27条)."""
    grant = _visible(visit, visit.path["grant_id"])
    visit.must("grant:suspend", grant)
    by = visit.who.user_id
    if form.move == "resume":
        moved = resume_grant(visit.connection, grant.id, by, form.reason)
    elif len(form.reason.strip()) < 10:
        raise BadInput("portal.reason_needed", "请写明理由，至少 10 个字；对方会看到")
    elif form.move == "suspend":
        moved = suspend_grant(visit.connection, grant.id, form.reason, by)
    else:
        moved = terminate_grant(visit.connection, grant.id, form.reason, by)
    return Done(
        f"/grants/{grant.id}",
        visit.tell("授权 {id}：{state}", id=grant.id, state=visit.tell(GRANT_STATES[moved.state])),
        value={"state": moved.state},
    )


_PATH = "/grants/{grant_id}"
PAGES = (
    Page("grants", "/grants", listed, may="grant:read", stop="share", tab="grants", asks=GrantsQuestion),
    Page("grants.grant", _PATH, build, may="grant:read", stop="share", tab="grants"),
)
ACTS = (Act("grants.move", _PATH, act, GrantMove, may="grant:suspend", shown_on=_PATH),)
