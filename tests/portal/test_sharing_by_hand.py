"""A request from the entry to the token, by forms alone: no script, no browser engine."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from jutong.portal.visits import Rooms
from jutong.share import LiveInterface, Offer, attach_interface, declare_interface, publish_service
from jutong.terms import Item

from .conftest import Browser

WISH = {
    "application": "A03", "basis": "《就业促进法》第17条，补贴发放核验", "scene": "补贴发放前核对单位登记状态",
    "scope": "市人社局就业服务平台经办人员", "purpose": "行政依据", "method": "api",
    "items": ["uscc", "name", "state"], "until": "2027-06-30", "promise": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def case(rooms: Rooms, signed_in: Callable[[str], Browser]) -> str:
    """A request just raised; its page."""
    consumer = signed_in("consumer")
    found = consumer.get("/catalogue?q=qydj").text
    entry = re.search(r'href="/catalogue/(\d+)">企业登记基本信息', found)
    assert entry, "pinyin initials find the entry"
    assert f"/requests/new?entry={entry[1]}" in consumer.get(f"/catalogue/{entry[1]}").text
    answer = consumer.post("/requests", entry=entry[1], **WISH)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_the_form_is_plain_html_and_shows_what_will_be_seen(signed_in: Callable[[str], Browser]) -> None:
    page = signed_in("consumer").get("/requests/new?entry=1").text
    assert 'action="/requests" method="post"' in page
    assert "您将看到的（示例值）" in page


def test_a_form_with_mistakes_comes_back_as_it_was_written(signed_in: Callable[[str], Browser]) -> None:
    wrong = {**WISH, "until": "soon", "scene": "短", "items": ["uscc", "phone"]}
    answer = signed_in("consumer").post("/requests", entry="1", **wrong)
    assert answer.status_code == 422
    assert WISH["basis"] in answer.text
    assert re.search(r'value="phone"[^>]* checked', answer.text)
    assert not re.search(r'value="name"[^>]* checked', answer.text)
    assert "应是日期" in answer.text


def test_two_heads_agree_and_the_grant_is_there(case: str, signed_in: Callable[[str], Browser]) -> None:
    head, provider, provider_head = (signed_in(one) for one in ("consumer-head", "provider", "provider-head"))
    # Each step stands on the desk of whom it waits for, and of nobody else.
    assert case in head.get("/cases").text
    assert case not in provider.get("/cases").text
    assert head.post(f"{case}/moves", move="consent", note="").status_code == 303
    assert case in provider.get("/cases").text
    assert provider.post(f"{case}/moves", move="propose").status_code == 303
    assert provider_head.post(f"{case}/moves", move="approve", note="同意").status_code == 303
    page = signed_in("consumer").get(case).text
    grant = re.search(r"/grants/(G\d+)", page)
    assert grant
    told = signed_in("consumer").get(f"/grants/{grant[1]}").text
    assert "不得用于其他，不得转给第三方（第25条）" in told


def test_a_refusal_needs_its_reason(signed_in: Callable[[str], Browser]) -> None:
    consumer, head, provider_head = (signed_in(one) for one in ("consumer", "consumer-head", "provider-head"))
    case = consumer.post("/requests", entry="1", **WISH).headers["location"]
    assert head.post(f"{case}/moves", move="consent").status_code == 303
    short = provider_head.post(f"{case}/moves", move="refuse", note="不行")
    assert short.status_code == 422
    assert "不行</textarea>" in short.text
    told = provider_head.post(f"{case}/moves", move="refuse", note="依据的条款与所办事项不符，请核对后再提")
    assert told.status_code == 303
    assert "依据的条款与所办事项不符" in consumer.get(case).text


def test_a_token_is_shown_once(signed_in: Callable[[str], Browser]) -> None:
    consumer = signed_in("consumer")
    shown = consumer.post("/applications/A03/token")
    assert shown.status_code == 200
    token = re.search(r"jtk_[\w-]{20,}", shown.text)
    assert token
    assert shown.headers["cache-control"] == "no-store"
    later = consumer.get("/applications/A03").text
    assert token[0] not in later
    assert token[0][:10] in later


def test_a_grant_is_suspended_with_a_reason_the_other_side_reads(
    case: str, signed_in: Callable[[str], Browser]
) -> None:
    grant = re.search(r"/grants/(G\d+)", signed_in("consumer").get(case).text)
    assert grant
    path, provider_head = f"/grants/{grant[1]}", signed_in("provider-head")
    assert provider_head.post(path, move="suspend", reason="").status_code == 422
    assert (
        provider_head.post(path, move="suspend", reason="超出申请的使用范围，暂停待整改").status_code == 303
    )
    assert "超出申请的使用范围" in signed_in("consumer").get(path).text


def test_an_officer_drafts_a_service_and_a_head_publishes_it(signed_in: Callable[[str], Browser]) -> None:
    officer, head = signed_in("provider"), signed_in("provider-head")
    entry = re.search(r'/services/new\?entry=(\d+)">企业登记基本信息', officer.get("/services/new").text)
    assert entry, "the entry stands among those a service may be drafted for"
    form = officer.get(f"/services/new?entry={entry[1]}&kind=verify").text
    assert re.search(r'name="kind" value="verify"', form)
    asked = {"entry": entry[1], "kind": "verify", "keys": ["uscc"], "items": ["name"], "label": "企业核验"}
    wrong = officer.post("/services/new", **asked, name="Not A Name")
    assert wrong.status_code == 422
    assert "share.service_name" in wrong.text
    assert 'value="verify"' in wrong.text, "the form is there again as it was"
    made = officer.post("/services/new", **asked, name="ent_check")
    assert made.status_code == 303, made.text
    page = str(made.headers["location"])
    assert "草稿" in officer.get(page).text
    assert officer.post("/services", entry=entry[1], keys="uscc", name="past_review").status_code == 403
    assert officer.post(f"{page}/moves", move="submit").status_code == 303
    assert officer.post(f"{page}/moves", move="publish").status_code == 403
    assert head.post(f"{page}/moves", move="publish", note="可以").status_code == 303
    assert "可调用" in head.get(page).text
    assert "至少提前" in head.get(page).text
    assert head.post(f"{page}/end", last_day="2099-12-31", note="试验").status_code == 303
    assert "2099" in officer.get(page).text


def test_a_live_interface_has_its_pages_and_shows_no_secret(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    with rooms.database.connection() as connection:
        row = connection.execute(
            "SELECT id, department_code FROM entry WHERE dataset IS NULL AND state = 'published'"
            " AND share_type < 3 ORDER BY id LIMIT 1"
        ).fetchone()
        assert row is not None
        named = connection.execute(
            "SELECT name, label FROM item WHERE entry_id = %s ORDER BY no", (row["id"],)
        )
        items = tuple(Item(one["name"], one["label"]) for one in named)
        config = {"url": "http://10.43.2.8:8080/filings?v=1", "auth": {"type": "bearer"}}
        made = LiveInterface(
            "live.filings", "备案查询", row["department_code"], (items[0].name,), items, config
        )
        declare_interface(connection, made, keys=rooms.keys, secret="never shown")
        attach_interface(connection, row["id"], made.name)
        publish_service(
            connection,
            Offer(
                name="filings", entry_id=row["id"], keys=[items[0].name], kind="proxy", label="备案实时查询"
            ),
        )
    wish = {**WISH, "entry": str(row["id"]), "items": [items[0].name]}
    case = str(signed_in("consumer").post("/requests", **wish).headers["location"])
    assert signed_in("consumer-head").post(f"{case}/moves", move="consent").status_code == 303
    for who, move in (("provider", "propose"), ("provider-head", "approve")):
        assert signed_in(who).get(case).status_code == 200
        assert signed_in(who).post(f"{case}/moves", move=move, note="同意").status_code == 303
    grant = re.search(r"/grants/(G\d+)", signed_in("consumer").get(case).text)
    assert grant
    assert items[0].label in signed_in("provider").get(grant[0]).text
    steward, stranger = signed_in("steward"), signed_in("consumer")
    assert "实时接口" in steward.get(f"/catalogue/{row['id']}").text
    assert "10.43.2.8:8080" in steward.get("/services/filings").text
    page = stranger.get("/services/filings").text
    assert "代理" in page
    assert "10.43.2.8" not in page
    assert "never shown" not in page
    assert stranger.get("/services/filings/openapi").status_code == 200
    assert stranger.get("/services/filings/console").status_code == 200


SELECT = "SELECT uscc, name, state FROM market_entity WHERE state IS NOT NULL"


def test_a_service_is_written_as_a_query_reviewed_by_another_and_shown_as_it_would_answer(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    provider, head = signed_in("provider"), signed_in("provider-head")
    with rooms.database.connection() as connection:
        entry = connection.execute("SELECT id FROM entry WHERE name = '企业登记基本信息'").fetchone()
    assert entry
    asked = {"entry": str(entry["id"]), "name": "by_query", "keys": "uscc", "kind": "query"}
    page = provider.get(f"/services/select?entry={entry['id']}").text
    assert "FROM market_entity" in page
    for sql, code in (
        ("SELECT uscc FROM read_csv('/etc/passwd')", "store.sql_refused"),
        ("SELECT login FROM app_user", "store.sql_refused"),
        ("SELECT name, state FROM market_entity", "share.select_subject"),
    ):
        refused = provider.post("/services/select", **asked, sql=sql)
        assert refused.status_code == 422
        assert code in refused.text
        assert sql.split("'")[0] in refused.text.replace("&#39;", "'")
    assert provider.get("/services/by_query").status_code == 404
    made = provider.post("/services/select", **asked, sql=SELECT)
    assert made.headers["location"] == "/services/by_query", made.text[-2000:]
    page = provider.get("/services/by_query").text
    assert SELECT in page
    assert "会答成这样" in page
    assert provider.post("/services/by_query/moves", move="submit").status_code == 303
    assert head.post("/services/by_query/moves", move="publish").status_code == 303
    assert "统一社会信用代码" in provider.get("/services/by_query/openapi").text
    assert SELECT in provider.get("/services/select?of=by_query").text
    again = provider.post(
        "/services/select", **{**asked, "of": "by_query"}, sql=SELECT.replace(", state", "", 1)
    )
    assert again.headers["location"] == "/services/by_query_v2"
    assert signed_in("consumer").post("/services/select", **asked, sql=SELECT).status_code == 403
