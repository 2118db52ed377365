"""A writer's own stream: records become durable in batches, each batch with one fsync and one signature.

A failed or short write or fsync ends the stream for good (design §11): what the file system did with those
bytes is unknowable, so fsync is never retried and the sequence never goes on.  Whoever wants to write again
opens a new stream, which starts with a test write.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import queue
import re
import secrets
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from jutong.keys import KeyProvider
from jutong.ledger.exchange import Exchange, Record, checked
from jutong.ledger.files import sync_folder
from jutong.ledger.notes import LEDGER_KEY, signed_note
from jutong.terms import JutongError, Unavailable
from jutong_verify import (
    FRAME,
    MAGIC,
    NO_HEAD,
    TRAILER_BYTES,
    Receipt,
    batch_text,
    header_text,
    segment_name,
    sha256,
)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
#: A batch is one write; more than this many records or bytes becomes several.
_BATCH_RECORDS = 4_096
#: A stream goes on in a new file after this much, so that merged files can be deleted.
_SEGMENT_BYTES = 8 << 20


@dataclass(frozen=True)
class Head:
    """How far a stream is durable."""

    stream: str
    #: Sequence and leaf hash of the last durable record; -1 and empty while there is none.
    sequence: int
    leaf: bytes


class Stream:
    """One process's writing end; safe to share between its threads."""

    def __init__(self, folder: Path, keys: KeyProvider, origin: str, name: str, started: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a stream name: {name!r}")
        #: Unique for ever: name, start instant and a random part.
        self.id = f"{name}.{started}.{secrets.token_hex(4)}"
        self._folder, self._keys, self._origin = folder, keys, origin
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[tuple[Exchange, Future[Receipt]] | None] = queue.SimpleQueue()
        self._committer: threading.Thread | None = None
        self._next = 0
        self._before = NO_HEAD
        self._last_leaf = b""
        self._ended: str | None = None
        self._file, self._bytes = self._open_segment()

    @property
    def ended(self) -> bool:
        return self._ended is not None

    def head(self) -> Head:
        with self._lock:
            return Head(self.id, self._next - 1, self._last_leaf)

    def record(self, exchange: Exchange) -> Receipt:
        """Durable when it returns.  Raises Unavailable ``ledger.stream_ended``: then nothing may be served."""
        return self.submit(exchange).result()

    def submit(self, exchange: Exchange) -> Future[Receipt]:
        """A receipt to come; records submitted while a batch is being written share the next one."""
        future: Future[Receipt] = Future()
        with self._lock:
            if self._committer is None and not self.ended:
                self._committer = threading.Thread(
                    target=self._commit_queue, name=f"ledger-{self.id}", daemon=True
                )
                self._committer.start()
        if self.ended:
            future.set_exception(self._refusal())
        else:
            self._queue.put((exchange, future))
        return future

    def commit(self, exchanges: Sequence[Exchange | Record]) -> list[Receipt]:
        """Make these durable together, in order; one signature and one fsync per batch.

        Raises BadInput before anything is written if one of them cannot be a record.
        """
        for exchange in exchanges:
            if isinstance(exchange, Exchange):  # a record was checked when its form was made
                checked(exchange)
        with self._lock:
            receipts: list[Receipt] = []
            for at in range(0, len(exchanges), _BATCH_RECORDS):
                receipts += self._commit_batch(exchanges[at : at + _BATCH_RECORDS])
            return receipts

    def close(self) -> None:
        """Let the last batch finish, then give the file to the sequencer."""
        committer = self._committer
        if committer is not None and committer.is_alive():
            self._queue.put(None)
            committer.join()
        with self._lock:
            if self._ended is None:
                os.close(self._file)
                self._ended = "已关闭"

    def _commit_batch(self, exchanges: Sequence[Exchange | Record]) -> list[Receipt]:
        if self._ended is not None:
            raise self._refusal()
        first = self._next
        entries = [one.entry_bytes(self.id, first + place) for place, one in enumerate(exchanges)]
        levels = _levels([hashlib.sha256(b"\0" + entry).digest() for entry in entries])
        text = batch_text(self._origin, self.id, first, len(entries), levels[-1][0], self._before)
        signature = self._keys.sign(LEDGER_KEY, text)
        self._write(_frame(first, entries, self._before, signature))
        receipts = [
            Receipt(self.id, first + place, first, len(entries), leaf, self._before, signature, path)
            for place, (leaf, path) in enumerate(zip(levels[0], _paths(levels), strict=True))
        ]
        self._next, self._before, self._last_leaf = first + len(entries), sha256(text), levels[0][-1]
        if self._bytes > _SEGMENT_BYTES:
            self._roll()
        return receipts

    def _write(self, frame: bytes) -> None:
        try:
            written = os.write(self._file, frame)
            if written != len(frame):
                raise OSError(f"short write: {written} of {len(frame)} bytes")
            os.fdatasync(self._file)
        except OSError as problem:
            self._end(problem)
            raise self._refusal() from problem
        self._bytes += len(frame)

    def _roll(self) -> None:
        """The batch is durable whatever happens here; only the stream may end."""
        finished = self._file
        try:
            self._file, self._bytes = self._open_segment()
        except OSError as problem:
            self._end(problem)
        else:
            os.close(finished)

    def _open_segment(self) -> tuple[int, int]:
        """Begun under another name and locked before it is seen, so no sequencer takes it for a dead one."""
        text = header_text(self.id, self._next, self._before)
        header = signed_note(text, self._origin, self._keys).encode()
        name = segment_name(self.id, self._next)
        temporary = self._folder / "tmp" / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = os.open(temporary, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.write(descriptor, header) != len(header):
                raise OSError("short write")
            os.fsync(descriptor)
            temporary.rename(self._folder / "streams" / name)
            sync_folder(self._folder / "streams")
        except OSError:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        return descriptor, len(header)

    def _end(self, problem: OSError) -> None:
        self._ended = problem.strerror or str(problem)
        os.close(self._file)

    def _refusal(self) -> Unavailable:
        return Unavailable("ledger.stream_ended", f"存证流 {self.id} 已终止，不能再提供数据：{self._ended}")

    def _commit_queue(self) -> None:
        last = False
        while not last:
            waiting = [self._queue.get()]
            while not self._queue.empty() and len(waiting) < _BATCH_RECORDS:
                waiting.append(self._queue.get())
            last = None in waiting
            self._settle([one for one in waiting if one is not None])

    def _settle(self, waiting: list[tuple[Exchange, Future[Receipt]]]) -> None:
        """One bad exchange fails alone; a stream that ends fails all who wait."""
        good = []
        for exchange, future in waiting:
            try:
                checked(exchange).entry_bytes(self.id, 1 << 62)
                good.append((exchange, future))
            except (JutongError, TypeError) as problem:
                future.set_exception(problem)
        if not good:
            return
        try:
            receipts = self.commit([exchange for exchange, _ in good])
        except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it, whatever it was
            for _, future in good:
                future.set_exception(problem)
        else:
            for (_, future), receipt in zip(good, receipts, strict=True):
                future.set_result(receipt)


def _frame(first: int, entries: Sequence[bytes], before: bytes, signature: bytes) -> bytes:
    body = b"".join(len(entry).to_bytes(2) + entry for entry in entries)
    head = FRAME.pack(MAGIC, len(body) + TRAILER_BYTES, len(entries), first)
    return b"".join((head, zlib.crc32(head).to_bytes(4), body, before, signature))


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """All levels of a batch's Merkle tree, leaves first, root last."""
    levels = [leaves]
    while len(level := levels[-1]) > 1:
        pairs = [
            hashlib.sha256(b"\1" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)
        ]
        levels.append([*pairs, level[-1]] if len(level) % 2 else pairs)
    return levels


def _paths(levels: list[list[bytes]]) -> list[tuple[bytes, ...]]:
    """The path of every leaf to the root, made from the root downwards: a node's path is the start of its children's."""
    paths: list[tuple[bytes, ...]] = [()]
    for level in reversed(levels[:-1]):
        below: list[tuple[bytes, ...]] = []
        for at in range(0, len(level) - 1, 2):
            above = paths[at >> 1]
            below += ((level[at + 1], *above), (level[at], *above))
        if len(level) % 2:
            below.append(paths[-1])
        paths = below
    return paths
