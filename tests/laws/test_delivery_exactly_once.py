"""Law 4: a delivery's rows and its checkpoint commit together; any crash, any replay, same content, same metering.

``JUTONG_KILLS`` says how many SIGKILLs each receiver's delivery survives.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import secrets
import signal
import time
from contextlib import ExitStack
from dataclasses import replace

import psycopg
import pytest
from tests.laws.delivery_child import Told
from tests.laws.delivery_child import run as run_of_child
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

CHUNK = 40
KILLS = int(os.environ.get("JUTONG_KILLS", "16"))
SEED = int(os.environ.get("JUTONG_SEED", "1"))
#: Seconds; longer than any run takes on a machine that stands still now and then.
PATIENCE = 120


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


#: Children are forked from a process that has read the program already and opened nothing.
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["jutong.share", "jutong.store", "pymysql"])


class Child:
    """One run, ready to be let go."""

    def __init__(self, told):
        self.line, its_end = FORKING.Pipe()
        self.process = FORKING.Process(target=run_of_child, args=(told, its_end), daemon=True)
        self.process.start()
        its_end.close()
        assert self._heard() == "ready"

    def let_go(self):
        self.line.send("go")

    def ended(self):
        """How it ended in its own words; nothing from one that was killed."""
        try:
            said = self._heard()
        except (EOFError, ConnectionResetError):  # reset: it was killed before it read that it may go
            said = ""
        self.process.join(PATIENCE)
        # A run that failed is no kill.  One that has said its word may still be killed while it closes its city.
        allowed = (0, -signal.SIGKILL) if said else (-signal.SIGKILL,)
        assert self.process.exitcode in allowed, (said, self.process.exitcode)
        return said

    def _heard(self):
        """Its next word; a run that is stuck fails the test instead of holding it up."""
        assert self.line.poll(PATIENCE), f"no word from a run in {PATIENCE} s"
        return self.line.recv()


class Runs:
    """Children of one city's delivery."""

    def __init__(self, city, settings, name):
        self.city, self.settings, self.name = city, settings, name

    def start(self, *manner):
        return Child(
            Told(str(self.settings.home), self.settings.database_url, self.city.receiver_url, self.name, CHUNK,
                 manner or ("polite",))
        )  # fmt: skip

    def kill_after(self, seconds):
        """Start a run, kill it after so long; returns whether it died of that."""
        child = self.start()
        child.let_go()
        child.process.join(seconds)
        child.process.kill()
        return not child.ended()

    def kill_at(self, method, nth, when):
        """Start a run that dies of its own hand; returns whether it came so far."""
        child = self.start("dies", method, str(nth), when)
        child.let_go()
        return not child.ended()

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
    number = 200_000 * (city.commits + 1)
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


#: Where a run may die by its own hand, beside any instant by another's.
PLACES = [
    (method, when)
    for method in ("record", "move", "merge", "load", "add_key", "rename", "sweep", "create", "begin")
    for when in ("before", "after")
]


def kill_once(runs, chance, span):
    """One SIGKILL, by the clock or at a place; returns whether it struck a living run."""
    if chance.random() < 0.4:
        return runs.kill_after(chance.uniform(0.02, span))
    method, when = chance.choice(PLACES)
    return runs.kill_at(method, chance.randint(1, 5), when)


def through_a_life(city, settings, seed, kills):
    """A full run, then incremental ones, each killed up to five times, until so many were; returns how many were."""
    chance = random.Random(seed)
    city.merge([company(number, chance) for number in range(900)])
    set_up_delivery(city, "market", "market")
    runs, struck, span = Runs(city, settings, "market"), 0, 0.6
    while struck < kills:
        for _ in range(min(chance.randint(1, 5), kills - struck)):
            if not kill_once(runs, chance, span):
                break
            struck += 1
        span = max(min(runs.finish(), 1.0), 0.2)
        agrees(city, "market", runs)
        change(city, chance)
    runs.finish()
    agrees(city, "market", runs)
    total = counts_what_arrived(city)
    assert total.records >= 900
    assert city.ledger.verify().ok
    assert city.there(
        "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'jutong_load_%'"
    ) == [(0,)]
    return struck


@BOTH
def test_killed_at_any_instant_the_same_rows_arrive_and_are_counted_once(city, settings):
    assert through_a_life(city, settings, seed=11, kills=2) == 2


@pytest.mark.slow
@pytest.mark.parametrize("city", ["postgres", "mariadb"], indirect=True)
def test_however_often_it_is_killed_the_same_rows_arrive_and_are_counted_once(city, settings):
    assert through_a_life(city, settings, seed=SEED, kills=KILLS) == KILLS


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
            child.let_go()
        words = [child.ended() for child in children]
        assert all(child.process.exitcode == 0 for child in children), words
        assert any("done" in word for word in words), words
        runs.finish()
        agrees(city, "raced", runs)
    counts_what_arrived(city)
