"""The files of a dataset at a snapshot: everything another engine needs to read it without us.

Rename, drop and re-add leave old files as they are, so columns are known by field id; a merged file holds rows
of several snapshots, each marked; a delete file strikes out rows by their place in a data file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jutong.store.lake import SQL, Lake, below, table_folder
from jutong.terms import DatasetName, NotFound

#: In files with ``marked``: the snapshot each row came with.
SNAPSHOT_COLUMN = "_ducklake_internal_snapshot_id"
_ITEM_TYPES = {"varchar": "text", "int64": "integer"}


@dataclass(frozen=True)
class Column:
    field_id: int
    name: str
    type: str
    #: The value, as text, of rows in files older than the column.
    default: str | None


@dataclass(frozen=True)
class DataFile:
    path: str
    #: Rows carry their snapshot in ``SNAPSHOT_COLUMN``; those of later snapshots do not belong.
    marked: bool
    delete_path: str | None
    #: The same of the delete file's rows.
    delete_marked: bool
    #: Struck-out ones too.
    rows: int


@dataclass(frozen=True)
class Files:
    """One dataset at one snapshot; provenance items included."""

    dataset: DatasetName
    snapshot: int
    columns: tuple[Column, ...]
    data: tuple[DataFile, ...]


def files_at(lake: Lake, name: DatasetName, snapshot: int) -> Files:
    """Raises NotFound ``store.no_snapshot`` when the dataset was not there then."""
    columns = lake.ask(SQL.lake_columns_at, zone=str(name.zone), table=name.table, snapshot=snapshot)
    if not columns:
        raise NotFound("store.no_snapshot", f"快照 {snapshot} 中没有数据集 {name}")
    rows = lake.ask(SQL.lake_files_at, table_id=columns[0]["table_id"], snapshot=snapshot)
    folder = table_folder(Path(lake.folder), columns[0])
    return Files(
        name,
        snapshot,
        tuple(
            Column(
                row["column_id"], row["column_name"], item_type(row["column_type"]), row["initial_default"]
            )
            for row in columns
        ),
        tuple(
            DataFile(
                _address(below(folder, row["path"], row["path_is_relative"])),
                row["partial_max"] is not None,
                row["delete_path"] and _address(below(folder, row["delete_path"], row["delete_relative"])),
                row["delete_max"] is not None,
                row["rows"],
            )
            for row in rows
        ),
    )


def _address(path: Path) -> str:
    """A path as engines take it; ``Path`` makes one slash of a bucket's two."""
    return re.sub(r"^(\w+):/(?!/)", r"\1://", str(path))


def item_type(lake_type: str) -> str:
    """The item type of a type as DuckLake's catalogue writes it."""
    return _ITEM_TYPES.get(lake_type, lake_type)
