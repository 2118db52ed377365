"""接口服务: publishing what the gate answers.  A service says the most it could answer; a grant narrows it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.share.bounds import NAMES_SOMEBODY, SUBJECT_ELEMENTS, EntryItem, dataset_columns, entry_items
from jutong.share.requests import mark_provided
from jutong.share.selections import Selection, offered_by
from jutong.terms import BadInput, Conflict, Item, NotFound, ShareType

_SQL = named_sql(__file__)
#: kind → its name in Chinese
KINDS = {"query": "查询", "verify": "核验", "list": "列表", "statistics": "统计", "proxy": "代理"}
_MOST_GROUPS = 4
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Offer:
    """What a service is to be, as publishing or drafting it is asked for.

    ``kind``: query answers rows, verify 核验 only says whether values given are so, list 列表 pages through all rows
    and tells what changed since, statistics 统计 counts by ``keys`` (coarsest first) and tells no count below
    ``least``, proxy 代理 asks the provider's live interface.
    """

    name: str
    entry_id: int
    keys: Sequence[str]
    #: None: all that may be shared.
    items: Sequence[str] | None = None
    label: str | None = None
    max_rows: int = 100
    kind: str = "query"
    least: int = 10
    #: query: so many days back it may be asked as of; None: not at all.
    past_days: int | None = None
    #: What is served instead of the entry's dataset as it stands.
    selection: Selection | None = None


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
    #: query: so many days back it answers as of a day; None: it does not.
    past_days: int | None = None
    #: The name of its first version.
    family: str = ""
    version: int = 1
    #: The version callers should go over to; since when they are told; when it ends.
    successor: str | None = None
    deprecated_at: dt.datetime | None = None
    sunset_at: dt.datetime | None = None
    #: The SELECT whose result it answers from; None: its dataset.
    selection: Selection | None = None

    @property
    def entries(self) -> tuple[int, ...]:
        """The entries it tells of or works with; its own first."""
        return tuple(dict.fromkeys((self.entry_id, *(self.selection.entries if self.selection else ()))))

    @property
    def tells_groups(self) -> bool:
        """Whether it answers about groups of subjects and names none of them."""
        if self.kind == "statistics" or self.selection is None:
            return self.kind == "statistics"
        named = any(one.copied and one.item.element in SUBJECT_ELEMENTS for one in self.selection.columns)
        return bool(self.selection.naming) and not named

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        lists = {"keys": tuple(row["keys"]), "items": tuple(row["items"])}
        selection = Selection.from_row(row["selection"]) if row["selection"] else None
        return cls(**{**values, **lists, "family": row["family"] or row["name"], "selection": selection})


def publish_service(connection: Connection, offer: Offer) -> Service:
    """Publish a service of an entry's dataset, or change the one it has under this name.

    Requests agreed and waiting for it count as provided (T6).
    Raises NotFound ``share.entry_unknown``, BadInput ``share.service_name``, ``share.service_items``,
    ``share.service_kind``, ``share.service_dimension``, ``share.service_least``, ``share.service_past``, Conflict
    ``share.entry_not_published``, ``share.not_attached``, ``share.service_taken``, ``share.service_no_key``.
    """
    row = connection.execute(_SQL.add_service, checked_service(connection, offer)).fetchone()
    if row is None:
        raise Conflict("share.service_taken", f"服务名 {offer.name} 已用于另一条目录")
    now_provided(connection, offer.entry_id)
    return Service.from_row(row)


def now_provided(connection: Connection, entry_id: int) -> None:
    """Requests agreed and waiting for a service of this entry have what they asked for (T6)."""
    for waiting in connection.execute(_SQL.waiting_grants, {"entry": entry_id}).fetchall():
        mark_provided(connection, waiting["id"], "接口服务已可调用")


def checked_service(connection: Connection, offer: Offer) -> dict[str, Any]:
    """The row of a service that may be published; raises what ``publish_service`` raises."""
    if offer.kind not in KINDS:
        raise BadInput("share.service_kind", f"服务没有类型 {offer.kind!r}：{'、'.join(KINDS)}")
    if not _NAME.fullmatch(offer.name):
        raise BadInput(
            "share.service_name", f"服务名 {offer.name!r} 须以小写字母开头，只含小写字母、数字和下划线"
        )
    entry = _publishable(connection, offer.entry_id)
    items, dataset_keys = servable(connection, offer.entry_id, entry["dataset"], offer.selection)
    _check_kind(offer, entry["dataset"], dataset_keys)
    if offer.kind == "statistics":
        _check_dimensions(connection, offer, items, dataset_keys)
    offered = [item.name for item in items]
    answered = offer.keys if offer.kind == "statistics" else offer.items
    # What is asked by is answered too: a grant that lets a caller ask by an item lets it be told.
    wanted = offered
    if answered is not None:  # in the order given, so that saying it again changes nothing
        wanted = list(dict.fromkeys((*(key for key in offer.keys if key not in answered), *answered)))
    missing = [item for item in (*offer.keys, *wanted) if item not in offered]
    if missing or not offer.keys or not wanted:
        raise BadInput(
            "share.service_items",
            f"服务须有查询项和返回项，且都能共享；不能用的：{'、'.join(missing) or '无'}",
        )
    return {
        "name": offer.name,
        "kind": offer.kind,
        "label": offer.label or entry["name"],
        "department_code": entry["department_code"],
        "entry_id": offer.entry_id,
        "dataset": entry["dataset"],
        "keys": list(offer.keys),
        "items": wanted,
        "max_rows": offer.max_rows,
        "least": offer.least,
        "past_days": offer.past_days,
        "selection": Jsonb(offer.selection.to_row()) if offer.selection else None,
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


def counted_beside(connection: Connection, service: Service) -> tuple[str, ...]:
    """Other services that tell of groups of the same entries' subjects, by name: who reads both may subtract.

    Each of them holds small groups back by itself; of what two of them tell together nobody but a reader can judge.
    """
    if not service.tells_groups:
        return ()
    own = set(service.entries)
    return tuple(
        other.name
        for other in services(connection)
        if other.name != service.name
        and other.state in ("review", "active")
        and other.tells_groups
        and own & set(other.entries)
    )


def _publishable(connection: Connection, entry_id: int) -> Mapping[str, Any]:
    entry = connection.execute(_SQL.entry_for_request, {"entry": entry_id}).fetchone()
    if entry is None:
        raise NotFound("share.entry_unknown", "没有这条目录")
    if entry["state"] != "published" or entry["share_type"] == ShareType.WITHHELD:
        raise Conflict("share.entry_not_published", f"目录 {entry['code']} 未发布或不予共享，不能发布服务")
    if not entry["dataset"]:
        raise Conflict("share.not_attached", f"目录 {entry['code']} 尚未挂接数据资源")
    return entry


def _check_kind(offer: Offer, dataset: str, dataset_keys: Sequence[str]) -> None:
    """What a list, a statistics and a proxy service ask of their dataset besides."""
    live = dataset.startswith("live.")
    if live != (offer.kind == "proxy") or (live and offer.selection):
        said = "只能以代理方式提供" if live else "不是实时接口，不能以代理方式提供"
        raise BadInput("share.service_kind", f"{dataset} {said}")
    if live and sorted(offer.keys) != sorted(dataset_keys):
        raise BadInput(
            "share.service_items", f"实时接口 {dataset} 按 {'、'.join(dataset_keys)} 查询，须全部作为查询项"
        )
    if offer.kind == "list" and not dataset_keys:
        said = "查询的结果没有指明主键" if offer.selection else f"数据集 {dataset} 没有主键"
        raise Conflict("share.service_no_key", f"{said}，不能逐页列出，也说不出变更")
    if offer.kind == "statistics" and not 2 <= offer.least <= 1000:
        raise BadInput("share.service_least", "统计服务的最小计数须在 2 至 1000 之间")
    by_record = offer.kind == "query" and not offer.selection and set(dataset_keys) <= set(offer.keys)
    if offer.past_days is not None and not (by_record and dataset_keys and 1 <= offer.past_days <= 3660):
        raise BadInput(
            "share.service_past",
            "只有直接取自数据集、查询项含其主键的查询服务可以按过去某日应答，天数须在 1 至 3660 之间",
        )


def _check_dimensions(
    connection: Connection, offer: Offer, items: Sequence[EntryItem], dataset_keys: Sequence[str]
) -> None:
    """A count by what names somebody, or by what is worked out of it, would be a count of one."""
    somebody = {item.name for item in items if item.element in NAMES_SOMEBODY} | set(dataset_keys)
    if offer.selection:
        named = {(entry, name) for entry in offer.selection.entries for name in _naming(connection, entry)}
        somebody |= {each.item.name for each in offer.selection.columns if named & set(each.sources)}
    naming = [name for name in offer.keys if name in somebody]
    if naming or len(set(offer.keys)) != len(offer.keys) or len(offer.keys) > _MOST_GROUPS:
        raise BadInput(
            "share.service_dimension",
            f"统计的分组项须为 1 至 {_MOST_GROUPS} 个不同的、不指明某个主体的信息项；不能用：{'、'.join(naming) or '无'}",
        )


def _naming(connection: Connection, entry_id: int) -> set[str]:
    """Items that name somebody, by the catalogue or by the dataset, and the dataset's keys."""
    columns, keys = dataset_columns(connection, _publishable(connection, entry_id)["dataset"])
    known = [(column.name, column.element) for column in columns]
    known += [(item.name, item.element) for item in entry_items(connection, entry_id)]
    return {name for name, element in known if element in NAMES_SOMEBODY} | set(keys)


def servable(
    connection: Connection, entry_id: int, dataset: str, selection: Selection | None = None
) -> tuple[list[EntryItem], list[str]]:
    """The items a service of an entry may hold, and the keys of what it is attached to or selects."""
    if selection is not None:
        found = offered_by(selection, {one: entry_items(connection, one) for one in selection.entries})
        return [item for item in found if item.share_type < ShareType.WITHHELD], list(selection.keys)
    columns, keys = dataset_columns(connection, dataset)
    present = {column.name: column for column in columns}
    items = [
        replace(item, element=item.element or present[item.name].element)
        for item in entry_items(connection, entry_id)
        if item.share_type < ShareType.WITHHELD and item.name in present
    ]
    return items, keys


def columns_of(connection: Connection, dataset: str, selection: Selection | None = None) -> dict[str, Item]:
    """Name → column, of a lake dataset, a live interface or a SELECT.  Raises NotFound ``share.dataset_unknown``."""
    columns = selection.items if selection else dataset_columns(connection, dataset)[0]
    return {column.name: column for column in columns}
