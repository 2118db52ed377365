"""A standard changed by hand: an officer proposes, looks at before and after, the steward adopts, the rows follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jutong.flows import prepare
from jutong.portal.visits import Rooms
from jutong.refine import refine_again

from .conftest import Browser

EDIT = "/standards/penalty/edit"


def form(rooms: Rooms, **more: Any) -> dict[str, Any]:
    """What a browser sends when nothing is touched, and what is."""
    with rooms.database.connection() as connection:
        row = connection.execute("SELECT items, keys FROM source_table WHERE name = 'penalty'").fetchone()
    assert row
    return {
        "element": [f"{item['name']}:{item.get('element') or ''}" for item in row["items"]],
        "type": [f"{item['name']}:{item.get('type') or 'text'}" for item in row["items"]],
        "required": [item["name"] for item in row["items"] if item.get("required")],
        "key": list(row["keys"]),
        "hold": "50",
        **more,
    }


def rows(rooms: Rooms) -> int:
    return rooms.store.count("standard.penalty")


def test_a_rule_is_proposed_seen_adopted_and_carried_through(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    prepare(rooms.database)
    officer, steward = signed_in("provider"), signed_in("steward")
    assert officer.post(EDIT, **form(rooms)).status_code == 409
    before = rows(rooms)
    rule = {
        "rule_code": "own.fine",
        "rule_items": "fine",
        "rule_severity": "reject",
        "rule_sentence": "罚款不应超过6万元",
    }
    wrong = officer.post(EDIT, **form(rooms, **rule, rule_says="fine >"))
    assert wrong.status_code == 422
    assert "第 1 行第 6 字" in wrong.text
    made = officer.post(EDIT, **form(rooms, **rule, rule_says="fine > 6", note="上限"))
    assert made.status_code == 303, made.text[-800:]
    draft = made.headers["location"]
    page = steward.get(draft).text
    assert "罚款不应超过6万元" in page
    assert "own.fine" in page
    refused = officer.post(draft, do="adopt")
    assert refused.status_code == 403
    taken = steward.post(draft, do="adopt")
    assert taken.headers.get("location") == "/standards/penalty", taken.text[-1500:]
    assert "还没有按它重新清洗" in steward.get("/standards/penalty").text
    (told,) = refine_again(database=rooms.database, store=rooms.store)
    assert told.deleted == before - rows(rooms) > 0
    history = steward.get("/standards/penalty/history").text
    assert "上限" in history
    assert "林知秋" in history
    with rooms.database.connection() as connection:
        job = connection.execute("SELECT stage, asked_by FROM job_run ORDER BY id DESC LIMIT 1").fetchone()
    assert job == {"stage": "again", "asked_by": "steward"}


def test_a_file_says_the_same_and_its_line_when_it_is_wrong(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    steward = signed_in("steward")
    text = steward.get("/standards/market_entity/standard.yaml").text
    same = steward.post("/standards/market_entity/edit/file", text=text)
    assert same.status_code == 409
    broken = text.replace("element: uscc", "element: shoe_size", 1)
    assert "没有名为 shoe_size" in steward.post("/standards/market_entity/edit/file", text=broken).text
    more = text.replace(
        "rules: []",
        "rules:\n- code: own.x\n  kind: sql\n  items: [name]\n  arguments: {sql: count(name) > 1}",
    )
    answer = steward.post("/standards/market_entity/edit/file", text=more)
    assert answer.status_code == 422
    assert f"第 {more.splitlines().index('- code: own.x') + 1} 行" in answer.text
