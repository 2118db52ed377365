"""When the gate cannot know or cannot record, it does not answer."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import replace

import psutil
import psycopg
import pytest
from tests.gate.conftest import COMPANIES, wait_for
from tests.gate_city import Gate
from tests.share_city import agree, close_city, company, found, open_city

from jutong.ledger import Receipt
from jutong.settings import read_settings
from jutong.share import (
    Offer,
    add_application,
    publish_service,
    resume_grant,
    revoke_token,
    rotate_token,
    set_application_state,
    suspend_grant,
)

KEY = "91430502MA00000003"
WORKERS = 3


@pytest.fixture
def lone_gate(city, settings):
    """A gate of its own with a short lease, and a granted token."""
    with city.database.connection() as connection:
        name = add_application(connection, "独立试验", "D25").id
        token = rotate_token(connection, name)
    agree(city, application_id=name, method="api")
    gate = Gate(settings, JUTONG_GATE_LEASE="1.5")
    wait_for(gate, token)
    yield gate, token
    gate.stop()


def test_after_the_lease_without_the_control_database_it_answers_nothing(city, settings, cluster, lone_gate):
    gate, token = lone_gate
    name = settings.database_url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(cluster.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND application_name = 'jutong-gate'", (name,)
            )  # fmt: skip
            assert gate.call("company", token, uscc=KEY).status == 200
            gate.until(lambda: gate.call("company", token, uscc=KEY).status != 200)
            reply = gate.call("company", token, uscc=KEY)
            assert (reply.status, reply.code) == (503, "gate.grants_stale")
            assert reply.headers["retry-after"]
            assert gate.ask("/health").status == 503
            Receipt.parse(reply.receipt).check(city.ledger.vkey)
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    gate.until(lambda: gate.call("company", token, uscc=KEY).status == 200)
    city.ledger.sequence()
    assert "gate.grants_stale" in {one.code for _, one in city.ledger.entries()}


def test_the_keeper_is_started_again_and_ends_with_the_gate(city, lone_gate):
    gate, token = lone_gate
    keeper = _keeper(gate)
    keeper.kill()
    gate.until(lambda: (again := _keeper(gate)) is not None and again.pid != keeper.pid)
    city.merge([{**city.rows[KEY], "name": "看护重启之后"}])
    gate.until(lambda: gate.call("company", token, uscc=KEY, items="name").rows == [{"name": "看护重启之后"}])
    keeper, workers = _children(gate)
    gate.process.kill()
    gate.process.wait()
    for one in (keeper, *workers):
        one.wait(20)


def _children(gate):
    """(keeper or None, workers): the keeper is the one that does not hold the listening socket."""
    workers, keeper = [], None
    for one in psutil.Process(gate.process.pid).children():
        try:
            if "spawn_main" not in " ".join(one.cmdline()):
                continue
            if any(connection.status == "LISTEN" for connection in one.net_connections()):
                workers.append(one)
            else:
                keeper = one
        except psutil.NoSuchProcess:
            continue
    return keeper, workers


def _keeper(gate):
    return _children(gate)[0]


def _hammer(gate, token, replies, stop):
    while not stop.is_set():
        replies.append(gate.call("company", token, uscc=KEY))


def check_evidence(city_ledger, replies):
    """Not one answer without evidence: each answer's record is durable, stream or log."""
    answered = [reply for reply in replies if reply.status == 200]
    stopped = [reply for reply in replies if reply.status == 503]
    assert len(answered) + len(stopped) == len(replies)
    assert answered
    assert stopped
    assert {reply.code for reply in stopped} == {"gate.ledger_stopped"}
    assert not any("jutong-receipt" in reply.headers for reply in stopped)
    city_ledger.sequence()
    for reply in answered:
        receipt = Receipt.parse(reply.receipt)
        city_ledger.prove(receipt).check(receipt.leaf, city_ledger.vkey)
    report = city_ledger.verify()
    assert report.ok, report.problems
    stops = [one for _, one in city_ledger.entries() if one.event == "ledger:stream:stop"]
    assert sum(one.detail["refused"] for one in stops) == len(stopped)


@pytest.mark.skipif(os.geteuid() != 0, reason="只有 root 能挂载一个很小的文件系统；以 root 运行本测试")
def test_a_full_file_system_gives_503_and_not_one_answer_without_evidence(cluster, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("此环境不允许挂载 tmpfs；请在允许挂载的环境中以 root 运行")
    with psycopg.connect(cluster.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE gatefull")
    home = tmp_path / "home"
    home.mkdir()
    (home / "ledger").symlink_to(small / "ledger")
    (small / "ledger").mkdir(mode=0o700)
    settings = replace(read_settings(home, {}), database_url=cluster.url("gatefull"), lake_memory="512MB")
    city = found(open_city(settings, "postgresql://nobody@/none"))
    try:
        chance = __import__("random").Random(3)
        city.merge([company(number, chance) for number in range(COMPANIES)])
        with city.database.connection() as connection:
            publish_service(connection, Offer(name="company", entry_id=city.entry_id, keys=["uscc"]))
            token = rotate_token(connection, "A01")
        agree(city, method="api")
        gate = Gate(settings)
        try:
            wait_for(gate, token)
            replies = fill_and_free(gate, token, small)
        finally:
            gate.stop()
        check_evidence(city.ledger, replies)
    finally:
        close_city(city)
        subprocess.run(["umount", str(small)], check=True)


def fill_and_free(gate, token, small):
    """Calls from four sides while the disk fills up, stays full, and is freed again."""
    replies, stop = [], threading.Event()
    callers = [threading.Thread(target=_hammer, args=(gate, token, replies, stop)) for _ in range(4)]
    for caller in callers:
        caller.start()
    gate.until(lambda: len(replies) > 50)
    junk = small / "junk"
    with junk.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65_536)
        except OSError:
            pass
    gate.until(lambda: replies[-1].status == 503)
    full = len(replies)
    gate.until(lambda: len(replies) > full + 50)
    # In-flight calls of the other callers may still be from before; after that nothing is answered.
    assert all(reply.status == 503 for reply in replies[full + 4 : full + 50])
    junk.unlink()
    gate.until(lambda: replies[-1].status == 200)
    stop.set()
    for caller in callers:
        caller.join()
    return replies


def test_a_worker_that_may_write_no_more_answers_no_more(city, settings):
    """The same without root: the worker's file size limit stands for the full disk."""
    with city.database.connection() as connection:
        name = add_application(connection, "限额试验", "D25").id
        token = rotate_token(connection, name)
    agree(city, application_id=name, method="api")
    gate = Gate(settings)
    try:
        wait_for(gate, token)
        workers = _children(gate)[1]
        before = psutil.Process(workers[0].pid).rlimit(psutil.RLIMIT_FSIZE)
        for one in workers:
            one.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
        replies = [gate.call("company", token, uscc=KEY) for _ in range(8)]
        assert {(reply.status, reply.code) for reply in replies} == {(503, "gate.ledger_stopped")}
        for one in workers:
            one.rlimit(psutil.RLIMIT_FSIZE, before)
        gate.until(lambda: gate.call("company", token, uscc=KEY).status == 200)
    finally:
        gate.stop()


@pytest.fixture(scope="module")
def several(city, settings):
    """A gate of several workers."""
    running = Gate(settings, JUTONG_GATE_WORKERS=str(WORKERS))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def held(city, several):
    """An application with a grant that every worker has answered: (id, token, grant id)."""
    with city.database.connection() as connection:
        name = add_application(connection, "多进程撤权", "D25").id
        token = rotate_token(connection, name)
    grant = agree(city, application_id=name, method="api")
    wait_for(several, token)
    return name, token, grant.id


def by_worker(gate, token, holds):
    """Call until each worker has given an answer that ``holds``; a worker's stream names it."""
    found: set[str] = set()

    def all_of_them():
        reply = gate.call("company", token, limit=1)
        if holds(reply):
            found.add(Receipt.parse(reply.receipt).stream)
        return len(found) == WORKERS

    gate.until(all_of_them)
    return found


def refused_for_good(gate, token, code):
    """Once a worker has refused, it refuses; in the end all do."""
    refused: set[str] = set()

    def all_of_them():
        reply = gate.call("company", token, limit=1)
        stream = Receipt.parse(reply.receipt).stream
        if reply.status == 200:
            assert stream not in refused, "it had been taken back here"
        elif reply.code == code:
            refused.add(stream)
        return len(refused) == WORKERS

    gate.until(all_of_them)
    for _ in range(6 * WORKERS):
        assert gate.call("company", token, limit=1).code == code


def test_every_worker_stops_when_a_grant_an_application_or_a_token_is_taken_back(city, several, held):
    name, token, grant = held
    streams = by_worker(several, token, lambda reply: reply.status == 200)
    assert len(streams) == WORKERS
    with city.database.connection() as connection:
        suspend_grant(connection, grant, "试验")
    refused_for_good(several, token, "share.grant_suspended")
    with city.database.connection() as connection:
        resume_grant(connection, grant)
    assert by_worker(several, token, lambda reply: reply.status == 200) == streams
    with city.database.connection() as connection:
        set_application_state(connection, name, "suspended")
    refused_for_good(several, token, "share.application_suspended")
    with city.database.connection() as connection:
        set_application_state(connection, name, "active")
    by_worker(several, token, lambda reply: reply.status == 200)
    with city.database.connection() as connection:
        revoke_token(connection, name)
    refused_for_good(several, token, "gate.bad_token")
