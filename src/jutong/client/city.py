"""A city's gate, seen from a consumer's application.

Standard library and ``jutong_verify`` only.  Errors:

    CityError
    ├── Refused          the gate said no: a problem document with its code
    ├── Unreachable      no answer at all, or not in the gate's language; temporary
    └── EvidenceMissing  an answer whose receipt does not hold: do not use it, tell the city
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from jutong.client.signing import Signer
from jutong_verify import Damaged, Receipt, VerifierKey, leaf_hash, sha256

_SECONDS = 30.0


class CityError(Exception):
    """One sentence, and whether the same call may succeed later without anybody changing anything."""

    temporary = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Refused(CityError):
    def __init__(self, status: int, code: str, sentence: str, request_id: str, receipt: str | None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.request_id, self.receipt = status, code, request_id, receipt
        self.temporary = status in (429, 503, 504)

    def __str__(self) -> str:
        return f"{self.sentence} [{self.code}]"


class Unreachable(CityError):
    temporary = True


class EvidenceMissing(CityError):
    pass


@dataclass(frozen=True)
class Kept:
    """What is kept of an answer: enough to prove, years later and offline, what was given."""

    service: str
    request_id: str
    receipt: str
    #: The exchange as the ledger holds it, base64url; it names the consumer, the ground, items and rows.
    exchange: str

    @property
    def entry(self) -> bytes:
        try:
            return base64.b64decode(self.exchange, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as problem:
            raise EvidenceMissing("交换记录无法读懂") from problem

    @property
    def told(self) -> dict[str, Any]:
        """The exchange's fields; see ``jutong.ledger.Exchange`` for their meaning."""
        try:
            told = json.loads(self.entry)
        except ValueError as problem:
            raise EvidenceMissing("交换记录无法读懂") from problem
        if not isinstance(told, dict):
            raise EvidenceMissing("交换记录无法读懂")
        return told

    def check(self, vkey: VerifierKey) -> None:
        """Return if the ledger's key signed a batch that holds exactly this exchange; else EvidenceMissing."""
        try:
            receipt = Receipt.parse(self.receipt)
            receipt.check(vkey)
        except Damaged as problem:
            raise EvidenceMissing(f"回执不成立：{problem.sentence}") from problem
        if leaf_hash(sha256, self.entry) != receipt.leaf:
            raise EvidenceMissing("回执不是这条交换记录的")


@dataclass(frozen=True)
class Answer:
    rows: list[dict[str, Any]]
    #: Give it to the next call to read on; None on the last page.
    next: str | None
    #: The instant up to which the rows are current, ISO 8601.
    as_of: str
    kept: Kept


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    rows: list[dict[str, Any]]
    #: Give it as ``after`` to read on; None on the last page.
    next: str | None
    #: Give it to ``changes``, once all pages are read.
    since: str
    as_of: str
    kept: Kept


@dataclass(frozen=True)
class Changed:
    """Apply ``deleted`` (keys), then ``rows`` (by key), then remember ``since``."""

    rows: list[dict[str, Any]]
    deleted: list[dict[str, Any]]
    since: str
    as_of: str
    kept: Kept


@dataclass(frozen=True)
class Counts:
    """Groups with their ``count``; those too small to be told come to ``suppressed`` together.

    ``total`` is None where even the whole is below ``least``, or there is nothing.
    """

    groups: list[dict[str, Any]]
    total: int | None
    suppressed: int | None
    least: int
    as_of: str
    kept: Kept


class City:
    """One application's way in.  Not for several threads at once: see ``Cities``."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        signer: Signer | None = None,
        vkey: str | None = None,
        keep: Path | None = None,
        patience: float = 0.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """``token`` or ``signer``, or both: a token alone does not open items of grade 3 and up.  ``vkey``: the ledger's verifier key as the city gave it to you; without it the gate's word is taken
        once.  ``keep``: a file to which every receipt is appended.  ``patience``: seconds for which a temporary
        refusal is asked again, under the same request id, so that it counts once.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not a gate's address: {url!r}")
        if token is None and signer is None:
            raise ValueError("a token or a signer is needed")
        self._parts, self._token, self._signer, self._context = parts, token, signer, context
        self._keep, self._patience = keep, patience
        self._connection: http.client.HTTPConnection | None = None
        self._vkey = VerifierKey.parse(vkey) if vkey else None
        self.receipts: list[Kept] = []

    @property
    def vkey(self) -> VerifierKey:
        if self._vkey is None:
            status, _, body = self._exchange("GET", "/ledger/vkey", b"", {})
            try:
                if status != http.HTTPStatus.OK:
                    raise Damaged(f"HTTP {status}")
                self._vkey = VerifierKey.parse(body.decode())
            except (Damaged, UnicodeDecodeError) as problem:
                raise Unreachable(f"取不到账本的核验公钥：{problem}") from problem
        return self._vkey

    def call(
        self,
        service: str,
        *,
        items: list[str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        as_of: str | None = None,
        **where: object,
    ) -> Answer:
        """Ask a service by its key items, or page through it without them.

        ``as_of``: a past day such as 2026-03-01, for the record as that day ended; services may not offer it.

        Raises Refused with the gate's code, Unreachable, EvidenceMissing.
        """
        asked: dict[str, object] = {"where": {name: _plain(value) for name, value in where.items()}}
        given = {"items": items, "limit": limit, "cursor": cursor, "as_of": as_of}
        asked |= {name: value for name, value in given.items() if value is not None}
        told, as_of, kept = self._ask(service, asked)
        return Answer(told["rows"], told["next"], as_of, kept)

    def call_many(
        self, service: str, keys: Sequence[Mapping[str, object]], *, items: list[str] | None = None
    ) -> list[list[dict[str, Any]]]:
        """Up to 1 000 questions in one call; the rows of each, in the same order.  Raises what ``call`` raises."""
        asked: dict[str, object] = {
            "batch": [{name: _plain(value) for name, value in one.items()} for one in keys]
        }
        if items is not None:
            asked["items"] = items
        told, _, _ = self._ask(service, asked)
        return [one["rows"] for one in told["answers"]]

    def verify(self, service: str, **believed: object) -> dict[str, str]:
        """Ask a 核验 service: item → match, mismatch or not_found.  Raises what ``call`` raises."""
        where = {name: _plain(value) for name, value in believed.items()}
        told, _, _ = self._ask(service, {"where": where})
        return dict(told["result"])

    def page(
        self,
        service: str,
        *,
        after: str | None = None,
        items: list[str] | None = None,
        limit: int | None = None,
        **where: object,
    ) -> Page:
        """One page of a 列表 service.  Keep the first page's ``since``; then ``changes`` tells what came after."""
        asked: dict[str, object] = {"where": {name: _plain(value) for name, value in where.items()}}
        given = {"items": items, "limit": limit, "after": after}
        asked |= {name: value for name, value in given.items() if value is not None}
        told, as_of, kept = self._ask(service, asked)
        return Page(told["rows"], told["next"], told["since"], as_of, kept)

    def changes(self, service: str, since: str, *, items: list[str] | None = None) -> Iterator[Changed]:
        """What a 列表 service has to tell since; go on with the last one's ``since``.

        Within one answer what is deleted goes before what came.  Raises Refused ``gate.changes_gone`` when
        everything must be listed anew.
        """
        while True:
            asked: dict[str, object] = {"where": {}, "since": since}
            if items is not None:
                asked["items"] = items
            told, as_of, kept = self._ask(service, asked)
            since = told["since"]
            yield Changed(told["rows"], told["deleted"], since, as_of, kept)
            if not told["more"]:
                return

    def count(self, service: str, by: Sequence[str] = (), **where: object) -> Counts:
        """Counts of a 统计 service by its first groups; see ``Counts``.  Raises what ``call`` raises."""
        asked: dict[str, object] = {"where": {name: _plain(value) for name, value in where.items()}}
        if by:
            asked["by"] = list(by)
        told, as_of, kept = self._ask(service, asked)
        return Counts(told["groups"], told["total"], told["suppressed"], told["least"], as_of, kept)

    def pages(self, service: str, **asked: Any) -> Iterator[Answer]:
        """Every page of a question; takes what ``call`` takes."""
        while True:
            answer = self.call(service, **asked)
            yield answer
            if answer.next is None:
                return
            asked["cursor"] = answer.next

    def rows(self, service: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Every row of a question, page after page."""
        for page in self.pages(service, **asked):
            yield from page.rows

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"City({self._parts.scheme}://{self._parts.netloc})"

    def _ask(self, service: str, asked: Mapping[str, object]) -> tuple[dict[str, Any], str, Kept]:
        body = json.dumps(asked, ensure_ascii=False).encode()
        request_id = secrets.token_hex(16)
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._once(service, body, request_id)
            except (Refused, Unreachable) as problem:
                if not problem.temporary or time.monotonic() >= deadline:
                    raise
                time.sleep(min(0.5, self._patience))

    def _once(self, service: str, body: bytes, request_id: str) -> tuple[dict[str, Any], str, Kept]:
        path = f"/v1/{quote(service, safe='')}"
        headers = {
            "Content-Type": "application/json",
            "Jutong-Request-Id": request_id,
            "Jutong-Evidence": "1",
        }
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        status, told, answer = self._exchange("POST", path, body, headers)
        read = _read(answer, told)
        if status != http.HTTPStatus.OK:
            raise Refused(
                status,
                str(read.get("code", "")),
                str(read.get("title", "")),
                request_id,
                told.get("jutong-receipt"),
            )
        kept = Kept(service, request_id, told.get("jutong-receipt", ""), told.get("jutong-exchange", ""))
        self._check(kept, answer, read)
        self._remember(kept)
        return read, told.get("jutong-as-of", ""), kept

    def _check(self, kept: Kept, body: bytes, read: Mapping[str, Any]) -> None:
        """The receipt is the ledger's, the exchange is this call's, and its hash is this body's."""
        kept.check(self.vkey)
        told = kept.told
        if told.get("request_id") != kept.request_id or told.get("resource") != kept.service:
            raise EvidenceMissing("交换记录说的是另一次调用")
        if told.get("content") != hashlib.sha256(body).hexdigest() or not _counts(told, read):
            raise EvidenceMissing("交换记录说的是另一份应答")

    def _remember(self, kept: Kept) -> None:
        self.receipts.append(kept)
        if self._keep is not None:
            with self._keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(kept)) + "\n")

    def _exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP exchange; a connection the gate closed meanwhile is opened again, once."""
        for fresh in (self._connection is None, True):
            try:
                connection = self._connect()
                given = dict(headers)
                if self._signer is not None:  # anew each time: a nonce is good once
                    given |= self._signer.headers(method, self._authority, path, body)
                connection.request(method, path, body=body or None, headers=given)
                reply = connection.getresponse()
                return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
            except (OSError, http.client.HTTPException) as problem:
                self.close()
                if fresh:
                    raise Unreachable(f"网关 {self._parts.netloc} 没有应答：{problem}") from problem
        raise AssertionError("the second turn is always fresh")

    @property
    def _authority(self) -> str:
        """As the Host header will say it."""
        host, port = str(self._parts.hostname), self._parts.port
        usual = {"http": 80, "https": 443}[self._parts.scheme]
        named = f"[{host}]" if ":" in host else host
        return named if port in (None, usual) else f"{named}:{port}"

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = str(self._parts.hostname), self._parts.port
            if self._parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=_SECONDS, context=self._context or ssl.create_default_context()
                )
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        return self._connection


def verify_kept(file: Path, vkey: str) -> int:
    """Check every receipt kept in a file, offline; returns how many.  Raises EvidenceMissing naming the line."""
    key, checked = VerifierKey.parse(vkey), 0
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            Kept(**json.loads(line)).check(key)
        except (EvidenceMissing, ValueError, TypeError) as problem:
            raise EvidenceMissing(f"{file.name} 第 {number} 行：{problem}") from problem
        checked += 1
    return checked


def _plain(value: object) -> object:
    """JSON's own scalars as they are, everything else (decimals, dates) as its text."""
    return value if isinstance(value, str | int | bool | float) or value is None else str(value)


def _counts(told: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    """Whether the exchange counts the rows this answer holds; a verification holds none of its own."""
    if "result" in read:
        return told.get("rows") in (0, 1)
    if "groups" in read:
        return bool(told.get("rows") == len(read["groups"]))
    if "deleted" in read:
        return bool(told.get("rows") == len(read["rows"]) + len(read["deleted"]))
    answers = read.get("answers", [read])
    return bool(told.get("rows") == sum(len(one["rows"]) for one in answers))


def _read(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError as problem:
        raise Unreachable("应答不是网关的应答（不是 JSON）") from problem
    if not isinstance(read, dict) or "json" not in headers.get("content-type", ""):
        raise Unreachable("应答不是网关的应答")
    return read
