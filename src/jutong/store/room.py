"""Room on the lake's disk: what is used, when it will be full, and the refusal to write when it almost is.

Alarm at 80 %, read-only at 95 % (design §12): a full disk would tear a commit of PostgreSQL itself, while a lake
that only reads still serves everybody.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jutong.settings import Settings
from jutong.terms import Unavailable


@dataclass(frozen=True)
class Room:
    """Bytes of the disk the lake lies on; root's own reserve counts for neither."""

    used: int
    free: int

    @property
    def share(self) -> float:
        return self.used / max(1, self.used + self.free)


def room_of(folder: str) -> Room | None:
    """None for an object store, which has no end we could see."""
    if "://" in folder:
        return None
    there = Path(folder)
    while not there.exists():
        there = there.parent
    usage = shutil.disk_usage(there)
    return Room(usage.used, usage.free)


def refuse_when_full(settings: Settings) -> None:
    """Raises Unavailable ``store.read_only``."""
    room = room_of(settings.lake_folder)
    if room and room.share >= settings.disk_read_only:
        raise Unavailable(
            "store.read_only",
            f"数据湖所在磁盘已用 {room.share:.0%}（上限 {settings.disk_read_only:.0%}），现在只读："
            f"请扩容，或清理 {settings.lake_folder} 所在的磁盘，腾出空间后自动恢复写入",
        )


def full_on(measured: Sequence[tuple[dt.datetime, int]], limit: int) -> dt.datetime | None:
    """When a straight line through (time, used bytes) reaches ``limit``; None when it does not rise or has no span.

    Least squares; less than a day of measurements says nothing about growth.
    """
    if len(measured) < 2 or measured[-1][0] - measured[0][0] < dt.timedelta(days=1):
        return None
    first = measured[0][0]
    xs = [(at - first).total_seconds() for at, _ in measured]
    ys = [float(used) for _, used in measured]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mx) ** 2 for x in xs)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0
    if slope <= 0:
        return None
    seconds = mx + (limit - my) / slope
    if seconds > xs[-1] + 100 * 366 * 86_400:
        return None  # beyond any plan, and soon beyond the calendar
    return max(first + dt.timedelta(seconds=seconds), measured[-1][0])
