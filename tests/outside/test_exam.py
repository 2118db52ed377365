"""Every kind of database source passes the shipped exam, on the real thing."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pymysql
import pytest

from jutong.database import EmbeddedPostgres
from jutong.outside import open_source
from jutong.outside.exam import Bench, Row, examine

_CREATE = "CREATE TABLE exam (id int PRIMARY KEY, name {text}, note {text}, {rank} bigint)"


@pytest.fixture
def postgres(cluster: EmbeddedPostgres) -> Iterator[Bench]:
    name = f"ex{secrets.token_hex(5)}"
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())

    def make(rows: list[Row]) -> None:
        with psycopg.connect(cluster.url(name), autocommit=True) as connection:
            connection.execute(_CREATE.format(text="text", rank="rank").encode())
            with connection.cursor() as cursor, cursor.copy("COPY exam FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            connection.execute("ANALYZE exam")

    yield Bench(make, lambda: open_source("postgres", {"url": cluster.url(name)}))
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def mysql(mariadb: dict[str, Any]) -> Bench:
    def make(rows: list[Row]) -> None:
        with (
            pymysql.connect(**mariadb, charset="utf8mb4", autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_CREATE.format(text="varchar(40)", rank="`rank`"))
            cursor.executemany("INSERT INTO exam VALUES (%s, %s, %s, %s)", rows)

    return Bench(make, lambda: open_source("mysql", mariadb))


@pytest.fixture
def sqlite(tmp_path: Path) -> Bench:
    def make(rows: list[Row]) -> None:
        with sqlite3.connect(tmp_path / "a.db") as connection:
            connection.execute(_CREATE.format(text="text", rank="rank"))
            connection.executemany("INSERT INTO exam VALUES (?, ?, ?, ?)", rows)
        connection.close()

    return Bench(make, lambda: open_source("sqlite", {"folder": str(tmp_path), "file": "a.db"}))


@pytest.fixture
def dialect_postgres(postgres: Bench, cluster: EmbeddedPostgres) -> Bench:
    with psycopg.connect(cluster.url()) as connection:
        newest = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'ex%' ORDER BY oid DESC LIMIT 1"
        ).fetchone()
    address = urlsplit(cluster.url(str((newest or [""])[0])))
    secret, host = unquote(str(address.password)), parse_qs(address.query)["host"][0]
    url = f"postgresql+psycopg://{address.username}@{address.path}?host={host}"
    return Bench(postgres.make, lambda: open_source("dialect", {"url": url}, secret))


@pytest.fixture
def dialect_mysql(mysql: Bench, mariadb: dict[str, Any]) -> Bench:
    url = f"mysql+pymysql://root@127.0.0.1:{mariadb['port']}/{mariadb['database']}?charset=utf8mb4"
    return Bench(mysql.make, lambda: open_source("dialect", {"url": url}))


@pytest.fixture
def dialect_sqlite(sqlite: Bench, tmp_path: Path) -> Bench:
    return Bench(sqlite.make, lambda: open_source("dialect", {"url": f"sqlite:///{tmp_path}/a.db"}))


@pytest.mark.parametrize(
    "kind", ["postgres", "mysql", "sqlite", "dialect_postgres", "dialect_mysql", "dialect_sqlite"]
)
def test_the_connector_passes_the_exam(kind: str, request: pytest.FixtureRequest) -> None:
    if kind.startswith("dialect"):
        pytest.importorskip("sqlalchemy", reason="an extra")
    bench: Callable[..., Bench] = request.getfixturevalue(kind)
    assert examine(bench) == []  # type: ignore[arg-type]
