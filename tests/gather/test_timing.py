"""When plans run: a clock walks through weeks of invented plans and accidents, and the laws of scheduling hold."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jutong.casework import CITY_TIME
from jutong.gather import GatherPlan, Standing, due, in_hours, next_tick, verdict
from jutong.gather.timing import MOST_TURNS, after_attempt, checked, hours_close, latest_tick, ordered
from jutong.terms import BadInput

START = dt.datetime(2026, 3, 2, 1, 17, tzinfo=dt.UTC)
CRONS = ("*/15 * * * *", "0 2 * * *", "30 8-18 * * 1-5", "5 0 1 * *", "0 */6 * * *")
NAMES = ("a", "b", "c", "d")

hours = st.tuples(st.integers(0, 23), st.integers(0, 23))


@st.composite
def some_plans(draw: st.DrawFn) -> list[GatherPlan]:
    plans = []
    for place, name in enumerate(NAMES[: draw(st.integers(1, 4))]):
        when = draw(st.sampled_from(("cron", "every", "none")))
        begin, end = draw(hours)
        plans.append(
            GatherPlan(
                name, name, draw(st.sampled_from(("s1", "s2"))),
                cron=draw(st.sampled_from(CRONS)) if when == "cron" else None,
                every=dt.timedelta(minutes=draw(st.integers(1, 2000))) if when == "every" else None,
                after=tuple(draw(st.sets(st.sampled_from(NAMES[:place]), max_size=2))) if place else (),
                from_hour=begin, to_hour=end, retries=draw(st.integers(0, 3)),
                paused=draw(st.integers(0, 9)) == 0, created_at=START,
            )
        )  # fmt: skip
    return plans


class _World:
    """Runs as the worker keeps them, without a database."""

    def __init__(self, plans: list[GatherPlan]) -> None:
        self.plans = {plan.name: plan for plan in plans}
        self.standings: dict[str, Standing] = {}
        self.open: dict[str, tuple[dt.datetime, int, int]] = {}  # plan → begun, attempt, turns
        self.waits: dict[str, dt.datetime] = {}
        self.begun: list[tuple[str, dt.datetime, dt.datetime]] = []
        self.attempts: list[tuple[str, int]] = []
        self.counts: dict[str, tuple[int, int]] = {}  # plan → attempts, turns so far

    def busy(self) -> set[str]:
        return {self.plans[name].source_name for name in self.open}

    def step(self, now: dt.datetime, outcome: str) -> None:
        for name, (_, attempt, turns) in list(self.open.items()):
            following = after_attempt(
                self.plans[name], outcome, now, attempt=attempt, turns=turns, some=False
            )  # type: ignore[arg-type]
            del self.open[name]
            standing = self.standings[name]
            done = now if following.state == "done" else standing.done_at
            self.standings[name] = Standing(standing.answered, following.state, done)
            if following.state == "waiting":
                assert following.retry_at is not None and following.retry_at > now
                self.waits[name] = following.retry_at
                self.attempts.append((name, attempt))
                self.counts[name] = (attempt + following.attempted, turns + (not following.attempted))
            else:
                self.waits.pop(name, None)
        for plan, tick in due(self.plans.values(), self.standings, self.busy(), now):
            assert tick <= now
            assert not plan.paused
            assert in_hours(plan, now)
            assert plan.name not in self.open and plan.name not in self.waits
            assert plan.source_name not in self.busy()
            self.begun.append((plan.name, tick, now))
            self.counts[plan.name] = (0, 0)
            self._begin(plan, tick, now)
        for name, at in list(self.waits.items()):
            plan = self.plans[name]
            if at <= now and in_hours(plan, now) and plan.source_name not in self.busy():
                del self.waits[name]
                self._begin(plan, self.standings[name].answered, now)

    def _begin(self, plan: GatherPlan, tick: dt.datetime | None, now: dt.datetime) -> None:
        before = self.standings.get(plan.name, Standing())
        self.open[plan.name] = (now, *self.counts[plan.name])
        self.standings[plan.name] = Standing(tick, "running", before.done_at)


@settings(max_examples=30, deadline=None)
@given(some_plans(), st.data())
def test_no_tick_is_answered_twice_and_no_source_is_read_by_two(
    plans: list[GatherPlan], data: st.DataObject
) -> None:
    world, now = _World(plans), START
    for _ in range(40):
        now += dt.timedelta(minutes=data.draw(st.integers(1, 900)))
        world.step(
            now, data.draw(st.sampled_from(("done", "done", "temporary", "died", "refused", "timeout")))
        )
    for name in world.plans:
        ticks = [tick for plan, tick, _ in world.begun if plan == name]
        assert ticks == sorted(set(ticks))
    for name, attempt in world.attempts:
        assert attempt < world.plans[name].retries


@settings(max_examples=15, deadline=None)
@given(some_plans(), st.integers(15, 60))
def test_every_tick_is_answered_once_the_hours_are_open_and_others_are_done(
    plans: list[GatherPlan], minutes: int
) -> None:
    """Liveness: with runs that end well, within two days of a tick nothing that is due still waits."""
    world, now = _World([plan for plan in plans if not plan.paused]), START
    known = set(world.plans)
    for _ in range(2 * 24 * 60 // minutes):
        now += dt.timedelta(minutes=minutes)
        world.step(now, "done")
    for plan in world.plans.values():
        scheduled = plan.cron or plan.every
        missing = set(plan.after) - known
        slow = (plan.every and plan.every > dt.timedelta(days=1)) or plan.cron == CRONS[3]
        frequent = any(
            (other := world.plans.get(name)) and other.every and other.every <= dt.timedelta(minutes=minutes)
            for name in plan.after
        )
        narrow = (
            any(not world.plans[name].any_hour for name in plan.after if name in known) or not plan.any_hour
        )
        if scheduled and not missing and not slow and not frequent and not narrow and not plan.after:
            assert any(name == plan.name for name, _, _ in world.begun)


def test_what_was_missed_is_answered_once_by_the_newest_tick() -> None:
    plan = GatherPlan("p", "p", "s", every=dt.timedelta(hours=1), created_at=START)
    later = START + dt.timedelta(hours=5, minutes=20)
    [(_, tick)] = due([plan], {"p": Standing(START, "done", START)}, (), later)
    assert tick == START + dt.timedelta(hours=5)
    assert due([plan], {"p": Standing(tick, "done", later)}, (), later) == []


def test_a_clock_that_jumped_back_holds_nothing_up() -> None:
    plan = GatherPlan("p", "p", "s", every=dt.timedelta(hours=1), created_at=START)
    ahead = START + dt.timedelta(days=400)
    now = START + dt.timedelta(hours=3)
    assert due([plan], {"p": Standing(ahead, "done", ahead)}, (), now) != []


def test_cron_is_the_citys_time_and_hours_may_cross_midnight() -> None:
    plan = GatherPlan("p", "p", "s", cron="0 2 * * *", from_hour=22, to_hour=6, created_at=START)
    now = dt.datetime(2026, 3, 9, 12, 0, tzinfo=CITY_TIME)
    assert next_tick(plan, now) == dt.datetime(2026, 3, 10, 2, 0, tzinfo=CITY_TIME)
    assert latest_tick(plan, now) == dt.datetime(2026, 3, 9, 2, 0, tzinfo=CITY_TIME)
    told = verdict(plan, {"p": plan}, {}, (), now)
    assert (told.due, told.why) == (False, "hours")
    assert told.next_at == dt.datetime(2026, 3, 9, 22, 0, tzinfo=CITY_TIME)
    night = dt.datetime(2026, 3, 9, 23, 30, tzinfo=CITY_TIME)
    assert verdict(plan, {"p": plan}, {}, (), night).due
    assert hours_close(plan, night) == dt.datetime(2026, 3, 10, 6, 0, tzinfo=CITY_TIME)


def test_one_that_comes_after_another_waits_until_that_one_is_done() -> None:
    first = GatherPlan("a", "a", "s1", cron="0 2 * * *", created_at=START)
    after = GatherPlan("b", "b", "s2", after=("a",), created_at=START)
    plans = {"a": first, "b": after}
    now = dt.datetime(2026, 3, 3, 2, 30, tzinfo=CITY_TIME)
    assert verdict(after, plans, {}, (), now).waits_for == ("a",)
    tick = dt.datetime(2026, 3, 3, 2, 0, tzinfo=CITY_TIME)
    failed = {"a": Standing(tick, "failed", None)}
    assert not verdict(after, plans, failed, (), now).due
    done = {"a": Standing(tick, "done", now)}
    assert verdict(after, plans, done, (), now).tick == now
    again = {**done, "b": Standing(now, "done", now)}
    assert not verdict(after, plans, again, (), now + dt.timedelta(hours=1)).due


def test_retries_depend_on_what_went_wrong() -> None:
    plan = GatherPlan("p", "p", "s", retries=2)
    now = START

    def told(outcome: str, attempt: int = 0, turns: int = 0, some: bool = False) -> tuple[str, bool]:
        following = after_attempt(plan, outcome, now, attempt=attempt, turns=turns, some=some)  # type: ignore[arg-type]
        return following.state, following.alarm

    assert [told("temporary", n) for n in range(3)] == [
        ("waiting", False),
        ("waiting", False),
        ("failed", True),
    ]
    assert [told("broken", n) for n in range(2)] == [("waiting", False), ("failed", True)]
    assert told("refused") == ("failed", True)
    assert told("refused", some=True) == ("partly", True)
    assert told("timeout") == ("killed", True)
    assert told("hours", turns=3) == ("waiting", False)
    assert told("hours", turns=MOST_TURNS - 1) == ("killed", True)


@pytest.mark.parametrize("cron", ["", "* * * *", "0 0 30 2 *", "* * * * * *", "61 * * * *", "每天两点"])
def test_a_schedule_that_means_nothing_is_refused(cron: str) -> None:
    with pytest.raises(BadInput, match="cron"):
        checked(GatherPlan("p", "p", "s", cron=cron))


def test_plans_in_a_circle_are_refused() -> None:
    plans = [GatherPlan("a", "a", "s", after=("b",)), GatherPlan("b", "b", "s", after=("a",))]
    with pytest.raises(BadInput, match="互相等待"):
        ordered(plans)
