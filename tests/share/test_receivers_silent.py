"""A server that accepts and never answers holds nobody up for long, whatever the driver."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jutong.share import receiver as receivers
from jutong.share import try_receiver
from jutong.share.receiver import opened_within
from jutong.terms import Unavailable


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes every connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listening.accept()[0])
                except OSError:
                    return

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for one in held:
            one.close()


def test_trying_a_silent_receiver_ends_by_itself_and_says_so(silent: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(receivers, "_CONNECT_SECONDS", 1)
    monkeypatch.setattr(receivers, "_GRACE", 0.5)
    where = {"host": "127.0.0.1", "port": silent, "dbname": "x", "user": "x"}
    kinds: list[dict[str, Any]] = [
        {"kind": "postgres"},
        {"kind": "mysql"},
        {"kind": "sqlalchemy", "driver": "mysql+pymysql"},
    ]
    with ThreadPoolExecutor(len(kinds)) as at_once:
        tried = list(at_once.map(lambda kind: try_receiver({**where, **kind}, "secret", "t"), kinds))
    assert [(one.reached, one.table) for one in tried] == [(False, None)] * len(kinds)
    assert ["没有应答" in one.words for one in tried[1:]] == [True, True]


def test_what_opens_too_late_is_closed() -> None:
    class Late(receivers.PostgresReceiver):
        def __init__(self) -> None: ...

        def close(self) -> None:
            closed.set()

    let_in, closed = threading.Event(), threading.Event()

    def opening() -> Late:
        let_in.wait()
        return Late()

    with pytest.raises(Unavailable) as refused:
        opened_within(0.05, opening)
    assert refused.value.code == "share.receiver_silent"
    assert not closed.is_set()
    let_in.set()
    closed.wait()
