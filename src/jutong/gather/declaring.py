"""What is gathered from where: sources and their tables, declared as rows, idempotently."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.keys import KeyProvider
from jutong.outside import REMOTE_KINDS
from jutong.terms import Address, BadInput, DatasetName, Item, NotFound, Zone

_sql = named_sql(__file__)

BATCH, ROW = "_batch", "_row"
#: Column names the lake or we ourselves keep; a source's column of this name gets a trailing underscore.
_TAKEN = {BATCH, ROW, "rowid", "snapshot_id", "filename", "file_row_number", "file_index"}


@dataclass(frozen=True)
class Source:
    """A department's system. ``config`` holds no secret; ``secret_ref`` says where it is."""

    name: str
    department_code: str
    kind: str
    label: str
    config: Mapping[str, Any] = field(default_factory=dict)
    secret_ref: str | None = None
    state: str = "active"

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def secret(self, keys: KeyProvider | None) -> str | None:
        """The password. Raises BadInput ``gather.secret_missing``."""
        way, _, what = (self.secret_ref or "").partition(":")
        try:
            if way == "sealed" and keys is not None:
                return keys.unseal(what, secret_context(self.name)).decode()
            if way == "file":
                return Path(what).read_text(encoding="utf-8").strip()
            if way == "env":
                return os.environ[what]
        except (OSError, KeyError):
            pass
        if self.secret_ref:
            raise BadInput("gather.secret_missing", f"数据源 {self.name} 的口令取不到（{way or '未知方式'}）")
        return None


@dataclass(frozen=True)
class SourceTable:
    """One table, file or sheet; ``name`` is the table part of ``raw.<name>`` and ``standard.<name>``.

    ``items``: rows of ``Item`` fields, optionally with ``source`` (the column's name there) and ``optional``.
    """

    name: str
    source_name: str
    label: str
    locator: Mapping[str, Any]
    mode: str = "full"
    watermark_item: str | None = None
    keys: tuple[str, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()
    entry_id: int | None = None
    state: str = "active"
    department_code: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        known = {name: row[name] for name in cls.__dataclass_fields__ if name in row}
        return cls(**{**known, "keys": tuple(row["keys"]), "items": tuple(row["items"])})


def secret_context(source: str) -> str:
    """What a source's sealed password is bound to."""
    return f"source:{source}"


def raw_dataset(table: str) -> DatasetName:
    return DatasetName(Zone.RAW, table)


def declare_sources(
    connection: Connection, sources: Sequence[Source], tables: Sequence[SourceTable] = ()
) -> None:
    """Save sources and tables; what is there is brought to the declaration, nothing is removed.

    Raises BadInput ``gather.bad_table`` for an incremental table without watermark, for keys that are no items
    and for a name the lake cannot bear.
    """
    for table in tables:
        _check(table)
    with connection.cursor() as cursor:
        cursor.executemany(
            _sql.save_source, [{**vars(source), "config": Jsonb(dict(source.config))} for source in sources]
        )
        cursor.executemany(_sql.save_table, [_table_row(table) for table in tables])


def _check(table: SourceTable) -> None:
    names = {item["name"] for item in table.items}
    problem = None
    try:
        raw_dataset(table.name)
    except ValueError:
        problem = "名称须以小写字母开头，只含小写字母、数字和下划线"
    if table.mode == "incremental" and not table.watermark_item:
        problem = "增量归集须登记增量字段"
    elif table.items and not set(table.keys) <= names:
        problem = f"主键 {', '.join(table.keys)} 不都是信息项"
    if problem:
        raise BadInput("gather.bad_table", f"归集表 {table.name} 的登记有误：{problem}")


def _table_row(table: SourceTable) -> dict[str, Any]:
    return {
        **vars(table), "locator": Jsonb(dict(table.locator)), "keys": list(table.keys),
        "items": Jsonb([dict(item) for item in table.items]),
    }  # fmt: skip


def list_sources(connection: Connection, names: Sequence[str] | None = None) -> list[Source]:
    rows = connection.execute(_sql.find_sources, {"names": None if names is None else list(names)})
    return [Source.from_row(row) for row in rows]


def find_source(connection: Connection, name: str) -> Source:
    """Raises NotFound ``gather.no_source``."""
    found = list_sources(connection, [name])
    if not found:
        raise NotFound("gather.no_source", f"数据源 {name} 不存在")
    return found[0]


def arrives(source: Source) -> bool:
    """Whether its files come by themselves, pushed, filled in, dropped or fetched, so that there is nothing to take
    when it is its turn."""
    if source.kind == "file":
        return bool(source.config.get("drop")) or not source.config.get("folder")
    return source.kind in REMOTE_KINDS


def find_tables(
    connection: Connection, source: str | None = None, names: Sequence[str] | None = None
) -> list[SourceTable]:
    """Tables of a source, or those named; raises NotFound ``gather.no_table`` when a named one is not there."""
    wanted = None if names is None else list(names)
    rows = connection.execute(_sql.find_tables, {"source": source, "names": wanted}).fetchall()
    missing = set(wanted or ()) - {row["name"] for row in rows}
    if missing:
        raise NotFound("gather.no_table", f"归集表 {', '.join(sorted(missing))} 不存在")
    return [SourceTable.from_row(row) for row in rows]


def raw_columns(
    columns: Sequence[Item], items: Sequence[Mapping[str, Any]], address: Address
) -> tuple[Item, ...]:
    """How the source's columns are named in the raw dataset, in the source's order.

    A column that is an item's ``source``, name or label (case apart) bears the item's name, so that refine finds
    it; any other keeps its own.  Raises BadInput ``gather.column_missing`` for an item the source does not have.
    """
    wanted: dict[str, Mapping[str, Any]] = {}
    for field_name in ("label", "name", "source"):  # the more exact one last, so that it wins
        for item in items:
            if item.get(field_name):
                wanted[str(item[field_name]).casefold()] = item
    named: list[Item] = []
    used: set[str] = set()
    for column in columns:
        known = wanted.get(column.name.casefold())
        name = str(known["name"]) if known and known["name"] not in used else column.name
        while name.lower() in _TAKEN or name in used:
            name += "_"
        used.add(name)
        named.append(Item(name, str(known["label"]) if known else column.label, column.type))
    missing = [item for item in items if item["name"] not in used and not item.get("optional")]
    if missing:
        labels = "、".join(f"{item['label']}（{item['name']}）" for item in missing)
        where = Address(address.file, address.sheet, address.row, str(missing[0]["label"]))
        raise BadInput("gather.column_missing", f"缺少约定的列：{labels}", where)
    return tuple(named)
