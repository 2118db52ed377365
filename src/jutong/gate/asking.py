"""What is asked: one call read into a value, before anybody's rights come into it.

    GET  /v1/{service}?<key item>=…&items=a,b&limit=100&cursor=…
    POST /v1/{service}   {"where": {"<key item>": …}, "items": ["a"], "limit": 100, "cursor": "…"}

Without key items the call pages through all granted rows.  Many at once, answered in the same order:

    POST /v1/{service}   {"batch": [{"<key item>": …}, …], "items": ["a"]}

A service of kind 核验 (verify) takes, beside its key items, the values to be compared; see ``verifying``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import orjson

from jutong.terms import BadInput

MOST_BODY = 64 << 10
#: Keys of one batch at most.
MOST_KEYS = 1_000
_MOST_PARAMETERS = 64
_OPTIONS = frozenset({"items", "limit", "cursor"})
_CURSOR = re.compile(r"([0-9a-f-]{1,40})\.(\d{1,18})")


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


def read_query(query_string: str) -> Asked:
    """A GET.  Raises BadInput ``gate.bad_query``."""
    if not query_string:
        return Asked({})
    pairs = query_string.split("&")
    if len(pairs) > _MOST_PARAMETERS:
        raise _bad("参数太多")
    given: dict[str, object] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = _decoded(name), _decoded(value)
        if name in given:
            raise _bad(f"参数 {name[:62]} 给了两次")
        given[name] = value
    if given.keys().isdisjoint(_OPTIONS):
        return Asked(given)
    items = str(given.pop("items", ""))
    limit, cursor = given.pop("limit", None), given.pop("cursor", None)
    return Asked(given, _items(items.split(",") if items else None), _limit(limit), _cursor(cursor))


def read_body(body: bytes) -> Asked:
    """A POST.  Raises BadInput ``gate.bad_query``."""
    try:
        given: Any = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as problem:
        raise _bad("请求体不是 JSON") from problem
    if not isinstance(given, dict) or not given.keys() <= {"where", "items", "limit", "cursor", "batch"}:
        raise _bad("请求体只能有 where、items、limit、cursor，或 batch、items")
    if "batch" in given:
        return _batch(given)
    where = given.get("where", {})
    if not _is_question(where):
        raise _bad("where 应为 {信息项: 值}")
    return Asked(where, _items(given.get("items")), _limit(given.get("limit")), _cursor(given.get("cursor")))


def _batch(given: Mapping[str, Any]) -> Asked:
    batch = given["batch"]
    if not given.keys() <= {"batch", "items"} or not isinstance(batch, list) or not batch:
        raise _bad("batch 应为 {信息项: 值} 的列表，另只能有 items")
    if len(batch) > MOST_KEYS:
        raise BadInput("gate.too_many_keys", f"一次至多查询 {MOST_KEYS} 个，给了 {len(batch)} 个")
    if not all(one and _is_question(one) and one.keys() == batch[0].keys() for one in batch):
        raise _bad("batch 中每一项应为 {信息项: 值}，信息项须相同")
    return Asked(batch[0], _items(given.get("items")), batch=tuple(batch))


def _is_question(where: object) -> bool:
    return isinstance(where, dict) and not any(isinstance(value, list | dict) for value in where.values())


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError as problem:
        raise _bad("查询字符串不是 UTF-8") from problem


def _items(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and one for one in given):
        raise _bad("items 应为信息项名的列表")
    return tuple(dict.fromkeys(given))


def _limit(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not re.fullmatch(r"[1-9]\d{0,5}", str(given)):
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
