"""One open city per module; each test walks its own requests and deliveries through it."""

from __future__ import annotations

import pytest
from tests.share_city import close_city, found, open_city, receiver_database


@pytest.fixture(scope="module")
def city(settings, cluster):
    opened = found(open_city(settings, receiver_database(cluster.url())))
    yield opened
    close_city(opened)
