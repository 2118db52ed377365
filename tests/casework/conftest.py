"""The cast: one requester, one provider, the steward, an auditor and a stranger; a transaction that leaves nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from jutong import casework
from jutong.casework import CITY_TIME, KINDS, CaseFile, find_case
from jutong.database import Connection, Database
from jutong.people import Department, Party, add_departments, add_user, party_of

HASH = "not a hash: nobody signs in here"


def move(conn: Connection, case_id: int, name: str, party: Party, note: str = "", **more: Any) -> CaseFile:
    """A move through the door of the room the case belongs to."""
    room = KINDS[find_case(conn, case_id).kind].room
    return casework.move(conn, case_id, name, party, note, **{"room": room, **more})


def at(text: str) -> dt.datetime:
    """``2026-06-09 15:20`` in the city."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


@dataclass(frozen=True)
class Cast:
    asker: Party
    asker_head: Party
    officer: Party
    head: Party
    steward: Party
    auditor: Party
    stranger: Party


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def cast(conn: Connection) -> Cast:
    return make_cast(conn)


def make_cast(conn: Connection) -> Cast:
    add_departments(conn, [
        Department("D01", "邵阳市行政审批服务局", "行政审批局", "department", steward=True),
        Department("D23", "邵阳市市场监督管理局", "市场监管局", "department", "11430500006123458E"),
        Department("D25", "邵阳市医疗保障局", "医保局", "department"),
        Department("C01", "双清区", "双清区", "county", division_code="430502"),
    ])  # fmt: skip

    def person(login: str, department: str, *roles: str) -> Party:
        add_user(conn, login, login, department, roles, password_hash=HASH)
        return party_of(conn, login)

    return Cast(
        asker=person("asker", "D25", "consumer_officer"),
        asker_head=person("asker-head", "D25", "consumer_head"),
        officer=person("officer", "D23", "provider_officer"),
        head=person("head", "D23", "provider_head"),
        steward=person("steward", "D01", "steward"),
        auditor=person("auditor", "D01", "auditor"),
        stranger=person("stranger", "C01", "provider_officer", "provider_head", "consumer_head"),
    )
