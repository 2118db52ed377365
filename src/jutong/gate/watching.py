"""Keeping the picture of rights current: LISTEN, a poll twice a second, and a lease.

A change of a grant is announced when it commits, so it is usually in force within milliseconds; the poll catches
what is not announced (a catalogue item, a lost notification).  Whoever has not reached the control database for
``lease`` seconds no longer knows anything and must not answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from psycopg.rows import dict_row

from jutong.database import Connection
from jutong.gate.rights import Rights, fingerprint
from jutong.keys import KeyProvider
from jutong.terms import JutongError

_LOG = logging.getLogger("jutong.gate")
_POLL_SECONDS = 0.5
_OPTIONS = "-c search_path=jutong -c timezone=UTC -c statement_timeout=5000 -c application_name=jutong-gate"


class Watch(threading.Thread):
    """One thread per gate worker, with one connection of its own."""

    def __init__(
        self,
        url: str,
        lease: float,
        keys: KeyProvider | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="rights", daemon=True)
        self._url, self._lease, self._keys, self._clock = url, lease, keys, clock
        self._ending = threading.Event()
        self._rights: Rights | None = None
        self._contact = float("-inf")
        self._fingerprint = ""

    def rights(self) -> Rights | None:
        """The current picture, or None when the lease has run out."""
        return self._rights if self._clock() - self._contact <= self._lease else None

    def end(self) -> None:
        self._ending.set()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                with psycopg.connect(
                    self._url, row_factory=dict_row, options=_OPTIONS, autocommit=True, connect_timeout=3
                ) as connection:
                    connection.execute("LISTEN jutong_grants")
                    self._follow(connection)
            except (psycopg.Error, JutongError) as problem:
                _LOG.warning("控制库联系不上：%s", type(problem).__name__)
                self._ending.wait(_POLL_SECONDS)

    def _follow(self, connection: Connection) -> None:
        while not self._ending.is_set():
            asked = self._clock()
            seen = fingerprint(connection)
            if seen != self._fingerprint or self._rights is None:
                self._rights, self._fingerprint = Rights.read(connection, self._keys), seen
            self._contact = asked
            for _ in connection.notifies(timeout=_POLL_SECONDS, stop_after=1):
                pass
