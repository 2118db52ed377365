"""推送: a department's program hands a file to a source, in one request or in pieces (UC-GATHER-02).

``POST /api/v1/sources/{name}/batches`` begins and, unless ``Upload-Complete: ?0``, ends an arrival; an
``Idempotency-Key`` makes it one arrival however often it is sent.  What a cut connection left is asked for with HEAD
(``Upload-Offset``) and gone on with by PATCH, as draft-ietf-httpbis-resumable-upload has it.  ``Repr-Digest``
(RFC 9530) is checked where it is given.  The body is never held in memory.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from jutong import gather
from jutong.gather import Arrival
from jutong.people import decide, session_of
from jutong.portal.problems import problem_json, problem_of
from jutong.portal.visits import Rooms
from jutong.terms import BadInput, Conflict, Denied, JutongError, NotFound, Refused, Unauthenticated

#: The largest file a push may bring; larger ones come through the drop folder or the agent.
LARGEST_PUSH = 1 << 30
#: Files up to this size are taken while the sender waits; the worker takes the others.
_AT_ONCE = 16 << 20
#: One durable piece.
_PIECE = 4 << 20

_ENDINGS = {
    "application/x-ndjson": ".ndjson",
    "application/jsonl": ".ndjson",
    "application/json": ".json",
    "text/csv": ".csv",
    "text/plain": ".txt",
    "application/xml": ".xml",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/zip": ".zip",
    "application/gzip": ".gz",
}


class TooLarge(BadInput):
    status = 413


class WrongMedia(BadInput):
    status = 415


@dataclass(frozen=True)
class _Sender:
    """Who pushes: a source's own token, or a person who may run the source."""

    source: str
    user_id: int | None


def add_push(app: FastAPI, rooms: Rooms) -> None:
    """The push endpoints; they stream, so they stand apart from the acts."""
    path = "/api/v1/sources/{name}/batches"

    def guarded(answer: Callable[..., Any]) -> Callable[..., Any]:
        async def run(request: Request, name: str, arrival: str = "") -> Response:
            try:
                sender = await run_in_threadpool(_sender, rooms, request, name)
                answered: Response = await answer(rooms, request, sender, arrival)
            except ClientDisconnect:
                return Response(status_code=499)
            except Exception as error:  # noqa: BLE001  every failure becomes a problem document
                return problem_json(problem_of(error))
            return answered

        return run

    one = path + "/{arrival}"
    for route, method, answer, summary in (
        (path, "POST", _post, "推送一个文件，或开始分段推送"),
        (one, "HEAD", _head, "已经收到多少"),
        (one, "PATCH", _patch, "接着传"),
        (one, "GET", _get, "这个到件怎么样了"),
        (one, "DELETE", _delete, "撤回还没有收下的到件"),
    ):
        app.add_api_route(
            route, guarded(answer), methods=[method], name=f"push.{method.lower()}", tags=["push"], summary=summary,
            operation_id=f"{method.lower()}_push",
        )  # fmt: skip


def _sender(rooms: Rooms, request: Request, source: str) -> _Sender:
    """Raises Unauthenticated, Denied, NotFound ``gather.no_source``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("portal.no_token", "推送须带 Authorization: Bearer 令牌")
    with rooms.database.connection() as connection:
        known = gather.source_of_token(connection, token.strip())
        if known == source:
            return _Sender(source, None)
        if known is not None:
            raise Denied("portal.other_source", "这个令牌是另一个数据源的")
        party = session_of(connection, token.strip(), idle=rooms.settings.session_idle).party
        decision = decide(party, "source:run", gather.find_source(connection, source))
        if isinstance(decision, Refused):
            raise Denied(decision.code, decision.reason)
        return _Sender(source, party.user_id)


async def _post(rooms: Rooms, request: Request, sender: _Sender, _: str) -> Response:
    whole = request.headers.get("upload-complete", "?1").strip() != "?0"
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > LARGEST_PUSH:
        raise _too_large()
    digest = _digest_of(request)
    arrival = await run_in_threadpool(_begin, rooms, request, sender)
    if arrival.state == "arriving":
        await _receive(rooms, request, arrival)
    elif digest is not None and digest != arrival.sha256:
        raise Conflict("gather.key_reused", "这个幂等键已经用于另一个文件")
    elif digest is None:
        await _must_equal(request, arrival)
    return await run_in_threadpool(_ended, rooms, sender, arrival.id, digest, whole=whole)


async def _patch(rooms: Rooms, request: Request, sender: _Sender, number: str) -> Response:
    arrival = await run_in_threadpool(_own, rooms, sender, number)
    offset = request.headers.get("upload-offset", "")
    if not offset.isdigit():
        raise BadInput("gather.no_offset", "续传须带 Upload-Offset")
    if arrival.state == "arriving":
        await _receive(rooms, request, arrival, int(offset))
    elif int(offset) != arrival.bytes:
        raise Conflict("gather.arrival_closed", f"到件 {number} 已经收齐，不能再续传")
    whole = request.headers.get("upload-complete", "?1").strip() != "?0"
    return await run_in_threadpool(_ended, rooms, sender, number, _digest_of(request), whole=whole)


async def _head(rooms: Rooms, request: Request, sender: _Sender, number: str) -> Response:  # noqa: ARG001
    arrival = await run_in_threadpool(_own, rooms, sender, number)
    here = gather.received(rooms.settings.home, arrival)
    return Response(status_code=204, headers=_progress(arrival, here))


async def _get(rooms: Rooms, request: Request, sender: _Sender, number: str) -> Response:  # noqa: ARG001
    arrival = await run_in_threadpool(_own, rooms, sender, number)
    return _told(200, arrival, gather.received(rooms.settings.home, arrival))


async def _delete(rooms: Rooms, request: Request, sender: _Sender, number: str) -> Response:  # noqa: ARG001
    def back() -> None:
        arrival = _own(rooms, sender, number)
        with rooms.database.connection() as connection:
            gather.withdraw(connection, rooms.settings.home, arrival)

    await run_in_threadpool(back)
    return Response(status_code=204)


def _begin(rooms: Rooms, request: Request, sender: _Sender) -> Arrival:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    named = request.query_params.get("file", "")
    if not named and media not in _ENDINGS:
        known = "、".join(_ENDINGS)
        raise WrongMedia("gather.media_type", f"不收这种内容（{media or '没有说明'}），可用 {known}")
    key = request.headers.get("idempotency-key", "").strip().strip('"')
    if not key:
        raise BadInput("gather.no_key", "推送须带 Idempotency-Key，同一次推送重发时用同一个")
    with rooms.database.connection() as connection:
        tables = gather.find_tables(connection, sender.source)
        wanted = request.query_params.get("table", "")
        names = [table.name for table in tables]
        if wanted not in names and (wanted or len(names) != 1):
            raise NotFound(
                "gather.no_table", f"请用 table= 写明推到哪张表：{'、'.join(names) or '这个数据源还没有表'}"
            )
        table = wanted or names[0]
        return gather.begin_arrival(
            connection, rooms.settings.home, table=table, key=key, by=sender.user_id,
            way="agent" if request.headers.get("user-agent", "").startswith("jutong-agent") else "push",
            file_name=unquote(named) or f"{table}{_ENDINGS[media]}",
        )  # fmt: skip


def _own(rooms: Rooms, sender: _Sender, number: str) -> Arrival:
    with rooms.database.connection() as connection:
        arrival = gather.find_arrival(connection, number)
    if arrival.source_name != sender.source:
        raise NotFound("gather.no_arrival", f"没有到件 {number}")
    return arrival


async def _receive(rooms: Rooms, request: Request, arrival: Arrival, offset: int | None = None) -> None:
    """Append the body piece by piece. A whole body sent again skips what is here, if it is the same."""
    home = rooms.settings.home
    here = await run_in_threadpool(gather.received, home, arrival)
    skip = here if offset is None else 0
    place = here if offset is None else offset
    if offset is not None and offset != here:
        raise Conflict("gather.wrong_offset", f"应从第 {here} 字节续传，而不是第 {offset} 字节")
    seen = 0
    async for piece in _pieces(request):
        fresh = piece[max(0, skip - seen) :] if seen < skip else piece
        known = piece[: len(piece) - len(fresh)]
        if known and not await run_in_threadpool(_same, home, arrival, seen, known):
            raise Conflict("gather.key_reused", "这个幂等键先前传来的内容与这次不同")
        seen += len(piece)
        if place + len(fresh) > LARGEST_PUSH:
            raise _too_large()
        if fresh:
            place = await run_in_threadpool(gather.append, home, arrival, place, [fresh])


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in durable pieces; what came before the connection was cut is a piece too."""
    held = bytearray()
    try:
        async for chunk in request.stream():
            held += chunk
            while len(held) >= _PIECE:
                yield bytes(held[:_PIECE])
                del held[:_PIECE]
    except ClientDisconnect:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _same(home: Path, arrival: Arrival, place: int, known: bytes) -> bool:
    return gather.holds(home, arrival, place, known)


async def _must_equal(request: Request, arrival: Arrival) -> None:
    """A body sent again under its key must be the one that came."""
    digest = hashlib.sha256()
    size = 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    if size and digest.hexdigest() != arrival.sha256:
        raise Conflict("gather.key_reused", "这个幂等键已经用于另一个文件")


def _ended(rooms: Rooms, sender: _Sender, number: str, digest: str | None, *, whole: bool) -> Response:
    home = rooms.settings.home
    arrival = _own(rooms, sender, number)
    here = gather.received(home, arrival)
    if not whole:
        return _told(201, arrival, here)
    if arrival.state == "arriving":
        with rooms.database.connection() as connection:
            arrival = gather.complete(connection, home, arrival, sha256=digest)
    if arrival.state == "whole" and (arrival.bytes or 0) <= _AT_ONCE:
        with contextlib.suppress(
            JutongError
        ):  # it is whole: what goes wrong now is tried again by the worker
            gather.take_arrivals(rooms.database, rooms.store, home, rooms.keys, ids=[number])
        arrival = _own(rooms, sender, number)
    status = {"taken": 201, "refused": 422}.get(arrival.state, 202)
    return _told(status, arrival, int(arrival.bytes or here))


def _told(status: int, arrival: Arrival, here: int) -> Response:
    value = {
        "arrival": arrival.id, "source": arrival.source_name, "table": arrival.source_table, "file": arrival.file_name,
        "state": arrival.state, "bytes": here, "sha256": arrival.sha256, "batch": arrival.batch_id,
        "problem": arrival.problem, "manner": arrival.manner, "grounds": list(arrival.grounds),
    }  # fmt: skip
    headers = {
        "Location": f"/api/v1/sources/{arrival.source_name}/batches/{arrival.id}",
        **_progress(arrival, here),
    }
    if arrival.state == "refused" and arrival.problem:
        told = {"type": "about:blank", "title": "这个文件不能收", "status": status,
                "detail": arrival.problem.get("sentence"), "code": arrival.problem.get("code")}  # fmt: skip
        return Response(orjson.dumps({**told, **value}), status, headers, "application/problem+json")
    return Response(orjson.dumps(value, default=str), status, headers, "application/json")


def _progress(arrival: Arrival, here: int) -> dict[str, str]:
    complete = "?0" if arrival.state == "arriving" else "?1"
    return {
        "Upload-Offset": str(here),
        "Upload-Complete": complete,
        "Upload-Limit": f"max-size={LARGEST_PUSH}",
    }


def _digest_of(request: Request) -> str | None:
    """RFC 9530 ``Repr-Digest: sha-256=:…:`` as hexadecimal. Raises BadInput ``gather.bad_digest``."""
    told = request.headers.get("repr-digest", "")
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", told)
    if not told:
        return None
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise BadInput("gather.bad_digest", "Repr-Digest 须写成 sha-256=:Base64:")
    return digest.hex()


def _too_large() -> TooLarge:
    return TooLarge("gather.too_large", f"一次推送最多 {LARGEST_PUSH >> 20} MB")
