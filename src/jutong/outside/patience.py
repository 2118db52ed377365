"""A limit on opening a line, whatever the driver: some know none, others forget it once the line is up.

A server that accepts and never answers would hold whoever asks for minutes, or for ever.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar


class Closing(Protocol):
    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=Closing)


class NotLetIn(TimeoutError):
    """Nobody let us in, and nobody refused."""


def opened_within(seconds: float, opening: Callable[[], Opened]) -> Opened:
    """What ``opening`` opens, or raises, in ``seconds`` at most.

    A driver cannot be interrupted: what it opens too late is closed as soon as it is there, by a thread that stops
    nothing from ending.  Raises NotLetIn.
    """
    answered: queue.Queue[Opened | BaseException] = queue.Queue(1)
    given_up = threading.Lock()  # whoever takes it first decides: delivered, or given up

    def open_it() -> None:
        found: Opened | BaseException
        try:
            found = opening()
        except BaseException as problem:  # noqa: BLE001 - it belongs to whoever waits
            found = problem
        if given_up.acquire(blocking=False):
            answered.put(found)
        elif not isinstance(found, BaseException):
            found.close()

    threading.Thread(target=open_it, name="opening", daemon=True).start()
    try:
        found = answered.get(timeout=seconds)
    except queue.Empty:
        if given_up.acquire(blocking=False):
            raise NotLetIn(f"{seconds:g} 秒没有连上") from None
        found = answered.get()
    if isinstance(found, BaseException):
        raise found
    return found
