"""Jobs: a stage run as a child process of its own, watched, and always brought to a terminal state.

The worker schedules with procrastinate and does no work itself: one out-of-memory or crash in native code takes
one job, not all (design §6).  One heavy job at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any

import procrastinate
import psutil
import psycopg
from psycopg.types.json import Jsonb

from jutong.database import Database, named_sql
from jutong.settings import Settings

sql = named_sql(__file__)

log = logging.getLogger(__name__)

#: Twice DuckDB's own limit and some: beyond it a job is taken for runaway (design §11: limit = half the budget).
_MEMORY_FACTOR = 2.5
#: Of what a child said, enough for its last traceback.
_LAST_BYTES = 16_384
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True)
class JobRun:
    """One row of ``job_run``."""

    id: int
    stage: str
    state: str
    progress: float
    note: str
    asked_by: str
    asked_at: Any
    started_at: Any
    finished_at: Any

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> JobRun:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def prepare(database: Database) -> None:
    """Make procrastinate's own tables, in schema ``jobs``, once."""
    with database.connect(autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS jobs")
        if connection.execute("SELECT to_regclass('jobs.procrastinate_jobs') AS found").fetchone() == {
            "found": None
        }:
            schema = procrastinate.schema.SchemaManager.get_schema()
            connection.execute("SET search_path = jobs")
            connection.execute(schema.encode())


def ask(database: Database, stage: str, asked_by: str, **arguments: Any) -> int:
    """Put a stage on the queue; returns the id of its ``job_run``.

    The row and the job are written in two transactions; a row whose job was lost is picked up by ``sweep``.
    """
    with database.connection() as connection:
        asked = connection.execute(
            sql.ask_job, {"stage": stage, "arguments": Jsonb(arguments), "asked_by": asked_by}
        ).fetchone()
        assert asked is not None
    app = _app(procrastinate.SyncPsycopgConnector(conninfo=database.url, kwargs={"options": _JOBS_PATH}))
    with app.open():
        app.configure_task("jutong.stage", queue="heavy", lock="heavy").defer(job=asked["id"], stage=stage)
    return int(asked["id"])


_JOBS_PATH = "-c search_path=jobs"


def arguments_of(database: Database, job: int) -> dict[str, Any]:
    """What a job was asked for with."""
    with database.connection() as connection:
        row = connection.execute(sql.job_arguments, {"id": job}).fetchone()
    return dict(row["arguments"]) if row else {}


def recent(connection: psycopg.Connection[Any], limit: int = 50) -> list[JobRun]:
    return [JobRun.from_row(row) for row in connection.execute(sql.recent_jobs, {"limit": limit})]


def report(database: Database, job: int, progress: float, note: str) -> None:
    """How far a running job has come; called by the child itself."""
    with database.connection() as connection:
        connection.execute(sql.report_job, {"id": job, "progress": min(1.0, progress), "note": note})


def run_in_child(settings: Settings, database: Database, job: int, stage: str) -> None:
    """Run one stage in a process group of its own; end it by id at the time or memory limit."""
    command = [
        sys.executable,
        "-m",
        "jutong.cli",
        "-C",
        str(settings.home),
        "stage",
        stage,
        "--job",
        str(job),
    ]
    # Its words go to a file: a pipe nobody reads would stop a child that says much.
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,
        )
        with database.connection() as connection:
            row = connection.execute(sql.start_job, {"id": job, "process_id": child.pid}).fetchone()
        timeout = int((row or {}).get("timeout") or settings.job_timeout)
        state, note = _watch(child, settings, words, timeout)
        # One that ended well may have gone on after a fault, and its words end with this file.  What a broken one says
        # last may hold rows' values: of that the note keeps one line, the log none.
        if state == "done" and (said := _said(words)):
            log.warning("job %s, %s\n%s", job, stage, said)
    with database.connection() as connection:
        connection.execute(sql.end_job, {"id": job, "state": state, "note": note})


def _watch(
    child: subprocess.Popen[bytes], settings: Settings, words: IO[bytes], timeout: int
) -> tuple[str, str]:
    deadline = time.monotonic() + timeout
    limit = memory_bytes(settings.lake_memory) * _MEMORY_FACTOR
    while child.poll() is None:
        if time.monotonic() > deadline:
            _end(child)
            return "killed", f"超过 {timeout} 秒，已终止"
        if _resident(child.pid) > limit:
            _end(child)
            return "killed", "内存超过上限，已终止"
        time.sleep(0.2)
    if child.returncode == 0:
        return "done", "完成"
    said = _said(words).splitlines()
    return "failed", said[-1] if said else f"进程以 {child.returncode} 结束"


def _said(words: IO[bytes]) -> str:
    words.seek(max(0, words.seek(0, os.SEEK_END) - _LAST_BYTES))
    return words.read().decode(errors="replace").strip()


def _resident(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def memory_bytes(text: str) -> int:
    """``4GB`` in bytes, in DuckDB's units."""
    number = text.rstrip("BbIiKkMmGg")
    return int(float(number) * _UNITS[text[len(number) :].strip().upper()])


def sweep(database: Database) -> None:
    """Bring every job to an end that nobody looks after: its worker was killed, or it never reached the queue.

    A child that outlived its worker is ended by its id, for nobody would see its end.  The queue forgets it too,
    else its lock would hold back every job to come.
    """
    with database.connection() as connection:
        # The queue's triggers find their own tables by the search path.
        connection.execute("SET LOCAL search_path = jutong, jobs")
        for row in connection.execute(sql.running_jobs).fetchall():
            child = _child_of(row["id"], row["process_id"])
            if child is not None and _looked_after(child):
                continue
            if child is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            _end_job(connection, row["id"], "执行进程已不在")
        for row in connection.execute(sql.lost_jobs).fetchall():
            _end_job(connection, row["id"], "没有排进队列")


def _end_job(connection: psycopg.Connection[Any], job: int, note: str) -> None:
    connection.execute(sql.end_job, {"id": job, "state": "failed", "note": note})
    connection.execute(sql.forget_job, {"id": job})


def _child_of(job: int, pid: int | None) -> psutil.Process | None:
    """The living process of a job; None when its id is nobody's, or by now a stranger's."""
    try:
        process = psutil.Process(pid or 0)
        ours = process.cmdline()[-2:] == ["--job", str(job)] and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if ours else None


def _looked_after(child: psutil.Process) -> bool:
    try:
        parent = child.parent()
        return parent is not None and parent.cmdline()[-1:] == ["work"]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _app(connector: procrastinate.BaseConnector) -> procrastinate.App:
    app = procrastinate.App(connector=connector)
    return app


def work(settings: Settings, database: Database) -> None:
    """Take jobs until SIGINT or SIGTERM."""
    sweep(database)
    app = _app(procrastinate.PsycopgConnector(conninfo=database.url, kwargs={"options": _JOBS_PATH}))

    @app.task(name="jutong.stage", queue="heavy", lock="heavy")
    async def stage_task(job: int, stage: str) -> None:
        await asyncio.to_thread(run_in_child, settings, database, job, stage)

    @app.periodic(cron="0 2 * * *")
    @app.task(name="jutong.nightly", queue="light")
    async def nightly(timestamp: int) -> None:  # noqa: ARG001  procrastinate passes it by name
        await asyncio.to_thread(ask, database, "night", "schedule")

    async def run() -> None:
        async with app.open_async():
            await app.run_worker_async(concurrency=2, install_signal_handlers=True)

    asyncio.run(run())
