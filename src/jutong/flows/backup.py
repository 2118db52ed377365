"""Backup and restore: the control database, lake, ledger, keys and delivered files, consistent together.

Order matters.  The control database is dumped first, because all else only grows: a Parquet file, a ledger tile or
a delivered file that is newer than the dump is not referred to by it, while every one it refers to is there.
A file that clean-up takes away meanwhile has been without a snapshot for the store's whole grace (24 h), so the dump
does not refer to it.  The ledger is the one that also takes away (a stream once its records are merged), so nobody
merges while it is copied.

A backup beside an earlier one is incremental: a file the earlier one holds with the same size and time is shared with
it by a hard link and not copied again, so either may be deleted and the other stays whole.  Parquet, merged ledger
tiles and delivered files never change once written, so this is nearly all of a city.

    FOLDER/manifest.json     every file with its SHA-256; written last, so a torn backup has none
    FOLDER/control.dump      pg_dump custom format: schemas jutong, jobs and lake
    FOLDER/lake|archive|ledger|keys|files/…, jutong.toml
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from jutong import __version__
from jutong.database import Connection, EmbeddedPostgres, binary, named_sql, open_database
from jutong.flows.platform import Platform
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.settings import Settings, read_settings, write_settings
from jutong.store import Store, is_past
from jutong.terms import BadInput, Broken, Conflict, NotFound

queries = named_sql(__file__, "backup.sql")

#: The keys last: see ``restore``.
_FOLDERS = ("lake", "archive", "ledger", "files", "keys")
MANIFEST = "manifest.json"
#: What a dump's first lines set that an older server does not know (PostgreSQL 17), so that a city of the embedded
#: server can be restored into one of the operator's.
_NEWER_SETTINGS = (b"SET transaction_timeout = 0;\n",)
_HEADER_LINES = 40
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class BackedUp:
    folder: Path
    files: int
    bytes: int
    #: Bytes written anew; the rest is shared with the backup before.
    copied: int


@dataclass(frozen=True)
class BackupRun:
    """One row of ``backup_run``."""

    id: int
    folder: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    bytes: int | None
    files: int | None
    verified: bool
    copied: int | None
    snapshot: int | None
    ledger_size: int | None
    drilled_at: dt.datetime | None
    drill_seconds: float | None
    #: Made room for newer ones.
    removed_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def backups(connection: Connection, limit: int = 50) -> list[BackupRun]:
    return [BackupRun.from_row(row) for row in connection.execute(queries.recent, {"limit": limit})]


def backup(platform: Platform, folder: Path) -> BackedUp:
    """Write a verified backup into ``folder``, which must not hold one yet.

    Unchanged files are shared with the newest whole backup that lies in the same parent folder.
    Raises Conflict ``flows.backup_exists``, BadInput ``flows.lake_elsewhere`` for a lake in an object store, and
    Broken ``flows.backup_differs`` when what was written reads back otherwise.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("flows.backup_exists", f"{folder} 不是空的：每份备份写进自己的目录")
    if "://" in platform.settings.lake_folder:
        raise BadInput(
            "flows.lake_elsewhere", f"数据湖在 {platform.settings.lake_folder}，请用对象存储自己的备份"
        )
    started_at = dt.datetime.now(dt.UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copying = _Copying(folder, _before(folder))
    reached = {"snapshot": platform.store.snapshot(), "ledger_size": platform.ledger.checkpoint().size}
    _dump(platform.database.url, folder / "control.dump")
    copying.written(Path("control.dump"), _sha256(folder / "control.dump"))
    for name in _FOLDERS:
        origin = _origin(platform.settings, name)
        with _nobody_merges(origin) if name == "ledger" else _as_it_goes():
            for path in _files(origin):
                copying.take(origin / path, Path(name) / path)
    settings = platform.settings.home / "jutong.toml"
    if settings.exists():
        copying.take(settings, Path("jutong.toml"))
    copying.check()
    _write_manifest(folder, copying.files, reached)
    size = sum((folder / path).stat().st_size for path in copying.files)
    with platform.database.connection() as connection:
        connection.execute(
            queries.record_backup,
            {"folder": str(folder.resolve()), "started_at": started_at, "files": len(copying.files), "bytes": size,
             "verified": True, "copied": copying.bytes, **reached},
        )  # fmt: skip
    return BackedUp(folder, len(copying.files), size, copying.bytes)


class _Copying:
    """Files on their way into a backup, each hashed as it is read and compared with what was written."""

    def __init__(self, folder: Path, before: Path | None) -> None:
        self._folder, self._before = folder, before
        self._known = _digests(before) if before else {}
        #: Path below the folder → SHA-256, as read from the city.
        self.files: dict[str, str] = {}
        self.bytes = 0
        self._fresh: list[str] = []

    def take(self, origin: Path, path: Path) -> None:
        """Share the file with the backup before, or copy it; one that is gone by now is not needed."""
        copy = self._folder / path
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._shared(origin, path):
            self.files[str(path)] = self._known[str(path)]
            return
        try:
            digest = _copied(origin, copy)
        except FileNotFoundError:
            # A Parquet file goes once no snapshot needs it, a temporary one at any time.
            copy.unlink(missing_ok=True)
            return
        self.written(path, digest)

    def written(self, path: Path, digest: str) -> None:
        self.files[str(path)] = digest
        self._fresh.append(str(path))
        self.bytes += (self._folder / path).stat().st_size

    def _shared(self, origin: Path, path: Path) -> bool:
        if self._before is None or str(path) not in self._known:
            return False
        earlier = self._before / path
        try:
            now, then = origin.stat(), earlier.stat()
            if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
                return False
            (self._folder / path).hardlink_to(earlier)
        except OSError:
            return False  # another file system, or one without links: then it is copied
        return True

    def check(self) -> None:
        """Read back what was written; what is shared was read back when it was written."""
        for path in self._fresh:
            if _sha256(self._folder / path) != self.files[path]:
                raise Broken("flows.backup_differs", f"备份中的 {path} 与写入的不符")


def _copied(origin: Path, copy: Path) -> str:
    digest = hashlib.sha256()
    with origin.open("rb") as source, copy.open("wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    shutil.copystat(origin, copy)
    return digest.hexdigest()


def _before(folder: Path) -> Path | None:
    """The newest whole backup beside ``folder``."""
    beside = [
        found.parent for found in folder.resolve().parent.glob(f"*/{MANIFEST}") if found.parent != folder
    ]
    return max(beside, key=lambda found: (found / MANIFEST).stat().st_mtime, default=None)


def _digests(folder: Path) -> Mapping[str, str]:
    try:
        files: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, LookupError):
        return {}  # not one to build on
    return files


def _write_manifest(folder: Path, files: Mapping[str, str], reached: Mapping[str, int]) -> None:
    manifest = {"version": __version__, **reached, "files": dict(sorted(files.items()))}
    written = folder / f"{MANIFEST}.new"
    written.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    written.rename(folder / MANIFEST)


@dataclass(frozen=True)
class Mended:
    """Files given back to the lake or the archive, and datasets with files no backup holds."""

    files: tuple[str, ...]
    lost: tuple[str, ...]
    #: The same of past versions, whose datasets are whole.
    past: tuple[str, ...] = ()


def mend(platform: Platform, *, deep: bool = False) -> Mended:
    """Give missing, torn and (``deep``: every file is hashed) rotten files of the lake back from the backups.

    A Parquet file never changes once written, so any backup that holds its path holds it; each is checked by its
    hash before it takes its place.
    """
    lake = Path(platform.settings.lake_folder)
    with platform.database.connection() as connection:
        folders = [Path(one.folder) for one in backups(connection) if (Path(one.folder) / MANIFEST).exists()]
    kept = [(folder, _digests(folder)) for folder in folders]
    hurt = {one.path: one.dataset for one in platform.store.damaged(deep=deep)}
    if deep:
        for path in platform.store.known_files() - hurt.keys():
            name = str(Path("lake") / path.relative_to(lake))
            said = next((digests[name] for _, digests in kept if name in digests), None)
            if said is not None and said != _sha256(path):
                hurt[path] = ".".join(path.relative_to(lake).parts[:2])
    given, lost = [], set()
    for path, dataset in sorted(hurt.items()):
        name = _name_of(platform.settings, path)
        source = next((folder for folder, digests in kept if _holds(folder, name, digests)), None)
        if source is None:
            lost.add(dataset)
            continue
        fresh = path.with_suffix(".mending")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, fresh)  # with a new time, so that no cache takes it for the broken one
        fresh.replace(path)
        given.append(name)
    past = {name for name in lost if is_past(name)}
    return Mended(tuple(given), tuple(sorted(lost - past)), tuple(sorted(past)))


def _name_of(settings: Settings, path: Path) -> str:
    """What a file of the lake or the archive is called in a backup."""
    part = "archive" if path.is_relative_to(settings.archive_folder) else "lake"
    return str(Path(part) / path.relative_to(_origin(settings, part)))


def _holds(folder: Path, name: str, digests: Mapping[str, str]) -> bool:
    return name in digests and (folder / name).exists() and _sha256(folder / name) == digests[name]


def drill(platform: Platform, folder: Path, questions: int = 50) -> float:
    """Put the city back from ``folder`` beside the running one, check it, throw it away; seconds it took to put it back.

    That is the measured RTO.  What is checked: every file's hash, the ledger to the size the backup states, the lake's
    own findings, and ``questions`` random datasets at random snapshots, whose content must be the running city's.
    Raises what ``restore`` raises, and Broken ``flows.drill_failed``.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drill-", dir=platform.settings.home) as scratch:
        settings = replace(read_settings(Path(scratch) / "city", {}), database_url="")
        restore(folder, settings)
        seconds = time.monotonic() - began
        _check_restored(platform, folder, read_settings(settings.home, {}), questions)
    with platform.database.connection() as connection:
        connection.execute(queries.keep_drill, {"folder": str(folder.resolve()), "seconds": seconds})
    return seconds


def _check_restored(platform: Platform, folder: Path, settings: Settings, questions: int) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    with open_database(settings) as database, Store.open(database, settings) as store:
        keys = SoftwareKeys.open(settings.keys_folder)
        report = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin).verify()
        problems = [str(problem) for problem in report.problems] + store.doctor()
        if report.size < manifest["ledger_size"] or store.snapshot() < manifest["snapshot"]:
            problems.append("恢复出来的比备份时少")
        problems += _differing(platform.store, store, questions)
    if problems:
        raise Broken("flows.drill_failed", f"从 {folder} 恢复出来的城市有误：{problems[0]}")


def restore(folder: Path, settings: Settings) -> None:
    """Make a city in ``settings.home`` from a backup; the home must be empty.

    The control database is ``settings.database_url``, which may hold no city yet, or the embedded one; the lake lies
    where ``settings`` say, whatever the backed up city had.  The keys come last: a home without them is no city, so
    one half restored is never taken for whole.

    Raises BadInput ``flows.no_backup``, Conflict ``flows.home_taken``, Broken ``flows.backup_differs``.
    """
    for taken in (settings.home, Path(settings.lake_folder), settings.archive_folder):
        if taken.exists() and any(taken.iterdir()):
            raise Conflict("flows.home_taken", f"{taken} 不是空的，恢复只写进空目录")
    files = [Path(name) for name in _check(folder)]
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FOLDERS[:-1]:
        _copy(folder / name, _origin(settings, name), _below(name, files))
    with _control(settings) as url:
        _load(url, folder / "control.dump")
        kept = read_settings(folder, {})
        here = replace(kept, home=settings.home, lake_path=settings.lake_path)
        write_settings(replace(here, archive_path=settings.archive_path))
        _copy(folder / _FOLDERS[-1], _origin(settings, _FOLDERS[-1]), _below(_FOLDERS[-1], files))
        _give_lake(settings)


def _origin(settings: Settings, name: str) -> Path:
    apart = {"lake": Path(settings.lake_folder), "archive": settings.archive_folder}
    return apart.get(name, settings.home / name)


def _below(name: str, files: Iterable[Path]) -> Iterator[Path]:
    return (path.relative_to(name) for path in files if path.parts[0] == name)


@contextmanager
def _as_it_goes() -> Iterator[None]:
    yield


@contextmanager
def _nobody_merges(ledger: Path) -> Iterator[None]:
    """Hold the sequencer's lock: streams may grow meanwhile, but none is merged and none goes."""
    with (ledger / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _control(settings: Settings) -> Iterator[str]:
    """An empty control database, the embedded one or the one of the settings."""
    server = None
    url = settings.database_url
    if not url:
        server = EmbeddedPostgres(settings.home / "postgres")
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE jutong")
        url = server.url("jutong")
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute(queries.has_city).fetchone():
                raise Conflict("flows.home_taken", "控制库里已经有一座城市，恢复只写进空库")
        yield url
    finally:
        if server:
            server.stop()


def _dump(url: str, file: Path) -> None:
    words = ["--format=custom", "--compress=1", f"--file={file}", f"--dbname={url}"]
    with tempfile.TemporaryFile() as said:
        ended = subprocess.run([str(binary("pg_dump")), *words], stderr=said, check=False)
        _well_ended("pg_dump", ended.returncode, said)


def _load(url: str, dump: Path) -> None:
    # Roles differ from server to server; who owns what is said again below and by open_database.
    read = [str(binary("pg_restore")), "--no-owner", "--no-privileges", "--file=-", str(dump)]
    run = [
        str(binary("psql")),
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
        f"--dbname={url}",
    ]
    with tempfile.TemporaryFile() as said:
        reader = subprocess.Popen(read, stdout=subprocess.PIPE, stderr=said)
        writer = subprocess.Popen(run, stdin=subprocess.PIPE, stderr=said)
        assert reader.stdout
        assert writer.stdin
        with suppress(BrokenPipeError), reader.stdout as script, writer.stdin as statements:
            for line in islice(script, _HEADER_LINES):
                if line not in _NEWER_SETTINGS:
                    statements.write(line)
            shutil.copyfileobj(script, statements, _COPY_BYTES)
        _well_ended("psql", writer.wait(), said)
        _well_ended("pg_restore", reader.wait(), said)


def _differing(here: Store, there: Store, questions: int) -> list[str]:
    """Datasets whose content of long ago is another there; snapshots either side has forgotten are not asked about."""
    chance, found = random.Random(questions), []  # noqa: S311  a sample, not a secret
    names = [spec.name for spec in there.datasets()]
    newest = there.snapshot()
    for _ in range(questions if names else 0):
        name, snapshot = chance.choice(names), chance.randint(1, newest)
        try:
            same = here.content_hash(name, as_of=snapshot) == there.content_hash(name, as_of=snapshot)
        except NotFound:
            continue
        if not same:
            found.append(f"{name} 在快照 {snapshot} 的内容不同")
    return found


def _give_lake(settings: Settings) -> None:
    """Bring the database up to this version and make the lake's role the owner of the lake's catalogue again."""
    with open_database(settings) as database:
        role = conninfo_to_dict(database.lake_url)["user"]
        with database.connection() as connection:
            for row in connection.execute(queries.lake_objects).fetchall():
                statement = sql.SQL("ALTER {} {} OWNER TO {}")
                thing = sql.SQL(row["kind"]), sql.Identifier(*row["name"]), sql.Identifier(str(role))
                connection.execute(statement.format(*thing))


def _well_ended(program: str, code: int, said: IO[bytes]) -> None:
    if code:
        said.seek(0)
        words = " ".join(said.read().decode(errors="replace").split())
        raise Broken("flows.backup_failed", f"{program}：{words[-400:]}")


def _copy(origin: Path, target: Path, files: Iterable[Path]) -> None:
    for path in files:
        copy = target / path
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copy2(origin / path, copy)
        except FileNotFoundError:
            # A Parquet file goes once no snapshot needs it, a temporary one at any time.
            continue


def _files(folder: Path) -> Iterator[Path]:
    for base, _, names in os.walk(folder):
        for name in sorted(names):
            path = (Path(base) / name).relative_to(folder)
            if path != Path(MANIFEST):
                yield path


def _check(folder: Path) -> Mapping[str, str]:
    """The manifest's files with their SHA-256, each compared with what lies in the folder."""
    if not (folder / MANIFEST).exists():
        raise BadInput("flows.no_backup", f"{folder} 里没有完整的备份（缺 {MANIFEST}）")
    try:
        files: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (ValueError, LookupError) as problem:
        raise Broken("flows.backup_differs", f"备份的清单 {MANIFEST} 已损坏：{problem}") from problem
    for path, digest in files.items():
        if not (folder / path).exists() or _sha256(folder / path) != digest:
            raise Broken("flows.backup_differs", f"备份中的 {path} 与清单不符")
    return files


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
