"""Files of many rows are made by the worker: seen waiting, taken back, made once however often a worker is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys

import pytest
import pyzipper
from psycopg import OperationalError
from tests.share_city import agree, company

from jutong.flows import Platform, ask, jobs, prepare
from jutong.flows.working import _files, run_stage
from jutong.share import (
    anything_to_make,
    find_extract,
    make_extract,
    make_waiting,
    renew_link,
    suspend_grant,
    take_extract,
    withdraw_extract,
)
from jutong.share.extracts import making
from jutong.terms import BadInput, Conflict, Denied, Unavailable

ITEMS = ("uscc", "name", "division")
ROWS = 60


@pytest.fixture(scope="module")
def grant(city, settings):
    city.merge([company(number, random.Random(number)) for number in range(ROWS)])
    city.folder = settings.extracts_folder
    return agree(city, method="file", items=ITEMS).id


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(making, "AT_ONCE_ROWS", ROWS - 1)


def ordered(city, grant, form="csv", **more):
    return make_extract(
        city.database, city.store, city.keys, city.folder, city.asker, grant, form, may_wait=True, **more
    )


def worked_once(city):
    return make_waiting(city.database, city.store, city.keys, city.folder)


def worked(city):
    made = []
    for _ in range(20):
        one = worked_once(city)
        if one is None:
            return made
        made.append(one)
    raise AssertionError(f"there is always one more: {made}")


def let_go(city, name):
    """The server lets go of a lock once it notices that nobody is there: seen by waiting for the lock itself."""
    with city.database.connect(autocommit=True) as connection:
        connection.execute("SET lock_timeout = '60s'")
        for step in ("lock", "unlock"):
            connection.execute(f"SELECT pg_advisory_{step}(hashtext('jutong_extract'), hashtext(%s))", [name])


def paused(city, name):
    """A minute or two later."""
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE extract SET started_at = started_at - interval '1 hour' WHERE id = %s", [name]
        )


def row(city, name):
    with city.database.connection() as connection:
        return connection.execute("SELECT * FROM extract WHERE id = %s", [name]).fetchone()


def take(city, made):
    return b"".join(take_extract(city.database, city.stream, city.folder, city.asker, made.link).blocks)


def test_a_large_file_is_queued_and_its_link_is_good_once_it_is_made(city, grant, tmp_path):
    made = ordered(city, grant, sealed=True, hours=3)
    assert (made.extract.state, made.extract.rows, made.extract.link_until) == ("queued", None, None)
    assert made.password not in str(row(city, made.extract.id))
    with pytest.raises(Denied) as early:
        take(city, made)
    assert early.value.code == "share.extract_not_ready"
    (ready,) = worked(city)
    assert (ready.id, ready.state, ready.rows, ready.links) == (made.extract.id, "ready", ROWS, 1)
    assert row(city, ready.id)["secret"] is None
    assert worked(city) == []
    (tmp_path / "file.zip").write_bytes(take(city, made))
    with pyzipper.AESZipFile(tmp_path / "file.zip") as archive:
        content = archive.read(archive.namelist()[0], pwd=made.password.encode())
    assert content.count(b"91430502MA") == ROWS
    assert row(city, ready.id)["state"] == "taken"


def test_the_worker_puts_the_making_on_its_queue_once(city, grant, settings):
    platform = Platform(settings, city.database, city.keys, city.store, city.ledger)
    prepare(city.database)

    def asked():
        _files(platform)
        with city.database.connection() as connection:
            found = connection.execute("SELECT count(*) AS n FROM job_run WHERE stage = 'extract'").fetchone()
        return found["n"]

    assert asked() == 0
    made = ordered(city, grant)
    assert (asked(), asked()) == (1, 1)
    run_stage(platform, "extract", None)
    assert row(city, made.extract.id)["state"] == "ready"


def test_a_small_file_is_made_while_the_page_waits(city, grant, monkeypatch):
    monkeypatch.setattr(making, "AT_ONCE_ROWS", ROWS)
    made = ordered(city, grant)
    assert (made.extract.state, made.extract.rows) == ("ready", ROWS)
    assert take(city, made)


def test_what_may_not_be_made_is_refused_before_it_waits(city, grant, monkeypatch):
    monkeypatch.setattr(making, "EXCEL_ROWS", ROWS - 1)
    monkeypatch.setattr(making, "_MOST_WAITING", 1)
    for wrong in ({"form": "excel"}, {"form": "docx"}, {"hours": 0}):
        with pytest.raises(BadInput):
            ordered(city, grant, **wrong)
    first = ordered(city, grant)
    with pytest.raises(Conflict) as many:
        ordered(city, grant)
    assert many.value.code == "share.extract_many"
    assert [one.id for one in worked(city)] == [first.extract.id]


def test_a_file_taken_back_while_it_waits_or_is_made_is_never_there(city, grant, monkeypatch):
    waiting = ordered(city, grant, sealed=True)
    assert withdraw_extract(city.database, city.folder, waiting.extract.id, "申请有误")
    assert worked(city) == []
    assert row(city, waiting.extract.id)["secret"] is None
    meant = ordered(city, grant)
    write = making.WRITERS["csv"]

    def and_then_not(file, words, outgoing, given):
        write(file, words, outgoing, given)
        assert withdraw_extract(city.database, city.folder, meant.extract.id, "不要了")

    monkeypatch.setitem(making.WRITERS, "csv", and_then_not)
    (became,) = worked(city)
    assert became.state == "withdrawn"
    assert not (city.folder / meant.extract.id).exists()
    for gone in (waiting, meant):
        with pytest.raises(Denied):
            take(city, gone)
        with pytest.raises(Conflict), city.database.connection() as connection:
            renew_link(connection, city.asker, gone.extract.id)


def test_a_file_in_the_making_is_taken_up_again_exactly_when_nobody_makes_it(city, grant):
    made = ordered(city, grant)
    rubbish = city.folder / made.extract.id
    rubbish.mkdir(parents=True)
    (rubbish / "rows").write_text("half")
    other = city.database.connect(autocommit=True)
    try:  # another worker at it
        other.execute("SELECT pg_advisory_lock(hashtext('jutong_extract'), hashtext(%s))", [made.extract.id])
        other.execute("UPDATE extract SET state = 'making', tries = 1 WHERE id = %s", [made.extract.id])
        assert worked(city) == []
    finally:
        other.close()  # killed
    let_go(city, made.extract.id)
    (ready,) = worked(city)
    assert (ready.state, row(city, ready.id)["tries"]) == ("ready", 2)
    assert take(city, made).count(b"91430502MA") == ROWS


def test_a_file_that_ends_its_worker_three_times_is_given_up(city, grant):
    made = ordered(city, grant, sealed=True)
    with city.database.connection() as connection:
        connection.execute("UPDATE extract SET state = 'making', tries = 3 WHERE id = %s", [made.extract.id])
    (given_up,) = worked(city)
    assert given_up.state == "failed"
    assert "多次中断" in given_up.problem
    assert row(city, made.extract.id)["secret"] is None
    with pytest.raises(Denied, match="没有生成"):
        take(city, made)


def test_one_that_cannot_be_made_says_why_and_holds_up_no_other(city, grant):
    other = agree(city, method="file", items=("uscc",)).id
    lost = ordered(city, other)
    kept = ordered(city, grant)
    with city.database.connection() as connection:
        suspend_grant(connection, other, "整改")
    states = {one.id: (one.state, one.problem) for one in worked(city)}
    assert states[lost.extract.id][0] == "failed"
    assert states[lost.extract.id][1]
    assert states[kept.extract.id] == ("ready", None)


def test_one_job_makes_one_file_and_the_loop_asks_again(city, grant, settings):
    platform = Platform(settings, city.database, city.keys, city.store, city.ledger)
    names = [ordered(city, grant).extract.id for _ in range(2)]
    for done in (1, 2):
        with city.database.connection() as connection:
            assert anything_to_make(connection)
        run_stage(platform, "extract", None)
        assert [row(city, name)["state"] for name in names].count("ready") == done
    with city.database.connection() as connection:
        assert not anything_to_make(connection)


class _Killed(BaseException):
    """Nothing in between hears of it, as of SIGKILL."""


def _subjects(city, name):
    with city.database.connection() as connection:
        return connection.execute(
            "SELECT count(DISTINCT bucket) AS buckets, count(*) AS rows, sum(length(hashes)) / 8 AS hashes"
            " FROM exchange_subjects WHERE request_id = %s",
            [f"extract/{name}"],
        ).fetchone()


@pytest.mark.parametrize("end", [_Killed, OperationalError])
def test_a_file_whose_subjects_were_kept_before_its_worker_ended_is_made_by_the_next(
    city, grant, monkeypatch, end
):
    made = ordered(city, grant, sealed=True)
    keep = making._keep

    def and_then_ended(*given):
        keep(*given)
        raise end("between the two")

    with monkeypatch.context() as only, contextlib.suppress(_Killed):
        only.setattr(making, "_keep", and_then_ended)
        worked_once(city)
    assert row(city, made.extract.id)["state"] == ("making" if end is _Killed else "queued")
    kept = _subjects(city, made.extract.id)
    assert kept["hashes"] == ROWS
    let_go(city, made.extract.id)
    paused(city, made.extract.id)
    assert [(one.id, one.state) for one in worked(city)] == [(made.extract.id, "ready")]
    assert _subjects(city, made.extract.id) == kept
    assert take(city, made)


def test_what_is_seen_waiting_and_made_by_another_meanwhile_keeps_its_file(city, grant):
    made = ordered(city, grant)
    assert worked(city)
    assert not making._make_one(city.database, city.store, city.keys, city.folder, made.extract.id)
    assert take(city, made).count(b"91430502MA") == ROWS


@pytest.mark.parametrize("fault", [Unavailable("store.busy", "湖正忙"), OperationalError("connection lost")])
def test_a_passing_fault_lets_the_file_wait_again_and_three_end_it(city, grant, monkeypatch, fault):
    made, behind = ordered(city, grant, sealed=True), ordered(city, grant, "parquet")

    def faulty(*_):
        raise fault

    with monkeypatch.context() as only:
        only.setitem(making.WRITERS, "csv", faulty)
        assert worked_once(city).state == "queued"
        assert not (city.folder / made.extract.id).exists()
        assert [(one.id, one.state) for one in worked(city)] == [(behind.extract.id, "ready")]
    waits = row(city, made.extract.id)
    assert (waits["tries"], waits["problem"], bool(waits["secret"])) == (1, None, True)
    paused(city, made.extract.id)
    assert worked_once(city).state == "ready"
    assert take(city, made)

    lost = ordered(city, grant)
    monkeypatch.setitem(making.WRITERS, "csv", faulty)
    became = []
    for _ in range(3):
        became.append(worked_once(city).state)
        paused(city, lost.extract.id)
    assert became == ["queued", "queued", "failed"]
    assert row(city, lost.extract.id)["problem"] in ("湖正忙", "OperationalError")


def test_a_fault_of_the_code_ends_the_file_and_leaves_its_traceback(city, grant, monkeypatch, caplog):
    made = ordered(city, grant)

    def faulty(*_):
        raise ZeroDivisionError

    monkeypatch.setitem(making.WRITERS, "csv", faulty)
    assert (worked_once(city).state, row(city, made.extract.id)["problem"]) == ("failed", "ZeroDivisionError")
    assert "in faulty" in caplog.text


def test_what_a_job_that_ended_well_said_of_a_fault_is_in_the_worker_s_log(
    city, settings, tmp_path, monkeypatch, caplog
):
    prepare(city.database)
    child = tmp_path / "child"
    child.write_text("#!/bin/sh\necho 'Traceback of a file' >&2\n")
    child.chmod(0o700)
    monkeypatch.setattr(jobs.sys, "executable", str(child))
    jobs.run_in_child(settings, city.database, ask(city.database, "fuse", "test"), "fuse")
    assert "Traceback of a file" in caplog.text


_WORKER = """
import sys, time
from pathlib import Path
from jutong.database import open_database
from jutong.keys import SoftwareKeys
from jutong.settings import read_settings
from jutong.share import make_waiting
from jutong.share.extracts import making
from jutong.store import Store

settings = read_settings(Path(sys.argv[1]), {}, database_url=sys.argv[2])
database = open_database(settings)

def never_done(file, words, outgoing, given):
    file.write_bytes(b"half")
    print("making", flush=True)
    time.sleep(3600)

making.WRITERS["csv"] = never_done
with Store.open(database, settings) as store:
    make_waiting(database, store, SoftwareKeys.open(settings.keys_folder), settings.extracts_folder)
"""


@pytest.mark.slow
def test_a_killed_worker_s_file_is_made_by_the_next(city, grant, settings):
    made = ordered(city, grant)
    child = subprocess.Popen(
        [sys.executable, "-c", _WORKER, settings.home, settings.database_url],
        env=os.environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "making\n"
        assert row(city, made.extract.id)["state"] == "making"
        assert worked(city) == []
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    let_go(city, made.extract.id)
    assert row(city, made.extract.id)["state"] == "making"
    assert [(one.id, one.state) for one in worked(city)] == [(made.extract.id, "ready")]
    assert take(city, made).count(b"91430502MA") == ROWS
    with city.database.connection() as connection:
        assert find_extract(connection, made.extract.id).state == "taken"
