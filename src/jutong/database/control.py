"""The control database: where it is, how it is reached, who may see the lake's catalogue."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from jutong.database.embedded import EmbeddedPostgres
from jutong.database.migrations import migrate
from jutong.settings import Settings
from jutong.terms import Unavailable

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

_OPTIONS = "-c search_path=jutong -c timezone=UTC"


class Database:
    """An open control database; close it, or use it as a context manager."""

    def __init__(self, url: str, lake_url: str, server: EmbeddedPostgres | None = None) -> None:
        self.url = url
        #: The same database as role jutong_lake, which sees nothing but schema ``lake``.
        self.lake_url = lake_url
        self.server = server
        self.pool: ConnectionPool[Connection] = ConnectionPool(
            url, kwargs={"row_factory": dict_row, "options": _OPTIONS}, min_size=1, max_size=24, open=False,
            check=ConnectionPool.check_connection,
        )  # fmt: skip
        self.pool.open()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A pooled connection; commits when the block ends well, rolls back when it raises."""
        with self.pool.connection() as connection:
            yield connection

    def connect(self, *, autocommit: bool = False) -> Connection:
        """A connection of one's own, for LISTEN, long cursors and locks."""
        return psycopg.connect(self.url, row_factory=dict_row, options=_OPTIONS, autocommit=autocommit)

    def close(self) -> None:
        self.pool.close()
        if self.server:
            self.server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(settings: Settings) -> Database:
    """Reach the control database of this city, embedded or by URL, and bring it up to this version.

    Raises Unavailable ``database.unreachable`` with the server's own words, without the password.
    """
    server = None
    url = settings.database_url
    if not url:
        server = EmbeddedPostgres(settings.home / "postgres")
        server.start()
        _create_database(server.url("postgres"), "jutong")
        url = server.url("jutong")
    try:
        with psycopg.connect(url, row_factory=dict_row, autocommit=True, connect_timeout=10) as connection:
            migrate(connection)
            lake_url = _lake_role(connection, url, settings.keys_folder)
    except psycopg.OperationalError as problem:
        if server:
            server.stop()
        raise Unavailable(
            "database.unreachable", f"控制库连接不上：{_without_password(problem, url)}"
        ) from None
    return Database(url, lake_url, server)


def keyword_conninfo(url: str) -> str:
    """The address as libpq keywords, as DuckDB's ATTACH wants it."""
    return make_conninfo(**_parts(url))


def _parts(url: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}


def _create_database(admin_url: str, name: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _lake_role(connection: Connection, url: str, keys: Path) -> str:
    """Role and schema of the lake's catalogue; its statistics hold real values, so it is as secret as the data."""
    secret = keys / "lake_database.secret"
    fresh = not secret.exists()
    if fresh:
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    password = secret.read_text(encoding="ascii").strip()
    database = conninfo_to_dict(url).get("dbname") or "jutong"
    role = "jutong_lake" if database == "jutong" else f"jutong_lake_{database}"
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    name = sql.Identifier(role)
    if not exists:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    if fresh or not exists:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS lake AUTHORIZATION {}").format(name))
    connection.execute("REVOKE ALL ON SCHEMA jutong FROM PUBLIC")
    return make_conninfo(**{**_parts(url), "user": role, "password": password})


def _without_password(problem: Exception, url: str) -> str:
    password = str(conninfo_to_dict(url).get("password") or "")
    words = " ".join(str(problem).split())
    return words.replace(password, "…") if password else words
