"""A city with one department, an open lake, and a foreign PostgreSQL to gather from."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.gather.foreign_city import City, Foreign

from jutong.database import Database, EmbeddedPostgres
from jutong.settings import Settings
from jutong.store import Store


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO department (code, name, short_name, kind, steward) VALUES"
            " ('D23', '邵阳市市场监督管理局', '市场监管局', 'department', false),"
            " ('D01', '邵阳市行政审批服务局', '行政审批局', 'department', true) ON CONFLICT DO NOTHING"
        )
    with Store.open(database, settings) as opened:
        yield opened


@pytest.fixture
def foreign_url(cluster: EmbeddedPostgres) -> Iterator[str]:
    name = f"src{secrets.token_hex(5)}"
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield cluster.url(name)
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def foreign(foreign_url: str) -> Iterator[Foreign]:
    with psycopg.connect(foreign_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def city(database: Database, store: Store, settings: Settings) -> City:
    return City(database, store, settings.home)


@pytest.fixture
def csv_folder(tmp_path: Path) -> Callable[..., Path]:
    def write(**files: bytes) -> Path:
        for name, content in files.items():
            (tmp_path / f"{name}.csv").write_bytes(content)
        return tmp_path

    return write
