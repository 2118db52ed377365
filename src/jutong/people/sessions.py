"""Sessions: a random token at the visitor, its SHA-256 here.

Signing in always makes a new token, so one planted before is worth nothing; a session ends by signing out,
after ``idle`` seconds without a request, after twelve hours, or when the account is disabled or gets a new
password.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from jutong.database import Connection, named_sql
from jutong.people.party import Party
from jutong.people.security_log import Event, log
from jutong.people.signing_in import SignedIn, Stage
from jutong.terms import Unauthenticated

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class Session:
    party: Party
    stage: Stage
    opened_at: dt.datetime


def open_session(
    conn: Connection,
    signed_in: SignedIn,
    *,
    replaces: str = "",
    address: str = "",
    agent: str = "",
    now: dt.datetime | None = None,
) -> str:
    """A new token for who has just proved who he is; the token that came along (``replaces``) is over."""
    now = now or dt.datetime.now(dt.UTC)
    if replaces:
        conn.execute(_SQL.close_session, {"token_hash": _hash(replaces), "now": now})
    token = secrets.token_urlsafe(32)
    conn.execute(
        _SQL.open_session,
        {
            "token_hash": _hash(token),
            "user_id": signed_in.party.user_id,
            "stage": signed_in.stage,
            "address": address,
            "agent": agent[:200],
            "now": now,
        },
    )
    return token


def session_of(conn: Connection, token: str, *, idle: int, now: dt.datetime | None = None) -> Session:
    """The live session of a token, kept alive by this look; ``idle`` is ``settings.session_idle``, in seconds.

    Roles and department are read anew, so a role taken away is gone at the next request.
    Raises Unauthenticated ``people.session_ended``.
    """
    now = now or dt.datetime.now(dt.UTC)
    keys = {"token_hash": _hash(token), "now": now, "idle": idle}
    row = conn.execute(_SQL.find_session, keys).fetchone()
    if row is None:
        raise Unauthenticated("people.session_ended", "登录已过期，请重新登录")
    conn.execute(_SQL.touch_session, keys)
    return Session(Party.from_row(row), row["stage"], row["opened_at"])


def close_session(conn: Connection, token: str, *, address: str = "", now: dt.datetime | None = None) -> None:
    """Sign out; closing twice is closing once."""
    now = now or dt.datetime.now(dt.UTC)
    row = conn.execute(_SQL.close_session, {"token_hash": _hash(token), "now": now}).fetchone()
    if row:
        party = find_party(conn, row["user_id"])
        log(conn, Event.SESSION_CLOSE, party=party, at=now, address=address)


def tidy(conn: Connection, now: dt.datetime) -> None:
    """Nightly: forget sessions that ended six months ago and names nobody has tried for a day."""
    conn.execute(_SQL.tidy_sessions, {"now": now})
    conn.execute(_SQL.tidy_guards, {"now": now})


def find_party(conn: Connection, user_id: int) -> Party | None:
    """The active account of this id with its roles as they are now."""
    row = conn.execute(_SQL.party_by_id, {"user_id": user_id}).fetchone()
    return Party.from_row(row) if row else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
