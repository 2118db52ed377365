"""What the lake does for itself, by night and in small pieces: compact, retain, expire, clean, archive, measure, back up.

Each task has its row: how often, in which hours, for how long, and whether somebody paused it.  Between two pieces a
task looks whether its time is up or it has been paused; what is left waits for the next turn.  Readers are never in
the way: compaction writes new files, expiry forgets old snapshots, and a file is deleted only when no reader can
still hold it.  One dataset that fails stops no other; it is named in the run's note.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from psycopg import Connection

from jutong.database import named_sql
from jutong.flows.backing_up import back_up
from jutong.flows.jobs import ask
from jutong.flows.platform import Platform
from jutong.flows.retention import retain
from jutong.flows.stages import Progress
from jutong.gather import watch_logs
from jutong.ledger import Exchange
from jutong.store import AlreadyCommitted, DatasetSpec, History, room_of
from jutong.terms import DatasetName, Item, JutongError

sql = named_sql(__file__, "housekeeping.sql")

_ZONE = ZoneInfo("Asia/Shanghai")
EXCHANGE = DatasetName.parse("topic.exchange")
#: One lake commit each (design §11: chunks of at least 50 000 rows); a rest is taken too, but once an hour at most.
_CHUNK = 50_000
_TEXTS = (
    ("event", "事件"), ("consumer", "需求部门"), ("application", "应用"), ("provider", "提供部门"),
    ("entry", "目录编码"), ("dataset", "数据集"), ("resource", "资源"), ("grant", "授权"), ("purpose", "用途"),
    ("items", "信息项"), ("outcome", "结果"), ("code", "代码"), ("request_id", "请求号"), ("content", "内容哈希"),
)  # fmt: skip
ARCHIVE = DatasetSpec(
    EXCHANGE,
    "交换记录存档",
    (
        Item("log_index", "存证序号", "integer"),
        Item("at", "时间", "timestamp"),
        Item("rows", "条数", "integer"),
        *(Item(name, label) for name, label in _TEXTS),
    ),
)


@dataclass(frozen=True)
class Task:
    """One row of ``housekeeping`` with its last run."""

    task: str
    every: dt.timedelta
    from_hour: int
    to_hour: int
    seconds: int
    paused: bool
    changed_by: str | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    state: str | None
    pieces: int
    note: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Task:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class HouseRun:
    """One row of ``housekeeping_run``."""

    id: int
    task: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    state: str
    pieces: int
    note: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> HouseRun:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def tasks(connection: Connection[Any]) -> list[Task]:
    return [Task.from_row(row) for row in connection.execute(sql.tasks)]


def house_runs(connection: Connection[Any], limit: int = 50) -> list[HouseRun]:
    return [HouseRun.from_row(row) for row in connection.execute(sql.recent, {"limit": limit})]


def pause(connection: Connection[Any], task: str, paused: bool, by: str) -> None:
    """Stop a task before its next piece, or let it go on."""
    connection.execute(sql.pause, {"task": task, "paused": paused, "by": by})


def is_due(task: Task, now: dt.datetime) -> bool:
    """Due after its interval, in its hours; when it is late by its interval again, at any hour.

    A run from the future is a clock that jumped back: it does not hold the task up.
    """
    if task.paused:
        return False
    if task.started_at is None or task.started_at > now:
        return True
    late = now - task.started_at - task.every
    if late < dt.timedelta(0):
        return False
    hour = now.astimezone(_ZONE).hour
    return task.from_hour <= hour < task.to_hour or late >= task.every


def next_turn(task: Task, now: dt.datetime) -> dt.datetime:
    """When the task will be due next by the clock, to within an hour; ``now`` when it is."""
    if is_due(replace(task, paused=False), now):
        return now
    at = now.replace(minute=0, second=0, microsecond=0)
    for _ in range(24 * 64):
        at += dt.timedelta(hours=1)
        if is_due(replace(task, paused=False), at):
            return at
    return at


def ask_for_housekeeping(platform: Platform) -> None:
    """Put housekeeping on the queue when a task is due and none waits or runs."""
    with platform.database.connection() as connection:
        now = dt.datetime.now(dt.UTC)
        wanted = any(is_due(task, now) for task in tasks(connection))
        waiting = connection.execute(sql.waiting).fetchone()
    if wanted and not waiting:
        ask(platform.database, "housekeeping", "schedule")


def keep_house(platform: Platform, tell: Progress, *, only: str | None = None) -> list[HouseRun]:
    """Do what is due now (``only``: that task, due or not), one after the other.

    Raises the first task's problem after all have had their turn.
    """
    with platform.database.connection() as connection:
        connection.execute(sql.abandon)
        now = dt.datetime.now(dt.UTC)
        wanted = [task for task in tasks(connection) if (task.task == only if only else is_due(task, now))]
    done, problems = [], []
    for number, task in enumerate(wanted):
        tell(number, len(wanted), LABELS[task.task])
        run, problem = _run(platform, task)
        done.append(run)
        if problem:
            problems.append(problem)
    tell(len(wanted), len(wanted), "")
    if problems:
        raise problems[0]
    return done


def _run(platform: Platform, task: Task) -> tuple[HouseRun, JutongError | None]:
    with platform.database.connection() as connection:
        row = connection.execute(sql.begin, {"task": task.task}).fetchone()
        assert row is not None
    turn = _Turn(platform, task, time.monotonic() + task.seconds)
    problem: JutongError | None = None
    try:
        note = _WORK[task.task](turn)
        state = "stopped" if turn.stopped else "done"
    except JutongError as told:
        problem, note, state = told, told.sentence, "failed"
    ended = {"id": row["id"], "state": state, "pieces": turn.pieces, "note": note}
    with platform.database.connection() as connection:
        row = connection.execute(sql.end, ended).fetchone()
    assert row is not None
    return HouseRun.from_row(row), problem


@dataclass
class _Turn:
    """One run of one task: its bound, and what it has come to."""

    platform: Platform
    task: Task
    until: float
    pieces: int = 0
    stopped: bool = False

    def stop(self) -> bool:
        """Whether the time is up or somebody paused the task; asked between two pieces."""
        if not self.stopped:
            with self.platform.database.connection() as connection:
                row = connection.execute(sql.paused, {"task": self.task.task}).fetchone()
            self.stopped = time.monotonic() > self.until or bool(row and row["paused"])
        return self.stopped


def _compact(turn: _Turn) -> str:
    failed: list[JutongError] = []
    for due in turn.platform.store.compaction_due():
        if turn.stop():
            break
        try:
            turn.platform.store.work_off(due)
            turn.pieces += 1
        except JutongError as problem:
            failed.append(problem)
    if failed:
        raise failed[0]
    return f"整理了 {turn.pieces} 个数据集"


def _retain(turn: _Turn) -> str:
    turn.pieces, problems = retain(turn.platform, turn.stop)
    if problems:
        raise problems[0]
    return f"归档了 {turn.pieces} 个批次"


def _expire(turn: _Turn) -> str:
    with turn.platform.database.connection() as connection:
        row = connection.execute(sql.history).fetchone()
        assert row is not None
        seen = [one["at"] for one in connection.execute(sql.seen)]
    rule = History(row["all_days"], row["daily_days"], row["months"])
    turn.pieces = turn.platform.store.thin(rule, seen=seen)
    return f"清去 {turn.pieces} 个到期的历史快照"


def _clean(turn: _Turn) -> str:
    turn.pieces = turn.platform.store.clean()
    return f"删去 {turn.pieces} 个无人再读的文件"


def _archive(turn: _Turn) -> str:
    """Exchanges into the lake, each exactly once: the commit is named by the indexes it holds."""
    store = turn.platform.store
    store.declare([ARCHIVE])
    start = _archived(turn.platform)
    entries = turn.platform.ledger.entries(start)
    while not turn.stop() and (chunk := tuple(islice(entries, _CHUNK))):
        first, last = chunk[0][0], chunk[-1][0]
        try:
            with store.writing(f"exchange:{first}", EXCHANGE, author="flows") as writer:
                writer.register("archived", _table(chunk))
                writer.append(EXCHANGE, "FROM archived")
        except AlreadyCommitted:
            continue  # another process was faster
        turn.pieces += last - first + 1
    return f"归档 {turn.pieces} 条交换记录，共 {_archived(turn.platform)} 条"


def _archived(platform: Platform) -> int:
    """How many exchanges lie in the lake: the log's indexes are dense, so this is the next one."""
    return platform.store.count(EXCHANGE)


def _table(chunk: tuple[tuple[int, Exchange], ...]) -> pa.Table:
    columns: dict[str, Any] = {
        "log_index": pa.array([index for index, _ in chunk], pa.int64()),
        "at": pa.array(
            [one.at.astimezone(_ZONE).replace(tzinfo=None) for _, one in chunk], pa.timestamp("us")
        ),
        "rows": pa.array([one.rows for _, one in chunk], pa.int64()),
    }
    for name, _ in _TEXTS:
        columns[name] = pa.array([_text(getattr(one, name)) for _, one in chunk], pa.string())
    return pa.table(columns)


def _text(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ",".join(value)


def _measure(turn: _Turn) -> str:
    room = room_of(turn.platform.settings.lake_folder)
    lake = sum(int(str(row["bytes"])) for row in turn.platform.store.usage())
    turn.pieces = lake
    watch_logs(turn.platform.database, turn.platform.keys)
    if room is None:
        return "数据湖在对象存储上，没有磁盘可量"
    with turn.platform.database.connection() as connection:
        connection.execute(sql.keep_measure, {"used": room.used, "room": room.used + room.free, "lake": lake})
    return f"磁盘已用 {room.share:.0%}"


def _back_up(turn: _Turn) -> str:
    done, removed, drilled = back_up(turn.platform)
    turn.pieces = done.files
    said = (
        f"备份到 {done.folder}，{done.files} 个文件，新写 {done.copied / 1e6:.1f} MB，删去旧的 {removed} 份"
    )
    return said if drilled is None else f"{said}；演练恢复用了 {drilled:.0f} 秒"


#: Order matters: what compaction leaves behind expires, what expired is cleaned away.
LABELS = {
    "compact": "整理小文件", "retain": "到期归档", "expire": "历史到期", "clean": "清理文件", "archive": "存证归档", "measure": "量用量",
    "backup": "定时备份",
}  # fmt: skip
_WORK: dict[str, Callable[[_Turn], str]] = {
    "compact": _compact, "retain": _retain, "expire": _expire, "clean": _clean, "archive": _archive, "measure": _measure,
    "backup": _back_up,
}  # fmt: skip
