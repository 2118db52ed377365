"""见证: a second party that remembers what the ledger said before, and signs only what goes on from there.

It runs elsewhere, with a key of its own, and needs nothing but checkpoints and consistency proofs.  Whoever holds
the ledger's machine *and* its signing key can rewrite history, but not so that a witness signs it (C2SP
tlog-cosignature; RFC 6962 2.1.2).

(1) the note is signed by the ledger's key;
(2) it is not shorter than the last one seen, and the last one seen is a prefix of it;
(3) remember it, durably;
(4) only then sign it, with the time.
"""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jutong.keys import KeyProvider
from jutong.ledger.files import locked, write_whole
from jutong.ledger.tiles import Tree
from jutong.terms import BadInput, Broken, Unavailable
from jutong_verify import (
    Checkpoint,
    Damaged,
    VerifierKey,
    WitnessKey,
    check_consistency,
    cosigned_text,
    open_note,
    sha256,
)

_KEY = "witness"
_SECONDS = 20

Prove = Callable[[int, int], list[bytes]]
"""(old size, new size) → consistency proof"""


@dataclass(frozen=True)
class Witness:
    """One witness of one ledger; ``folder`` holds the last note it signed and, if ever, what it refused."""

    folder: Path
    keys: KeyProvider
    name: str
    ledger_key: VerifierKey

    @property
    def vkey(self) -> WitnessKey:
        """What others check its signatures with."""
        return WitnessKey(self.name, self.keys.public_key(_KEY))

    def last(self) -> Checkpoint | None:
        """What it signed last."""
        file = self.folder / "checkpoint"
        if not file.exists():
            return None
        return Checkpoint.open(file.read_text(encoding="utf-8"), self.ledger_key)

    def look(self, note: str, prove: Prove, now: dt.datetime | None = None) -> str:
        """Steps (1)–(4): the note with this witness's signature.

        Raises Broken ``ledger.not_signed``, ``ledger.cut_back``, ``ledger.forked``; both notes are then kept in
        ``alarms``, for together they prove what the holder of the ledger's key has done.
        """
        (self.folder / "tmp").mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.folder / "lock"):
            try:
                found = Checkpoint.open(note, self.ledger_key)  # (1)
            except Damaged as problem:
                raise Broken("ledger.not_signed", f"检查点不是账本公钥所签：{problem.sentence}") from problem
            before = self.last()
            if before is not None:
                self._compare(note, before, found, prove)  # (2)
            signed = self._cosigned(note, now or dt.datetime.now(dt.UTC))
            write_whole(self.folder, [("checkpoint", signed.encode())])  # (3)
            return signed  # (4)

    def _compare(self, note: str, before: Checkpoint, found: Checkpoint, prove: Prove) -> None:
        if found.size < before.size:
            self._alarm(note)
            raise Broken("ledger.cut_back", f"账本曾有 {before.size} 条，如今只有 {found.size} 条：被截短")
        try:
            proof = prove(before.size, found.size) if 0 < before.size < found.size else []
            check_consistency(sha256, (before.size, before.root), (found.size, found.root), proof)
        except Damaged as problem:
            self._alarm(note)
            raise Broken("ledger.forked", f"账本的前 {before.size} 条与此前所见不同：历史被改写") from problem

    def _alarm(self, note: str) -> None:
        at = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")
        held = (self.folder / "checkpoint").read_bytes()
        write_whole(self.folder, [(f"alarms/{at}.held", held), (f"alarms/{at}.shown", note.encode())])

    def _cosigned(self, note: str, now: dt.datetime) -> str:
        text, seconds = open_note(note, self.ledger_key), int(now.timestamp())
        signature = self.keys.sign(_KEY, cosigned_text(text, seconds))
        line = base64.b64encode(self.vkey.key_id + seconds.to_bytes(8) + signature).decode()
        kept = [one for one in note.splitlines() if not one.startswith(f"— {self.name} ")]
        return "\n".join([*kept, f"— {self.name} {line}"]) + "\n"


def of_folder(ledger: Path) -> tuple[str, str, Prove]:
    """(newest note, its verifier key, consistency proofs) of a ledger's folder or an exported copy."""
    try:
        note = (ledger / "checkpoint").read_text(encoding="utf-8")
        vkey = (ledger / "vkey").read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise BadInput("ledger.no_folder", f"{ledger} 不是存证目录") from problem
    return note, vkey, Tree(ledger, "", sha256).consistency


def of_gate(url: str) -> tuple[str, str, Prove]:
    """The same of a gate: ``/ledger/checkpoint``, ``/ledger/vkey``, ``/ledger/consistency``."""

    def ask(path: str) -> str:
        try:
            with urllib.request.urlopen(f"{url.rstrip('/')}/ledger/{path}", timeout=_SECONDS) as reply:  # noqa: S310
                return bytes(reply.read()).decode()
        except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as problem:
            raise Unavailable("ledger.unreachable", f"联系不上账本 {url}：{problem}") from problem

    def prove(old: int, new: int) -> list[bytes]:
        try:
            lines = ask(f"consistency?old={old}&new={new}").splitlines()
            return [base64.b64decode(one, validate=True) for one in lines]
        except ValueError as problem:
            raise Damaged("一致性证明无法读懂") from problem

    if not url.startswith(("http://", "https://")):
        raise BadInput("ledger.no_folder", f"{url} 不是网关地址")
    return ask("checkpoint"), ask("vkey").strip(), prove
