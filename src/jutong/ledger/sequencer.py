"""Merging all streams into the one log, so that any crash at any instant leaves each record in it once.

UC-LEDGER-01.  One sequencer at a time (a file lock), and every step may be done again:

(1) read what is durable in the streams and not yet in the log;
(2) decide the order and make the decision durable: the signed plan;
(3) write entry bundles and tiles, each whole, under names no checkpoint yet points to;
(4) sign the checkpoints of both trees, SM3 first: from here the records are in the log;
(5) delete what the log now holds: merged stream files and superseded partial tiles.

A crash after (2) is repaired by doing (3)–(5) of the same plan again: same order, same bytes, same root.
So no two checkpoints that are not prefixes of one another are ever signed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jutong.keys import KeyProvider
from jutong.ledger.files import is_free, write_whole
from jutong.ledger.notes import signed_note, sm2_key, verifier_key, with_sm2
from jutong.ledger.streams import Streams, damaged, first_of, stream_of
from jutong.ledger.tiles import Tree, bundle_name, bundles, leaf_hashes, read_bundle
from jutong_verify import TILE, Checkpoint, Damaged, Plan, VerifierKey, open_note, sha256, sm3, tile_path

#: The SM2 verifier key, where there is one.
SM2_VKEY = "vkey.sm2"
#: About this many records in one plan at most, so that memory stays bounded.
PLAN_RECORDS = 65_536
#: Seconds after which a temporary file that nobody holds belongs to a dead process.
_ABANDONED = 60.0


@dataclass(frozen=True)
class Log:
    """The merged log: its folder, whose it is, the streams that feed it."""

    folder: Path
    origin: str
    keys: KeyProvider
    key: VerifierKey = field(init=False)
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", verifier_key(self.origin, self.keys))
        object.__setattr__(self, "streams", Streams(self.folder, self.key))

    @property
    def tree(self) -> Tree:
        return Tree(self.folder, "", sha256)

    @property
    def parallel(self) -> Tree:
        return Tree(self.folder, "sm3/", sm3)

    def checkpoint(self) -> Checkpoint:
        return self._opened("checkpoint", self.key)

    def begin(self) -> None:
        """An empty log, signed; one that is there is left as it is."""
        if not (self.folder / "plan").exists():
            write_whole(self.folder, [("plan", self._signed(str(Plan(0, 0)), self.key))])
        if not (self.folder / "checkpoint").exists():
            self._sign(0, sha256(b""), sm3(b""))

    @property
    def has_sm2(self) -> bool:
        """Whether checkpoints are signed by SM2 too: from the day its key was laid down, whoever merges."""
        return (self.folder / SM2_VKEY).exists()

    def begin_sm2(self) -> None:
        """From now on; only for the holder of the lock.  The key is laid down last, when both checkpoints bear it."""
        for name, key in (("sm3/checkpoint", self.key.named("/sm3")), ("checkpoint", self.key)):
            text = str(self._opened(name, key))
            note = with_sm2(signed_note(text, key.name, self.keys), key.name, self.keys)
            write_whole(self.folder, [(name, note.encode())])
        write_whole(self.folder, [(SM2_VKEY, f"{sm2_key(self.origin, self.keys)}\n".encode())])

    def finish(self) -> None:
        """Clear what a crash left behind and do the rest of its plan; only for the holder of the lock."""
        for left in (self.folder / "tmp").iterdir():
            if left.stat().st_mtime < time.time() - _ABANDONED and is_free(left):
                left.unlink(missing_ok=True)
        if not self.has_sm2 and (self.folder / "checkpoint").read_text(encoding="utf-8").count("\n— ") > 1:
            self.begin_sm2()  # it was begun, and its key not yet laid down
        plan, size = self._plan(), self.checkpoint().size
        if size < plan.after:
            if size != plan.before:
                raise damaged("plan", "排序单与检查点不衔接")
            self._carry_out(plan)

    def merge(self) -> Checkpoint:
        """Steps (1)–(5) for all that was waiting when it began; writers that never pause do not keep it for ever."""
        self.finish()
        full = True
        while full:
            plan = self._next_plan()  # (1)
            full = plan.after - plan.before >= PLAN_RECORDS
            if plan.after > plan.before:
                write_whole(self.folder, [("plan", self._signed(str(plan), self.key))])  # (2)
                self._carry_out(plan)
            else:
                self.streams.drop(dict(plan.following))
        return self.checkpoint()

    def entries(self, since: int) -> Iterator[tuple[int, bytes]]:
        """(index, entry) of the log from ``since`` to the newest checkpoint."""
        size = self.checkpoint().size
        for n in range(since // TILE, -(-size // TILE)):
            for place, entry in enumerate(read_bundle(self.folder, n, min(TILE, size - n * TILE))):
                if n * TILE + place >= since:
                    yield n * TILE + place, entry

    def _next_plan(self) -> Plan:
        """What is waiting, in whole batches, stream after stream, up to about PLAN_RECORDS."""
        done = self._plan()
        known, most = dict(done.following), done.after + PLAN_RECORDS
        runs: list[tuple[str, int, int]] = []
        following: dict[str, int] = {}
        size, before = done.after, ""
        for name in self.streams.names():
            stream = stream_of(name)
            start = following.setdefault(stream, known.get(stream, 0))
            if size >= most:
                continue
            if first_of(name) > start or (before and stream_of(before) == stream and first_of(name) != start):
                raise damaged(f"streams/{name}", f"应从第 {start} 条接续")
            for batch in self.streams.segment(name).batches:
                if batch.first >= start and size < most:
                    size += len(batch.leaves)
                    following[stream] = batch.first + len(batch.leaves)
            if following[stream] > start:
                runs.append((stream, start, following[stream] - start))
            before = name
        return Plan(done.after, size, tuple(runs), tuple(following.items()))

    def _carry_out(self, plan: Plan) -> None:
        """(3)–(5)."""
        entries = [entry for run in plan.runs for entry in self.streams.entries(*run)]
        last = read_bundle(self.folder, plan.before // TILE, plan.before % TILE) if plan.before % TILE else []
        files = list(bundles(plan.before, last, entries))
        roots = []
        for tree, suffix in ((self.tree, ""), (self.parallel, "/sm3")):
            edge = tree.edge(plan.before)
            self._check_edge(tree, self.key.named(suffix), plan.before, edge, last)
            added, root = tree.extended(plan.before, edge, leaf_hashes(tree.hash, entries))
            files += added
            roots.append(root)
        write_whole(self.folder, files)  # (3)
        self._sign(plan.after, *roots)  # (4)
        self._drop_partials(plan)  # (5)
        self.streams.drop(dict(plan.following))

    def _check_edge(
        self, tree: Tree, key: VerifierKey, size: int, edge: list[list[bytes]], last: list[bytes]
    ) -> None:
        """Nothing is built on damaged ground: the edge must give the root that was signed."""
        checkpoint = self._opened(f"{tree.prefix}checkpoint", key)
        if checkpoint.size == size and tree.extended(size, edge, [])[1] != checkpoint.root:
            raise damaged(f"{tree.prefix}tile", "树瓦与检查点不符")
        if leaf_hashes(tree.hash, last) != edge[0]:
            raise damaged(bundle_name(size // TILE, len(last)), "记录与树瓦不符")

    def _sign(self, size: int, root: bytes, parallel_root: bytes) -> None:
        for name, key, signed_root in (
            ("sm3/checkpoint", self.key.named("/sm3"), parallel_root),
            ("checkpoint", self.key, root),
        ):
            note = signed_note(str(Checkpoint(key.name, size, signed_root)), key.name, self.keys)
            if self.has_sm2:
                note = with_sm2(note, key.name, self.keys)
            write_whole(self.folder, [(name, note.encode())])

    def _signed(self, text: str, key: VerifierKey) -> bytes:
        return signed_note(text, key.name, self.keys).encode()

    def _plan(self) -> Plan:
        try:
            return Plan.parse(open_note((self.folder / "plan").read_text(encoding="utf-8"), self.key))
        except (Damaged, OSError, UnicodeDecodeError) as problem:
            raise damaged("plan", str(problem)) from problem

    def _opened(self, name: str, key: VerifierKey) -> Checkpoint:
        try:
            return Checkpoint.open((self.folder / name).read_text(encoding="utf-8"), key)
        except (Damaged, OSError, UnicodeDecodeError) as problem:
            raise damaged(name, str(problem)) from problem

    def _drop_partials(self, plan: Plan) -> None:
        """Partial tiles of every tile this plan filled: C2SP lets them go once the full tile is there."""
        for level in range(8):
            shift = 8 * (level + 1)
            for n in range(plan.before >> shift, plan.after >> shift):
                bases = [f"tile/{level}", f"sm3/tile/{level}", *(["tile/entries"] if level == 0 else [])]
                for base in bases:
                    partials = self.folder / f"{base}/{tile_path(n)}.p"
                    if partials.is_dir():
                        for file in partials.iterdir():
                            file.unlink()
                        partials.rmdir()
