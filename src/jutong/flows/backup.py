"""Backup and restore: the control database, lake, ledger, keys and delivered files, consistent together.

Order matters.  The control database is dumped first, because all else only grows: a Parquet file, a ledger tile or
a delivered file that is newer than the dump is not referred to by it, while every one it refers to is there.
A file that clean-up takes away meanwhile has been without a snapshot for the store's whole grace (24 h), so the dump
does not refer to it.  The ledger is the one that also takes away (a stream once its records are merged), so nobody
merges while it is copied.

    FOLDER/manifest.json     every file with its size and SHA-256; written last, so a torn backup has none
    FOLDER/control.dump      pg_dump custom format: schemas jutong, jobs and lake
    FOLDER/lake|ledger|keys|files/…, jutong.toml
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from jutong import __version__
from jutong.database import EmbeddedPostgres, binary, named_sql, open_database
from jutong.flows.platform import Platform
from jutong.settings import Settings, read_settings, write_settings
from jutong.terms import BadInput, Broken, Conflict

queries = named_sql(__file__, "backup.sql")

#: The keys last: see ``restore``.
_FOLDERS = ("lake", "ledger", "files", "keys")
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class BackedUp:
    folder: Path
    files: int
    bytes: int


def backup(platform: Platform, folder: Path) -> BackedUp:
    """Write a verified backup into ``folder``, which must not hold one yet.

    Raises Conflict ``flows.backup_exists``, BadInput ``flows.lake_elsewhere`` for a lake in an object store, and
    Broken ``flows.backup_differs`` when what was written reads back otherwise.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("flows.backup_exists", f"{folder} 不是空的：每份备份写进自己的目录")
    if "://" in platform.settings.lake_folder:
        raise BadInput(
            "flows.lake_elsewhere", f"数据湖在 {platform.settings.lake_folder}，请用对象存储自己的备份"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _dump(platform.database.url, folder / "control.dump")
    for name in _FOLDERS:
        origin = _origin(platform.settings, name)
        with _nobody_merges(origin) if name == "ledger" else _as_it_goes():
            _copy(origin, folder / name, _files(origin))
    settings = platform.settings.home / "jutong.toml"
    if settings.exists():
        shutil.copy2(settings, folder / "jutong.toml")
    files = {path: _sha256(folder / path) for path in _files(folder)}
    manifest = {"version": __version__, "files": {str(path): digest for path, digest in files.items()}}
    written = folder / f"{_MANIFEST}.new"
    written.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    written.rename(folder / _MANIFEST)
    _check(folder)
    size = sum((folder / path).stat().st_size for path in files)
    with platform.database.connection() as connection:
        connection.execute(
            queries.record_backup,
            {"folder": str(folder), "files": len(files), "bytes": size, "verified": True},
        )
    return BackedUp(folder, len(files), size)


def restore(folder: Path, settings: Settings) -> None:
    """Make a city in ``settings.home`` from a backup; the home must be empty.

    The control database is ``settings.database_url``, which may hold no city yet, or the embedded one; the lake lies
    where ``settings`` say, whatever the backed up city had.  The keys come last: a home without them is no city, so
    one half restored is never taken for whole.

    Raises BadInput ``flows.no_backup``, Conflict ``flows.home_taken``, Broken ``flows.backup_differs``.
    """
    for taken in (settings.home, Path(settings.lake_folder)):
        if taken.exists() and any(taken.iterdir()):
            raise Conflict("flows.home_taken", f"{taken} 不是空的，恢复只写进空目录")
    files = [Path(name) for name in _check(folder)]
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FOLDERS[:-1]:
        _copy(folder / name, _origin(settings, name), _below(name, files))
    with _control(settings) as url:
        _load(url, folder / "control.dump")
        kept = read_settings(folder, {})
        write_settings(replace(kept, home=settings.home, lake_path=settings.lake_path))
        _copy(folder / _FOLDERS[-1], _origin(settings, _FOLDERS[-1]), _below(_FOLDERS[-1], files))
        _give_lake(settings)


def _origin(settings: Settings, name: str) -> Path:
    return Path(settings.lake_folder) if name == "lake" else settings.home / name


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
    _postgres("pg_dump", "--format=custom", "--compress=1", f"--file={file}", f"--dbname={url}")


def _load(url: str, dump: Path) -> None:
    # Roles differ from server to server; who owns what is said again below and by open_database.
    _postgres("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={url}", str(dump))


def _give_lake(settings: Settings) -> None:
    """Bring the database up to this version and make the lake's role the owner of the lake's catalogue again."""
    with open_database(settings) as database:
        role = conninfo_to_dict(database.lake_url)["user"]
        with database.connection() as connection:
            for row in connection.execute(queries.lake_objects).fetchall():
                statement = sql.SQL("ALTER {} {} OWNER TO {}")
                thing = sql.SQL(row["kind"]), sql.Identifier(*row["name"]), sql.Identifier(str(role))
                connection.execute(statement.format(*thing))


def _postgres(program: str, *arguments: str) -> None:
    ended = subprocess.run([str(binary(program)), *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Broken("flows.backup_failed", f"{program}：{' '.join(ended.stderr.split())[-400:]}")


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
            if path != Path(_MANIFEST):
                yield path


def _check(folder: Path) -> Mapping[str, str]:
    """The manifest's files with their SHA-256, each compared with what lies in the folder."""
    if not (folder / _MANIFEST).exists():
        raise BadInput("flows.no_backup", f"{folder} 里没有完整的备份（缺 {_MANIFEST}）")
    try:
        files: dict[str, str] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
    except (ValueError, LookupError) as problem:
        raise Broken("flows.backup_differs", f"备份的清单 {_MANIFEST} 已损坏：{problem}") from problem
    for path, digest in files.items():
        if not (folder / path).exists() or _sha256(folder / path) != digest:
            raise Broken("flows.backup_differs", f"备份中的 {path} 与清单不符")
    return files


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
