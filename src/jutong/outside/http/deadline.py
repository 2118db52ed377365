"""An end to a call that would have none: whatever a server drips (a handshake, headers, ``100 Continue`` for ever),
its line is cut when the time is over."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Self


class Deadline:
    """Inside ``with``, cuts the watched line after ``seconds``; ``over`` says that it is time."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, seconds), self._cut)
        self._timer.daemon = True

    def watch(self, line: socket.socket) -> None:
        """A second handle of the line: TLS takes the first one away."""
        with self._lock:
            self._lines.append(socket.socket(fileno=os.dup(line.fileno())))
            if self.over:
                self._shut()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()

    def _cut(self) -> None:
        with self._lock:
            self._shut()

    def _shut(self) -> None:
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
