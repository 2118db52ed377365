"""Keeping a commit's files: no answer lost on the way may cost data.

When COMMIT fails, DuckLake deletes the files the transaction wrote.  If only the answer was lost, the catalogue
names them already, and the table would be unreadable for ever.  So each new file gets a second name (a hard
link under ``.keep``) before the COMMIT; afterwards the second name goes, or, where the lake does hold the
commit, brings the file back.  What a killed process left under ``.keep`` is settled by the next to open the lake.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

#: Clocks of network file systems may lag behind ours; a file too many does no harm.
_LAG_SECONDS = 5.0
FOLDER = ".keep"


class Kept:
    """The second names of one transaction's files."""

    def __init__(self, root: str) -> None:
        self._since = time.time() - _LAG_SECONDS
        self._local = "://" not in root
        self._root = Path(root)
        self.folder = self._root / FOLDER / f"{os.getpid()}-{_born(os.getpid())}-{secrets.token_hex(6)}"
        self._names: dict[str, str] = {}

    def keep(self, folders: Iterable[Path] | None = None) -> None:
        """Link what was written since this object was made, in these folders or in the whole lake."""
        if not self._local:
            return
        for file in _new_files(folders or _all_folders(self._root), self._since):
            if not self._names:
                self.folder.mkdir(mode=0o700, parents=True)
            name = f"{len(self._names)}.parquet"
            os.link(file, self.folder / name)
            self._names[name] = str(file)
        if self._names:
            (self.folder / "names.json").write_text(json.dumps(self._names), encoding="utf-8")

    def restore(self) -> None:
        """The lake holds the commit: give back the files that were deleted."""
        _restore(self.folder, self._names, set(self._names.values()))
        self.drop()

    def drop(self) -> None:
        if self._names:
            shutil.rmtree(self.folder, ignore_errors=True)


def orphaned(root: Path) -> Iterator[Path]:
    """Folders under ``.keep`` whose process is gone."""
    for folder in (root / FOLDER).glob("*-*-*"):
        pid, born, _ = folder.name.split("-")
        if pid.isdecimal() and str(_born(int(pid))) != born:
            yield folder


def _born(pid: int) -> int:
    """When a process began, so that a later one of the same number is not taken for it; 0 when there is none."""
    try:
        return int(psutil.Process(pid).create_time() * 100)
    except psutil.NoSuchProcess:
        return 0


def settle(folders: Iterable[Path], known: set[Path]) -> int:
    """Bring back the files the catalogue knows, forget the others; returns how many came back."""
    restored = 0
    for folder in folders:
        try:
            names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            names = {}  # it died while linking, before the COMMIT
        restored += _restore(folder, names, {str(path) for path in known})
        shutil.rmtree(folder, ignore_errors=True)
    return restored


def can_link(root: Path) -> bool:
    """Whether the lake's file system has hard links."""
    probe = root / FOLDER / f"probe-{secrets.token_hex(4)}"
    with _removed(probe):
        probe.mkdir(mode=0o700, parents=True)
        (probe / "a").touch()
        try:
            os.link(probe / "a", probe / "b")
        except OSError:
            return False
        return True


@contextmanager
def _removed(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restore(folder: Path, names: dict[str, str], known: set[str]) -> int:
    restored = 0
    for name, original in names.items():
        if original in known and not Path(original).exists() and (folder / name).exists():
            Path(original).parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / name, original)
            restored += 1
    return restored


def _new_files(folders: Iterable[Path], since: float) -> Iterator[str]:
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".parquet") and entry.stat().st_mtime >= since:
                        yield entry.path
        except FileNotFoundError:
            continue


def _all_folders(root: Path) -> Iterator[Path]:
    for folder, below, _ in os.walk(root):
        if FOLDER in below:
            below.remove(FOLDER)
        yield Path(folder)
