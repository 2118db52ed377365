"""The lake as one process holds it: DuckDB with DuckLake attached and kept, and a look into its catalogue.

Attaching is dear when there are many tables (ducklake #1398), so it is done once; every use gets a cursor,
which is a session of its own on the shared instance.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from jutong.database import Connection, Database, named_sql
from jutong.settings import Settings, read_settings
from jutong.store import keeping
from jutong.store.engines.duckdb import attach, connect, spill_folder, told, told_of_disk
from jutong.store.keeping import Kept
from jutong.store.spec import FENCE, fences
from jutong.terms import Conflict, Unavailable, Zone, literal

SQL = named_sql(__file__)
#: Anyone who makes or re-attaches the lake's catalogue holds this advisory lock.
OPENING = 7_231_906
#: How often a reader looks whether the lake has been moved.
_LOOK_SECONDS = 2.0
#: Of every table.  Parquet's newer encodings with LZ4 read 30 % faster than its older with Snappy, and take 13 %
#: less room; Spark and Arrow read both.
_OPTIONS = {"data_inlining_row_limit": "0", "parquet_version": "2", "parquet_compression": "lz4_raw"}


class Lake:
    """Close it when done; safe to use from many threads."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.folder = settings.lake_folder
        self.spill = spill_folder(settings.home)
        self._looked = time.monotonic()
        self._lock = threading.Lock()
        self._engine: duckdb.DuckDBPyConnection | None = None
        #: Sheets this process has looked into, by their path; see ``places``.
        self.sheets: dict[Path, Any] = {}
        #: A commit's outcome is not known; its files wait under .keep.
        self._doubtful: list[Kept] = []
        self._catalogue: ConnectionPool[Connection] = ConnectionPool(
            database.lake_url, kwargs={"row_factory": dict_row, "autocommit": True},
            min_size=1, max_size=8, timeout=10, open=False, check=ConnectionPool.check_connection,
        )  # fmt: skip
        self._catalogue.open()
        try:
            self._engine = self._open()
        except BaseException:
            self.close()
            raise

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A session of one's own; close it. A crashed engine is opened again."""
        with self._lock:
            if self._engine is None:
                self._engine = self._open()
            return self._engine.cursor()

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that is closed at the end; DuckDB's errors that are not the plan's fault become ours."""
        if self._doubtful:
            self.settle()
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self.follow_move()
        cursor = self.cursor()
        try:
            with self.explained():
                yield cursor
        finally:
            cursor.close()

    def follow_move(self) -> None:
        """Go where the lake has been moved to, with the settings of today; readers look now and then, writers always."""
        self._looked = time.monotonic()
        rows = self.ask(SQL.lake_path)
        if not rows or rows[0]["path"].rstrip("/") == self.folder.rstrip("/"):
            return
        with self._lock:
            self.folder = rows[0]["path"].rstrip("/")
            fresh = read_settings(self.settings.home)
            self.settings = replace(fresh, database_url=self.settings.database_url, lake_path=self.folder)
            self._engine = None  # cursors that are at work keep theirs

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of DuckDB and of the disk into the error tree where they are the world's fault, not the plan's."""
        try:
            yield
        except OSError as problem:
            error = told_of_disk(problem)
            if error is None:
                raise
            raise error from problem
        except duckdb.Error as problem:
            error = told(problem)
            if error is None:
                raise
            if error.code == "store.engine_failed":
                with self._lock:
                    self._engine = None
            if error.code in ("store.file_missing", "store.file_damaged"):
                self._forget_files()
            raise error from problem

    def _forget_files(self) -> None:
        """DuckLake has DuckDB keep what it read of a file for ever, a damaged one too: one that is mended must be read."""
        with self.cursor() as cursor:
            for wanted in ("false", "true"):
                cursor.execute(f"SET GLOBAL enable_external_file_cache = {wanted}")

    def ask(self, query: psycopg.sql.SQL, **values: Any) -> list[dict[str, Any]]:
        """Rows of a query on DuckLake's own catalogue, through the lake's role."""
        try:
            with self._catalogue.connection() as connection:
                cursor = connection.execute(query, values)
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError as problem:
            raise Unavailable("store.catalogue_unreachable", "数据湖的目录数据库连接中断") from problem

    def committed(self, commit_id: str) -> int | None:
        """The snapshot of a commit id, or None; expired snapshots included."""
        rows = self.ask(SQL.lake_commit, commit_id=commit_id)
        if rows:
            return int(rows[0]["snapshot_id"])
        with self.database.connection() as control:
            row = control.execute(SQL.expired_commit, {"commit_id": commit_id}).fetchone()
        return int(row["snapshot"]) if row else None

    def folders(self, names: Sequence[str]) -> list[Path]:
        """Where the files of these datasets and of their fences lie."""
        return [
            table_folder(Path(self.folder), row)
            for row in self.ask(SQL.lake_folders, names=list(names), fences=fences(names))
        ]

    def files(self) -> Iterator[tuple[Path, bool]]:
        """Every file the catalogue knows, and whether the newest snapshot needs it."""
        root = Path(self.folder)
        for row in self.ask(SQL.lake_files):
            yield below(table_folder(root, row), row["path"], row["path_is_relative"]), row["living"]
        for row in self.ask(SQL.lake_scheduled_files):
            yield below(root, row["path"], row["path_is_relative"]), False

    def names(self) -> Iterator[tuple[str, int]]:
        """Path below the lake's folder and bytes of every file a snapshot may need."""
        for row in self.ask(SQL.lake_files):
            path = below(table_folder(Path(), row), row["path"], row["path_is_relative"])
            yield str(path), row["bytes"]

    def weighed(self) -> Iterator[tuple[str, Path, int]]:
        """Dataset, path and bytes of every file a snapshot may need, as the catalogue has them."""
        root = Path(self.folder)
        for row in self.ask(SQL.lake_files):
            path = below(table_folder(root, row), row["path"], row["path_is_relative"])
            yield row["dataset"], path, row["bytes"]

    def commit(self, cursor: duckdb.DuckDBPyConnection, commit_id: str, kept: Kept) -> None:
        """COMMIT. When only the answer was lost, the lake says so and gets back the files DuckLake deleted.

        Raises the engine's error when the lake does not hold the commit, or cannot be asked just now.
        """
        try:
            cursor.execute("COMMIT")
        except duckdb.Error as problem:
            if isinstance(told(problem), Conflict):
                kept.drop()
                raise
            if not self._landed(commit_id, kept):
                raise
        else:
            kept.drop()

    def _landed(self, commit_id: str, kept: Kept) -> bool:
        for pause in (0.0, 0.2, 1.0):
            time.sleep(pause)
            try:
                landed = bool(self.ask(SQL.lake_commit, commit_id=commit_id))
            except Unavailable:
                continue
            if landed:
                kept.restore()
            else:
                kept.drop()
            return landed
        self._doubtful.append(kept)
        return False

    def settle(self) -> None:
        """Files of commits whose outcome could not be learnt: bring back those the catalogue knows by now."""
        if "://" in self.folder:
            return
        waiting, self._doubtful = self._doubtful, []
        folders = [kept.folder for kept in waiting] + list(keeping.orphaned(Path(self.folder)))
        if folders:
            try:
                keeping.settle(folders, {path for path, _ in self.files()})
            except Unavailable:
                self._doubtful += waiting
                raise

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
        self._catalogue.close()
        shutil.rmtree(self.spill, ignore_errors=True)

    def _open(self) -> duckdb.DuckDBPyConnection:
        if "://" not in self.folder:
            Path(self.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = connect(self.settings, self.spill)
        try:
            with self.database.connection() as control:
                control.execute("SELECT pg_advisory_xact_lock(%s)", (OPENING,))
                self._attach(engine)
        except duckdb.Error as problem:
            engine.close()
            raise (
                told(problem)
                or Unavailable("store.lake_unreachable", f"数据湖打不开：{str(problem).splitlines()[0]}")
            ) from None
        return engine

    def _attach(self, engine: duckdb.DuckDBPyConnection) -> None:
        state = self.ask(SQL.lake_state)[0]
        if state["made"]:
            # A process that read its settings before a move must not call the lake back.
            said = read_settings(self.settings.home).lake_path
            if said and self.ask(SQL.lake_path)[0]["path"] == said.rstrip("/") + "/":
                self.folder = said
            self.ask(SQL.lake_moved, path=self.folder.rstrip("/") + "/")
        attach(engine, self.database.lake_url, self.folder)
        if state["finished"]:
            self.settle()
            return
        for option, value in _OPTIONS.items():
            engine.execute(f"CALL lake.set_option({literal(option)}, {literal(value)})")
        engine.execute("BEGIN")
        for schema in (*Zone, FENCE):
            engine.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{schema}")
        engine.execute("COMMIT")
        with self._catalogue.connection() as connection:
            connection.execute(SQL.lake_indexes)


def roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """End a transaction that may have ended by itself when a statement failed."""
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        pass


def table_folder(root: Path, row: Mapping[str, Any]) -> Path:
    schema = below(root, row["schema_path"], row["schema_relative"])
    return below(schema, row["table_path"], row["table_relative"])


def below(parent: Path, path: str, relative: bool) -> Path:
    return parent / path if relative else Path(path)
