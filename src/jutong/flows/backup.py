"""Backup and restore: the control database, lake, ledger, keys and delivered files, consistent together.

Order matters.  The control database is dumped first, because all else only grows: a Parquet file, a ledger tile or
a delivered file that is newer than the dump is not referred to by it, while every one it refers to is there.
A file that clean-up takes away meanwhile has been without a snapshot for the store's whole grace (24 h), so the dump
does not refer to it.

    FOLDER/manifest.json     every file with its size and SHA-256; written last, so a torn backup has none
    FOLDER/control.dump      pg_dump custom format: schemas jutong, jobs and lake
    FOLDER/lake|ledger|keys|files/…, jutong.toml
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from jutong import __version__
from jutong.database import EmbeddedPostgres, binary, named_sql
from jutong.flows.platform import Platform
from jutong.settings import Settings
from jutong.terms import BadInput, Broken, Conflict

queries = named_sql(__file__, "backup.sql")

_FOLDERS = ("lake", "ledger", "keys", "files")
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class BackedUp:
    folder: Path
    files: int
    bytes: int


def backup(platform: Platform, folder: Path) -> BackedUp:
    """Write a verified backup into ``folder``, which must not hold one yet.

    Raises Conflict ``flows.backup_exists`` and Broken ``flows.backup_differs`` when what was written reads back
    otherwise.
    """
    if (folder / _MANIFEST).exists():
        raise Conflict("flows.backup_exists", f"{folder} 里已经有一份备份")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _dump(platform.database.url, folder / "control.dump")
    for name in _FOLDERS:
        origin = _origin(platform.settings, name)
        if origin.exists():
            _copy_tree(origin, folder / name)
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

    Raises BadInput ``flows.no_backup``, Conflict ``flows.home_taken``, Broken ``flows.backup_differs``.
    """
    if settings.home.exists() and any(settings.home.iterdir()):
        raise Conflict("flows.home_taken", f"{settings.home} 不是空的，恢复只写进空目录")
    _check(folder)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FOLDERS:
        if (folder / name).exists():
            _copy_tree(folder / name, _origin(settings, name))
    if (folder / "jutong.toml").exists():
        shutil.copy2(folder / "jutong.toml", settings.home / "jutong.toml")
    server = EmbeddedPostgres(settings.home / "postgres")
    server.start()
    try:
        _load(server, settings, folder / "control.dump")
    finally:
        server.stop()


def _origin(settings: Settings, name: str) -> Path:
    return Path(settings.lake_folder) if name == "lake" else settings.home / name


def _dump(url: str, file: Path) -> None:
    _postgres("pg_dump", "--format=custom", "--compress=1", f"--file={file}", f"--dbname={url}")


def _load(server: EmbeddedPostgres, settings: Settings, dump: Path) -> None:
    secret = (settings.keys_folder / "lake_database.secret").read_text(encoding="ascii").strip()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE jutong_lake LOGIN PASSWORD {}").format(sql.Literal(secret)))
        connection.execute("CREATE DATABASE jutong")
    _postgres("pg_restore", "--exit-on-error", f"--dbname={server.url('jutong')}", str(dump))
    with psycopg.connect(server.url("jutong"), autocommit=True) as connection:
        # The lake keeps its files' paths relative to this one, so moving a city is one update.
        connection.execute(queries.move_lake, {"path": f"{settings.lake_folder}/"})


def _postgres(program: str, *arguments: str) -> None:
    ended = subprocess.run([str(binary(program)), *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Broken("flows.backup_failed", f"{program}：{' '.join(ended.stderr.split())[-400:]}")


def _copy_tree(origin: Path, target: Path) -> None:
    for path in _files(origin):
        copy = target / path
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copy2(origin / path, copy)
        except FileNotFoundError:
            # A ledger stream goes once its records stand in the log, a Parquet file once no snapshot needs it.
            continue


def _files(folder: Path) -> Iterator[Path]:
    for base, _, names in os.walk(folder):
        for name in sorted(names):
            path = (Path(base) / name).relative_to(folder)
            if path.name != _MANIFEST:
                yield path


def _check(folder: Path) -> dict[str, Any]:
    if not (folder / _MANIFEST).exists():
        raise BadInput("flows.no_backup", f"{folder} 里没有完整的备份（缺 {_MANIFEST}）")
    manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    for path, digest in manifest["files"].items():
        if not (folder / path).exists() or _sha256(folder / path) != digest:
            raise Broken("flows.backup_differs", f"备份中的 {path} 与清单不符")
    return manifest


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
