"""The administrators' second factor: TOTP (RFC 6238), 30 seconds, six digits.

A code is good for its own step and one step either way (clocks differ), and once: the step it was taken for is
remembered.  The secret is kept sealed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyotp

from jutong.database import Connection, named_sql
from jutong.keys import KeyProvider
from jutong.people.party import Party
from jutong.people.security_log import Event, log
from jutong.terms import Allowed, Conflict, Decision, Refused

_SQL = named_sql(__file__)
_STEP = 30
_ISSUER = "聚通"


@dataclass(frozen=True)
class Enrolment:
    """Shown once: the secret to type and the ``otpauth://`` address to scan."""

    secret: str
    address: str


def begin_enrolment(conn: Connection, party: Party, keys: KeyProvider) -> Enrolment:
    """A fresh secret for the party's authenticator; it counts only once ``finish_enrolment`` took a code.

    Raises Conflict ``people.enrolled``: an enrolled factor is not replaced by asking, the security
    administrator must take it away first.
    """
    secret = pyotp.random_base32()
    sealed = keys.seal(secret.encode("ascii"))
    if not conn.execute(_SQL.begin_enrolment, {"user_id": party.user_id, "secret": sealed}).rowcount:
        raise Conflict("people.enrolled", "动态口令已绑定；换手机请找安全管理员先解绑")
    address = pyotp.TOTP(secret).provisioning_uri(name=party.login, issuer_name=_ISSUER)
    return Enrolment(secret, address)


def finish_enrolment(
    conn: Connection, party: Party, code: str, keys: KeyProvider, *, now: dt.datetime, address: str = ""
) -> Decision:
    """Take the first code of the new secret; from now on every sign-in needs one."""
    row = conn.execute(_SQL.factor_of, {"user_id": party.user_id}).fetchone()
    if row is None or row["factor_secret"] is None or row["factor_at"] is not None:
        return Refused("people.no_enrolment", "没有正在进行的动态口令绑定，请重新开始")
    step = step_of_code(keys.unseal(row["factor_secret"]).decode("ascii"), code, now, None)
    if step is None:
        return Refused("people.wrong_code", "动态口令不对，请用手机上现在显示的六位数")
    conn.execute(_SQL.finish_enrolment, {"user_id": party.user_id, "step": step, "now": now})
    log(conn, Event.FACTOR_ENROL, party=party, at=now, address=address)
    return Allowed("动态口令")


def step_of_code(secret: str, code: str, now: dt.datetime, last_step: int | None) -> int | None:
    """The 30-second step this code belongs to, if it is right, near and not used before."""
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // _STEP
    for step in (current, current - 1, current + 1):
        fresh = last_step is None or step > last_step
        if fresh and pyotp.utils.strings_equal(totp.generate_otp(step), code.strip()):
            return step
    return None
