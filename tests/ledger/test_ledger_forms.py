"""A form filled in is byte for byte the exchange it stands for."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger_facts import fact, open_ledger

from jutong.ledger import Exchange, Form
from jutong.terms import BadInput

words = st.text(max_size=12)
instants = st.datetimes(timezones=st.just(dt.UTC), min_value=dt.datetime(1990, 1, 1))
exchanges = st.builds(
    Exchange, st.just("share:service:answer"), instants, words, words, words, words, words, words, words, words,
    st.lists(words, max_size=3).map(tuple), st.integers(0, 10**9), words, words,
    st.from_regex(r"[A-Za-z0-9-]{0,20}", fullmatch=True), st.sampled_from(["", "ab" * 32]),
    st.sampled_from(["", "0123456789abcdef fedcba9876543210"]), st.dictionaries(words, words, max_size=3),
)  # fmt: skip


@given(exchanges, st.integers(0, 10**12))
def test_a_filled_form_is_the_exchange(one, sequence):
    record = Form(one).filled(
        one.at, one.rows, one.request_id, one.content, one.subjects, orjson.dumps(one.detail)
    )
    assert record.entry_bytes("s", sequence) == one.entry_bytes("s", sequence)
    assert Exchange.from_entry(record.entry_bytes("s", sequence)) == one


def test_a_record_stands_in_the_log_like_any_exchange(tmp_path):
    ledger = open_ledger(tmp_path)
    one = fact(1)
    record = Form(one).filled(one.at, one.rows, one.request_id, "", "", b"{}")
    ledger.stream("g").commit([record, one])
    ledger.sequence()
    assert [found for _, found in ledger.entries()] == [one, one]


def test_a_record_too_long_for_the_log_is_refused():
    record = Form(fact(1)).filled(fact(1).at, 1, "r1", "", "f" * 70_000, b"{}")
    with pytest.raises(BadInput, match="上限"):
        record.entry_bytes("s", 0)
