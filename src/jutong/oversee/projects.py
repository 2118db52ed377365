"""重点项目, followed by milestone: what is done, what is due in which period, and by which report we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Self

from jutong.database import Connection, named_sql
from jutong.oversee.campaigns import city_today
from jutong.people import Party, decide
from jutong.terms import BadInput, Denied, NotFound, Refused

_SQL = named_sql(__file__)

MILESTONE_STATES = {"todo": "未开始", "doing": "进行中", "done": "已完成"}


@dataclass(frozen=True)
class Milestone:
    project_code: str
    no: int
    name: str
    #: As the report prints it (2023, 2024Q1); ``due_on`` is its last day.
    due_period: str
    due_on: date
    state: str
    done_on: date | None
    #: What done means: 主体工程量 50 %.
    measure: str
    source: str
    overdue: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Project:
    code: str
    name: str
    name_en: str
    owner: str
    operator: str
    #: 万元
    investment: Decimal | None
    summary: str
    milestones: tuple[Milestone, ...]

    @property
    def done(self) -> int:
        return sum(milestone.state == "done" for milestone in self.milestones)

    @property
    def next(self) -> Milestone | None:
        """The first milestone that is not done."""
        return next((milestone for milestone in self.milestones if milestone.state != "done"), None)


def projects(connection: Connection, today: date | None = None) -> list[Project]:
    """Every project with its milestones in order."""
    given = {"project": None, "today": today or city_today()}
    steps = [Milestone.from_row(row) for row in connection.execute(_SQL.milestones, given).fetchall()]
    names = ("code", "name", "name_en", "owner", "operator", "investment", "summary")
    return [
        Project(
            **{name: row[name] for name in names},
            milestones=tuple(step for step in steps if step.project_code == row["code"]),
        )
        for row in connection.execute(_SQL.projects).fetchall()
    ]


def move_milestone(
    connection: Connection,
    party: Party,
    project_code: str,
    no: int,
    *,
    state: str,
    done_on: date | None = None,
    source: str | None = None,
) -> None:
    """Say where a milestone stands.  Raises Denied, BadInput ``oversee.milestone_state``, NotFound
    ``oversee.milestone_unknown``.
    """
    decision = decide(party, "project:edit")
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
    if state not in MILESTONE_STATES or (done_on and state != "done"):
        raise BadInput("oversee.milestone_state", "里程碑须为未开始、进行中或已完成；只有已完成的有完成日期")
    given = {"project": project_code, "no": no, "state": state, "done_on": done_on, "source": source}
    if connection.execute(_SQL.move_milestone, given).fetchone() is None:
        raise NotFound("oversee.milestone_unknown", f"项目 {project_code} 没有第 {no} 个里程碑")
