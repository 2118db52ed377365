"""Applications of departments."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.people import log, visible_to
from jutong.portal.names import GRANT_COLOURS, GRANT_STATES, METHODS, department_names
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import (
    Application,
    add_application,
    find_application,
    last_instant,
    meter_by,
    rotate_token,
    set_application_state,
)
from jutong.terms import NotFound

_SQL = named_sql(__file__)

STATES = {"active": ("ok", "在用"), "suspended": ("near", "已停用"), "retired": ("idle", "已注销")}


@dataclass(frozen=True)
class AppRow:
    id: str
    name: str
    department: str
    purpose: str
    state: tuple[str, str]
    has_token: bool
    token_at: dt.datetime | None
    grants: int
    times: int
    records: int


@dataclass(frozen=True)
class Applications:
    """Applications this party may see, those that took most first."""

    rows: tuple[AppRow, ...]
    departments: int
    times: int
    records: int
    may_add: bool


@dataclass(frozen=True)
class ResourceRow:
    resource: str
    method: str
    entry: str
    entry_id: int | None
    provider: str
    times: int
    records: int


@dataclass(frozen=True)
class GrantLine:
    id: str
    entry: str
    entry_id: int
    method: str
    colour: str
    state: str
    until: dt.datetime


@dataclass(frozen=True)
class DayUse:
    day: dt.date
    times: int
    records: int


@dataclass(frozen=True)
class AppPage:
    """One application: its token, its grants, what it took."""

    id: str
    name: str
    department: str
    purpose: str
    state: tuple[str, str]
    token_hint: str
    token_at: dt.datetime | None
    created_at: dt.datetime
    grants: tuple[GrantLine, ...]
    resources: tuple[ResourceRow, ...]
    days: tuple[DayUse, ...]
    may_rotate: bool
    may_suspend: bool


@dataclass(frozen=True)
class AppForm:
    name: Annotated[str, Field(title="名称", min_length=2, max_length=100)]
    #: Given by the platform where it is not said.
    id: Annotated[str, Field(title="编号", max_length=32)] = ""
    purpose: Annotated[str, Field(title="做什么用", max_length=500)] = ""


@dataclass(frozen=True)
class TokenForm:
    """How long the old one stays good, in hours, and the last day of the new one."""

    overlap: Annotated[int, Field(title="旧令牌", ge=0, le=168)] = 0
    expires: Annotated[dt.date | None, Field(title="新令牌有效期至")] = None


@dataclass(frozen=True)
class StateForm:
    state: Literal["active", "suspended", "retired"]


@dataclass(frozen=True)
class NewToken:
    """The only copy of a token."""

    id: str
    name: str
    token: str


def listed(visit: Visit, _: NoQuestion) -> Applications:
    """Applications."""
    query = _SQL.applications.format(visible=visible_to(visit.who, "application", "a"))
    names = department_names(visit.connection)
    rows = tuple(
        AppRow(
            id=row["id"], name=row["name"], department=names.get(row["department_code"], str(row["department_code"])),
            purpose=row["purpose"], state=STATES[row["state"]], has_token=row["token_hint"] is not None,
            token_at=row["token_at"], grants=row["grants"], times=row["times"], records=row["records"],
        )
        for row in visit.connection.execute(query)
    )  # fmt: skip
    return Applications(
        rows=rows,
        departments=len({row.department for row in rows}),
        times=sum(row.times for row in rows),
        records=sum(row.records for row in rows),
        may_add=visit.can("application:add", {"department_code": visit.who.department_code}),
    )


def visible_application(visit: Visit) -> Application:
    found = find_application(visit.connection, visit.path["application_id"])
    if not visit.can("application:read", found):
        raise NotFound("share.application_unknown", f"没有编号为 {found.id} 的应用，或不是您部门的")
    return found


def build(visit: Visit, _: NoQuestion) -> AppPage:
    """One application."""
    found = visible_application(visit)
    names = department_names(visit.connection)
    keys = {"id": found.id}
    return AppPage(
        id=found.id,
        name=found.name,
        department=names.get(found.department_code, found.department_code),
        purpose=found.purpose,
        state=STATES[found.state],
        token_hint=found.token_hint or "",
        token_at=found.token_at,
        created_at=found.created_at,
        grants=tuple(
            GrantLine(
                row["id"], row["entry"], row["entry_id"], METHODS[row["method"]], GRANT_COLOURS[row["state"]],
                GRANT_STATES[row["state"]], row["until"],
            )
            for row in visit.connection.execute(_SQL.grants, keys)
        ),
        resources=tuple(
            ResourceRow(
                row["resource"], METHODS[row["method"]], row["entry"] or "", row["entry_id"],
                names.get(row["provider"], str(row["provider"])), row["times"], row["records"],
            )
            for row in visit.connection.execute(_SQL.resources, keys)
        ),
        days=tuple(
            DayUse(row["day"], row["times"], row["records"])
            for row in meter_by(
                visit.connection, ["day"], since=visit.today - dt.timedelta(days=29), where={"application": found.id}
            )
        ),
        may_rotate=visit.can("application:token", found),
        may_suspend=visit.can("application:suspend", found),
    )  # fmt: skip


def add(visit: Visit, form: AppForm) -> Done:
    """Register an application of my department."""
    department = visit.who.department_code
    visit.must("application:add", {"department_code": department})
    made = add_application(visit.connection, form.name, department, purpose=form.purpose, id=form.id or None)
    return Done(
        f"/applications/{made.id}",
        visit.tell("应用 {id} 已登记，还没有令牌", id=made.id),
        value={"id": made.id},
    )


def rotate(visit: Visit, form: TokenForm) -> Done:
    """Make a new token, shown once; the old one stops within a second, or after the overlap."""
    found = visible_application(visit)
    visit.must("application:token", found)
    until = last_instant(form.expires) if form.expires else None
    token = rotate_token(visit.connection, found.id, overlap=dt.timedelta(hours=form.overlap), until=until)
    log(
        visit.connection, "portal:token:rotate", party=visit.who, at=visit.now, address=visit.address,
        detail={"application": found.id},
    )  # fmt: skip
    value = NewToken(found.id, found.name, token)
    return Done(f"/applications/{found.id}", value=value, shows="pages/applications/token.html")


def move(visit: Visit, form: StateForm) -> Done:
    """Suspend an application, set it active again, or retire it for good."""
    found = visible_application(visit)
    visit.must("application:suspend", found)
    moved = set_application_state(visit.connection, found.id, form.state)
    log(
        visit.connection, "portal:application:move", party=visit.who, at=visit.now, address=visit.address,
        detail={"application": found.id, "state": form.state},
    )  # fmt: skip
    return Done(
        f"/applications/{found.id}",
        visit.tell("应用 {id}：{state}", id=found.id, state=visit.tell(STATES[moved.state][1])),
    )


_PATH = "/applications/{application_id}"
PAGES = (
    Page("applications", "/applications", listed, may="application:read", stop="develop", tab="applications"),
    Page(
        "applications.application", _PATH, build, may="application:read", stop="develop", tab="applications"
    ),
)
ACTS = (
    Act("applications.add", "/applications", add, AppForm, may="application:add", shown_on="/applications"),
    Act("applications.token", _PATH + "/token", rotate, TokenForm, may="application:token", shown_on=_PATH),
    Act("applications.state", _PATH, move, StateForm, may="application:suspend", shown_on=_PATH),
)
