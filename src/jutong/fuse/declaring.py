"""基础库的声明: a register as YAML, as rows of the control database, and back.

```yaml
name: legal_entity
label: 法人基础信息
prefix: LE
items:
  - {name: uscc, label: 统一社会信用代码, element: uscc}
match:
  keys:                                   # strong before weak
    - {name: uscc, label: 统一社会信用代码相同, of: [uscc], valid: uscc, settles: true}
    - {name: org_code, label: 组织机构代码相同, of: [org_code, "uscc[9:9]"], valid: org_code, settles: true}
  compare:
    - {name: name, item: name, as: company}
  blocks: [[name.core], [person, address]]
  threshold: 6
survivorship: {address: recency}
designated: {insured_people: standard.social_employer}
links:
  - {role: holder, label: 持证主体, register: legal_entity, item: holder_code, to_item: uscc}
ties:
  - {label: 股东, dataset: standard.market_shareholder, item: uscc, to_item: uscc, name: holder, shown: {share: 出资比例（%）}}
sources:
  - {dataset: standard.market_entity, label: 市场主体登记信息, trust: 1, time_item: updated_at, mapping: {uscc: uscc}}
```

A way to a key is an item, ``item[start:length]``, or several joined by ``+``; or ``item/pattern/`` alone, the first
group of a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import yaml
from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.fuse.comparing import Comparison
from jutong.fuse.register import Holds, KeyPart, Likeness, Link, MatchKey, Register, RegisterSource, Tie
from jutong.store import DatasetSpec, Store
from jutong.terms import BadInput, Item, NotFound, Zone

_sql = named_sql(__file__, "queries.sql")
_MATCHED = re.compile(r"\s*(\w+)/(.*\(.+\).*)/\s*")
_PART = re.compile(r"\s*(\w+)(?:\[(\d+):(\d+)\])?\s*")
_TOP = {
    "name", "label", "prefix", "items", "match", "survivorship", "designated", "links", "holds", "ties",
    "sources",
}  # fmt: skip
_MATCH = {"keys", "compare", "blocks", "threshold", "lead", "review", "prior", "crowd"}


def read_register(text: str) -> Register:
    """A register from its YAML declaration. Raises BadInput ``fuse.bad_register`` with what is wrong."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise _bad(f"YAML 读不懂：{problem}") from None
    if not isinstance(given, dict):
        raise _bad("应为一个映射（name、label、items……）")
    return register_from(given)


def register_from(given: Mapping[str, Any]) -> Register:
    """A register from plain values, as YAML and the control database hold them."""
    _only(given, _TOP, "声明")
    try:
        match = given.get("match") or {}
        _only(match, _MATCH, "match")
        return Register(
            str(given["name"]),
            str(given["label"]),
            str(given["prefix"]),
            tuple(Item.from_row(item) for item in given["items"]),
            tuple(_source(one) for one in given.get("sources") or ()),
            tuple(_key(one) for one in match.get("keys") or ()),
            _likeness(match),
            dict(given.get("survivorship") or {}),
            dict(given.get("designated") or {}),
            tuple(Link(**one) for one in given.get("links") or ()),
            Holds(**(given.get("holds") or {})),
            tuple(Tie(**one) for one in given.get("ties") or ()),
        )
    except KeyError as problem:
        raise _bad(f"缺少 {problem.args[0]}") from None
    except (TypeError, ValueError, AttributeError) as problem:
        raise _bad(str(problem)) from None


def register_to(register: Register) -> dict[str, Any]:
    """Plain values that ``register_from`` reads back."""
    likeness = register.likeness
    return {
        "name": register.name,
        "label": register.label,
        "prefix": register.prefix,
        "items": [_lean(item.to_row(), asdict(Item("", ""))) for item in register.items],
        "match": {
            "keys": [_key_row(key) for key in register.keys],
            "compare": [
                _lean(
                    {
                        "name": one.name,
                        "item": one.item,
                        "as": one.kind,
                        "weights": {k: list(v) for k, v in one.weights.items()},
                    },
                    {"weights": {}},
                )
                for one in likeness.comparisons
            ],
            "blocks": [list(block) for block in likeness.blocks],
            **{name: getattr(likeness, name) for name in ("threshold", "lead", "review", "prior", "crowd")},
        },
        "survivorship": dict(register.survivorship),
        "designated": dict(register.designated),
        "links": [asdict(link) for link in register.links],
        "holds": asdict(register.holds),
        "ties": [{**asdict(tie), "shown": dict(tie.shown)} for tie in register.ties],
        "sources": [_source_row(source) for source in register.sources],
    }


def register_yaml(register: Register) -> str:
    return yaml.safe_dump(register_to(register), allow_unicode=True, sort_keys=False, width=110)


def declare_register(connection: Connection, register: Register) -> None:
    """Save a register with its sources; the declaration replaces the one before."""
    plain = register_to(register)
    rules = {name: plain[name] for name in ("match", "survivorship", "designated", "links", "holds", "ties")}
    connection.execute(
        _sql.save_register,
        {
            "name": register.name, "label": register.label, "prefix": register.prefix,
            "items": Jsonb([item.to_row() for item in register.items]), "rules": Jsonb(rules),
        },
    )  # fmt: skip
    names = [source.dataset for source in register.sources]
    connection.execute(_sql.forget_sources, {"register": register.name, "datasets": names})
    with connection.cursor() as cursor:
        cursor.executemany(
            _sql.save_source,
            [
                {
                    **asdict(source), "register": register.name, "mapping": Jsonb(dict(source.mapping)),
                    "item_trust": Jsonb(dict(source.item_trust)),
                }
                for source in register.sources
            ],
        )  # fmt: skip


def find_register(connection: Connection, name: str) -> Register:
    """Raises NotFound ``fuse.no_register``."""
    found = [register for register in list_registers(connection) if register.name == name]
    if not found:
        raise NotFound("fuse.no_register", f"基础库 {name} 不存在")
    return found[0]


def list_registers(connection: Connection) -> list[Register]:
    """Registers in the order they are fused: one that is linked to comes before those that link to it."""
    sources: dict[str, list[RegisterSource]] = {}
    for row in connection.execute(_sql.list_sources):
        given = {name: row[name] for name in RegisterSource.__dataclass_fields__}
        sources.setdefault(row["register"], []).append(RegisterSource(**given))
    found = [
        replace(
            register_from(
                {"name": row["name"], "label": row["label"], "prefix": row["prefix"], "items": row["items"], **row["rules"]}
            ),
            sources=tuple(sources.get(row["name"], ())),
        )
        for row in connection.execute(_sql.list_registers)
    ]  # fmt: skip
    linked = {link.register for register in found for link in register.links}
    return sorted(found, key=lambda one: (one.name not in linked, one.name))


def concrete(register: Register, store: Store) -> list[tuple[RegisterSource, DatasetSpec]]:
    """The datasets that feed a register now, patterns resolved, each with its spec; those not refined yet are left out."""
    known = {str(spec.name): spec for spec in store.datasets(Zone.STANDARD)}
    found: dict[str, tuple[RegisterSource, DatasetSpec]] = {}
    for source in register.sources:
        for name in sorted(known):
            if name not in found and source.fits(name):
                label = source.label if source.dataset == name else known[name].label
                found[name] = (replace(source, dataset=name, label=label), known[name])
    return list(found.values())


def _source(given: Mapping[str, Any]) -> RegisterSource:
    names = {one.name for one in fields(RegisterSource)}
    _only(given, names, f"来源 {given.get('dataset', '')}")
    return RegisterSource(**given)


def _source_row(source: RegisterSource) -> dict[str, Any]:
    row = {**asdict(source), "mapping": dict(source.mapping), "item_trust": dict(source.item_trust)}
    return _lean(row, {"time_item": None, "item_trust": {}})


def _key(given: Mapping[str, Any]) -> MatchKey:
    _only(given, {"name", "label", "of", "valid", "settles", "exclusive"}, f"匹配键 {given.get('name', '')}")
    return MatchKey(
        given["name"], given["label"], tuple(_way(way) for way in given["of"]), given.get("valid"),
        bool(given.get("settles")), bool(given.get("exclusive")),
    )  # fmt: skip


def _way(text: str) -> tuple[KeyPart, ...]:
    matched = _MATCHED.fullmatch(text)
    if matched:
        return (KeyPart(matched[1], pattern=matched[2]),)
    parts = []
    for each in text.split("+"):
        found = _PART.fullmatch(each)
        if not found:
            raise _bad(
                f"匹配键「{text}」应为 信息项、信息项[起:长]、以 + 相连的几个，或 信息项/带一组括号的正则/"
            )
        start, length = (int(one) if one else None for one in found.groups()[1:])
        parts.append(KeyPart(found[1], start, length))
    return tuple(parts)


def _key_row(key: MatchKey) -> dict[str, Any]:
    ways = [
        "+".join(
            part.item
            + (f"[{part.start}:{part.length}]" if part.start else "")
            + (f"/{part.pattern}/" if part.pattern else "")
            for part in way
        )
        for way in key.ways
    ]
    row = {"name": key.name, "label": key.label, "of": ways, "valid": key.valid, "settles": key.settles}
    return _lean({**row, "exclusive": key.exclusive}, {"valid": None, "settles": False, "exclusive": False})


def _likeness(match: Mapping[str, Any]) -> Likeness:
    compared = tuple(
        Comparison(
            one["name"], one["item"], one["as"], {str(k): (float(v[0]), float(v[1])) for k, v in (one.get("weights") or {}).items()}
        )
        for one in match.get("compare") or ()
    )  # fmt: skip
    blocks = tuple(tuple(_feature(name, compared) for name in block) for block in match.get("blocks") or ())
    told = {name: match[name] for name in ("threshold", "lead", "review", "prior", "crowd") if name in match}
    return Likeness(compared, blocks, **told)


def _feature(name: str, compared: Sequence[Comparison]) -> str:
    """``name.core`` as it stands; a comparison alone means its main feature."""
    head, _, tail = name.partition(".")
    found = next((one for one in compared if one.name == head), None)
    plain = [feature for layer in found.how.layers for feature in layer] if found else []
    if found is None or (tail or found.how.main) not in plain:
        raise _bad(f"分块「{name}」不是比较项或其特征")
    return f"{head}.{tail or found.how.main}"


def _lean(row: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is as usual."""
    return {name: value for name, value in row.items() if name not in usual or usual[name] != value}


def _only(given: Mapping[str, Any], known: set[str], where: str) -> None:
    odd = sorted(set(given) - known)
    if odd:
        raise _bad(f"{where}里有不认识的 {'、'.join(odd)}，可用：{'、'.join(sorted(known))}")


def _bad(what: str) -> BadInput:
    return BadInput("fuse.bad_register", f"基础库声明有误：{what}")
