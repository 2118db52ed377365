"""The stream files as a reader sees them: checked, whole batches only, a few kept in mind."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from jutong.ledger.files import sync_folder
from jutong.terms import Broken
from jutong_verify import Damaged, Segment, VerifierKey, read_segment

_KEPT = 4


class Streams:
    """Files ``streams/<stream>.<first sequence>``; the newest file of a living stream still grows."""

    def __init__(self, folder: Path, key: VerifierKey) -> None:
        self._folder, self._key = folder / "streams", key
        self._read: dict[tuple[str, int, int], Segment] = {}

    def names(self) -> list[str]:
        """File names in order of stream and sequence.

        They are listed before any is read: a file that has a later one beside it here is complete.
        """
        return sorted(file.name for file in self._folder.iterdir())

    def segment(self, name: str) -> Segment:
        """Raises Broken ``ledger.damaged`` naming file and offset."""
        data = (self._folder / name).read_bytes()
        place = (name, len(data), zlib.crc32(data))
        if place not in self._read:
            try:
                segment = read_segment(data, self._key, name)
            except Damaged as problem:
                raise damaged(f"streams/{name}", problem.sentence, problem.offset) from problem
            while len(self._read) >= _KEPT:
                del self._read[next(iter(self._read))]
            self._read[place] = segment
        return self._read[place]

    def entries(self, stream: str, first: int, count: int) -> list[bytes]:
        """These records of one stream; Broken ``ledger.damaged`` if one of them is not there."""
        names = [name for name in self.names() if stream_of(name) == stream]
        wanted = range(first, first + count)
        found: list[bytes] = []
        for name, later in _with_next(names):
            if (not later or first_of(later) > first) and first_of(name) < wanted.stop:
                batches = self.segment(name).batches
                numbered = (one for batch in batches for one in enumerate(batch.leaves, batch.first))
                found += [entry for sequence, entry in numbered if sequence in wanted]
        if len(found) != count:
            raise damaged(f"streams/{stream}", f"第 {first} 至 {wanted.stop - 1} 条记录不全")
        return found

    def newest(self) -> Iterator[Segment]:
        """The last file of each stream that has whole batches."""
        for name, later in _with_next(self.names()):
            if stream_of(name) != stream_of(later):
                segment = self.segment(name)
                if segment.batches:
                    yield segment

    def drop(self, merged: dict[str, int]) -> None:
        """Delete files whose records, below ``merged`` of their stream, a durable checkpoint covers.

        A torn tail goes with its file: it was never acknowledged.  The folder is synced, for a file that came
        back after a power cut would be merged a second time.
        """
        for name, later in _with_next(self.names()):
            done = merged.get(stream_of(name), 0)
            if stream_of(name) == stream_of(later):
                if first_of(later) <= done:
                    (self._folder / name).unlink()
            else:
                self._drop_dead(name, done)
        sync_folder(self._folder)

    def _drop_dead(self, name: str, done: int) -> None:
        """The stream's last file goes only when its writer is gone and wrote nothing since we read it."""
        descriptor = os.open(self._folder / name, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.segment(name).following <= done:
                (self._folder / name).unlink()
        except BlockingIOError:
            pass  # a living writer holds it
        finally:
            os.close(descriptor)


def _with_next(names: list[str]) -> Iterator[tuple[str, str]]:
    """Each name with the one after it, the last with an empty one."""
    return zip(names, [*names, ""][1:], strict=True)


def stream_of(name: str) -> str:
    return name.rpartition(".")[0]


def first_of(name: str) -> int:
    return int(name.rpartition(".")[2])


def damaged(file: str, sentence: str, offset: int | None = None) -> Broken:
    where = f" 第 {offset} 字节" if offset is not None else ""
    return Broken("ledger.damaged", f"账本文件 {file}{where}：{sentence}。请执行 jutong ledger verify")
