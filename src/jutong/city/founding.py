"""The sample city is founded: its people, catalogue, sources and plan go in through the rooms' own doors.

Everything here may run again: each door leaves alone what is there already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from jutong import catalogue, gather, oversee, people, share
from jutong.city.accounts import PASSWORD
from jutong.city.rows import Project
from jutong.city.seeds import Seeds
from jutong.flows import Platform


def found(platform: Platform, seeds: Seeds) -> None:
    """Departments, accounts, applications, catalogue, lists, plan: one transaction."""
    with platform.database.connection() as connection:
        people.add_departments(connection, (people.Department(**asdict(one)) for one in seeds.departments))
        _accounts(connection, seeds)
        catalogue.import_entries(connection, (asdict(entry) for entry in seeds.entries))
        catalogue.import_demands(connection, _demands(connection, seeds))
        for one in seeds.applications:
            share.add_application(
                connection, one.name, one.department_code, purpose=one.purpose, id=one.id, exist_ok=True
            )
        _plan(connection, seeds)


def declare(platform: Platform, sources: Iterable[gather.Source], tables: Iterable[gather.SourceTable]) -> None:
    with platform.database.connection() as connection:
        gather.declare_sources(connection, list(sources), list(tables))


def _accounts(connection: Any, seeds: Seeds) -> None:
    # One hash for all: a hash costs 50 ms by design, and the sample city's password is no secret.
    hashed = people.hash_password(PASSWORD)
    for user in seeds.users:
        people.add_user(
            connection, user.login, user.name, user.department_code, user.roles,
            password_hash=hashed, must_change=False,
        )  # fmt: skip


def _demands(connection: Any, seeds: Seeds) -> Iterable[dict[str, Any]]:
    ids = {
        row["code"]: row["id"] for row in connection.execute("SELECT code, id FROM entry").fetchall()
    }
    for demand in seeds.demands:
        row = asdict(demand)
        row["entry_id"] = ids[row.pop("entry_code")] if demand.entry_code else None
        yield row


def _plan(connection: Any, seeds: Seeds) -> None:
    oversee.load_duties(connection, map(asdict, seeds.duties))
    oversee.load_indicators(connection, map(asdict, seeds.indicators))
    oversee.load_reports(connection, map(asdict, seeds.reports))
    oversee.load_campaigns(connection, map(asdict, seeds.campaigns))
    oversee.load_tasks(connection, ({**asdict(task), "partners": list(task.partners)} for task in seeds.tasks))
    oversee.load_cloud_changes(connection, map(asdict, seeds.cloud_changes))
    oversee.load_cloud_allocations(connection, map(asdict, seeds.cloud_allocations))
    oversee.load_projects(connection, map(_project, seeds.projects))
    for project in seeds.projects:
        oversee.load_milestones(
            connection, ({"project_code": project.code, **asdict(stone)} for stone in project.milestones)
        )


def _project(project: Project) -> dict[str, Any]:
    row = asdict(project)
    del row["milestones"]
    return row
