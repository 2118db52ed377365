"""Housekeeping is seen and paused by its administrator; a dataset answers for a day, a record for its past."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from jutong.portal.visits import Rooms

from .conftest import Browser

NAME = "standard.market_entity"


def test_the_system_administrator_pauses_a_task_and_lets_it_go_on(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    def paused() -> bool:
        with rooms.database.connection() as connection:
            row = connection.execute("SELECT paused FROM housekeeping WHERE task = 'clean'").fetchone()
        assert row is not None
        return bool(row["paused"])

    browser = signed_in("system")
    assert browser.post("/housekeeping/clean", do="pause").status_code == 303
    assert paused()
    assert "已暂停" in browser.get("/housekeeping").text
    assert browser.post("/housekeeping/clean", do="resume").status_code == 303
    assert not paused()
    assert browser.post("/housekeeping/nothing", do="pause").status_code == 404


def test_a_dataset_is_shown_as_a_day_left_it(rooms: Rooms, signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("steward")
    today = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    assert f"{rooms.store.count(NAME):,}" in browser.get(f"/storage/{NAME}?on={today}").text
    long_ago = browser.get(f"/storage/{NAME}?on=1999-01-01")
    assert (long_ago.status_code, "没有" in long_ago.text) == (404, True)


def test_a_record_tells_its_past_with_masks(rooms: Rooms, signed_in: Callable[[str], Browser]) -> None:
    spec = rooms.store.spec(NAME)
    with rooms.store.reading() as view:
        row = view.rows(f"SELECT * FROM {view.table(NAME)} ORDER BY 1 LIMIT 1")[0]
    key = ",".join(str(row[name]) for name in spec.keys)
    page = signed_in("steward").get(f"/storage/{NAME}", params={"key": key, "format": "json"}).json()
    (version,) = page["versions"]
    assert version["batch"] == row["_batch"]
    assert version["values"] in page["preview"] or len(page["preview"]) == 20
    nobody = signed_in("steward").get(f"/storage/{NAME}", params={"key": "nobody"})
    assert "保留的历史里没有这条记录" in nobody.text
    # Who may not look into the rows gets no record either.
    hidden = signed_in("auditor").get(f"/storage/{NAME}", params={"key": key, "format": "json"}).json()
    assert hidden["versions"] == []
