"""Law 4: a delivery's rows and its checkpoint commit together; any crash, any replay, same content, same metering."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from tests.mariadb import started
from tests.share_city import close_city, company, found, open_city, receiver_database, set_up_delivery

from jutong.elements import masked_sql
from jutong.settings import read_settings
from jutong.share import (
    MysqlReceiver,
    PostgresReceiver,
    deliver,
    fold,
    meter_differences,
    metered,
    reconcile,
)

ROOT = Path(__file__).parents[2]
CHUNK = 40


@pytest.fixture
def settings(cluster, tmp_path):
    """A city of its own for every test."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        name = f"t{secrets.token_hex(6)}"
        connection.execute(f"CREATE DATABASE {name}")
    return replace(read_settings(tmp_path, {}), database_url=cluster.url(name), lake_memory="512MB")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory):
    with started(tmp_path_factory.mktemp("receiver")) as server:
        yield server


@pytest.fixture
def city(request, settings, cluster):
    """Delivers into PostgreSQL unless a test asks for ``mariadb``."""
    with ExitStack() as open_things:
        if getattr(request, "param", "postgres") == "mariadb":
            server = request.getfixturevalue("mariadb")
            name = open_things.enter_context(server.database())["database"]
            url = f"mysql://root@127.0.0.1:{server.port}/{name}"
        else:
            url = receiver_database(cluster.url())
        opened = found(open_city(settings, url))
        yield opened
        close_city(opened)


BOTH = pytest.mark.parametrize(
    "city", ["postgres", pytest.param("mariadb", marks=pytest.mark.slow)], indirect=True
)


class Runs:
    """Children of one city's delivery."""

    def __init__(self, city, settings, name):
        self.city, self.settings, self.name = city, settings, name

    def start(self, manner="polite"):
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("delivery_child.py")), str(self.settings.home),
             self.settings.database_url, self.city.receiver_url, self.name, str(CHUNK), manner],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout.readline() == "ready\n"
        return child

    def let_go(self, child):
        child.stdin.write("\n")
        child.stdin.flush()

    def kill_after(self, seconds):
        """Start a run, kill it after so long; returns whether it had finished by then."""
        child = self.start()
        self.let_go(child)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        return child.returncode == 0

    def finish(self):
        """Run to the end in this process; returns how long that took."""
        began = time.monotonic()
        deliver(
            self.city.database, self.city.store, self.city.stream, self.city.keys, self.name, chunk_rows=CHUNK
        )
        return time.monotonic() - began


def expected(city):
    """What the receiver must hold, straight from the lake by a query of its own."""
    phone = masked_sql("mobile", "middle", "phone")
    with city.store.reading() as lake:
        rows = lake.rows(
            f"SELECT uscc, name, capital, founded, {phone} AS phone, division, staff, checked_at, active"
            f" FROM {lake.table('standard.market_entity')} ORDER BY uscc"
        )
    return [tuple(row.values()) for row in rows]


def holds(city, table):
    return city.there(f"SELECT * FROM {table} ORDER BY uscc")


def change(city, chance):
    """Inserts, updates and deletes of about a fifth of the rows."""
    keys = sorted(city.rows)
    updated = chance.sample(keys, len(keys) // 8)
    gone = chance.sample(keys, len(keys) // 12)
    number = 1_000_000 * (city.commits + 1)
    new = [company(number + place, chance) for place in range(len(keys) // 10)]
    changed = [{**company(0, chance), "uscc": key} for key in updated if key not in gone]
    city.merge([*changed, *new], gone)


def agrees(city, table, runs):
    assert holds(city, table) == expected(city)
    told = reconcile(
        city.database, city.store, city.stream, city.keys, runs.name, mend=False, chunk_rows=CHUNK
    )
    assert told.result == "equal"


def counts_what_arrived(city):
    """条次 from the ledger alone equals the rows the receiver itself counted as committed."""
    city.ledger.sequence()
    fold(city.database, city.ledger)
    assert meter_differences(city.database, city.ledger) == []
    with city.database.connection() as connection:
        total = metered(connection)
    arrived, runs = city.there(
        "SELECT sum(upserted_total), count(*) FROM jutong_delivery WHERE phase = 'idle'"
    )[0]
    assert total.records == arrived
    assert runs == 1
    return total


def through_a_life(city, settings, seed, kills, changes):
    chance = random.Random(seed)
    city.merge([company(number, chance) for number in range(900)])
    set_up_delivery(city, "market", "market")
    runs = Runs(city, settings, "market")
    span = 0.6
    for step in range(1 + changes):  # a full run, then incremental ones
        if step:
            change(city, chance)
        for _ in range(kills):
            if runs.kill_after(chance.uniform(0.02, span)):
                break
        span = max(min(runs.finish(), 1.0), 0.2)
        agrees(city, "market", runs)
    total = counts_what_arrived(city)
    assert total.records >= 900
    assert city.ledger.verify().ok
    assert city.there(
        "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'jutong_load_%'"
    ) == [(0,)]


@BOTH
def test_killed_at_any_instant_the_same_rows_arrive_and_are_counted_once(city, settings):
    through_a_life(city, settings, seed=11, kills=1, changes=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("city", ["postgres", "mariadb"], indirect=True)
def test_killed_again_and_again_the_same_rows_arrive_and_are_counted_once(city, settings, seed):
    through_a_life(city, settings, seed=seed, kills=4, changes=3)
    resumed = [one for _, one in city.ledger.entries() if one.detail.get("end") == "resumed"]
    assert resumed, "no kill struck a run that had committed something: the harness is too kind"


class Crash(BaseException):
    """What a kill looks like from inside: no handler runs."""


def crash_on(monkeypatch, owner, method, nth, *, after):
    """Let the nth call of a method be the last thing that happens, before or after it takes effect."""
    real, calls = getattr(owner, method), []

    def counted(*given, **named):
        calls.append(None)
        if len(calls) == nth and not after:
            raise Crash
        result = real(*given, **named)
        if len(calls) == nth:
            raise Crash
        return result

    monkeypatch.setattr(owner, method, counted)


GAPS = [
    ("stream", "record", True),  # the evidence is durable, the commit is lost
    ("stream", "record", False),  # the rows are written, nothing is durable
    ("Receiver", "move", True),  # everything but the commit
    ("Receiver", "rename", True),  # the swap is lost
    ("Receiver", "add_key", True),  # the key is lost
    ("Receiver", "merge", False),
    (
        "Receiver",
        "sweep",
        True,
    ),  # where DDL commits by itself: the run is in the checkpoint, its table is not made
    ("Receiver", "create", True),
]


@BOTH
@pytest.mark.parametrize(
    ("owner", "method", "after"), GAPS, ids=[f"{m}-{'after' if a else 'before'}" for _, m, a in GAPS]
)
def test_each_gap_between_rows_evidence_and_checkpoint_is_closed(city, monkeypatch, owner, method, after):
    chance = random.Random(5)
    city.merge([company(number, chance) for number in range(100)])
    set_up_delivery(city, "gaps", "gaps")
    for step in range(2):
        if step:
            change(city, chance)
        for nth in (1, 2, 4, 5):
            with monkeypatch.context() as patched:
                receiver = MysqlReceiver if "kind" in city.receiver else PostgresReceiver
                crash_on(patched, city.stream if owner == "stream" else receiver, method, nth, after=after)
                try:
                    deliver(city.database, city.store, city.stream, city.keys, "gaps", chunk_rows=CHUNK)
                except Crash:
                    pass
        deliver(city.database, city.store, city.stream, city.keys, "gaps", chunk_rows=CHUNK)
        assert holds(city, "gaps") == expected(city)
    counts_what_arrived(city)
    if (owner, method, after) == ("stream", "record", True):
        chunks = [one.request_id for _, one in city.ledger.entries() if one.event == "share:delivery:chunk"]
        assert len(chunks) > len(set(chunks))  # evidence of lost commits is there, and was not counted


@pytest.mark.slow
@BOTH
def test_two_runs_at_once_without_the_polite_lock_still_deliver_once(city, settings):
    chance = random.Random(3)
    city.merge([company(number, chance) for number in range(600)])
    set_up_delivery(city, "raced", "raced")
    runs = Runs(city, settings, "raced")
    for step in range(2):
        if step:
            change(city, chance)
        children = [runs.start("rude") for _ in range(2)]
        for child in children:
            runs.let_go(child)
        words = ["".join(child.communicate()) for child in children]
        assert all(child.returncode == 0 for child in children), words
        assert any("done" in word for word in words), words
        runs.finish()
        agrees(city, "raced", runs)
    counts_what_arrived(city)
