"""Files of many rows are made by the worker: seen waiting, taken back, made once however often a worker is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest
import pyzipper
from tests.share_city import agree, company

from jutong.flows import Platform, prepare
from jutong.flows.working import _files, run_stage
from jutong.share import (
    ask_extract,
    find_extract,
    make_waiting,
    renew_link,
    suspend_grant,
    take_extract,
    withdraw_extract,
)
from jutong.share.extracts import making
from jutong.terms import BadInput, Conflict, Denied

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
    return ask_extract(city.database, city.store, city.keys, city.folder, city.asker, grant, form, **more)


def worked(city):
    return make_waiting(city.database, city.store, city.keys, city.folder)


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
    became = []
    while not became:  # the server lets go of the lock as soon as it notices that nobody is there
        became = worked(city)
    assert became[0].state == "ready"
    assert take(city, made).count(b"91430502MA") == ROWS
    with city.database.connection() as connection:
        assert find_extract(connection, made.extract.id).state == "taken"
