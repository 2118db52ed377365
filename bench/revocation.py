"""Seconds from the commit that takes a grant back to the last answer of any worker: three workers, asked without pause.

The limit is one NOTIFY heard over one idle connection of the same PostgreSQL.
"""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from tests.gate_city import Gate

from bench.gate import serving
from bench.measure import Result
from jutong.database import Database
from jutong.share import resume_grant, suspend_grant

WORKERS, ROUNDS, CALLERS = 3, 12, 6


class Caller(threading.Thread):
    """Asks over one connection, so one worker, and remembers when it was last answered and first refused."""

    def __init__(self, port: int, token: str, path: str) -> None:
        super().__init__(daemon=True)
        self._port, self._headers, self._path = port, {"Authorization": f"Bearer {token}"}, path
        self.answered, self.refused, self.ending = 0.0, 0.0, False

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self.ending:
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            answer.read()
            now = time.monotonic()
            if answer.status == 200:
                self.answered = now
            else:
                self.refused = now
        connection.close()


def run(rows: int) -> Result:
    began = time.perf_counter()
    with serving(rows, WORKERS) as (city, server, _, gate, token, grant):
        with asking(gate, token) as callers:
            took = [taken_back(city.database, grant, callers) for _ in range(ROUNDS)]
        return Result(
            name="revocation",
            rows=rows,
            value=max(took),
            unit="s",
            seconds=time.perf_counter() - began,
            limit=("one notification heard", heard(server.url("bench"))),
            extra={"workers": WORKERS, "rounds": ROUNDS, "median_s": round(statistics.median(took), 4)},
        )


@contextmanager
def asking(gate: Gate, token: str) -> Iterator[list[Caller]]:
    callers = [Caller(gate.port, token, "/v1/company?limit=1") for _ in range(CALLERS * WORKERS)]
    for one in callers:
        one.start()
    try:
        yield callers
    finally:
        for one in callers:
            one.ending = True
            one.join()


def taken_back(database: Database, grant: str, callers: list[Caller]) -> float:
    """Seconds from the commit to the last answer that still left, at any worker."""
    with database.connection() as connection:
        resume(connection, grant)
    begun = time.monotonic()
    while not all(one.answered > begun for one in callers):
        time.sleep(0.01)
    with database.connection() as connection:
        suspend_grant(connection, grant, "bench")
    committed = time.monotonic()
    while not all(one.refused > committed for one in callers):
        time.sleep(0.001)
    time.sleep(0.2)
    return max(0.0, max(one.answered for one in callers) - committed)


def resume(connection: psycopg.Connection[dict[str, object]], grant: str) -> None:
    row = connection.execute("SELECT state FROM share_grant WHERE id = %s", (grant,)).fetchone()
    if row is not None and row["state"] == "suspended":
        resume_grant(connection, grant)


def heard(url: str) -> float:
    """Median seconds until another connection hears a notification."""
    with psycopg.connect(url, autocommit=True) as hearing, psycopg.connect(url, autocommit=True) as telling:
        hearing.execute("LISTEN bench")
        took = []
        for _ in range(50):
            at = time.perf_counter()
            telling.execute("NOTIFY bench")
            next(hearing.notifies(timeout=5, stop_after=1))
            took.append(time.perf_counter() - at)
    return statistics.median(took)
