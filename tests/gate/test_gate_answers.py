"""What the gate answers: the granted items of the granted rows, with a receipt anybody can check."""

from __future__ import annotations

import base64
import hashlib

import pytest
from tests.gate.conftest import COMPANIES, wait_for
from tests.share_city import agree

from jutong.ledger import Exchange, Receipt
from jutong.share import fold, hash_subject, metered, rotate_token, who_saw
from jutong_verify import VerifierKey, leaf_hash, sha256


def told(row):
    """A company of the lake as the gate words it under the usual grant."""
    phone = row["phone"]
    return {
        "uscc": row["uscc"],
        "name": row["name"],
        "capital": None if row["capital"] is None else str(row["capital"]),
        "founded": row["founded"] and row["founded"].isoformat(),
        "phone": phone and f"{phone[:3]}****{phone[-4:]}",
        "division": row["division"],
        "staff": row["staff"],
        "checked_at": row["checked_at"] and row["checked_at"].strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "active": row["active"],
    }


def test_a_company_is_answered_by_its_code_masked_and_with_evidence(city, gate, granted):
    token = granted[1]
    key = "91430502MA00000003"
    reply = gate.call("company", token, uscc=key)
    assert reply.rows == [told(city.rows[key])]
    assert reply.told["next"] is None
    assert reply.headers["jutong-as-of"]
    vkey = VerifierKey.parse(gate.ask("/ledger/vkey").body.decode())
    assert vkey == city.ledger.vkey
    Receipt.parse(reply.receipt).check(vkey)


def test_every_company_is_answered_as_the_lake_has_it(city, gate, granted):
    for key, row in city.rows.items():
        assert gate.call("company", granted[1], uscc=key).rows == [told(row)]


def test_the_exchange_in_the_ledger_says_what_was_answered(city, gate, granted):
    grant, token = granted
    key = "91430502MA00000005"
    reply = gate.call(
        "company", token, uscc=key, items="name,phone",
        headers={"Jutong-Evidence": "1", "Jutong-Request-Id": "my-request-0001"},
    )  # fmt: skip
    entry = base64.urlsafe_b64decode(reply.headers["jutong-exchange"])
    assert leaf_hash(sha256, entry) == Receipt.parse(reply.receipt).leaf
    city.ledger.sequence()
    found = [one for _, one in city.ledger.entries() if one.request_id == "my-request-0001"]
    assert found == [Exchange.from_entry(entry)]
    (one,) = found
    assert (one.event, one.outcome, one.rows, one.items) == (
        "share:service:answer",
        "answered",
        1,
        ("name", "phone"),
    )
    assert (one.consumer, one.application, one.provider) == ("D25", grant.application_id, "D23")
    assert (one.entry, one.dataset, one.resource) == ("102/000001", "standard.market_entity", "company")
    assert (one.grant, one.purpose) == (grant.id, "数据校核")
    assert one.content == hashlib.sha256(reply.body).hexdigest()
    assert one.subjects == hash_subject(city.keys, key, f"{one.at:%Y}").hex()
    assert key.encode() not in entry
    assert city.ledger.prove(reply.receipt).check(leaf_hash(sha256, entry), city.ledger.vkey)


def test_nothing_found_is_an_empty_answer_that_counts_once(city, gate, granted):
    reply = gate.call("company", granted[1], uscc="91430502MA99999999")
    assert reply.rows == []
    city.ledger.sequence()
    (one,) = [one for _, one in city.ledger.entries() if one.request_id == reply.headers["jutong-request-id"]]
    assert (one.outcome, one.rows, one.subjects) == ("answered", 0, "")


def test_pages_hold_every_row_once_and_a_cursor_outlives_changes(city, gate, granted):
    seen, cursor, pages = [], {}, 0
    while True:
        reply = gate.call("company", granted[1], items="uscc", limit=7, **cursor)
        seen += [row["uscc"] for row in reply.rows]
        pages += 1
        if pages == 3:
            city.merge([], gone=[seen[0], "91430502MA00000041"])
            gate.until(lambda: not gate.call("company", granted[1], uscc="91430502MA00000041").rows)
        if reply.told["next"] is None:
            break
        cursor = {"cursor": reply.told["next"]}
    assert sorted(seen) == sorted({*city.rows, seen[0]})
    assert len(set(seen)) == len(seen) == COMPANIES - 1


def test_a_key_with_many_rows_is_paged_and_never_beyond_the_services_limit(city, gate, granted):
    wanted = sorted(key for key, row in city.rows.items() if row["division"] == "430502")

    def pages():
        """Two pages; this service's replica may still be on its way."""
        first = gate.call("division", granted[1], division="430502", limit=999)
        rest = gate.call("division", granted[1], division="430502", cursor=first.told["next"])
        assert len(first.rows) == min(10, len(wanted))
        return sorted(row["uscc"] for row in first.rows + rest.rows)

    gate.until(lambda: pages() == wanted[:20])


def test_a_post_asks_the_same(city, gate, granted):
    body = {"where": {"uscc": "91430502MA00000007"}, "items": ["name", "staff"], "limit": 5}
    reply = gate.call("company", granted[1], method="POST", body=body)
    row = city.rows["91430502MA00000007"]
    assert reply.rows == [{"name": row["name"], "staff": row["staff"]}]


def test_a_change_in_the_lake_reaches_the_answers(city, gate, granted):
    key = "91430502MA00000009"
    city.merge([{**city.rows[key], "name": "邵阳市新名称有限公司"}])
    gate.until(
        lambda: (
            gate.call("company", granted[1], uscc=key, items="name").rows[0]["name"].startswith("邵阳市新")
        )
    )
    city.merge([], gone=["91430502MA00000008"])
    gate.until(lambda: gate.call("company", granted[1], uscc="91430502MA00000008").rows == [])


def test_a_row_range_narrows_pages_and_lookups(city, gate, application):
    name, token = application
    conditions = ({"item": "division", "op": "prefix", "value": "43050"},)
    agree(city, application_id=name, method="api", row_filter=conditions, items=("uscc", "division"))
    wait_for(gate, token)
    inside = sorted(key for key, row in city.rows.items() if (row["division"] or "").startswith("43050"))
    seen, cursor = [], {}
    while cursor is not None:
        reply = gate.call("company", token, limit=9, **cursor)
        seen += [row["uscc"] for row in reply.rows]
        cursor = {"cursor": reply.told["next"]} if reply.told["next"] else None
    assert sorted(seen) == inside
    assert gate.call("company", token, uscc=inside[0]).rows


def test_what_was_answered_is_metered_and_findable_by_its_subject(city, gate, granted):
    key = "91430502MA00000011"
    with city.database.connection() as connection:
        city.ledger.sequence()
        fold(city.database, city.ledger)
        before = metered(connection)
        sightings = len(who_saw(connection, city.keys, key))
    gate.call("company", granted[1], uscc=key)
    for _ in range(2):
        gate.call("company", granted[1], uscc=key, headers={"Jutong-Request-Id": "a-retried-call"})
    gate.call("company", granted[1], uscc="91430502MA99999999")
    gate.call("company", "jtk_wrong", uscc=key)
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        after = metered(connection)
        assert (after.times - before.times, after.records - before.records) == (3, 2)
        assert len(who_saw(connection, city.keys, key)) == sightings + 3


def test_a_new_token_replaces_the_old_one_within_a_second(city, gate, granted):
    grant, old = granted
    with city.database.connection() as connection:
        new = rotate_token(connection, grant.application_id)
    gate.until(lambda: gate.call("company", new, limit=1).status == 200, seconds=1)
    assert gate.call("company", old, limit=1).code == "gate.bad_token"


@pytest.mark.parametrize("path", ["/ledger/checkpoint", "/ledger/vkey", "/health"])
def test_what_a_witness_needs_is_open(gate, path):
    assert gate.ask(path).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/ledger/plan", "/ledger/../keys/ledger.signing.pem", "/ledger/tile/entries/000"]
)
def test_nothing_else_is(gate, path):
    assert gate.ask(path).status == 404
