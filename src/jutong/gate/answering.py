"""How one call is answered or refused.  Procedure UC-SHARE-03; the numbers are its steps.

Everything here is decided from values in hand: the picture of rights, an open replica.  Nothing leaves before
its exchange is durable, which is the caller's step 8 (``worker``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from jutong.gate.asking import Asked, read_body, read_query
from jutong.gate.replicas import Replica
from jutong.gate.rights import Caller, Entitled, Rights, Served
from jutong.gate.shape import Cell, cell
from jutong.ledger import Exchange
from jutong.terms import BadInput, Denied, JutongError, NotFound, Refused, Unauthenticated, Unavailable, quote

#: Rows of one answer at most, whatever the service allows: an answer's evidence must fit one log entry.
MOST_ROWS = 1_000
_MOST_SUBJECTS = 2_000
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
#: Which of several grants' refusals is told: the one closest to an answer.
_CLOSEST = (
    "share.row_not_granted",
    "share.item_not_granted",
    "gate.signature_required",
    "gate.replica_behind",
)

Hasher = Callable[[str, str], str]
"""(subject, year) → the keyed hash as 16 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, as far as the gate cares."""

    method: str
    service: str
    query: str
    body: bytes
    authorization: str | None
    came_from: str
    at: dt.datetime
    request_id: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that may not leave yet, and the exchange that must be durable first."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    exchange: Exchange


@dataclass(slots=True)
class Known:
    """What has become known of a call by the time it is refused; it all goes into the evidence."""

    caller: Caller | None = None
    service: Served | None = None
    asked: Asked | None = None
    entitled: Entitled | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def compose(
    call: Call, rights: Rights | None, replica: Callable[[str], Replica | None], hashed: Hasher
) -> Draft:
    """Steps 1–7: the draft of an answer, or of a problem document; it never raises a JutongError."""
    known = Known()
    try:
        return _answer(call, rights, replica, hashed, known)
    except JutongError as problem:
        return refusal(call, problem, known)


def _answer(
    call: Call, rights: Rights | None, replica: Callable[[str], Replica | None], hashed: Hasher, known: Known
) -> Draft:
    rights = fresh(rights)  # 1  may we decide at all
    known.caller = caller = identify(call, rights)  # 2  who asks
    known.service = service = find_service(call, rights)  # 3  for what
    known.asked = asked = read(call)  # 4  which rows and items
    values = key_values(asked, service)
    held = replica(service.name)
    for entitled in decide(caller, service, asked, rights, held, call.at):  # 5  on what ground
        known.entitled = entitled
        page = only_what_is_granted(service, asked, values, entitled, held)  # 6
        if page is not None:
            return reply(call, service, asked, entitled, page, held, hashed)  # 7
    raise Denied("share.row_not_granted", "授权的行范围内没有这条记录")


def fresh(rights: Rights | None) -> Rights:
    """1. Rights are good for ``gate.lease`` seconds after the last contact with the control database."""
    if rights is None:
        raise Unavailable("gate.grants_stale", "网关与控制库失去联系，授权情况不明，暂停应答")
    return rights


def identify(call: Call, rights: Rights) -> Caller:
    """2. The application whose token this is."""
    scheme, _, token = (call.authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("gate.no_token", "请在 Authorization 中给出应用令牌 (Bearer)")
    caller = rights.callers.get(hashlib.sha256(token.strip().encode()).hexdigest())
    if caller is None:
        raise Unauthenticated("gate.bad_token", "应用令牌无效，可能已更换")
    return caller


def find_service(call: Call, rights: Rights) -> Served:
    """3. The service named; a suspended application is told so only once it has named one."""
    service = rights.services.get(call.service)
    if service is None or service.state != "active":
        raise NotFound("gate.no_service", "没有这个接口服务，或已停止")
    return service


def read(call: Call) -> Asked:
    """4. The question itself."""
    if call.method == "GET":
        return read_query(call.query)
    if call.method == "POST":
        return read_body(call.body)
    raise BadInput("gate.bad_query", "接口只接受 GET 和 POST")


def key_values(asked: Asked, service: Served) -> list[tuple[str, Cell]]:
    """The service's key items with their values: all of them, or none at all to page through everything."""
    strange = [name for name in asked.where if name not in service.keys]
    if strange or (asked.where and len(asked.where) < len(service.keys)):
        wanted = "、".join(service.keys)
        raise BadInput(
            "gate.bad_query",
            f"本服务按 {wanted} 查询，须全部给出；不能用 {'、'.join(strange) or '一部分'} 查询",
        )
    values = []
    for name in service.keys if asked.where else ():
        try:
            values.append((name, cell(asked.where[name], service.types[name])))
        except ValueError as problem:
            raise BadInput("gate.bad_query", f"「{name}」的值不是 {service.types[name]}") from problem
    return values


def decide(
    caller: Caller, service: Served, asked: Asked, rights: Rights, held: Replica | None, now: dt.datetime
) -> list[Entitled]:
    """5. The caller's grants that cover the question, oldest first; else the refusal closest to an answer."""
    if caller.state != "active":
        raise Denied("share.application_suspended", f"应用 {caller.application} 已停用")
    covering: list[Entitled] = []
    refusals: list[Refused] = []
    for found in rights.granted(caller.application, service, now):
        refused = found if isinstance(found, Refused) else _covers(found, service, asked, held)
        if refused is not None:
            refusals.append(refused)
        elif isinstance(found, Entitled):
            covering.append(found)
    if covering:
        return covering
    if not refusals:
        raise Denied("share.not_granted", f"应用 {caller.application} 没有使用 {service.name} 的授权")
    closest = min(
        refusals, key=lambda one: _CLOSEST.index(one.code) if one.code in _CLOSEST else len(_CLOSEST)
    )
    kind = Unavailable if closest.code == "gate.replica_behind" else Denied
    raise kind(closest.code, closest.reason)


def _covers(entitled: Entitled, service: Served, asked: Asked, held: Replica | None) -> Refused | None:
    """Whether every item that is asked by or for is granted, and the replica holds it as it may leave."""
    used = set(asked.items or ()) | set(asked.where)
    outside = sorted(used - set(entitled.columns))
    if outside:
        return Refused("share.item_not_granted", f"信息项 {'、'.join(outside)} 不在授权范围内")
    signed = sorted(set(asked.items or entitled.columns) & entitled.signed_only)
    if signed and (asked.items or not set(entitled.columns) - entitled.signed_only):
        return Refused("gate.signature_required", f"信息项 {'、'.join(signed)} 为三级以上，须用签名请求")
    if held is None or not entitled.needs <= held.columns:
        return Refused("gate.replica_behind", f"服务 {service.name} 的副本正在准备，请稍后再试")
    return None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows (each: subjects, then items, then its number), the items' names, and the next page's cursor."""

    rows: list[tuple[Cell, ...]]
    names: list[str]
    following: str | None


def only_what_is_granted(
    service: Served, asked: Asked, values: list[tuple[str, Cell]], entitled: Entitled, held: Replica | None
) -> Page | None:
    """6. The granted columns of the granted rows, and nothing else, from the replica.

    None when a grant with a row range finds nothing under the key: whether the row is outside the range or
    nowhere is not told, for that would already be data.
    """
    assert held is not None
    names = [name for name in asked.items or entitled.columns if name not in entitled.signed_only]
    if asked.cursor and asked.cursor[0] != held.generation:
        raise BadInput("gate.bad_cursor", "数据已整体更新，请从第一页重新开始")
    asking = (
        *entitled.where,
        *(f"{quote(name)} = ?" for name, _ in values),
        *(["_n > ?"] if asked.cursor else []),
    )
    given = [*entitled.values, *(value for _, value in values), *([asked.cursor[1]] if asked.cursor else [])]
    most = min(service.max_rows, MOST_ROWS, _MOST_SUBJECTS // max(1, len(entitled.subjects)))
    limit = min(asked.limit or most, most)
    columns = (*entitled.subjects, *(entitled.columns[name].name for name in names))
    rows = held.rows(_select(columns, asking, limit + 1), given)
    if not rows and values and entitled.where and not asked.cursor:
        return None
    following = f"{held.generation}.{rows[limit - 1][-1]}" if len(rows) > limit else None
    return Page(rows[:limit], names, following)


@lru_cache(4_096)
def _select(columns: tuple[str, ...], where: tuple[str, ...], limit: int) -> str:
    return (
        f"SELECT {', '.join(map(quote, columns))}, _n FROM data"
        f" WHERE {' AND '.join(where) or '1'} ORDER BY _n LIMIT {limit}"
    )


def reply(
    call: Call,
    service: Served,
    asked: Asked,
    entitled: Entitled,
    page: Page,
    held: Replica | None,
    hashed: Hasher,
) -> Draft:
    """7. The body, and the exchange that says what it holds."""
    assert held is not None
    first = len(entitled.subjects)
    told = [dict(zip(page.names, row[first:-1], strict=True)) for row in page.rows]
    for name in page.names:
        if entitled.columns[name].boolean:
            for one in told:
                one[name] = None if one[name] is None else bool(one[name])
    body = orjson.dumps({"rows": told, "next": page.following})
    year = f"{call.at:%Y}"
    subjects = {hashed(str(value), year) for row in page.rows for value in row[:first] if value is not None}
    exchange = Exchange(
        event="share:service:answer",
        at=call.at,
        consumer=entitled.bound.consumer,
        application=entitled.bound.application_id,
        provider=entitled.bound.provider,
        entry=entitled.bound.entry_code,
        dataset=service.dataset,
        resource=service.name,
        grant=entitled.bound.grant_id,
        purpose=entitled.bound.purpose,
        items=tuple(page.names),
        rows=len(page.rows),
        outcome="answered",
        request_id=call.request_id,
        content=hashlib.sha256(body).hexdigest(),
        subjects=" ".join(sorted(subjects)),
        detail={"by": sorted(asked.where), "as_of": held.as_of, "from": call.came_from},
    )
    headers = (("content-type", "application/json; charset=utf-8"), ("jutong-as-of", held.as_of))
    return Draft(200, headers, body, exchange)


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
        detail={"from": call.came_from},
    )
    return Draft(status, problem_headers(status), body, exchange)


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
    if status == 503:
        headers.append(("retry-after", "2"))
    return tuple(headers)


def request_id(given: str | None) -> str:
    """The caller's own id, so that a repeated call counts once, or a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return os.urandom(10).hex()
