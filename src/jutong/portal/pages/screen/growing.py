"""The screen's lowest line: what the city has put in — cloud, key projects — and what it has reported."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.oversee import Indicator, Milestone, Project, Resource, cloud_book, indicators, projects
from jutong.portal.visits import Visit

#: Reported indicators with a place on the screen, in this order; all of them are on their own page.
MAIN = ("cloud_push", "cloud_deep", "platform_joined", "idc_rooms", "racks")


@dataclass(frozen=True)
class Step:
    name: str
    #: ok done, on under way, no not begun, ov overdue
    kind: str


@dataclass(frozen=True)
class Building:
    """A key project: its milestones as dots and the one that comes next."""

    code: str
    name: str
    name_en: str
    steps: tuple[Step, ...]
    next: Milestone | None


@dataclass(frozen=True)
class Growing:
    cores: Resource
    storage_tb: Resource
    projects: tuple[Building, ...]
    indicators: tuple[Indicator, ...]


def growing(visit: Visit) -> Growing:
    book = cloud_book(visit.connection)
    known = {one.code: one for one in indicators(visit.connection) if one.latest}
    return Growing(
        book.cores,
        book.storage_tb,
        tuple(_building(one) for one in projects(visit.connection, visit.today)),
        tuple(known[code] for code in MAIN if code in known),
    )


def _building(project: Project) -> Building:
    steps = tuple(Step(one.name, _kind(one)) for one in project.milestones)
    return Building(project.code, project.name, project.name_en, steps, project.next)


def _kind(milestone: Milestone) -> str:
    if milestone.overdue:
        return "ov"
    return {"done": "ok", "doing": "on"}.get(milestone.state, "no")
