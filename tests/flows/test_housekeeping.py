"""The lake keeps itself: due in its hours, bounded, pausable, and every exchange archived exactly once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from tests.ledger_facts import fact

from jutong.flows import housekeeping, jobs, prepare
from jutong.flows.housekeeping import (
    EXCHANGE,
    Task,
    ask_for_housekeeping,
    house_runs,
    is_due,
    keep_house,
    pause,
    tasks,
)  # fmt: skip
from jutong.flows.stages import quietly
from jutong.store import DatasetSpec
from jutong.terms import Broken, DatasetName, Item, Unavailable
from jutong.wiring import open_platform

NIGHT = dt.datetime(2026, 5, 9, 17, 0, tzinfo=dt.UTC)  # 01:00 in the city
NOON = dt.datetime(2026, 5, 9, 4, 0, tzinfo=dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
TASK = Task("compact", DAY, 0, 6, 60, False, None, NIGHT - DAY, NIGHT - DAY, "done", 0, "")


@pytest.fixture(scope="module")
def city(settings):
    with open_platform(settings, make=True) as platform:
        prepare(platform.database)
        yield platform


def archived(city) -> list[int]:
    with city.store.reading() as view:
        rows = view.rows(f"SELECT log_index FROM {view.table(EXCHANGE)} ORDER BY 1")
    return [row["log_index"] for row in rows]


@pytest.mark.parametrize(
    ("task", "now", "due"),
    [
        (TASK, NIGHT, True),
        (TASK, NIGHT - HOUR, False),  # not yet a day
        (replace(TASK, started_at=NIGHT - DAY - 12 * HOUR), NOON + 2 * HOUR, False),  # by day it waits
        (replace(TASK, started_at=NIGHT - 3 * DAY), NOON, True),  # late by its interval: at any hour
        (replace(TASK, started_at=None), NOON, True),
        (replace(TASK, started_at=NIGHT + DAY), NOON, True),  # the clock jumped back
        (replace(TASK, paused=True, started_at=None), NIGHT, False),
    ],
)
def test_a_task_is_due_after_its_interval_in_its_hours(task, now, due):
    assert is_due(task, now) is due


def test_every_exchange_is_archived_exactly_once(city, monkeypatch):
    monkeypatch.setattr(housekeeping, "_CHUNK", 4)
    stream = city.ledger.stream("test")
    for number in range(10):
        stream.record(fact(number))
    city.ledger.sequence()
    (run,) = keep_house(city, quietly, only="archive")
    assert (run.state, run.pieces) == ("done", 10)
    stream.record(fact(10))
    city.ledger.sequence()
    keep_house(city, quietly, only="archive")
    assert archived(city) == list(range(11))
    with city.store.reading() as view:
        row = view.rows(f"SELECT * FROM {view.table(EXCHANGE)} WHERE log_index = 3")[0]
    assert (row["event"], row["request_id"], row["rows"]) == ("share:service:answer", "r3", 1)
    assert row["at"] == dt.datetime(2026, 5, 9, 12, 0)  # the city's clock
    stream.close()


def test_all_tasks_run_once_and_then_nothing_is_due(city):
    runs = keep_house(city, quietly)
    assert {run.task for run in runs} >= {"compact", "expire", "clean", "measure"}
    assert all(run.state == "done" and run.note for run in runs)
    assert keep_house(city, quietly) == []


def test_a_pause_stops_a_task_before_its_next_piece(city, monkeypatch):
    monkeypatch.setattr(housekeeping, "_CHUNK", 1)
    start = len(archived(city))
    stream = city.ledger.stream("test")
    for number in range(3):
        stream.record(fact(100 + number))
    city.ledger.sequence()
    stream.close()
    table = housekeeping._table

    def paused_meanwhile(chunk):
        with city.database.connection() as connection:
            pause(connection, "archive", True, "sys")
        return table(chunk)

    monkeypatch.setattr(housekeeping, "_table", paused_meanwhile)
    (run,) = keep_house(city, quietly, only="archive")
    assert (run.state, run.pieces) == ("stopped", 1)
    monkeypatch.setattr(housekeeping, "_table", table)
    with city.database.connection() as connection:
        assert next(task for task in tasks(connection) if task.task == "archive").paused
        pause(connection, "archive", False, "sys")
    keep_house(city, quietly, only="archive")
    assert len(archived(city)) == start + 3


def test_one_dataset_that_fails_stops_no_other_and_is_named(city, monkeypatch):
    names = [DatasetName.parse(f"standard.house{n}") for n in range(2)]
    city.store.declare([DatasetSpec(name, "家", (Item("k", "键"),), ("k",)) for name in names])
    for turn in range(10):
        for name in names:
            with city.store.writing(f"{name}-{turn}", name, author="tests") as w:
                w.merge(name, f"SELECT 'K{turn}' AS k")
    work_off = city.store.work_off

    def broken(due):
        if str(due.dataset) == "standard.house0":
            raise Broken("store.file_damaged", "standard.house0 的文件已损坏")
        work_off(due)

    monkeypatch.setattr(city.store, "work_off", broken)
    with pytest.raises(Broken):
        keep_house(city, quietly, only="compact")
    with city.database.connection() as connection:
        last = house_runs(connection)[0]
    assert (last.state, last.note) == ("failed", "standard.house0 的文件已损坏")
    files = {row["dataset"]: row["files"] for row in city.store.usage()}
    assert files["standard.house1"] == 1
    assert files["standard.house0"] == 10


def test_housekeeping_is_asked_for_once_while_it_waits(city):
    with city.database.connection() as connection:
        connection.execute("DELETE FROM housekeeping_run")
    ask_for_housekeeping(city)
    ask_for_housekeeping(city)
    with city.database.connection() as connection:
        assert [job.stage for job in jobs.recent(connection)].count("housekeeping") == 1


def test_a_full_disk_makes_the_lake_read_only_with_a_sentence(city):
    full = replace(city.settings, disk_read_only=0.0)
    with open_platform(full) as reader:
        reader.store.count(EXCHANGE)
        with (
            pytest.raises(Unavailable, match="现在只读：请扩容") as told,
            reader.store.writing("full", EXCHANGE, author="tests"),
        ):
            pass
    assert told.value.code == "store.read_only"
