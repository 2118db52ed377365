"""Law: writers that meet lose nothing and double nothing, and a process may be killed at any instant."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.store.writing import Writer
from jutong.terms import Conflict, DatasetName, Item

KEYED = (Item("k", "键"), Item("v", "值"))
RAW = (Item("_batch", "批次"), Item("_row", "行号", "integer"), Item("k", "键"))


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        yield opened


def declared(store: Store, table: str) -> str:
    store.declare([DatasetSpec(DatasetName.parse(f"standard.{table}"), "竞争", KEYED, ("k",))])
    return f"standard.{table}"


def held(store: Store, dataset: str) -> list[tuple[str, str]]:
    with store.reading() as r:
        return [(row["k"], row["v"]) for row in r.rows(f"SELECT k, v FROM lake.{dataset} ORDER BY ALL")]


def kill_lock_connections(database: Database) -> int:
    """End every connection that holds one of the store's advisory locks, as a network or an operator may."""
    with psycopg.connect(database.url, autocommit=True) as admin:
        return len(
            admin.execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted"
                " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall()
        )


def test_two_writers_of_the_same_new_key_leave_it_once_although_the_lock_was_lost(
    store: Store, database: Database
) -> None:
    dataset = declared(store, "lost_lock")
    with pytest.raises(Conflict) as lost, store.writing("slow", dataset, author="laws") as slow:
        slow.merge(dataset, "SELECT 'K' AS k, 'slow' AS v")
        assert kill_lock_connections(database) == 1
        with store.writing("quick", dataset, author="laws") as quick:
            quick.merge(dataset, "SELECT 'K' AS k, 'quick' AS v")
    assert lost.value.code == "store.conflict"
    assert held(store, dataset) == [("K", "quick")]
    assert store.committed("slow") is None


def test_write_does_the_lost_block_again_on_the_new_state(store: Store, database: Database) -> None:
    dataset = declared(store, "again")
    tries = []

    def slow(w: Writer) -> int:
        merged = w.merge(dataset, "SELECT 'K' AS k, 'slow' AS v UNION ALL SELECT 'L', 'slow'")
        tries.append(merged)
        if len(tries) == 1:
            kill_lock_connections(database)
            store.write(
                "again-quick",
                dataset,
                author="laws",
                body=lambda q: q.merge(dataset, "SELECT 'K' AS k, 'q' AS v"),
            )
        return merged.updated

    updated, snapshot = store.write("again-slow", dataset, author="laws", body=slow)
    assert (len(tries), updated) == (2, 1)
    assert store.committed("again-slow") == snapshot
    assert held(store, dataset) == [("K", "slow"), ("L", "slow")]


def test_appends_that_meet_behind_a_lost_lock_do_not_both_take_one_commit_id(
    store: Store, database: Database
) -> None:
    name = DatasetName.parse("raw.same_id")
    store.declare([DatasetSpec(name, "同号", RAW)])
    with pytest.raises(Conflict), store.writing("same", name, author="laws") as slow:
        slow.append(name, "SELECT 'same' AS _batch, 1::BIGINT AS _row")
        kill_lock_connections(database)
        with store.writing("same", name, author="laws") as quick:
            quick.append(name, "SELECT 'same' AS _batch, 1::BIGINT AS _row")
    assert store.count(name) == 1


def test_many_threads_writing_many_datasets_lose_nothing_while_a_reader_sees_whole_commits(
    store: Store,
) -> None:
    datasets = [declared(store, f"many{n}") for n in range(3)]
    problems: list[BaseException] = []
    stop = threading.Event()

    def writer(number: int) -> None:
        try:
            for turn in range(5):
                pair = [datasets[number % 3], datasets[(number + 1) % 3]]
                select = f"SELECT 'W{number}-{turn}' AS k, '{turn}' AS v UNION ALL SELECT 'shared', 'W{number}-{turn}'"
                store.write(f"many-{number}-{turn}", *pair, author="laws",
                            body=lambda w, pair=pair, select=select: [w.merge(each, select) for each in pair])  # fmt: skip
        except BaseException as problem:
            problems.append(problem)

    def reader() -> None:
        try:
            while not stop.is_set():
                with store.reading() as r:
                    for each in datasets:
                        row = r.rows(f"SELECT count(*) AS n, count(DISTINCT k) AS d FROM lake.{each}")[0]
                        assert row["n"] == row["d"]
        except BaseException as problem:
            problems.append(problem)

    watching = threading.Thread(target=reader)
    writers = [threading.Thread(target=writer, args=(number,)) for number in range(3)]
    for thread in (watching, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    watching.join()
    assert not problems
    for place, dataset in enumerate(datasets):
        expected = {f"W{n}-{t}" for n in range(3) for t in range(5) if place in (n % 3, (n + 1) % 3)} | {
            "shared"
        }
        assert {k for k, _ in held(store, dataset)} == expected


def test_a_writer_killed_at_random_instants_loses_and_doubles_nothing(
    store: Store, database: Database, settings: Settings
) -> None:
    killed_rounds(store, database, settings, rounds=3)


@pytest.mark.slow
def test_a_writer_killed_at_very_many_instants_loses_and_doubles_nothing(
    store: Store, database: Database, settings: Settings
) -> None:
    killed_rounds(store, database, settings, rounds=40)


def killed_rounds(store: Store, database: Database, settings: Settings, rounds: int) -> None:
    store.declare(
        [
            DatasetSpec(DatasetName.parse("raw.killed"), "杀", RAW),
            DatasetSpec(DatasetName.parse("standard.killed"), "杀", KEYED, ("k",)),
        ]
    )
    with database.connection() as control:
        control.execute("CREATE TABLE IF NOT EXISTS killed (id text PRIMARY KEY, snapshot bigint)")
    batches = 6 * rounds
    command = [
        sys.executable,
        str(Path(__file__).with_name("store_child.py")),
        str(settings.home),
        database.url,
        str(batches),
    ]
    chance = random.Random(20260806)  # the same instants every time
    for _ in range(rounds):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.5))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    numbers = range(batches)
    with store.reading() as r:
        raw = r.rows(
            "SELECT _batch, count(*) AS n, count(DISTINCT _row) AS d FROM lake.raw.killed GROUP BY 1"
        )
        assert {row["_batch"]: (row["n"], row["d"]) for row in raw} == {
            f"killed-{n}": (10, 10) for n in numbers
        }
        standard = r.rows("SELECT k, v FROM lake.standard.killed")
    assert len(standard) == batches + 9
    assert {row["k"]: int(row["v"]) for row in standard} == {
        f"K{n + i}": n for n in numbers for i in range(10)
    }
    with database.connection() as control:
        told = {row["id"]: row["snapshot"] for row in control.execute("SELECT * FROM killed").fetchall()}
    assert told == {f"killed-{n}": store.committed(f"killed-{n}") for n in numbers}
    assert store.doctor() == []
