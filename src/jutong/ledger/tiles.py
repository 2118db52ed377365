"""The Merkle log as tile files: what is written when records are added, and the proofs read from them.

C2SP tlog-tiles: full tiles of 256 hashes, partial ones beside them until the full one is there.
Two trees stand over the same entries: SHA-256 under ``tile/`` and SM3 under ``sm3/tile/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jutong.terms import Broken
from jutong_verify import TILE, Hash, leaf_hash, root_at, root_of, tile_path

FileContent = tuple[str, bytes]


@dataclass(frozen=True)
class Tree:
    """One Merkle tree below the ledger's folder; ``prefix`` is empty or ``sm3/``."""

    folder: Path
    prefix: str
    hash: Hash

    def root(self, size: int, newest: int) -> bytes:
        """Root of the first ``size`` entries, from the tiles of a tree of ``newest``."""
        return root_at(self.folder, size, newest, self.hash, self.prefix)

    def edge(self, size: int) -> list[list[bytes]]:
        """Hashes of the unfinished tile of every level of a tree of ``size``, lowest level first."""
        return [
            self._hashes(level, size >> (8 * (level + 1)), (size >> (8 * level)) % TILE)
            for level in range(_levels(size))
        ]

    def extended(
        self, size: int, edge: list[list[bytes]], leaves: Sequence[bytes]
    ) -> tuple[list[FileContent], bytes]:
        """Tile files to write for ``leaves`` (leaf hashes) added to a tree of ``size``, and the new root."""
        files: list[FileContent] = []
        edge = [list(row) for row in edge]
        added, level, start = list(leaves), 0, size
        while added:
            if level == len(edge):
                edge.append([])
            row, n, above = [*edge[level], *added], start // TILE, []
            for at in range(0, len(row) - TILE + 1, TILE):
                tile = row[at : at + TILE]
                files.append((self._name(level, n, TILE), b"".join(tile)))
                above.append(root_of(self.hash, tile))
                n += 1
            edge[level] = row[len(above) * TILE :]
            if edge[level]:
                files.append((self._name(level, n, len(edge[level])), b"".join(edge[level])))
            added, level, start = above, level + 1, start // TILE
        return files, _fold(self.hash, edge)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Path from the entry at ``index`` to the root of a tree of ``size`` (RFC 6962 2.1.1), leaf side first."""
        path: list[bytes] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._range(middle, high, size))
                high = middle
            else:
                path.append(self._range(low, middle, size))
                low = middle
        return path[::-1]

    def consistency(self, old: int, new: int, newest: int | None = None) -> list[bytes]:
        """Proof that the first ``old`` entries of a tree of ``new`` are the old tree (RFC 6962 2.1.2).

        ``newest``: how many entries the tiles hold by now, where ``new`` is less.
        """
        held = new if newest is None else newest
        proof: list[bytes] = []
        low, high = 0, new
        while old and old != high:
            middle = low + _split(high - low)
            if old <= middle:
                proof.append(self._range(middle, high, held))
                high = middle
            else:
                proof.append(self._range(low, middle, held))
                low = middle
        if low and old:
            proof.append(self._range(low, high, held))
        return proof[::-1]

    def find(self, leaf: bytes, size: int) -> int | None:
        """Index of a leaf hash, newest first; reads 32 bytes per entry until it is found."""
        for n in range((size - 1) // TILE, -1, -1):
            row = self._hashes(0, n, min(TILE, size - n * TILE))
            if leaf in row:
                return n * TILE + row.index(leaf)
        return None

    def _range(self, low: int, high: int, size: int) -> bytes:
        """Hash of the entries from ``low`` to ``high``, an aligned subtree or the tree's right edge."""
        span = high - low
        if span & (span - 1):
            middle = low + _split(span)
            left, right = self._range(low, middle, size), self._range(middle, high, size)
            return root_of(self.hash, [left, right])
        level = (span.bit_length() - 1) // 8
        width, first = span >> (8 * level), low >> (8 * level)
        present = min(TILE, (size >> (8 * level)) - first // TILE * TILE)
        row = self._hashes(level, first // TILE, present)
        return root_of(self.hash, row[first % TILE : first % TILE + width])

    def _hashes(self, level: int, n: int, width: int) -> list[bytes]:
        if width == 0:
            return []
        data = read_first(self.folder, self._name(level, n, width), self._name(level, n, TILE))
        if len(data) < width * 32:
            raise Broken(
                "ledger.damaged", f"账本文件 {self._name(level, n, width)} 损坏，请执行 jutong ledger verify"
            )
        return [data[at : at + 32] for at in range(0, width * 32, 32)]

    def _name(self, level: int, n: int, width: int) -> str:
        return f"{self.prefix}tile/{level}/{tile_path(n, width)}"


def bundle_name(n: int, width: int = TILE) -> str:
    return f"tile/entries/{tile_path(n, width)}"


def bundles(size: int, last: Sequence[bytes], entries: Sequence[bytes]) -> Iterator[FileContent]:
    """Entry bundle files for ``entries`` added to a log of ``size`` whose last bundle holds ``last``."""
    row, n = [*last, *entries], size // TILE
    for at in range(0, len(row), TILE):
        part = row[at : at + TILE]
        yield bundle_name(n, len(part)), b"".join(len(entry).to_bytes(2) + entry for entry in part)
        n += 1


def read_bundle(folder: Path, n: int, width: int) -> list[bytes]:
    """The first ``width`` entries of bundle ``n``."""
    data = read_first(folder, bundle_name(n, width), bundle_name(n))
    entries, at = [], 0
    for _ in range(width):
        length = int.from_bytes(data[at : at + 2])
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    if at > len(data):
        raise Broken("ledger.damaged", f"账本文件 {bundle_name(n, width)} 损坏，请执行 jutong ledger verify")
    return entries


def leaf_hashes(hash_: Hash, entries: Sequence[bytes]) -> list[bytes]:
    return [leaf_hash(hash_, entry) for entry in entries]


def read_first(folder: Path, *names: str) -> bytes:
    """The first of these files that is there; a partial tile gives way to the full one."""
    for name in names:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            continue
    raise Broken("ledger.damaged", f"账本文件 {names[0]} 缺失，请执行 jutong ledger verify")


def _fold(hash_: Hash, edge: Sequence[Sequence[bytes]]) -> bytes:
    rest: list[bytes] = []
    for nodes in edge:
        row = [*nodes, *rest]
        rest = [root_of(hash_, row)] if row else []
    return rest[0] if rest else hash_(b"")


def _levels(size: int) -> int:
    return max(1, -(-size.bit_length() // 8))


def _split(span: int) -> int:
    """Largest power of two smaller than ``span`` (RFC 6962)."""
    return 1 << (span - 1).bit_length() - 1
