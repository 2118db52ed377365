"""A plan is made and changed on its pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jutong import gather
from jutong.portal.visits import Rooms

from .conftest import Browser


@pytest.mark.slow
def test_a_plan_is_made_and_changed_by_its_department(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    officer = signed_in("provider")
    assert "/plans/new" in officer.get("/plans").text
    shown = officer.get("/plans/new?source=scjg_files").text
    assert "哪些表" in shown
    given = {
        "name": "by_hand",
        "source": "scjg_files",
        "label": "手工建的",
        "cron": "30 2 * * *",
        "tables": ["penalty"],
    }
    answer = officer.post("/plans", **given, follow_redirects=True)
    assert "手工建的" in answer.text
    assert "每天 02:30" in answer.text
    with rooms.database.connection() as connection:
        plan = gather.find_plan(connection, "by_hand")
    assert (plan.tables, plan.seconds) == (("penalty",), 14_400)
    again = officer.post("/plans", **given, follow_redirects=True)
    assert "gather.plan_there" in again.text
    wrong = officer.post("/plans/by_hand/edit", label="改过", cron="99 2 * * *", follow_redirects=True)
    assert "五段" in wrong.text
    officer.post(
        "/plans/by_hand/edit", label="改过", minutes="90", after=["market_daily"], from_hour="1", to_hour="5"
    )
    with rooms.database.connection() as connection:
        plan = gather.find_plan(connection, "by_hand")
        connection.execute("DELETE FROM gather_plan WHERE name = 'by_hand'")
    assert (plan.label, plan.cron, plan.after, plan.tables) == ("改过", None, ("market_daily",), ())
    assert plan.every is not None
    assert (plan.every.total_seconds(), plan.from_hour, plan.changed_by) == (5400, 1, "provider")
