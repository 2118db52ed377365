"""Every job ends: done, failed with its sentence, killed at a limit, or swept when nobody looks after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from jutong.flows import jobs, prepare
from jutong.flows.jobs import memory_bytes, run_in_child, sweep
from jutong.settings import write_settings
from jutong.wiring import open_platform


@pytest.fixture(scope="module")
def city(settings):
    """A city without sources; the child finds its control database through the environment."""
    with open_platform(settings, make=True) as platform:
        write_settings(settings)
        prepare(platform.database)
        yield platform


@pytest.fixture(autouse=True)
def reached(monkeypatch, settings):
    monkeypatch.setenv("JUTONG_DATABASE_URL", settings.database_url)


def asked(database, stage: str, queued: bool = False) -> int:
    if queued:
        return jobs.ask(database, stage, "test")
    with database.connection() as connection:
        row = connection.execute(
            "INSERT INTO job_run (stage, asked_by) VALUES (%s, 'test') RETURNING id", [stage]
        ).fetchone()
        return row["id"]


def job(database, number: int) -> dict:
    with database.connection() as connection:
        return connection.execute("SELECT * FROM job_run WHERE id = %s", [number]).fetchone()


def queued(database, number: int) -> list[str]:
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT status::text FROM jobs.procrastinate_jobs WHERE (args ->> 'job')::bigint = %s", [number]
        ).fetchall()
        return [row["status"] for row in rows]


def test_a_stage_that_ends_well_is_done(city):
    number = asked(city.database, "fuse")
    run_in_child(city.settings, city.database, number, "fuse")
    found = job(city.database, number)
    assert (found["state"], found["progress"], found["process_id"]) == ("done", 1, None), found["note"]
    assert found["finished_at"] >= found["started_at"]


def test_a_stage_that_fails_keeps_its_last_sentence(city):
    number = asked(city.database, "nothing")
    run_in_child(city.settings, city.database, number, "nothing")
    found = job(city.database, number)
    assert found["state"] == "failed"
    assert "flows.no_stage" in found["note"]


def test_a_stage_over_its_time_is_killed_with_all_its_processes(city):
    number = asked(city.database, "fuse")
    run_in_child(replace(city.settings, job_timeout=0), city.database, number, "fuse")
    found = job(city.database, number)
    assert (found["state"], found["process_id"]) == ("killed", None)
    assert "0 秒" in found["note"]


def test_a_stage_over_its_memory_is_killed(city):
    number = asked(city.database, "fuse")
    run_in_child(replace(city.settings, lake_memory="1MB"), city.database, number, "fuse")
    assert (job(city.database, number)["state"], "内存" in job(city.database, number)["note"]) == (
        "killed",
        True,
    )


def test_a_child_that_says_much_is_not_stopped_by_it(city, monkeypatch):
    """Its words were once a pipe that nobody read."""
    talks = "import sys; sys.stderr.write('x' * 300_000 + '\\nlast words\\n'); sys.exit(3)"
    monkeypatch.setattr(
        jobs.subprocess, "Popen", lambda _command, **how: _POPEN([sys.executable, "-c", talks], **how)
    )
    number = asked(city.database, "fuse")
    run_in_child(replace(city.settings, job_timeout=60), city.database, number, "fuse")
    found = job(city.database, number)
    assert (found["state"], found["note"]) == ("failed", "last words")


_POPEN = subprocess.Popen


def test_a_job_whose_process_is_gone_is_swept_and_frees_the_queue(city):
    number = asked(city.database, "fuse", queued=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with city.database.connection() as connection:
        connection.execute("SET LOCAL search_path = jutong, jobs")
        connection.execute(
            "UPDATE job_run SET state = 'running', process_id = %s WHERE id = %s", [gone.pid, number]
        )
        connection.execute(
            "UPDATE jobs.procrastinate_jobs SET status = 'doing' WHERE (args ->> 'job')::bigint = %s",
            [number],
        )
    sweep(city.database)
    assert job(city.database, number)["state"] == "failed"
    assert queued(city.database, number) == ["failed"]


def test_an_orphan_is_ended_by_its_id_and_a_stranger_with_a_reused_id_is_not(city):
    orphaned, reused = asked(city.database, "fuse"), asked(city.database, "fuse")
    sleep = "import time; time.sleep(600)"
    with (
        subprocess.Popen(
            [sys.executable, "-c", sleep, "--job", str(orphaned)], start_new_session=True
        ) as child,
        subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True) as stranger,
    ):
        try:
            with city.database.connection() as connection:
                for number, process in ((orphaned, child), (reused, stranger)):
                    connection.execute(
                        "UPDATE job_run SET state = 'running', process_id = %s WHERE id = %s",
                        [process.pid, number],
                    )
            sweep(city.database)
            assert child.wait(30) != 0
            assert stranger.poll() is None
            assert {job(city.database, one)["state"] for one in (orphaned, reused)} == {"failed"}
        finally:
            for process in (child, stranger):
                process.kill()


def test_a_job_that_never_reached_the_queue_is_swept_and_a_waiting_one_is_not(city):
    lost, waiting, fresh = (
        asked(city.database, "fuse"),
        asked(city.database, "fuse", queued=True),
        asked(city.database, "fuse"),
    )
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE job_run SET asked_at = now() - interval '5 minutes' WHERE id = ANY(%s)", [[lost, waiting]]
        )
    sweep(city.database)
    assert [job(city.database, one)["state"] for one in (lost, waiting, fresh)] == [
        "failed",
        "waiting",
        "waiting",
    ]
    assert queued(city.database, waiting) == ["todo"]


def test_the_worker_takes_what_is_asked_and_ends_at_sigterm(city):
    with city.database.connection() as connection:
        connection.execute("SET LOCAL search_path = jobs")
        connection.execute("DELETE FROM procrastinate_jobs")
    number = asked(city.database, "fuse", queued=True)
    worker = subprocess.Popen(
        [sys.executable, "-m", "jutong.cli", "-C", str(city.settings.home), "work"],
        env=dict(os.environ), stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while job(city.database, number)["state"] in ("waiting", "running"):
            assert worker.poll() is None
            time.sleep(0.2)
        assert job(city.database, number)["state"] == "done"
        children = psutil.Process(worker.pid).children(recursive=True)
        worker.terminate()
        assert worker.wait() == 0
        assert psutil.wait_procs(children, timeout=30)[1] == []
    finally:
        worker.kill()
        worker.wait()


def test_memory_is_told_in_duckdbs_units():
    assert memory_bytes("4GB") == 4 * 10**9
    assert memory_bytes("512 MiB") == 512 * 2**20
