"""One call of an interface: signed in, patient, bounded.

A busy or broken server (429, 5xx, a cut line) is asked again after a pause that doubles, or after what it asks for; an
answer that is too large or comes too slowly is refused.
"""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urljoin, urlsplit

from jutong.outside.http.addresses import checked_url, connection_to, resolved
from jutong.outside.http.answers import json_of
from jutong.outside.http.deadline import Deadline
from jutong.terms import Address, BadInput, Unavailable

TRIES, LARGEST, SLOWEST, HOPS = 5, 64 << 20, 120.0, 3
#: Seconds before the second try, doubled each time, and the longest wait a server may ask for.
PAUSE, LONGEST = 0.5, 60.0
_BLOCK = 1 << 16


@dataclass
class Caller:
    """``auth``: ``{"type": "header"|"query", "name"}``, ``{"type": "bearer"}``, ``{"type": "basic", "user"}`` or
    ``{"type": "oauth", "url", "client_id", "scope"}``; the secret is the key, password or client secret."""

    auth: Mapping[str, Any]
    secret: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Calls a second at most.
    rate: float = 10.0
    timeout: float = 30.0
    #: Bytes of one answer at most, and seconds it may take to come.
    largest: int = field(default_factory=lambda: LARGEST)
    slowest: float = field(default_factory=lambda: SLOWEST)
    _last: float = 0.0
    _token: tuple[str, float] = ("", 0.0)

    def get(self, url: str, params: Mapping[str, Any]) -> tuple[Any, Mapping[str, str]]:
        """The JSON an address answers with, and its headers (names in lower case).

        Raises Unavailable ``outside.http_unreachable``, BadInput ``outside.http_refused``, ``outside.http_not_json``,
        ``outside.http_too_large``, ``outside.http_too_slow``, ``outside.http_config``.
        """
        return self._patiently("GET", *self._dressed(url, params), None)

    def once(self, url: str, params: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """One try without patience: status, headers (names in lower case) and body, whatever they are.

        Raises Unavailable ``outside.http_unreachable``, BadInput ``outside.http_refused`` (sent elsewhere),
        ``outside.http_too_large``, ``outside.http_too_slow``.
        """
        try:
            return self._once("GET", *self._dressed(url, params), None)
        except (OSError, http.client.HTTPException) as problem:
            where = Address(file=urlsplit(url).hostname)
            raise Unavailable(
                "outside.http_unreachable", f"接口连接不上：{self._hidden(problem)}", where
            ) from None

    def _dressed(self, url: str, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """Address and headers with whatever the interface knows us by."""
        headers = {"Accept": "application/json", **self.headers}
        asked = dict(params)
        kind = self.auth.get("type")
        if kind == "header":
            headers[str(self.auth.get("name", "X-API-Key"))] = self.secret or ""
        elif kind == "query":
            asked[str(self.auth.get("name", "key"))] = self.secret or ""
        elif kind == "bearer":
            headers["Authorization"] = f"Bearer {self.secret}"
        elif kind == "basic":
            pair = f"{self.auth.get('user', '')}:{self.secret or ''}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif kind == "oauth":
            headers["Authorization"] = f"Bearer {self._oauth()}"
        elif kind:
            raise BadInput("outside.http_config", f"不认得认证方式「{kind}」")
        if asked:
            url += ("&" if "?" in url else "?") + urlencode(asked)
        return url, headers

    def _oauth(self) -> str:
        token, until = self._token
        if token and time.monotonic() < until:
            return token
        form = {
            "grant_type": "client_credentials",
            "client_id": self.auth.get("client_id", ""),
            "client_secret": self.secret or "",
        }
        if self.auth.get("scope"):
            form["scope"] = self.auth["scope"]
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        told, _ = self._patiently("POST", str(self.auth.get("url", "")), headers, urlencode(form).encode())
        if not isinstance(told, dict) or not told.get("access_token"):
            raise BadInput("outside.http_refused", "认证服务没有给出令牌")
        token, lasts = str(told["access_token"]), str(told.get("expires_in"))
        if not _TOKEN.fullmatch(token):
            raise BadInput("outside.http_refused", "认证服务给出的令牌里有不该有的字符")
        seconds = min(int(lasts), 86_400) if _SECONDS.fullmatch(lasts) else 300
        self._token = (token, time.monotonic() + seconds * 0.9)
        return token

    def _patiently(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[Any, Mapping[str, str]]:
        pause = PAUSE
        where = Address(file=urlsplit(url).hostname)
        for attempt in range(TRIES):
            wait = self._last + 1 / self.rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self._last = time.monotonic()
            try:
                status, told, content = self._once(method, url, headers, body)
            except (OSError, http.client.HTTPException) as problem:
                if attempt + 1 == TRIES:
                    raise Unavailable(
                        "outside.http_unreachable", f"接口连接不上：{self._hidden(problem)}", where
                    ) from None
            else:
                if status == 200:
                    return json_of(content, told, where), told
                if status != 429 and status < 500:
                    raise BadInput("outside.http_refused", f"接口拒绝了请求（{status}）", where)
                if attempt + 1 == TRIES:
                    raise Unavailable("outside.http_unreachable", f"接口一直答不上来（{status}）", where)
                pause = max(pause, min(_asked(told.get("retry-after", "")), LONGEST))
            time.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        for _ in range(HOPS):
            parts = checked_url(url)
            address = resolved(parts)
            with Deadline(self.slowest) as deadline:
                connection = connection_to(parts, address, self.timeout, deadline.watch)
                try:
                    path = quote(parts.path or "/", _PLAIN) + (
                        f"?{quote(parts.query, _PLAIN)}" if parts.query else ""
                    )
                    connection.request(method, path, body, dict(headers))
                    answer = connection.getresponse()
                    told = {name.lower(): value for name, value in answer.getheaders()}
                    if answer.status not in (301, 302, 307, 308) or "location" not in told:
                        return answer.status, told, _read(answer, self.largest, deadline)
                except (OSError, http.client.HTTPException):
                    if deadline.over:
                        raise _too_slow(self.slowest) from None
                    raise
                except ValueError:  # a header or address that HTTP cannot carry
                    raise BadInput(
                        "outside.http_config",
                        "接口地址、请求头或密钥里有 HTTP 传不了的字符",
                        Address(parts.hostname),
                    ) from None
                finally:
                    connection.close()
            url = _same_host(url, told["location"])
        raise BadInput("outside.http_refused", "接口转来转去，没有回答")

    def _hidden(self, problem: Exception) -> str:
        """Words of a problem without key or token, in whatever dress, and without what an address carries."""
        words = " ".join(str(problem).split()) or type(problem).__name__
        for secret in filter(None, (self.secret, self._token[0])):
            pair = f"{self.auth.get('user', '')}:{secret}"
            for dress in (
                secret,
                quote(secret),
                quote_plus(secret),
                base64.b64encode(pair.encode()).decode(),
            ):
                words = words.replace(dress, "…")
        return re.sub(r"\?\S+", "?…", words)


#: Characters of an address that stay as they are; all others, Chinese above all, are sent as RFC 3986 has it.
_PLAIN = "/%:@!$&'()*+,;=~-._?[]"
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_SECONDS = re.compile(r"[0-9]{1,9}")


def _same_host(url: str, location: str) -> str:
    """Where a server sends us on to: a key is for the host it was given for, and never goes out in the open."""
    target = urljoin(url, location)
    here, there = urlsplit(url), urlsplit(target)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise BadInput("outside.http_refused", "接口要求转到另一台主机，不跟随")
    return target


def _asked(retry_after: str) -> float:
    """Seconds a busy server asks for: a number of them, or an instant (RFC 9110 §10.2.3)."""
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
        return (until.astimezone(dt.UTC) - dt.datetime.now(dt.UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _read(answer: http.client.HTTPResponse, largest: int, deadline: Deadline) -> bytes:
    """The whole body; a server that floods is left."""
    content = bytearray()
    while block := answer.read1(_BLOCK):
        content += block
        if len(content) > largest:
            raise BadInput(
                "outside.http_too_large", f"一页回答超过 {largest / (1 << 20):g} MB，请把每页条数调小"
            )
    if deadline.over or answer.length:  # a line that is cut looks like an end to whoever counts on none
        raise http.client.IncompleteRead(bytes(content[:0]), answer.length)
    return bytes(content)


def _too_slow(slowest: float) -> BadInput:
    return BadInput("outside.http_too_slow", f"一页回答 {slowest:g} 秒还没有传完")
