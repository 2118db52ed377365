"""One call of an interface: signed in, patient, bounded.

A busy or broken server (429, 5xx, a cut line) is asked again after a pause that doubles, or after what it asks for; an
answer that is too large or comes too slowly is refused.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from jutong.outside.http.addresses import checked_url, connection_to, resolved
from jutong.terms import Address, BadInput, Unavailable

TRIES, LARGEST, SLOWEST, HOPS = 5, 64 << 20, 120.0, 3
#: Seconds before the second try, doubled each time, and the longest wait a server may ask for.
PAUSE, LONGEST = 0.5, 60.0
_BLOCK = 1 << 16


class Digits(str):
    """A JSON number exactly as it was sent."""

    __slots__ = ()


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
        ``outside.http_too_large``, ``outside.http_too_slow``.
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
        lasts = float(told.get("expires_in") or 300)
        self._token = (str(told["access_token"]), time.monotonic() + lasts * 0.9)
        return self._token[0]

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
                    try:
                        return json.loads(content, parse_float=Digits, parse_int=Digits), told
                    except ValueError:
                        raise BadInput("outside.http_not_json", "接口的回答不是 JSON", where) from None
                if status != 429 and status < 500:
                    raise BadInput("outside.http_refused", f"接口拒绝了请求（{status}）", where)
                if attempt + 1 == TRIES:
                    raise Unavailable("outside.http_unreachable", f"接口一直答不上来（{status}）", where)
                asked = told.get("retry-after", "")
                pause = max(pause, min(float(asked), LONGEST)) if asked.isdigit() else pause
            time.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        for _ in range(HOPS):
            parts = checked_url(url)
            connection = connection_to(parts, resolved(parts), self.timeout)
            try:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request(method, path, body, dict(headers))
                answer = connection.getresponse()
                told = {name.lower(): value for name, value in answer.getheaders()}
                if answer.status in (301, 302, 307, 308) and "location" in told:
                    target = urljoin(url, told["location"])
                    if urlsplit(target).netloc != parts.netloc:  # a key is for the host it was given for
                        raise BadInput("outside.http_refused", "接口要求转到另一台主机，不跟随")
                    url = target
                    continue
                return answer.status, told, _read(answer, self.largest, self.slowest)
            finally:
                connection.close()
        raise BadInput("outside.http_refused", "接口转来转去，没有回答")

    def _hidden(self, problem: Exception) -> str:
        words = " ".join(str(problem).split()) or type(problem).__name__
        return words.replace(self.secret, "…") if self.secret else words


def _read(answer: http.client.HTTPResponse, largest: int, slowest: float) -> bytes:
    """The whole body; a server that drips or floods is left."""
    content, began = bytearray(), time.monotonic()
    while block := answer.read1(_BLOCK):
        content += block
        if len(content) > largest:
            raise BadInput(
                "outside.http_too_large", f"一页回答超过 {largest / (1 << 20):g} MB，请把每页条数调小"
            )
        if time.monotonic() - began > slowest:
            raise BadInput("outside.http_too_slow", f"一页回答 {slowest:g} 秒还没有传完")
    return bytes(content)
