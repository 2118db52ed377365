"""When a plan runs, and what becomes of a run: decisions alone, no clock and no database (UC-GATHER-04).

A schedule is a row of ticks.  A tick is answered once; ticks that were missed (nobody was there, the hours were over,
the plan was paused) are answered together by the newest of them, for gathering goes on from its watermark anyway.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from croniter import CroniterError, croniter  # type: ignore[import-untyped]

from jutong.casework import CITY_TIME
from jutong.terms import BadInput

#: Pauses before a run is tried again, when its source was away.
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
#: A run whose hours end before it does goes on in the next ones, but not for ever.
MOST_TURNS = 14
_YEARS = 5
_LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

#: How one attempt at a run ended.  ``temporary``: the source or the disk was away; ``died``: the process is gone;
#: ``refused``: nobody but a person can mend it; ``broken``: our own fault; ``timeout``; ``hours``: its hours were over.
Outcome = Literal["done", "temporary", "died", "refused", "broken", "timeout", "hours"]
OPEN = ("waiting", "running")


@dataclass(frozen=True)
class GatherPlan:
    """归集计划: one row of ``gather_plan``; neither ``cron`` nor ``every``: after others, or by hand."""

    name: str
    label: str
    source_name: str
    tables: tuple[str, ...] = ()
    cron: str | None = None
    every: dt.timedelta | None = None
    after: tuple[str, ...] = ()
    from_hour: int = 0
    to_hour: int = 0
    seconds: int = 14_400
    retries: int = 3
    paused: bool = False
    changed_by: str | None = None
    created_at: dt.datetime = _LONG_AGO
    department_code: str = ""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        known = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "tables": tuple(row["tables"]), "after": tuple(row["after"])})

    @property
    def any_hour(self) -> bool:
        return self.from_hour == self.to_hour


@dataclass(frozen=True)
class Standing:
    """What is known of a plan's runs."""

    #: The tick its newest run by schedule or dependency answered.
    answered: dt.datetime | None = None
    #: How its newest run stands, and when it was last done.
    state: str | None = None
    done_at: dt.datetime | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True)
class Verdict:
    """``due``: begin now, answering ``tick``; otherwise why not, and when to expect it where that is known."""

    due: bool
    why: Literal["", "paused", "running", "hours", "after", "busy", "later", "by_hand"] = ""
    tick: dt.datetime | None = None
    next_at: dt.datetime | None = None
    #: Plans it waits for.
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Next:
    """What a run becomes after an attempt."""

    state: Literal["waiting", "done", "partly", "failed", "killed"]
    retry_at: dt.datetime | None = None
    #: Whether somebody is told.
    alarm: bool = False
    #: Whether this was an attempt, or only the end of the hours.
    attempted: bool = True


def checked(plan: GatherPlan) -> GatherPlan:
    """Raises BadInput ``gather.bad_plan`` for a schedule that means nothing."""
    problem = None
    if plan.cron is not None:
        if len(plan.cron.split()) != 5 or not croniter.is_valid(plan.cron):
            problem = f"cron「{plan.cron}」须是五段：分 时 日 月 周"
        elif plan.every is not None:
            problem = "cron 与间隔只能登记一个"
        elif _cron(plan.cron, dt.datetime(2024, 1, 1, tzinfo=CITY_TIME), later=True) is None:
            problem = f"cron「{plan.cron}」永远等不到"
    elif plan.every is not None and plan.every < dt.timedelta(minutes=1):
        problem = "间隔至少一分钟"
    if plan.name in plan.after:
        problem = "计划不能排在自己之后"
    if problem:
        raise BadInput("gather.bad_plan", f"归集计划 {plan.name} 的登记有误：{problem}")
    return plan


def ordered(plans: Sequence[GatherPlan]) -> list[GatherPlan]:
    """Plans after those they wait for. Raises BadInput ``gather.plans_in_circle``."""
    waiting = {plan.name: plan for plan in plans}
    done: list[GatherPlan] = []
    while waiting:
        ready = [plan for plan in waiting.values() if not set(plan.after) & set(waiting)]
        if not ready:
            names = "、".join(sorted(waiting))
            raise BadInput("gather.plans_in_circle", f"归集计划互相等待，谁也开始不了：{names}")
        done += ready
        for plan in ready:
            del waiting[plan.name]
    return done


def latest_tick(plan: GatherPlan, now: dt.datetime) -> dt.datetime | None:
    """The newest tick at or before ``now``; none before the plan was made."""
    if plan.every is not None:
        if now < plan.created_at:
            return None
        return plan.created_at + (now - plan.created_at) // plan.every * plan.every
    if plan.cron is None:
        return None
    tick = _cron(plan.cron, now, later=False)
    return tick if tick is not None and tick > plan.created_at else None


def next_tick(plan: GatherPlan, now: dt.datetime) -> dt.datetime | None:
    """The first tick after ``now``."""
    if plan.every is not None:
        latest = latest_tick(plan, now)
        return plan.created_at if latest is None else latest + plan.every
    return None if plan.cron is None else _cron(plan.cron, max(now, plan.created_at), later=True)


def open_tick(plan: GatherPlan, standing: Standing, now: dt.datetime) -> dt.datetime | None:
    """The tick that waits for an answer.  An answer from the future is a clock that jumped back: it holds nothing up."""
    tick = latest_tick(plan, now)
    answered = standing.answered
    if answered is not None and answered <= now and tick is not None and tick <= answered:
        return None
    return tick


def in_hours(plan: GatherPlan, now: dt.datetime) -> bool:
    if plan.any_hour:
        return True
    hour = now.astimezone(CITY_TIME).hour
    if plan.from_hour < plan.to_hour:
        return plan.from_hour <= hour < plan.to_hour
    return hour >= plan.from_hour or hour < plan.to_hour


def hours_open(plan: GatherPlan, now: dt.datetime) -> dt.datetime:
    """``now``, or when the plan's hours begin next."""
    return now if in_hours(plan, now) else _next_hour(now, plan.from_hour)


def hours_close(plan: GatherPlan, now: dt.datetime) -> dt.datetime | None:
    """When the hours end that ``now`` lies in; None where they never end, ``now`` outside them."""
    if plan.any_hour:
        return None
    return _next_hour(now, plan.to_hour) if in_hours(plan, now) else now


def verdict(
    plan: GatherPlan,
    plans: Mapping[str, GatherPlan],
    standings: Mapping[str, Standing],
    busy: Collection[str],
    now: dt.datetime,
) -> Verdict:
    """Whether a plan begins now.  ``busy``: sources that are being read; one run at a time reads a source."""
    mine = standings.get(plan.name, Standing())
    scheduled = plan.cron is not None or plan.every is not None
    coming = next_tick(plan, now)
    next_at = None if coming is None else hours_open(plan, coming)
    if plan.paused:
        return Verdict(False, "paused")
    if mine.open:
        return Verdict(False, "running", next_at=next_at)
    if not scheduled and not plan.after:
        return Verdict(False, "by_hand")
    tick = open_tick(plan, mine, now) if scheduled else _after_tick(plan, mine, standings)
    if scheduled and tick is None:
        return Verdict(False, "later", next_at=next_at)
    waits_for = _unsettled(plan, plans, standings, now) if scheduled else _not_done(plan, mine, standings)
    if waits_for or tick is None:
        return Verdict(False, "after", tick, waits_for=waits_for)
    if not in_hours(plan, now):
        return Verdict(False, "hours", tick, next_at=hours_open(plan, now))
    if plan.source_name in busy:
        return Verdict(False, "busy", tick, next_at=now)
    return Verdict(True, "", tick, next_at=now)


def due(
    plans: Iterable[GatherPlan], standings: Mapping[str, Standing], busy: Collection[str], now: dt.datetime
) -> list[tuple[GatherPlan, dt.datetime]]:
    """What begins now and which tick it answers, the longest waiting first; one per source."""
    known = {plan.name: plan for plan in plans}
    found = [(plan, verdict(plan, known, standings, busy, now)) for plan in known.values()]
    begins: list[tuple[GatherPlan, dt.datetime]] = []
    taken: set[str] = set()
    for plan, told in sorted(found, key=lambda one: (one[1].tick or now, one[0].name)):
        if told.due and told.tick is not None and plan.source_name not in taken:
            begins.append((plan, told.tick))
            taken.add(plan.source_name)
    return begins


def after_attempt(
    plan: GatherPlan, outcome: Outcome, now: dt.datetime, *, attempt: int, turns: int, some: bool
) -> Next:
    """What a run becomes; ``attempt``: how many there were before this one, ``some``: whether any table came in."""
    if outcome == "done":
        return Next("done")
    if outcome == "timeout":
        return Next("killed", alarm=True)
    if outcome == "hours":
        if turns + 1 >= MOST_TURNS:
            return Next("killed", alarm=True)
        return Next("waiting", hours_open(plan, now), attempted=False)
    again = {"temporary": plan.retries, "died": plan.retries, "broken": min(1, plan.retries), "refused": 0}
    if attempt < again[outcome]:
        pause = PAUSES[min(attempt, len(PAUSES) - 1)]
        return Next("waiting", now + pause)
    return Next("partly" if some else "failed", alarm=True)


def _after_tick(plan: GatherPlan, mine: Standing, standings: Mapping[str, Standing]) -> dt.datetime | None:
    """When the last of the plans it waits for was done; None while one of them still has to be."""
    if _not_done(plan, mine, standings):
        return None
    return max(done for name in plan.after if (done := standings[name].done_at) is not None)


def _not_done(plan: GatherPlan, mine: Standing, standings: Mapping[str, Standing]) -> tuple[str, ...]:
    since = mine.answered or plan.created_at
    done = {name: standings.get(name, Standing()).done_at for name in plan.after}
    return tuple(name for name, at in done.items() if at is None or at <= since)


def _unsettled(
    plan: GatherPlan, plans: Mapping[str, GatherPlan], standings: Mapping[str, Standing], now: dt.datetime
) -> tuple[str, ...]:
    """Of the plans it waits for, those under way, due themselves, or not well ended."""
    waits = []
    for name in plan.after:
        other, standing = plans.get(name), standings.get(name, Standing())
        pending = other is not None and not other.paused and open_tick(other, standing, now) is not None
        if standing.state != "done" or pending:
            waits.append(name)
    return tuple(waits)


def _cron(cron: str, at: dt.datetime, *, later: bool) -> dt.datetime | None:
    """The first tick after ``at``, or the last one at or before it; None where none comes within years."""
    local = at.astimezone(CITY_TIME)
    try:
        if later:
            found = croniter(cron, local, max_years_between_matches=_YEARS).get_next(dt.datetime)
        else:
            edge = local.replace(microsecond=0) + dt.timedelta(seconds=1)
            found = croniter(cron, edge, max_years_between_matches=_YEARS).get_prev(dt.datetime)
    except CroniterError:
        return None
    return found if isinstance(found, dt.datetime) else None


def _next_hour(now: dt.datetime, hour: int) -> dt.datetime:
    """The next time it is that hour sharp in the city, after ``now``."""
    local = now.astimezone(CITY_TIME)
    sharp = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return sharp if sharp > local else sharp + dt.timedelta(days=1)
