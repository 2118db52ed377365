"""Departments and accounts: the system administrator makes accounts, the security administrator gives roles."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.catalogue import counts_by_department
from jutong.people import (
    ROLES,
    Department,
    User,
    add_user,
    department,
    departments,
    forget_factor,
    grant_role,
    reset_password,
    revoke_role,
    set_user_state,
    unlock,
    users,
)
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound


@dataclass(frozen=True)
class DepartmentRow:
    department: Department
    entries: int
    supply: int
    demand: int
    accounts: int


@dataclass(frozen=True)
class People:
    """The city's departments and county-level units."""

    departments: tuple[DepartmentRow, ...]
    counties: tuple[DepartmentRow, ...]
    #: Whether accounts may be seen at all; without it their number is not shown.
    sees_accounts: bool


@dataclass(frozen=True)
class UserRow:
    user: User
    roles: tuple[str, ...]
    locked: bool


@dataclass(frozen=True)
class RoleChoice:
    name: str
    label: str


@dataclass(frozen=True)
class DepartmentPage:
    """One department and the accounts this party may see."""

    department: Department
    users: tuple[UserRow, ...]
    roles: tuple[RoleChoice, ...]
    may_add: bool
    may_grant: bool
    may_disable: bool
    may_unlock: bool


@dataclass(frozen=True)
class FirstPassword:
    """The only copy of an account's first password."""

    login: str
    name: str
    password: str
    department_code: str


@dataclass(frozen=True)
class UserForm:
    login: Annotated[str, Field(title="账号", min_length=2, max_length=63)]
    name: Annotated[str, Field(title="姓名", min_length=1, max_length=50)]
    #: What the account does; the administrators' roles are given by the security administrator.
    role: Annotated[
        Literal[
            "", "steward", "provider_officer", "provider_head", "consumer_officer", "consumer_head", "leader"
        ],
        Field(title="角色"),
    ] = ""


@dataclass(frozen=True)
class AccountForm:
    move: Literal["grant", "revoke", "disable", "enable", "unlock", "reset", "forget"]
    role: Annotated[str, Field(title="角色")] = ""


def listed(visit: Visit, _: NoQuestion) -> People:
    """Departments and counties."""
    sees = visit.can("user:read") and bool(visit.who.roles & {"system_admin", "security_admin", "auditor"})
    accounts: dict[str, int] = {}
    for user in users(visit.connection, visit.who) if sees else ():
        accounts[user.department_code] = accounts.get(user.department_code, 0) + 1
    counted = {one.code: one for one in counts_by_department(visit.connection)}
    rows = [
        DepartmentRow(one, counted[one.code].entries, counted[one.code].supply, counted[one.code].demand, accounts.get(one.code, 0))
        for one in departments(visit.connection)
    ]  # fmt: skip
    return People(
        departments=tuple(row for row in rows if row.department.kind == "department"),
        counties=tuple(row for row in rows if row.department.kind == "county"),
        sees_accounts=sees,
    )


def build(visit: Visit, _: NoQuestion) -> DepartmentPage:
    """One department."""
    found = department(visit.connection, visit.path["code"])
    return DepartmentPage(
        department=found,
        users=tuple(
            UserRow(one, tuple(ROLES[role][0] for role in one.roles), _locked(one, visit.now))
            for one in users(visit.connection, visit.who, department_code=found.code)
        ),
        roles=tuple(RoleChoice(name, labels[0]) for name, labels in ROLES.items()),
        may_add=visit.can("user:add"),
        may_grant=visit.can("role:grant"),
        may_disable=visit.can("user:disable"),
        may_unlock=visit.can("user:unlock"),
    )


def _locked(user: User, now: dt.datetime) -> bool:
    return user.locked_until is not None and user.locked_until > now


def add(visit: Visit, form: UserForm) -> Done:
    """Make an account with a first password, shown once; its owner changes it at the first sign-in."""
    found = department(visit.connection, visit.path["code"])
    password = _first_password()
    roles = [form.role] if form.role else []
    add_user(visit.connection, form.login, form.name, found.code, roles, password=password, by=visit.who)
    value = FirstPassword(form.login, form.name, password, found.code)
    return Done(f"/people/{found.code}", value=value, shows="pages/people/password.html")


def _first_password() -> str:
    """Three kinds of characters by construction, and no two that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz"
    parts = ["".join(secrets.choice(letters) for _ in range(5)) for _ in range(2)]
    return f"{parts[0].capitalize()}-{parts[1]}-{secrets.randbelow(90) + 10}"


def act(visit: Visit, form: AccountForm) -> Done:
    """Give or take a role, disable, enable, unlock, reset; each asks its own administrator."""
    number = visit.path["user_id"]
    found = next((one for one in users(visit.connection, visit.who) if one.id == number), None)
    if found is None:
        raise NotFound("people.no_user", "没有这个账号")
    back = f"/people/{found.department_code}"
    if form.move == "reset":
        password = _first_password()
        reset_password(visit.connection, number, password, visit.who)
        value = FirstPassword(found.login, found.name, password, found.department_code)
        return Done(back, value=value, shows="pages/people/password.html")
    _move(visit, form, found)
    told = {"grant": "已授予角色", "revoke": "已收回角色", "disable": "已停用", "enable": "已启用", "unlock": "已解锁",
            "forget": "已解绑动态口令"}  # fmt: skip
    return Done(
        back,
        visit.tell(
            "{name}（{login}）：{what}", name=found.name, login=found.login, what=visit.tell(told[form.move])
        ),
    )


def _move(visit: Visit, form: AccountForm, found: User) -> None:
    me, conn = visit.who, visit.connection
    match form.move:
        case "grant":
            grant_role(conn, found.id, form.role, me)
        case "revoke":
            revoke_role(conn, found.id, form.role, me)
        case "disable":
            set_user_state(conn, found.id, "disabled", me)
        case "enable":
            set_user_state(conn, found.id, "active", me)
        case "unlock":
            unlock(conn, found.login, me)
        case _:
            forget_factor(conn, found.id, me)


_PATH = "/people/{code}"
PAGES = (
    Page("people", "/people", listed, may="department:read", stop="oversee", tab="people"),
    Page("people.department", _PATH, build, may="department:read", stop="oversee", tab="people"),
)
ACTS = (
    Act("people.add", _PATH, add, UserForm, may="user:add", shown_on=_PATH),
    Act(
        "people.account",
        "/people/accounts/{user_id:int}",
        act,
        AccountForm,
        may="user:read",
        shown_on="/people",
    ),
)
