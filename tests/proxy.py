"""A loopback proxy that fails on purpose: slow, or cutting, resetting, half-closing connections after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Literal, Self

Way = Literal["close", "reset", "half", "mute"]


class Proxy:
    """Hand it how to reach the server; ``cut`` says what befalls the next connections."""

    def __init__(self, reach: Callable[[], socket.socket]) -> None:
        self._reach = reach
        self._cuts: list[tuple[int, Way, bool]] = []
        #: Seconds every packet takes, either way.
        self.latency = 0.0
        self._lock = threading.Lock()
        #: Connections that were cut.
        self.count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, after: int, way: Way, *, asking: bool = False) -> None:
        """The next connection ends once the server (the client, if ``asking``) has said so many bytes.

        Further calls are for the connections after it.
        """
        with self._lock:
            self._cuts.append((after, way, asking))

    def heal(self) -> None:
        with self._lock:
            self._cuts.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                cut = self._cuts.pop(0) if self._cuts else None
            far = self._reach()
            self._open += [near, far]
            asked = cut[:2] if cut and cut[2] else None
            answered = cut[:2] if cut and not cut[2] else None
            threading.Thread(target=self._pass, args=(near, far, asked), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, answered), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, cut: tuple[int, Way] | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
                if self.latency:
                    time.sleep(self.latency)
                if cut is not None and passed + len(data) >= cut[0]:
                    target.sendall(data[: max(0, cut[0] - passed)])
                    self._end(source, target, cut[1])
                    return
                target.sendall(data)
                passed += len(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _end(self, far: socket.socket, near: socket.socket, way: Way) -> None:
        self.count += 1
        with contextlib.suppress(OSError):
            if way == "half":  # nothing more will come, and what is sent is still taken
                near.shutdown(socket.SHUT_WR)
                return
            if way == "reset":
                # A socket that another thread reads is not closed before that reading ends.
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                near.shutdown(socket.SHUT_RD)
                time.sleep(0.05)
                near.close()
            elif way == "close":
                near.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):  # mute: the server is gone, and nobody says so
            far.shutdown(socket.SHUT_RDWR)
