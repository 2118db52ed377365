"""The tokens by which a department's programs push into one source; shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets

from jutong.database import Connection, named_sql
from jutong.gather.declaring import find_source

_sql = named_sql(__file__, "ways.sql")

PREFIX = "jts_"


def new_token(connection: Connection, source: str, *, by: int | None = None) -> str:
    """A token for a source; the ones before it end. Raises NotFound ``gather.no_source``."""
    find_source(connection, source)
    token = PREFIX + secrets.token_urlsafe(32)
    connection.execute(_sql.end_tokens, {"source": source})
    connection.execute(_sql.add_token, {"hash": _hash(token), "source": source, "by": by})
    return token


def source_of_token(connection: Connection, token: str) -> str | None:
    row = connection.execute(_sql.source_of_token, {"hash": _hash(token)}).fetchone()
    return None if row is None else str(row["source_name"])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
