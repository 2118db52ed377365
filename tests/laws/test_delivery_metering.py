"""次 and 条次 come from the ledger alone, count what was committed, and count it once (domain §6.2)."""

from __future__ import annotations

import datetime as dt
import random
import secrets
import shutil

import pytest

from jutong.keys import SoftwareKeys
from jutong.ledger import Exchange, Ledger
from jutong.share import Metered, fold, meter_by, meter_differences, metered, recount
from jutong.terms import BadInput

NOON = dt.datetime(2026, 6, 1, 15, 59, tzinfo=dt.UTC)  # one minute before midnight in Shaoyang


@pytest.fixture
def ledger(tmp_path):
    return Ledger.open(
        tmp_path / "ledger", SoftwareKeys.open(tmp_path / "keys"), origin=f"test/{secrets.token_hex(4)}"
    )


@pytest.fixture
def empty(database):
    with database.connection() as connection:
        connection.execute("TRUNCATE exchange, meter_daily, meter_state, meter_void")
    return database


def call(**other):
    given = {"event": "share:service:answer", "at": NOON, "consumer": "D25", "application": "A01", "provider": "D23",
             "entry": "102/000001", "resource": "market_entity", "rows": 1, "outcome": "answered",
             "request_id": secrets.token_hex(8)}  # fmt: skip
    return Exchange(**{**given, **other})


def chunk(run, number, attempt, after, rows):
    return call(
        event="share:delivery:chunk", resource="market", rows=rows, request_id=f"market/{run}/{number}",
        detail={"run": run, "chunk": number, "attempt": attempt, "after": after},
    )  # fmt: skip


def confirm(run, after):
    return call(event="share:delivery:confirm", resource="market", rows=0, request_id=f"market/{run}/done",
                detail={"run": run, "after": after})  # fmt: skip


def run_with_losses(chance, run):
    """The facts of one run whose commits are sometimes lost, in the order told; and the rows that arrived."""
    facts, arrived, after = [], 0, ""
    for number in range(1, chance.randint(2, 6)):
        while True:
            attempt, rows = secrets.token_hex(8), chance.randint(0, 50)
            facts.append(chunk(run, number, attempt, after, rows))
            if chance.random() < 0.6:
                break  # this one committed
            if chance.random() < 0.3 and after:
                facts.append(confirm(run, after))  # a resumed run says what it found
        arrived, after = arrived + rows, attempt
    facts.append(confirm(run, after))
    return facts, arrived


def test_what_counts_and_what_does_not(empty, ledger):
    stream = ledger.stream("gate")
    twice = secrets.token_hex(8)
    for fact in (
        call(rows=3),
        call(rows=0),  # 0 条, but 1 次
        call(rows=5, request_id=twice),
        call(rows=5, request_id=twice),  # a retry
        call(event="share:service:refuse", outcome="refused", rows=0, code="share.not_granted"),
        call(outcome="failed", rows=9),
        call(consumer="D23", rows=100),  # a department reading its own
        call(event="share:extract:download", resource="file", rows=7),
    ):
        stream.record(fact)
    stream.close()
    ledger.sequence()
    assert fold(empty, ledger) == 8
    with empty.connection() as connection:
        assert metered(connection) == Metered(times=4, records=15)
        assert meter_by(connection, ["method"]) == [
            {"method": "api", "times": 3, "records": 8},
            {"method": "file", "times": 1, "records": 7},
        ]
        assert meter_by(connection, ["day"])[0]["day"] == dt.date(2026, 6, 1)
        assert meter_by(connection, ["consumer"], where={"method": "file"})[0]["records"] == 7
        with pytest.raises(BadInput):
            meter_by(connection, ["rows; DROP TABLE x"])
    assert fold(empty, ledger) == 0
    assert meter_differences(empty, ledger) == []


@pytest.mark.parametrize("seed", range(6))
def test_lost_commits_are_never_counted_however_streams_and_folds_fall(empty, tmp_path, seed):
    chance = random.Random(seed)
    with empty.connection() as connection:
        connection.execute("TRUNCATE exchange, meter_daily, meter_state, meter_void")
    ledger = Ledger.open(
        tmp_path / "l", SoftwareKeys.open(tmp_path / "k"), origin=f"test/{secrets.token_hex(4)}"
    )
    arrived = 0
    facts = []
    for number in range(6):
        told, rows = run_with_losses(chance, f"R{number}")
        facts += told
        arrived += rows
    chance.shuffle(facts)  # streams of killed processes are merged whenever they are found
    streams = [ledger.stream("share") for _ in range(3)]
    for fact in facts:
        chance.choice(streams).record(fact)
        if chance.random() < 0.1:
            ledger.sequence()
            fold(empty, ledger)
    for stream in streams:
        stream.close()
    ledger.sequence()
    fold(empty, ledger)
    with empty.connection() as connection:
        assert metered(connection) == Metered(times=6, records=arrived)
    assert meter_differences(empty, ledger) == []
    assert sum((one.records for one in recount(ledger.entries()).values()), 0) == arrived


@pytest.mark.parametrize("late", [False, True])
def test_a_call_that_was_recorded_but_never_answered_is_not_counted(empty, ledger, late):
    stopped = call(event="ledger:stream:stop", outcome="failed", rows=0, request_id="",
                   detail={"unconfirmed": ["lost", "never-written"]})  # fmt: skip
    stream = ledger.stream("gate")
    for fact in (
        call(rows=3, request_id="kept"),
        *([] if late else [stopped]),
        call(rows=4, request_id="lost"),
    ):
        stream.record(fact)
    if late:
        ledger.sequence()
        fold(empty, ledger)
        stream.record(stopped)
    stream.close()
    ledger.sequence()
    fold(empty, ledger)
    with empty.connection() as connection:
        assert metered(connection) == Metered(times=1, records=3)
    assert meter_differences(empty, ledger) == []


def test_folding_again_from_nothing_gives_the_same(empty, ledger):
    stream = ledger.stream("share")
    told, arrived = run_with_losses(random.Random(1), "R1")
    for fact in told:
        stream.record(fact)
    stream.close()
    ledger.sequence()
    fold(empty, ledger)
    with empty.connection() as connection:
        first = connection.execute("SELECT * FROM meter_daily ORDER BY day").fetchall()
        connection.execute("TRUNCATE exchange, meter_daily, meter_state, meter_void")
    fold(empty, ledger)
    with empty.connection() as connection:
        assert connection.execute("SELECT * FROM meter_daily ORDER BY day").fetchall() == first
        assert metered(connection).records == arrived


def test_a_meter_that_was_tampered_with_disagrees_with_the_ledger(empty, ledger):
    stream = ledger.stream("gate")
    stream.record(call(rows=3))
    stream.close()
    ledger.sequence()
    fold(empty, ledger)
    with empty.connection() as connection:
        connection.execute("UPDATE meter_daily SET records = records + 1")
    assert len(meter_differences(empty, ledger)) == 1


@pytest.mark.slow
def test_a_fold_that_dies_leaves_nothing_behind(empty, ledger, monkeypatch):
    stream = ledger.stream("gate")
    stream.record(call(rows=3))
    stream.close()
    ledger.sequence()
    real = ledger.entries

    def dying(since=0):
        yield from real(since)
        raise OSError("gone")

    monkeypatch.setattr(ledger, "entries", dying)
    with pytest.raises(OSError, match="gone"):
        fold(empty, ledger)
    with empty.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM exchange").fetchone()["n"] == 0
    monkeypatch.undo()
    assert fold(empty, ledger) == 1
    shutil.rmtree(ledger.folder, ignore_errors=True)
