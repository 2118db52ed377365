"""Files that are there whole or not at all, and stay there when the power goes."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: A new stream needs this much room before it may promise anything.
PROBE_BYTES = 1 << 20


def write_whole(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write each (name, content) below ``folder`` durably: temporary file, fsync, rename, fsync of the folders."""
    changed: set[Path] = set()
    for name, content in files:
        target = folder / name
        if not target.parent.is_dir():
            changed.update(_new_folders(folder, target.parent))
        temporary = folder / "tmp" / secrets.token_hex(8)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
        changed.add(target.parent)
    for parent in changed:
        sync_folder(parent)


def _new_folders(folder: Path, wanted: Path) -> Iterator[Path]:
    missing = [wanted, *(parent for parent in wanted.parents if parent.is_relative_to(folder))]
    for parent in reversed([one for one in missing if not one.is_dir()]):
        parent.mkdir(mode=0o700, exist_ok=True)
        yield parent.parent


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the sequencer's lock; it goes with the process that held it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_free(file: Path) -> bool:
    """Whether no living writer holds this stream file."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def check_room(folder: Path) -> None:
    """Raise OSError unless there is room for, and durability of, a good piece of writing."""
    probe = folder / "tmp" / f"probe-{secrets.token_hex(8)}"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        block = b"\0" * PROBE_BYTES
        if os.write(descriptor, block) != len(block):
            raise OSError("short write")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)
