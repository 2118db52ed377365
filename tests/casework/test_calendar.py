"""Working days: the worked examples of the law, and the count against the plainest oracle there is."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jutong.casework import Calendar, due_on, receipt_day, shipped_calendar
from jutong.casework.calendar import count_days, days_left

OFFICIAL = shipped_calendar()
DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2027, 6, 30))
ONE = dt.timedelta(days=1)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def test_unconditional_received_on_friday_is_due_at_the_end_of_the_next_working_day() -> None:
    assert due_on(day("2025-08-15"), 1, OFFICIAL) == day("2025-08-18")


def test_conditional_received_before_the_national_holiday_counts_the_working_saturday() -> None:
    strip = list(count_days(day("2025-09-30"), 10, OFFICIAL))
    first = next(counted for counted in strip if counted.number == 1)
    assert first.day == day("2025-10-09")
    saturday = next(counted for counted in strip if counted.day == day("2025-10-11"))
    assert saturday.number == 3
    assert due_on(day("2025-09-30"), 10, OFFICIAL) == day("2025-10-21")


def test_received_on_saturday_counts_as_received_on_monday() -> None:
    assert receipt_day(day("2025-08-16"), OFFICIAL) == day("2025-08-18")
    assert due_on(day("2025-08-16"), 1, OFFICIAL) == day("2025-08-19")


def test_the_request_page_of_june_2026_skips_the_dragon_boat_holiday() -> None:
    assert due_on(day("2026-06-09"), 10, OFFICIAL) == day("2026-06-24")
    assert OFFICIAL.name(day("2026-06-19")) == "端午"
    assert OFFICIAL.name(day("2025-10-11")) == "国庆节调休上班"


def test_days_without_an_official_calendar_are_weekends_only_and_provisional() -> None:
    assert not OFFICIAL.is_official(day("2027-01-04"))
    assert OFFICIAL.is_working(day("2027-10-01"))
    assert not OFFICIAL.is_working(day("2027-01-02"))
    corrected = Calendar("x", {day("2027-10-01"): False})
    assert corrected.is_official(day("2027-10-01"))
    assert not corrected.is_working(day("2027-10-01"))


def test_asked_for_material_on_the_third_day_the_days_until_it_came_do_not_count() -> None:
    # Received Monday the 1st; asked Thursday the 4th (day 3); handed in Wednesday the 10th.
    pauses = [(day("2026-06-04"), day("2026-06-10"))]
    strip = {counted.day: counted for counted in count_days(day("2026-06-01"), 10, OFFICIAL, pauses)}
    assert strip[day("2026-06-04")].number == 3
    assert strip[day("2026-06-10")].number is None
    assert strip[day("2026-06-10")].paused
    assert strip[day("2026-06-11")].number == 4


def test_a_clock_that_stands_still_has_no_due_day() -> None:
    with pytest.raises(ValueError, match="stands still"):
        due_on(day("2026-06-01"), 10, OFFICIAL, [(day("2026-06-04"), None)])


def test_days_left_counts_to_the_due_day_and_past_it() -> None:
    due = day("2026-06-12")
    assert days_left(day("2026-06-11"), due, OFFICIAL) == 1
    assert days_left(due, due, OFFICIAL) == 0
    assert days_left(day("2026-06-13"), due, OFFICIAL) == -1  # a Saturday: overdue all the same
    assert days_left(day("2026-06-15"), due, OFFICIAL) == -1


@given(DAYS, st.integers(1, 30), st.lists(st.tuples(DAYS, st.integers(0, 20)), max_size=3))
def test_the_count_agrees_with_counting_on_fingers(
    received: dt.date, wanted: int, stops: list[tuple[dt.date, int]]
) -> None:
    pauses = [(since, since + ONE * length) for since, length in stops]
    today = received
    while not OFFICIAL.is_working(today):
        today += ONE
    left = wanted
    while left:
        today += ONE
        stopped = any(since < today <= until for since, until in pauses)
        left -= OFFICIAL.is_working(today) and not stopped
    assert due_on(received, wanted, OFFICIAL, pauses) == today


@given(DAYS, st.integers(1, 20), DAYS)
def test_a_day_made_free_never_brings_a_due_day_nearer(
    received: dt.date, wanted: int, freed: dt.date
) -> None:
    freer = Calendar("x", {freed: False})
    assert due_on(received, wanted, freer) >= due_on(received, wanted, OFFICIAL)
