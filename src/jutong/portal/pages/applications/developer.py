"""开发者页: what an application proves itself with, where it may call from, what it may call, and the documents for it."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.people import log
from jutong.portal.pages.applications.route import STATES, visible_application
from jutong.portal.pages.services.console import gate_of
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import (
    SERVICE_KINDS,
    Access,
    access_of,
    add_public_key,
    application_keys,
    describe_granted,
    drop_key,
    last_instant,
    new_shared_secret,
    openapi,
    revoke_token,
    set_access,
)
from jutong.terms import BadInput, NotFound

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class KeyRow:
    key_id: str
    algorithm: str
    created_at: dt.datetime
    until: dt.datetime | None
    expired: bool


@dataclass(frozen=True)
class MayCall:
    name: str
    label: str
    kind: str
    items: int
    masked: int
    in_scope: bool


@dataclass(frozen=True)
class Developer:
    """One application as its developer needs it."""

    id: str
    name: str
    department: str
    state: tuple[str, str]
    token_hint: str
    token_at: dt.datetime | None
    token_until: dt.datetime | None
    #: Until when the token before the present one is still good.
    before_until: dt.datetime | None
    keys: tuple[KeyRow, ...]
    next_key: str
    services: tuple[MayCall, ...]
    #: The scope as it stands; () is any service it has a grant for.
    scope: tuple[str, ...]
    networks: tuple[str, ...]
    rate: int | None
    concurrency: int | None
    daily_quota: int | None
    gate: str
    may_change: bool


@dataclass(frozen=True)
class RevokeForm:
    """A button alone."""


@dataclass(frozen=True)
class KeyForm:
    key_id: Annotated[str, Field(title="密钥编号", max_length=64)]
    algorithm: Literal["ed25519", "hmac-sha256"] = "ed25519"
    public_key: Annotated[str, Field(title="公钥", max_length=200)] = ""
    until: Annotated[dt.date | None, Field(title="有效期至")] = None


@dataclass(frozen=True)
class DropForm:
    key_id: Annotated[str, Field(title="密钥编号", max_length=64)]


@dataclass(frozen=True)
class ScopeForm:
    services: Annotated[tuple[str, ...], Field(title="只能调用这些接口")] = ()
    networks: Annotated[str, Field(title="只能从这些网段调用", max_length=2_000)] = ""


@dataclass(frozen=True)
class NewSecret:
    """The only copy of a shared secret."""

    id: str
    name: str
    key_id: str
    secret: str


def build(visit: Visit, _: NoQuestion) -> Developer:
    """An application's developer page."""
    found = visible_application(visit)
    row = visit.connection.execute(_SQL.developer, {"id": found.id}).fetchone()
    assert row is not None
    access = access_of(visit.connection, found.id)
    keys = application_keys(visit.connection, found.id)
    return Developer(
        id=found.id, name=found.name, department=row["department"], state=STATES[found.state],
        token_hint=found.token_hint or "", token_at=found.token_at, token_until=row["token_until"],
        before_until=row["before_until"],
        keys=tuple(
            KeyRow(
                one.key_id, one.algorithm, one.created_at, one.valid_until,
                one.valid_until is not None and one.valid_until <= visit.now,
            )
            for one in keys
        ),
        next_key=f"{found.id}-k{len(keys) + 1}",
        services=tuple(
            MayCall(
                one.name, one.label, SERVICE_KINDS[one.kind], len(one.items),
                sum(out.mask is not None for out in one.items),
                access.services is None or one.name in access.services,
            )
            for one in describe_granted(visit.connection, found.id, visit.now)
        ),
        scope=access.services or (), networks=access.networks or (), rate=access.rate,
        concurrency=access.concurrency, daily_quota=access.daily_quota, gate=gate_of(visit.rooms.settings),
        may_change=visit.can("application:token", found) and found.state != "retired",
    )  # fmt: skip


def document(visit: Visit, _: NoQuestion) -> Download:
    """What an application may call, as OpenAPI 3.1."""
    found = visible_application(visit)
    described = describe_granted(visit.connection, found.id, visit.now)
    made = openapi(described, title=f"聚通接口：{found.name}", server=gate_of(visit.rooms.settings))
    content = json.dumps(made, ensure_ascii=False, indent=1).encode()
    return Download(f"{found.id}.openapi.json", "application/json", content)


def revoke(visit: Visit, _: RevokeForm) -> Done:
    """End an application's tokens, the present one and the one before; there is none until a new one is made."""
    found = visible_application(visit)
    visit.must("application:token", found)
    revoke_token(visit.connection, found.id)
    _note(visit, "portal:token:revoke", {"application": found.id})
    return Done(_page(found.id), visit.tell("令牌已吊销，一秒之内失效"))


def add_key(visit: Visit, form: KeyForm) -> Done:
    """Register a public key, or make a secret that is shown once."""
    found = visible_application(visit)
    visit.must("application:token", found)
    until = last_instant(form.until) if form.until else None
    _note(visit, "portal:signing_key:add", {"application": found.id, "key": form.key_id})
    if form.algorithm == "ed25519":
        try:
            public = base64.b64decode(form.public_key, validate=True)
        except binascii.Error as problem:
            raise BadInput("portal.public_key", "公钥应为 32 字节的 base64（44 个字符）") from problem
        add_public_key(visit.connection, found.id, form.key_id, public, valid_until=until)
        return Done(_page(found.id), visit.tell("签名密钥 {key} 已登记", key=form.key_id))
    secret = new_shared_secret(visit.connection, visit.rooms.keys, found.id, form.key_id, valid_until=until)
    value = NewSecret(found.id, found.name, form.key_id, base64.b64encode(secret).decode())
    return Done(_page(found.id), value=value, shows="pages/applications/secret.html")


def remove_key(visit: Visit, form: DropForm) -> Done:
    """A signing key of this application signs nothing any more."""
    found = visible_application(visit)
    visit.must("application:token", found)
    if form.key_id not in {one.key_id for one in application_keys(visit.connection, found.id)}:
        raise NotFound("share.key_unknown", f"应用 {found.id} 没有编号为 {form.key_id} 的签名密钥")
    drop_key(visit.connection, form.key_id)
    _note(visit, "portal:signing_key:drop", {"application": found.id, "key": form.key_id})
    return Done(_page(found.id), visit.tell("签名密钥 {key} 已停用", key=form.key_id))


def narrow(visit: Visit, form: ScopeForm) -> Done:
    """Which services it may call, and from where; its rate and quota stay as they are."""
    found = visible_application(visit)
    visit.must("application:token", found)
    before = access_of(visit.connection, found.id)
    networks = tuple(form.networks.replace(",", " ").split())
    set_access(
        visit.connection, found.id,
        Access(form.services or None, networks or None, before.rate, before.concurrency, before.daily_quota),
    )  # fmt: skip
    _note(visit, "portal:application:scope", {"application": found.id, "services": list(form.services)})
    return Done(_page(found.id), visit.tell("范围已更新，一秒之内生效"))


def _note(visit: Visit, event: str, detail: dict[str, object]) -> None:
    log(visit.connection, event, party=visit.who, at=visit.now, address=visit.address, detail=detail)


def _page(application_id: str) -> str:
    return f"/applications/{application_id}/developer"


_PATH = "/applications/{application_id}/developer"
_UNDER = "/applications/{application_id}"
PAGES = (
    Page("applications.developer", _PATH, build, may="application:read", stop="develop", tab="applications"),
    Page("applications.openapi", _UNDER + "/openapi", document, may="application:read"),
)
ACTS = (
    Act("applications.revoke", _UNDER + "/token/revoke", revoke, RevokeForm, may="application:token", shown_on=_PATH),
    Act("applications.key", _UNDER + "/keys", add_key, KeyForm, may="application:token", shown_on=_PATH),
    Act("applications.drop", _UNDER + "/keys/drop", remove_key, DropForm, may="application:token", shown_on=_PATH),
    Act("applications.scope", _UNDER + "/scope", narrow, ScopeForm, may="application:token", shown_on=_PATH),
)  # fmt: skip
