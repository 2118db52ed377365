"""Fetching ahead: the next chunk is read from the lake while this one is on its way to the receiver."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_DEPTH = 2
_LOOK_SECONDS = 0.1


@contextmanager
def fetched_ahead(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """The same items in the same order, a few of them made in a thread before they are asked for.

    What making an item raises is raised where it would have been taken.  The thread is gone when the block ends,
    so whatever the items are read from may be closed then.
    """
    made: queue.Queue[T | _End] = queue.Queue(_DEPTH)
    ending = threading.Event()

    def put(one: T | _End) -> None:
        while not ending.is_set():
            try:
                made.put(one, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if ending.is_set():
                    return
            put(_End(None))
        except BaseException as problem:  # noqa: BLE001 - it belongs to whoever takes the item
            put(_End(problem))

    thread = threading.Thread(target=make, name="fetch-ahead", daemon=True)
    thread.start()
    try:
        yield _taken(made)
    finally:
        ending.set()
        thread.join()


class _End:
    def __init__(self, problem: BaseException | None) -> None:
        self.problem = problem


def _taken(made: queue.Queue[T | _End]) -> Iterator[T]:
    while True:
        one = made.get()
        if isinstance(one, _End):
            if one.problem is not None:
                raise one.problem
            return
        yield one
