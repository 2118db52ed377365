"""How long the lake remembers: which snapshots stay, decided from their times alone.

All of the newest days, then one a day, then one a month: ``as of`` any day of the daily span answers as that day
ended, and the files only other snapshots need are let go.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

#: A day is the city's own.
_ZONE = ZoneInfo("Asia/Shanghai")
#: A city at work is heard of more often: housekeeping measures every hour.
_SILENCE = dt.timedelta(days=3)

#: Processes that commit at once may bear times that differ by so much; more is a clock that jumped.
_AT_ONCE = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class History:
    """All snapshots of the last ``all_days`` days, one a day for ``daily_days``, one a month for ``months``."""

    all_days: int = 7
    daily_days: int = 92
    months: int = 24


def thinned(
    snapshots: Sequence[tuple[int, dt.datetime]],
    rule: History,
    now: dt.datetime,
    seen: Sequence[dt.datetime] = (),
) -> list[int]:
    """The snapshots to forget, oldest first; of a day or month that is kept, its last one stays.

    A clock that jumped makes times disagree with numbers: the numbers say which is the last, and a snapshot from the
    future is kept.  ``seen``: instants at which the city is known to have been at work; with them days nobody saw (a
    clock that jumped ahead, a machine that was off) age nothing, so that one wrong morning does not cost ten years.
    """
    lost = _unseen([*seen, *(at for _, at in snapshots)], now) if seen else lambda _: dt.timedelta(0)
    last: dict[object, int] = {}
    spans = []
    for snapshot, at in snapshots:
        day = at.astimezone(_ZONE).date()
        today = (now - lost(at)).astimezone(_ZONE).date()
        age = (today - day).days
        months = (today.year - day.year) * 12 + today.month - day.month
        span: object
        if age < rule.all_days:
            span = snapshot
        elif age < rule.daily_days:
            span = day
        elif months < rule.months:
            span = day.year, day.month
        else:
            span = None
        last[span] = max(last.get(span, snapshot), snapshot)
        spans.append((snapshot, span))
    return sorted(snapshot for snapshot, span in spans if span is None or last[span] != snapshot)


def seen_at(
    snapshots: Sequence[tuple[int, dt.datetime]], instant: dt.datetime, now: dt.datetime | None = None
) -> int | None:
    """What an instant saw where a clock once jumped: numbers are right always, times only while they rise with them.

    The last snapshot in step up to the instant, or one that came at once with it; what was made while the clock stood
    wrong is seen with what came after.  ``now``: a time still to come is wrong, however many snapshots bear such.
    """
    steps = in_step(_come(snapshots, instant, now) if now else snapshots)
    passed = bisect_right([at for _, at in steps], instant)
    if not passed:
        return None
    first, since = steps[passed - 1]
    upto = steps[passed][0] if passed < len(steps) else None
    return max(
        n
        for n, at in snapshots
        if first <= n and (upto is None or n < upto) and since - _AT_ONCE <= at <= instant
    )


@dataclass(frozen=True)
class Gap:
    """From the snapshot an instant saw to the next one in step, which came after the instant."""

    found: int
    since: dt.datetime
    #: None, and until now, where there is no next one.
    upto: int | None
    until: dt.datetime


def gap_after(
    snapshots: Sequence[tuple[int, dt.datetime]], found: int, instant: dt.datetime, now: dt.datetime
) -> Gap | None:
    """What follows the snapshot found for an instant; None where one that follows may have been there already.

    Either a later one says by its time that it was, which is so where more was written under a clock that stood ahead
    than after it was put right, or one of the gap was made while the clock stood wrong, and nobody can say when.
    """
    since = next((at for n, at in snapshots if n == found), None)
    if since is None:  # it has expired meanwhile
        return None
    later = [(n, at) for n, at in in_step(_come(snapshots, instant, now)) if n > found]
    upto, until = later[0] if later else (None, max(instant, now))
    for n, at in snapshots:
        within = n > found and (upto is None or n < upto)
        if within and not since - _AT_ONCE <= at <= until + _AT_ONCE:
            return None
        if n > found and since < at <= instant:
            return None
    return Gap(found, since, upto, until)


def _come(
    snapshots: Sequence[tuple[int, dt.datetime]], instant: dt.datetime, now: dt.datetime
) -> list[tuple[int, dt.datetime]]:
    """Without those whose time is still to come: a clock stood ahead."""
    last = max(instant, now) + _AT_ONCE
    return [(n, at) for n, at in snapshots if at <= last]


def in_step(snapshots: Sequence[tuple[int, dt.datetime]]) -> list[tuple[int, dt.datetime]]:
    """Of snapshots in the order of their numbers those whose times rise with them, as many as can be."""
    ends: list[dt.datetime] = []
    at: list[int] = []
    before: list[int | None] = []
    for place, (_, time) in enumerate(snapshots):
        length = bisect_right(ends, time)
        before.append(at[length - 1] if length else None)
        ends[length : length + 1] = [time]
        at[length : length + 1] = [place]
    found: list[tuple[int, dt.datetime]] = []
    last: int | None = at[-1] if at else None
    while last is not None:
        found.append(snapshots[last])
        last = before[last]
    return found[::-1]


def _unseen(seen: Sequence[dt.datetime], now: dt.datetime) -> Callable[[dt.datetime], dt.timedelta]:
    """How much of the time since an instant lies in silences longer than ``_SILENCE``, as a function of the instant."""
    times = [*sorted({at for at in seen if at < now}), now]
    silences = [(a, b - a - _SILENCE) for a, b in pairwise(times) if b - a > _SILENCE]
    starts = [start for start, _ in silences]
    after = [dt.timedelta(0)]
    for _, length in reversed(silences):
        after.append(after[-1] + length)
    after.reverse()
    return lambda at: after[bisect_left(starts, at)]


def needless(some: Sequence[int], kept: Sequence[int], events: Sequence[tuple[int, int]]) -> list[int]:
    """Of ``some`` snapshots those that say of held datasets only what the one before them says.

    ``kept``: every snapshot there is, in order.  ``events``: spans (begins, ends] in which a held dataset changed.
    The first of a run of equal ones stays, so that ``as of`` any instant answers as it did; the oldest stays too.
    """
    needed = set(kept[:1])
    for begins, ends in events:
        # Every kept snapshot of the span, and the first one after it, may differ from the one before it.
        place = bisect_left(kept, begins + 1)
        while place < len(kept):
            needed.add(kept[place])
            if kept[place] >= ends:
                break
            place += 1
    return [snapshot for snapshot in some if snapshot not in needed]
