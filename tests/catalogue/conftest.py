"""Two providers, a consumer, the steward; entries that need writing only where a test cares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from jutong.catalogue import NewEntry, NewItem
from jutong.database import Connection, Database
from jutong.people import Department, Party, add_departments, add_user, party_of

HASH = "not a hash: nobody signs in here"


@dataclass(frozen=True)
class Cast:
    officer: Party
    head: Party
    water: Party
    consumer: Party
    steward: Party


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with database.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def cast(conn: Connection) -> Cast:
    return make_cast(conn)


def make_cast(conn: Connection) -> Cast:
    add_departments(conn, [
        Department("D01", "邵阳市行政审批服务局", "行政审批局", "department", steward=True, sort=1),
        Department("D15", "邵阳市水利局", "水利局", "department", sort=15),
        Department("D23", "邵阳市市场监督管理局", "市场监管局", "department", "11430500006123458E", sort=23),
    ])  # fmt: skip

    def person(login: str, department: str, *roles: str) -> Party:
        add_user(conn, login, login, department, roles, password_hash=HASH)
        return party_of(conn, login)

    return Cast(
        officer=person("officer", "D23", "provider_officer"),
        head=person("head", "D23", "provider_head"),
        water=person("water", "D15", "provider_officer", "provider_head"),
        consumer=person("consumer", "D15", "consumer_officer"),
        steward=person("steward", "D01", "steward"),
    )


def new(name: str = "企业登记基本信息", **changes: Any) -> NewEntry:
    values: dict[str, Any] = {
        "name": name,
        "summary": "在本市登记的企业和个体工商户，一户一行。",
        "department_code": "D23",
        "class_code": "102",
        "share_type": 2,
        "share_condition": "限行政许可、行政检查使用",
        "share_methods": ("api", "table"),
        "use_condition": "仅限本次申请的用途",
        "grade": 2,
        "formats": (3,),
        "update_cycle": 2,
        "theme": "市场监管",
        "secrecy_assessed": True,
        "privacy_assessed": True,
        "items": (
            NewItem("统一社会信用代码", "C", "uscc", 18, "uscc", is_key=True),
            NewItem("企业名称", "C", "name", 200, "legal_name"),
            NewItem(
                "法定代表人", "C", "representative", 50, "person_name", share_type=2, grade=2, mask="name"
            ),
        ),
    }
    return NewEntry(**{**values, **changes})
