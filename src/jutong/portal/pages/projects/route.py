"""Key projects and their milestones."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.oversee import MILESTONE_STATES, Project, move_milestone, projects
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class Projects:
    """Every key project with its milestones in order."""

    rows: tuple[Project, ...]
    states: dict[str, str]
    may_edit: bool


@dataclass(frozen=True)
class MilestoneForm:
    state: Literal["todo", "doing", "done"]
    done_on: Annotated[dt.date | None, Field(title="完成日期")] = None
    source: Annotated[str, Field(title="依据", max_length=300)] = ""


def build(visit: Visit, _: NoQuestion) -> Projects:
    """Key projects."""
    found = tuple(projects(visit.connection, today=visit.today))
    return Projects(found, MILESTONE_STATES, visit.can("project:edit"))


def move(visit: Visit, form: MilestoneForm) -> Done:
    """Say where a milestone stands."""
    code, number = visit.path["code"], visit.path["no"]
    move_milestone(
        visit.connection,
        visit.who,
        code,
        number,
        state=form.state,
        done_on=form.done_on,
        source=form.source or None,
    )
    return Done(
        "/projects",
        visit.tell("第 {n} 个里程碑：{state}", n=number, state=visit.tell(MILESTONE_STATES[form.state])),
    )


PAGES = (Page("projects", "/projects", build, may="project:read", stop="oversee", tab="projects"),)
ACTS = (
    Act(
        "projects.move",
        "/projects/{code}/{no:int}",
        move,
        MilestoneForm,
        may="project:edit",
        shown_on="/projects",
    ),
)
