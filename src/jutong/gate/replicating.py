"""Keeping the replicas equal to the lake: built whole once, then fed by the store's net changes.

A replica is rebuilt when its shape changes (another item, another mask, another filter) or the feed says so
(``full``, renamed items); otherwise one SQLite transaction applies the changes and says up to where.
The result of a SELECT has no feed: it is asked anew once one of its datasets has changed, and what differs is applied.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from jutong.database import Database
from jutong.gate.replicas import newest
from jutong.gate.rights import Rights
from jutong.gate.shape import Cell, Shape
from jutong.share import SELECT_BOUNDS, Selection
from jutong.store import Changes, Store, column_type
from jutong.terms import Conflict, JutongError, quote

#: An unchanged replica says at least this often that it is still what the lake holds.
_SAY_AGAIN = dt.timedelta(seconds=30)
#: Rows that went which a list service's replica remembers at most.
_MOST_GONE = 200_000
#: A replica from before a purge is built anew: SQLite keeps the bytes of what it deletes, and lists what went.
_PURGED = "SELECT coalesce(max(snapshot), 0) AS snapshot FROM purge"
#: The row of ``meta`` that names the lake snapshot being applied.
_APPLYING = "applying"


@dataclass(frozen=True)
class Replicated:
    """What one pass did for one service; ``problem`` says why it did nothing."""

    service: str
    rebuilt: bool = False
    upserted: int = 0
    deleted: int = 0
    problem: str = ""


def replicate(database: Database, store: Store, folder: Path) -> list[Replicated]:
    """Bring every active service's replica up to the lake; returns those that changed or could not.

    One process at a time: another waits.  A service that fails leaves its replica as it was, the others go on;
    but a replica from before a purge is not left.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with database.connection() as connection:
            rights = Rights.read(connection)
            purged = connection.execute(_PURGED).fetchone()
        shapes = rights.shapes(dt.datetime.now(dt.UTC))
        _drop_ended(folder, set(shapes), store)
        since = int(purged["snapshot"]) if purged else 0
        done = [_tried(service, shape, store, folder, since) for service, shape in shapes.items()]
    return [one for one in done if one.rebuilt or one.upserted or one.deleted or one.problem]


def _tried(service: str, shape: Shape, store: Store, folder: Path, purged: int) -> Replicated:
    try:
        return _one(service, shape, store, folder, purged)
    except (JutongError, duckdb.Error, sqlite3.Error, OSError) as problem:
        _forget(service, folder, purged)
        # The engine's own words may hold a value it stumbled over, and what is said here is logged.
        if isinstance(problem, duckdb.Error):
            return Replicated(service, problem=type(problem).__name__)
        if isinstance(problem, JutongError) and problem.code == "store.sql_failed":
            return Replicated(service, problem=problem.code)
        return Replicated(service, problem=str(problem))


def _forget(service: str, folder: Path, purged: int) -> None:
    """A replica from before a purge that could not be made anew answers no longer."""
    file = newest(folder).get(service)
    if file is None or not purged:
        return
    try:
        with _Writing(file) as replica:
            stands = replica.snapshot >= purged
    except (sqlite3.Error, ValueError):
        stands = False
    if not stands:
        for each in folder.glob(f"{service}.*"):
            each.unlink(missing_ok=True)


def _one(service: str, shape: Shape, store: Store, folder: Path, purged: int) -> Replicated:
    file = newest(folder).get(service)
    if shape.selection is not None:
        return _selected(service, shape, shape.selection, store, folder, file, purged)
    if file is not None:
        with _Writing(file) as replica:
            if replica.shape == shape.signature and replica.snapshot >= purged:
                went = _feed(service, shape, store, replica)
                if went is not None:
                    return went
    return _rebuild(service, shape, store, folder)


def _feed(service: str, shape: Shape, store: Store, replica: _Writing) -> Replicated | None:
    """Apply what changed; None if the replica must be built anew."""
    looked = dt.datetime.now(dt.UTC)
    with store.changes(shape.dataset, since=replica.snapshot) as changes:
        if changes.full or changes.renamed:
            return None
        if changes.empty and looked - replica.as_of < _SAY_AGAIN:
            return Replicated(service)
        with replica.transaction():
            # Rows without a business key are only ever appended.
            replica.begin(changes.until)
            deleted = replica.delete(shape.keys, _cells(changes.deletes())) if shape.keys else 0
            upserted = replica.upsert(shape, _upserts(changes, shape))
            if deleted or upserted:
                replica.settle(shape)
            replica.say(shape, changes.until, looked)
    store.follow(_follower(service), shape.dataset, changes.until)
    return Replicated(service, False, upserted, deleted)


def _rebuild(service: str, shape: Shape, store: Store, folder: Path) -> Replicated:
    looked = dt.datetime.now(dt.UTC)
    with store.changes(shape.dataset, since=None) as changes:
        rows = _built(service, shape, folder, _upserts(changes, shape), changes.until, looked)
    store.follow(_follower(service), shape.dataset, changes.until)
    return Replicated(service, True, rows)


def _built(
    service: str,
    shape: Shape,
    folder: Path,
    cells: Iterable[tuple[Cell, ...]],
    snapshot: int,
    looked: dt.datetime,
) -> int:
    """A new generation beside the old one; readers change over when it is whole.  Returns its rows."""
    generation = f"{looked:%Y%m%d%H%M%S%f}-{secrets.token_hex(2)}"
    building = folder / f"{service}.{generation}.building"
    with _Writing(building) as replica, replica.transaction():
        replica.make(shape)
        replica.begin(snapshot)
        rows = replica.upsert(shape, cells, fresh=True)
        replica.index(shape)
        replica.settle(shape)
        replica.say(shape, snapshot, looked)
    with _Writing(building) as replica:
        replica.open_to_readers()
    building.rename(folder / f"{service}.{generation}.sqlite")
    for file in folder.glob(f"{service}.*"):
        if not file.name.startswith(f"{service}.{generation}."):
            file.unlink(missing_ok=True)
    return rows


def _selected(
    service: str,
    shape: Shape,
    selection: Selection,
    store: Store,
    folder: Path,
    file: Path | None,
    purged: int,
) -> Replicated:
    looked, snapshot = dt.datetime.now(dt.UTC), store.snapshot()
    if file is not None:
        with _Writing(file) as replica:
            stands = replica.shape == shape.signature and replica.snapshot >= purged
            if stands and not _moved(store, selection, replica.snapshot):
                if looked - replica.as_of >= _SAY_AGAIN:
                    with replica.transaction():
                        replica.say(shape, snapshot, looked)
                return Replicated(service)
            if stands and shape.keys:
                with _result(shape, selection, store) as cells, replica.transaction():
                    replica.begin(snapshot)
                    deleted, upserted = replica.become(shape, cells)
                    replica.settle(shape)
                    replica.say(shape, snapshot, looked)
                return Replicated(service, False, upserted, deleted)
    with _result(shape, selection, store) as cells:
        return Replicated(service, True, _built(service, shape, folder, cells, snapshot, looked))


def _moved(store: Store, selection: Selection, since: int) -> bool:
    """Whether one of the datasets it reads has changed."""
    for view in selection.views:
        with store.changes(view.dataset, since=since) as changes:
            if not changes.empty or changes.renamed:
                return True
    return False


@contextmanager
def _result(shape: Shape, selection: Selection, store: Store) -> Iterator[Iterator[tuple[Cell, ...]]]:
    """The query's rows as the replica's cells.  Raises the guard's BadInput, Conflict ``gate.select_keys``."""
    typed = ", ".join(
        f"CAST({quote(item.name)} AS {column_type(item.type)}) AS {quote(item.name)}"
        for item in selection.items
    )
    made = store.people_sql(selection.sql, selection.seen(), SELECT_BOUNDS)
    columns = ", ".join(f"{column.sql} AS {quote(column.name)}" for column in shape.columns)
    with store.reading() as lake:
        lake.register("_selected", made)
        if shape.keys:
            keys = ", ".join(map(quote, shape.keys))
            missing = " OR ".join(f"{quote(key)} IS NULL" for key in shape.keys)
            row = lake.rows(
                f"SELECT count(*) - count(DISTINCT ({keys})) AS twice, count(*) FILTER ({missing}) AS missing"
                " FROM _selected"
            )[0]
            if row["twice"] or row["missing"]:
                raise Conflict(
                    "gate.select_keys", f"查询结果的主键 {'、'.join(shape.keys)} 有重复或空值，未更新副本"
                )
        yield _cells(lake.reader(f"SELECT {columns} FROM (SELECT {typed} FROM _selected) AS selected"))


def _drop_ended(folder: Path, services: set[str], store: Store) -> None:
    """A stopped service keeps no copy of the data; nor does a rebuild that was killed."""
    for file in [*folder.glob("*.sqlite*"), *folder.glob("*.building*")]:
        service = file.name.split(".")[0]
        if service not in services or ".building" in file.name:
            file.unlink(missing_ok=True)
        if service not in services:
            store.unfollow(_follower(service))


def _follower(service: str) -> str:
    return f"gate:{service}"


def _upserts(changes: Changes, shape: Shape) -> Iterable[tuple[Cell, ...]]:
    columns = ", ".join(f"{column.sql} AS {quote(column.name)}" for column in shape.columns)
    return _cells(changes.reader(f"SELECT {columns} FROM upserts"))


def _cells(reader: pa.RecordBatchReader) -> Iterator[tuple[Cell, ...]]:
    for batch in reader:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


class _Writing:
    """The writing end of one replica file."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        file.chmod(0o600)

    def __enter__(self) -> _Writing:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def transaction(self) -> sqlite3.Connection:
        """Commits at the end of the ``with`` block, rolls back when it raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    @property
    def shape(self) -> str:
        return self._meta("shape")

    @property
    def snapshot(self) -> int:
        return int(self._meta("snapshot"))

    @property
    def as_of(self) -> dt.datetime:
        return dt.datetime.fromisoformat(self._meta("as_of"))

    def make(self, shape: Shape) -> None:
        names = ", ".join(quote(column.name) for column in shape.columns)
        self._connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        when = "_s INTEGER, " if shape.remembers else ""
        self._connection.execute(f"CREATE TABLE data (_n INTEGER PRIMARY KEY AUTOINCREMENT, {when}{names})")
        if shape.remembers:
            self._remember(shape, names)
        if shape.counted:
            self._connection.execute(
                f"CREATE TABLE cells ({', '.join(map(quote, shape.counted))}, _count INTEGER)"
            )

    def _remember(self, shape: Shape, names: str) -> None:
        """What goes is kept as it was, so that whoever was granted it, and nobody else, can be told it went."""
        self._connection.execute(
            f"CREATE TABLE gone (_g INTEGER PRIMARY KEY AUTOINCREMENT, _s INTEGER, {names})"
        )
        self._connection.execute("CREATE INDEX gone_by_s ON gone (_s)")
        old = ", ".join(f"OLD.{quote(column.name)}" for column in shape.columns)
        now = f"(SELECT CAST(value AS INTEGER) FROM meta WHERE name = '{_APPLYING}')"
        keep = f"BEGIN INSERT INTO gone (_s, {names}) VALUES ({now}, {old}); END"
        self._connection.execute(f"CREATE TRIGGER deleted AFTER DELETE ON data {keep}")
        moved = " OR ".join(f"OLD.{quote(one)} IS NOT NEW.{quote(one)}" for one in shape.watched)
        if moved:
            self._connection.execute(f"CREATE TRIGGER moved AFTER UPDATE ON data WHEN {moved} {keep}")

    def begin(self, snapshot: int) -> None:
        """Whatever is applied from here on came with this snapshot."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_APPLYING, str(snapshot)))

    def settle(self, shape: Shape) -> None:
        """What is made of the rows once they are in: counts, and no endless memory of what went."""
        if shape.counted:
            by = ", ".join(map(quote, shape.counted))
            self._connection.execute("DELETE FROM cells")
            self._connection.execute(f"INSERT INTO cells SELECT {by}, count(*) FROM data GROUP BY {by}")
        if shape.remembers:
            row = self._connection.execute(
                "SELECT max(_s) FROM gone WHERE _g <= (SELECT max(_g) FROM gone) - ?", (_MOST_GONE,)
            ).fetchone()
            if row[0] is not None:
                self._connection.execute("DELETE FROM gone WHERE _s <= ?", (row[0],))
                self._connection.execute(
                    "INSERT OR REPLACE INTO meta VALUES ('kept_from', ?)", (str(row[0]),)
                )

    def index(self, shape: Shape) -> None:
        """After the first load, when it is much cheaper."""
        if shape.keys:
            names = ", ".join(map(quote, shape.keys))
            self._connection.execute(f"CREATE UNIQUE INDEX by_key ON data ({names})")
        if shape.remembers:
            self._connection.execute("CREATE INDEX by_s ON data (_s)")
        for place, index in enumerate(shape.indexes):
            names = ", ".join(map(quote, index))
            self._connection.execute(f"CREATE INDEX by_{place} ON data ({names})")
        self._connection.execute("ANALYZE")

    def delete(self, keys: Sequence[str], rows: Iterable[tuple[Cell, ...]]) -> int:
        where = " AND ".join(f"{quote(key)} = ?" for key in keys)
        return self._many(f"DELETE FROM data WHERE {where}", rows)

    def upsert(self, shape: Shape, rows: Iterable[tuple[Cell, ...]], *, fresh: bool = False) -> int:
        names = [quote(column.name) for column in shape.columns]
        values = ["?" for _ in names]
        if shape.remembers:
            names.append("_s")
            values.append(str(int(self._meta(_APPLYING))))
        sql = f"INSERT INTO data ({', '.join(names)}) VALUES ({', '.join(values)})"
        if shape.keys and not fresh:
            keys = ", ".join(map(quote, shape.keys))
            sql += f" ON CONFLICT ({keys}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}"
        return self._many(sql, rows)

    def become(self, shape: Shape, rows: Iterable[tuple[Cell, ...]]) -> tuple[int, int]:
        """Hold exactly these rows, told apart by the key; returns how many went, and how many came or changed."""
        names = ", ".join(quote(column.name) for column in shape.columns)
        keys = ", ".join(map(quote, shape.keys))
        self._connection.execute(f"CREATE TEMP TABLE fresh ({names}, UNIQUE ({keys}))")
        marks = ", ".join("?" for _ in shape.columns)
        self._many(f"INSERT INTO fresh ({names}) VALUES ({marks})", rows)
        same_key = " AND ".join(f"fresh.{quote(key)} = data.{quote(key)}" for key in shape.keys)
        same = " AND ".join(
            f"fresh.{quote(column.name)} IS data.{quote(column.name)}" for column in shape.columns
        )
        went = self._connection.execute(
            f"DELETE FROM data WHERE NOT EXISTS (SELECT 1 FROM fresh WHERE {same_key})"
        ).rowcount
        changed = self._connection.execute(
            f"SELECT {names} FROM fresh WHERE NOT EXISTS (SELECT 1 FROM data WHERE {same_key} AND {same})"
        )
        came = self.upsert(shape, changed.fetchall())
        self._connection.execute("DROP TABLE fresh")
        return went, came

    def say(self, shape: Shape, snapshot: int, as_of: dt.datetime) -> None:
        said = {
            "shape": shape.signature,
            "snapshot": str(snapshot),
            "as_of": as_of.isoformat(timespec="seconds"),
        }
        said["columns"] = json.dumps([column.name for column in shape.columns], ensure_ascii=False)
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", said.items())

    def open_to_readers(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _many(self, sql: str, rows: Iterable[tuple[Cell, ...]]) -> int:
        return max(0, self._connection.executemany(sql, rows).rowcount)

    def _meta(self, name: str) -> str:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""
