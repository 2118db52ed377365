"""Evidence before effect: an answer waits until its exchange is durable (law 3).

Calls that come while a batch is being written share the next one: one write, one fsync and one signature for all
of them.  When the stream ends (a full disk, a failed fsync) every waiting call is refused; a new stream is tried
at most once a second, and its first record says what the old one left unconfirmed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import queue
import threading
import time
from collections.abc import Sequence

from jutong.ledger import Exchange, Ledger, Receipt, Record, Stream
from jutong.terms import JutongError, Unavailable

_TRY_AGAIN_SECONDS = 1.0
_GATHER_SECONDS = 0.002
#: Records of one batch at most: a signature path of nine steps keeps the receipt short.
_BATCH = 512
#: Request ids of unconfirmed records that the next stream's first record can carry.
_MOST_NAMED = 1_000

Waiting = list[tuple[Exchange | Record, "asyncio.Future[Receipt]"]]


class Evidence:
    """The gate worker's pen: made inside its event loop, used only there."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name
        self._loop = asyncio.get_running_loop()
        self._batches: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit_batches, name="evidence", daemon=True)
        self._thread.start()
        self._waiting: Waiting = []
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        #: With so many calls waiting a batch is written without waiting for more.
        self._enough = 1
        # The rest is touched by the writing thread alone.
        self._stream: Stream | None = None
        self._tried = float("-inf")
        self._unconfirmed: list[str] = []
        self._unrecorded = 0

    def record(self, exchange: Exchange | Record) -> asyncio.Future[Receipt]:
        """Resolves when the exchange is durable, or raises Unavailable ``gate.ledger_stopped``."""
        future: asyncio.Future[Receipt] = self._loop.create_future()
        self._waiting.append((exchange, future))
        if not self._writing:
            self._begin()
        elif self._timer is not None and len(self._waiting) >= self._enough:
            self._timer.cancel()
            self._write()
        return future

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()
        if self._stream is not None:
            self._stream.close()

    def _begin(self) -> None:
        """Not at once: calls that are on their way join the batch, which costs one fsync and one signature.

        Alone, a call waits for the end of this turn of the loop only.  In company it waits until half of those
        lately seen together are here, so that one half is composed while the other is written; never long.
        """
        self._writing = True
        if len(self._waiting) >= self._enough:
            self._loop.call_soon(self._write)
        else:
            self._timer = self._loop.call_later(_GATHER_SECONDS, self._write)

    def _write(self) -> None:
        self._timer = None
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        self._batches.put(batch)

    def _commit_batches(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._commit_and_tell(batch)

    def _commit_and_tell(self, batch: Waiting) -> None:
        receipts: Sequence[Receipt] | JutongError
        try:
            receipts = self._commit([exchange for exchange, _ in batch])
        except Exception as problem:  # noqa: BLE001 - whatever it was, nobody may wait for ever
            self._unrecorded += len(batch)
            said = problem.sentence if isinstance(problem, JutongError) else type(problem).__name__
            receipts = Unavailable("gate.ledger_stopped", f"存证无法写入，暂停应答：{said}")
        self._loop.call_soon_threadsafe(self._tell, batch, receipts)

    def _tell(self, batch: Waiting, receipts: Sequence[Receipt] | JutongError) -> None:
        for place, (_, future) in enumerate(batch):
            if future.cancelled():
                continue
            if isinstance(receipts, JutongError):
                future.set_exception(receipts)
            else:
                future.set_result(receipts[place])
        self._enough = max(1, (len(batch) + len(self._waiting)) // 2)
        if self._waiting:
            self._begin()
        else:
            self._writing = False

    def _commit(self, exchanges: Sequence[Exchange | Record]) -> list[Receipt]:
        stream = self._living_stream()
        try:
            return stream.commit(exchanges)
        except Unavailable:
            # What was written without being confirmed may stand in the log: an answer that never left.
            self._unconfirmed += [exchange.request_id for exchange in exchanges]
            raise

    def _living_stream(self) -> Stream:
        if self._stream is not None and not self._stream.ended:
            return self._stream
        now = time.monotonic()
        if now - self._tried < _TRY_AGAIN_SECONDS:
            raise Unavailable("ledger.stream_ended", "存证流已终止，正在等待重新开始")
        self._tried = now
        before = self._stream
        fresh = self._ledger.stream(self._name)
        if before is not None or self._unrecorded:
            fresh.record(self._what_happened(before))
        self._stream, self._unconfirmed, self._unrecorded = fresh, [], 0
        return fresh

    def _what_happened(self, before: Stream | None) -> Exchange:
        return Exchange(
            event="ledger:stream:stop",
            at=dt.datetime.now(dt.UTC),
            outcome="failed",
            code="gate.ledger_stopped",
            detail={
                "stream": before.id if before else "",
                "refused": self._unrecorded,
                "unconfirmed": self._unconfirmed[:_MOST_NAMED],
            },
        )
