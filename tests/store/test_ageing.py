"""Which snapshots stay, and when the disk will be full: decided from times alone."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from jutong.store import History, full_on, thinned
from jutong.store.ageing import Gap, gap_after, seen_at

NOW = dt.datetime(2026, 11, 20, 4, 0, tzinfo=dt.UTC)
RULE = History(all_days=7, daily_days=92, months=24)
DAY = dt.timedelta(days=1)


def test_the_newest_days_keep_all_then_one_a_day_then_one_a_month():
    taken = [(n, NOW - DAY * 400 + dt.timedelta(hours=6) * n) for n in range(1600)]
    gone = set(thinned(taken, RULE, NOW))
    kept = [at.astimezone(dt.timezone(dt.timedelta(hours=8))).date() for n, at in taken if n not in gone]
    ages = [(NOW.date() - day).days for day in kept]
    assert sum(age < 7 for age in ages) == 7 * 4 - 2  # four a day; the last day is young
    assert sorted({age for age in ages if 7 <= age < 92}) == list(range(7, 92))
    assert sum(7 <= age < 92 for age in ages) == 92 - 7
    assert sum(age >= 92 for age in ages) == len(
        {(day.year, day.month) for day in kept if (NOW.date() - day).days >= 92}
    )


@given(
    st.lists(st.integers(0, 1000), max_size=60), st.integers(0, 30), st.integers(0, 30), st.integers(0, 12)
)
def test_of_every_day_that_is_kept_the_last_snapshot_stays(hours, all_days, more, months):
    taken = [(n, NOW - dt.timedelta(hours=h)) for n, h in enumerate(sorted(hours, reverse=True))]
    rule = History(all_days, all_days + more, months)
    gone = thinned(taken, rule, NOW)
    assert gone == sorted(gone)
    city = dt.timezone(dt.timedelta(hours=8))
    today = NOW.astimezone(city).date()
    for day in {at.astimezone(city).date() for _, at in taken}:
        of_day = [n for n, at in taken if at.astimezone(city).date() == day]
        if (today - day).days < rule.daily_days:
            assert of_day[-1] not in gone
        if (today - day).days < rule.all_days:
            assert not set(of_day) & set(gone)


def test_thinning_twice_forgets_nothing_more():
    taken = [(n, NOW - dt.timedelta(hours=7) * (500 - n)) for n in range(500)]
    gone = set(thinned(taken, RULE, NOW))
    assert thinned([each for each in taken if each[0] not in gone], RULE, NOW) == []


def test_a_snapshot_from_the_future_is_kept():
    assert thinned([(1, NOW + DAY * 40), (2, NOW)], RULE, NOW) == []


def test_a_disk_that_fills_evenly_is_full_when_the_line_says():
    measured = [(NOW - DAY * (10 - n), 100 + 10 * n) for n in range(11)]
    assert full_on(measured, 300) == NOW + DAY * 10
    assert full_on(measured, 150) == NOW  # it is already past


def test_a_disk_that_does_not_fill_has_no_day():
    assert full_on([(NOW - DAY * n, 100) for n in range(9, -1, -1)], 300) is None
    assert full_on([(NOW, 1)], 300) is None
    assert full_on([(NOW - dt.timedelta(hours=1), 1), (NOW, 100)], 300) is None
    assert full_on([(NOW - DAY * 2, 100), (NOW, 101)], 10**18) is None


def test_a_clock_that_jumps_ten_years_ahead_costs_no_history():
    """Neither on that morning nor after work has gone on for a month with the wrong year."""
    worked = [NOW - DAY * n for n in range(60)]
    taken = [(60 - n, at) for n, at in enumerate(worked)]
    as_ever = thinned(taken, RULE, NOW, worked)
    jump = DAY * 3650
    assert set(thinned(taken, RULE, NOW + jump, worked)) <= set(thinned(taken, RULE, NOW + DAY * 3, worked))
    later = [NOW + jump + DAY * n for n in range(30)]
    month = [*taken, *((61 + n, at) for n, at in enumerate(later))]
    gone = set(thinned(month, RULE, later[-1], [*worked, *later]))
    in_time = [*taken, *((61 + n, at - jump) for n, at in enumerate(later))]
    assert gone <= set(
        thinned(in_time, RULE, later[-1] - jump + DAY * 3, [*worked, *(at - jump for at in later)])
    )
    assert len(thinned(taken, RULE, NOW + jump)) > len(as_ever)  # what it would have cost
    # And back: what was written with the wrong year is kept, the rest ages as ever.
    assert not {n for n, _ in month if n > 60} & set(thinned(month, RULE, NOW + DAY * 40, [*worked, *later]))


def test_a_clock_that_jumped_makes_no_later_snapshot_the_past_and_no_earlier_one_the_present():
    """Ten days of work, three snapshots each; on the sixth the clock stands wrong for two days."""
    true = [(3 * day + n, NOW + DAY * day + dt.timedelta(hours=n)) for day in range(10) for n in range(3)]
    for jump in (-DAY * 400, -DAY * 3, DAY * 30, DAY * 4000):
        told = [(n, at + jump if 18 <= n < 24 else at) for n, at in true]
        for _, instant in true:
            found = seen_at(told, instant)
            exact = max(n for n, at in true if at <= instant)
            # Within the two days nobody can tell; but never is it one from after them.
            assert found == exact if not 18 <= exact < 24 else 17 <= found <= 23
        assert seen_at(told, NOW - DAY) is None
    assert seen_at([], NOW) is None


def test_two_processes_that_commit_at_once_are_no_jump():
    half = dt.timedelta(seconds=0.5)
    assert seen_at([(1, NOW), (2, NOW + half), (3, NOW), (4, NOW + half * 2)], NOW + half) == 3


def _ahead(jump: dt.timedelta) -> list[tuple[int, dt.datetime]]:
    """Ten days of one commit each, then on the tenth twenty under a clock that stood ahead, and five right ones."""
    hour = dt.timedelta(hours=1)
    right = [(n, NOW + DAY * n) for n in range(10)]
    wrong = [(n, NOW + DAY * 9 + hour + jump + dt.timedelta(minutes=n)) for n in range(10, 30)]
    return [*right, *wrong, *((n, NOW + DAY * 9 + hour * (n - 28)) for n in range(30, 35))]


def test_more_commits_under_a_clock_ahead_than_right_ones_after_them_hide_nothing():
    night, now = NOW + DAY * 9.5, NOW + DAY * 11
    # Their times are still to come, so they are known to be wrong.
    told = _ahead(DAY * 40)
    found = seen_at(told, night, now)
    assert found == 34
    assert gap_after(told, found, night, now) == Gap(34, told[34][1], None, now)
    # Of the day before nobody knows whether it saw them; of any earlier day everybody does.
    before = NOW + DAY * 9 + dt.timedelta(minutes=30)
    assert seen_at(told, before, now) == 9
    assert gap_after(told, 9, before, now) is None
    assert gap_after(told, 8, NOW + DAY * 8.5, now) == Gap(8, told[8][1], 9, told[9][1])


def test_when_the_wrong_times_have_come_the_day_is_refused_and_not_answered_with_an_older_one():
    told, night, now = _ahead(DAY * 4), NOW + DAY * 9.5, NOW + DAY * 30
    found = seen_at(told, night, now)
    assert found == 9
    assert gap_after(told, found, night, now) is None
    assert gap_after(told, 5, NOW + DAY * 5.5, now) is not None


def test_what_a_clock_behind_wrote_makes_only_its_own_gap_doubtful():
    told = [(n, NOW + DAY * n) for n in range(10)]
    told[5] = (5, NOW - DAY * 9999)
    now = NOW + DAY * 20
    for day in range(10):
        instant = NOW + DAY * (day + 0.5)
        found = seen_at(told, instant, now)
        assert found is not None
        assert (gap_after(told, found, instant, now) is None) == (day in (4, 5))


def test_a_snapshot_that_went_meanwhile_is_not_vouched_for():
    assert gap_after([(2, NOW)], 1, NOW, NOW) is None
