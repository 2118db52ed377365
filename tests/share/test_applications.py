"""Applications and their tokens: shown once, kept as a hash, gone when retired."""

from __future__ import annotations

import pytest

from jutong.people import Department, add_departments
from jutong.share import (
    add_application,
    applications,
    looks_like_token,
    new_token,
    rotate_token,
    set_application_state,
    token_hash,
    whose_token,
)
from jutong.terms import BadInput, Conflict, NotFound


@pytest.fixture
def conn(database):
    with database.connect() as connection:
        add_departments(connection, [Department("D25", "邵阳市医疗保障局", "医保局", "department")])
        add_application(connection, "医保结算平台", "D25", id="A01")
        yield connection
        connection.rollback()


def test_a_token_is_found_by_its_hash_and_kept_nowhere(conn):
    token = rotate_token(conn, "A01")
    assert looks_like_token(token)
    assert whose_token(conn, token).id == "A01"
    kept = conn.execute("SELECT * FROM application").fetchone()
    assert token not in str(kept)
    assert kept["token_hash"] == token_hash(token)
    assert token.startswith(kept["token_hint"])
    assert len(kept["token_hint"]) < 12


def test_a_new_token_ends_the_old_one(conn):
    old = rotate_token(conn, "A01")
    new = rotate_token(conn, "A01")
    assert whose_token(conn, old) is None
    assert whose_token(conn, new).id == "A01"


def test_a_mistyped_token_is_told_from_a_wrong_one():
    token = new_token()
    assert not looks_like_token(token[:-1] + ("0" if token[-1] != "0" else "1"))
    assert not looks_like_token("Bearer")
    assert new_token() != token


def test_a_suspended_application_holds_no_token_and_a_retired_one_never_again(conn):
    token = rotate_token(conn, "A01")
    set_application_state(conn, "A01", "suspended")
    assert whose_token(conn, token) is None
    set_application_state(conn, "A01", "active")
    assert whose_token(conn, token) is not None
    set_application_state(conn, "A01", "retired")
    for attempt in (lambda: rotate_token(conn, "A01"), lambda: set_application_state(conn, "A01", "active")):
        with pytest.raises(Conflict):
            attempt()


def test_a_wrong_registration_is_refused_in_one_sentence(conn):
    with pytest.raises(Conflict):
        add_application(conn, "重复", "D25", id="A01")
    with pytest.raises(NotFound):
        add_application(conn, "无主", "D99")
    with pytest.raises(BadInput):
        add_application(conn, "坏编号", "D25", id="a 2")
    with pytest.raises(NotFound):
        rotate_token(conn, "A99")
    assert [one.id for one in applications(conn, "D25")] == ["A01"]
    assert add_application(conn, "医保结算平台", "D25", id="A01", exist_ok=True).id == "A01"
    assert add_application(conn, "处方监管", "D25").id == "A02"
