"""The campaign: task list, responsibility table, roadmap; a task's progress."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.oversee import (
    TASK_STATES,
    Lane,
    Task,
    campaigns,
    duties,
    report_task,
    roadmap,
    task_reports,
    tasks,
)
from jutong.portal.names import department_names
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.timeline import EventView
from jutong.portal.visits import Visit
from jutong.terms import NotFound

ROW = 26
HEAD = 40
GAP = 12
LEFT = 9.0


@dataclass(frozen=True)
class CampaignQuestion:
    overdue: bool = False
    owner: Annotated[str, Field(title="责任部门")] = ""
    duty: Annotated[str, Field(title="任务")] = ""


@dataclass(frozen=True)
class TaskRow:
    id: int
    code: str
    name: str
    duty: str
    owner: str
    partners: tuple[str, ...]
    starts_on: dt.date
    due_on: dt.date
    progress: int
    colour: str
    state: str


@dataclass(frozen=True)
class PictureBar:
    x: float
    width: float
    done: float
    y: int
    role: str
    label: str
    title: str
    href: str
    #: Whether the name has room inside its bar.
    inside: bool


@dataclass(frozen=True)
class PictureLane:
    name: str
    y: int
    line: int


@dataclass(frozen=True)
class Picture:
    """The roadmap in percent across and pixels down."""

    height: int
    months: tuple[tuple[str, float], ...]
    lanes: tuple[PictureLane, ...]
    bars: tuple[PictureBar, ...]
    today: float | None


@dataclass(frozen=True)
class CampaignPage:
    """One campaign: how far it is, what is late, the roadmap, the table."""

    code: str
    name: str
    basis: str
    owner: str
    starts_on: dt.date
    ends_on: dt.date
    total: int
    done: int
    doing: int
    todo: int
    overdue: int
    asked: CampaignQuestion
    rows: tuple[TaskRow, ...]
    picture: Picture


@dataclass(frozen=True)
class TaskPage:
    """One task and its history."""

    task: TaskRow
    campaign: str
    note: str
    done_on: dt.date | None
    events: tuple[EventView, ...]
    may_report: bool
    closed: bool


@dataclass(frozen=True)
class TaskForm:
    state: Annotated[Literal["todo", "doing", "done", "stopped"], Field(title="状态")]
    progress: Annotated[int, Field(title="进度", ge=0, le=100)]
    note: Annotated[str, Field(title="说明", min_length=2, max_length=500)]


def _colour(task: Task) -> tuple[str, str]:
    if task.overdue:
        return "over", "逾期"
    return {"todo": "idle", "doing": "now", "done": "ok", "stopped": "idle"}[task.state], TASK_STATES[
        task.state
    ]


def _row(task: Task, names: dict[str, str]) -> TaskRow:
    colour, state = _colour(task)
    return TaskRow(
        task.id, task.code, task.name, task.duty, task.owner, tuple(names.get(code, code) for code in task.partners),
        task.starts_on, task.due_on, task.progress, colour, state,
    )  # fmt: skip


def build(visit: Visit, asked: CampaignQuestion) -> CampaignPage:
    """The newest campaign."""
    found = campaigns(visit.connection, today=visit.today)
    if not found:
        raise NotFound("portal.no_campaign", "还没有攻坚行动")
    one = found[0]
    names = department_names(visit.connection)
    frame = duties(visit.connection)
    drawn = roadmap(frame, one.tasks, one.starts_on, one.ends_on, visit.today)
    shown = [
        task
        for task in one.tasks
        if (task.overdue or not asked.overdue)
        and asked.owner in ("", task.owner_code)
        and asked.duty in ("", task.duty_code)
    ]
    states = [task.state for task in one.tasks]
    return CampaignPage(
        code=one.code,
        name=one.name,
        basis=one.basis,
        owner=one.owner,
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        total=len(one.tasks),
        done=one.done,
        doing=states.count("doing"),
        todo=states.count("todo"),
        overdue=one.overdue,
        asked=asked,
        rows=tuple(_row(task, names) for task in shown),
        picture=draw(drawn.lanes, drawn.months, drawn.today),
    )


def draw(lanes: tuple[Lane, ...], months: tuple[tuple[dt.date, float], ...], today: float | None) -> Picture:
    """The roadmap as numbers: lanes one below another, a row per bar that would cover another."""
    y, shown, bars = HEAD, [], []
    for lane in lanes:
        if not lane.bars:
            continue
        shown.append(PictureLane(lane.duty.name, y + 17, y + lane.rows * ROW + GAP // 2))
        for bar in lane.bars:
            task = bar.task
            role = (
                "fo"
                if task.overdue
                else {"done": "f1", "doing": "fm", "todo": "f0", "stopped": "f0"}[task.state]
            )
            width = bar.width * (100 - LEFT)
            bars.append(
                PictureBar(
                    x=round(LEFT + bar.left * (100 - LEFT), 2),
                    width=round(width, 2),
                    done=round(width * task.progress / 100, 2),
                    y=y + bar.row * ROW,
                    role=role,
                    label=task.name,
                    title=f"{task.code} {task.name} · {task.owner} · {task.due_on:%Y-%m-%d} · {task.progress}%",
                    href=f"/campaign/tasks/{task.id}",
                    # About one percent of the page per Chinese character at the usual width.
                    inside=width > 1.0 * len(task.name) + 1,
                )
            )
        y += lane.rows * ROW + GAP
    every = max(1, len(months) // 14)
    marks = tuple(
        (f"{month.month}月" if month.month > 1 else f"{month.year}年", round(LEFT + left * (100 - LEFT), 2))
        for place, (month, left) in enumerate(months)
        if place % every == 0
    )
    here = round(LEFT + today * (100 - LEFT), 2) if today is not None else None
    return Picture(y, marks, tuple(shown), tuple(bars), here)


def task(visit: Visit, _: NoQuestion) -> TaskPage:
    """One task."""
    found = tasks(visit.connection, task_id=visit.path["task_id"], today=visit.today)
    if not found:
        raise NotFound("oversee.task_unknown", "没有这项任务")
    one = found[0]
    campaign = next(
        c.name for c in campaigns(visit.connection, today=visit.today) if c.code == one.campaign_code
    )
    return TaskPage(
        task=_row(one, department_names(visit.connection)),
        campaign=campaign,
        note=one.note,
        done_on=one.done_on,
        events=tuple(_event(visit, row) for row in task_reports(visit.connection, one.id)),
        may_report=visit.can("task:report", one),
        closed=one.state in ("done", "stopped"),
    )


def _event(visit: Visit, row: dict[str, Any]) -> EventView:
    title = f"{row.get('by_name') or visit.tell('平台')}·{visit.tell(TASK_STATES[row['state']])} {row['progress']}%"
    return EventView(row["at"], title, row["note"])


def report(visit: Visit, form: TaskForm) -> Done:
    """Say how far a task has come."""
    moved = report_task(
        visit.connection, visit.who, visit.path["task_id"], state=form.state, progress=form.progress, note=form.note,
        today=visit.today,
    )  # fmt: skip
    return Done(
        f"/campaign/tasks/{moved.id}",
        visit.tell("任务 {code}：{n}%", code=moved.code, n=moved.progress),
        value={"state": moved.state},
    )


_TASK = "/campaign/tasks/{task_id:int}"
PAGES = (
    Page(
        "campaign",
        "/campaign",
        build,
        may="campaign:read",
        stop="oversee",
        tab="campaign",
        asks=CampaignQuestion,
    ),
    Page("campaign.task", _TASK, task, may="task:read", stop="oversee", tab="campaign"),
)
ACTS = (Act("campaign.report", _TASK, report, TaskForm, may="task:report", shown_on=_TASK),)
