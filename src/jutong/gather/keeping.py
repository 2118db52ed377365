"""A delivered file is kept byte for byte under its SHA-256 (law 2); rows are read from the kept copy."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jutong.gather.receipts import file_of
from jutong.terms import Address, JutongError, Unavailable

_CHUNK = 8 << 20


@dataclass(frozen=True)
class Kept:
    path: Path
    sha256: str
    bytes: int


def keep(delivered: Path, home: Path, name: str) -> Kept:
    """Copy a file into DIR/files, durable before its name appears there; the same content is kept once.

    Raises Unavailable ``gather.file_changing`` when somebody is still writing it, ``gather.disk_full``,
    ``gather.file_unreadable``.
    """
    address = Address(file=name)
    with disk_watched(address):
        before = delivered.stat()
        folder = home / "files"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arriving = folder / f"arriving-{secrets.token_hex(8)}"
        try:
            digest, size = _copy(delivered, arriving)
            after = delivered.stat()
            if (before.st_size, before.st_mtime_ns) != (
                after.st_size,
                after.st_mtime_ns,
            ) or size != after.st_size:
                raise Unavailable("gather.file_changing", "文件还在被写入，等它写完再归集", address)
            kept = file_of(home, digest)
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            arriving.rename(kept)
        finally:
            arriving.unlink(missing_ok=True)
    return Kept(kept, digest, size)


@contextmanager
def disk_watched(address: Address) -> Iterator[None]:
    """The operating system's words about disks, in ours."""
    try:
        yield
    except OSError as problem:
        raise _told(problem, address) from None


def _told(problem: OSError, address: Address) -> JutongError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable("gather.disk_full", "磁盘已满，交来的文件没有地方保存", address)
    return Unavailable("gather.file_unreadable", f"文件读不出来：{problem.strerror}", address)


def _copy(delivered: Path, arriving: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with delivered.open("rb") as source, arriving.open("wb") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
            size += len(chunk)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest(), size
