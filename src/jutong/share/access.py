"""What an application proves itself with at the gate beside its token, and how much it may ask.

A signing key is either the public half of an Ed25519 key the application keeps, or a secret both sides hold
(HMAC-SHA256), sealed here.  Changes are in force at every gate within a second.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any, Self

from psycopg import errors

from jutong.database import Connection, named_sql
from jutong.keys import KeyProvider
from jutong.share.applications import find_application
from jutong.terms import BadInput, Conflict, NotFound

_SQL = named_sql(__file__)
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class ApplicationKey:
    """A signing key as pages show it; never the secret."""

    key_id: str
    application_id: str
    algorithm: str
    valid_until: datetime | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Access:
    """How an application may call; None is no limit."""

    services: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    #: Calls a second, under way at the same time, a day.
    rate: int | None = None
    concurrency: int | None = None
    daily_quota: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        for name in ("services", "networks"):
            values[name] = None if values[name] is None else tuple(values[name])
        return cls(**values)


def add_public_key(
    connection: Connection,
    application_id: str,
    key_id: str,
    public_key: bytes,
    *,
    valid_until: datetime | None = None,
) -> ApplicationKey:
    """Register an Ed25519 public key, 32 bytes.  Raises BadInput ``share.signing_key``, Conflict ``share.key_exists``."""
    if len(public_key) != 32:
        raise BadInput("share.signing_key", "Ed25519 公钥应为 32 字节")
    return _add(connection, application_id, key_id, "ed25519", public_key, None, valid_until)


def new_shared_secret(
    connection: Connection,
    keys: KeyProvider,
    application_id: str,
    key_id: str,
    *,
    valid_until: datetime | None = None,
) -> bytes:
    """Make an HMAC-SHA256 secret of 32 bytes; what is returned is the only copy outside the seal."""
    secret = secrets.token_bytes(32)
    sealed = keys.seal(secret, context=f"application_key:{key_id}")
    _add(connection, application_id, key_id, "hmac-sha256", None, sealed, valid_until)
    return secret


def drop_key(connection: Connection, key_id: str) -> None:
    """It signs nothing from now on.  Raises NotFound ``share.key_unknown``."""
    if connection.execute(_SQL.drop_key, {"key_id": key_id}).rowcount != 1:
        raise NotFound("share.key_unknown", f"没有编号为 {key_id} 的签名密钥")


def application_keys(connection: Connection, application_id: str) -> list[ApplicationKey]:
    rows = connection.execute(_SQL.keys_of_application, {"id": application_id}).fetchall()
    return [ApplicationKey.from_row(row) for row in rows]


def access_of(connection: Connection, application_id: str) -> Access:
    """Raises NotFound ``share.application_unknown``."""
    find_application(connection, application_id)
    row = connection.execute(_SQL.access_of, {"id": application_id}).fetchone()
    return Access.from_row(row) if row else Access()


def set_access(connection: Connection, application_id: str, access: Access) -> Access:
    """Put these limits in force.  Raises BadInput ``share.access``, NotFound ``share.application_unknown``."""
    find_application(connection, application_id)
    given = {
        "id": application_id,
        "services": _listed(access.services),
        "networks": _listed(access.networks),
        "rate": access.rate,
        "concurrency": access.concurrency,
        "daily_quota": access.daily_quota,
    }
    try:
        for one in access.networks or ():
            ip_network(one)
        with connection.transaction():
            connection.execute(_SQL.set_access, given)
    except ValueError as problem:
        raise BadInput("share.access", f"网段写法不对：{problem}") from problem
    except errors.CheckViolation as problem:
        raise BadInput("share.access", "速率、并发与日配额须为正数，或不填") from problem
    return access


def _listed(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else list(given)


def _add(
    connection: Connection,
    application_id: str,
    key_id: str,
    algorithm: str,
    public_key: bytes | None,
    secret: str | None,
    valid_until: datetime | None,
) -> ApplicationKey:
    if not _KEY_ID.fullmatch(key_id):
        raise BadInput("share.signing_key", f"密钥编号 {key_id!r} 只含字母、数字、点、下划线和横线")
    find_application(connection, application_id)
    row = connection.execute(
        _SQL.add_key,
        {
            "key_id": key_id,
            "application": application_id,
            "algorithm": algorithm,
            "public_key": public_key,
            "secret": secret,
            "valid_until": valid_until,
        },
    ).fetchone()
    if row is None:
        raise Conflict("share.key_exists", f"签名密钥编号 {key_id} 已被使用")
    return ApplicationKey.from_row(row)
