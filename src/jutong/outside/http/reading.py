"""Reading an HTTP JSON interface: its records, page by page, every value as the text the interface sent.

Paging (``locator["paging"]``), by what the interface understands:

    {"by": "page",   "parameter": "page", "size_parameter": "size", "size": 100, "first": 1}
    {"by": "offset", "parameter": "offset", "size_parameter": "limit", "size": 100}
    {"by": "cursor", "parameter": "cursor", "at": "next_cursor"}
    {"by": "link"}                                RFC 8288 Link header, or ``at`` for a URL in the body
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import pyarrow as pa

from jutong.outside.http.addresses import checked_url, resolved
from jutong.outside.http.answers import text_of
from jutong.outside.http.calling import Caller
from jutong.outside.reading import Found, Reading, Since, schema_of
from jutong.terms import Address, BadInput, Item

#: Pages after which an interface is taken to go round in circles.
MOST_PAGES = 100_000
#: Headers that hold secrets; a source's config is shown and exported.
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class HttpSource:
    """``config``: ``url`` (of the interface), ``auth``, ``headers``, ``rate``, ``timeout``.  A ``locator``: ``path``,
    ``records`` (dotted way to the list in the answer), ``parameters``, ``paging``, ``since`` (the parameter that takes
    the watermark), and ``columns`` (names; without them, those of the first page)."""

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        self._base = str(config.get("url", ""))
        resolved(checked_url(self._base))
        headers = _mapping(config, "headers")
        secrets = sorted(name for name in headers if name.lower() in _SECRET_HEADERS)
        if secrets:
            raise BadInput(
                "outside.http_config", f"密钥不能写在请求头「{secrets[0]}」里，请用 auth，另存为密文"
            )
        self._caller = Caller(
            _mapping(config, "auth"), secret, headers, _number(config, "rate", 10, 0.01, 1000),
            _number(config, "timeout", 30, 0.1, 300),
        )  # fmt: skip

    def find(self) -> list[Found]:
        return []

    def file(self, locator: Mapping[str, Any]) -> Path | None:  # noqa: ARG002  an answer is no file
        return None

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,
        file: Path | None = None,  # noqa: ARG002  every kind is asked alike
    ) -> Reading:
        """Raises BadInput ``outside.http_shape`` and what ``Caller.get`` raises."""
        url = urljoin(self._base.rstrip("/") + "/", str(locator.get("path", "")).lstrip("/"))
        address = Address(file=urlsplit(url).hostname, sheet=str(locator.get("path", "")))
        if _origin(url) != _origin(self._base):
            raise BadInput("outside.http_url", "接口路径不能指到另一台主机", address)
        asked = {name: str(value) for name, value in _mapping(locator, "parameters").items()}
        if since is not None and since.value is not None and locator.get("since"):
            asked[str(locator["since"])] = since.value
        pages = self._pages(url, asked, locator, address)
        first = next(pages, [])
        names = [str(name) for name in locator.get("columns") or _names(first)]
        if not names:
            raise BadInput("outside.http_shape", "接口没有给出任何记录，也没有登记列名", address)
        if since is not None and since.item not in names:
            raise BadInput("outside.watermark_missing", f"记录里没有增量字段「{since.item}」", address)
        columns = tuple(Item(name, name) for name in names)
        reading = Reading(columns, iter(()), since=None)
        reading.batches = _batches(chain([first], pages), columns, reading, since, address)
        return reading

    def _pages(
        self, url: str, asked: dict[str, str], locator: Mapping[str, Any], address: Address
    ) -> Iterator[list[Any]]:
        paging = _mapping(locator, "paging")
        by, size = paging.get("by"), int(_number(paging, "size", 100, 1, 1_000_000))
        at, seen = int(_number(paging, "first", 1 if by == "page" else 0, 0, 1 << 31)), set[str]()
        before: list[Any] = []
        for _ in range(MOST_PAGES):
            params = dict(asked)
            if by in ("page", "offset"):
                params[str(paging.get("parameter", by))] = str(at)
                if paging.get("size_parameter"):
                    params[str(paging["size_parameter"])] = str(size)
            body, headers = self._caller.get(url, params)
            rows = _at(body, str(locator.get("records", "")), address)
            if not isinstance(rows, list):
                raise BadInput("outside.http_shape", "接口的回答里，登记的位置上不是记录列表", address)
            if by in ("page", "offset") and rows and rows == before:  # it does not turn pages for what we ask
                raise BadInput("outside.http_circle", "接口每一页都给出同样的记录，请核对分页参数", address)
            before = rows
            yield rows
            if by == "page" and rows:
                at += 1
            elif by == "offset" and rows:
                at += len(rows)
            elif by in ("cursor", "link"):
                following = _following(body, headers, paging, address)
                if not following:
                    return
                if following in seen:
                    raise BadInput("outside.http_circle", "接口的下一页又指回了读过的页", address)
                seen.add(following)
                if by == "cursor":
                    asked = {**asked, str(paging.get("parameter", "cursor")): following}
                else:
                    url, asked = urljoin(url, following), {}
                    if _origin(url) != _origin(self._base):
                        raise BadInput("outside.http_url", "下一页指到了另一台主机，不跟随", address)
            else:
                return
        raise BadInput("outside.http_circle", f"接口超过 {MOST_PAGES} 页还没有完", address)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def _following(
    body: Any, headers: Mapping[str, str], paging: Mapping[str, Any], address: Address
) -> str | None:
    if paging.get("at"):
        return text_of(_at(body, str(paging["at"]), address, missing=None))
    found = _NEXT.search(headers.get("link", ""))
    return found[1] if found else None


def _at(body: Any, way: str, address: Address, missing: Any = ...) -> Any:
    for step in filter(None, way.split(".")):
        if not isinstance(body, dict) or step not in body:
            if missing is not ...:
                return missing
            raise BadInput("outside.http_shape", f"接口的回答里没有「{way}」", address)
        body = body[step]
    return body


def _names(rows: list[Any]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        if isinstance(row, dict):
            names.update(dict.fromkeys(row))
    return list(names)


def _batches(
    pages: Iterator[list[Any]] | chain[list[Any]],
    columns: tuple[Item, ...],
    reading: Reading,
    since: Since | None,
    address: Address,
) -> Iterator[pa.RecordBatch]:
    """Records as rows; a record without a field has none there, a field nobody registered holds the batch."""
    names = [column.name for column in columns]
    known, number = set(names), 0
    if since is not None:
        reading.watermark = since.value
    for rows in pages:
        for row in rows:
            number += 1
            where = Address(address.file, address.sheet, number)
            if not isinstance(row, dict):
                raise BadInput("outside.http_shape", "记录不是一个对象", where)
            if not known.issuperset(row):
                extra = "、".join(f"「{name}」" for name in row if name not in known)
                raise BadInput("outside.http_shape", f"记录里有没登记的字段 {extra}，请在列名里登记", where)
        if rows:
            arrays = [
                _array([row.get(name) for row in rows], name, number - len(rows), address) for name in names
            ]
            if since is not None:
                values = [text for row in rows if (text := text_of(row.get(since.item))) is not None]
                reading.watermark = _later([*values, *([reading.watermark] if reading.watermark else [])])
            yield pa.record_batch(arrays, schema=schema_of(columns))


def _array(values: list[Any], name: str, before: int, address: Address) -> pa.Array[Any]:
    texts: list[str | None] = []
    for place, value in enumerate(values, start=before + 1):
        try:
            text = text_of(value)
        except RecursionError:
            where = Address(address.file, address.sheet, place, name)
            raise BadInput("outside.http_shape", "这个值嵌套得太深", where) from None
        if text is not None and "\0" in text:
            where = Address(address.file, address.sheet, place, name)
            raise BadInput("outside.http_shape", "值里有空字符（\\u0000），没有系统收得下", where)
        texts.append(text)
    return pa.array(texts, pa.string())


def _mapping(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = config.get(name) or {}
    if not isinstance(value, Mapping):
        raise BadInput("outside.http_config", f"{name} 须是名称到值的对照")
    return {str(one): inner for one, inner in value.items()}


def _number(config: Mapping[str, Any], name: str, usual: float, least: float, most: float) -> float:
    try:
        value = float(config.get(name, usual))
    except (TypeError, ValueError):
        value = math.nan
    if math.isnan(value):
        raise BadInput("outside.http_config", f"{name} 须是数")
    return min(most, max(least, value))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _later(values: list[str]) -> str | None:
    """The highest watermark: whole numbers by their worth, anything else as text."""
    if all(value.isascii() and value.isdigit() for value in values):
        return max(values, key=int, default=None)
    return max(values, default=None)
