"""The sample city, opened: one platform and its outside world for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.journey.sample import Sample, sample_of

from jutong.database import EmbeddedPostgres
from jutong.flows import Platform
from jutong.settings import read_settings
from jutong.wiring import open_platform


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample_of(tmp_path_factory)


@pytest.fixture(scope="session")
def outside(sample: Sample) -> Iterator[EmbeddedPostgres]:
    """The departments' and the consumers' own databases."""
    server = EmbeddedPostgres(sample.home / "outside" / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def platform(sample: Sample) -> Iterator[Platform]:
    with open_platform(read_settings(sample.home, {})) as opened:
        yield opened
