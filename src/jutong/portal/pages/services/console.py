"""试调用: a real call of the real gate with the caller's own token; it is recorded and counted like any other."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from jutong.portal.pages.services.examples import question
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.settings import Settings
from jutong.share import SERVICE_KINDS, find_service, looks_like_token
from jutong.terms import BadInput, Unavailable

_SECONDS = 15
#: Characters of an answer that are shown; the answer itself is whole in the ledger's digest.
_SHOWN = 40_000


@dataclass(frozen=True)
class Console:
    """One service, to be tried."""

    name: str
    label: str
    kind: str
    question: str
    gate: str


@dataclass(frozen=True)
class TryForm:
    token: Annotated[str, Field(title="应用令牌", min_length=20, max_length=200)]
    question: Annotated[str, Field(title="参数", max_length=4_000)] = ""


@dataclass(frozen=True)
class Tried:
    """What the gate answered, as it answered."""

    name: str
    label: str
    address: str
    status: int
    code: str
    sentence: str
    milliseconds: int
    receipt: str
    as_of: str
    request_id: str
    body: str
    cut: bool


def build(visit: Visit, _: NoQuestion) -> Console:
    """Try a service."""
    service = find_service(visit.connection, visit.path["name"])
    return Console(
        service.name,
        service.label,
        SERVICE_KINDS[service.kind],
        question(service),
        gate_of(visit.rooms.settings),
    )


def gate_of(settings: Settings) -> str:
    """Where the gate is, as its callers on this host reach it."""
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{settings.gate_host}:{settings.gate_port}"


def attempt(visit: Visit, form: TryForm) -> Done:
    """Call the gate."""
    service = find_service(visit.connection, visit.path["name"])
    if not looks_like_token(form.token):
        raise BadInput("portal.not_a_token", "这不像应用令牌：令牌以 jtk_ 开头，末尾有校验位，请整段粘贴")
    target = f"/v1/{service.name}"
    query = urlencode(_pairs(form.question))
    if query:
        target += f"?{query}"
    began = time.perf_counter()
    status, headers, body = _ask(visit.rooms.settings, target, form.token)
    took = round((time.perf_counter() - began) * 1000)
    told, shown = _read(body)
    tried = Tried(
        name=service.name, label=service.label, address=gate_of(visit.rooms.settings) + target, status=status,
        code=str(told.get("code", "")) if status >= 400 else "",
        sentence=str(told.get("title", "")) if status >= 400 else "",
        milliseconds=took, receipt=headers.get("jutong-receipt", ""), as_of=headers.get("jutong-as-of", ""),
        request_id=headers.get("jutong-request-id", ""), body=shown[:_SHOWN], cut=len(shown) > _SHOWN,
    )  # fmt: skip
    return Done(f"/services/{service.name}/console", value=tried, shows="pages/services/answer.html")


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if name and not sign:
            raise BadInput("portal.bad_parameter", f"「{name[:40]}」应写成 名称=值，一行一个")
        if name:
            pairs.append((name.strip(), value.strip()))
    return pairs


def _ask(settings: Settings, target: str, token: str) -> tuple[int, Mapping[str, str], bytes]:
    """Only ever the gate of the settings, whatever was asked."""
    connection: http.client.HTTPConnection
    if settings.tls_certificate:
        context = ssl.create_default_context(cafile=settings.tls_certificate)
        connection = http.client.HTTPSConnection(
            settings.gate_host, settings.gate_port, timeout=_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(settings.gate_host, settings.gate_port, timeout=_SECONDS)
    try:
        connection.request("GET", target, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    except (OSError, http.client.HTTPException) as problem:
        raise Unavailable("portal.gate_silent", "网关没有应答，请确认网关进程在运行") from problem
    finally:
        connection.close()


def _read(body: bytes) -> tuple[Mapping[str, object], str]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}, body.decode(errors="replace")
    return (told if isinstance(told, dict) else {}), json.dumps(told, ensure_ascii=False, indent=2)


_PATH = "/services/{name}/console"
PAGES = (Page("services.console", _PATH, build, may="service:read", stop="share", tab="services"),)
ACTS = (Act("services.try", _PATH, attempt, TryForm, may="service:read", shown_on=_PATH),)
