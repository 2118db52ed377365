"""What is asked: one call read into a value, before anybody's rights come into it.

    GET  /v1/{service}?<key item>=…&items=a,b&limit=100&cursor=…
    POST /v1/{service}   {"where": {"<key item>": …}, "items": ["a"], "limit": 100, "cursor": "…"}

Without key items the call pages through all granted rows.  With them, ``as_of=2026-03-01`` asks for the record as
that day ended, where the service allows it; see ``past``.  Many at once, answered in the same order:

    POST /v1/{service}   {"batch": [{"<key item>": …}, …], "items": ["a"]}

A service of kind 核验 (verify) takes, beside its key items, the values to be compared; see ``verifying``.  列表
(list) takes ``after`` and ``since``, see ``listing``; 统计 (statistics) takes ``by``, see ``counting``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import orjson

from jutong.terms import BadInput, JutongError

MOST_BODY = 64 << 10
#: Seconds within which a body must be here.
BODY_SECONDS = 10.0
#: Keys of one batch at most.
MOST_KEYS = 1_000
_MOST_PARAMETERS = 64
_OPTIONS: Mapping[str, frozenset[str]] = {
    "query": frozenset({"items", "limit", "cursor", "as_of"}),
    "verify": frozenset({"items", "limit", "cursor"}),
    "list": frozenset({"items", "limit", "after", "since"}),
    "statistics": frozenset({"by"}),
    "proxy": frozenset({"items", "limit"}),
}
_MOST_TOKEN = 2_100
_CURSOR = re.compile(r"([0-9a-f-]{1,40})\.([0-9]{1,18})")


class BodyTooLarge(JutongError):
    status = 413


class BodyTooSlow(JutongError):
    status = 408


class LengthRequired(JutongError):
    status = 411


class Asked(NamedTuple):
    #: Key item → the value as it was given: text from a query string, any JSON scalar from a body.
    where: Mapping[str, object]
    #: Items wanted, in order; None for all that are granted.
    items: tuple[str, ...] | None = None
    limit: int | None = None
    #: (generation, row number) of the last row already seen.
    cursor: tuple[str, int] | None = None
    #: Many questions at once, each like ``where``.
    batch: tuple[Mapping[str, object], ...] | None = None
    #: 列表: behind which key, or after which change.
    after: str | None = None
    since: str | None = None
    #: 统计: the items counted by.
    by: tuple[str, ...] | None = None
    #: The past day whose end it is about, as given.
    as_of: str | None = None


def read_query(query_string: str, kind: str = "query") -> Asked:
    """A GET to a service of this kind.  Raises BadInput ``gate.bad_query``."""
    if not query_string:
        return Asked({})
    pairs = query_string.split("&")
    if len(pairs) > _MOST_PARAMETERS:
        raise _bad("参数太多")
    given: dict[str, object] = {}
    encoded = "%" in query_string or "+" in query_string
    for pair in pairs:
        name, _, value = pair.partition("=")
        if encoded:
            name, value = _decoded(name), _decoded(value)
        if name in given:
            raise _bad(f"参数 {name[:62]} 给了两次")
        given[name] = value
    options = _OPTIONS[kind]
    if given.keys().isdisjoint(options):
        return Asked(given)
    found = {name: given.pop(name) for name in options if name in given}
    for name in ("items", "by"):
        if name in found:
            found[name] = str(found[name]).split(",") if found[name] else None
    return _asked(given, found)


def read_body(body: bytes, kind: str = "query") -> Asked:
    """A POST to a service of this kind.  Raises BadInput ``gate.bad_query``."""
    try:
        given: Any = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as problem:
        raise _bad("请求体不是 JSON") from problem
    _check_once(body)
    options = _OPTIONS[kind]
    if kind in ("query", "verify") and isinstance(given, dict) and "batch" in given:
        return _batch(given)
    if not isinstance(given, dict) or not given.keys() <= {"where", *options}:
        said = "、".join(sorted(options))
        raise _bad(f"请求体只能有 where、{said}" + ("，或 batch、items" if kind == "query" else ""))
    where = given.get("where", {})
    if not _is_question(where):
        raise _bad("where 应为 {信息项: 值}")
    return _asked(where, {name: given[name] for name in options if name in given})


def _asked(where: Mapping[str, object], options: Mapping[str, object]) -> Asked:
    return Asked(
        where,
        _items(options.get("items")),
        _limit(options.get("limit")),
        _cursor(options.get("cursor")),
        None,
        _token(options, "after"),
        _token(options, "since"),
        _items(options.get("by"), "by"),
        _day(options.get("as_of")),
    )


def _token(options: Mapping[str, object], name: str) -> str | None:
    given = options.get(name)
    if given is None or (isinstance(given, str) and 0 < len(given) <= _MOST_TOKEN):
        return given
    raise BadInput("gate.bad_cursor", f"{name} 无法读懂")


def _batch(given: Mapping[str, Any]) -> Asked:
    batch = given["batch"]
    if not given.keys() <= {"batch", "items"} or not isinstance(batch, list) or not batch:
        raise _bad("batch 应为 {信息项: 值} 的列表，另只能有 items")
    if len(batch) > MOST_KEYS:
        raise BadInput("gate.too_many_keys", f"一次至多查询 {MOST_KEYS} 个，给了 {len(batch)} 个")
    if not all(one and _is_question(one) and one.keys() == batch[0].keys() for one in batch):
        raise _bad("batch 中每一项应为 {信息项: 值}，信息项须相同")
    return Asked(batch[0], _items(given.get("items")), batch=tuple(batch))


def _check_once(body: bytes) -> None:
    """A name given twice would be read one way here and another way by whoever looked at it before us."""

    def once(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise _bad("请求体中有重复的名称")

    try:
        json.loads(body or b"{}", object_pairs_hook=once)
    except RecursionError as problem:
        raise _bad("请求体嵌套太深") from problem


def _is_question(where: object) -> bool:
    return isinstance(where, dict) and not any(isinstance(value, list | dict) for value in where.values())


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as problem:
        raise _bad("查询字符串不是 UTF-8") from problem


def _day(given: object) -> str | None:
    if given is None or (isinstance(given, str) and len(given) == 10):
        return given
    raise _bad("as_of 应为日期，形如 2026-03-01")


def _items(given: object, name: str = "items") -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one for one in given):
        raise _bad(f"{name} 应为信息项名的列表")
    return tuple(dict.fromkeys(given))


def _limit(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not re.fullmatch(r"[1-9][0-9]{0,5}", str(given)):
        raise _bad("limit 应为正整数")
    return int(str(given))


def _cursor(given: object) -> tuple[str, int] | None:
    if given is None:
        return None
    found = _CURSOR.fullmatch(str(given))
    if found is None:
        raise _bad("cursor 无法读懂")
    return found[1], int(found[2])


def _bad(sentence: str) -> BadInput:
    return BadInput("gate.bad_query", sentence)
