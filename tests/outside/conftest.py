"""Foreign systems that are really there: MariaDB, started from Debian's programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.mariadb import MariaDb, started


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    log = ("--log-bin=bin", "--server-id=7", "--binlog-format=ROW")
    with started(tmp_path_factory.mktemp("mariadb"), *log) as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server: MariaDb) -> Iterator[dict[str, Any]]:
    """The config of an empty database on the shared server."""
    with mariadb_server.database() as config:
        yield config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
