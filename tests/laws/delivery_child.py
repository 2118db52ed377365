"""One run of a delivery in a process of its own, to be killed at any instant.

``polite`` runs as any job would; ``rude`` goes without the advisory lock, so that only the receiver's checkpoint stands
between two runs; ``dies METHOD NTH before|after`` ends itself with SIGKILL at that call.
"""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from tests.share_city import City, close_city, open_city

from jutong.settings import read_settings
from jutong.share import MysqlReceiver, PostgresReceiver, deliver, delivering
from jutong.terms import Conflict


@dataclass(frozen=True)
class Told:
    """What a child is told; ``manner`` is one of those above."""

    home: str
    database_url: str
    receiver_url: str
    name: str
    chunk_rows: int
    manner: tuple[str, ...] = ("polite",)


def run(told: Told, line: Connection) -> None:
    """Open the city, say so, wait to be let go, deliver, say how it ended."""
    settings = replace(read_settings(told.home, {}), database_url=told.database_url, lake_memory="512MB")
    city = open_city(settings, told.receiver_url)
    if told.manner[0] == "rude":
        delivering._politely = lambda *_: nullcontext()  # type: ignore[assignment]
    elif told.manner[0] == "dies":
        die_at(city, *told.manner[1:])
    line.send("ready")
    line.recv()
    try:
        done = deliver(
            city.database, city.store, city.stream, city.keys, told.name, chunk_rows=told.chunk_rows
        )
        line.send(f"done {done.kind} {done.upserted} {done.deleted}")
    except Conflict as problem:
        line.send(f"gave way {problem.code}")
    finally:
        close_city(city)


def die_at(city: City, method: str, nth: str, when: str) -> None:
    """SIGKILL at the nth call of a method of the stream or the receiver, before or after it takes effect."""
    of_stream = method == "record"
    owner: Any = city.stream if of_stream else MysqlReceiver if "kind" in city.receiver else PostgresReceiver
    real, calls = getattr(owner, method), []

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(None)
        if len(calls) == int(nth) and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*given, **named)
        if len(calls) == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, method, counted)
