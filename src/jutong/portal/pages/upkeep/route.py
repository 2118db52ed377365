"""What the lake does for itself, how full its disk is, and how a city would come back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.flows import (
    HOUSE_LABELS,
    BackupPlan,
    HouseRun,
    HouseTask,
    ask,
    backup_plan,
    backups,
    house_runs,
    house_tasks,
    next_turn,
    pause_house,
    plan_backups,
)
from jutong.portal.names import department_names
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.store import full_on, room_of
from jutong.terms import NotFound

_SQL = named_sql(__file__)
_ABOUT = {
    "compact": "把零碎的小文件并成大文件，去掉已失效的行，查得快、占得少",
    "retain": "照留存规则把旧批次挪进归档，读起来不变；冻结的不动",
    "expire": "近几天的快照全留，再往前一天一个、一月一个，其余清去",
    "clean": "没有快照再用、也没有人还在读的文件，过一天才删",
    "archive": "把交换记录抄一份进湖里，供统计和回查；账本本身不动",
    "measure": "记下磁盘用了多少，据此估计哪天会满",
    "backup": "照备份计划写一份，逐文件核对，旧的只留几份，隔些天演练一次恢复",
}
_STATES = {
    "running": ("now", "正在做"), "done": ("ok", "做完"), "stopped": ("wait", "到点停下"), "failed": ("over", "出错"),
}  # fmt: skip
_RUNS, _BACKUPS, _TOP = 30, 30, 15


@dataclass(frozen=True)
class TaskRow:
    label: str
    about: str
    task: HouseTask
    state: tuple[str, str]


@dataclass(frozen=True)
class RunRow:
    label: str
    run: HouseRun
    state: tuple[str, str]
    seconds: float | None


@dataclass(frozen=True)
class RoomView:
    used: int
    total: int
    alarm: int
    limit: int
    #: ok · near · over
    state: str
    #: When a straight line through the measurements reaches the alarm and the limit.
    alarm_on: dt.datetime | None
    full_on: dt.datetime | None
    measured: int


@dataclass(frozen=True)
class FollowerRow:
    name: str
    dataset: str
    behind: int
    moved_at: dt.datetime


@dataclass(frozen=True)
class Upkeep:
    """Housekeeping: each task, its last run, the runs before."""

    tasks: tuple[TaskRow, ...]
    runs: tuple[RunRow, ...]
    room: RoomView | None
    followers: tuple[FollowerRow, ...]
    oldest: dt.datetime | None
    snapshots: int
    may_run: bool


@dataclass(frozen=True)
class TaskForm:
    do: Literal["run", "pause", "resume"]


@dataclass(frozen=True)
class ShareRow:
    label: str
    link: str
    datasets: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Use:
    """Who uses how much of the lake: by department, by entry, by age."""

    total: int
    departments: tuple[ShareRow, ...]
    entries: tuple[ShareRow, ...]
    ages: tuple[ShareRow, ...]


@dataclass(frozen=True)
class BackupRow:
    id: int
    folder: str
    started_at: dt.datetime
    seconds: float | None
    bytes: int
    copied: int
    files: int
    snapshot: int | None
    ledger_size: int | None
    drilled_at: dt.datetime | None
    drill_seconds: float | None


@dataclass(frozen=True)
class Backups:
    """The backups, what would be lost now (RPO) and how long coming back took (RTO)."""

    rows: tuple[BackupRow, ...]
    #: Since when nothing is in a backup; None where there is none.
    since: dt.datetime | None
    hours: float | None
    drill_seconds: float | None
    drilled_at: dt.datetime | None
    plan: BackupPlan | None
    paused: bool
    #: When the next is due; None without a plan or while paused.
    next: dt.datetime | None
    #: What went wrong last, if the last turn failed.
    failed: str
    may_plan: bool


@dataclass(frozen=True)
class PlanForm:
    folder: Annotated[str, Field(title="备份目录", min_length=1, max_length=500)]
    every_hours: Annotated[int, Field(title="每隔几小时", ge=1, le=744)] = 24
    hour: Annotated[int, Field(title="几点起", ge=0, le=23)] = 2
    keep: Annotated[int, Field(title="留几份", ge=1, le=1000)] = 7
    drill_days: Annotated[int, Field(title="几天演练一次", ge=0, le=3650)] = 30


def build(visit: Visit, _: NoQuestion) -> Upkeep:
    """Housekeeping."""
    snapshots = visit.rooms.store.remembered()
    return Upkeep(
        tasks=tuple(_task(one) for one in house_tasks(visit.connection)),
        runs=tuple(_run(one) for one in house_runs(visit.connection, _RUNS)),
        room=_room(visit),
        followers=tuple(
            FollowerRow(row["name"], row["dataset"], snapshots.newest - row["snapshot"], row["moved_at"])
            for row in visit.connection.execute(_SQL.followers, {"limit": _TOP})
        ),
        oldest=snapshots.since,
        snapshots=snapshots.count,
        may_run=visit.can("job:run"),
    )


def _task(one: HouseTask) -> TaskRow:
    state = ("wait", "已暂停") if one.paused else _STATES.get(one.state or "", ("idle", "还没做过"))
    return TaskRow(HOUSE_LABELS[one.task], _ABOUT[one.task], one, state)


def _run(one: HouseRun) -> RunRow:
    seconds = (one.finished_at - one.started_at).total_seconds() if one.finished_at else None
    return RunRow(HOUSE_LABELS[one.task], one, _STATES[one.state], seconds)


def _room(visit: Visit) -> RoomView | None:
    settings = visit.rooms.settings
    room = room_of(settings.lake_folder)
    if room is None:
        return None
    total = room.used + room.free
    measured = [(row["at"], row["used"]) for row in visit.connection.execute(_SQL.measured)]
    alarm, limit = int(total * settings.disk_alarm), int(total * settings.disk_read_only)
    state = "over" if room.used >= limit else "near" if room.used >= alarm else "ok"
    return RoomView(
        used=room.used, total=total, alarm=alarm, limit=limit, state=state, alarm_on=full_on(measured, alarm),
        full_on=full_on(measured, limit), measured=len(measured),
    )  # fmt: skip


def used(visit: Visit, _: NoQuestion) -> Use:
    """Who uses how much of the lake."""
    usage = {str(row["dataset"]): row for row in visit.rooms.store.usage()}
    names = department_names(visit.connection)
    owners: dict[str, list[str]] = {}
    for spec in visit.rooms.store.datasets():
        label = names.get(spec.department_code or "", "") or "平台"
        owners.setdefault(label, []).append(str(spec.name))
    entries = [
        ShareRow(row["name"], f"/catalogue/{row['id']}", 1, *_sums(usage, [row["dataset"]]))
        for row in visit.connection.execute(_SQL.entries)
    ]
    ages: dict[str, list[str]] = {}
    for row in visit.connection.execute(_SQL.ages):
        ages.setdefault(row["age"], []).append(row["name"])
    return Use(
        total=sum(int(str(row["bytes"])) for row in usage.values()),
        departments=_largest(_shares(usage, owners)),
        entries=_largest(entries),
        ages=tuple(_shares(usage, ages)),
    )


def _shares(usage: dict[str, dict[str, object]], groups: dict[str, list[str]]) -> list[ShareRow]:
    return [ShareRow(label, "", len(names), *_sums(usage, names)) for label, names in groups.items()]


def _sums(usage: dict[str, dict[str, object]], names: list[str]) -> tuple[int, int]:
    found = [usage[name] for name in names if name in usage]
    return sum(int(str(row["rows"])) for row in found), sum(int(str(row["bytes"])) for row in found)


def _largest(rows: list[ShareRow]) -> tuple[ShareRow, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.bytes, row.label))[:_TOP])


def listed(visit: Visit, _: NoQuestion) -> Backups:
    """The backups."""
    found = [one for one in backups(visit.connection, _BACKUPS) if one.verified]
    drilled = max((one for one in found if one.drilled_at), key=lambda one: str(one.drilled_at), default=None)
    since = found[0].started_at if found else None
    plan = backup_plan(visit.connection)
    (task,) = (one for one in house_tasks(visit.connection) if one.task == "backup")
    going = plan is not None and not task.paused
    return Backups(
        rows=tuple(
            BackupRow(
                one.id, one.folder, one.started_at,
                (one.finished_at - one.started_at).total_seconds() if one.finished_at else None,
                one.bytes or 0, one.copied or 0, one.files or 0, one.snapshot, one.ledger_size, one.drilled_at,
                one.drill_seconds,
            )
            for one in found
        ),
        since=since,
        hours=(visit.now - since).total_seconds() / 3600 if since else None,
        drill_seconds=drilled.drill_seconds if drilled else None,
        drilled_at=drilled.drilled_at if drilled else None,
        plan=plan,
        paused=task.paused,
        next=next_turn(task, visit.now) if going else None,
        failed=task.note if task.state == "failed" else "",
        may_plan=visit.can("job:run"),
    )  # fmt: skip


def plan(visit: Visit, form: PlanForm) -> Done:
    """Set where scheduled backups go, how often, and how many stay."""
    plan_backups(
        visit.connection, visit.rooms.settings, form.folder, visit.who.login, every_hours=form.every_hours,
        hour=form.hour, keep=form.keep, drill_days=form.drill_days,
    )  # fmt: skip
    return Done("/backups", "备份计划已定下，到点自己做")


def do(visit: Visit, form: TaskForm) -> Done:
    """Run a task now, pause it, or let it go on."""
    task = visit.path["task"]
    if task not in HOUSE_LABELS:
        raise NotFound("portal.no_such_page", f"没有这项日常：{task}")
    visit.must("job:run")
    if form.do == "run":
        ask(visit.rooms.database, "housekeeping", visit.who.login)
        return Done("/housekeeping", "已排进作业，到期的各项会依次做")
    pause_house(visit.connection, task, form.do == "pause", visit.who.login)
    return Done("/housekeeping", "已暂停，做完手上这一件就停" if form.do == "pause" else "已恢复")


PAGES = (
    Page("upkeep", "/housekeeping", build, may="job:read", stop="store", tab="housekeeping"),
    Page("upkeep.use", "/lake-use", used, may="job:read", stop="store", tab="use"),
    Page("upkeep.backups", "/backups", listed, may="job:read", stop="store", tab="backups"),
)
ACTS = (
    Act("upkeep.do", "/housekeeping/{task}", do, TaskForm, may="job:run", shown_on="/housekeeping"),
    Act("upkeep.plan", "/backups", plan, PlanForm, may="job:run", shown_on="/backups"),
)
