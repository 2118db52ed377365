"""What a visitor gives, read into a frozen dataclass: query strings, forms and JSON bodies alike.

The dataclass says everything once: names, types, bounds and Chinese titles
(``Annotated[str, Field(title="使用依据", min_length=4)]``); the reader, the sentences about mistakes and the
OpenAPI description are derived from it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from jutong.terms import BadInput

T = TypeVar("T")


class BadForm(BadInput):
    """Some fields cannot be taken; all of them are told at once (条例第21条: 一次性告知)."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        first = next(iter(fields.values()))
        more = f"；另有 {len(fields) - 1} 处" if len(fields) > 1 else ""
        super().__init__("portal.bad_form", f"{first}{more}")
        self.fields = dict(fields)


def read(kind: type[T], given: Mapping[str, Any]) -> T:
    """A ``kind`` from what was given; unknown names are ignored, as browsers send buttons too.

    Raises BadForm naming every field that cannot be taken.
    """
    adapter: TypeAdapter[T] = _adapter(kind)  # type: ignore[arg-type]  # a dataclass's type is hashable
    try:
        value: T = adapter.validate_python(_wanted(kind, given))
        return value
    except ValidationError as problem:
        titles = _titles(kind)
        fields: dict[str, str] = {}
        for error in problem.errors():
            name = str(error["loc"][0]) if error["loc"] else ""
            fields.setdefault(name, _sentence(titles.get(name, name), error))
        raise BadForm(fields) from None


def schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a dataclass, for the OpenAPI document."""
    return _adapter(kind).json_schema(ref_template="#/components/schemas/{model}")


def parameters(kind: type) -> list[dict[str, Any]]:
    """The dataclass as OpenAPI query parameters."""
    described = schema(kind)
    needed = set(described.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": shape}
        for name, shape in described.get("properties", {}).items()
    ]


def _wanted(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """One value where one is meant, all of them where a tuple is; a blank text field is a field not filled in."""
    values: dict[str, Any] = {}
    aliases = _aliases(kind)
    for field, hint in get_type_hints(kind).items():
        name = aliases.get(field, field)
        if name not in given:
            continue
        value = given[name]
        many = _is_tuple(hint)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            value = list(value) if many else (value[-1] if value else "")
        elif many:
            value = [value]
        if isinstance(value, str):
            value = value.strip()
            if value == "":
                continue
        if many:
            value = [part for part in value if part != ""]
        values[name] = value
    return values


@functools.cache
def _aliases(kind: type) -> dict[str, str]:
    """Fields whose name on the outside is a word Python keeps for itself (``class``)."""
    found = {}
    for field, hint in get_type_hints(kind, include_extras=True).items():
        for extra in getattr(hint, "__metadata__", ()):
            if getattr(extra, "alias", None):
                found[field] = str(extra.alias)
    return found


def _is_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple or any(get_origin(part) is tuple for part in get_args(hint))


@functools.cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _titles(kind: type) -> dict[str, str]:
    return {name: shape.get("title", name) for name, shape in schema(kind).get("properties", {}).items()}


def _sentence(title: str, error: Any) -> str:
    kind, bound = error["type"], error.get("ctx", {})
    if kind == "missing":
        return f"请填写「{title}」"
    if kind == "string_too_short":
        return f"「{title}」写得太少，至少 {bound['min_length']} 个字"
    if kind == "string_too_long":
        return f"「{title}」太长，最多 {bound['max_length']} 个字"
    if kind == "too_short":
        return f"「{title}」至少选 {bound['min_length']} 项"
    if kind.startswith("int"):
        return f"「{title}」应是整数"
    if kind.startswith("date"):
        return f"「{title}」应是日期，写成 2026-06-15"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"「{title}」应{'不小于' if kind.startswith('greater') else '不大于'} {bound.get('ge', bound.get('le'))}"
    if kind in ("literal_error", "enum"):
        return f"「{title}」没有这个选项"
    return f"「{title}」填得不对"
