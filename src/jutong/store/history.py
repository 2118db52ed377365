"""A record's own history: what it said, since when, and which commit made it say so.

Every row of the lake knows the snapshot it came with, through compaction too; so one walks back: the row as it is,
the newest kept snapshot before it came, the row as it was then.  What two neighbours say alike is one version, for
compaction moves rows without changing them.  Snapshots that have expired hide what came and went between them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from jutong.store.changes import state_at
from jutong.store.lake import SQL, Lake
from jutong.store.spec import DatasetSpec, column_type, table_sql
from jutong.terms import BadInput, literal, quote


@dataclass(frozen=True)
class Version:
    """What a record said from one snapshot on; ``row`` is None where it was gone."""

    snapshot: int
    at: dt.datetime | None
    #: Batch or run id, as it stands in the lake; empty where the snapshot has expired and left none.
    commit_id: str
    row: Mapping[str, Any] | None

    @property
    def content(self) -> dict[str, Any] | None:
        if self.row is None:
            return None
        return {name: value for name, value in self.row.items() if not name.startswith("_")}


def history(lake: Lake, spec: DatasetSpec, key: Sequence[str], most: int) -> list[Version]:
    """The versions of one record, the newest first; empty when no kept snapshot ever held it.

    ``key``: the values of the dataset's key items as text, in their order.  Raises BadInput ``store.not_keyed``,
    ``store.bad_key``.
    """
    if not spec.keys:
        raise BadInput("store.not_keyed", f"数据集 {spec.name} 没有主键，说不出一条记录的历史")
    if len(key) != len(spec.keys):
        raise BadInput("store.bad_key", f"数据集 {spec.name} 的主键是 {'、'.join(spec.keys)}，请逐项给出")
    walk = _Walk(lake, spec, key)
    with lake.session() as cursor:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            found = walk.back(cursor, most)
        finally:
            cursor.execute("ROLLBACK")
    return _dated(lake, _folded(found))


class _Walk:
    def __init__(self, lake: Lake, spec: DatasetSpec, key: Sequence[str]) -> None:
        self._lake, self._spec, self._key = lake, spec, key
        bounds = lake.ask(SQL.lake_snapshot)[0]
        self._newest, self._oldest = int(bounds["snapshot"]), int(bounds["oldest"])
        now = state_at(lake, spec.name, self._newest)
        #: The key items by column id, for their names may have been others then.
        self._places = [
            place
            for wanted in spec.keys
            for place, (name, _) in (now.columns.items() if now else ())
            if name == wanted
        ]

    def back(self, cursor: duckdb.DuckDBPyConnection, most: int) -> list[Version]:
        found: list[Version] = []
        at: int | None = self._newest
        while at is not None and len(found) < 2 * most:
            where = self._where(at)
            if where is None:
                break
            row = self._row(cursor, at, where[1])
            if row is not None:
                came = int(row.pop("snapshot_id"))
                found.append(Version(came, None, "", row))
            else:
                gone = self._gone(cursor, at, *where)
                if gone is None:
                    break
                came = gone
                found.append(Version(came, None, "", None))
            at = self._lake.ask(SQL.lake_kept_before, snapshot=came)[0]["snapshot"]
        return found

    def _where(self, at: int) -> tuple[str, str] | None:
        """The key items at a snapshot and the record's place among them; None when the dataset was not there, or keyed otherwise."""
        then = state_at(self._lake, self._spec.name, at)
        if then is None:
            return None
        names = [then.columns[place][0] if place in then.columns else "" for place in self._places]
        if "" in names:
            names = list(self._spec.keys)  # an older version of the dataset: its columns are others
            if not set(names) <= set(then.names):
                return None
        pairs = zip(names, self._key, strict=True)
        types = dict(then.columns.values())
        return ", ".join(quote(name) for name in names), " AND ".join(
            f"{quote(name)} = TRY_CAST({literal(value)} AS {column_type(types[name])})"
            for name, value in pairs
        )

    def _row(self, cursor: duckdb.DuckDBPyConnection, at: int, where: str) -> dict[str, Any] | None:
        table = f"{table_sql(self._spec.name)} AT (VERSION => {at})"
        found = cursor.execute(f"SELECT snapshot_id, * FROM {table} WHERE {where} LIMIT 1").to_arrow_table()
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows[0] if rows else None

    def _gone(self, cursor: duckdb.DuckDBPyConnection, at: int, keys: str, where: str) -> int | None:
        """When a record that is not there at ``at`` was last deleted."""
        zone, table = self._spec.name.zone, self._spec.name.table
        try:
            row = cursor.execute(
                # Materialised: a filter that reaches this function ends DuckDB 1.5 (its column is not projected).
                f"WITH gone AS MATERIALIZED (SELECT snapshot_id, {keys} FROM ducklake_table_deletions('lake', '{zone}', "
                f"{literal(table)}, {self._oldest}, {at})) SELECT max(snapshot_id) FROM gone WHERE {where}"
            ).fetchone()
        except duckdb.Error:
            return None  # a file of an expired snapshot is gone, and what it struck out with it
        return None if row is None or row[0] is None else int(row[0])


def _folded(found: Sequence[Version]) -> list[Version]:
    """Neighbours that say the same are one version, as old as the older of them."""
    folded: list[Version] = []
    for one in found:
        if folded and folded[-1].content == one.content:
            folded[-1] = replace(one, row=folded[-1].row if one.row is None else one.row)
        else:
            folded.append(one)
    return folded


def _dated(lake: Lake, found: Sequence[Version]) -> list[Version]:
    commits = lake.ask(SQL.lake_commit_notes, snapshots=[one.snapshot for one in found])
    told = {row["snapshot"]: (row["at"], row["commit_id"]) for row in commits}
    with lake.database.connection() as control:
        rows = control.execute(SQL.expired_notes, {"snapshots": [one.snapshot for one in found]}).fetchall()
    told |= {row["snapshot"]: (row["at"], row["commit_id"]) for row in rows}
    return [
        replace(one, at=told[one.snapshot][0], commit_id=told[one.snapshot][1] or "")
        if one.snapshot in told
        else one
        for one in found
    ]
