"""Departments, users and parties: who acts, for which department, as what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

#: role → (中文, English); the order is the order of menus.
ROLES: dict[str, tuple[str, str]] = {
    "steward": ("数据管理员", "data steward"),
    "provider_officer": ("提供方经办", "provider officer"),
    "provider_head": ("提供方负责人", "provider head"),
    "consumer_officer": ("需求方经办", "consumer officer"),
    "consumer_head": ("需求方负责人", "consumer head"),
    "auditor": ("审计管理员", "audit administrator"),
    "security_admin": ("安全管理员", "security administrator"),
    "system_admin": ("系统管理员", "system administrator"),
    "leader": ("领导", "leader"),
}
#: 三员: never two of them on one account; each needs a second factor.
ADMINISTRATORS = frozenset({"auditor", "security_admin", "system_admin"})
#: The platform itself, when a clock or a job acts; no account may have this role.
SYSTEM_ROLE = "system"


@dataclass(frozen=True)
class Party:
    """Who asks: one user acting for one department in all the roles of the account."""

    user_id: int
    login: str
    name: str
    department_code: str
    roles: frozenset[str]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["id"], row["login"], row["name"], row["department_code"], frozenset(row["roles"]))

    @property
    def administrator(self) -> bool:
        return bool(self.roles & ADMINISTRATORS)


#: Acts where nobody does: the worker's clocks, jobs and imports. Its moves are kept without a user.
SYSTEM = Party(0, "system", "平台", "", frozenset({SYSTEM_ROLE}))


@dataclass(frozen=True)
class Department:
    code: str
    name: str
    short_name: str
    #: department 部门 or county 县市区
    kind: str
    uscc: str | None = None
    division_code: str = "430500"
    parent_code: str | None = None
    #: the 同级主管部门; exactly one
    steward: bool = False
    sort: int = 0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})


@dataclass(frozen=True)
class User:
    """An account as lists and the security administrator see it; never with its secrets."""

    id: int
    login: str
    name: str
    department_code: str
    department_name: str
    roles: tuple[str, ...]
    state: str
    password_at: dt.datetime
    #: when the second factor was enrolled; None: not yet
    factor_at: dt.datetime | None
    locked_until: dt.datetime | None
    signed_in_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "roles": tuple(row["roles"])})
