"""One call on its way: as it came, as it is drafted, and as it is refused."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from jutong.gate.asking import Asked
from jutong.gate.rights import Caller, Entitled, Served
from jutong.gate.signatures import Signed
from jutong.ledger import Exchange, Record
from jutong.terms import BadInput, JutongError

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_ID_BYTES = 10


class Call(NamedTuple):
    """One HTTP request, as far as the gate cares."""

    method: str
    service: str
    query: str
    body: bytes
    authorization: str | None
    came_from: str
    at: dt.datetime
    request_id: str
    #: What is needed to check the request's signature, when it has one.
    signed: Signed | None = None
    #: The ``If-None-Match`` header.
    unless: str | None = None
    #: Why the request itself could not be taken whole.
    fault: JutongError | None = None


class Draft(NamedTuple):
    """An answer that may not leave yet, and the exchange that must be durable first."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    exchange: Exchange | Record
    #: Whoever takes a place among calls under way until the answer has left.
    caller: Caller | None = None


class Pending(NamedTuple):
    """A question decided upon that no replica can answer: a provider's live interface (代理) or the lake's past can."""

    call: Call
    who: Caller
    service: Served
    asked: Asked
    #: The grants that cover it, oldest first.
    grounds: tuple[Entitled, ...]
    #: As in a draft.
    caller: Caller | None = None


@dataclass(slots=True)
class Known:
    """What has become known of a call by the time it is refused; it all goes into the evidence."""

    caller: Caller | None = None
    service: Served | None = None
    asked: Asked | None = None
    entitled: Entitled | None = None
    entered: bool = False


def refusal(call: Call, problem: JutongError, known: Known) -> Draft:
    """An RFC 9457 problem document, and the exchange that records the refusal."""
    status = 400 if isinstance(problem, BadInput) else problem.status
    body = problem_body(status, problem.code, problem.sentence, call.request_id)
    entitled, service, caller = known.entitled, known.service, known.caller
    exchange = Exchange(
        event="share:service:refuse",
        at=call.at,
        consumer=caller.department if caller else "",
        application=caller.application if caller else "",
        provider=service.provider if service else "",
        entry=service.entry_code if service else "",
        dataset=service.dataset if service else "",
        resource=service.name if service else call.service[:64],
        grant=entitled.bound.grant_id if entitled else "",
        purpose=entitled.bound.purpose if entitled else "",
        items=tuple(name[:62] for name in (known.asked.items or ())[:64]) if known.asked else (),
        outcome="refused",
        code=problem.code,
        request_id=call.request_id,
        content=hashlib.sha256(body).hexdigest(),
        detail=_asked_from(call, known.asked),
    )
    return Draft(status, problem_headers(status), body, exchange)


def _asked_from(call: Call, asked: Asked | None) -> dict[str, str]:
    """Where a call came from, and the past day it asked about: who looks for what once was, is seen looking."""
    day = {"as_of": asked.as_of} if asked is not None and asked.as_of is not None else {}
    return {"from": call.came_from, **day}


def unrecorded(call: Call, draft: Draft, problem: JutongError) -> Draft:
    """What is said instead of an answer whose exchange could not be made durable."""
    body = problem_body(503, problem.code, problem.sentence, call.request_id)
    return draft._replace(status=503, headers=problem_headers(503), body=body)


def problem_body(status: int, code: str, sentence: str, request_id: str) -> bytes:
    told: Mapping[str, object] = {
        "type": f"urn:jutong:problem:{code}",
        "title": sentence,
        "status": status,
        "code": code,
        "request_id": request_id,
    }
    return orjson.dumps(told)


def problem_headers(status: int) -> tuple[tuple[str, str], ...]:
    headers = [("content-type", "application/problem+json; charset=utf-8")]
    if status == 401:
        headers.append(("www-authenticate", 'Bearer realm="jutong"'))
    if status in (429, 503):
        headers.append(("retry-after", "2" if status == 503 else "1"))
    return tuple(headers)


def request_id(given: str | None) -> str:
    """The caller's own id, so that a repeated call counts once, or a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return next(_FRESH)


def _fresh_ids() -> Iterator[str]:
    """Ten random bytes each; fetched many at a time, for a system call costs more than all else an id costs."""
    while True:
        drawn = os.urandom(_ID_BYTES * 512).hex()
        for at in range(0, len(drawn), _ID_BYTES * 2):
            yield drawn[at : at + _ID_BYTES * 2]


_FRESH = _fresh_ids()
