"""What the gate refuses: each a problem document with its own code, each recorded before it is told."""

from __future__ import annotations

import pytest
from tests.gate.conftest import entry_with_service, wait_for
from tests.share_city import agree

from jutong.ledger import Receipt
from jutong.share import resume_grant, set_application_state, stop_service, suspend_grant, terminate_grant

KEY = "91430502MA00000003"


@pytest.fixture
def refused(city, gate):
    """Ask, and check that the refusal is a problem with this code, receipted and in the ledger."""

    def ask(code, status, service="company", token=None, **given):
        reply = gate.call(service, token, **given)
        assert (reply.code, reply.status) == (code, status)
        Receipt.parse(reply.receipt).check(city.ledger.vkey)
        city.ledger.sequence()
        number = reply.headers["jutong-request-id"]
        (one,) = [one for _, one in city.ledger.entries() if one.request_id == number]
        assert (one.event, one.outcome, one.code, one.rows) == ("share:service:refuse", "refused", code, 0)
        assert reply.told["request_id"] == number
        assert b'"rows"' not in reply.body
        return one

    return ask


def test_no_token(refused, granted):
    one = refused("gate.no_token", 401, uscc=KEY)
    assert (one.application, one.consumer) == ("", "")
    assert (
        refused("gate.no_token", 401, headers={"Authorization": "Basic YTpi"}).detail["from"] == "127.0.0.1"
    )


@pytest.mark.parametrize("wrong", ["jtk_nobody", "x" * 500])
def test_a_wrong_token(refused, granted, wrong):
    refused("gate.bad_token", 401, token=wrong, uscc=KEY)


def test_a_token_of_a_retired_application(refused, city, gate, granted):
    with city.database.connection() as connection:
        set_application_state(connection, granted[0].application_id, "retired")
    gate.until(lambda: gate.call("company", granted[1], limit=1).status == 401)
    refused("gate.bad_token", 401, token=granted[1], uscc=KEY)


def test_an_unknown_and_a_stopped_service(refused, city, gate, granted):
    refused("gate.no_service", 404, service="nothing", token=granted[1])
    refused("gate.no_service", 404, service="company/../company", token=granted[1])
    entry_with_service(city, "stopping", "102/000077")
    gate.until(lambda: gate.call("stopping", granted[1], limit=1).status == 403)
    with city.database.connection() as connection:
        stop_service(connection, "stopping")
    gate.until(lambda: gate.call("stopping", granted[1], limit=1).status == 404)


def test_an_application_without_a_grant(refused, gate, application):
    gate.until(lambda: gate.call("company", application[1]).status == 403)
    one = refused("share.not_granted", 403, token=application[1], uscc=KEY)
    assert (one.application, one.consumer, one.provider) == (application[0], "D25", "D23")


def test_a_grant_for_one_entry_opens_no_other(refused, city, gate, granted):
    entry_with_service(city, "other", "102/000078")
    gate.until(lambda: gate.call("other", granted[1], limit=1).status == 403)
    refused("share.not_granted", 403, service="other", token=granted[1], uscc=KEY)


def test_a_grant_for_tables_opens_no_service(refused, city, gate, application):
    agree(city, application_id=application[0], method="table")
    gate.until(lambda: gate.call("company", application[1]).status == 403)
    refused("share.not_granted", 403, token=application[1], uscc=KEY)


def test_a_suspended_grant_within_a_second_and_again_allowed_when_resumed(refused, city, gate, granted):
    grant, token = granted
    with city.database.connection() as connection:
        suspend_grant(connection, grant.id, "超范围使用，限期整改")
    gate.until(lambda: gate.call("company", token, uscc=KEY).status == 403, seconds=1)
    one = refused("share.grant_suspended", 403, token=token, uscc=KEY)
    assert one.application == grant.application_id
    assert "整改" in gate.call("company", token, uscc=KEY).told["title"]
    with city.database.connection() as connection:
        resume_grant(connection, grant.id)
    gate.until(lambda: gate.call("company", token, uscc=KEY).status == 200)


def test_a_terminated_grant(refused, city, gate, granted):
    with city.database.connection() as connection:
        terminate_grant(connection, granted[0].id, "目的已达成")
    gate.until(lambda: gate.call("company", granted[1], uscc=KEY).status == 403)
    refused("share.grant_terminated", 403, token=granted[1], uscc=KEY)


def test_a_grant_that_runs_out_while_nobody_touches_it(refused, city, gate, granted):
    """The clock alone ends it: no row changes when the time comes."""
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE share_grant SET until = now() + interval '1 second' WHERE id = %s", (granted[0].id,)
        )
    gate.until(lambda: gate.call("company", granted[1], uscc=KEY).status == 403)
    refused("share.grant_expired", 403, token=granted[1], uscc=KEY)


def test_a_grant_that_is_not_yet_good(refused, city, gate, granted):
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE share_grant SET valid_from = now() + interval '1 day' WHERE id = %s", (granted[0].id,)
        )
    gate.until(lambda: gate.call("company", granted[1], uscc=KEY).status == 403)
    refused("share.grant_not_yet", 403, token=granted[1], uscc=KEY)


def test_a_suspended_application(refused, city, gate, granted):
    with city.database.connection() as connection:
        set_application_state(connection, granted[0].application_id, "suspended")
    gate.until(lambda: gate.call("company", granted[1], uscc=KEY).status == 403)
    refused("share.application_suspended", 403, token=granted[1], uscc=KEY)


def test_items_outside_the_grant(refused, city, gate, application):
    agree(city, application_id=application[0], method="api", items=("uscc", "name"))
    wait_for(gate, application[1])
    for outside in ("phone", "name,phone", "secret", "_batch", "nonsense", "uscc#uscc#middle"):
        refused("share.item_not_granted", 403, token=application[1], uscc=KEY, items=outside)
    assert set(gate.call("company", application[1], uscc=KEY).rows[0]) == {"uscc", "name"}


def test_asking_by_a_key_that_is_not_granted(refused, city, gate, application):
    agree(city, application_id=application[0], method="api", items=("name",))
    wait_for(gate, application[1])
    refused("share.item_not_granted", 403, token=application[1], uscc=KEY)


def test_rows_outside_the_grant_and_no_row_at_all_are_the_same_refusal(refused, city, gate, application):
    """Telling them apart would tell who is in the data."""
    inside = next(key for key, row in city.rows.items() if row["division"] == "430502")
    outside = next(key for key, row in city.rows.items() if row["division"] == "430503")
    conditions = ({"item": "division", "op": "eq", "value": "430502"},)
    agree(city, application_id=application[0], method="api", row_filter=conditions)
    wait_for(gate, application[1])
    assert gate.call("company", application[1], uscc=inside).rows
    refused("share.row_not_granted", 403, token=application[1], uscc=outside)
    refused("share.row_not_granted", 403, token=application[1], uscc="91430502MA99999999")
    first, second = (
        gate.call("company", application[1], uscc=key).told for key in (outside, "91430502MA99999999")
    )
    assert {**first, "request_id": ""} == {**second, "request_id": ""}


def test_an_item_withheld_since_the_grant_leaves_no_more(refused, city, gate, application):
    entry_id = entry_with_service(city, "tightening", "102/000079")
    agree(
        city, application_id=application[0], method="api", entry_id=entry_id, items=("uscc", "name", "staff")
    )
    wait_for(gate, application[1], "tightening")
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE item SET share_type = 3 WHERE entry_id = %s AND name = 'staff'", (entry_id,)
        )
    gate.until(lambda: "staff" not in gate.call("tightening", application[1], uscc=KEY).rows[0])
    refused(
        "share.item_not_granted", 403, service="tightening", token=application[1], uscc=KEY, items="staff"
    )
    with city.database.connection() as connection:
        connection.execute("UPDATE entry SET state = 'withdrawn' WHERE id = %s", (entry_id,))
    gate.until(lambda: gate.call("tightening", application[1], uscc=KEY).status == 403)
    refused("share.entry_withdrawn", 403, service="tightening", token=application[1], uscc=KEY)


def test_a_mask_tightened_since_the_grant_never_lets_the_plain_value_out(city, gate, application):
    """While the replica is made anew the answer is 503, not the value as it was."""
    entry_id = entry_with_service(city, "masking", "102/000080")
    agree(city, application_id=application[0], method="api", entry_id=entry_id, items=("uscc", "name"))
    wait_for(gate, application[1], "masking")
    key = next(key for key, row in city.rows.items() if row["name"] == "邵阳市宝庆食品有限公司")
    with city.database.connection() as connection:
        connection.execute("UPDATE item SET mask = 'full' WHERE entry_id = %s AND name = 'name'", (entry_id,))
    replies = []
    gate.until(
        lambda: (
            replies.append(gate.call("masking", application[1], uscc=key)) or replies[-1].body.count(b"***")
        )
    )
    plain = [reply for reply in replies if reply.status == 200 and reply.rows[0]["name"] != "******"]
    later = replies[len(plain) :]
    assert all(reply.status == 503 or reply.rows[0]["name"] == "******" for reply in later)
    assert {reply.code for reply in later if reply.status == 503} <= {"gate.replica_behind"}


def test_a_graded_item_that_would_leave_unmasked_needs_a_signed_request(refused, city, gate, application):
    entry_id = entry_with_service(city, "graded", "102/000081")
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE item SET mask = 'none' WHERE entry_id = %s AND name = 'phone'", (entry_id,)
        )
    agree(city, application_id=application[0], method="api", entry_id=entry_id, items=("uscc", "phone"))
    wait_for(gate, application[1], "graded")
    refused("gate.signature_required", 403, service="graded", token=application[1], uscc=KEY, items="phone")
    assert gate.call("graded", application[1], uscc=KEY).rows == [{"uscc": KEY}]


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x"},
        {"uscc": KEY, "name": "x"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"cursor": "nonsense"},
        {"items": ","},
        {"method": "POST", "body": b"{"},
        {"method": "POST", "body": {"where": []}},
        {"method": "POST", "body": {"where": {"uscc": ["a", "b"]}}},
        {"method": "POST", "body": {"sql": "SELECT 1"}},
        {"method": "POST", "body": {"items": "name"}},
        {"method": "POST", "body": b"\xff\xfe"},
        {"method": "DELETE"},
    ],
    ids=str,
)
def test_a_question_that_cannot_be_read(refused, granted, given):
    refused("gate.bad_query", 400, token=granted[1], **given)


def test_a_cursor_of_another_generation(refused, granted):
    refused("gate.bad_cursor", 400, token=granted[1], cursor="20200101000000000000-abcd.7")


@pytest.mark.parametrize("value", ["' OR 1=1 --", "%", "*", "\0", "91430502MA00000003'", '"', "\ud7ff", "😀"])
def test_a_key_is_only_ever_a_value(gate, granted, value):
    assert gate.call("company", granted[1], uscc=value).rows == []
