"""用户账号: two officers and two heads in every body that provides, the same where it consumes, and the
steward, the three administrators and a leader.  Names come from the sample's own name table.
"""

from __future__ import annotations

import zlib
from functools import cache

from jutong.city import names
from jutong.city.applications import applications
from jutong.city.departments import STEWARD, departments
from jutong.city.rows import User

#: What ``jutong demo`` prints: one account for every role. (login, roles, department, what for)
_DEMO = (
    ("steward", ("steward",), "D01", "主管部门：审核发布目录、协调需求、督导"),
    ("provider", ("provider_officer",), "D23", "提供方经办人：市场监管局编目、看问题数据"),
    ("provider.head", ("provider_head",), "D23", "提供方负责人：市场监管局审批目录与共享申请"),
    ("consumer", ("consumer_officer",), "D02", "需求方经办人：发改委为“信用邵阳”申请数据"),
    ("consumer.head", ("consumer_head",), "D02", "需求方负责人：发改委审批本部门的申请"),
    ("auditor", ("auditor",), "D01", "审计员：存证、谁看过、操作审计"),
    ("security", ("security_admin",), "D01", "安全管理员：授权与分级策略"),
    ("system", ("system_admin",), "D01", "系统管理员：运行与账号"),
    ("leader", ("leader",), "D01", "领导：一屏统览"),
)


@cache
def users() -> tuple[User, ...]:
    """The demo accounts first, then those of every department and county unit."""
    demo = tuple(
        User(login, person_name(login), unit, roles, True, about) for login, roles, unit, about in _DEMO
    )
    consumers = {application.department_code for application in applications()}
    taken = {(user.department_code, role) for user in demo for role in user.roles}
    rest = []
    for department in departments():
        roles = ["provider_officer", "provider_head"]
        if department.code in consumers:
            roles += ["consumer_officer", "consumer_head"]
        for role in roles:
            if (department.code, role) in taken:
                continue
            login = f"{department.code.lower()}.{role.replace('_', '.')}"
            rest.append(User(login, person_name(login), department.code, (role,)))
    return demo + tuple(rest)


def person_name(seed: str) -> str:
    """An invented name that belongs to a login for ever."""
    luck = zlib.crc32(f"person {seed}".encode())
    surname = names.SURNAMES[luck % len(names.SURNAMES)]
    first, second = (
        (names.GIVEN_MEN, names.GIVEN_SECOND_MEN)
        if luck & 1 << 20
        else (names.GIVEN_WOMEN, names.GIVEN_SECOND_WOMEN)
    )
    given = first[(luck >> 8) % len(first)]
    return surname + given + (second[(luck >> 16) % len(second)] if luck % 5 else "")


def steward_code() -> str:
    return STEWARD
