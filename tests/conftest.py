"""What every test may ask for: a home folder, settings, and a real migrated PostgreSQL of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling

from jutong.database import Database, EmbeddedPostgres, open_database
from jutong.settings import Settings, read_settings

# How long an example takes says how busy the machine is, never whether the code is right.
# A run repeats its examples, so that a red one says what changed; JUTONG_EXPLORE=1 looks for new ones.
hypothesis.settings.register_profile("jutong", deadline=None, derandomize="JUTONG_EXPLORE" not in os.environ)
hypothesis.settings.load_profile("jutong")

#: They share one sample city, and the last takes new batches in it and watches who opens its truth.
_SHARING = (
    "tests/journey/test_journey.py", "tests/journey/test_who_saw.py", "tests/journey/test_backup.py", "tests/laws/test_conservation.py",
    "tests/browser/test_request_journey.py", "tests/laws/test_truth_unseen.py",
)  # fmt: skip
#: What takes longest begins first, so that no worker is left alone with it at the end.
_LONGEST = (
    "tests/house", "tests/journey/test_killed", *_SHARING, "tests/browser", "tests/laws", "tests/engines", "tests/portal",
)  # fmt: skip


class _ByFile(LoadScopeScheduling):
    """One worker for all tests of a file: later ones may go on where earlier ones stopped."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the sample city" if file in _SHARING else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
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
