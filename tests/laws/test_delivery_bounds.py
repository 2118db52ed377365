"""Law 5: what leaves is grant ∩ item share type ∩ grade ∩ masking, whatever the catalogue has become."""

from __future__ import annotations

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st

from jutong.share import EntryItem, bound, mask_for, stricter
from jutong.terms import Item, Refused

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
NAMES = ["a", "b", "c", "d"]
COLUMNS = [Item(name, name, "text", element="text", key=name == "a") for name in NAMES]
masks = st.sampled_from([None, "none", "full", "middle", "tail"])
entry_items = st.lists(
    st.builds(
        EntryItem,
        name=st.sampled_from(NAMES),
        label=st.just("项"),
        element=st.just("text"),
        is_key=st.booleans(),
        share_type=st.integers(1, 3),
        grade=st.integers(1, 4),
        mask=masks,
    ),
    unique_by=lambda item: item.name,
    max_size=4,
)
grants = st.fixed_dictionaries(
    {
        "id": st.just("G1"),
        "state": st.sampled_from(["active", "active", "active", "suspended", "terminated", "expired"]),
        "reason": st.just(None),
        "valid_from": st.sampled_from([NOW - dt.timedelta(days=1), NOW + dt.timedelta(days=1)]),
        "until": st.sampled_from([NOW + dt.timedelta(days=9), NOW]),
        "application_id": st.just("A01"),
        "application_state": st.sampled_from(["active", "active", "suspended", "retired"]),
        "entry_state": st.sampled_from(["published", "published", "withdrawn"]),
        "entry_code": st.just("102/000001"),
        "share_type": st.integers(1, 3),
        "department_code": st.just("D25"),
        "provider_code": st.just("D23"),
        "purpose": st.just("数据校核"),
        "method": st.just("table"),
        "dataset": st.just("standard.x"),
        "items": st.lists(st.sampled_from([*NAMES, "gone"]), unique=True, min_size=1),
        "masks": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["full", "middle", "tail"])),
        "row_filter": st.sampled_from([[], [{"item": "b", "op": "eq", "value": "1"}]]),
    }
)


def live(grant):
    return (
        grant["state"] == "active"
        and grant["valid_from"] <= NOW < grant["until"]
        and grant["application_state"] == "active"
        and grant["entry_state"] == "published"
        and grant["share_type"] < 3
    )


@settings(max_examples=500, deadline=None)
@given(grants, entry_items)
def test_nothing_leaves_beyond_the_strictest_of_all_bounds(grant, items):
    decision = bound(grant, items, COLUMNS, ["a"], NOW)
    offered = {item.name: item for item in items}
    may = [name for name in grant["items"] if name in offered and offered[name].share_type < 3]
    if not live(grant) or not may:
        assert isinstance(decision, Refused)
        return
    assert not isinstance(decision, Refused)
    assert [out.item.name for out in decision.outgoing.items] == may
    assert list(decision.outgoing.row_filter) == grant["row_filter"]
    for out in decision.outgoing.items:
        item = offered[out.item.name]
        if item.grade == 4 and item.mask is None:
            assert out.mask == "full"
        if item.grade >= 3 and item.mask is None:
            assert out.mask is not None
        if grant["masks"].get(item.name):
            assert out.mask in (grant["masks"][item.name], "full")
        assert out.mask == stricter(grant["masks"].get(item.name), mask_for(item))


@given(masks.filter(lambda mask: mask != "none"), masks.filter(lambda mask: mask != "none"))
def test_the_stricter_of_two_masks_does_not_depend_on_their_order(first, second):
    assert stricter(first, second) == stricter(second, first)
    assert stricter(first, first) == first
    if first or second:
        assert stricter(first, second) is not None
