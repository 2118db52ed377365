"""YAML read without guessing: ``007`` and ``2023-05-09`` stay text, ``no`` is no boolean, a key twice is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from jutong.flows.declarations.forms import KINDS, Form
from jutong.terms import Address, BadInput, JutongError

#: A declaration is written by people; more than this is a data file.
MOST_BYTES = 64 << 20
_SAID = {
    "missing": "缺少", "extra_forbidden": "不认识", "literal_error": "取值不在允许之列", "int_parsing": "应是整数",
    "int_type": "应是整数", "bool_parsing": "应是 true 或 false", "bool_type": "应是 true 或 false",
    "string_type": "应是文字", "tuple_type": "应是列表", "dict_type": "应是一组 名: 值", "model_type": "应是一组 名: 值",
    "greater_than_equal": "太小", "less_than_equal": "太大",
}  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """One document and where it stands."""

    kind: str
    form: Form
    address: Address


class _Loader(yaml.SafeLoader):
    """The scalars of YAML 1.2's core schema, with integers that begin with 0 left as text."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012  PyYAML's own way to say it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} 出现了两次", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(0|[1-9][0-9]*)\.[0-9]+(e[-+][0-9]+)?$"),
    list("-+0123456789"),
)


def read(paths: Sequence[Path]) -> list[Declared]:
    """Every document of the files, and of the ``*.yaml`` and ``*.yml`` below folders, in the order of names.

    Raises BadInput ``flows.bad_declaration`` naming file, line and field; ``flows.declared_twice``.
    """
    found: list[Declared] = []
    first: dict[tuple[str, str], Address] = {}
    for file in _files(paths):
        for one in _documents(file):
            known = first.setdefault((one.kind, one.form.id), one.address)
            if known is not one.address:
                raise BadInput(
                    "flows.declared_twice",
                    f"{one.kind} {one.form.id} 已在 {known.file} 第 {known.row} 行声明",
                    one.address,
                )
            found.append(one)
    return found


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in (".yaml", ".yml"))
        elif path.is_file():
            yield path
        else:
            raise BadInput("flows.no_declaration", f"{path} 不存在")


def _documents(file: Path) -> Iterator[Declared]:
    if file.stat().st_size > MOST_BYTES:
        raise BadInput("flows.bad_declaration", "文件大于 64 MB，不像声明", Address(file=str(file)))
    try:
        loader = _Loader(file.read_text(encoding="utf-8-sig"))
        try:
            while loader.check_node():
                node = loader.get_node()
                assert node is not None
                address = Address(file=str(file), row=node.start_mark.line + 1)
                content = loader.construct_document(node)
                if content is not None:
                    yield _declared(content, address)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = Address(file=str(file), row=mark.line + 1 if mark else None)
        raise BadInput("flows.bad_declaration", f"不是有效的 YAML：{problem.problem}", where) from problem
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as problem:
        raise BadInput(
            "flows.bad_declaration", f"读不成 YAML：{problem}", Address(file=str(file))
        ) from problem


def _declared(content: Any, address: Address) -> Declared:
    if not isinstance(content, dict) or content.get("kind") not in KINDS:
        raise BadInput(
            "flows.bad_declaration", f"每份声明须以 kind 说明种类：{'、'.join(KINDS)} 之一", address
        )
    kind = content["kind"]
    try:
        form = KINDS[kind].model_validate({name: value for name, value in content.items() if name != "kind"})
    except ValidationError as problem:
        said = "；".join(
            f"{'.'.join(map(str, one['loc']))} {_SAID.get(one['type'], one['msg'])}"
            for one in problem.errors()[:5]
        )
        raise BadInput("flows.bad_declaration", f"{kind} 的声明有误：{said}", address) from problem
    except JutongError as problem:
        raise BadInput(problem.code, problem.sentence, address) from problem
    return Declared(kind, form, address)
