"""One city and one gate for this folder's modules; each module gets its own."""

from __future__ import annotations

import random

import pytest
from tests.gate_city import Gate
from tests.share_city import ITEMS, add_entry, agree, close_city, company, found, open_city

from jutong.share import Offer, add_application, publish_service, rotate_token

COMPANIES = 60


@pytest.fixture(scope="module")
def city(settings):
    """60 companies behind services ``company`` (by uscc) and ``division`` (by division, pages of 10)."""
    opened = found(open_city(settings, "postgresql://nobody@/none"))
    chance = random.Random(7)
    opened.merge([company(number, chance) for number in range(COMPANIES)])
    with opened.database.connection() as connection:
        publish_service(
            connection, Offer(name="company", entry_id=opened.entry_id, keys=["uscc"], max_rows=25)
        )
        publish_service(
            connection, Offer(name="division", entry_id=opened.entry_id, keys=["division"], max_rows=10)
        )
    yield opened
    close_city(opened)


@pytest.fixture(scope="module")
def gate(city, settings):
    # The tests' own providers live on this machine, which nobody else may send the gate to.
    running = Gate(settings, JUTONG_HTTP_ALLOWED="127.0.0.1")
    yield running
    running.stop()


@pytest.fixture
def application(city, request):
    """A fresh application of D25 with a token: (id, token)."""
    number = getattr(city, "applications", 0) + 1
    city.applications = number
    with city.database.connection() as connection:
        name = f"T{number:03d}"
        add_application(connection, f"试验应用{number}", "D25", id=name)
        return name, rotate_token(connection, name)


@pytest.fixture
def granted(city, application, gate):
    """A grant of everything that may leave, by api; returns (grant, token)."""
    grant = agree(city, application_id=application[0], method="api")
    wait_for(gate, application[1])
    return grant, application[1]


def wait_for(gate, token, service="company"):
    """Until the grant is known and the replica holds what it needs."""
    gate.until(lambda: gate.call(service, token, limit=1).status == 200)


def entry_with_service(city, name, code, **given):
    """Another published entry on the same dataset, with a service."""
    with city.database.connection() as connection:
        entry_id = add_entry(connection, given.pop("items", ITEMS), code=code, **given)
        publish_service(connection, Offer(name=name, entry_id=entry_id, keys=["uscc"]))
    return entry_id
