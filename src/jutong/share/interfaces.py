"""实时接口: a department's own HTTP interface, asked on a caller's behalf; its data is never copied (design §2, R14).

It stands where a dataset stands: an entry is attached to ``live.<name>``, a grant names it, a service of kind 代理
answers from it.  What it takes and answers is typed by elements; where things lie in its answers is ``Way``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.elements import cast_to, element_of
from jutong.keys import KeyProvider
from jutong.outside import checked_url
from jutong.terms import BadInput, Item, NotFound

_SQL = named_sql(__file__)

_NAME = re.compile(r"live\.[a-z][a-z0-9_]{0,61}")
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_AUTH = ("header", "query", "bearer", "basic")


@dataclass(frozen=True)
class Way:
    """How an interface is asked and where things lie in what it answers."""

    #: ``{item}`` in its path stands for the item's value.
    url: str
    auth: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Item asked by → the parameter's name there; not those named in ``url``.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: Parameters that are always sent.
    constants: Mapping[str, str] = field(default_factory=dict)
    #: Dotted way to the record or the list of records; empty: the answer itself.
    records: str = ""
    #: Item → dotted way to its value in a record; an item that is not named lies under its own name.
    mapping: Mapping[str, str] = field(default_factory=dict)
    #: Statuses that mean: no such record.
    absent: tuple[int, ...] = (404,)
    #: Seconds one call may take.
    timeout: float = 5.0
    #: Calls under way at once, per gate worker.
    concurrency: int = 4
    #: Seconds an answer may be used again; 0: the provider does not allow it.
    max_age: int = 0

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """Raises BadInput ``share.interface_config`` for what is unknown or out of bounds, ``outside.http_url``."""
        unknown = sorted(set(config) - set(cls.__dataclass_fields__))
        if unknown or not config.get("url"):
            raise _bad(f"实时接口的设置里不认得：{'、'.join(unknown)}" if unknown else "请给出实时接口的 url")
        try:
            way = cls(**{**config, "absent": tuple(int(one) for one in config.get("absent", (404,)))})
            bounded = 0.1 <= way.timeout <= 30 and 1 <= way.concurrency <= 16 and 0 <= way.max_age <= 86_400
        except (TypeError, ValueError) as problem:
            raise _bad("实时接口的设置里有值的类型不对") from problem
        if not bounded:
            raise _bad("timeout 须在 0.1 至 30 秒，concurrency 在 1 至 16，max_age 在 0 至 86400 秒之间")
        if way.auth and way.auth.get("type") not in _AUTH:
            raise _bad(f"实时接口的认证方式须为 {'、'.join(_AUTH)} 之一")
        checked_url(_PLACE.sub("x", way.url))
        return way

    @property
    def in_path(self) -> tuple[str, ...]:
        return tuple(_PLACE.findall(self.url))


@dataclass(frozen=True)
class LiveInterface:
    """``name`` is ``live.<name>``; ``config`` is what ``Way.read`` reads and holds no secret."""

    name: str
    label: str
    department_code: str
    keys: tuple[str, ...]
    items: tuple[Item, ...]
    config: Mapping[str, Any]
    #: ``sealed:…`` or ``env:NAME``.
    secret_ref: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        items = tuple(Item.from_row(item) for item in row["items"])
        return cls(**{**values, "keys": tuple(row["keys"]), "items": items})

    @property
    def way(self) -> Way:
        return Way.read(self.config)

    def secret(self, keys: KeyProvider | None) -> str | None:
        """What it knows us by.  Raises BadInput ``share.interface_secret``."""
        kind, _, what = (self.secret_ref or "").partition(":")
        if kind == "sealed" and keys is not None:
            return keys.unseal(what, context=_context(self.name)).decode()
        if kind == "env" and what in os.environ:
            return os.environ[what]
        if self.secret_ref:
            raise BadInput(
                "share.interface_secret", f"实时接口 {self.name} 的密钥取不到（{kind or '未知方式'}）"
            )
        return None

    @property
    def signature(self) -> str:
        """Changes when the same question would be asked or read otherwise."""
        made = [self.keys, [item.to_row() for item in self.items], self.config, self.secret_ref]
        return hashlib.sha256(json.dumps(made, sort_keys=True, default=str).encode()).hexdigest()[:16]


def declare_interface(
    connection: Connection,
    interface: LiveInterface,
    *,
    keys: KeyProvider | None = None,
    secret: str | None = None,
) -> LiveInterface:
    """Add or change an interface; a ``secret`` given is sealed, one not given stays as it was.

    Raises BadInput ``share.interface_config``, ``outside.http_url``, ``elements.unknown``.
    """
    _check(interface)
    reference = interface.secret_ref
    if secret and keys is not None:
        reference = f"sealed:{keys.seal(secret.encode(), context=_context(interface.name))}"
    row = connection.execute(
        _SQL.declare_interface,
        {
            "name": interface.name,
            "label": interface.label,
            "department": interface.department_code,
            "keys": list(interface.keys),
            "items": Jsonb([item.to_row() for item in interface.items]),
            "config": Jsonb(dict(interface.config)),
            "secret_ref": reference,
        },
    ).fetchone()
    assert row is not None
    return LiveInterface.from_row(row)


def attach_interface(connection: Connection, entry_id: int, name: str) -> None:
    """挂接: the entry's resource is this interface of the same department.

    Raises NotFound ``share.interface_unknown``, BadInput ``share.interface_config`` for another department's.
    """
    interface = find_interface(connection, name)
    values = {"entry": entry_id, "name": name, "department": interface.department_code}
    if connection.execute(_SQL.attach_interface, values).rowcount != 1:
        raise _bad(f"实时接口 {name} 只能挂接到本部门的目录")


def find_interface(connection: Connection, name: str) -> LiveInterface:
    """Raises NotFound ``share.interface_unknown``."""
    row = connection.execute(_SQL.find_interface, {"name": name}).fetchone()
    if row is None:
        raise NotFound("share.interface_unknown", f"没有名为 {name} 的实时接口")
    return LiveInterface.from_row(row)


def interfaces(connection: Connection) -> list[LiveInterface]:
    return [LiveInterface.from_row(row) for row in connection.execute(_SQL.list_interfaces)]


def _check(interface: LiveInterface) -> None:
    way, names = interface.way, [item.name for item in interface.items]
    if not _NAME.fullmatch(interface.name):
        raise _bad("实时接口名须为 live. 后接小写字母、数字和下划线")
    if len(set(names)) < len(names) or not interface.keys or not set(interface.keys) <= set(names):
        raise _bad("实时接口须有查询项，且都在它的信息项中，信息项不能重复")
    asked = {*way.parameters, *way.in_path}
    if not asked <= set(interface.keys) or not set(way.mapping) <= set(names):
        raise _bad("实时接口的 parameters、url 和 mapping 只能提到它自己的查询项、信息项")
    for item in interface.items:
        try:
            cast_to(element_of(item.element, item.type), "x", item.type)
        except ValueError as problem:
            raise _bad(f"信息项「{item.name}」的类型 {item.type} 与数据元不符") from problem


def _context(name: str) -> str:
    return f"live_interface:{name}"


def _bad(sentence: str) -> BadInput:
    return BadInput("share.interface_config", sentence)
