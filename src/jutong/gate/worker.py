"""One gate worker: the only asynchronous module.  Read, compose, make the evidence durable, reply."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import gc
import os
import re
import signal
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jutong.gate.answering import Means, compose
from jutong.gate.asking import BODY_SECONDS, MOST_BODY, BodyTooLarge, BodyTooSlow, LengthRequired
from jutong.gate.calls import Call, Draft, Pending, problem_body, problem_headers, request_id, unrecorded
from jutong.gate.evidence import Evidence
from jutong.gate.limits import Limits
from jutong.gate.live import Live
from jutong.gate.metrics import Metrics
from jutong.gate.past_answers import PastAnswers
from jutong.gate.replicas import Replicas
from jutong.gate.signatures import Nonces, Signed
from jutong.gate.watching import Watch
from jutong.keys import KeyProvider
from jutong.ledger import Ledger, Receipt
from jutong.settings import Settings
from jutong.share import subject_hasher, subject_secret
from jutong.terms import BadInput, JutongError

_REFRESH_SECONDS = 0.5
_PREFIX = "/v1/"
#: What anybody may read without a token: it holds hashes and signatures, no exchange.
_PUBLIC = ("/ledger/checkpoint", "/ledger/vkey", "/ledger/vkey.sm2")


class Worker:
    """The RSGI application of one Granian worker process."""

    def __init__(self, settings: Settings, database_url: str, keys: KeyProvider, parent: int) -> None:
        self._settings, self._keys = settings, keys
        self._watch = Watch(database_url, settings.gate_lease, keys)
        self._replicas = Replicas(settings.gate_folder)
        self._ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
        self._evidence: Evidence | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._metrics = Metrics()
        self._limits = Limits(settings.gate_workers, time.monotonic)
        self._nonces = Nonces(settings.gate_folder / "nonces.db")
        self._means = Means(self._replicas.get, _hasher(keys), self._nonces.take, self._limits.enter)
        self._live = Live(self._watch.rights, self._means.hashed)
        self._past = PastAnswers(settings.gate_folder, self._watch.rights, self._means.hashed)
        self._parent = parent

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # What is loaded stays: no use in looking through it for cycles ten thousand times a second.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self._watch.start()
        self._refresh(loop)

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        self._watch.end()
        if self._timer is not None:
            self._timer.cancel()
        if self._evidence is not None:
            self._evidence.close()
        self._live.close()
        self._replicas.close()
        self._nonces.close()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if not scope.path.startswith(_PREFIX):
            self._beside(scope, protocol)
            return
        # One coroutine from question to answer: each one more would be woken, and passed through, for every call.
        began = time.perf_counter()
        self._metrics.under_way += 1
        status, entered = 500, None
        try:
            headers = scope.headers
            body, fault = b"", None
            if scope.method != "GET":
                try:
                    body = await _body(headers, protocol)
                except JutongError as problem:
                    fault = problem
            call = _call(scope, headers, body, fault)
            composed = compose(call, self._watch.rights(), self._means)
            entered = composed.caller
            draft = composed if isinstance(composed, Draft) else await self._elsewhere(composed)
            try:
                receipt = await self._pen().record(draft.exchange)  # 8  evidence first
            except JutongError as problem:
                draft = unrecorded(call, draft, problem)
                protocol.response_bytes(draft.status, list(draft.headers), draft.body)
            else:
                reply = _headers(call, draft, receipt, told=headers.get("jutong-evidence"))
                protocol.response_bytes(
                    draft.status, reply, draft.body
                )  # 9  the caller may quote the receipt
            status = draft.status
        finally:
            if entered is not None:
                self._limits.leave(entered)
            self._metrics.under_way -= 1
            self._metrics.answered(status, time.perf_counter() - began)

    async def _elsewhere(self, pending: Pending) -> Draft:
        beyond = self._live if pending.asked.as_of is None else self._past
        return await beyond.answer(pending)

    def _pen(self) -> Evidence:
        """Made at the first call, inside the running loop."""
        if self._evidence is None:
            self._evidence = Evidence(self._ledger, "gate")
        return self._evidence

    def _refresh(self, loop: asyncio.AbstractEventLoop) -> None:
        if os.getppid() != self._parent:
            # Nobody is left to stop us: an answering worker without a gate would hold the port for ever.
            os.kill(os.getpid(), signal.SIGTERM)
        self._replicas.refresh()
        self._nonces.forget(int(time.time()))
        self._timer = loop.call_later(_REFRESH_SECONDS, self._refresh, loop)

    def _beside(self, scope: Any, protocol: Any) -> None:
        """What is no call for data: health, and what a receipt is verified with."""
        plain = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
        public = self._ledger.folder / scope.path.rpartition("/")[2] if scope.path in _PUBLIC else None
        if scope.method == "GET" and public is not None and public.exists():
            protocol.response_bytes(200, plain, public.read_bytes())
        elif scope.method == "GET" and scope.path == "/ledger/consistency":
            status, proof = _consistency(self._ledger, scope.query_string)
            protocol.response_bytes(status, plain, proof)
        elif scope.method == "GET" and scope.path == "/metrics" and _is_here(scope.client):
            text = self._metrics.text(
                rights_fresh=self._watch.rights() is not None,
                replicas=self._replicas.fresh(),
                breakers=self._live.states(),
            )
            protocol.response_str(200, [("content-type", "text/plain; version=0.0.4")], text)
        elif scope.method == "GET" and scope.path == "/health":
            well = self._watch.rights() is not None
            protocol.response_bytes(200 if well else 503, plain, b"ok\n" if well else b"gate.grants_stale\n")
        else:
            body = problem_body(404, "gate.no_service", "网关只在 /v1/{服务名} 应答", "")
            protocol.response_bytes(404, list(problem_headers(404)), body)


def _call(scope: Any, headers: Any, body: bytes, fault: JutongError | None) -> Call:
    authorization = headers.get_all("authorization")
    if len(authorization) > 1:  # whoever looked at it before us may have looked at the other one
        fault = BadInput("gate.bad_query", "Authorization 只能给一次")
    return Call(
        scope.method,
        scope.path[len(_PREFIX) :],
        scope.query_string,
        body,
        authorization[0] if len(authorization) == 1 else None,
        scope.client.rpartition(":")[0],
        dt.datetime.now(dt.UTC),
        request_id(headers.get("jutong-request-id")),
        _signed(scope, body) if "signature-input" in headers else None,
        headers.get("if-none-match"),
        fault,
    )


def _headers(call: Call, draft: Draft, receipt: Receipt, *, told: str | None) -> list[tuple[str, str]]:
    """``told``: the caller wants the exchange itself too."""
    reply = [*draft.headers, ("jutong-receipt", receipt.token()), ("jutong-request-id", call.request_id)]
    if told:
        entry = draft.exchange.entry_bytes(receipt.stream, receipt.sequence)
        reply.append(("jutong-exchange", base64.urlsafe_b64encode(entry).decode()))
    return reply


def _is_here(client: str) -> bool:
    return client.rpartition(":")[0].strip("[]") in ("127.0.0.1", "::1")


def _consistency(ledger: Ledger, query: str) -> tuple[int, bytes]:
    """A witness's question: the proof that ``old`` entries are the beginning of ``new``, a hash a line."""
    found = re.fullmatch(r"old=([0-9]{1,15})&new=([0-9]{1,15})", query)
    old, new = (int(found[1]), int(found[2])) if found else (0, 0)
    try:
        if not 0 < old <= new <= ledger.checkpoint().size:
            return 400, b""
        return 200, b"".join(base64.b64encode(one) + b"\n" for one in ledger.consistency(old, new))
    except JutongError:  # a damaged ledger proves nothing
        return 503, b""


def _signed(scope: Any, body: bytes) -> Signed:
    given = scope.headers

    def header(name: str) -> str | None:
        found = given.get_all(name)
        return ", ".join(found) if found else None

    return Signed(
        header("signature-input") or "",
        header("signature") or "",
        scope.method,
        scope.authority or header("host") or "",
        scope.path,
        scope.query_string,
        body,
        header,
    )


async def _body(headers: Any, protocol: Any) -> bytes:
    """The whole body as its length was announced, or why not.

    A body in chunks has no length: when it breaks off the server says no more than that it has ended.
    """
    announced = headers.get_all("content-length")
    length = int(announced[0]) if len(announced) == 1 and re.fullmatch("[0-9]{1,15}", announced[0]) else 0
    if "transfer-encoding" in headers or len(announced) > 1:
        raise LengthRequired("gate.length_required", "请求体须带 Content-Length 整体送来，不接受分块传输")
    if length > MOST_BODY:
        raise BodyTooLarge("gate.body_too_large", f"请求体至多 {MOST_BODY} 字节")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in protocol:
                body += chunk
                if len(body) > MOST_BODY:
                    raise BodyTooLarge("gate.body_too_large", f"请求体至多 {MOST_BODY} 字节")
    except TimeoutError as problem:
        raise BodyTooSlow("gate.body_too_slow", f"请求体 {BODY_SECONDS:g} 秒内没有送完") from problem
    if body and not announced:
        raise LengthRequired("gate.length_required", "请求体须带 Content-Length")
    if len(body) != length:
        raise BadInput("gate.body_cut", f"请求体应有 {length} 字节，只收到 {len(body)} 字节")
    return bytes(body)


def _hasher(keys: KeyProvider) -> Callable[[str, str], str]:
    """Share's keyed hash of a subject, with each year's key derived once."""

    @lru_cache(4)
    def of_year(year: str) -> Callable[[str], bytes]:
        return subject_hasher(subject_secret(keys, year))

    return lambda subject, year: of_year(year)(subject).hex()
