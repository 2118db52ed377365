"""What a dataset held on a past day, told under the items it has today; and a day that cannot be told exactly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import psycopg
import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.store.lake import SQL
from jutong.terms import Conflict, DatasetName, Item, NotFound

NAME = DatasetName.parse("standard.changing")
FIRST = DatasetSpec(NAME, "变", (Item("k", "键"), Item("v", "值"), Item("n", "数")), ("k",))
RENAMED = replace(FIRST, items=(Item("k", "键"), Item("w", "值"), Item("n", "数"), Item("late", "后加")))
RETYPED = replace(RENAMED, items=(*RENAMED.items[:2], Item("n", "数", "integer"), RENAMED.items[3]))


@pytest.fixture(scope="module")
def days(database: Database, settings: Settings) -> Iterator[tuple[Store, list[int]]]:
    """A record under three declarations; the snapshot each ended with."""
    ended = []
    with Store.open(database, settings) as store:
        for number, (spec, renames) in enumerate(
            ((FIRST, None), (RENAMED, {str(NAME): {"v": "w"}}), (RETYPED, None))
        ):
            store.declare([spec], renames)
            second = spec.items[1].name
            with store.writing(f"day-{number}", NAME, author="tests") as w:
                w.merge(NAME, f"SELECT 'A' AS k, 'said {number}' AS {second}, {_n(spec, number)} AS n")
            ended.append(store.snapshot())
        yield store, ended


def _n(spec: DatasetSpec, number: int) -> str:
    return f"{number}::BIGINT" if spec is RETYPED else f"'{number}'"


def test_every_day_is_told_under_todays_names_and_types(days: tuple[Store, list[int]]) -> None:
    store, ended = days
    for number, snapshot in enumerate(ended):
        with store.reading(as_of=snapshot) as view:
            rows = view.rows(f"SELECT * FROM {view.as_today(NAME)}")
        # Across the retype the first version's ``v`` is known by its name alone, which is another today.
        said = None if number == 0 else f"said {number}"
        assert rows == [{"k": "A", "w": said, "n": number, "late": None}]


def test_a_day_before_the_dataset_or_with_another_key_is_refused(days: tuple[Store, list[int]]) -> None:
    store, ended = days
    with store.reading(as_of=ended[0] - 2) as view, pytest.raises(NotFound):
        view.as_today(NAME)
    with pytest.raises(Conflict, match="没有主键 extra"), store.reading(as_of=ended[0]) as view:
        with store._lake.database.connection() as control:
            control.execute("UPDATE dataset SET keys = %s WHERE name = %s", (["k", "extra"], str(NAME)))
        try:
            view.as_today(NAME)
        finally:
            with store._lake.database.connection() as control:
                control.execute("UPDATE dataset SET keys = '{k}' WHERE name = %s", (str(NAME),))


def test_a_value_that_does_not_fit_todays_type_is_an_error_and_no_guess(
    days: tuple[Store, list[int]],
) -> None:
    store, ended = days
    with store.reading(as_of=ended[1]) as view, pytest.raises(duckdb.ConversionException):
        view.rows(f"SELECT CAST(w AS INTEGER) FROM {view.as_today(NAME)}")


def test_only_an_instant_whose_own_snapshot_is_there_is_remembered(days: tuple[Store, list[int]]) -> None:
    store, ended = days
    now = dt.datetime.now(dt.UTC)
    assert store.remembers(now) == ended[-1]
    with store._lake.database.connection() as control:
        control.execute("INSERT INTO lake_commit VALUES ('gone', %s, %s)", (ended[-1] + 5, now))
    with pytest.raises(NotFound) as refused:
        store.remembers(now)
    assert refused.value.code == "store.forgotten"
    with store._lake.database.connection() as control:
        control.execute("DELETE FROM lake_commit WHERE commit_id = 'gone'")
    with pytest.raises(NotFound) as refused:
        store.remembers(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    assert refused.value.code == "store.no_snapshot"


def test_what_was_written_under_a_clock_that_stood_behind_is_not_the_past(
    days: tuple[Store, list[int]],
) -> None:
    store, ended = days
    now = dt.datetime.now(dt.UTC)
    move = psycopg.sql.SQL(
        "UPDATE lake.ducklake_snapshot SET snapshot_time = %(at)s WHERE snapshot_id = %(id)s"
    )
    store._lake.ask(move, at=now - dt.timedelta(days=400), id=ended[-1])
    try:
        with pytest.raises(NotFound), store.reading(as_of=now - dt.timedelta(days=200)):
            pass
        # It was there by now, but since when nobody can say.
        with pytest.raises(NotFound) as refused:
            store.remembers(now)
        assert refused.value.code == "store.forgotten"
    finally:
        store._lake.ask(move, at=now, id=ended[-1])
    assert store.remembers(dt.datetime.now(dt.UTC)) == ended[-1]


@pytest.fixture
def dated(days: tuple[Store, list[int]]) -> Iterator[tuple[Store, list[int], dt.datetime]]:
    """The snapshots at whose end a day stood, ten, five and two days ago; those before each bear its time."""
    store, ended = days
    times = store._lake.ask(SQL.lake_times)
    now = dt.datetime.now(dt.UTC)
    for last, ago in reversed(list(zip(ended, (10, 5, 2), strict=True))):
        _move(store, 0, last, now - dt.timedelta(days=ago))
    yield store, ended, now
    for each in times:
        _move(store, each["snapshot_id"], each["snapshot_id"], each["snapshot_time"])
    with store._lake.database.connection() as control:
        control.execute("DELETE FROM lake_commit WHERE commit_id = 'behind'")


def _move(store: Store, first: int, last: int, at: dt.datetime) -> None:
    store._lake.ask(
        psycopg.sql.SQL(
            "UPDATE lake.ducklake_snapshot SET snapshot_time = %(at)s WHERE snapshot_id BETWEEN %(first)s AND %(last)s"
        ),
        at=at,
        first=first,
        last=last,
    )


def test_a_commit_under_a_clock_behind_that_expired_takes_no_earlier_day_along(
    dated: tuple[Store, list[int], dt.datetime],
) -> None:
    store, ended, now = dated
    with store._lake.database.connection() as control:
        at = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)
        control.execute("INSERT INTO lake_commit VALUES ('behind', %s, %s)", (ended[-1] + 1, at))
    for number, ago in ((0, 7), (1, 3)):
        assert store.remembers(now - dt.timedelta(days=ago)) == ended[number]
    with pytest.raises(NotFound) as refused:  # it came after the last one, nobody knows when
        store.remembers(now - dt.timedelta(days=1))
    assert refused.value.code == "store.forgotten"


def test_a_clock_that_stood_ahead_for_most_commits_makes_no_day_an_older_one(
    dated: tuple[Store, list[int], dt.datetime],
) -> None:
    store, ended, now = dated
    wrong, night = (ended[0] + 1, ended[-1] - 1), now - dt.timedelta(days=1.5)
    assert wrong[1] > wrong[0]
    # Still to come, so known to be wrong; and come, so that nobody can tell.
    _move(store, *wrong, now + dt.timedelta(days=300))
    assert store.remembers(night) == ended[-1]
    _move(store, *wrong, now - dt.timedelta(days=1))
    with pytest.raises(NotFound) as refused:
        store.remembers(night)
    assert refused.value.code == "store.forgotten"
