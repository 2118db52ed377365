"""JSON and NDJSON: numbers keep their own text (law 2), a missing value and an empty one stay different."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from jutong.outside.files.records import Numbered, read_records
from jutong.outside.reading import Reading
from jutong.terms import Address, BadInput

_MAX_LINE, _MAX_WHOLE = 4 << 20, 256 << 20
_MOST_DEPTH = 200
#: An escaped half of a character beyond the first plane; two of them make one.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """NDJSON line by line; a JSON array of objects, or an object that holds one (``rows`` names it), whole.

    Raises BadInput ``outside.json_broken``, ``json_not_rows``, ``json_duplicate_key``, ``json_encoding``,
    ``json_line_too_long``, ``json_too_large``, ``json_nul``, with the line.
    """
    if _by_line(path, name):
        return read_records(partial(_lines, path, name), name, declared)
    if path.stat().st_size > _MAX_WHOLE:
        raise BadInput(
            "outside.json_too_large", "JSON 超过 256 MB，请改为每行一个对象（NDJSON）", Address(file=name)
        )
    rows = _rows_of(_parsed(_text(path.read_bytes(), name, 1), name, 1), declared.get("rows"), name)
    return read_records(partial(_objects, rows, name), name, declared)


def _by_line(path: Path, name: str) -> bool:
    """Whether the first line that says anything is an object of its own, and another follows."""
    said = 0
    with path.open("rb") as opened:
        for _ in range(1000):
            line = opened.readline(_MAX_LINE)
            plain = line.lstrip(b"\xef\xbb\xbf").strip()
            if not line or (plain and said):
                return bool(said) and (bool(plain) or name.lower().endswith((".ndjson", ".jsonl")))
            if plain:
                if not (plain.startswith(b"{") and (plain.endswith(b"}") or len(line) == _MAX_LINE)):
                    return False
                said = 1
    return bool(said)


def _lines(path: Path, name: str) -> Iterator[Numbered]:
    with path.open("rb") as opened:
        number = 0
        while line := opened.readline(_MAX_LINE + 1):
            number += 1
            if len(line) > _MAX_LINE:
                raise BadInput(
                    "outside.json_line_too_long",
                    f"这一行超过 {_MAX_LINE >> 20} MB",
                    Address(name, row=number),
                )
            if not line.strip(b"\xef\xbb\xbf \t\r\n"):
                continue
            try:
                value = _parsed(_text(line, name, number).rstrip(), name, number)
            except BadInput as problem:
                yield number, problem
                continue
            yield number, _record(value, name, number)


def _objects(rows: list[Any], name: str) -> Iterator[Numbered]:
    for number, value in enumerate(rows, start=1):
        yield number, _record(value, name, number)


def _rows_of(value: Any, wanted: str | None, name: str) -> list[Any]:
    if wanted:
        for part in wanted.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    elif isinstance(value, dict):
        lists = [
            one for one in value.values() if isinstance(one, list) and any(isinstance(x, dict) for x in one)
        ]
        value = lists[0] if len(lists) == 1 else [value] if not lists else None
    if not isinstance(value, list):
        raise BadInput("outside.json_not_rows", "JSON 里找不到唯一的一组行，请写明 rows", Address(file=name))
    return value


def _record(value: Any, name: str, number: int) -> dict[str, str | None] | BadInput:
    if not isinstance(value, dict):
        return BadInput("outside.json_not_rows", "这一行不是一个对象", Address(name, row=number))
    for key, inner in value.items():
        if "\0" in key or (isinstance(inner, str) and "\0" in inner):
            return BadInput(
                "outside.json_nul",
                "值里有空字符（\\u0000），没有系统收得下",
                Address(name, row=number, item=key.replace("\0", "")),
            )
    try:
        return {key: _plain(inner) for key, inner in value.items()}
    except RecursionError:
        return BadInput("outside.json_broken", "JSON 嵌套得太深", Address(name, row=number))


def _plain(value: Any) -> str | None:
    if value is None or isinstance(value, _Text):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return _dumped(value)


class _Text(str):
    """A number's own text."""

    __slots__ = ()


def _dumped(value: Any, depth: int = 0) -> str:
    """A nested value as JSON, its numbers as they were written. Raises RecursionError beyond ``_MOST_DEPTH``."""
    if depth > _MOST_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(key, ensure_ascii=False)}:{_dumped(inner, depth + 1)}"
            for key, inner in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_dumped(inner, depth + 1) for inner in value) + "]"
    return str(value) if isinstance(value, _Text) else json.dumps(value, ensure_ascii=False)


def _text(data: bytes, name: str, row: int) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise BadInput(
            "outside.json_encoding",
            f"第 {problem.start + 1} 字节不是有效的 UTF-8，JSON 只能是 UTF-8",
            Address(name, row=row),
        ) from None


def _parsed(text: str, name: str, row: int) -> Any:
    def pairs(given: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(given)
        if len(found) != len(given):
            twice = next(key for place, (key, _) in enumerate(given) if key in dict(given[:place]))
            raise BadInput(
                "outside.json_duplicate_key", f"「{twice}」出现了两次", Address(name, row=row, item=twice)
            )
        return found

    def never(word: str) -> None:
        raise BadInput("outside.json_broken", f"{word} 不是 JSON 里的数字", Address(name, row=row))

    try:
        value = json.loads(
            text, parse_int=_Text, parse_float=_Text, parse_constant=never, object_pairs_hook=pairs
        )
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadInput("outside.json_broken", "有半个字符（\\ud800 一类）", Address(name, row=row)) from None
    except json.JSONDecodeError as problem:
        raise BadInput(
            "outside.json_broken", f"不是完整的 JSON（第 {problem.colno} 个字符附近）",
            Address(name, row=row + problem.lineno - 1),
        ) from None  # fmt: skip
    except RecursionError:
        raise BadInput("outside.json_broken", "JSON 嵌套得太深", Address(name, row=row)) from None
    return value
