"""The ledger of one host: streams to write to, one log to prove from."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from jutong.keys import KeyProvider
from jutong.ledger.exchange import Exchange
from jutong.ledger.files import check_room, locked, write_whole
from jutong.ledger.notes import sm2_key
from jutong.ledger.sequencer import SM2_VKEY, Log
from jutong.ledger.stream import Head, Stream
from jutong.terms import Conflict, NotFound, Unavailable
from jutong_verify import (
    Checkpoint,
    Proof,
    Receipt,
    Report,
    Sm2Key,
    VerifierKey,
    leaf_hash,
    sha256,
    verify_folder,
)


class Ledger:
    """DIR/ledger.  Every process may open it; only one at a time merges."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.folder = log.folder
        self.origin = log.origin

    @classmethod
    def open(
        cls, folder: Path, keys: KeyProvider, origin: str = "jutong.example/ledger", *, sm2: bool = False
    ) -> Self:
        """The ledger of this folder, begun if it is empty; ``sm2``: its checkpoints are signed by SM2 too from now on.

        Raises Conflict ``ledger.other_origin`` if the folder's log belongs to another origin or key, and
        Unavailable ``ledger.no_room`` where it cannot be written.
        """
        log = Log(folder, origin, keys)
        try:
            for part in (folder, folder / "streams", folder / "tmp"):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (folder / "sm3/checkpoint").exists() or not (folder / "checkpoint").exists():
                with locked(folder / "lock"):
                    if not (folder / "vkey").exists():
                        write_whole(folder, [("vkey", f"{log.key}\n".encode())])
                    log.begin()
            if sm2 and not log.has_sm2:
                with locked(folder / "lock"):
                    if not log.has_sm2:
                        log.begin_sm2()
            if (folder / "vkey").read_text(encoding="utf-8") != f"{log.key}\n":
                raise _other_origin(folder / "vkey", origin)
            # A key that is lost must not be made anew in silence: nobody would believe the next checkpoint.
            if (
                log.has_sm2
                and (folder / SM2_VKEY).read_text(encoding="utf-8") != f"{sm2_key(origin, keys)}\n"
            ):
                raise _other_origin(folder / SM2_VKEY, origin)
        except OSError as problem:
            raise _no_room(problem) from problem
        return cls(log)

    @property
    def vkey(self) -> VerifierKey:
        """What a verifier must hold: name, key id and public key."""
        return self._log.key

    @property
    def sm2_vkey(self) -> Sm2Key | None:
        """What the SM2 signatures are verified with; None while there are none."""
        return sm2_key(self.origin, self._log.keys) if self._log.has_sm2 else None

    def stream(self, name: str) -> Stream:
        """A new stream of this process, after a successful test write (design §11).

        Raises Unavailable ``ledger.no_room``: nothing may be served without evidence.
        """
        started = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            check_room(self.folder)
            return Stream(self.folder, self._log.keys, self.origin, name, started)
        except OSError as problem:
            raise _no_room(problem) from problem

    def sequence(self) -> Checkpoint:
        """Merge what is waiting in all streams; returns the newest checkpoint."""
        try:
            with locked(self.folder / "lock"):
                return self._log.merge()
        except OSError as problem:
            raise _no_room(problem) from problem

    def checkpoint(self) -> Checkpoint:
        """The newest signed checkpoint."""
        return self._log.checkpoint()

    def note(self) -> str:
        """The newest checkpoint as the signed note a witness or an auditor keeps."""
        return (self.folder / "checkpoint").read_text(encoding="utf-8")

    def entries(self, since: int = 0) -> Iterator[tuple[int, Exchange]]:
        """(index, fact) of the log from ``since`` on, in order; only what is sequenced."""
        for index, entry in self._log.entries(since):
            yield index, Exchange.from_entry(entry)

    def entry(self, index: int) -> bytes:
        """The entry's bytes, as they are hashed.  Raises NotFound ``ledger.no_entry``."""
        for found, entry in self._log.entries(index):
            if found == index:
                return entry
        raise NotFound("ledger.no_entry", f"账本没有第 {index} 条")

    def root_at(self, size: int) -> bytes:
        """Root of the first ``size`` entries."""
        return self._log.tree.root(size, self.checkpoint().size)

    def heads(self) -> list[Head]:
        """How far each stream that still has a file is durable, whichever process writes it."""
        return [
            Head(segment.stream, segment.following - 1, leaf_hash(sha256, segment.batches[-1].leaves[-1]))
            for segment in self._log.streams.newest()
        ]

    def index_of(self, leaf: bytes) -> int | None:
        """Where a leaf hash stands in the log; newest first, reading 32 bytes per entry."""
        size = self.checkpoint().size
        return self._log.tree.find(leaf, size) if size else None

    def prove(self, receipt: Receipt | str) -> Proof:
        """That the receipt's record is in the log: a C2SP tlog-proof anyone verifies offline.

        Raises NotFound ``ledger.not_merged`` while it waits in its stream (at most some seconds), and
        jutong_verify.Damaged if the receipt is not ours.
        """
        receipt = Receipt.parse(receipt) if isinstance(receipt, str) else receipt
        receipt.check(self.vkey)
        note = self.note()
        checkpoint = Checkpoint.open(note, self.vkey)
        index = self._log.tree.find(receipt.leaf, checkpoint.size) if checkpoint.size else None
        if index is None:
            raise NotFound("ledger.not_merged", "这张回执的记录尚未并入账本，请几秒后再查")
        return Proof(index, tuple(self._log.tree.inclusion(index, checkpoint.size)), note)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the log of ``old`` entries is a prefix of that of ``new`` (RFC 6962 2.1.2)."""
        newest = self.checkpoint().size
        return self._log.tree.consistency(old, newest if new is None else new, newest)

    def export(self, folder: Path) -> Checkpoint:
        """A copy of what is merged, for an auditor: the log at one checkpoint, without the writers' streams.

        Raises Conflict ``ledger.folder_taken`` rather than mix two logs in one folder.
        """
        if folder.exists() and any(folder.iterdir()):
            raise Conflict("ledger.folder_taken", f"{folder} 不是空文件夹，请另选一个")
        try:
            with locked(self.folder / "lock"):
                self._log.finish()
                left = shutil.ignore_patterns("streams", "tmp", "lock")
                shutil.copytree(self.folder, folder, ignore=left, dirs_exist_ok=True)
                return self.checkpoint()
        except OSError as problem:
            raise _no_room(problem) from problem

    def verify(self, since: str | None = None) -> Report:
        """Check every byte of the folder with the offline verifier and our own key.

        What a crash left behind is finished first, so that only real damage is reported.
        """
        sm2 = str(self.sm2_vkey) if self.sm2_vkey else None
        report = verify_folder(self.folder, str(self.vkey), since, sm2)
        if report.ok and report.notes:
            with locked(self.folder / "lock"):
                self._log.finish()
            report = verify_folder(self.folder, str(self.vkey), since, sm2)
        return report


def _other_origin(file: Path, origin: str) -> Conflict:
    return Conflict(
        "ledger.other_origin", f"账本文件 {file} 不是 {origin} 与本机密钥的公钥：来源或密钥不同，或文件被改动"
    )


def _no_room(problem: OSError) -> Unavailable:
    return Unavailable("ledger.no_room", f"账本写不下去：{problem.strerror or problem}")
