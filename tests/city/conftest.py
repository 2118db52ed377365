"""The outside world: a PostgreSQL server of its own, apart from the platform's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from jutong.database import EmbeddedPostgres


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("outside_pg"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def forget(outside: EmbeddedPostgres) -> Iterator[Callable[[], None]]:
    """Take away every department's database and login; done once more when the module ends."""

    def drop() -> None:
        with psycopg.connect(outside.url(), autocommit=True) as connection:
            names = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE '%\\_db'"
            ).fetchall()
            for (name,) in names:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    yield drop
    drop()


@pytest.fixture(scope="module")
def world(outside: EmbeddedPostgres) -> str:
    """The server's address."""
    return outside.url()
