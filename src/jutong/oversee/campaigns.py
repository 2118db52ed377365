"""攻坚行动: tasks with owner, due date and state on the frame of the plan, and the roadmap drawn from them.

The frame is 八大任务 and 六大保障 (``duty`` rows); every task hangs on one.  Overdue is asked of the calendar
each time, never kept.  ``roadmap`` turns tasks into bars by pure arithmetic; the page only draws it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from jutong.database import Connection, named_sql
from jutong.people import Party, decide
from jutong.terms import BadInput, Conflict, Denied, NotFound, Refused

_SQL = named_sql(__file__)
_HERE = ZoneInfo("Asia/Shanghai")

TASK_STATES = {"todo": "未开始", "doing": "进行中", "done": "已完成", "stopped": "已停止"}


@dataclass(frozen=True)
class Duty:
    code: str
    #: task 任务 or guarantee 保障
    kind: str
    no: int
    name: str
    name_en: str
    summary: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Task:
    id: int
    campaign_code: str
    code: str
    name: str
    duty_code: str
    duty: str
    owner_code: str
    owner: str
    partners: tuple[str, ...]
    starts_on: date
    due_on: date
    state: str
    progress: int
    done_on: date | None
    note: str
    overdue: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "partners": tuple(row["partners"])})


@dataclass(frozen=True)
class Campaign:
    code: str
    name: str
    basis: str
    owner: str
    starts_on: date
    ends_on: date
    tasks: tuple[Task, ...]

    @property
    def overdue(self) -> int:
        return sum(task.overdue for task in self.tasks)

    @property
    def done(self) -> int:
        return sum(task.state == "done" for task in self.tasks)


@dataclass(frozen=True)
class Bar:
    """A task on the roadmap; ``left`` and ``width`` are shares (0–1) of the picture's span."""

    task: Task
    left: float
    width: float
    #: Row within its lane, so that bars do not cover one another.
    row: int


@dataclass(frozen=True)
class Lane:
    duty: Duty
    bars: tuple[Bar, ...]
    rows: int


@dataclass(frozen=True)
class Roadmap:
    """路线图: lanes in the frame's order, months along the top, today as a line where it lies within."""

    starts_on: date
    ends_on: date
    #: (first day, left) of each month in the span.
    months: tuple[tuple[date, float], ...]
    today: float | None
    lanes: tuple[Lane, ...] = field(default=())


def city_today() -> date:
    return datetime.now(_HERE).date()


def duties(connection: Connection) -> list[Duty]:
    """The frame: the tasks in order, then the guarantees."""
    return [Duty.from_row(row) for row in connection.execute(_SQL.duties).fetchall()]


def campaigns(connection: Connection, today: date | None = None) -> list[Campaign]:
    """Every campaign with its tasks, the newest first."""
    rows = connection.execute(_SQL.campaigns).fetchall()
    found = tasks(connection, today=today)
    return [
        Campaign(
            row["code"], row["name"], row["basis"], row["owner"], row["starts_on"], row["ends_on"],
            tuple(task for task in found if task.campaign_code == row["code"]),
        )
        for row in rows
    ]  # fmt: skip


def tasks(
    connection: Connection,
    *,
    campaign: str | None = None,
    owner: str | None = None,
    task_id: int | None = None,
    today: date | None = None,
) -> list[Task]:
    """Tasks in the frame's order, then by due date."""
    given = {"campaign": campaign, "owner": owner, "id": task_id, "today": today or city_today()}
    return [Task.from_row(row) for row in connection.execute(_SQL.tasks, given).fetchall()]


def report_task(
    connection: Connection,
    party: Party,
    task_id: int,
    *,
    state: str,
    progress: int,
    note: str = "",
    today: date | None = None,
) -> Task:
    """The owner says how far a task has come; done is done.

    Raises NotFound ``oversee.task_unknown``, Denied, BadInput ``oversee.task_progress``, Conflict
    ``oversee.task_closed``.
    """
    found = tasks(connection, task_id=task_id, today=today)
    if not found:
        raise NotFound("oversee.task_unknown", "没有这项任务")
    decision = decide(party, "task:report", found[0])
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
    if state not in TASK_STATES or not 0 <= progress <= 100 or (state == "done") != (progress == 100):
        raise BadInput("oversee.task_progress", "进度须在 0 到 100 之间，完成时为 100，未完成时不到 100")
    given = {
        "id": task_id,
        "state": state,
        "progress": progress,
        "note": note,
        "today": today or city_today(),
    }
    if connection.execute(_SQL.move_task, given).fetchone() is None:
        raise Conflict(
            "oversee.task_closed",
            f"任务「{found[0].name}」已{TASK_STATES[found[0].state].removeprefix('已')}",
        )
    connection.execute(_SQL.add_task_report, {**given, "by_user": party.user_id or None})
    return tasks(connection, task_id=task_id, today=today)[0]


def task_reports(connection: Connection, task_id: int) -> list[dict[str, Any]]:
    """History of one task: at, state, progress, note, by_name."""
    return connection.execute(_SQL.task_reports, {"id": task_id}).fetchall()


def roadmap(
    frame: Iterable[Duty], found: Iterable[Task], starts_on: date, ends_on: date, today: date
) -> Roadmap:
    """The picture of a campaign; pure.  Bars are cut to the span; a lane without tasks stays, empty."""
    days = (ends_on - starts_on).days + 1
    ordered = sorted(found, key=lambda task: (task.starts_on, task.due_on, task.code))
    lanes = []
    for duty in frame:
        bars = _bars([task for task in ordered if task.duty_code == duty.code], starts_on, ends_on, days)
        lanes.append(Lane(duty, tuple(bars), max((bar.row for bar in bars), default=-1) + 1))
    here = (today - starts_on).days / days if starts_on <= today <= ends_on else None
    return Roadmap(starts_on, ends_on, tuple(_months(starts_on, ends_on, days)), here, tuple(lanes))


def _bars(lane: list[Task], starts_on: date, ends_on: date, days: int) -> list[Bar]:
    free: list[date] = []  # the first free day of each row
    bars = []
    for task in lane:
        first, last = max(task.starts_on, starts_on), min(task.due_on, ends_on)
        if last < first:
            continue
        row = next((place for place, day in enumerate(free) if day <= first), len(free))
        free[row : row + 1] = [last + timedelta(days=1)]
        bars.append(Bar(task, (first - starts_on).days / days, ((last - first).days + 1) / days, row))
    return bars


def _months(starts_on: date, ends_on: date, days: int) -> Iterable[tuple[date, float]]:
    month = starts_on.replace(day=1)
    while month <= ends_on:
        yield month, max((month - starts_on).days, 0) / days
        month = (month + timedelta(days=32)).replace(day=1)
