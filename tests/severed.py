"""A loopback proxy before a database that severs a connection at its nth commit, before or after it takes effect."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: What commits: the word itself, and the DDL that does so unasked in the MySQL family.
_COMMITS = re.compile(rb"COMMIT|(CREATE|RENAME|ALTER|DROP) TABLE")
_WIDTH = 1 << 16


class Severing:
    """``port`` leads to ``where`` (host and port, or a socket's path) until ``at`` commits have been asked for.

    ``manner``: ``before`` (the server never hears of that commit), ``after`` (the server has answered, and the answer
    is lost), ``reset`` (lost with an RST).  One-way statements of a session are counted over all connections.
    """

    def __init__(self, where: tuple[str, int] | Path) -> None:
        self._where = where
        self.at, self.manner, self.severed = 0, "after", 0
        self._seen = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, at: int, manner: str) -> None:
        self.at, self.manner, self.severed, self._seen = at, manner, 0, 0

    def disarm(self) -> None:
        self.at = 0

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = reach(self._where)
            lost = threading.Event()
            threading.Thread(target=self._ask, args=(client, server, lost), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server, lost), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while asked := client.recv(_WIDTH):
                if self._is_the_one(asked):
                    if self.manner == "before":
                        break
                    lost.set()
                server.sendall(asked)
        _end(server)
        if not lost.is_set():
            _end(client)

    def _answer(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while answered := server.recv(_WIDTH):
                if lost.is_set():  # the server has done it, and nobody is told
                    if self.manner == "reset":
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                client.sendall(answered)
        _end(client)
        _end(server)

    def _is_the_one(self, asked: bytes) -> bool:
        if not self.at or len(asked) > 4096 or not _COMMITS.search(asked):
            return False
        with self._lock:
            self._seen += 1
            if self._seen != self.at:
                return False
            self.severed += 1
            return True


def reach(where: tuple[str, int] | Path) -> socket.socket:
    """A connection to a host and port, or to a socket's path."""
    if isinstance(where, Path):
        reached = socket.socket(socket.AF_UNIX)
        reached.connect(str(where))
        return reached
    return socket.create_connection(where)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def severing(where: tuple[str, int] | Path) -> Iterator[Severing]:
    proxy = Severing(where)
    try:
        yield proxy
    finally:
        proxy.close()
