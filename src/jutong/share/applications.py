"""应用登记: which systems may present themselves, and the token each does it with.

A token is shown once, when it is made, and kept nowhere: the database holds its SHA-256.  Its form is
``jtk_<43 characters>_<8 hex>``: a prefix that secret scanners can look for, 256 random bits, and a CRC-32 of
what stands before it, so that a mistyped token is told from a wrong one without asking anybody.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from psycopg import errors

from jutong.database import Connection, named_sql
from jutong.terms import BadInput, Conflict, NotFound

_SQL = named_sql(__file__)
_PREFIX = "jtk_"
_HINT = 10


@dataclass(frozen=True)
class Application:
    id: str
    name: str
    department_code: str
    purpose: str
    state: str
    token_hint: str | None
    token_at: datetime | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def new_token() -> str:
    """256 random bits in the form above."""
    body = _PREFIX + secrets.token_urlsafe(32)
    return f"{body}_{zlib.crc32(body.encode()):08x}"


def token_hash(token: str) -> str:
    """SHA-256 of the whole token, hexadecimal: what ``application.token_hash`` holds.

    A plain hash is enough where the secret has 256 bits; nothing can be guessed.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def looks_like_token(text: str) -> bool:
    """Whether the form and the check digits hold; says nothing about whether anybody has it."""
    body, _, check = text.rpartition("_")
    return body.startswith(_PREFIX) and f"{zlib.crc32(body.encode()):08x}" == check


def add_application(
    connection: Connection,
    name: str,
    department_code: str,
    *,
    purpose: str = "",
    id: str | None = None,  # noqa: A002  the word everybody uses for it
    exist_ok: bool = False,
) -> Application:
    """Register a department's system; it has no token until ``rotate_token`` makes one.

    Without an ``id`` the next of A01, A02 … is given out.  Raises Conflict ``share.application_exists`` (with
    ``exist_ok`` only when it is another department's), NotFound ``share.department_unknown``, BadInput
    ``share.application_id``.
    """
    if id is None:
        found = connection.execute(_SQL.next_application).fetchone()
        id = f"A{found['number']:02d}" if found else "A01"  # noqa: A001
    given = {"id": id, "name": name, "department": department_code, "purpose": purpose}
    try:
        with connection.transaction():
            row = connection.execute(_SQL.add_application, given).fetchone()
    except errors.ForeignKeyViolation as problem:
        raise NotFound("share.department_unknown", f"没有代码为 {department_code} 的部门") from problem
    except errors.CheckViolation as problem:
        raise BadInput(
            "share.application_id", f"应用编号 {id!r} 须以大写字母开头，只含大写字母、数字、- 和 _"
        ) from problem
    if row is not None:
        return Application.from_row(row)
    there = find_application(connection, id)
    if exist_ok and there.department_code == department_code:
        return there
    raise Conflict("share.application_exists", f"应用 {id} 已经登记过")


def rotate_token(
    connection: Connection,
    application_id: str,
    *,
    overlap: timedelta = timedelta(0),
    until: datetime | None = None,
) -> str:
    """Make a new token; the returned text is the only copy.

    The old one stops within a second, or after ``overlap``, so that a system can change over without a pause;
    ``until`` is when the new one expires.

    Raises NotFound ``share.application_unknown``, Conflict ``share.application_retired``.
    """
    token = new_token()
    row = connection.execute(
        _SQL.set_token,
        {
            "id": application_id,
            "hash": token_hash(token),
            "hint": token[:_HINT],
            "overlap": overlap,
            "until": until,
        },
    ).fetchone()
    if row is None:
        if find_application(connection, application_id).state == "retired":
            raise Conflict("share.application_retired", f"应用 {application_id} 已注销，不能再发令牌")
        raise NotFound("share.application_unknown", f"没有编号为 {application_id} 的应用")
    return token


def revoke_token(connection: Connection, application_id: str) -> None:
    """End its tokens, the present one and the one before, within a second; signing keys stay.

    Raises NotFound ``share.application_unknown``.
    """
    if connection.execute(_SQL.revoke_token, {"id": application_id}).rowcount != 1:
        raise NotFound("share.application_unknown", f"没有编号为 {application_id} 的应用")


def set_application_state(connection: Connection, application_id: str, state: str) -> Application:
    """Suspend, set active again, or retire for good (the token goes with it).

    Raises NotFound ``share.application_unknown``, BadInput ``share.application_state``, Conflict
    ``share.application_retired``.
    """
    if state not in ("active", "suspended", "retired"):
        raise BadInput("share.application_state", f"应用没有状态 {state!r}：active、suspended 或 retired")
    row = connection.execute(_SQL.set_application_state, {"id": application_id, "state": state}).fetchone()
    if row is None:
        found = find_application(connection, application_id)
        raise Conflict("share.application_retired", f"应用 {found.id} 已注销，状态不能再变")
    return Application.from_row(row)


def find_application(connection: Connection, application_id: str) -> Application:
    """Raises NotFound ``share.application_unknown``."""
    row = connection.execute(_SQL.find_application, {"id": application_id}).fetchone()
    if row is None:
        raise NotFound("share.application_unknown", f"没有编号为 {application_id} 的应用")
    return Application.from_row(row)


def applications(connection: Connection, department_code: str | None = None) -> list[Application]:
    """Every application, or one department's, in order of id."""
    rows = connection.execute(_SQL.list_applications, {"department": department_code}).fetchall()
    return [Application.from_row(row) for row in rows]


def whose_token(connection: Connection, token: str) -> Application | None:
    """The active application that holds this token, if there is one."""
    row = connection.execute(_SQL.whose_token, {"hash": token_hash(token)}).fetchone()
    return Application.from_row(row) if row else None
