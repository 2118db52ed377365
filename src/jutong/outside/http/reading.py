"""Reading an HTTP JSON interface: its records, page by page, every value as the text the interface sent.

Paging (``locator["paging"]``), by what the interface understands:

    {"by": "page",   "parameter": "page", "size_parameter": "size", "size": 100, "first": 1}
    {"by": "offset", "parameter": "offset", "size_parameter": "limit", "size": 100}
    {"by": "cursor", "parameter": "cursor", "at": "next_cursor"}
    {"by": "link"}                                RFC 8288 Link header, or ``at`` for a URL in the body
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import pyarrow as pa

from jutong.outside.http.addresses import checked_url, resolved
from jutong.outside.http.calling import Caller, Digits
from jutong.outside.reading import Found, Reading, Since, schema_of
from jutong.terms import Address, BadInput, Item

#: Pages after which an interface is taken to go round in circles.
MOST_PAGES = 100_000
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class HttpSource:
    """``config``: ``url`` (of the interface), ``auth``, ``headers``, ``rate``, ``timeout``.  A ``locator``: ``path``,
    ``records`` (dotted way to the list in the answer), ``parameters``, ``paging``, ``since`` (the parameter that takes
    the watermark), and ``columns`` (names; without them, those of the first page)."""

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        self._base = str(config.get("url", ""))
        resolved(checked_url(self._base))
        self._caller = Caller(
            dict(config.get("auth") or {}), secret, dict(config.get("headers") or {}),
            max(0.01, float(config.get("rate", 10))), min(300.0, float(config.get("timeout", 30))),
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
        if urlsplit(url).netloc != urlsplit(self._base).netloc:
            raise BadInput("outside.http_url", "接口路径不能指到另一台主机", address)
        asked = {name: str(value) for name, value in dict(locator.get("parameters") or {}).items()}
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
        paging = dict(locator.get("paging") or {})
        by, size = paging.get("by"), int(paging.get("size", 100))
        at, seen = int(paging.get("first", 1 if by == "page" else 0)), set[str]()
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
                    if urlsplit(url).netloc != urlsplit(self._base).netloc:
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
        return _text(_at(body, str(paging["at"]), address, missing=None))
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
            arrays = [pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names]
            if since is not None:
                values = [text for row in rows if (text := _text(row.get(since.item))) is not None]
                reading.watermark = _later([*values, *([reading.watermark] if reading.watermark else [])])
            yield pa.record_batch(arrays, schema=schema_of(columns))


def _text(value: Any) -> str | None:
    """Numbers are the digits they were sent with; what is nested stays JSON."""
    if value is None:
        return None
    return str(value) if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(key, ensure_ascii=False)}: {_json(inner)}" for key, inner in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _later(values: list[str]) -> str | None:
    """The highest watermark: whole numbers by their worth, anything else as text."""
    if all(value.isascii() and value.isdigit() for value in values):
        return max(values, key=int, default=None)
    return max(values, default=None)
