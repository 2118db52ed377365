"""A network that fails: a door on this machine that passes bytes on and now and then cuts a line, as a reset does.

It may also kill: a process is then gone after so many bytes have passed, however quick the machine is.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable


class CuttingProxy:
    """Of its lines, about ``share`` are cut after some bytes, on the way there or back; ``cuts`` counts them.

    While there is a ``victim``, every second time it is called instead, which must kill who speaks through this door;
    ``kills`` counts that."""

    def __init__(self, target: int, *, seed: int, share: float = 0.5, most: int = 60_000) -> None:
        self.cuts, self._target, self._share, self._most = 0, target, share, most
        self.kills = 0
        self.victim: Callable[[], None] | None = None
        self._chance, self._lock = random.Random(seed), threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            try:
                there = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                here.close()
                continue
            cut, back = self._chance.random() < self._share, self._chance.random() < 0.5
            after = int(self._most * self._chance.random() ** 3) if not back else self._chance.randrange(400)
            for left, right, limit in (
                (here, there, after if cut and not back else None),
                (there, here, after if cut and back else None),
            ):
                threading.Thread(target=self._pass, args=(left, right, limit), daemon=True).start()

    def _pass(self, left: socket.socket, right: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := left.recv(16_384):
                if limit is not None and len(data) >= limit:
                    right.sendall(data[:limit])
                    with self._lock:
                        victim = self.victim if self._chance.random() < 0.5 else None
                        if victim is None:
                            self.cuts += 1
                        else:
                            self.victim = None
                            self.kills += 1
                    if victim is not None:
                        victim()
                    for one in (left, right):  # no farewell: the other side meets a reset
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        one.shutdown(socket.SHUT_RDWR)  # wakes the other thread, which holds it open
                        one.close()
                    return
                limit = None if limit is None else limit - len(data)
                right.sendall(data)
        with contextlib.suppress(OSError):
            right.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listening.close()
