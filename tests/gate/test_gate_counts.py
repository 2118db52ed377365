"""统计: counts add up, and no count too small can be told or worked out."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gate.conftest import wait_for
from tests.share_city import agree, company

from jutong.client import City
from jutong.elements import ELEMENTS
from jutong.gate.counting import published
from jutong.share import Offer, metered, publish_service
from jutong.share.bounds import NAMES_SOMEBODY
from jutong.terms import BadInput

leaves = st.dictionaries(
    st.tuples(*[st.sampled_from("abcd")] * 3), st.one_of(st.integers(1, 12), st.integers(1, 60)), max_size=30
)


@given(leaves, st.integers(2, 12), st.integers(1, 3))
def test_whatever_is_told_hides_every_small_count(given_leaves, least, depth):
    told = published(given_leaves, depth, least)
    counts = Counter()
    for path, count in given_leaves.items():
        for length in range(depth + 1):
            counts[path[:length]] += count
    assert all(told[path] == counts[path] >= least for path in told)
    for parent in counts:
        if len(parent) == depth:
            continue
        children = [path for path in counts if len(path) == len(parent) + 1 and path[:-1] == parent]
        withheld = [path for path in children if path not in told]
        if parent not in told:
            assert withheld == children
        elif withheld:
            # What is left when all that is told is taken off the parent: never one group, never too small.
            assert len(withheld) >= 2
            assert sum(counts[path] for path in withheld) >= least
    # A shallower question is told the same, so two questions never differ by a small group.
    shallow = published(given_leaves, 1, least)
    assert shallow == {path: count for path, count in told.items() if len(path) <= 1}


def test_nobody_is_a_group():
    assert set(ELEMENTS) >= NAMES_SOMEBODY


@pytest.fixture(scope="module")
def counting(city):
    with city.database.connection() as connection:
        publish_service(
            connection,
            Offer(
                name="tally", entry_id=city.entry_id, keys=["division", "active"], kind="statistics", least=5
            ),
        )


@pytest.fixture
def caller(counting, city, gate, application):
    name, token = application
    agree(city, application_id=name, method="api")
    wait_for(gate, token)
    gate.until(lambda: gate.call("tally", token).status == 200)
    with City(f"http://127.0.0.1:{gate.port}", token, vkey=str(city.ledger.vkey), patience=5) as opened:
        yield opened


def counted(city, *names):
    return Counter(tuple(row[name] for name in names) for row in city.rows.values())


def test_counts_are_those_of_the_rows_and_add_up(city, caller):
    whole = caller.count("tally")
    expected = counted(city, "division")
    assert whole.total == len(city.rows) == sum(one["count"] for one in whole.groups) + whole.suppressed
    assert all(one["count"] == expected[(one["division"],)] >= 5 for one in whole.groups)
    deep = caller.count("tally", by=["division", "active"])
    expected = counted(city, "division", "active")
    assert deep.groups
    assert all(one["count"] == expected[one["division"], one["active"]] for one in deep.groups)
    assert all(isinstance(one["active"], bool | None) for one in deep.groups)
    assert caller.receipts[-1].told["rows"] == len(deep.groups)
    assert "subjects" not in caller.receipts[-1].told or not caller.receipts[-1].told["subjects"]
    one = whole.groups[0]["division"]
    inside = caller.count("tally", by=["division", "active"], division=one)
    assert inside.total == whole.groups[0]["count"]
    assert inside.groups == [group for group in deep.groups if group["division"] == one]


def test_a_group_of_one_is_not_told_nor_the_one_beside_it(city, gate, caller):
    whole = caller.count("tally")
    told = {one["division"] for one in whole.groups}
    alone = {**company(9_000, __import__("random").Random(1)), "division": "430599"}
    city.merge([alone])
    gate.until(lambda: caller.count("tally").total == len(city.rows), 20)
    after = caller.count("tally")
    assert "430599" not in {one["division"] for one in after.groups}
    assert after.suppressed >= 5
    assert len(told - {one["division"] for one in after.groups}) <= 1
    hidden, nowhere = (caller.count("tally", division=one) for one in ("430599", "999999"))
    assert (hidden.groups, hidden.total, hidden.suppressed) == ([], None, None)
    assert (nowhere.groups, nowhere.total, nowhere.suppressed) == ([], None, None)


def test_counts_are_counted(city, caller):
    from jutong.share import fold

    caller.count("tally")
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        assert metered(connection).times > 0


def test_counts_stay_within_the_rows_granted(city, gate, counting, application):
    name, token = application
    agree(city, application_id=name, method="api", row_filter=[{"item": "division", "op": "eq", "value": "430502"}])  # fmt: skip
    gate.until(lambda: gate.call("tally", token).status == 200)
    told = gate.call("tally", token).told
    assert told["total"] == counted(city, "division")["430502",]
    assert {one["division"] for one in told["groups"]} <= {"430502"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"by": "active"}, "gate.bad_query"),
        ({"by": "division", "active": "true"}, "gate.bad_query"),
        ({"by": "division,active", "active": "true"}, "gate.bad_query"),
        ({"by": "division,active", "division": "430502", "active": "maybe"}, "gate.bad_query"),
        ({"uscc": "1"}, "gate.bad_query"),
        ({"items": "uscc"}, "gate.bad_query"),
    ],
)
def test_what_cannot_be_counted_is_refused(gate, caller, application, asked, code):
    reply = gate.call("tally", application[1], **asked)
    assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize(
    ("keys", "least", "code"),
    [
        (["uscc"], 5, "share.service_dimension"),
        (["phone"], 5, "share.service_dimension"),
        (["division", "division"], 5, "share.service_dimension"),
        (["division"], 1, "share.service_least"),
    ],
)
def test_what_would_count_somebody_is_not_published(city, keys, least, code):
    with city.database.connection() as connection, pytest.raises(BadInput) as found:
        publish_service(
            connection, Offer(name="nosy", entry_id=city.entry_id, keys=keys, kind="statistics", least=least)
        )
    assert found.value.code == code
