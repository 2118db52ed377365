"""Signing in: one name and one password, and for the three administrators a code (UC-PEOPLE-01).

A refusal is a value, not an exception: the caller commits, so the count of failures and the log row stay.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from jutong.database import Connection, named_sql
from jutong.keys import KeyProvider
from jutong.people.party import Party
from jutong.people.passwords import hash_password, must_be_good, too_old, verifies
from jutong.people.second_factor import step_of_code
from jutong.people.security_log import Event, log
from jutong.terms import Allowed, BadInput, Decision, Refused

_SQL = named_sql(__file__)

MAX_FAILURES = 5
LOCK = dt.timedelta(minutes=30)

#: What a session may be used for: everything, or only to set a new password or the second factor.
Stage = Literal["open", "password", "enrol"]


@dataclass(frozen=True)
class SignedIn:
    party: Party
    stage: Stage


def sign_in(
    conn: Connection,
    login: str,
    password: str,
    code: str = "",
    *,
    keys: KeyProvider,
    second_factor: bool = True,
    now: dt.datetime | None = None,
    address: str = "",
) -> SignedIn | Refused:
    """Who this is, or why not.  ``second_factor`` is ``settings.second_factor``.

    Refused codes: ``people.sign_in_failed``, ``people.locked``, ``people.disabled``, ``people.code_needed``
    (the password was right, a code is wanted), ``people.wrong_code``.
    """
    now = now or dt.datetime.now(dt.UTC)
    login = login.strip().lower()
    guard = _guard(conn, login)  # 1  one attempt at a time per name
    if guard["locked_until"] and guard["locked_until"] > now:  # 2
        return _refuse(conn, login, now, address, "people.locked", _locked(guard["locked_until"], now))
    account = conn.execute(_SQL.account, {"login": login}).fetchone()
    if not verifies(password, account["password_hash"] if account else None):  # 3  same time, known or not
        return _failed(conn, login, guard, now, address, "people.sign_in_failed", "账号或口令不对")
    assert account is not None
    party = Party.from_row(account)
    if account["state"] != "active":  # 4  said only to the owner
        return _refuse(conn, login, now, address, "people.disabled", "账号已停用，请找本单位的安全管理员")
    if second_factor and party.administrator and account["factor_at"]:  # 5
        if not code.strip():
            return Refused("people.code_needed", "请再输入动态口令")
        step = step_of_code(
            keys.unseal(account["factor_secret"]).decode("ascii"), code, now, account["factor_step"]
        )
        if step is None:
            return _failed(conn, login, guard, now, address, "people.wrong_code", "动态口令不对")
        conn.execute(_SQL.take_step, {"user_id": party.user_id, "step": step})
    conn.execute(_SQL.signed_in, {"user_id": party.user_id, "login": login, "now": now})  # 6
    stage = _stage(account, party, second_factor, now)
    log(conn, Event.SESSION_OPEN, party=party, at=now, address=address, detail={"stage": stage})
    return SignedIn(party, stage)


def change_password(
    conn: Connection, party: Party, old: str, new: str, *, now: dt.datetime | None = None, address: str = ""
) -> Decision:
    """Set a new password; every other session of the account ends with it.

    Raises BadInput ``people.weak_password``; a wrong old password is Refused and counts as a failed sign-in.
    """
    now = now or dt.datetime.now(dt.UTC)
    guard = _guard(conn, party.login)
    if guard["locked_until"] and guard["locked_until"] > now:
        return Refused("people.locked", _locked(guard["locked_until"], now))
    account = conn.execute(_SQL.account, {"login": party.login}).fetchone()
    if account is None or not verifies(old, account["password_hash"]):
        return _failed(conn, party.login, guard, now, address, "people.wrong_password", "原口令不对")
    must_be_good(new, party.login)
    if verifies(new, account["password_hash"]):
        raise BadInput("people.weak_password", "口令不合要求：不能与原口令相同")
    keep_password(conn, party.user_id, hash_password(new), must_change=False, now=now)
    log(conn, Event.PASSWORD_CHANGE, party=party, at=now, address=address)
    return Allowed("本人")


def keep_password(conn: Connection, user_id: int, kept: str, *, must_change: bool, now: dt.datetime) -> None:
    """Write the hash and end the account's sessions: whoever knew the old password is out."""
    conn.execute(
        _SQL.keep_password, {"user_id": user_id, "hash": kept, "must_change": must_change, "now": now}
    )
    conn.execute(_SQL.close_sessions_of, {"user_id": user_id, "now": now})


def _guard(conn: Connection, login: str) -> dict[str, Any]:
    """The name's row, locked until this transaction ends: parallel guesses wait for one another."""
    row = conn.execute(_SQL.guard, {"login": login[:200]}).fetchone()
    assert row is not None
    return row


def _failed(
    conn: Connection, login: str, guard: dict[str, Any], now: dt.datetime, address: str, code: str, said: str
) -> Refused:
    """Count it; the fifth in a row locks the name for half an hour."""
    forgotten = guard["failed_at"] is None or now - guard["failed_at"] > LOCK
    failures = 1 if forgotten else guard["failures"] + 1
    locked_until = now + LOCK if failures >= MAX_FAILURES else None
    conn.execute(
        _SQL.count_failure,
        {
            "login": login[:200],
            "failures": 0 if locked_until else failures,
            "now": now,
            "locked_until": locked_until,
        },
    )
    if locked_until:
        log(conn, Event.ACCOUNT_LOCK, login=login, at=now, address=address)
        return _refuse(conn, login, now, address, "people.locked", _locked(locked_until, now))
    return _refuse(conn, login, now, address, code, f"{said}，还可再试 {MAX_FAILURES - failures} 次")


def _refuse(conn: Connection, login: str, now: dt.datetime, address: str, code: str, reason: str) -> Refused:
    log(conn, Event.SESSION_REFUSE, login=login, at=now, address=address, detail={"code": code})
    return Refused(code, reason)


def _locked(until: dt.datetime, now: dt.datetime) -> str:
    minutes = max(1, -int((now - until).total_seconds() // 60))
    return f"连续输错 {MAX_FAILURES} 次，账号已锁定，请 {minutes} 分钟后再试"


def _stage(account: dict[str, Any], party: Party, second_factor: bool, now: dt.datetime) -> Stage:
    if account["must_change"] or too_old(account["password_at"], now):
        return "password"
    if second_factor and party.administrator and not account["factor_at"]:
        return "enrol"
    return "open"
