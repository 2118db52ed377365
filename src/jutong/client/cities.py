"""Several ways in at once, for threads and for async code: every call has a ``City`` to itself while it lasts.

with Cities(lambda: City(url, token=…), most=8) as cities:
cities.do(lambda city: city.call("company", uscc=…).rows)                 # from any thread
await cities.soon(lambda city: list(city.rows("division", division=…)))   # from async code
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from jutong.client.city import City

T = TypeVar("T")


class Cities:
    """A ``City`` is opened when all others are busy, up to ``most``; then a call waits for one to come back."""

    def __init__(self, opened: Callable[[], City], *, most: int = 8) -> None:
        if most < 1:
            raise ValueError("most must be at least 1")
        self._opened, self._most = opened, most
        self._free: queue.LifoQueue[City] = queue.LifoQueue()
        self._all: list[City] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(most, "jutong-client")

    def do(self, work: Callable[[City], T]) -> T:
        """What ``work`` gives for a city nobody else is using; from any thread.  Raises what ``work`` raises."""
        city = self._take()
        try:
            return work(city)
        finally:
            self._free.put(city)

    async def soon(self, work: Callable[[City], T]) -> T:
        """The same from async code: the loop goes on meanwhile.  A cancelled call still ends by itself."""
        return await asyncio.wrap_future(self._pool.submit(self.do, work))

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for city in self._all:
            city.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> City:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            pass
        with self._lock:
            if len(self._all) < self._most:
                self._all.append(self._opened())
                return self._all[-1]
        return self._free.get()
