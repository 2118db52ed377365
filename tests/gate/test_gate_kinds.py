"""Verification and batches: told is what was asked, in order, and not a value more."""

from __future__ import annotations

import pytest
from tests.gate.conftest import wait_for
from tests.share_city import agree

from jutong.client import City, Refused
from jutong.share import Offer, publish_service, who_saw


@pytest.fixture(scope="module")
def verifying(city):
    with city.database.connection() as connection:
        publish_service(connection, Offer(name="check", entry_id=city.entry_id, keys=["uscc"], kind="verify"))


@pytest.fixture
def caller(verifying, city, gate, granted):
    _grant, token = granted
    key = min(city.rows)
    gate.until(lambda: gate.call("check", token, uscc=key, name="x").status == 200)
    with City(f"http://127.0.0.1:{gate.port}", token, vkey=str(city.ledger.vkey), patience=5) as opened:
        yield opened


def test_each_item_matches_or_not_and_no_value_is_told(city, caller):
    key, row = next((key, row) for key, row in sorted(city.rows.items()) if row["phone"] and row["name"])
    assert caller.verify("check", uscc=key, name=row["name"], phone=row["phone"]) == {
        "name": "match",
        "phone": "match",  # though it would leave masked
    }
    assert caller.verify("check", uscc=key, name="别的名字", phone="13900000000") == {
        "name": "mismatch",
        "phone": "mismatch",
    }
    told = caller.receipts[-1].told
    assert (told["rows"], sorted(told["items"])) == (1, ["name", "phone"])
    assert row["phone"] not in caller.receipts[-1].entry.decode()


def test_no_record_and_no_value_look_the_same(city, caller):
    empty = next(key for key, row in sorted(city.rows.items()) if row["founded"] is None)
    assert caller.verify("check", uscc=empty, founded="2020-01-01") == {"founded": "not_found"}
    assert caller.verify("check", uscc="91430502MA99999999", founded="2020-01-01") == {"founded": "not_found"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "x"}, "gate.bad_query"),
        ({"uscc": "1"}, "gate.bad_query"),
        ({"uscc": "1", "secret": "A"}, "gate.bad_query"),
        ({"uscc": "1", "founded": "yesterday"}, "gate.bad_query"),
    ],
)
def test_what_cannot_be_verified_is_refused(caller, given, code):
    with pytest.raises(Refused) as found:
        caller.verify("check", **given)
    assert found.value.code == code


def test_a_batch_answers_each_in_its_order(city, caller):
    keys = [*sorted(city.rows)[5:2:-1], "91430502MA99999999", min(city.rows)]
    answers = caller.call_many("company", [{"uscc": key} for key in keys], items=["uscc", "staff"])
    assert answers == [
        [{"uscc": key, "staff": city.rows[key]["staff"]}] if key in city.rows else [] for key in keys
    ]
    assert caller.receipts[-1].told["rows"] == 4


def test_a_batch_too_large_or_of_two_minds_is_refused(caller):
    for batch, code in (
        ([{"uscc": str(number)} for number in range(1_001)], "gate.too_many_keys"),
        ([{"uscc": "1"}, {"name": "2"}], "gate.bad_query"),
        ([{}], "gate.bad_query"),
    ):
        with pytest.raises(Refused) as found:
            caller.call_many("company", batch)
        assert found.value.code == code


def test_a_batch_stays_within_the_rows_granted(city, gate, application):
    name, token = application
    agree(city, application_id=name, method="api", row_filter=[{"item": "division", "op": "eq", "value": "430502"}])  # fmt: skip
    wait_for(gate, token)
    keys = sorted(city.rows)[:30]
    reply = gate.call("company", token, method="POST", body={"batch": [{"uscc": key} for key in keys]})
    found = [one["rows"] for one in reply.told["answers"]]
    assert [bool(rows) for rows in found] == [city.rows[key]["division"] == "430502" for key in keys]


def test_an_answer_known_already_is_not_sent_again(city, gate, granted):
    _, token = granted
    key = sorted(city.rows)[1]
    first = gate.call("company", token, uscc=key)
    again = gate.call("company", token, uscc=key, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.receipt != first.receipt
    assert gate.call("company", token, uscc=key, headers={"If-None-Match": '"other"'}).rows == first.rows


def test_who_was_verified_or_in_a_batch_can_be_found(city, caller):
    from jutong.share import fold

    key = sorted(city.rows)[7]
    caller.verify("check", uscc=key, name="x")
    caller.call_many("company", [{"uscc": key}])
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        seen = who_saw(connection, city.keys, key)
    assert [one.resource for one in seen[:2]] == ["company", "check"]


def test_the_numbers_a_monitor_reads(gate, granted):
    _, token = granted
    before = gate.ask("/metrics").body.decode()
    assert gate.call("company", token, limit=1).status == 200
    assert gate.call("nowhere", token).status == 404
    after = gate.ask("/metrics").body.decode()
    assert 'status="404"' in after
    assert 'service="company"' in after
    assert "jutong_gate_rights_fresh" in after
    count = [int(text.split("seconds_count{")[1].split("} ")[1].split()[0]) for text in (before, after)]
    assert count[1] >= count[0] + 2
