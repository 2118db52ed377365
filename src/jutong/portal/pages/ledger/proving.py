"""Proving one entry from the log's published tiles, as any witness would: no key of ours, no database.

The tiles are C2SP tlog-tiles: ``tile/0`` holds leaf hashes, ``tile/1`` the hashes of full tiles, and so on.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from jutong_verify import TILE, Proof, root_of, sha256, tile_path


@dataclass(frozen=True)
class Level:
    """One level of the path: the neighbour's hash, its side, and how many entries are joined after it."""

    left: bool
    digest: str
    covers: int


def prove(folder: Path, index: int, size: int, note: str) -> tuple[Proof, tuple[Level, ...]]:
    """The inclusion proof of the entry at ``index`` in a log of ``size`` entries, and its levels for a picture.

    RFC 6962 2.1.1, leaf side first.
    """
    path: list[bytes] = []
    levels: list[Level] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if index < middle:
            digest, side, covers = _range(folder, middle, high, size), False, high - low
            high = middle
        else:
            digest, side, covers = _range(folder, low, middle, size), True, high - low
            low = middle
        path.append(digest)
        levels.append(Level(side, digest.hex(), covers))
    return Proof(index, tuple(path[::-1]), note), tuple(levels[::-1])


def _range(folder: Path, low: int, high: int, size: int) -> bytes:
    """Hash of the entries from ``low`` to ``high``: an aligned subtree, or the log's right edge."""
    span = high - low
    if span & (span - 1):
        middle = low + (1 << (span - 1).bit_length() - 1)
        return root_of(sha256, [_range(folder, low, middle, size), _range(folder, middle, high, size)])
    level = (span.bit_length() - 1) // 8
    width, first = span >> (8 * level), low >> (8 * level)
    present = min(TILE, (size >> (8 * level)) - first // TILE * TILE)
    row = _hashes(folder, level, first // TILE, present)
    return root_of(sha256, row[first % TILE : first % TILE + width])


def _hashes(folder: Path, level: int, n: int, width: int) -> list[bytes]:
    """A tile's hashes; the partial tile of a moment ago may have become the full one."""
    for name in (tile_path(n, width), tile_path(n)):
        file = folder / "tile" / str(level) / name
        if file.exists():
            data = file.read_bytes()
            return [data[at : at + 32] for at in range(0, width * 32, 32)]
    raise FileNotFoundError(f"tile/{level}/{tile_path(n, width)}")


def base64_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
