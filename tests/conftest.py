"""What every test may ask for: a home folder, settings, and a real migrated PostgreSQL of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from jutong.database import Database, EmbeddedPostgres, open_database
from jutong.settings import Settings, read_settings

#: What takes longest begins first, so that no worker is left alone with it at the end.
_LONGEST = (
    "tests/journey/test_killed",
    "tests/journey",
    "tests/browser",
    "tests/laws",
    "tests/engines",
    "tests/portal",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker for all tests of a file: they share its city, and later ones may go on where earlier ones stopped."""
    root = Path(__file__).parents[1]
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(root).as_posix()))
    items.sort(
        key=lambda item: next(
            (rank for rank, name in enumerate(_LONGEST) if item.nodeid.startswith(name)), len(_LONGEST)
        )
    )


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One real server for the whole run; each module gets databases of its own in it."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("pg"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "city"


@pytest.fixture(scope="module")
def settings(cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a fresh city whose control database is a new one in the shared server."""
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    home = tmp_path_factory.mktemp("home")
    yield replace(read_settings(home, {}), database_url=cluster.url(name), lake_memory="1GB")
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    with open_database(settings) as opened:
        yield opened
