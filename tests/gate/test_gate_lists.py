"""列表: a copy that is listed once and then kept up by what is told since equals what the grant lets out."""

from __future__ import annotations

import datetime as dt
import sqlite3

import pytest
from tests.gate.conftest import wait_for
from tests.share_city import agree

from jutong.client import City, Refused
from jutong.gate.replicas import newest
from jutong.gate.rights import Rights
from jutong.share import Offer, fold, publish_service, who_saw

FILTER = [{"item": "division", "op": "eq", "value": "430502"}]
KEPT = ("uscc", "name", "division", "staff")


@pytest.fixture(scope="module")
def listing(city):
    with city.database.connection() as connection:
        publish_service(
            connection, Offer(name="roll", entry_id=city.entry_id, keys=["division"], max_rows=7, kind="list")
        )


@pytest.fixture
def callers(listing, city, gate, application, settings):
    """Open ways in for an application with a grant of some rows; call it with the grant's terms."""
    opened = []

    def make(**terms):
        name, token = application
        agree(city, application_id=name, method="api", **terms)
        wait_for(gate, token, "roll")
        opened.append(City(f"http://127.0.0.1:{gate.port}", token, vkey=str(city.ledger.vkey), patience=5))
        gate.until(lambda: settled(city, settings.gate_folder, opened[-1].page("roll").since))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def settled(city, folder, since):
    """Whether the gate reads the shape the grants of this moment ask for: no other generation is on its way."""
    with city.database.connection() as connection:
        wanted = Rights.read(connection).shapes(dt.datetime.now(dt.UTC))["roll"].signature
    file = newest(folder)["roll"]
    with sqlite3.connect(file) as replica:
        found = replica.execute("SELECT value FROM meta WHERE name = 'shape'").fetchone()[0]
    return found == wanted and f".{since.split('.')[0]}." in file.name


def listed(caller, **where):
    """All pages: (key → row, since of the first)."""
    copy, since, after = {}, None, None
    while True:
        page = caller.page("roll", after=after, items=list(KEPT), **where)
        since = since or page.since
        assert len(page.rows) <= 7
        assert not copy.keys() & {row["uscc"] for row in page.rows}
        copy |= {row["uscc"]: row for row in page.rows}
        after = page.next
        if after is None:
            return copy, since


def within(city, row_filter=()):
    wanted = {condition["value"] for condition in row_filter}
    return {
        key: {name: row[name] for name in KEPT}
        for key, row in city.rows.items()
        if not wanted or row["division"] in wanted
    }


@pytest.mark.parametrize("row_filter", [[], FILTER])
def test_a_copy_kept_up_by_changes_equals_what_is_granted(city, gate, callers, row_filter):
    caller = callers(row_filter=row_filter)
    copy, since = listed(caller)
    assert copy == within(city, row_filter)
    ours, others = (
        [key for key in sorted(city.rows) if (city.rows[key]["division"] == "430502") is inside]
        for inside in (True, False)
    )
    gone, moved_out, moved_in, never = ours[0], ours[1], others[0], others[1]
    city.merge(
        [
            {**city.rows[moved_out], "division": "430511"},
            {**city.rows[moved_in], "division": "430502"},
            {**city.rows[ours[2]], "staff": 4711},
        ],
        gone=[gone, never],
    )
    told = set()

    def caught_up():
        nonlocal since
        for changed in caller.changes("roll", since, items=list(KEPT)):
            for key in changed.deleted:
                told.add(key["uscc"])
                copy.pop(key["uscc"], None)
            copy.update({row["uscc"]: row for row in changed.rows})
            since = changed.since
        return copy == within(city, row_filter)

    gate.until(caught_up, 20)
    if row_filter:  # what was never within the grant is not told to have gone
        assert told == {gone, moved_out}
    else:
        assert {gone, never} <= told <= {gone, never, moved_out, moved_in}
    assert caught_up()
    assert caller.receipts[-1].told["rows"] == 0


def test_an_answer_is_evidence_of_every_record_it_names(city, gate, callers):
    caller = callers(row_filter=[])
    page = caller.page("roll")
    assert caller.receipts[-1].told["rows"] == len(page.rows) == 7
    copy, since = listed(caller)
    victim = max(copy)
    city.merge([], gone=[victim])
    gate.until(lambda: any(one.deleted for one in caller.changes("roll", since, items=list(KEPT))), 20)
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        seen = [one.application for one in who_saw(connection, city.keys, victim)]
    assert len([one for one in seen if one == caller.receipts[-1].told["application"]]) >= 2


def test_narrowing_by_what_is_granted(city, callers):
    caller = callers(row_filter=[])
    copy, _ = listed(caller, division="430511")
    assert copy == within(city, [{"value": "430511"}])


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"name": "x"}, 400, "gate.bad_query"),
        ({"after": "!!"}, 400, "gate.bad_cursor"),
        ({"after": "WzFd"}, 200, ""),  # somebody's key that is none: only what lies behind it is told
        ({"after": "WzEsMl0"}, 400, "gate.bad_cursor"),
        ({"since": "yesterday"}, 400, "gate.bad_cursor"),
        ({"since": "20260101-aaaa.0123456789ab.1.1"}, 410, "gate.changes_gone"),
        ({"since": "20260101-aaaa.0123456789ab.1.1", "division": "430502"}, 400, "gate.bad_query"),
        ({"cursor": "a.1"}, 400, "gate.bad_query"),
        ({"items": "secret"}, 403, "share.item_not_granted"),
        ({"limit": "0"}, 400, "gate.bad_query"),
    ],
)
def test_what_cannot_be_listed_is_refused(gate, callers, application, asked, status, code):
    callers(row_filter=[])
    reply = gate.call("roll", application[1], **asked)
    assert reply.status == status, reply.body
    assert not code or reply.code == code


def test_without_the_plain_key_nothing_is_listed(city, gate, listing, application):
    name, token = application
    agree(city, application_id=name, method="api", items=["name", "division"])
    gate.until(lambda: gate.call("roll", token).code == "share.key_not_granted")


def test_a_since_of_another_ground_is_not_taken(city, callers):
    caller = callers(row_filter=[])
    since = caller.page("roll", items=["uscc"]).since
    with pytest.raises(Refused) as found:
        list(caller.changes("roll", since, items=["uscc", "name"]))
    assert (found.value.status, found.value.code) == (410, "gate.changes_gone")
