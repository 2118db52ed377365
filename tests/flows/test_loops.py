"""The work process's small loops: grants follow the catalogue, due days the calendar, search the uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.share_city import City, agree, close_city, found, open_city

from jutong.flows import Platform
from jutong.flows.working import _clocks, _uses
from jutong.settings import Settings
from jutong.share import find_grant


@pytest.fixture
def city(settings: Settings, tmp_path: Path) -> Iterator[City]:
    opened = found(open_city(settings, "postgresql://nobody@/none"))
    yield opened
    close_city(opened)


def test_the_loops_carry_what_one_room_says_to_another(city: City, settings: Settings) -> None:
    platform = Platform(settings, city.database, city.keys, city.store, city.ledger)
    grant = agree(city)
    assert "phone" in grant.items

    # The provider withholds one item; the entry is published anew.
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE item SET share_type = 3 WHERE entry_id = %s AND name = 'phone'", (city.entry_id,)
        )
        connection.execute("UPDATE entry SET changed_at = now() WHERE id = %s", (city.entry_id,))
        connection.execute(
            "INSERT INTO meter_daily VALUES (current_date, 'D23', '102/000001', 'company', 'D25', 'A01', 'api', 7, 9)"
        )
    _clocks(platform)
    _uses(platform)
    with city.database.connection() as connection:
        narrowed = find_grant(connection, grant.id)
        assert set(grant.items) - set(narrowed.items) == {"phone"}
        assert connection.execute("SELECT uses FROM entry WHERE id = %s", (city.entry_id,)).fetchone() == {
            "uses": 7
        }
