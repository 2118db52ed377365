"""Backups by themselves: where to, how often, how many stay, and a drill now and then.

One turn: a backup into a folder of its own under the plan's, verified as any; then the oldest beyond the number that
stays go, and what a killed turn left half written; then, when the last drill is long ago, the new one is put back
beside the city and compared.  Nothing is removed before a newer one is whole.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from psycopg import Connection

from jutong.database import named_sql
from jutong.flows.backup import MANIFEST, BackedUp, backup, backups, drill
from jutong.flows.platform import Platform
from jutong.people import log
from jutong.settings import Settings
from jutong.terms import BadInput

sql = named_sql(__file__, "backing_up.sql")

#: Only folders of this name are ours to remove.
_PREFIX = "jutong-"


@dataclass(frozen=True)
class BackupPlan:
    """Where scheduled backups go; ``every`` and ``hour`` are the housekeeping row's."""

    folder: str
    keep: int
    drill_days: int
    every: dt.timedelta
    hour: int
    set_by: str
    set_at: dt.datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def backup_plan(connection: Connection[Any]) -> BackupPlan | None:
    row = connection.execute(sql.plan).fetchone()
    return BackupPlan.from_row(row) if row else None


def plan_backups(
    connection: Connection[Any], settings: Settings, folder: str, by: str, *,
    every_hours: int = 24, hour: int = 2, keep: int = 7, drill_days: int = 30,
) -> None:  # fmt: skip
    """Back up every so many hours (a day or longer: at ``hour``, the city's clock), and let the task run.

    Raises BadInput ``flows.bad_plan``.
    """
    there = Path(folder.strip() or ".").expanduser()
    if not folder.strip() or not there.is_absolute():
        raise BadInput("flows.bad_plan", f"备份目录要写完整路径，「{folder}」不是")
    if there.resolve().is_relative_to(settings.home):
        raise BadInput("flows.bad_plan", f"备份不能放在城市自己的目录 {settings.home} 里：一块盘坏了就都没了")
    if not (
        1 <= every_hours <= 24 * 31 and 0 <= hour <= 23 and 1 <= keep <= 1000 and 0 <= drill_days <= 3650
    ):
        raise BadInput(
            "flows.bad_plan", "间隔 1 至 744 小时，钟点 0 至 23，份数 1 至 1000，演练间隔 0 至 3650 天"
        )
    try:
        there.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = there / f".{_PREFIX}probe"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise BadInput("flows.bad_plan", f"备份目录 {there} 写不进去：{problem.strerror}") from problem
    wanted = {"folder": str(there.resolve()), "keep": keep, "drill_days": drill_days}
    connection.execute(sql.set_plan, wanted | {"by": by})
    hours = (hour, min(hour + 4, 24)) if every_hours >= 24 else (0, 24)
    connection.execute(
        sql.set_times, {"every": dt.timedelta(hours=every_hours), "from": hours[0], "to": hours[1], "by": by}
    )
    log(connection, "flows:backup:plan", login=by, detail=wanted | {"every_hours": every_hours, "hour": hour})


def back_up(platform: Platform, now: dt.datetime | None = None) -> tuple[BackedUp, int, float | None]:
    """One turn; see the module. Returns what was written, how many folders went, and a drill's seconds.

    Raises what ``backup`` and ``drill`` raise, BadInput ``flows.no_plan``.
    """
    with platform.database.connection() as connection:
        plan = backup_plan(connection)
    if plan is None:
        raise BadInput("flows.no_plan", "还没有定备份计划：先给出目录、间隔和份数")
    now = now or dt.datetime.now(dt.UTC)
    folder = Path(plan.folder) / f"{_PREFIX}{now:%Y%m%d-%H%M%S}"
    done = backup(platform, folder)
    removed = _make_room(platform, plan, folder)
    return done, removed, _drilled(platform, plan, folder, now)


def _make_room(platform: Platform, plan: BackupPlan, newest: Path) -> int:
    """Remove our own folders beyond the number that stays, and torn ones; never the newest, nor what is not ours."""
    ours = sorted(
        found for found in Path(plan.folder).glob(f"{_PREFIX}*-*") if found.is_dir() and found != newest
    )
    torn = [found for found in ours if not (found / MANIFEST).exists()]
    whole = [found for found in ours if found not in torn]
    whole.sort(key=lambda found: (found / MANIFEST).stat().st_mtime)
    extra = whole[: max(0, len(whole) - (plan.keep - 1))]
    for found in torn + extra:
        # Without its manifest a folder is no backup, should the removal be cut short.
        (found / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(found, ignore_errors=True)
    with platform.database.connection() as connection:
        connection.execute(sql.removed, {"folders": [str(found.resolve()) for found in extra]})
    return len(torn + extra)


def _drilled(platform: Platform, plan: BackupPlan, folder: Path, now: dt.datetime) -> float | None:
    with platform.database.connection() as connection:
        last = max((one.drilled_at for one in backups(connection) if one.drilled_at), default=None)
    if not plan.drill_days or (last and last <= now < last + dt.timedelta(days=plan.drill_days)):
        return None
    return drill(platform, folder)
