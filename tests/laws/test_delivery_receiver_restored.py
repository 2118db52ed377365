"""Law 4 against what happens to receivers: put back to yesterday's backup, or heard of no more at any byte.

A backup takes the rows and the checkpoint back together, so the next run begins where both of them stand.
``JUTONG_KILLS`` says how many connections are cut, reset or half closed.
"""

from __future__ import annotations

import os
import random
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pymysql
import pytest
from tests.laws.test_delivery_exactly_once import CHUNK, change, expected, holds
from tests.mariadb import started
from tests.proxy import Proxy
from tests.severed import reach, severing
from tests.share_city import close_city, company, found, open_city, receiver_database, set_up_delivery

from jutong.settings import read_settings
from jutong.share import deliver, fold, meter_differences, metered, reconcile
from jutong.terms import Unavailable

FAULTS = int(os.environ.get("JUTONG_KILLS", "12"))
SEED = int(os.environ.get("JUTONG_SEED", "4"))
UNREACHABLE = ("share.receiver_unreachable", "outside.mysql_unreachable", "outside.postgres_unreachable")


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory):
    with started(tmp_path_factory.mktemp("receiver")) as server:
        yield server


@pytest.fixture(params=["postgres", "mariadb"])
def city(request, cluster, tmp_path):
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        name = f"t{secrets.token_hex(6)}"
        connection.execute(f"CREATE DATABASE {name}")
    settings = replace(read_settings(tmp_path, {}), database_url=cluster.url(name), lake_memory="512MB")
    with ExitStack() as open_things:
        url = receiver_database(cluster.url())
        if request.param == "mariadb":
            server = request.getfixturevalue("mariadb")
            name = open_things.enter_context(server.database())["database"]
            url = f"mysql://root@127.0.0.1:{server.port}/{name}"
        opened = found(open_city(settings, url))
        opened.merge([company(number, random.Random(number)) for number in range(150)])
        set_up_delivery(opened, "market", "market")
        yield opened
        close_city(opened)


def run(city):
    return deliver(city.database, city.store, city.stream, city.keys, "market", chunk_rows=CHUNK)


def agrees(city):
    assert holds(city, "market") == expected(city)
    told = reconcile(
        city.database, city.store, city.stream, city.keys, "market", mend=False, chunk_rows=CHUNK
    )
    assert told.result == "equal"


def ledger_is_whole(city):
    city.ledger.sequence()
    fold(city.database, city.ledger)
    assert meter_differences(city.database, city.ledger) == []
    assert city.ledger.verify().ok


# -- yesterday's backup


class Backup:
    """All of a receiver's database, the control table included, to be put back in the place of what is there."""

    def __init__(self, city, admin_url):
        self.city, self.admin_url = city, admin_url
        self.name, self.kept = city.receiver["dbname"], f"b{secrets.token_hex(6)}"
        self._copy(self.name, self.kept)

    def restore(self):
        if "kind" in self.city.receiver:
            self.city.there(f"DROP DATABASE {self.name}")
        else:
            self._admin(f"DROP DATABASE {self.name} WITH (FORCE)")
        self._copy(self.kept, self.name)

    def _copy(self, source, target):
        if "kind" not in self.city.receiver:
            return self._admin(f"CREATE DATABASE {target} TEMPLATE {source}")
        to = self.city.receiver
        there = pymysql.connect(host=to["host"], port=to["port"], user="root", autocommit=True)
        with there, there.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {target} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            cursor.execute(f"SHOW TABLES FROM {source}")
            for (table,) in cursor.fetchall():
                cursor.execute(f"CREATE TABLE {target}.{table} LIKE {source}.{table}")
                cursor.execute(f"INSERT INTO {target}.{table} SELECT * FROM {source}.{table}")
        return None

    def _admin(self, sql):
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql)


def test_a_receiver_restored_from_yesterdays_backup_is_brought_to_today(city, cluster):
    chance = random.Random(1)
    run(city)
    backup = Backup(city, cluster.url())
    for _ in range(3):
        change(city, chance)
        run(city)
    backup.restore()
    done = run(city)
    assert (done.kind, done.upserted > 0, done.deleted > 0) == ("incremental", True, True)
    agrees(city)
    backup.restore()
    change(city, chance)
    city.store.unfollow("delivery:market")
    city.store.expire(city.store.snapshot())  # and now the lake no longer knows what has changed since
    assert run(city).kind == "difference"
    agrees(city)
    ledger_is_whole(city)


class Crash(BaseException):
    """What a kill looks like from inside: no handler runs."""


@contextmanager
def killed_after(city, monkeypatch, chunks):
    """Nothing happens after so many chunks' evidence."""
    real, calls = city.stream.record, []

    def counted(exchange):
        calls.append(None)
        if len(calls) > chunks:
            raise Crash
        return real(exchange)

    with monkeypatch.context() as patched:
        patched.setattr(city.stream, "record", counted)
        with pytest.raises(Crash):
            yield


@pytest.mark.slow
def test_a_backup_taken_in_the_middle_of_a_run_is_brought_to_today(city, cluster, monkeypatch):
    chance = random.Random(2)
    with killed_after(city, monkeypatch, 2):
        run(city)
    loading = Backup(city, cluster.url())
    run(city)
    for _ in range(2):
        change(city, chance)
    with killed_after(city, monkeypatch, 2):
        run(city)
    changing = Backup(city, cluster.url())
    run(city)
    change(city, chance)
    run(city)
    for backup in (changing, loading):
        backup.restore()
        run(city)
        run(city)  # a run that goes on ends where it was begun for
        agrees(city)
    ledger_is_whole(city)


# -- the acknowledgement of a commit is lost


@contextmanager
def through_a_proxy(city):
    """The delivery reaches its receiver through a proxy that can sever it."""
    with severing(where_of(city)) as proxy:
        by_way_of(city, proxy.port)
        yield proxy


def where_of(city):
    to = city.receiver
    host, port = str(to["host"]), int(to.get("port", 5432))
    return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, port)


def by_way_of(city, port):
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE delivery SET receiver = receiver || jsonb_build_object('host', '127.0.0.1', 'port', %s::int)",
            (port,),
        )


def sever_at_each(city, proxy, manners, places):
    """One run after another, each severed at another of its commits; returns how many were."""
    chance, severed = random.Random(3), 0
    for manner in manners:
        for place in places:
            change(city, chance)
            proxy.arm(place, manner)
            try:
                run(city)
            except Unavailable as problem:
                assert problem.code in UNREACHABLE
            severed += proxy.severed
            proxy.disarm()
            run(city)
            run(city)
            agrees(city)
    return severed


def counts_each_row_once(city):
    ledger_is_whole(city)
    with city.database.connection() as connection:
        counted = metered(connection).records
    assert counted == city.there("SELECT sum(upserted_total) FROM jutong_delivery")[0][0]


@pytest.mark.slow
def test_a_first_load_severed_at_each_of_its_commits_arrives_once(city):
    with through_a_proxy(city) as proxy:
        for place in range(2, 20):
            proxy.arm(place, "after")
            try:
                run(city)
            except Unavailable:
                continue
            assert not proxy.severed
            proxy.disarm()
            break
        else:
            raise AssertionError("a run severed later and later never came to its end")
        agrees(city)
        counts_each_row_once(city)


@pytest.mark.slow
def test_a_lost_acknowledgement_is_neither_sent_twice_nor_forgotten(city):
    run(city)
    with through_a_proxy(city) as proxy:
        assert sever_at_each(city, proxy, ["after"], [3, 5]) == 2
    counts_each_row_once(city)


@pytest.mark.slow
def test_severed_at_any_commit_in_any_manner_the_same_rows_arrive_and_are_counted_once(city):
    run(city)
    with through_a_proxy(city) as proxy:
        assert sever_at_each(city, proxy, ["before", "after", "reset"], range(1, 7)) >= 15
    counts_each_row_once(city)


# -- the line fails at any byte


@pytest.mark.slow
def test_over_a_line_that_is_slow_resets_and_half_closes_the_same_rows_arrive_and_are_counted_once(city):
    chance, where = random.Random(SEED), where_of(city)
    with Proxy(lambda: reach(where)) as proxy:
        by_way_of(city, proxy.port)
        while proxy.count < FAULTS:
            proxy.latency = chance.choice([0.0, 0.0, 0.002])
            proxy.cut(
                int(10 ** chance.uniform(2, 4.5)),
                chance.choice(["close", "reset", "half"]),
                asking=chance.random() < 0.6,
            )
            try:
                run(city)
            except Unavailable as problem:
                assert problem.code in UNREACHABLE
            proxy.heal()
            if chance.random() < 0.5:  # else the next failure meets a run that failed already
                proxy.latency = 0.0
                run(city)
                run(city)
                agrees(city)
                change(city, chance)
        proxy.latency = 0.0
        run(city)
        run(city)
        agrees(city)
    counts_each_row_once(city)
