"""推送令牌: by which a department's programs push into one source; shown once, kept as a hash (UC-GATHER-06)."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from dataclasses import dataclass

from jutong.database import Connection, named_sql
from jutong.gather.declaring import find_source
from jutong.terms import Conflict, NotFound

_sql = named_sql(__file__, "tokens.sql")

PREFIX = "jts_"
#: Hours a rotated token still opens the source, so that its program can be given the new one.
OVERLAP = 24
#: More programs than this do not push into one source.
MOST = 20


@dataclass(frozen=True)
class PushToken:
    """``number`` names it without opening anything; ``tail`` are its last four characters."""

    number: str
    label: str
    tail: str
    made_at: dt.datetime
    made_by: str
    used_at: dt.datetime | None
    #: It opens nothing after this; None: until it is revoked.
    ends_at: dt.datetime | None


def new_token(connection: Connection, source: str, *, label: str = "", by: int | None = None) -> str:
    """One more token of a source. Raises NotFound ``gather.no_source``, Conflict ``gather.too_many_tokens``."""
    find_source(connection, source)
    if len(list_tokens(connection, source)) >= MOST:
        raise Conflict("gather.too_many_tokens", f"一个数据源最多同时有 {MOST} 个令牌，请先吊销不用的")
    token = PREFIX + secrets.token_urlsafe(32)
    values = {"hash": _hash(token), "source": source, "by": by, "label": label.strip(), "tail": token[-4:]}
    connection.execute(_sql.add_token, values)
    return token


def rotate_token(
    connection: Connection, source: str, number: str, *, by: int | None = None, overlap: float = OVERLAP
) -> str:
    """A new token for the same program; the old one opens the source for ``overlap`` hours more.

    Raises NotFound ``gather.no_token``.
    """
    values = {"source": source, "number": _number(number), "hours": overlap}
    row = connection.execute(_sql.outlive_token, values).fetchone()
    if row is None:
        raise _gone()
    return new_token(connection, source, label=row["label"], by=by)


def revoke_token(connection: Connection, source: str, number: str) -> None:
    """It opens nothing from now on. Raises NotFound ``gather.no_token``."""
    if connection.execute(_sql.end_token, {"source": source, "number": _number(number)}).rowcount != 1:
        raise _gone()


def list_tokens(connection: Connection, source: str) -> list[PushToken]:
    """Those that open a source now, oldest first."""
    return [PushToken(**row) for row in connection.execute(_sql.list_tokens, {"source": source})]


def source_of_token(connection: Connection, token: str) -> str | None:
    """Which source a token opens; that it did is noted to the minute."""
    row = connection.execute(_sql.use_token, {"hash": _hash(token)}).fetchone()
    return None if row is None else str(row["source_name"])


def _number(given: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", given):
        raise _gone()
    return given


def _gone() -> NotFound:
    return NotFound("gather.no_token", "没有这个令牌，可能已经吊销")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
