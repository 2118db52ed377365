"""A request says what the law asks, walks two heads, and becomes a grant in the move that agrees."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.share_city import GRANTED, agree, wish

from jutong.casework import find_case
from jutong.share import (
    Offer,
    ask,
    bound_of,
    expire_grants,
    find_grant,
    last_instant,
    move_request,
    publish_service,
    request_problems,
    resume_grant,
    stop_service,
    suspend_grant,
    terminate_grant,
    tighten_grants,
)
from jutong.terms import BadInput, Conflict, Denied, Refused


@pytest.fixture
def conn(city):
    with city.database.connect() as connection:
        yield connection
        connection.rollback()


def test_a_request_walks_two_heads_and_becomes_a_grant(city, conn):
    request = ask(conn, city.asker, wish(city, method="api"))
    assert find_case(conn, request.case_id).state == "requester_head"
    assert find_case(conn, request.case_id).department_code == "D25"
    assert request.share_type == 2
    first = move_request(conn, request.id, "consent", city.asker_head)
    assert (first.case.department_code, first.grant) == ("D23", None)
    moved = move_request(conn, request.id, "approve", city.head)
    assert moved.grant is not None
    assert moved.grant.items == GRANTED
    assert moved.grant.masks == {"phone": "middle"}
    assert moved.grant.grade == 3
    assert moved.grant.until == last_instant(dt.date(2099, 12, 31))
    assert moved.case.state == "granted"  # T6 runs until the data is provided


def test_everything_that_is_missing_is_told_at_once(city, conn):
    empty = wish(
        city,
        basis=" ",
        scene="",
        scope="",
        purpose="好奇",
        until=dt.date(2001, 1, 1),
        items=("name", "nonsense"),
    )
    with pytest.raises(BadInput) as told:
        ask(conn, city.asker, empty)
    assert told.value.code == "share.request_incomplete"
    for word in ("使用依据", "使用场景", "使用范围", "用途类型", "使用时限", "nonsense", "统一社会信用代码"):
        assert word in told.value.sentence
    assert request_problems(conn, empty) == told.value.sentence.split("；")
    assert request_problems(conn, wish(city)) == []


def test_the_strictest_share_type_wins_and_a_withheld_item_is_refused(city, conn):
    with pytest.raises(Denied) as told:
        ask(conn, city.asker, wish(city, items=("uscc", "secret")))
    assert told.value.code == "share.withheld"
    assert "内部评级" in told.value.sentence
    conn.execute(
        "UPDATE entry SET share_type = 3, share_condition = '《保守国家秘密法》' WHERE id = %s",
        (city.entry_id,),
    )
    with pytest.raises(Denied, match="保守国家秘密法"):
        ask(conn, city.asker, wish(city))


def test_an_unconditional_entry_with_a_conditional_item_runs_the_longer_clock(city, conn):
    conn.execute("UPDATE entry SET share_type = 1 WHERE id = %s", (city.entry_id,))
    conn.execute("UPDATE item SET share_type = 1 WHERE entry_id = %s AND name <> 'secret'", (city.entry_id,))
    assert ask(conn, city.asker, wish(city)).share_type == 1
    conn.execute("UPDATE item SET share_type = 2 WHERE entry_id = %s AND name = 'phone'", (city.entry_id,))
    assert ask(conn, city.asker, wish(city)).share_type == 2
    assert ask(conn, city.asker, wish(city, items=("uscc", "name"))).share_type == 1


def test_a_table_request_must_name_the_key_unmasked(city, conn):
    with pytest.raises(BadInput, match="统一社会信用代码"):
        ask(conn, city.asker, wish(city, items=("name",)))
    conn.execute("UPDATE item SET mask = 'middle' WHERE entry_id = %s AND name = 'uscc'", (city.entry_id,))
    with pytest.raises(BadInput, match="脱敏"):
        ask(conn, city.asker, wish(city))
    assert ask(conn, city.asker, wish(city, method="api")).method == "api"


def test_nobody_asks_for_another_department_or_without_the_role(city, conn):
    with pytest.raises(Denied):
        ask(conn, city.head, wish(city))
    with pytest.raises(Denied):
        ask(conn, city.asker_head, wish(city))


def test_a_bad_row_filter_is_explained(city, conn):
    bad = ({"item": "staff", "op": "prefix", "value": "1"}, {"item": "founded", "op": "eq", "value": "soon"})
    with pytest.raises(BadInput) as told:
        ask(conn, city.asker, wish(city, row_filter=bad))
    assert "prefix" in told.value.sentence
    assert "soon" in told.value.sentence


def test_a_grant_is_suspended_resumed_and_ended_by_compare_and_set(city):
    grant = agree(city, method="api")
    with city.database.connection() as connection:
        with pytest.raises(BadInput):
            suspend_grant(connection, grant.id, " ")
        suspend_grant(connection, grant.id, "超范围使用")
        decision = bound_of(connection, grant.id)
        assert isinstance(decision, Refused)
        assert (decision.code, "超范围使用" in decision.reason) == ("share.grant_suspended", True)
        with pytest.raises(Conflict):
            suspend_grant(connection, grant.id, "再来一次")
        resume_grant(connection, grant.id)
        assert not isinstance(bound_of(connection, grant.id), Refused)
        terminate_grant(connection, grant.id, "目的已实现")
        with pytest.raises(Conflict):
            resume_grant(connection, grant.id)
        history = connection.execute(
            "SELECT to_state FROM grant_change WHERE grant_id = %s ORDER BY id", (grant.id,)
        ).fetchall()
    assert [row["to_state"] for row in history] == ["active", "suspended", "active", "terminated"]


def test_a_grant_ends_at_midnight_after_its_last_day(city):
    grant = agree(city, method="api", until=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5))
    with city.database.connection() as connection:
        assert grant.id not in expire_grants(connection, grant.until - dt.timedelta(seconds=1))
        assert grant.id in expire_grants(connection, grant.until)
        assert find_grant(connection, grant.id).state == "expired"
        assert expire_grants(connection, grant.until) == []


def test_a_change_of_a_right_is_announced_and_stamped(city):
    grant = agree(city, method="api")
    with city.database.connect(autocommit=True) as listener:
        listener.execute("LISTEN jutong_grants")
        before = listener.execute("SELECT changed_at FROM share_grant WHERE id = %s", (grant.id,)).fetchone()
        with city.database.connection() as connection:
            suspend_grant(connection, grant.id, "核查")
        heard = [note.payload for note in listener.notifies(timeout=5, stop_after=1)]
        after = listener.execute("SELECT changed_at FROM share_grant WHERE id = %s", (grant.id,)).fetchone()
    assert heard == [f"share_grant:{grant.id}"]
    assert after["changed_at"] > before["changed_at"]


def test_a_stricter_catalogue_narrows_living_grants(city, conn):
    request = ask(conn, city.asker, wish(city))
    move_request(conn, request.id, "consent", city.asker_head)
    grant = move_request(conn, request.id, "approve", city.head).grant
    assert grant is not None
    conn.execute("UPDATE item SET share_type = 3 WHERE entry_id = %s AND name = 'capital'", (city.entry_id,))
    conn.execute("UPDATE item SET mask = 'full' WHERE entry_id = %s AND name = 'phone'", (city.entry_id,))
    decision = bound_of(conn, grant.id)
    assert not isinstance(decision, Refused)
    assert "capital" not in dict(decision.outgoing.columns)
    assert grant.id in tighten_grants(conn, city.entry_id)
    narrowed = find_grant(conn, grant.id)
    assert "capital" not in narrowed.items
    assert narrowed.masks["phone"] == "full"
    conn.execute("UPDATE item SET share_type = 1, mask = NULL WHERE entry_id = %s", (city.entry_id,))
    tighten_grants(conn, city.entry_id)
    assert "capital" not in find_grant(conn, grant.id).items  # never widened again
    assert find_grant(conn, grant.id).masks["phone"] == "full"


def test_an_api_request_counts_as_provided_once_a_service_answers(city, conn):
    request = ask(conn, city.asker, wish(city, method="api"))
    move_request(conn, request.id, "consent", city.asker_head)
    move_request(conn, request.id, "approve", city.head)
    service = publish_service(conn, Offer(name="market_entity", entry_id=city.entry_id, keys=["uscc"]))
    assert "secret" not in service.items
    assert "_batch" not in service.items
    assert find_case(conn, request.case_id).state == "delivered"
    with pytest.raises(BadInput):
        publish_service(conn, Offer(name="market_entity", entry_id=city.entry_id, keys=["secret"]))
    assert stop_service(conn, "market_entity").state == "stopped"
