"""As of a past day: what a replica does not hold is asked of the lake, by the keeper, one record at a time.

A worker has no lake.  It writes one line of JSON to ``past.sock`` beside the replicas, and gets one line back: the rows
that bore these keys as that day ended, in the very columns of the service's replica.  Whose they are to see is not
decided here but where every answer is (``past_answers``), by the grants of today.

    {"service", "application", "where": {key item: cell}, "as_of": "2026-03-01"}
    {"columns", "rows", "as_of": instant}   or   {"code", "sentence"}
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from jutong.database import Database
from jutong.gate.rights import Rights, Served, fingerprint
from jutong.store import Reading, Store
from jutong.terms import BadInput, Conflict, JutongError, NotFound, Unavailable, literal, quote

_LOG = logging.getLogger("jutong.gate")
#: A day is the city's own.
_ZONE = ZoneInfo("Asia/Shanghai")
#: Questions to the lake at the same time, each of another application; who finds no place is told so at once.
_PLACES = 2
#: How long a question may keep its place at the lake, in seconds: its caller waits no longer.
LONGEST_READ = 15.0
#: How long to wait, in seconds, when the machine had no file or thread left for a question.
_PAUSE = 1.0
_LONGEST = 64 << 10
#: How long a worker that connected may take to say what it wants, in seconds.
_SAY = 5.0
SOCKET = "past.sock"


class Past(NotFound):
    """That day cannot be told any more, or not of this dataset.

    ``of_row``: because of what the record held; so whoever is told learns that there was one.
    """

    def __init__(self, code: str, sentence: str, *, of_row: bool = False) -> None:
        super().__init__(code, sentence)
        self.of_row = of_row


def check_day(service: Served, as_of: str, now: dt.datetime) -> dt.date:
    """The day asked for.  Raises BadInput ``gate.bad_query``, Past ``gate.past_not_offered``, ``gate.past_too_old``."""
    if service.kind != "query" or service.selection is not None or service.past_days is None:
        raise Past("gate.past_not_offered", f"服务 {service.name} 只应答现在的记录，不能用 as_of")
    if not service.dataset_keys or not set(service.dataset_keys) <= set(service.keys):
        # Of many records a row filter would leave some, and every limit before it would tell of the others.
        raise Past("gate.past_not_offered", f"服务 {service.name} 的查询项不含数据集的主键，不能用 as_of")
    try:
        day = dt.datetime.strptime(as_of, "%Y-%m-%d").date()
    except ValueError as problem:
        raise BadInput("gate.bad_query", "as_of 应为日期，形如 2026-03-01") from problem
    today = now.astimezone(_ZONE).date()
    if day >= today:
        raise BadInput("gate.bad_query", "as_of 应为过去的某一天；今天的记录不用 as_of 查")
    if (today - day).days > service.past_days:
        raise Past("gate.past_too_old", f"服务 {service.name} 只能查 {service.past_days} 天以内的记录")
    return day


def end_of(day: dt.date) -> dt.datetime:
    """The instant at which a day ended."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), _ZONE)


def told(rights: Rights, store: Store, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a service's replica would have held of one record as a day ended.

    Raises NotFound ``gate.no_service``, Past ``gate.past_forgotten``, ``gate.past_differs``, and what the lake raises.
    """
    now = dt.datetime.now(dt.UTC)
    service = rights.services.get(str(asked["service"]))
    shapes = replace(rights, services={service.name: service}).shapes(now) if service else {}
    if service is None or service.name not in shapes:
        raise NotFound("gate.no_service", "没有这个接口服务，或已停止")
    instant = end_of(check_day(service, str(asked["as_of"]), now))
    columns = shapes[service.name].columns
    where = " AND ".join(
        f"{quote(name)} = TRY_CAST({literal(asked['where'][name])} AS {kind})"
        for name, kind in store.types(service.dataset, service.keys).items()
    )
    said = ", ".join(f"{column.sql} AS {quote(column.name)}" for column in columns)
    try:
        with store.reading(as_of=store.remembers(instant)) as lake, stopped_after(lake, LONGEST_READ):
            table = lake.as_today(service.dataset)
            found = lake.arrow(f"SELECT {said} FROM {table} WHERE {where} LIMIT 2")
    except duckdb.ConversionException as problem:
        raise Past(
            "gate.past_differs",
            "那时这条记录的内容不合信息项现在的类型，不能按现在的接口应答",
            of_row=True,
        ) from problem
    except (NotFound, Conflict) as problem:
        code = "gate.past_differs" if problem.code == "store.was_other" else "gate.past_forgotten"
        raise Past(code, problem.sentence) from problem
    if found.num_rows > 1:
        raise Past("gate.past_differs", "那时数据集按别的主键区分记录，认不出是哪一条", of_row=True)
    rows = [list(row) for row in zip(*(one.to_pylist() for one in found.columns), strict=True)]
    as_of = instant.astimezone(dt.UTC).isoformat(timespec="seconds")
    return {"columns": [column.name for column in columns], "rows": rows, "as_of": as_of}


@contextmanager
def stopped_after(lake: Reading, seconds: float) -> Iterator[None]:
    """A statement still running after so long is interrupted: it raises ``duckdb.InterruptException``."""
    done = threading.Event()

    def stop() -> None:
        wait = seconds
        while not done.wait(wait):
            # Again and again, for one that comes between two statements is forgotten.
            lake.interrupt()
            wait = 0.2

    stopping = threading.Thread(target=stop, name="past-stop", daemon=True)
    stopping.start()
    try:
        yield
    finally:
        done.set()
        stopping.join()  # or it would interrupt a cursor that is closed


class Picture:
    """Rights as they are now, read again only when something in them has changed."""

    def __init__(self, database: Database) -> None:
        self._database, self._lock = database, threading.Lock()
        self._seen = ""
        self._rights: Rights | None = None

    def now(self) -> Rights:
        with self._lock:
            with self._database.connection() as connection:
                seen = fingerprint(connection)
            if self._rights is None or seen != self._seen:
                # In a transaction of its own, begun later: what it reads is as new as the fingerprint or newer.
                with self._database.connection() as connection:
                    self._rights, self._seen = Rights.read(connection), seen
            return self._rights


AWAY = Unavailable("gate.past_away", "现在查不了过去某日的记录，请稍后再试")
BUSY = Unavailable("gate.past_busy", "查过去某日的请求正多，请稍后再试")


def answer_past(folder: Path, database: Database, store: Store) -> None:
    """Answer workers' questions in threads of this process; where no socket can be made, the present goes on alone."""
    try:
        Answering(folder, database, store).start()
    except OSError as problem:
        _LOG.warning("过去某日的查询不开：%s", problem.strerror)


class Answering(threading.Thread):
    """The keeper's end of the socket; a daemon, gone with its process."""

    def __init__(self, folder: Path, database: Database, store: Store) -> None:
        super().__init__(name="past", daemon=True)
        self._picture, self._store = Picture(database), store
        self._lock = threading.Lock()
        self._asking: set[str] = set()
        self._listening = socket.socket(socket.AF_UNIX)
        with short_path(folder) as place:
            (folder / SOCKET).unlink(missing_ok=True)
            self._listening.bind(place)
        (folder / SOCKET).chmod(0o600)
        self._listening.listen(16)

    def run(self) -> None:
        while True:
            self.take()

    def take(self) -> None:
        """One question, in a thread of its own; a machine that has no file or thread left now may have one soon."""
        connection = None
        try:
            connection, _ = self._listening.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        except (OSError, RuntimeError) as problem:
            if connection is not None:
                connection.close()
            _LOG.warning("过去某日的查询没有接上：%s", problem)
            time.sleep(_PAUSE)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(_SAY)
                with connection.makefile("rb") as lines:
                    asked = json.loads(lines.readline(_LONGEST))
                connection.sendall(json.dumps(self._answer(asked)).encode() + b"\n")
            except (OSError, ValueError) as problem:
                _LOG.warning("过去某日的查询没有答成：%s", type(problem).__name__)

    def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        # Each worker lets one question of an application pass; there are several workers.
        application = str(asked["application"])
        with self._lock:
            if application in self._asking or len(self._asking) >= _PLACES:
                return _said(BUSY)
            self._asking.add(application)
        try:
            return told(self._picture.now(), self._store, asked)
        except JutongError as problem:
            if problem.code.startswith("gate."):
                return _said(problem)
            _LOG.warning("过去某日的查询没有答成：%s", problem.code)
            return _said(AWAY)
        except (duckdb.Error, psycopg.Error, OSError) as problem:
            # The engine's own words may hold a value it stumbled over.
            _LOG.warning("过去某日的查询没有答成：%s", type(problem).__name__)
            return _said(AWAY)
        finally:
            with self._lock:
                self._asking.discard(application)


def _said(problem: JutongError) -> dict[str, Any]:
    of_row = isinstance(problem, Past) and problem.of_row
    return {"code": problem.code, "sentence": problem.sentence, "kind": _kind_of(problem), "of_row": of_row}


def _kind_of(problem: JutongError) -> str:
    if isinstance(problem, BadInput):
        return "input"
    return "past" if isinstance(problem, NotFound) else "away"


def raised(said: Mapping[str, Any]) -> JutongError:
    """The keeper's refusal as the worker raises it."""
    if said["kind"] == "past":
        return Past(said["code"], said["sentence"], of_row=said["of_row"])
    kinds: Mapping[str, type[JutongError]] = {"input": BadInput, "away": Unavailable}
    return kinds[said["kind"]](said["code"], said["sentence"])


@contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """The socket's path by way of its open folder: the kernel takes no path above 107 bytes."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{held}/{SOCKET}"
    finally:
        os.close(held)
