"""A limit on opening a receiver, whatever the driver: some know none, others forget it once the line is up.

A server that accepts and never answers would hold whoever asks for minutes, or for ever.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from jutong.share.receiver.contract import Receiver
from jutong.terms import Unavailable


def opened_within(seconds: float, opening: Callable[[], Receiver]) -> Receiver:
    """What ``opening`` opens, or raises, in ``seconds`` at most.

    A driver cannot be interrupted: what it opens too late is closed as soon as it is there, by a thread that stops
    nothing from ending.  Raises Unavailable ``share.receiver_silent``.
    """
    answered: queue.Queue[Receiver | BaseException] = queue.Queue(1)
    given_up = threading.Lock()  # whoever takes it first decides: delivered, or given up

    def open_it() -> None:
        found: Receiver | BaseException
        try:
            found = opening()
        except BaseException as problem:  # noqa: BLE001 - it belongs to whoever waits
            found = problem
        if given_up.acquire(blocking=False):
            answered.put(found)
        elif isinstance(found, Receiver):
            found.close()

    threading.Thread(target=open_it, name="opening-receiver", daemon=True).start()
    try:
        found = answered.get(timeout=seconds)
    except queue.Empty:
        if given_up.acquire(blocking=False):
            raise Unavailable(
                "share.receiver_silent", f"接收库接了连接，但 {seconds:g} 秒内没有应答"
            ) from None
        found = answered.get()
    if isinstance(found, BaseException):
        raise found
    return found
