"""As of a past day, at the worker: the keeper is asked, and its rows are answered as if a replica had held them.

They go into a replica of their own, in memory, and through the same steps 5–7 as every other answer: the grants of
today, their row filter over the record as it was, their masks, the exchange, which says what day was asked for.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from jutong.gate.answering import (
    Hasher,
    decide,
    evidenced,
    fresh,
    key_values,
    only_what_is_granted,
    renewed,
)
from jutong.gate.answering import told as objects
from jutong.gate.calls import Draft, Known, Pending, refusal
from jutong.gate.past import AWAY, BUSY, LONGEST_READ, Past, raised, short_path
from jutong.gate.replicas import Replica
from jutong.gate.rights import Rights
from jutong.terms import Denied, JutongError, Unavailable, quote

#: How long a caller waits for the lake, in seconds: as long as a question may take there.
PATIENCE = LONGEST_READ
#: Questions of one worker under way.
_MOST = 8
_LONGEST = 16 << 20


class PastAnswers:
    """One per worker; used inside its event loop."""

    def __init__(self, folder: Path, rights: Callable[[], Rights | None], hashed: Hasher) -> None:
        self._folder, self._rights, self._hashed = folder, rights, hashed
        #: The applications that wait, each for one answer: nobody can shut the others out.
        self._under_way: set[str] = set()

    async def answer(self, pending: Pending) -> Draft:
        """The draft of the answer or of a problem document."""
        known = Known(pending.who, pending.service, pending.asked)
        try:
            application = pending.who.application
            if application in self._under_way or len(self._under_way) >= _MOST:
                raise Unavailable(BUSY.code, BUSY.sentence)
            self._under_way.add(application)
            try:
                said = await self._told(pending)
            finally:
                self._under_way.discard(application)
            return self._answer(pending, said, known)
        except JutongError as problem:
            return refusal(pending.call, problem, known)

    def _answer(self, pending: Pending, said: Mapping[str, Any], known: Known) -> Draft:
        """3 and 5 again, for rights may have changed while the lake was asked; then 6 and 7."""
        rights = fresh(self._rights())
        still = renewed(pending, rights, dt.datetime.now(dt.UTC))
        if "code" in said:
            raise _refused(still, raised(said))
        asked = still.asked._replace(as_of=None)
        values = key_values(asked.where, still.service)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            held = _replica(still.service.name, connection, said)
            # What is decided over this replica is of no use to the next call.
            apart = replace(rights, decided={})
            for ready in decide(still.who, still.service, asked, apart, held, still.call.at):
                known.entitled = ready.entitled
                rows = only_what_is_granted(ready, asked, values)
                if rows or not ready.entitled.where:
                    more, rows = len(rows) > ready.limit, rows[: ready.limit]
                    body = orjson.dumps({"rows": objects(ready, rows), "next": None, "more": more})
                    return evidenced(still.call, ready, body, rows, self._hashed)
        raise _no_row()

    async def _told(self, pending: Pending) -> dict[str, Any]:
        values = dict(key_values(pending.asked.where, pending.service))
        question = {
            "service": pending.service.name,
            "application": pending.who.application,
            "where": values,
            "as_of": pending.asked.as_of,
        }
        try:
            return await asyncio.wait_for(self._said(json.dumps(question).encode()), PATIENCE)
        except (OSError, ValueError, TimeoutError) as problem:
            raise Unavailable(AWAY.code, AWAY.sentence) from problem

    async def _said(self, question: bytes) -> dict[str, Any]:
        with short_path(self._folder) as place:
            reader, writer = await asyncio.open_unix_connection(place, limit=_LONGEST)
        try:
            writer.write(question + b"\n")
            await writer.drain()
            said: dict[str, Any] = orjson.loads(await reader.readline())
            return said
        finally:
            writer.close()


def _refused(pending: Pending, problem: JutongError) -> JutongError:
    """The keeper knows no row filter: whether the record is one of the granted rows, nobody can say here."""
    if isinstance(problem, Past) and problem.of_row and all(one.where for one in pending.grounds):
        return _no_row()
    return problem


def _no_row() -> Denied:
    return Denied("share.row_not_granted", "授权的行范围内没有这条记录")


def _replica(service: str, connection: sqlite3.Connection, said: Mapping[str, Any]) -> Replica:
    names = [quote(name) for name in said["columns"]]
    connection.execute(f"CREATE TABLE data (_n INTEGER PRIMARY KEY, {', '.join(names)})")
    connection.executemany(
        f"INSERT INTO data ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})", said["rows"]
    )
    return Replica(service, "past", frozenset(said["columns"]), connection, said["as_of"])
