"""The gate's limit: the same server, one SQLite read by key, one fsynced 100-byte record, nothing else.

No token, no grant, no mask, no metering, no signature; group commit as in the gate.  ``/constant`` is the same server
without even the read and the record.  Started by bench/gate.py:
``python -m bench.limits.gate PORT SQLITE_FILE RECORD_FILE``.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
from granian.constants import Interfaces, Loops
from granian.server import Server

#: An answer that nothing was read or written for, as long as the others.
CONSTANT = orjson.dumps({"rows": [{"uscc": "9" * 18, "text": "x" * 190}]})


class Limit:
    def __init__(self, data: str, record: str) -> None:
        self._data = sqlite3.connect(
            f"file:{data}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._data.execute("PRAGMA mmap_size = 17179869184")
        columns = [row[1] for row in self._data.execute("PRAGMA table_info(data)") if row[1] != "_n"]
        self._names = columns
        named = ", ".join(f'"{name}"' for name in columns)
        self._sql = f'SELECT {named} FROM data WHERE "uscc" = ?'
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[asyncio.Future[None]] = []
        self._writing = False

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.path == "/constant":
            protocol.response_bytes(200, [("content-type", "application/json")], CONSTANT)
            return
        rows = self._data.execute(self._sql, (scope.query_string[5:],)).fetchall()
        body = orjson.dumps({"rows": [dict(zip(self._names, row, strict=True)) for row in rows]})
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        if not self._writing:
            self._writing = True
            loop.call_soon(self._write, loop)
        await future
        protocol.response_bytes(200, [("content-type", "application/json")], body)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []
        self._thread.submit(self._commit, loop, batch)

    def _commit(self, loop: asyncio.AbstractEventLoop, batch: list[asyncio.Future[None]]) -> None:
        os.write(self._record, b"x" * 100 * len(batch))
        os.fdatasync(self._record)
        loop.call_soon_threadsafe(self._tell, loop, batch)

    def _tell(self, loop: asyncio.AbstractEventLoop, batch: list[asyncio.Future[None]]) -> None:
        for future in batch:
            future.set_result(None)
        if self._waiting:
            self._write(loop)
        else:
            self._writing = False


def make(data: str, record: str) -> Any:
    return Limit(data, record)


if __name__ == "__main__":
    Server(
        "bench", address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.RSGI, workers=1, loop=Loops.uvloop,
        websockets=False, log_enabled=False,
    ).serve(target_loader=partial(make, *sys.argv[2:4]), wrap_loader=False)  # fmt: skip
