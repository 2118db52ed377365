"""What a server may answer with, and what it may not: one JSON value, every digit as it was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jutong.terms import Address, BadInput

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
#: Deeper than any record; Python itself gives up a little later.
_DEEPEST = 100


class Digits(str):
    """A JSON number exactly as it was sent."""

    __slots__ = ()


def json_of(content: bytes, headers: Mapping[str, str], where: Address) -> Any:
    """The JSON of an answer; a charset it declares is believed (GBK is common), else it is UTF-8.

    Raises BadInput ``outside.http_not_json``; what JSON readers disagree about (a name twice in one object, half a
    character, NaN, no end of nesting) is refused rather than settled.
    """

    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(given)
        if len(found) != len(given):
            raise BadInput("outside.http_not_json", "接口的回答里，一个对象有两个同名的字段", where)
        return found

    def never(word: str) -> None:
        raise BadInput("outside.http_not_json", f"接口的回答里，{word} 不是 JSON 里的数字", where)

    declared = _CHARSET.search(headers.get("content-type", ""))
    chinese = declared is not None and declared[1].lower() in ("gbk", "gb2312", "gb18030")
    try:
        text = content.decode("gb18030" if chinese else json.detect_encoding(content))
        value = json.loads(
            text, parse_float=Digits, parse_int=Digits, parse_constant=never, object_pairs_hook=pairs
        )
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadInput("outside.http_not_json", "接口的回答里有半个字符（\\ud800 一类）", where) from None
    except ValueError:
        raise BadInput("outside.http_not_json", "接口的回答不是 JSON", where) from None
    except RecursionError:
        raise BadInput("outside.http_not_json", "接口的回答嵌套得太深", where) from None
    return value


def text_of(value: Any) -> str | None:
    """Numbers are the digits they were sent with; what is nested stays JSON. Raises RecursionError, too deep."""
    if value is None:
        return None
    return str(value) if isinstance(value, str) else _json(value)


def _json(value: Any, depth: int = 0) -> str:
    if depth > _DEEPEST:
        raise RecursionError
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        inner = (
            f"{json.dumps(key, ensure_ascii=False)}: {_json(one, depth + 1)}" for key, one in value.items()
        )
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json(one, depth + 1) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
