"""Reading: one snapshot, read-only, from as many statements as one likes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from jutong.store.archiving import archived_sql
from jutong.store.changes import state_at
from jutong.store.lake import SQL, Lake, roll_back
from jutong.store.spec import as_name, table_sql
from jutong.store.today import snapshot_at, today_sql
from jutong.terms import DatasetName, NotFound, Zone, literal

Params = Sequence[Any] | Mapping[str, Any]
#: Rows per record batch handed out; large enough for DuckDB, small enough for memory.
BATCH_ROWS = 100_000


class Reading:
    """A read-only view of the lake at one snapshot; one open ``reader`` at a time."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        snapshot: int,
        travelled: bool,
        lake: Lake,
    ) -> None:
        self._cursor = cursor
        self._travelled = travelled
        self._lake = lake
        self.snapshot = snapshot

    def interrupt(self) -> None:
        """End the statement under way, from another thread: it raises ``duckdb.InterruptException``."""
        self._cursor.interrupt()

    def table(self, dataset: DatasetName | str) -> str:
        """The dataset at this snapshot, as SQL may stand behind FROM: its name, or with what lies in the archive."""
        name = as_name(dataset)
        table = table_sql(name)
        living = f"{table} AT (VERSION => {self.snapshot})" if self._travelled else table
        if name.zone is not Zone.RAW:
            return living
        state = state_at(self._lake, name, self.snapshot)
        columns = list(state.columns.values()) if state else []
        archived = archived_sql(self._lake, name, columns, self.snapshot)
        return f"(SELECT * FROM {living} UNION ALL BY NAME {archived})" if archived else living

    def as_today(self, dataset: DatasetName | str) -> str:
        """The dataset at this snapshot under the items and types it has today; an item that came later is NULL.

        Raises NotFound ``store.no_dataset``, Conflict ``store.was_other`` when a key item of today was not there.
        """
        return today_sql(self._lake, as_name(dataset), self.table(dataset), self.snapshot)

    def arrow(self, sql: str, params: Params = ()) -> pa.Table:
        return self._run(sql, params).to_arrow_table()

    def reader(self, sql: str, params: Params = (), batch_rows: int = BATCH_ROWS) -> pa.RecordBatchReader:
        """Rows as a stream; read it before this reading ends and before the next statement."""
        return self._run(sql, params).to_arrow_reader(batch_rows)

    def rows(self, sql: str, params: Params = ()) -> list[dict[str, Any]]:
        """Rows as dicts, for results a person can look through; integers of any width stay integers."""
        table = self._run(sql, params).to_arrow_table()
        wide = [field.name for field in table.schema if field.type == pa.decimal128(38, 0)]
        rows: list[dict[str, Any]] = table.to_pylist()
        for row in rows:
            for name in wide:
                row[name] = None if row[name] is None else int(row[name])
        return rows

    def copy(self, sql: str, file: Path) -> int:
        """Write rows to one Parquet file; returns how many."""
        row = self._run(f"COPY ({sql}) TO {literal(str(file))} (FORMAT parquet)", ()).fetchone()
        return int(row[0]) if row else 0

    def register(self, name: str, table: Any) -> None:
        """Let SQL see an Arrow table or reader under a name, to join it with the lake."""
        self._cursor.register(name, table)

    def _run(self, sql: str, params: Params) -> duckdb.DuckDBPyConnection:
        with self._lake.explained():
            return self._cursor.execute(sql, params) if params else self._cursor.execute(sql)


@contextmanager
def reading(lake: Lake, as_of: int | dt.datetime | None) -> Iterator[Reading]:
    """A reading of the newest snapshot, of snapshot ``as_of``, or of the instant ``as_of`` (with a zone).

    Raises NotFound ``store.no_snapshot`` when that snapshot never was or has expired.
    """
    wanted = snapshot_of(lake, as_of) if as_of is not None else None
    with lake.session() as cursor:
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            row = cursor.execute("SELECT id FROM lake.current_snapshot()").fetchone()
            newest = int(row[0]) if row else 0
            yield Reading(cursor, newest if wanted is None else wanted, wanted is not None, lake)
        finally:
            roll_back(cursor)


def snapshot_of(lake: Lake, as_of: int | dt.datetime) -> int:
    """The snapshot a person means; see ``reading``."""
    bounds = lake.ask(SQL.lake_snapshot)[0]
    if isinstance(as_of, dt.datetime):
        instant = as_of if as_of.tzinfo else as_of.astimezone()
        found = snapshot_at(lake, instant)
    else:
        found = as_of if lake.ask(SQL.lake_kept_between, since=as_of, until=as_of)[0]["begins"] else None
    if found is None:
        raise NotFound(
            "store.no_snapshot",
            f"没有 {as_of} 的快照（或已按历史保留规则清理）：现存快照为 {bounds['oldest']} 至 {bounds['snapshot']}",
        )
    return int(found)
