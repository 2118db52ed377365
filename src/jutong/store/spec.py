"""What a dataset is, and what must be done to the lake so that it becomes what was declared.

Only decisions live here: ``plan`` compares the wanted with the actual columns and returns SQL; ``declaring.py``
runs it.  A dataset is never replaced and never dropped (design §11): items are added and renamed in place, and
a retyped item makes a new version, the old table staying in the lake as ``<table>__v<n>``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from jutong.terms import BadInput, DatasetName, Item, quote

#: The schema of the one-row fence tables.
FENCE = "fence"
#: Datasets share fences by the hash of their name: one fence each would double the lake's tables and cost every
#: commit a file per dataset, while any two writers of one dataset still meet at one fence.  Never to be changed.
FENCES = 64

_LAKE_TYPES = {
    "text": ("VARCHAR", "varchar"),
    "integer": ("BIGINT", "int64"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP", "timestamp"),
    "boolean": ("BOOLEAN", "boolean"),
}
#: Names DuckLake keeps for itself; a column of this name would hide row lineage.
_RESERVED = frozenset({"rowid", "snapshot_id", "filename", "file_row_number", "file_index"})


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset as its owner declares it.

    ``keys`` is the business key by which rows merge; raw datasets have none and are only appended to.
    Items whose name begins with ``_`` are provenance (``_batch``, ``_row``), not content: they take no part in
    the question whether a row has changed, nor in the content hash.
    Raises BadInput ``store.bad_spec``.
    """

    name: DatasetName
    label: str
    items: tuple[Item, ...]
    keys: tuple[str, ...] = ()
    department_code: str | None = None
    version: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        names = [item.name for item in self.items]
        lower = [name.lower() for name in names]
        problem = None
        if not names:
            problem = "没有信息项"
        elif len(set(lower)) < len(lower):
            problem = "信息项重名（不分大小写）"
        elif set(lower) & _RESERVED:
            problem = f"信息项名 {', '.join(sorted(set(lower) & _RESERVED))} 为系统保留"
        elif not set(self.keys) <= set(names):
            problem = f"主键 {', '.join(self.keys)} 不都是信息项"
        elif any(not name or "\0" in name for name in names):
            problem = "信息项名为空"
        elif old_version(self.name.table):
            problem = "表名不能以 __v 加数字结尾，那是旧版本的名字"
        if problem:
            raise BadInput("store.bad_spec", f"数据集 {self.name} 的定义有误：{problem}")

    @property
    def content(self) -> tuple[Item, ...]:
        """The items that are content, provenance left out."""
        return tuple(item for item in self.items if not item.name.startswith("_"))

    def item(self, name: str) -> Item | None:
        return next((item for item in self.items if item.name == name), None)

    def is_declared_as(self, stored: DatasetSpec | None) -> bool:
        """Whether the stored spec says all this one says; it may keep items that are no longer declared."""
        return stored is not None and self == replace(stored, items=stored.items[: len(self.items)])

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            DatasetName.parse(row["name"]), row["label"], tuple(Item.from_row(item) for item in row["items"]),
            tuple(row["keys"]), row["department_code"], row["version"],
        )  # fmt: skip


def as_name(name: DatasetName | str) -> DatasetName:
    """Rooms may say ``"standard.market_entity"``; raises BadInput ``store.bad_name``."""
    if isinstance(name, DatasetName):
        return name
    try:
        return DatasetName.parse(name)
    except ValueError as problem:
        raise BadInput("store.bad_name", f"{name!r} 不是数据集名（区.表）") from problem


def table_sql(name: DatasetName) -> str:
    return f"lake.{quote(name.zone)}.{quote(name.table)}"


def fences(names: Iterable[DatasetName | str]) -> list[str]:
    """The fences these datasets stand behind, in the order in which they are taken."""
    return sorted({f"{zlib.crc32(str(name).encode()) % FENCES:02d}" for name in names})


def fence_sql(fence: str) -> str:
    return f"lake.{FENCE}.{quote(fence)}"


def column_type(item_type: str) -> str:
    """DuckDB's type of an item type."""
    return _LAKE_TYPES[item_type][0] if item_type in _LAKE_TYPES else item_type.upper()


def lake_type(item_type: str) -> str:
    """How DuckLake's catalogue writes the same type."""
    return _LAKE_TYPES[item_type][1] if item_type in _LAKE_TYPES else item_type


@dataclass(frozen=True)
class Retype:
    """One item whose values must be carried over without loss: checked before the copy."""

    item: str
    was: str
    becomes: str


@dataclass(frozen=True)
class Plan:
    """What one declaration does: DDL in order; with ``retypes`` or ``rekeyed`` a new version is made."""

    spec: DatasetSpec
    statements: tuple[str, ...] = ()
    retypes: tuple[Retype, ...] = ()
    copy: str | None = None


@dataclass(frozen=True)
class Actual:
    """A table as it stands in the lake: column name → DuckLake type; ``versions`` counts its predecessors."""

    columns: Mapping[str, str]
    versions: int = 0


def plan(
    wanted: DatasetSpec,
    actual: Actual | None,
    stored: DatasetSpec | None,
    renames: Mapping[str, str],
) -> Plan:
    """The DDL that turns ``actual`` into ``wanted``; ``renames`` says old item name → new item name.

    Items that are no longer declared stay in the lake and, no longer required, at the end of the spec.
    """
    if actual is None:
        return Plan(replace(wanted, version=1), (_create(wanted), *_fence(wanted)))
    columns = dict(actual.columns)
    statements = []
    table = table_sql(wanted.name)
    for old, new in renames.items():
        if old in columns and new not in columns:
            statements.append(f"ALTER TABLE {table} RENAME COLUMN {quote(old)} TO {quote(new)}")
            columns[new] = columns.pop(old)
    spec = _with_forgotten(wanted, stored, renames, columns)
    for item in spec.items:
        if item.name not in columns:
            statements.append(f"ALTER TABLE {table} ADD COLUMN {quote(item.name)} {column_type(item.type)}")
            columns[item.name] = lake_type(item.type)
    retypes = tuple(
        Retype(item.name, columns[item.name], column_type(item.type))
        for item in spec.items
        if columns[item.name] != lake_type(item.type)
    )
    rekeyed = stored is not None and tuple(renames.get(key, key) for key in stored.keys) != spec.keys
    version = actual.versions + 1
    if not (retypes or rekeyed):
        return Plan(replace(spec, version=version), tuple(statements))
    old_name = DatasetName(wanted.name.zone, f"{wanted.name.table[:56]}__v{version}")
    statements.append(f"ALTER TABLE {table} RENAME TO {quote(old_name.table)}")
    statements.append(_create(spec))
    casts = ", ".join(
        f"CAST({quote(item.name)} AS {column_type(item.type)}) AS {quote(item.name)}" for item in spec.items
    )
    copy = f"INSERT INTO {table} BY NAME SELECT {casts} FROM {table_sql(old_name)}"
    return Plan(replace(spec, version=version + 1), tuple(statements), retypes, copy)


def anew(spec: DatasetSpec, actual: Actual) -> Plan:
    """The DDL of a new, empty version of a dataset as it is declared."""
    version = actual.versions + 1
    old_name = DatasetName(spec.name.zone, f"{spec.name.table[:56]}__v{version}")
    rename = f"ALTER TABLE {table_sql(spec.name)} RENAME TO {quote(old_name.table)}"
    return Plan(replace(spec, version=version + 1), (rename, _create(spec)))


_OLD_VERSION = re.compile(r"(.+)__v(\d+)")


def old_version(table: str) -> tuple[str, int] | None:
    """``("market_entity", 1)`` of ``market_entity__v1``, the table of a past version."""
    found = _OLD_VERSION.fullmatch(table)
    return (found[1], int(found[2])) if found else None


def is_past(name: str) -> bool:
    """Whether ``zone.table`` names a past version."""
    return old_version(name.partition(".")[2]) is not None


def lossy_sql(table: DatasetName, retype: Retype) -> str:
    """How many values would not survive the retype unchanged; a code with leading zeros is no number."""
    column = quote(retype.item)
    new = f"TRY_CAST({column} AS {retype.becomes})"
    if retype.was == "varchar" and retype.becomes.startswith("DECIMAL"):
        wide = "DECIMAL(38,15)"
        same = (
            f"regexp_full_match({column}, '-?(0|[1-9][0-9]*)([.][0-9]+)?') "
            f"AND TRY_CAST({column} AS {wide}) = TRY_CAST({new} AS {wide})"
        )
    else:
        same = (
            f"CAST({new} AS VARCHAR) IS NOT DISTINCT FROM CAST({column} AS VARCHAR) "
            f"OR TRY_CAST({new} AS {_duckdb_type(retype.was)}) IS NOT DISTINCT FROM {column}"
        )
    return (
        f"SELECT count(*) FROM {table_sql(table)} "
        f"WHERE {column} IS NOT NULL AND ({new} IS NULL OR ({same}) IS NOT TRUE)"
    )


def _duckdb_type(lake: str) -> str:
    return {"varchar": "VARCHAR", "int64": "BIGINT"}.get(lake, lake.upper())


def _create(spec: DatasetSpec) -> str:
    columns = ", ".join(f"{quote(item.name)} {column_type(item.type)}" for item in spec.items)
    return f"CREATE TABLE {table_sql(spec.name)} ({columns})"


def _fence(spec: DatasetSpec) -> tuple[str, str]:
    (name,) = fences([spec.name])
    fence = fence_sql(name)
    return (
        f"CREATE TABLE IF NOT EXISTS {fence} (commit_id VARCHAR)",
        f"INSERT INTO {fence} SELECT '' WHERE NOT EXISTS (SELECT 1 FROM {fence})",
    )


def _with_forgotten(
    wanted: DatasetSpec, stored: DatasetSpec | None, renames: Mapping[str, str], columns: Mapping[str, str]
) -> DatasetSpec:
    declared = {item.name for item in wanted.items}
    forgotten = [
        replace(item, name=renames.get(item.name, item.name), required=False, key=False)
        for item in (stored.items if stored else ())
        if renames.get(item.name, item.name) not in declared
    ]
    forgotten = [item for item in forgotten if item.name in columns]
    return replace(wanted, items=(*wanted.items, *forgotten)) if forgotten else wanted
