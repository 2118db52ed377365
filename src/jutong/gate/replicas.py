"""Replicas as the gate reads them: one SQLite file per service, kept up to date by ``replicating``.

    DIR/gate/<service>.<generation>.sqlite      the newest generation is the one that counts

A generation is a rebuild; between rebuilds the replicator changes rows in place, in WAL mode, so readers never
wait.  Row numbers (``_n``) are never used twice within a generation: a page's cursor stays good while rows come
and go around it.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jutong.gate.shape import Cell

#: Memory-mapped: reading a hot page costs no system call.
_MAPPED_BYTES = 1 << 34


@dataclass(eq=False)
class Replica:
    """One open generation; used by one thread.

    Between two refreshes all reads share one transaction: it spares each its locks, and ``as_of`` is then exactly
    what the rows are of.
    """

    service: str
    generation: str
    columns: frozenset[str]
    connection: sqlite3.Connection
    as_of: str = ""
    #: The lake snapshot the rows are of, and the one from which on all that went is still remembered (列表).
    snapshot: int = 0
    kept_from: int = 0
    #: What records are counted by (统计).
    counted: frozenset[str] = frozenset()
    #: Answers worked out of these very rows.
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)
    opened: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC), repr=False)
    cursor: sqlite3.Cursor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.cursor = self.connection.cursor()

    @classmethod
    def open(cls, file: Path) -> Replica:
        """Raises sqlite3.Error if the file is gone or no replica."""
        service, generation, _ = file.name.rsplit(".", 2)
        connection = sqlite3.connect(
            f"file:{file}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        connection.execute("PRAGMA query_only = 1")
        columns = frozenset(row[1] for row in connection.execute("PRAGMA table_info(data)"))
        replica = cls(service, generation, columns, connection)
        replica.counted = frozenset(row[1] for row in connection.execute("PRAGMA table_info(cells)"))
        replica.refresh()
        return replica

    def refresh(self) -> None:
        """Go on to what has been written since."""
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")
        self.connection.execute("BEGIN")
        said = dict(self.connection.execute("SELECT name, value FROM meta"))
        self.as_of = said.get("as_of", "")
        self.kept_from = int(said.get("kept_from", 0))
        snapshot = int(said.get("snapshot", 0))
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            self.kept.clear()

    def rows(self, sql: str, values: Sequence[Cell]) -> list[tuple[Cell, ...]]:
        return self.cursor.execute(sql, values).fetchall()

    def close(self) -> None:
        self.connection.close()


class Replicas:
    """The newest generation of every service in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = -1
        self._open: dict[str, Replica] = {}

    def get(self, service: str) -> Replica | None:
        return self._open.get(service)

    def fresh(self) -> dict[str, str]:
        """Service → the instant its rows are of."""
        return {service: replica.as_of for service, replica in self._open.items()}

    def refresh(self) -> None:
        """Take over new generations and freshness; cheap enough for twice a second."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed != self._seen:
            self._seen = changed
            self._take_over(newest(self._folder))
        for replica in self._open.values():
            replica.refresh()

    def close(self) -> None:
        for replica in self._open.values():
            replica.close()
        self._open.clear()

    def _take_over(self, files: Mapping[str, Path]) -> None:
        for service in set(self._open) - set(files):
            self._open.pop(service).close()
        for service, file in files.items():
            held = self._open.get(service)
            if held is None or file.name != f"{service}.{held.generation}.sqlite":
                try:
                    self._open[service] = Replica.open(file)
                except sqlite3.Error:
                    self._seen = -1  # replaced again while we looked
                    continue
                if held is not None:
                    held.close()


def newest(folder: Path) -> dict[str, Path]:
    """The newest finished generation of each service; generations sort by name."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.sqlite")):
        found[file.name.rsplit(".", 2)[0]] = file
    return found
