"""接口服务: publishing what the gate answers.  A service says the most it could answer; a grant narrows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from jutong.database import Connection, named_sql
from jutong.share.bounds import dataset_columns, entry_items
from jutong.share.requests import mark_provided
from jutong.terms import BadInput, Conflict, NotFound, ShareType

_SQL = named_sql(__file__)
#: kind → its name in Chinese
KINDS = {"query": "查询", "verify": "核验"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Service:
    name: str
    label: str
    kind: str
    #: The provider.
    department_code: str
    entry_id: int
    dataset: str
    #: Items a caller must give, all of them.
    keys: tuple[str, ...]
    items: tuple[str, ...]
    max_rows: int
    state: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "keys": tuple(row["keys"]), "items": tuple(row["items"])})


def publish_service(
    connection: Connection,
    *,
    name: str,
    entry_id: int,
    keys: Sequence[str],
    items: Sequence[str] | None = None,
    label: str | None = None,
    max_rows: int = 100,
    kind: str = "query",
) -> Service:
    """Publish a service of an entry's dataset, or change the one it has under this name.

    ``kind``: query answers rows, verify 核验 only says whether values given are so.  ``items`` default to all that may be shared.  Requests agreed and waiting for it count as provided (T6).
    Raises NotFound ``share.entry_unknown``, BadInput ``share.service_name``, ``share.service_items``, Conflict
    ``share.entry_not_published``, ``share.not_attached``, ``share.service_taken``.
    """
    if kind not in KINDS:
        raise BadInput("share.service_kind", f"服务没有类型 {kind!r}：{'、'.join(KINDS)}")
    if not _NAME.fullmatch(name):
        raise BadInput("share.service_name", f"服务名 {name!r} 须以小写字母开头，只含小写字母、数字和下划线")
    entry = connection.execute(_SQL.entry_for_request, {"entry": entry_id}).fetchone()
    if entry is None:
        raise NotFound("share.entry_unknown", "没有这条目录")
    if entry["state"] != "published" or entry["share_type"] == ShareType.WITHHELD:
        raise Conflict("share.entry_not_published", f"目录 {entry['code']} 未发布或不予共享，不能发布服务")
    if not entry["dataset"]:
        raise Conflict("share.not_attached", f"目录 {entry['code']} 尚未挂接数据资源")
    offered = _offered(connection, entry_id, entry["dataset"])
    wanted = list(items) if items is not None else offered
    missing = [item for item in (*keys, *wanted) if item not in offered]
    if missing or not keys or not wanted:
        raise BadInput(
            "share.service_items",
            f"服务须有查询项和返回项，且都能共享；不能用的：{'、'.join(missing) or '无'}",
        )
    row = connection.execute(
        _SQL.add_service,
        {
            "name": name,
            "kind": kind,
            "label": label or entry["name"],
            "department_code": entry["department_code"],
            "entry_id": entry_id,
            "dataset": entry["dataset"],
            "keys": list(keys),
            "items": wanted,
            "max_rows": max_rows,
        },
    ).fetchone()
    if row is None:
        raise Conflict("share.service_taken", f"服务名 {name} 已用于另一条目录")
    for waiting in connection.execute(_SQL.waiting_grants, {"entry": entry_id}).fetchall():
        mark_provided(connection, waiting["id"], "接口服务已可调用")
    return Service.from_row(row)


def stop_service(connection: Connection, name: str) -> Service:
    """Raises NotFound ``share.service_unknown``."""
    row = connection.execute(_SQL.set_service_state, {"name": name, "state": "stopped"}).fetchone()
    return Service.from_row(row) if row else find_service(connection, name)


def find_service(connection: Connection, name: str) -> Service:
    """Raises NotFound ``share.service_unknown``."""
    row = connection.execute(_SQL.find_service, {"name": name}).fetchone()
    if row is None:
        raise NotFound("share.service_unknown", f"没有名为 {name} 的接口服务")
    return Service.from_row(row)


def services(connection: Connection, entry_id: int | None = None) -> list[Service]:
    """Every service, or one entry's, by name."""
    rows = connection.execute(_SQL.list_services, {"entry": entry_id}).fetchall()
    return [Service.from_row(row) for row in rows]


def _offered(connection: Connection, entry_id: int, dataset: str) -> list[str]:
    columns, _ = dataset_columns(connection, dataset)
    present = {column.name for column in columns}
    return [
        item.name
        for item in entry_items(connection, entry_id)
        if item.share_type < ShareType.WITHHELD and item.name in present
    ]
