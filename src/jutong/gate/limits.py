"""How much one application may ask at once: rate, calls at the same time, calls a day; per gate worker."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jutong.terms import JutongError

if TYPE_CHECKING:
    from jutong.gate.rights import Caller

_HERE = ZoneInfo("Asia/Shanghai")
#: A burst of so many seconds' worth of calls is let through at once.
_BURST_SECONDS = 1.0


class TooMany(JutongError):
    """Within one's rights, but too much at once."""

    status = 429
    temporary = True


class Limits:
    """One per worker: what is left of each application's allowance.  A worker has its share of every allowance."""

    def __init__(self, workers: int, clock: Callable[[], float]) -> None:
        self._workers, self._clock = max(1, workers), clock
        #: Application → (calls it may make at once, when that was so).
        self._left: dict[str, tuple[float, float]] = {}
        self._under_way: dict[str, int] = defaultdict(int)
        self._today: dict[str, int] = defaultdict(int)
        self._day = dt.date.min

    def enter(self, caller: Caller, now: dt.datetime) -> None:
        """Raises TooMany ``gate.rate_limited``, ``gate.too_many_at_once`` or ``gate.quota_used``."""
        name = caller.application
        if caller.daily_quota is not None:
            day = now.astimezone(_HERE).date()
            if day != self._day:
                self._day, self._today = day, defaultdict(int)
            if self._today[name] >= self._share(caller.daily_quota):
                raise TooMany("gate.quota_used", f"应用 {name} 今天的调用次数已用完")
        if caller.concurrency is not None and self._under_way[name] >= self._share(caller.concurrency):
            raise TooMany("gate.too_many_at_once", f"应用 {name} 同时进行的调用太多")
        if caller.rate is not None:
            self._take(name, caller.rate / self._workers)
        self._today[name] += 1
        self._under_way[name] += 1

    def leave(self, caller: Caller) -> None:
        self._under_way[caller.application] -= 1

    def _take(self, name: str, rate: float) -> None:
        most, now = max(1.0, rate * _BURST_SECONDS), self._clock()
        left, since = self._left.get(name, (most, now))
        left = min(most, left + (now - since) * rate)
        if left < 1:
            self._left[name] = (left, now)
            raise TooMany("gate.rate_limited", f"应用 {name} 每秒调用次数超过上限")
        self._left[name] = (left - 1, now)

    def _share(self, allowance: int) -> int:
        return max(1, allowance // self._workers)
