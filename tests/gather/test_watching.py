"""A log that piles up is told of once, also while nothing is taken."""

from __future__ import annotations

import pytest
from tests.gather.foreign_city import City, Foreign

import jutong.gather.watching as watching
from jutong.gather import log_kept, watch_logs


def test_a_slot_that_holds_back_too_much_is_told_of_once(
    city: City, foreign: Foreign, foreign_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.declare("postgres", {"url": foreign_url})
    held = {"slot": f"watched_{city.tag}", "source": city.source}
    with city.database.connection() as connection:
        connection.execute(
            "INSERT INTO capture (source_name, slot, position) VALUES (%(source)s, %(slot)s, '0/0')", held
        )
        assert (told := log_kept(connection, city.source)) is not None
        assert (told.behind, told.much, told.held) == (None, False, True)

    class Slot:
        behind, lost = 3 << 30, False

    class There:
        def __enter__(self) -> There:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing was opened."""

        def slot(self, *_: object) -> Slot:
            return Slot()

    monkeypatch.setattr(watching, "open_capture", lambda *_: There())
    for _ in range(2):
        [much] = [one for one in watch_logs(city.database, None) if one.source == city.source]
        assert "3.0 GB" in much.sentence
    with city.database.connection() as connection:
        told_to = connection.execute(
            "SELECT to_department FROM notice WHERE body LIKE %s ORDER BY 1", [f"%/sources/{city.source}"]
        ).fetchall()
        connection.execute("DELETE FROM capture WHERE source_name = %(source)s", held)
    assert [row["to_department"] for row in told_to] == ["D01", "D23"]
