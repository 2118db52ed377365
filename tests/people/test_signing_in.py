"""Signing in, the policy of 等保三级, sessions, the second factor, the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyotp
import pytest
from argon2 import PasswordHasher

from jutong.database import Connection, Database
from jutong.keys import SoftwareKeys
from jutong.people import (
    SYSTEM,
    Department,
    SignedIn,
    add_departments,
    add_user,
    begin_enrolment,
    change_password,
    close_session,
    finish_enrolment,
    forget_factor,
    grant_role,
    open_session,
    party_of,
    passwords,
    revoke_role,
    security_events,
    session_of,
    set_user_state,
    sign_in,
    tidy,
    users,
)
from jutong.terms import BadInput, Conflict, Denied, Refused, Unauthenticated

NOW = dt.datetime(2026, 6, 15, 2, 0, tzinfo=dt.UTC)
GOOD = "Shaoyang#2026"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SoftwareKeys:
    return SoftwareKeys.open(Path(tmp_path_factory.mktemp("keys")))


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same argon2id with little memory: these tests hash a hundred times."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with database.connect() as connection:
        add_departments(connection, [
            Department("D01", "邵阳市行政审批服务局", "行政审批局", "department", steward=True),
            Department("D02", "邵阳市水利局", "水利局", "department", parent_code="D01"),
        ])  # fmt: skip
        for login, roles in (("zhao", ["provider_officer"]), ("sec", ["security_admin"])):
            user_id = add_user(connection, login, login, "D02", roles, password=GOOD, must_change=False)
            connection.execute("UPDATE app_user SET password_at = %s WHERE id = %s", (NOW, user_id))
        yield connection
        connection.rollback()


def attempt(conn: Connection, keys: SoftwareKeys, password: str = GOOD, login: str = "zhao", code: str = "",
            now: dt.datetime = NOW) -> SignedIn | Refused:  # fmt: skip
    return sign_in(conn, login, password, code, keys=keys, now=now, address="10.0.0.9")


def code_of(answer: object) -> str:
    assert isinstance(answer, Refused)
    return answer.code


def test_the_right_password_opens_and_the_wrong_one_says_how_many_tries_are_left(
    conn: Connection, keys: SoftwareKeys
) -> None:
    wrong = attempt(conn, keys, "nope")
    assert isinstance(wrong, Refused)
    assert "还可再试 4 次" in wrong.reason
    opened = attempt(conn, keys)
    assert isinstance(opened, SignedIn)
    assert opened.stage == "open"
    assert opened.party.roles == {"provider_officer"}


def test_five_failures_lock_for_thirty_minutes_and_the_right_password_does_not_help(
    conn: Connection, keys: SoftwareKeys
) -> None:
    for _ in range(4):
        assert code_of(attempt(conn, keys, "nope")) == "people.sign_in_failed"
    assert code_of(attempt(conn, keys, "nope")) == "people.locked"
    assert code_of(attempt(conn, keys, now=NOW + dt.timedelta(minutes=29))) == "people.locked"
    assert isinstance(attempt(conn, keys, now=NOW + dt.timedelta(minutes=31)), SignedIn)


def test_a_name_that_does_not_exist_is_refused_and_locked_in_the_same_words(
    conn: Connection, keys: SoftwareKeys
) -> None:
    real = [attempt(conn, keys, "nope") for _ in range(6)]
    invented = [attempt(conn, keys, "nope", login="nobody") for _ in range(6)]
    assert real == invented


def test_success_forgets_failures(conn: Connection, keys: SoftwareKeys) -> None:
    for _ in range(3):
        for _ in range(4):
            attempt(conn, keys, "nope")
        assert isinstance(attempt(conn, keys), SignedIn)


def test_a_password_ends_after_ninety_days(conn: Connection, keys: SoftwareKeys) -> None:
    late = attempt(conn, keys, now=NOW + dt.timedelta(days=91))
    assert isinstance(late, SignedIn)
    assert late.stage == "password"
    change_password(conn, late.party, GOOD, "Other#2026x", now=NOW + dt.timedelta(days=91))
    again = attempt(conn, keys, "Other#2026x", now=NOW + dt.timedelta(days=91))
    assert isinstance(again, SignedIn)
    assert again.stage == "open"


@pytest.mark.parametrize("password", ["Ab#1", "alllowercase", "lower1234", "Zhao#2026x"])
def test_a_weak_password_is_refused_with_everything_that_is_wrong(conn: Connection, password: str) -> None:
    with pytest.raises(BadInput, match=r"people\.weak_password"):
        change_password(conn, party_of(conn, "zhao"), GOOD, password, now=NOW)


def test_an_administrator_enrols_first_and_then_needs_a_code_that_is_good_once(
    conn: Connection, keys: SoftwareKeys
) -> None:
    first = attempt(conn, keys, login="sec")
    assert isinstance(first, SignedIn)
    assert first.stage == "enrol"
    enrolment = begin_enrolment(conn, first.party, keys)
    totp = pyotp.TOTP(enrolment.secret)
    assert enrolment.address.startswith("otpauth://totp/")
    assert code_of(finish_enrolment(conn, first.party, "000000", keys, now=NOW)) == "people.wrong_code"
    finish_enrolment(conn, first.party, totp.at(NOW), keys, now=NOW)
    sealed = conn.execute("SELECT factor_secret FROM app_user WHERE login = 'sec'").fetchone()
    assert sealed is not None
    assert enrolment.secret not in sealed["factor_secret"]

    assert code_of(attempt(conn, keys, login="sec")) == "people.code_needed"
    assert code_of(attempt(conn, keys, login="sec", code=totp.at(NOW))) == "people.wrong_code"
    later = NOW + dt.timedelta(minutes=5)
    assert isinstance(attempt(conn, keys, login="sec", code=totp.at(later), now=later), SignedIn)
    assert code_of(attempt(conn, keys, login="sec", code=totp.at(later), now=later)) == "people.wrong_code"


def test_asking_again_does_not_replace_an_enrolled_factor(conn: Connection, keys: SoftwareKeys) -> None:
    party = party_of(conn, "sec")
    first = begin_enrolment(conn, party, keys)
    finish_enrolment(conn, party, pyotp.TOTP(first.secret).at(NOW), keys, now=NOW)
    with pytest.raises(Conflict, match=r"people\.enrolled"):
        begin_enrolment(conn, party, keys)
    forget_factor(conn, party.user_id, SYSTEM)
    assert begin_enrolment(conn, party, keys).secret != first.secret


def test_a_session_is_a_hash_rotates_at_sign_in_and_ends_when_idle(
    conn: Connection, keys: SoftwareKeys
) -> None:
    signed = attempt(conn, keys)
    assert isinstance(signed, SignedIn)
    first = open_session(conn, signed, now=NOW)
    second = open_session(conn, signed, replaces=first, now=NOW)
    kept = conn.execute("SELECT token_hash FROM session").fetchall()
    assert all(first.encode() not in row["token_hash"] for row in kept)
    with pytest.raises(Unauthenticated):
        session_of(conn, first, idle=900, now=NOW)
    for minute in range(14, 60, 14):
        assert (
            session_of(conn, second, idle=900, now=NOW + dt.timedelta(minutes=minute)).party == signed.party
        )
    with pytest.raises(Unauthenticated):
        session_of(conn, second, idle=900, now=NOW + dt.timedelta(minutes=56 + 16))


def test_a_role_taken_away_is_gone_at_the_next_request_and_disabling_ends_the_session(
    conn: Connection, keys: SoftwareKeys
) -> None:
    signed = attempt(conn, keys)
    assert isinstance(signed, SignedIn)
    token = open_session(conn, signed, now=NOW)
    revoke_role(conn, signed.party.user_id, "provider_officer", SYSTEM)
    assert session_of(conn, token, idle=900, now=NOW).party.roles == frozenset()
    set_user_state(conn, signed.party.user_id, "disabled", SYSTEM)
    with pytest.raises(Unauthenticated):
        session_of(conn, token, idle=900, now=NOW)
    assert code_of(attempt(conn, keys)) == "people.disabled"


def test_no_account_holds_two_of_the_three_keys_in_code_or_in_sql(conn: Connection) -> None:
    sec = party_of(conn, "sec")
    with pytest.raises(Conflict, match=r"people\.two_keys"):
        grant_role(conn, sec.user_id, "auditor", SYSTEM)
    with pytest.raises(Conflict, match=r"people\.two_keys"):
        add_user(conn, "both", "both", "D02", ["auditor", "system_admin"], password=GOOD)
    with pytest.raises(psycopg.errors.UniqueViolation), conn.transaction():
        conn.execute("INSERT INTO user_role (user_id, role) VALUES (%s, 'auditor')", (sec.user_id,))


def test_accounts_are_made_by_the_system_admin_and_roles_given_by_the_security_admin(
    conn: Connection,
) -> None:
    sec, zhao = party_of(conn, "sec"), party_of(conn, "zhao")
    grant_role(conn, zhao.user_id, "provider_head", sec)
    with pytest.raises(Denied):
        grant_role(conn, zhao.user_id, "steward", zhao)
    with pytest.raises(Denied):
        add_user(conn, "new", "新人", "D02", [], password=GOOD, by=sec)
    assert [user.login for user in users(conn, zhao)] == ["zhao"]
    assert {user.login for user in users(conn, sec)} >= {"zhao", "sec"}


def test_adding_the_same_account_twice_keeps_the_first(conn: Connection) -> None:
    first = party_of(conn, "zhao").user_id
    assert add_user(conn, "Zhao", "别人", "D01", ["steward"], password="Another#1") == first
    assert party_of(conn, "zhao").department_code == "D02"


def test_the_security_log_keeps_everything_and_cannot_be_changed(
    conn: Connection, keys: SoftwareKeys
) -> None:
    attempt(conn, keys, "nope")
    signed = attempt(conn, keys)
    assert isinstance(signed, SignedIn)
    token = open_session(conn, signed, now=NOW)
    close_session(conn, token, now=NOW)
    mine = [event.event for event in security_events(conn, signed.party)]
    assert mine == ["people:session:close", "people:session:open"]
    auditor = party_of(conn, "zhao").__class__(0, "a", "a", "D01", frozenset({"auditor"}))
    assert "people:session:refuse" in [event.event for event in security_events(conn, auditor)]
    for statement in ("UPDATE security_event SET login = ''", "DELETE FROM security_event"):
        with pytest.raises(psycopg.errors.RaiseException), conn.transaction():
            conn.execute(statement)


def test_tidying_forgets_names_nobody_tries_any_more(conn: Connection, keys: SoftwareKeys) -> None:
    attempt(conn, keys, "nope", login="made-up")
    tidy(conn, NOW + dt.timedelta(days=2))
    assert conn.execute("SELECT FROM sign_in_guard WHERE login = 'made-up'").rowcount == 0
