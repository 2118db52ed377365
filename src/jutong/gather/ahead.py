"""Reading ahead: a thread of its own reads from the source while the lake writes what came before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, Self, TypeVar

Thing = TypeVar("Thing")
#: Things that may wait; a source's batch has some ten thousand rows.
_WAITING = 8


class Ahead(Generic[Thing]):
    """Iterate it once, inside ``with``; what the source raises is raised here, at its place."""

    def __init__(self, things: Iterator[Thing], waiting: int = _WAITING) -> None:
        self._things = things
        self._queue: queue.Queue[tuple[Thing | None, BaseException | None, bool]] = queue.Queue(waiting)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._read, name="gather-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        while self._thread.is_alive():
            self._drain()
            self._thread.join(0.05)

    def __iter__(self) -> Iterator[Thing]:
        while True:
            thing, problem, over = self._queue.get()
            if problem is not None:
                raise problem
            if over:
                return
            yield thing  # type: ignore[misc]

    def _read(self) -> None:
        problem: BaseException | None = None
        try:
            for thing in self._things:
                if not self._put((thing, None, False)):
                    return
        except BaseException as raised:  # noqa: BLE001  it is told where the things are taken
            problem = raised
        finally:
            close = getattr(self._things, "close", None)
            if close is not None:
                close()
        self._put((None, problem, True))

    def _put(self, one: tuple[Thing | None, BaseException | None, bool]) -> bool:
        while not self._left.is_set():
            try:
                self._queue.put(one, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def _drain(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            pass
