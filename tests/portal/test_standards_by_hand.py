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


SET = """name: own_limits
label: 本市限额
rules:
- {code: own.amount, kind: sql, items: [amount], arguments: {sql: amount > 4}, sentence: 金额不应超过4万元}
- {code: own.order, kind: not_after, items: [begun, ended]}
"""


def test_a_rule_set_is_made_used_on_a_table_looked_at_and_changed_for_all_that_use_it(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    prepare(rooms.database)
    officer, steward = signed_in("provider"), signed_in("steward")
    assert officer.post("/rule-sets", text=SET).status_code == 403
    wrong = steward.post("/rule-sets", text=SET.replace("amount > 4", "amount >"))
    assert "第 1 行第 8 字" in wrong.text
    assert steward.post("/rule-sets", text=SET).headers.get("location") == "/rule-sets/own_limits"
    here = "/rule-sets/own_limits"
    assert "没有这些信息项" in officer.post(f"{here}/use", table="penalty").text
    made = officer.post(f"{here}/use", table="penalty", items="amount=fine\nbegun=\nended=")
    assert made.status_code == 303, made.text[-800:]
    draft = steward.get(made.headers["location"]).text
    assert "金额不应超过4万元" in draft
    assert steward.post(made.headers["location"], do="adopt").status_code == 303
    page = steward.get(here).text
    assert "行政处罚信息" in page
    assert "amount → fine" in page
    kept = {"keep": ["own.amount", "own.order"], "label": "本市限额"}
    assert officer.post(f"{here}/look", **kept).status_code == 403
    before = steward.get("/rule-sets?format=json").json()
    looked = steward.post(f"{here}/look", **kept, reject=["own.amount"])
    assert looked.status_code == 200, looked.text[-800:]
    assert "own.amount" in looked.text
    assert steward.get("/rule-sets?format=json").json() == before
    text = steward.get(f"{here}?format=json").json()["text"]
    stricter = text.replace("amount > 4", "amount > 3")
    assert officer.post(here, text=stricter).status_code == 403
    assert steward.post(here, text=stricter).headers.get("location") == here
    history = steward.get("/standards/penalty/history").text
    assert "规则组「本市限额」已改" in history


def test_labels_and_code_lists_are_changed_in_the_form_and_an_earlier_version_is_taken_up_again(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    prepare(rooms.database)
    steward = signed_in("steward")
    with rooms.database.connection() as connection:
        row = connection.execute("SELECT items FROM source_table WHERE name = 'penalty'").fetchone()
    assert row
    names = [item["name"] for item in row["items"]]
    labels = [item["label"] for item in row["items"]]
    used = {"use": ["own_limits"], "item": names, "listed": "true"}
    untouched = form(rooms, **used, label=labels, lists="")
    assert steward.post(EDIT, **untouched, keep=["own.fine"], reject=["own.fine"]).status_code == 409
    blank = steward.post(EDIT, **{**untouched, "label": labels[:-1]})
    assert "每个信息项都要有名称" in blank.text
    lost = steward.post(EDIT, **{**untouched, "lists": "nowhere：一、二", "note": "写错了", "key": names[:2]})
    assert "码表第 1 行" in lost.text
    assert "nowhere：一、二" in lost.text  # nothing of what was given is lost
    changed = {**untouched, "label": ["文书号", *labels[1:]], "lists": f"{names[1]}：警告、罚款"}
    draft = steward.post(EDIT, **changed, keep=["own.fine"], reject=["own.fine"])
    assert draft.status_code == 303, draft.text[-800:]
    assert "取值 警告、罚款" in steward.get(draft.headers["location"]).text
    assert steward.post(draft.headers["location"], do="adopt").status_code == 303
    versions = steward.get("/standards/penalty/history?format=json").json()["versions"]
    assert steward.post("/standards/penalty/history", version=versions[0]["version"]).status_code == 409
    back = steward.post("/standards/penalty/history", version=versions[1]["version"])
    assert back.status_code == 303
    assert steward.post(back.headers["location"], do="adopt").status_code == 303
    again = steward.get("/standards/penalty/history?format=json").json()["versions"]
    assert again[0]["note"] == f"恢复第 {versions[1]['version']} 版"
    assert len(again) == len(versions) + 1
