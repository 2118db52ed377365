"""接口服务: publishing what the gate answers.  A service says the most it could answer; a grant narrows it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from jutong.database import Connection, named_sql
from jutong.share.bounds import EntryItem, dataset_columns, entry_items
from jutong.share.requests import mark_provided
from jutong.terms import BadInput, Conflict, Item, NotFound, ShareType

_SQL = named_sql(__file__)
#: kind → its name in Chinese
KINDS = {"query": "查询", "verify": "核验", "list": "列表", "statistics": "统计", "proxy": "代理"}
#: A count by one of these would be a count of one.
_NAMES_SOMEBODY = frozenset(
    {
        "address",
        "bank_card",
        "business_reg_no",
        "document_no",
        "email",
        "latitude",
        "legal_name",
        "licence_id",
        "longitude",
        "mobile",
        "org_code",
        "passport_no",
        "person_id",
        "person_name",
        "phone",
        "plate_no",
        "url",
        "uscc",
    }
)
_MOST_GROUPS = 4
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
    #: query, verify: items a caller must give, all of them; list: may narrow by; statistics: groups, coarsest first.
    keys: tuple[str, ...]
    items: tuple[str, ...]
    max_rows: int
    state: str
    #: statistics: counts below this are not told.
    least: int = 10
    #: The name of its first version.
    family: str = ""
    version: int = 1
    #: The version callers should go over to; since when they are told; when it ends.
    successor: str | None = None
    deprecated_at: dt.datetime | None = None
    sunset_at: dt.datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        lists = {"keys": tuple(row["keys"]), "items": tuple(row["items"])}
        return cls(**{**values, **lists, "family": row["family"] or row["name"]})


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
    least: int = 10,
) -> Service:
    """Publish a service of an entry's dataset, or change the one it has under this name.

    ``kind``: query answers rows, verify 核验 only says whether values given are so, list 列表 pages through all rows
    and tells what changed since, statistics 统计 counts by ``keys`` (coarsest first) and tells no count below
    ``least``, proxy 代理 asks the provider's live interface.  ``items`` default to all that may be shared.  Requests agreed and waiting for it count as provided (T6).
    Raises NotFound ``share.entry_unknown``, BadInput ``share.service_name``, ``share.service_items``,
    ``share.service_kind``, ``share.service_dimension``, ``share.service_least``, Conflict
    ``share.entry_not_published``, ``share.not_attached``, ``share.service_taken``, ``share.service_no_key``.
    """
    values = checked_service(
        connection, name=name, entry_id=entry_id, keys=keys, items=items, label=label, max_rows=max_rows, kind=kind,
        least=least,
    )  # fmt: skip
    row = connection.execute(_SQL.add_service, values).fetchone()
    if row is None:
        raise Conflict("share.service_taken", f"服务名 {name} 已用于另一条目录")
    now_provided(connection, entry_id)
    return Service.from_row(row)


def now_provided(connection: Connection, entry_id: int) -> None:
    """Requests agreed and waiting for a service of this entry have what they asked for (T6)."""
    for waiting in connection.execute(_SQL.waiting_grants, {"entry": entry_id}).fetchall():
        mark_provided(connection, waiting["id"], "接口服务已可调用")


def checked_service(
    connection: Connection,
    *,
    name: str,
    entry_id: int,
    keys: Sequence[str],
    items: Sequence[str] | None,
    label: str | None,
    max_rows: int,
    kind: str,
    least: int,
) -> dict[str, Any]:
    """The row of a service that may be published; raises what ``publish_service`` raises."""
    if kind not in KINDS:
        raise BadInput("share.service_kind", f"服务没有类型 {kind!r}：{'、'.join(KINDS)}")
    if not _NAME.fullmatch(name):
        raise BadInput("share.service_name", f"服务名 {name!r} 须以小写字母开头，只含小写字母、数字和下划线")
    entry = _publishable(connection, entry_id)
    offered = [item.name for item in servable(connection, entry_id, entry["dataset"])[0]]
    _check_kind(connection, kind, entry["dataset"], entry_id, keys, least)
    if kind == "statistics":
        items = keys
    # What is asked by is answered too: a grant that lets a caller ask by an item lets it be told.
    wanted = list(dict.fromkeys((*keys, *items))) if items is not None else offered
    missing = [item for item in (*keys, *wanted) if item not in offered]
    if missing or not keys or not wanted:
        raise BadInput(
            "share.service_items",
            f"服务须有查询项和返回项，且都能共享；不能用的：{'、'.join(missing) or '无'}",
        )
    return {
        "name": name,
        "kind": kind,
        "label": label or entry["name"],
        "department_code": entry["department_code"],
        "entry_id": entry_id,
        "dataset": entry["dataset"],
        "keys": list(keys),
        "items": wanted,
        "max_rows": max_rows,
        "least": least,
    }


def stop_service(connection: Connection, name: str) -> Service:
    """Raises NotFound ``share.service_unknown``."""
    row = connection.execute(
        _SQL.set_service_state, {"name": name, "before": "active", "state": "stopped"}
    ).fetchone()
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


def _publishable(connection: Connection, entry_id: int) -> Mapping[str, Any]:
    entry = connection.execute(_SQL.entry_for_request, {"entry": entry_id}).fetchone()
    if entry is None:
        raise NotFound("share.entry_unknown", "没有这条目录")
    if entry["state"] != "published" or entry["share_type"] == ShareType.WITHHELD:
        raise Conflict("share.entry_not_published", f"目录 {entry['code']} 未发布或不予共享，不能发布服务")
    if not entry["dataset"]:
        raise Conflict("share.not_attached", f"目录 {entry['code']} 尚未挂接数据资源")
    return entry


def _check_kind(
    connection: Connection, kind: str, dataset: str, entry_id: int, keys: Sequence[str], least: int
) -> None:
    """What a list, a statistics and a proxy service ask of their dataset besides."""
    columns, dataset_keys = dataset_columns(connection, dataset)
    live = dataset.startswith("live.")
    if live != (kind == "proxy"):
        said = "只能以代理方式提供" if live else "不是实时接口，不能以代理方式提供"
        raise BadInput("share.service_kind", f"{dataset} {said}")
    if live and sorted(keys) != sorted(dataset_keys):
        raise BadInput(
            "share.service_items", f"实时接口 {dataset} 按 {'、'.join(dataset_keys)} 查询，须全部作为查询项"
        )
    if kind == "list" and not dataset_keys:
        raise Conflict("share.service_no_key", f"数据集 {dataset} 没有主键，不能逐页列出，也说不出变更")
    if kind != "statistics":
        return
    if not 2 <= least <= 1000:
        raise BadInput("share.service_least", "统计服务的最小计数须在 2 至 1000 之间")
    elements = {column.name: column.element for column in columns}
    elements |= {item.name: item.element for item in entry_items(connection, entry_id) if item.element}
    naming = [name for name in keys if name in dataset_keys or elements.get(name) in _NAMES_SOMEBODY]
    if naming or len(set(keys)) != len(keys) or len(keys) > _MOST_GROUPS:
        raise BadInput(
            "share.service_dimension",
            f"统计的分组项须为 1 至 {_MOST_GROUPS} 个不同的、不指明某个主体的信息项；不能用：{'、'.join(naming) or '无'}",
        )


def servable(connection: Connection, entry_id: int, dataset: str) -> tuple[list[EntryItem], list[str]]:
    """The items of an entry that a service of it may hold, and the keys of what it is attached to."""
    columns, keys = dataset_columns(connection, dataset)
    present = {column.name: column for column in columns}
    items = [
        replace(item, element=item.element or present[item.name].element)
        for item in entry_items(connection, entry_id)
        if item.share_type < ShareType.WITHHELD and item.name in present
    ]
    return items, keys


def columns_of(connection: Connection, dataset: str) -> dict[str, Item]:
    """Name → column, of a lake dataset or a live interface.  Raises NotFound ``share.dataset_unknown``."""
    return {column.name: column for column in dataset_columns(connection, dataset)[0]}
