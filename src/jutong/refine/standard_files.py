"""A standard as a YAML file, read without guessing: ``007`` stays text, ``no`` is no boolean, each line has its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml

from jutong.refine.rules import RowRule
from jutong.refine.standards import SAID, Standard
from jutong.terms import Address, BadInput

_MOST_BYTES = 1 << 20
_FIELDS = {"table", "keys", "hold_above", "items", "rules", "rule_sets"}
_RULE_FIELDS = {"code", "kind", "items", "arguments", "severity", "sentence"}
_TRUTH = {"true": True, "false": False}


def write_standard(table: str, standard: Standard) -> str:
    """The standard as text; ``read_standard`` reads the same standard from it."""
    document = {
        "table": table,
        "keys": list(standard.keys),
        "hold_above": standard.hold_above,
        "items": [_item_said(item) for item in standard.items],
        "rules": [_rule_said(rule) for rule in standard.rules],
        "rule_sets": [
            {"name": name, "items": dict(items)} for name, items in sorted(standard.rule_sets.items())
        ],
    }
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=110, default_flow_style=None)


def write_rule_set(name: str, label: str, about: str, rules: Sequence[RowRule]) -> str:
    """The set as text; ``read_rule_set`` reads the same from it."""
    document = {"name": name, "label": label, "about": about, "rules": [_rule_said(rule) for rule in rules]}
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=110, default_flow_style=None)


def _item_said(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        **{name: item[name] for name in SAID if item.get(name) not in (None, False)},
    }


def _rule_said(rule: RowRule) -> dict[str, Any]:
    said = {**vars(rule), "items": list(rule.items), "arguments": dict(rule.arguments)}
    return {name: value for name, value in said.items() if value not in (None, {})}


def read_standard(text: str, table: str) -> tuple[Standard, Mapping[str, int]]:
    """The standard a file says, and the line each item, rule and rule set stands on.

    Raises BadInput ``refine.bad_standard`` with the line.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise BadInput("refine.bad_standard", "文件大于 1 MB，不像一份标准")
    try:
        loader = yaml.BaseLoader(text)
        try:
            node = loader.get_single_node()
            content = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = Address(row=mark.line + 1) if mark else None
        raise BadInput(
            "refine.bad_standard", f"不是有效的 YAML：{getattr(problem, 'problem', None) or problem}", where
        ) from problem
    if not isinstance(content, dict):
        raise BadInput("refine.bad_standard", "一份标准应是 keys、items、rules 等几项")
    lines = dict(_lines(node))
    unknown = sorted(set(content) - _FIELDS)
    if unknown:
        raise BadInput(
            "refine.bad_standard", f"不认识 {'、'.join(unknown)}", Address(row=lines.get(unknown[0]))
        )
    if content.get("table", table) != table:
        raise BadInput(
            "refine.bad_standard",
            f"这是 {content['table']} 的标准，不是 {table} 的",
            Address(row=lines["table"]),
        )
    with placed(lines):
        return _standard(content), lines


def read_rule_set(text: str) -> tuple[str, str, str, tuple[RowRule, ...]]:
    """(name, label, about, rules) of a rule set's file. Raises BadInput ``refine.bad_standard``."""
    try:
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  it makes nothing but text, lists and dicts
    except (yaml.YAMLError, RecursionError) as problem:
        raise BadInput("refine.bad_standard", f"不是有效的 YAML：{problem}") from problem
    rules = tuple(_rule(one) for one in _list(content if isinstance(content, dict) else {}, "rules"))
    name, label = _text(content, "name", "规则组"), _text(content, "label", "规则组")
    _only(content, {"name", "label", "about", "rules"}, name)
    return name, label, str(content.get("about", "")), rules


@contextmanager
def placed(lines: Mapping[str, int], file: str | None = None) -> Iterator[None]:
    """What is raised about an item or a rule gets the line it stands on."""
    try:
        yield
    except BadInput as problem:
        where = problem.address
        if where is None or where.item is None or where.row is not None:
            raise
        raise BadInput(
            problem.code, problem.sentence, Address(file=file, row=lines.get(where.item), item=where.item)
        ) from problem


def _lines(node: Any) -> Iterator[tuple[str, int]]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        yield str(key.value), key.start_mark.line + 1
        for one in value.value if isinstance(value, yaml.SequenceNode) else ():
            for inner, said in one.value if isinstance(one, yaml.MappingNode) else ():
                if inner.value in ("name", "code"):
                    yield str(said.value), one.start_mark.line + 1


def _standard(content: Mapping[str, Any]) -> Standard:
    try:
        hold_above = float(content.get("hold_above", 0.5))
    except (TypeError, ValueError):
        raise BadInput(
            "refine.bad_standard", "hold_above 应是 0 与 1 之间的数", Address(item="hold_above")
        ) from None
    sets = {
        _text(one, "name", "rule_sets"): dict(_of(one, "items", dict, {}))
        for one in _list(content, "rule_sets")
    }
    return Standard(
        tuple(_words(content.get("keys", []), "keys")),
        tuple(_item(one) for one in _list(content, "items")),
        tuple(_rule(one) for one in _list(content, "rules")),
        sets,
        hold_above,
    )


def _item(given: Any) -> dict[str, Any]:
    name = _text(given, "name", "items")
    _only(given, {"name", *SAID}, name)
    item: dict[str, Any] = {
        "name": name,
        **{key: given[key] for key in ("label", "type", "element") if given.get(key)},
    }
    if "required" in given:
        item["required"] = _truth(given["required"], name, "required")
    if "values" in given:
        item["values"] = _words(given["values"], name)
    return item


def _rule(given: Any) -> RowRule:
    code = _text(given, "code", "rules")
    _only(given, _RULE_FIELDS, code)
    severity = given.get("severity", "flag")
    if severity not in ("flag", "reject"):
        raise BadInput(
            "refine.bad_standard", f"规则 {code} 的 severity 应是 flag 或 reject", Address(item=code)
        )
    arguments = {
        name: _argument(name, value, code) for name, value in _of(given, "arguments", dict, {}).items()
    }
    return RowRule(
        code, _text(given, "kind", code), tuple(_words(given.get("items", []), code)), arguments, severity,
        given.get("sentence") or None,
    )  # fmt: skip


_ARGUMENTS: dict[str, Callable[[str], Any]] = {
    "years": int, "months": int, "days": int, "least": float, "most": float,
    "strict": _TRUTH.__getitem__, "positive": _TRUTH.__getitem__,
}  # fmt: skip


def _argument(name: str, value: Any, code: str) -> Any:
    """Numbers and truths where a rule wants them; every other word as it is written."""
    try:
        return _ARGUMENTS[name](value) if name in _ARGUMENTS else value
    except (KeyError, ValueError, TypeError):
        raise BadInput(
            "refine.bad_standard", f"规则 {code} 的 {name} 写得不对：{value}", Address(item=code)
        ) from None


def _list(content: Mapping[str, Any], name: str) -> list[Any]:
    value = content.get(name, [])
    if not isinstance(value, list):
        raise BadInput("refine.bad_standard", f"{name} 应是列表", Address(item=name))
    return value


def _words(value: Any, at: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput("refine.bad_standard", f"{at} 处应是一列词", Address(item=at))
    return value


def _of(given: Any, name: str, kind: type, default: Any) -> Any:
    value = given.get(name, default) if isinstance(given, dict) else default
    if not isinstance(value, kind):
        raise BadInput("refine.bad_standard", f"{name} 写得不对", Address(item=name))
    return value


def _text(given: Any, name: str, at: str) -> str:
    value = given.get(name) if isinstance(given, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise BadInput("refine.bad_standard", f"{at} 里有一条没有 {name}", Address(item=at))
    return value.strip()


def _truth(value: Any, at: str, name: str) -> bool:
    if value not in _TRUTH:
        raise BadInput("refine.bad_standard", f"{at} 的 {name} 应是 true 或 false", Address(item=at))
    return _TRUTH[value]


def _only(given: Mapping[str, Any], known: set[str], at: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadInput("refine.bad_standard", f"{at} 里不认识 {'、'.join(unknown)}", Address(item=at))
