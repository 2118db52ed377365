"""The sample city is founded: its people, catalogue, sources and plan go in through the rooms' own doors.

Everything here may run again: each door leaves alone what is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jutong import catalogue, flows, gather, oversee, people, refine, share
from jutong.city import agenda
from jutong.city.applications import applications
from jutong.city.catalogue import demands, entries
from jutong.city.declarations import gather_plans, rule_set_uses, source_tables, sources
from jutong.city.departments import departments
from jutong.city.rows import Project
from jutong.city.users import users
from jutong.database import Connection
from jutong.flows import Platform

#: The demo's accounts all open with this; real cities make accounts with ``jutong user add``.
PASSWORD = "Shaoyang-2026"  # noqa: S105  printed by the demo on purpose


def found(platform: Platform) -> None:
    """Departments, accounts, applications, catalogue, lists, plan: one transaction."""
    with platform.database.connection() as connection:
        people.add_departments(connection, (people.Department(**asdict(one)) for one in departments()))
        _accounts(connection)
        catalogue.import_entries(connection, (_entry(one) for one in entries()))
        catalogue.import_demands(connection, _demands(connection))
        for one in applications():
            share.add_application(
                connection, one.name, one.department_code, purpose=one.purpose, id=one.id, exist_ok=True
            )
        _plan(connection)
        _retention(connection)


def declare(platform: Platform, home: Path, url: str, scale: float) -> None:
    """The departments' systems and their tables, with the rules across items."""
    with platform.database.connection() as connection:
        gather.declare_sources(connection, sources(home, url, scale), source_tables(scale))
        gather.declare_plans(connection, gather_plans(scale))
        refine.declare_rule_sets(connection, rule_set_uses(scale))


def _accounts(connection: Connection) -> None:
    # One hash for all: a hash costs 50 ms by design, and the sample city's password is no secret.
    hashed = people.hash_password(PASSWORD)
    for user in users():
        people.add_user(
            connection, user.login, user.name, user.department_code, user.roles,
            password_hash=hashed, must_change=False,
        )  # fmt: skip


def _entry(entry: Any) -> Mapping[str, Any]:
    return {**asdict(entry), "items": [asdict(item) for item in entry.items]}


def _demands(connection: Connection) -> Iterable[dict[str, Any]]:
    ids = {row["code"]: row["id"] for row in connection.execute("SELECT code, id FROM entry").fetchall()}
    for demand in demands():
        row = asdict(demand)
        code = row.pop("entry_code")
        yield {**row, "entry_id": ids[code] if code else None}


def _plan(connection: Connection) -> None:
    oversee.load_duties(connection, map(asdict, agenda.duties()))
    oversee.load_indicators(connection, map(asdict, agenda.indicators()))
    oversee.load_reports(connection, map(asdict, agenda.reports()))
    oversee.load_campaigns(connection, map(asdict, agenda.campaigns()))
    oversee.load_tasks(
        connection, ({**asdict(one), "partners": list(one.partners)} for one in agenda.tasks())
    )
    oversee.load_cloud_changes(connection, map(asdict, agenda.cloud_changes()))
    oversee.load_cloud_allocations(connection, map(asdict, agenda.cloud_allocations()))
    oversee.load_projects(connection, map(_project, agenda.projects()))
    for project in agenda.projects():
        oversee.load_milestones(
            connection, ({"project_code": project.code, **asdict(stone)} for stone in project.milestones)
        )


def _retention(connection: Connection) -> None:
    """Three years in the lake, then the archive; nothing is ever destroyed."""
    if not flows.rules(connection):
        flows.set_rule(
            connection, flows.scope_of(connection, "raw"), 1096, "样例：原始数据留湖三年，此后归档长期保存", "system",
            keep_batches=2,
        )  # fmt: skip


def _project(project: Project) -> dict[str, Any]:
    row = asdict(project)
    del row["milestones"]
    return row
