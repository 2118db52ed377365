"""One lake and one control database for each module of refining tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.refine.town import Town

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import Store


@pytest.fixture(scope="module")
def town(database: Database, settings: Settings) -> Iterator[Town]:
    with Store.open(database, settings) as store:
        yield Town(database, store)
