"""The store: one object through which every room reaches the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import pyarrow as pa

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import archiving, declaring, guard, moving, purging, reading, today, upkeep, writing
from jutong.store import changes as feed
from jutong.store import history as record
from jutong.store.ageing import History
from jutong.store.archiving import Part
from jutong.store.files import Files, files_at
from jutong.store.guard import Bounds, View
from jutong.store.history import Version
from jutong.store.lake import SQL, Lake
from jutong.store.reading import Reading
from jutong.store.spec import DatasetSpec, as_name, column_type
from jutong.store.upkeep import Damage
from jutong.store.writing import Writer
from jutong.terms import BadInput, ContentHash, DatasetName, NotFound, Zone, combine, set_hash_sql

Result = TypeVar("Result")
Name = DatasetName | str
_NEVER: tuple[str, None] = ("", None)


@dataclass(frozen=True)
class Remembered:
    """The snapshots the lake still has: the newest, how many, and the time of the oldest."""

    newest: int
    count: int
    since: dt.datetime


class Store:
    """Open once per process, share between threads, close at the end."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        #: Dataset → the edition of its row (its transaction) and what it says; see ``datasets``.
        self._known: dict[str, tuple[str, DatasetSpec | None]] = {}

    @classmethod
    def open(cls, database: Database, settings: Settings) -> Self:
        """Reach the lake, making it on first use.

        Raises Unavailable ``store.extension_missing``, ``store.catalogue_unreachable``.
        """
        return cls(Lake(database, settings))

    def close(self) -> None:
        self._lake.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What there is

    def declare(
        self, specs: Sequence[DatasetSpec], renames: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Make these datasets exist as declared; does nothing where they do. See ``declaring.declare``."""
        declaring.declare(self._lake, list(specs), renames)

    def spec(self, name: Name) -> DatasetSpec:
        """Raises NotFound ``store.no_dataset``."""
        with self._lake.database.connection() as control:
            row = control.execute(SQL.find_dataset, {"name": str(as_name(name))}).fetchone()
        if row is None:
            raise NotFound("store.no_dataset", f"数据集 {name} 不存在")
        return DatasetSpec.from_row(row)

    def datasets(self, zone: Zone | str | None = None) -> list[DatasetSpec]:
        """All datasets by name. Rows that have not changed are not parsed again: 15 000 of them took 1.5 s."""
        with self._lake.database.connection() as control:
            rows = control.execute(SQL.list_datasets, {"zone": zone and str(Zone(zone))}).fetchall()
            changed = [
                row["name"] for row in rows if self._known.get(row["name"], _NEVER)[0] != row["edition"]
            ]
            fresh = control.execute(SQL.find_datasets, {"names": changed}).fetchall() if changed else []
        editions = {row["name"]: row["edition"] for row in rows}
        for row in fresh:
            self._known[row["name"]] = editions[row["name"]], DatasetSpec.from_row(row)
        return [spec for row in rows if (spec := self._known.get(row["name"], _NEVER)[1])]

    # Writing

    @contextmanager
    def writing(self, commit_id: str, *names: Name, author: str) -> Iterator[Writer]:
        """One lake transaction over these datasets; ``with store.writing(batch_id, "raw.x") as w``.

        Raises AlreadyCommitted with the snapshot when the id is in the lake; Conflict ``store.conflict`` when
        another writer won, and then the whole block must be done again (``write`` does that).
        """
        with writing.writing(self._lake, commit_id, names, author=author, committed=self.committed) as writer:
            yield writer

    def write(
        self, commit_id: str, *names: Name, author: str, body: Callable[[Writer], Result]
    ) -> tuple[Result, int]:
        """``writing`` with ``body`` run again on conflict; returns its result and the snapshot."""
        return writing.write(body, lambda: self.writing(commit_id, *names, author=author))

    def committed(self, commit_id: str) -> int | None:
        """The snapshot of a commit id, or None; expired snapshots included."""
        return self._lake.committed(commit_id)

    # Reading

    @contextmanager
    def reading(self, as_of: int | dt.datetime | None = None) -> Iterator[Reading]:
        """A read-only view of one snapshot: the newest, a numbered one, or that of an instant."""
        with reading.reading(self._lake, as_of) as view:
            yield view

    def snapshot(self) -> int:
        return int(self._lake.ask(SQL.lake_snapshot)[0]["snapshot"])

    def remembered(self) -> Remembered:
        """How far back the lake's history reaches."""
        row = self._lake.ask(SQL.lake_remembered)[0]
        return Remembered(int(row["newest"]), int(row["count"]), row["since"])

    def count(self, dataset: Name, as_of: int | dt.datetime | None = None) -> int:
        with self.reading(as_of) as view:
            return int(view.rows(f"SELECT count(*) AS n FROM {view.table(dataset)}")[0]["n"])

    def content_hash(
        self, dataset: Name, columns: Sequence[str] | None = None, as_of: int | dt.datetime | None = None
    ) -> ContentHash:
        """Hash over the given items, by default all that are content (names without a leading ``_``).

        Item names and types are those of the snapshot asked for.
        """
        name = as_name(dataset)
        with self.reading(as_of) as view:
            state = feed.state_at(self._lake, name, view.snapshot)
            if state is None:
                raise NotFound("store.no_dataset", f"快照 {view.snapshot} 中没有数据集 {name}")
            types = dict(state.columns.values())
            wanted = [each for each in types if not each.startswith("_")] if columns is None else columns
            unknown = [each for each in wanted if each not in types]
            if unknown:
                raise BadInput("store.unknown_item", f"数据集 {name} 没有信息项「{'」「'.join(unknown)}」")
            typed = [(each, types[each]) for each in wanted]
            row = view.rows(set_hash_sql(view.table(name), typed, "duckdb"))[0]
        return combine(row["n"], [row[f"q{place}"] for place in range(4)])

    def types(self, dataset: Name, items: Sequence[str]) -> dict[str, str]:
        """DuckDB's type of these items of a dataset.  Raises NotFound ``store.no_dataset``."""
        spec = self.spec(dataset)
        return {item.name: column_type(item.type) for item in spec.items if item.name in items}

    def remembers(self, instant: dt.datetime) -> int:
        """The snapshot that says exactly what an instant saw.

        Raises NotFound ``store.no_snapshot``, ``store.forgotten`` where a later one of before that instant has expired.
        """
        return today.remembered(self._lake, instant)

    def files(self, dataset: Name, as_of: int | dt.datetime | None = None) -> Files:
        """The Parquet and delete files of a snapshot, for an engine of its own (``engines.spark.read``)."""
        snapshot = self.snapshot() if as_of is None else reading.snapshot_of(self._lake, as_of)
        return files_at(self._lake, as_name(dataset), snapshot)

    def changes(self, dataset: Name, since: int | None, until: int | None = None) -> feed.Changes:
        """Net changes by key in ``(since, until]``; see ``changes.Changes``."""
        return feed.changes(self._lake, self.spec(dataset), since, until)

    def history(self, dataset: Name, key: Sequence[str], most: int = 50) -> list[Version]:
        """What one record said and since when, the newest first; see ``history``."""
        return record.history(self._lake, self.spec(dataset), key, most)

    def follow(self, follower: str, dataset: Name, snapshot: int) -> None:
        """Say how far a follower of the feed has come, so that expiry waits for it (up to its cap)."""
        upkeep.follow(self._lake, follower, as_name(dataset), snapshot)

    def unfollow(self, follower: str, dataset: Name | None = None) -> None:
        upkeep.unfollow(self._lake, follower, as_name(dataset) if dataset else None)

    def people_sql(self, sql: str, views: Mapping[str, View], bounds: Bounds | None = None) -> pa.Table:
        """Run SQL written by a person over the views granted to them, in a child process; see ``guard``."""
        return guard.people_sql(self._lake, sql, views, bounds)

    # The archive

    def archive(self, dataset: Name, batches: Sequence[str], rule_id: int | None = None) -> list[Part]:
        """Take these batches of a raw dataset out of the lake into the archive; they are read as before."""
        return archiving.archive(self._lake, self.spec(dataset), batches, rule_id)

    def recall(self, dataset: Name, batch: str, by: str) -> Part:
        """Bring an archived batch back into the lake."""
        return archiving.recall(self._lake, self.spec(dataset), batch, by)

    def destroy(self, part_id: int, by: str, reason: str) -> Part:
        """Destroy an archived batch for good, as ``by`` approved; the part stays as its certificate."""
        return archiving.destroy(self._lake, part_id, by, reason)

    def settle_archive(self, patience: dt.timedelta = archiving.PATIENCE) -> int:
        """Note the end of what a killed process was at, out or back; returns how many parts were asked about."""
        return archiving.settle(self._lake, patience)

    @property
    def purge(self) -> purging.Purging:
        """What takes rows away for good, history and files included; ``flows.purging`` says when."""
        return purging.Purging(self._lake)

    # Upkeep

    def compact(self, *names: Name, stop: upkeep.Stop = upkeep.never) -> list[str]:
        """Merge small files, rewrite files with many deleted rows; returns the datasets worked on."""
        return upkeep.compact(self._lake, [str(as_name(name)) for name in names], stop)

    def compaction_due(self) -> list[upkeep.Due]:
        """The datasets that need compaction and why, the smallest first."""
        return upkeep.due(self._lake)

    def work_off(self, due: upkeep.Due) -> None:
        """Do what ``compaction_due`` named."""
        upkeep.compact_one(self._lake, due)

    def thin(
        self,
        rule: History,
        now: dt.datetime | None = None,
        cap: dt.timedelta = upkeep.FOLLOWER_CAP,
        seen: Sequence[dt.datetime] = (),
    ) -> int:
        """Forget the snapshots the rule does not keep, never past a follower younger than ``cap``; how many.

        ``seen``: see ``ageing.thinned``.
        """
        return upkeep.thin(self._lake, rule, now or dt.datetime.now(dt.UTC), cap, seen)

    def expire(self, keep_from: int, cap: dt.timedelta = upkeep.FOLLOWER_CAP) -> int:
        """Forget snapshots older than ``keep_from``, oldest first, never past a follower younger than ``cap``."""
        return upkeep.expire(self._lake, keep_from, cap)

    def clean(self, grace: dt.timedelta = archiving.GRACE) -> int:
        """Delete files no snapshot needs once they are older than ``grace``; returns how many."""
        return upkeep.clean(self._lake, grace)

    def usage(self) -> list[dict[str, object]]:
        """Rows with zone, dataset, rows, bytes (those of its sheets among them), sheets, files."""
        return upkeep.usage(self._lake)

    def move(self, settings: Settings, tell: moving.Tell = moving.silently) -> int:
        """Bring the lake to where ``settings`` say while others work; returns how many files were copied."""
        return moving.move(self._lake, settings, tell)

    def renew(self, dataset: Name, commit_id: str) -> int:
        """A new, empty version of a dataset whose files are lost, to be filled again; returns its snapshot."""
        return declaring.renew(self._lake, self.spec(dataset), commit_id)

    def damaged(self, *, deep: bool = False) -> list[Damage]:
        """Files that are missing or not as long as they were written; ``deep``: archived ones are hashed too."""
        return upkeep.damaged(self._lake, deep=deep)

    def known_files(self) -> set[Path]:
        """Every file a snapshot may need."""
        return {path for _, path, _ in self._lake.weighed()}

    def doctor(self) -> list[str]:
        """What is wrong with the lake, in plain sentences; empty when nothing is."""
        return upkeep.findings(self._lake)
