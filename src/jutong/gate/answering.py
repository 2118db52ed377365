"""How one call is answered or refused.  Procedure UC-SHARE-03; the numbers are its steps.

Everything here is decided from values in hand: the picture of rights, an open replica.  Nothing leaves before
its exchange is durable, which is the caller's step 8 (``worker``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import orjson

from jutong.gate.asking import Asked, read_body, read_query
from jutong.gate.calls import Call, Draft, Known, Pending, refusal
from jutong.gate.counting import counted, groups_of
from jutong.gate.listing import Gone, Listed, changes, check_ground, narrowed, page
from jutong.gate.past import check_day
from jutong.gate.replicas import Replica
from jutong.gate.rights import Caller, Entitled, Rights, Served, described
from jutong.gate.shape import Cell, cell
from jutong.gate.signatures import Signed, verify
from jutong.gate.verifying import NOT_FOUND, claims_of, compared, verdicts
from jutong.ledger import Exchange, Form
from jutong.share import openapi
from jutong.terms import BadInput, Denied, JutongError, NotFound, Refused, Unauthenticated, Unavailable, quote

#: Rows of one answer at most, whatever the service allows: an answer's evidence must fit one log entry.
MOST_ROWS = 1_000
_MOST_SUBJECTS = 2_000
#: Which of several grants' refusals is told: the one closest to an answer.
_CLOSEST = (
    "share.row_not_granted",
    "share.item_not_granted",
    "gate.signature_required",
    "gate.replica_behind",
)

#: No service's name: what the caller may call, described.
DESCRIPTION = "openapi.json"

Hasher = Callable[[str, str], str]
"""(subject, year) → the keyed hash as 16 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker composes with, besides the picture of rights."""

    replica: Callable[[str], Replica | None]
    hashed: Hasher
    #: Takes a nonce, or says that somebody had it: (key id, nonce, good until).
    take_nonce: Callable[[str, str, int], bool]
    #: Raises if the caller asks too much at once.
    enter: Callable[[Caller, dt.datetime], None]


class Question(NamedTuple):
    """A call whose caller and service are known, with what answering it takes."""

    call: Call
    caller: Caller
    service: Served
    asked: Asked
    rights: Rights
    held: Replica | None
    hashed: Hasher
    #: Where it is noted on what ground the answer stands.
    known: Known


def compose(call: Call, rights: Rights | None, means: Means) -> Draft | Pending:
    """Steps 1–7: the draft of an answer, or of a problem document; it never raises a JutongError.

    Of a question for a provider (代理), or about a past day, steps 1–5; ``live`` and ``past_answers`` do the others.
    """
    known = Known()
    draft: Draft | Pending
    try:
        draft = _answer(call, rights, means, known)
    except JutongError as problem:
        draft = refusal(call, problem, known)
    return draft._replace(caller=known.caller) if known.entered else draft


def _answer(call: Call, rights: Rights | None, means: Means, known: Known) -> Draft | Pending:
    rights = fresh(rights)  # 1  may we decide at all
    if call.fault is not None and (call.signed is not None or call.authorization is None):
        raise call.fault  # who asks cannot be told: nobody has signed a body that is not here
    known.caller = caller = identify(call, rights, means)  # 2  who asks
    if caller.limited:
        means.enter(caller, call.at)
        known.entered = True
    if call.service == DESCRIPTION:
        return _description(call, caller, rights)
    known.service = service = find_service(call, rights)  # 3  for what
    known.asked = asked = read(call, service.kind)  # 4  which rows and items
    if asked.as_of is not None:
        check_day(service, asked.as_of, call.at)
        key_values(asked.where, service)
        return Pending(call, caller, service, asked, decide_live(caller, service, asked, rights, call.at))
    if service.kind == "proxy":
        return Pending(call, caller, service, asked, decide_live(caller, service, asked, rights, call.at))
    held = means.replica(service.name)
    if service.kind != "query" or asked.batch is not None:
        question = Question(call, caller, service, asked, rights, held, means.hashed, known)
        return _OTHER_KINDS.get(service.kind, _many)(question)
    values = key_values(asked.where, service)
    for ready in decide(caller, service, asked, rights, held, call.at):  # 5  on what ground
        known.entitled = ready.entitled
        rows = only_what_is_granted(ready, asked, values)  # 6
        if rows or not (values and ready.entitled.where) or asked.cursor:
            return reply(call, ready, rows, means.hashed)  # 7
    # Whether a row is outside the granted range or nowhere is not told, for that would already be data.
    raise Denied("share.row_not_granted", "授权的行范围内没有这条记录")


def _description(call: Call, caller: Caller, rights: Rights) -> Draft:
    """What this application may call, as OpenAPI 3.1; it is recorded like an answer, though nobody's data leaves."""
    found = []
    for service in rights.services.values():
        held = rights.granted(caller.application, service, call.at) if caller.state == "active" else []
        ground = next((one for one in held if isinstance(one, Entitled)), None)
        in_scope = caller.services is None or service.name in caller.services
        if ground is not None and in_scope and service.state == "active":
            found.append(described(service, ground))
    body = orjson.dumps(openapi(found, title=f"聚通接口：应用 {caller.application}"))
    exchange = Exchange(
        event="share:service:describe",
        at=call.at,
        consumer=caller.department,
        application=caller.application,
        resource=DESCRIPTION,
        outcome="answered",
        request_id=call.request_id,
        content=hashlib.sha256(body).hexdigest(),
        detail={"from": call.came_from},
    )
    return Draft(200, (_JSON,), body, exchange)


def fresh(rights: Rights | None) -> Rights:
    """1. Rights are good for ``gate.lease`` seconds after the last contact with the control database."""
    if rights is None:
        raise Unavailable("gate.grants_stale", "网关与控制库失去联系，授权情况不明，暂停应答")
    return rights


def identify(call: Call, rights: Rights, means: Means) -> Caller:
    """2. The application whose token this is, or whose key signed this."""
    caller = _signer(call.signed, call, rights, means) if call.signed else _bearer(call, rights)
    if caller.until is not None and call.at >= caller.until:
        raise Unauthenticated("gate.token_expired", "应用令牌或密钥已过期，请更换")
    if caller.networks is not None and not caller.may_come_from(call.came_from):
        raise Denied("gate.network_not_allowed", f"应用 {caller.application} 不能从 {call.came_from} 调用")
    return caller


def _signer(signed: Signed, call: Call, rights: Rights, means: Means) -> Caller:
    """The signer; a token beside the signature must be the same application's."""
    caller = verify(signed, rights.keys.get, call.at, means.take_nonce).caller
    if call.authorization and _bearer(call, rights).application != caller.application:
        raise Unauthenticated("gate.bad_token", "令牌与签名密钥不属于同一应用")
    return caller


def _bearer(call: Call, rights: Rights) -> Caller:
    given = call.authorization or ""
    caller = rights.known.get(given)
    if caller is not None:
        return caller
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("gate.no_token", "请在 Authorization 中给出应用令牌 (Bearer)，或对请求签名")
    caller = rights.callers.get(hashlib.sha256(token.strip().encode()).hexdigest())
    if caller is None:
        raise Unauthenticated("gate.bad_token", "应用令牌无效，可能已更换")
    rights.keep(rights.known, given, caller)
    return caller


def find_service(call: Call, rights: Rights) -> Served:
    """3. The service named; a suspended application is told so only once it has named one."""
    service = rights.services.get(call.service)
    if service is not None and service.ended(call.at):
        instead = f"，请改用 {service.successor}" if service.successor else ""
        raise Gone("share.service_retired", f"接口服务 {service.name} 已退役{instead}")
    if service is None or service.state != "active":
        raise NotFound("gate.no_service", "没有这个接口服务，或已停止")
    return service


def read(call: Call, kind: str) -> Asked:
    """4. The question itself."""
    if call.fault is not None:
        raise call.fault
    if call.method == "GET":
        return read_query(call.query, kind)
    if call.method == "POST":
        return read_body(call.body, kind)
    raise BadInput("gate.bad_query", "接口只接受 GET 和 POST")


def _many(question: Question) -> Draft:
    """5–7 for a batch: one ground for all of it, one exchange, answers in the order of the questions."""
    call, caller, service, asked, rights, held, hashed, known = question
    questions = [key_values(where, service) for where in asked.batch or ()]
    ready = decide(caller, service, asked, rights, held, call.at)[0]
    known.entitled = ready.entitled
    found = [only_what_is_granted(ready, asked, values)[: ready.limit] for values in questions]
    if sum(map(len, found)) > MOST_ROWS:
        raise BadInput("gate.too_many_rows", f"一次应答至多 {MOST_ROWS} 行，请减少 batch 的项数")
    body = orjson.dumps({"answers": [{"rows": told(ready, rows)} for rows in found]})
    return evidenced(call, ready, body, [row for rows in found for row in rows], hashed)


def _verified(question: Question) -> Draft:
    """5–7 for 核验: per item match, mismatch or not_found, and nothing else."""
    call, caller, service, asked, rights, held, hashed, known = question
    claims = claims_of(asked, service)
    wanted = Asked({name: asked.where[name] for name in service.keys}, tuple(claims))
    values = key_values(wanted.where, service)
    result, ground, rows = dict.fromkeys(claims, NOT_FOUND), None, []
    for ready in decide(caller, service, wanted, rights, held, call.at):
        known.entitled, ground = ready.entitled, ground or ready
        rows = compared(ready.entitled, ready.held, claims, values)
        if rows:
            result, ground = verdicts(claims, rows), ready
            break
    assert ground is not None  # or decide would have refused
    return evidenced(call, ground, orjson.dumps({"result": result}), rows[:1], hashed)


def _listed(question: Question) -> Draft:
    """5–7 for 列表: one page of all granted rows, or of what has changed, on the oldest ground that allows it."""
    call, caller, service, asked, rights, held, hashed, known = question
    values = narrowed(asked, service)
    refused: JutongError | None = None
    for ready in decide(caller, service, Asked({}, asked.items, asked.limit), rights, held, call.at):
        known.entitled = ready.entitled
        try:
            check_ground(ready, service, asked.where, signed=caller.signed)
        except JutongError as problem:
            refused = refused or problem
            continue
        found: Listed = (
            changes(ready, service, asked.since) if asked.since else page(ready, service, asked, values)
        )
        body = {**found.told, "rows": told(ready, found.told["rows"])}  # type: ignore[arg-type]
        return evidenced(call, ready, orjson.dumps(body), found.named, hashed)
    assert refused is not None  # or decide would have refused
    raise refused


def _counted(question: Question) -> Draft:
    """5–7 for 统计: counts on the oldest ground that covers the groups, and on no other beside it."""
    call, caller, service, asked, rights, held, hashed, known = question
    by = groups_of(asked, service)
    ready = decide(caller, service, Asked({}, by), rights, held, call.at)[0]
    known.entitled = ready.entitled
    body = counted(ready, service, asked, by)
    told_groups: list[tuple[Cell, ...]] = [()] * len(body["groups"])  # type: ignore[arg-type]
    return evidenced(call, ready, orjson.dumps(body), told_groups, hashed)


_OTHER_KINDS = {"verify": _verified, "list": _listed, "statistics": _counted}


def key_values(where: Mapping[str, object], service: Served) -> list[tuple[str, Cell]]:
    """The service's key items with their values: all of them, or none at all to page through everything."""
    strange = [name for name in where if name not in service.keys]
    if strange or (where and len(where) < len(service.keys)):
        wanted = "、".join(service.keys)
        raise BadInput(
            "gate.bad_query",
            f"本服务按 {wanted} 查询，须全部给出；不能用 {'、'.join(strange) or '一部分'} 查询",
        )
    values = []
    for name in service.keys if where else ():
        try:
            values.append((name, cell(where[name], service.types[name])))
        except ValueError as problem:
            raise BadInput("gate.bad_query", f"「{name}」的值不是 {service.types[name]}") from problem
    return values


class Ready(NamedTuple):
    """Everything about an answer that the same application asking the same way finds the same again."""

    entitled: Entitled
    held: Replica
    #: Items as told, in order; and those of them that are booleans.
    names: tuple[str, ...]
    booleans: tuple[str, ...]
    #: Reads items, then subjects, then row numbers; one row more than the limit.
    sql: str
    limit: int
    #: The items asked by, as a JSON list.
    by: bytes
    form: Form
    #: Headers that say that the service will end.
    notice: tuple[tuple[str, str], ...] = ()


def decide(
    caller: Caller, service: Served, asked: Asked, rights: Rights, held: Replica | None, now: dt.datetime
) -> Sequence[Ready]:
    """5. The caller's grants that cover the question, oldest first; else the refusal closest to an answer.

    The decision holds for whoever asks alike, until the picture of rights or the replica is another, or a grant
    begins or ends.
    """
    place = (caller, service.name, asked.items, asked.limit, bool(asked.where), bool(asked.cursor))
    found: Decision | None = rights.decided.get(place)
    if found is not None and found.held is held and found.since <= now < found.until:
        return found.ready
    covering = _covering(caller, service, asked, rights, held, now)
    assert held is not None  # or nothing would have been covered
    ready = tuple(_ready(one, caller, service, asked, held) for one in covering)
    since, until = rights.unchanged(caller.application, service, now)
    rights.keep(rights.decided, place, Decision(held, since, until, ready))
    return ready


def decide_live(
    caller: Caller, service: Served, asked: Asked, rights: Rights, now: dt.datetime
) -> tuple[Entitled, ...]:
    """5 for 代理 and past days: the grants that cover the question; it is asked by all of the keys."""
    strange = sorted(set(asked.where) ^ set(service.keys))
    empty = [name for name, value in asked.where.items() if value is None or value == ""]
    if strange or empty:
        wanted = "、".join(service.keys)
        raise BadInput(
            "gate.bad_query",
            f"本服务按 {wanted} 查询，须全部给出，不能有别的；{'、'.join(strange or empty)} 不行",
        )
    return tuple(_covering(caller, service, asked, rights, None, now))


def renewed(pending: Pending, rights: Rights, now: dt.datetime) -> Pending:
    """3 and 5 again for 代理 and past days, after the provider or the lake has answered: what has been taken back since, stays here."""
    call = pending.call._replace(at=now)
    caller = rights.again(pending.who)
    if caller is None or (caller.until is not None and now >= caller.until):
        raise Unauthenticated("gate.bad_token", "应用令牌或密钥已更换、过期或收回")
    service = find_service(call, rights)
    grounds = decide_live(caller, service, pending.asked, rights, now)
    return pending._replace(who=caller, service=service, grounds=grounds)


class Decision(NamedTuple):
    held: Replica
    since: dt.datetime
    until: dt.datetime
    ready: tuple[Ready, ...]


def _covering(
    caller: Caller, service: Served, asked: Asked, rights: Rights, held: Replica | None, now: dt.datetime
) -> list[Entitled]:
    if caller.state != "active":
        raise Denied("share.application_suspended", f"应用 {caller.application} 已停用")
    if caller.services is not None and service.name not in caller.services:
        raise Denied("gate.out_of_scope", f"这个令牌或密钥不能用于服务 {service.name}")
    covering: list[Entitled] = []
    refusals: list[Refused] = []
    for found in rights.granted(caller.application, service, now):
        refused = found if isinstance(found, Refused) else _covers(found, caller, service, asked, held)
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


def _covers(
    entitled: Entitled, caller: Caller, service: Served, asked: Asked, held: Replica | None
) -> Refused | None:
    """Whether every item that is asked by or for is granted, and the replica holds it as it may leave."""
    used = set(asked.items or ()) | set(asked.where)
    outside = sorted(used - set(entitled.columns))
    if outside:
        return Refused("share.item_not_granted", f"信息项 {'、'.join(outside)} 不在授权范围内")
    signed = sorted(set(asked.items or entitled.columns) & entitled.signed_only)
    if signed and not caller.signed and (asked.items or not set(entitled.columns) - entitled.signed_only):
        return Refused("gate.signature_required", f"信息项 {'、'.join(signed)} 为三级以上，须用签名请求")
    by_replica = service.kind != "proxy" and asked.as_of is None
    if by_replica and (held is None or not entitled.needs <= held.columns):
        return Refused("gate.replica_behind", f"服务 {service.name} 的副本正在准备，请稍后再试")
    return None


def _ready(entitled: Entitled, caller: Caller, service: Served, asked: Asked, held: Replica) -> Ready:
    """The granted columns of the granted rows, and nothing else, as a SELECT; and the exchange that will say so."""
    withheld = frozenset[str]() if caller.signed else entitled.signed_only
    names = tuple(name for name in asked.items or entitled.columns if name not in withheld)
    by = sorted(asked.where)
    most = min(service.max_rows, MOST_ROWS, _MOST_SUBJECTS // max(1, len(entitled.subjects)))
    limit = min(asked.limit or most, most)
    columns = (*(entitled.columns[name].name for name in names), *entitled.subjects)
    where = [
        *entitled.where,
        *(f"{quote(name)} = ?" for name in (service.keys if asked.where else ())),
        *(["_n > ?"] if asked.cursor else []),
    ]
    sql = (
        f"SELECT {', '.join(map(quote, columns))}, _n FROM data"
        f" WHERE {' AND '.join(where) or '1'} ORDER BY _n LIMIT {limit + 1}"
    )
    exchange = answered(service, entitled, names, held.opened)
    booleans = tuple(name for name in names if entitled.columns[name].boolean)
    return Ready(
        entitled, held, names, booleans, sql, limit, _grounds(by, entitled), Form(exchange), service.notice
    )


def answered(service: Served, entitled: Entitled, names: tuple[str, ...], at: dt.datetime) -> Exchange:
    """An answer's exchange as far as service and grant say it; call and content are still to come."""
    bound = entitled.bound
    return Exchange(
        event="share:service:answer",
        at=at,
        consumer=bound.consumer,
        application=bound.application_id,
        provider=bound.provider,
        entry=bound.entry_code,
        dataset=service.dataset,
        resource=service.name,
        grant=bound.grant_id,
        purpose=bound.purpose,
        items=names,
        outcome="answered",
    )


def only_what_is_granted(
    ready: Ready, asked: Asked, values: list[tuple[str, Cell]]
) -> list[tuple[Cell, ...]]:
    """6. The granted columns of the granted rows, and nothing else, from the replica."""
    given: list[Cell] = [*ready.entitled.values, *(value for _, value in values)]
    if asked.cursor:
        if asked.cursor[0] != ready.held.generation:
            raise BadInput("gate.bad_cursor", "数据已整体更新，请从第一页重新开始")
        given.append(asked.cursor[1])
    return ready.held.rows(ready.sql, given)


def reply(call: Call, ready: Ready, rows: list[tuple[Cell, ...]], hashed: Hasher) -> Draft:
    """7. The body, and the exchange that says what it holds."""
    following = None
    if len(rows) > ready.limit:
        rows = rows[: ready.limit]
        following = f"{ready.held.generation}.{rows[-1][-1]}"
    body = orjson.dumps({"rows": told(ready, rows), "next": following})
    return evidenced(call, ready, body, rows, hashed)


def told(ready: Ready, rows: list[tuple[Cell, ...]]) -> list[dict[str, Cell]]:
    """Rows as objects.  A row is longer than the names: subjects and row number behind them are not told."""
    found = [dict(zip(ready.names, row, strict=False)) for row in rows]
    for name in ready.booleans:
        for one in found:
            one[name] = None if one[name] is None else bool(one[name])
    return found


def evidenced(call: Call, ready: Ready, body: bytes, rows: list[tuple[Cell, ...]], hashed: Hasher) -> Draft:
    """The draft with its exchange; whoever has this very body already (``If-None-Match``) is told so, and no more."""
    subjects = ""
    if ready.entitled.subjects:
        year, first = str(call.at.year), len(ready.names)
        named = [one for row in rows for one in row[first:-1] if one is not None]
        subjects = (
            hashed(str(named[0]), year)  # as most answers are
            if len(named) == 1
            else " ".join(sorted({hashed(str(one), year) for one in named}))
        )
    content = hashlib.sha256(body).hexdigest()
    etag, status, left = f'"{content[:32]}"', 200, len(rows)
    if call.unless is not None and etag in call.unless:
        status, body, left = 304, b"", 0
    as_of = ready.held.as_of
    record = ready.form.filled(
        call.at, left, call.request_id, content, subjects, _detail(ready.by, as_of, call.came_from)
    )
    return Draft(status, (_JSON, ("jutong-as-of", as_of), ("etag", etag), *ready.notice), body, record)


_JSON = ("content-type", "application/json; charset=utf-8")


def _grounds(by: Sequence[str], entitled: Entitled) -> bytes:
    """The first of an answer's detail: what it was asked by, and every grant it stands on beside its own."""
    also = entitled.bound.also
    return orjson.dumps(by) + (b',"also":' + orjson.dumps(also) if also else b"")


@lru_cache(4_096)
def _detail(by: bytes, as_of: str, came_from: str) -> bytes:
    return b'{"by":' + by + b"," + orjson.dumps({"as_of": as_of, "from": came_from})[1:]
