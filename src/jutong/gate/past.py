"""As of a past day: what a replica does not hold is asked of the lake, by the keeper, one record at a time.

A worker has no lake.  It writes one line of JSON to ``past.sock`` beside the replicas, and gets one line back: the rows
that bore these keys as that day ended, in the very columns of the service's replica.  Whose they are to see is not
decided here but where every answer is (``past_answers``), by the grants of today.

    {"service", "where": {key item: cell}, "as_of": "2026-03-01"}
    {"columns", "rows", "as_of": instant}   or   {"code", "sentence"}
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from jutong.database import Database
from jutong.gate.rights import Rights, Served
from jutong.store import Store
from jutong.terms import BadInput, Conflict, JutongError, NotFound, Unavailable, literal, quote

_LOG = logging.getLogger("jutong.gate")
#: A day is the city's own.
_ZONE = ZoneInfo("Asia/Shanghai")
#: Records of one key at most, before any grant's row filter.
MOST_FOUND = 2_000
#: Questions to the lake at the same time; who finds no place is told so at once.
_PLACES = 2
_LONGEST = 64 << 10
#: How long a worker that connected may take to say what it wants, in seconds.
_SAY = 5.0
SOCKET = "past.sock"


class Past(NotFound):
    """That day cannot be told any more, or not of this dataset."""


def check_day(service: Served, as_of: str, now: dt.datetime) -> dt.date:
    """The day asked for.  Raises BadInput ``gate.bad_query``, Past ``gate.past_not_offered``, ``gate.past_too_old``."""
    if service.kind != "query" or service.selection is not None or service.past_days is None:
        raise Past("gate.past_not_offered", f"服务 {service.name} 只应答现在的记录，不能用 as_of")
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


def told(database: Database, store: Store, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a service's replica would have held of one key as a day ended.

    Raises NotFound ``gate.no_service``, Past ``gate.past_forgotten``, ``gate.past_differs``, BadInput
    ``gate.too_many_rows``, and what the lake raises.
    """
    now = dt.datetime.now(dt.UTC)
    with database.connection() as connection:
        rights = Rights.read(connection)
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
        with store.reading(as_of=store.remembers(instant)) as lake:
            table = lake.as_today(service.dataset)
            found = lake.arrow(f"SELECT {said} FROM {table} WHERE {where} LIMIT {MOST_FOUND + 1}")
    except duckdb.ConversionException as problem:
        raise Past(
            "gate.past_differs", "那时这条记录的内容不合信息项现在的类型，不能按现在的接口应答"
        ) from problem
    except (NotFound, Conflict) as problem:
        code = "gate.past_differs" if problem.code == "store.was_other" else "gate.past_forgotten"
        raise Past(code, problem.sentence) from problem
    if found.num_rows > MOST_FOUND:
        raise BadInput("gate.too_many_rows", f"那一天符合的记录超过 {MOST_FOUND} 条，请按更细的项查询")
    rows = [list(row) for row in zip(*(one.to_pylist() for one in found.columns), strict=True)]
    as_of = instant.astimezone(dt.UTC).isoformat(timespec="seconds")
    return {"columns": [column.name for column in columns], "rows": rows, "as_of": as_of}


_AWAY = Unavailable("gate.past_away", "现在查不了过去某日的记录，请稍后再试")


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
        self._database, self._store = database, store
        self._places = threading.BoundedSemaphore(_PLACES)
        self._listening = socket.socket(socket.AF_UNIX)
        with short_path(folder) as place:
            (folder / SOCKET).unlink(missing_ok=True)
            self._listening.bind(place)
        (folder / SOCKET).chmod(0o600)
        self._listening.listen(16)

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

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
        if not self._places.acquire(blocking=False):
            return _said(Unavailable("gate.past_busy", "查过去某日的请求正多，请稍后再试"))
        try:
            return told(self._database, self._store, asked)
        except JutongError as problem:
            if problem.code.startswith("gate."):
                return _said(problem)
            _LOG.warning("过去某日的查询没有答成：%s", problem.code)
            return _said(_AWAY)
        except (duckdb.Error, psycopg.Error, OSError) as problem:
            # The engine's own words may hold a value it stumbled over.
            _LOG.warning("过去某日的查询没有答成：%s", type(problem).__name__)
            return _said(_AWAY)
        finally:
            self._places.release()


def _said(problem: JutongError) -> dict[str, Any]:
    return {"code": problem.code, "sentence": problem.sentence, "kind": _kind_of(problem)}


def _kind_of(problem: JutongError) -> str:
    if isinstance(problem, BadInput):
        return "input"
    return "past" if isinstance(problem, NotFound) else "away"


def raised(said: Mapping[str, Any]) -> JutongError:
    """The keeper's refusal as the worker raises it."""
    kinds: Mapping[str, type[JutongError]] = {"input": BadInput, "past": Past, "away": Unavailable}
    return kinds[said["kind"]](said["code"], said["sentence"])


@contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """The socket's path by way of its open folder: the kernel takes no path above 107 bytes."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{held}/{SOCKET}"
    finally:
        os.close(held)
