"""Migrations: numbered SQL files, applied once each, in order, never edited after a release."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg

from jutong.terms import Broken, Conflict

#: Any process that migrates holds this advisory lock; the number is arbitrary but must never change.
_LOCK = 7_231_905


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations shipped with this version, in order."""
    folder = resources.files("jutong.database") / "migrations"
    found = []
    for file in folder.iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


def migrate(connection: psycopg.Connection[Any]) -> list[Migration]:
    """Bring the control database up to this version; returns what was applied.

    Raises Conflict ``database.newer`` when a newer version has already been here, and Broken
    ``database.migration_changed`` when a released migration was edited.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("CREATE SCHEMA IF NOT EXISTS jutong")
        connection.execute("SET LOCAL search_path = jutong")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (number int PRIMARY KEY, name text NOT NULL,"
            " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done: dict[int, str] = dict(
            connection.cursor(row_factory=psycopg.rows.tuple_row)
            .execute("SELECT number, sha256 FROM migration")
            .fetchall()
        )
        known = migrations()
        _check(done, known)
        fresh = [migration for migration in known if migration.number not in done]
        for migration in fresh:
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO migration (number, name, sha256) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.sha256),
            )
        return fresh


def _check(done: dict[int, str], known: list[Migration]) -> None:
    numbers = {migration.number for migration in known}
    for number in done:
        if number not in numbers:
            raise Conflict(
                "database.newer", f"数据库已由更新的版本升级到 {number} 号，请使用那个版本或更新的版本"
            )
    for migration in known:
        if done.get(migration.number, migration.sha256) != migration.sha256:
            raise Broken(
                "database.migration_changed", f"已发布的迁移 {migration.number}_{migration.name} 被改动过"
            )
