"""The change feed: what a dataset's follower must do to stand where the dataset stands.

Changes are **net** and told by business key, deletes first, never by row id.  The rows of the lake's own feed
are only evidence: what a key held then and holds now is compared by content, so that compaction, rewritten
files, doubled feed rows (ducklake #1387) and changes undone in between all vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import duckdb
import pyarrow as pa

from jutong.store.files import item_type
from jutong.store.lake import SQL, Lake
from jutong.store.spec import DatasetSpec, table_sql
from jutong.terms import BadInput, DatasetName, NotFound, quote, row_hash


@dataclass(frozen=True)
class State:
    """A dataset's table as it stood at a snapshot: column id → (name, item type), in order."""

    table_id: int
    columns: dict[int, tuple[str, str]]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.columns.values()]


def state_at(lake: Lake, name: DatasetName, snapshot: int) -> State | None:
    rows = lake.ask(SQL.lake_table_at, zone=str(name.zone), table=name.table, snapshot=snapshot)
    if not rows:
        return None
    row = rows[0]
    columns = zip(row["ids"], row["columns"], row["types"], strict=True)
    return State(row["table_id"], {place: (column, item_type(kind)) for place, column, kind in columns})


class Changes:
    """Net changes of one dataset in ``(since, until]``.  A context manager; close it.

    ``full``: the feed reaches over an expired snapshot or a new dataset version: the upserts are the whole
    dataset, and the follower deletes every other row it holds.  ``renamed`` says old → new item name,
    ``added`` the items that came; both need no rows.  SQL given to ``reader`` sees the two relations
    ``upserts`` (all items) and ``deletes`` (the key items).
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        lake: Lake,
        spec: DatasetSpec,
        since: int | None,
        until: int,
        before: State | None,
        after: State,
    ) -> None:
        self.dataset = spec.name
        self.since = since
        self.until = until
        self.full = False
        self.keys = _keys_at(spec, after, state_at(lake, spec.name, _newest(lake)))
        self.columns = tuple(after.columns.values())
        self.renamed: dict[str, str] = {}
        self.added: tuple[str, ...] = ()
        self.upsert_count = 0
        self.delete_count = 0
        self._cursor = cursor
        self._lake = lake
        self._work(before, after)

    def upserts(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """Rows to insert or replace, by key."""
        wanted = ", ".join(quote(name) for name in columns) if columns else "*"
        return self.reader(f"SELECT {wanted} FROM upserts")

    def deletes(self) -> pa.RecordBatchReader:
        """Keys to delete; do it before the upserts."""
        return self.reader("FROM deletes")

    def reader(self, sql: str, batch_rows: int = 100_000) -> pa.RecordBatchReader:
        """A stream over ``upserts`` and ``deletes``; one at a time."""
        with self._lake.explained():
            return self._cursor.execute(sql).to_arrow_reader(batch_rows)

    @property
    def empty(self) -> bool:
        return not (self.full or self.upsert_count or self.delete_count)

    def close(self) -> None:
        self._cursor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self, before: State | None, after: State) -> None:
        with self._lake.explained():
            self._cursor.execute("BEGIN TRANSACTION READ ONLY")
            if before is None or before.table_id != after.table_id:
                self.full = before is not None or self._expired()
                self._everything()
                return
            self._tell_items(before, after)
            if not self._lake.ask(
                SQL.lake_touched, table_id=after.table_id, since=self.since, until=self.until
            )[0]["touched"]:
                self._nothing()
            elif self.keys:
                self._by_key(before, after)
            else:
                self._appended()

    def _expired(self) -> bool:
        return self.since is not None and not self._between()["begins"]

    def _everything(self) -> None:
        self._cursor.execute(f"CREATE TEMP VIEW upserts AS SELECT * FROM {self._at(self.until)}")
        self._cursor.execute(
            f"CREATE TEMP VIEW deletes AS SELECT {self._key_list() or 1} FROM upserts LIMIT 0"
        )
        self.upsert_count = self._number(f"SELECT count(*) FROM {self._at(self.until)}")

    def _nothing(self) -> None:
        self._cursor.execute(f"CREATE TEMP VIEW upserts AS SELECT * FROM {self._at(self.until)} LIMIT 0")
        self._cursor.execute(f"CREATE TEMP VIEW deletes AS SELECT {self._key_list() or 1} FROM upserts")

    def _tell_items(self, before: State, after: State) -> None:
        self.renamed = {
            before.columns[place][0]: name
            for place, (name, _) in after.columns.items()
            if place in before.columns and before.columns[place][0] != name
        }
        self.added = tuple(name for place, (name, _) in after.columns.items() if place not in before.columns)

    def _appended(self) -> None:
        """A dataset without keys only grows; rows carry the snapshot they came with, through compaction too."""
        self.upsert_count = self._number(f"SELECT count(*) FROM {self._grown()}")
        if self._held(self.since) + self.upsert_count != self._held(self.until):
            self.full = True  # rows were purged
            self._everything()
            return
        self._cursor.execute(f"CREATE TEMP VIEW upserts AS SELECT * FROM {self._grown()}")
        self._cursor.execute("CREATE TEMP VIEW deletes AS SELECT 1 FROM upserts LIMIT 0")

    def _by_key(self, before: State, after: State) -> None:
        """Three ways to the same answer, each dearer and surer than the one before.

        The feed itself tells both states of each key unless one transaction touched a key twice; the two states
        of the touched keys always do; the two whole states need no feed at all.  What is told must add up:
        rows held then + new − deleted = rows held now.
        """
        keys = self._key_list()
        digest = row_hash([each for each in self.columns if not each[0].startswith("_")], "duckdb")
        self._cursor.execute(f"CREATE TEMP TABLE _after AS SELECT {keys}, {digest} AS h FROM {self._grown()}")
        self._cursor.execute(
            f"CREATE TEMP TABLE _left AS SELECT {keys}, snapshot_id AS s, {digest} AS h "
            f"FROM ducklake_table_deletions{self._span()}"
        )
        source = self._grown()
        if self._thinned() or not (self._before_by_feed() and self._adds_up()):
            narrow = f"SEMI JOIN (SELECT {keys} FROM _after UNION SELECT {keys} FROM _left) USING ({keys})"
            self._before_by_state(before, after, digest, narrow)
            if not self._adds_up():
                source = self._at(self.until)
                self._before_by_state(before, after, digest, "")
                self._cursor.execute(
                    f"CREATE OR REPLACE TEMP TABLE _after AS SELECT {keys}, {digest} AS h FROM {source}"
                )
                self._adds_up()
        self._cursor.execute(
            f"CREATE TEMP TABLE _came AS SELECT {keys} FROM _after ANTI JOIN _before USING ({keys}, h)"
        )
        self.upsert_count = self._number("SELECT count(*) FROM _came")
        self._cursor.execute(
            f"CREATE TEMP VIEW upserts AS SELECT * FROM (SELECT * FROM {source}) SEMI JOIN _came USING ({keys})"
        )

    def _thinned(self) -> bool:
        """Whether snapshots in between have expired: delete files went with them, so the feed has holes."""
        return int(self._between()["kept"]) < self.until - int(self.since or 0)

    def _between(self) -> dict[str, Any]:
        return self._lake.ask(SQL.lake_kept_between, since=self.since, until=self.until)[0]

    def _before_by_feed(self) -> bool:
        """What the touched keys held at ``since``, read from what left the dataset; False when it is not plain.

        A key whose first deletion comes after an insertion was not there at ``since``.
        """
        keys = self._key_list()
        self._cursor.execute(
            f"CREATE TEMP TABLE _before AS SELECT {keys}, any_value(h) AS h, count(DISTINCT h) AS n FROM _left "
            f"JOIN (SELECT {keys}, min(s) AS s FROM _left GROUP BY {keys}) USING ({keys}, s) "
            f"LEFT JOIN (SELECT {keys}, min(snapshot_id) AS first FROM ducklake_table_insertions{self._span()} "
            f"GROUP BY {keys}) USING ({keys}) WHERE first IS NULL OR first >= s GROUP BY {keys}"
        )
        return not self._number("SELECT count(*) FROM _before WHERE n > 1")

    def _before_by_state(self, before: State, after: State, digest: str, narrow: str) -> None:
        then = {place: name for place, (name, _) in before.columns.items()}
        earlier = ", ".join(
            f"{quote(then[place]) if place in then else f'CAST(NULL AS {_duckdb_type(kind)})'} AS {quote(name)}"
            for place, (name, kind) in after.columns.items()
        )
        self._cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE _before AS SELECT {self._key_list()}, {digest} AS h "
            f"FROM (SELECT {earlier} FROM {self._at(self.since)}) {narrow}"
        )

    def _adds_up(self) -> bool:
        keys = self._key_list()
        self._cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE deletes AS SELECT {keys} FROM _before ANTI JOIN _after USING ({keys})"
        )
        self.delete_count = self._number("SELECT count(*) FROM deletes")
        new = self._number(f"SELECT count(*) FROM _after ANTI JOIN _before USING ({keys})")
        return self._held(self.since) + new - self.delete_count == self._held(self.until)

    def _grown(self) -> str:
        """Rows that came with a snapshot after ``since`` and are still there: whole files are skipped."""
        return f"{self._at(self.until)} WHERE snapshot_id > {self.since}"

    def _span(self) -> str:
        zone, table = self.dataset.zone, self.dataset.table
        return f"('lake', '{zone}', '{table}', {int(self.since or 0) + 1}, {self.until})"

    def _held(self, snapshot: int | None) -> int:
        return self._number(f"SELECT count(*) FROM {self._at(snapshot)}")

    def _at(self, snapshot: int | None) -> str:
        return f"{table_sql(self.dataset)} AT (VERSION => {snapshot})"

    def _key_list(self) -> str:
        return ", ".join(quote(key) for key in self.keys)

    def _number(self, sql: str) -> int:
        row = self._cursor.execute(sql).fetchone()
        return int(row[0]) if row else 0


def changes(lake: Lake, spec: DatasetSpec, since: int | None, until: int | None) -> Changes:
    """Net changes after snapshot ``since`` (None: all rows as upserts) up to ``until`` (None: the newest).

    Raises NotFound ``store.no_snapshot`` when ``until`` has expired or the dataset did not exist then, BadInput
    ``store.bad_span`` when ``since`` lies after ``until``.
    """
    bounds = lake.ask(SQL.lake_snapshot)[0]
    end = bounds["snapshot"] if until is None else until
    if since is not None and since > end:
        raise BadInput("store.bad_span", f"变更区间不对：起点 {since} 在终点 {end} 之后")
    there = lake.ask(SQL.lake_kept_between, since=end, until=end)[0]["begins"]
    after = state_at(lake, spec.name, end) if there else None
    if after is None:
        raise NotFound("store.no_snapshot", f"快照 {end} 中没有数据集 {spec.name}，或它已经过期")
    kept = since is not None and lake.ask(SQL.lake_kept_between, since=since, until=end)[0]["begins"]
    before = state_at(lake, spec.name, since) if kept and since is not None else None
    cursor = lake.cursor()
    try:
        return Changes(cursor, lake, spec, since, end, before, after)
    except BaseException:
        cursor.close()
        raise


def _newest(lake: Lake) -> int:
    return int(lake.ask(SQL.lake_snapshot)[0]["snapshot"])


def _keys_at(spec: DatasetSpec, then: State, now: State | None) -> tuple[str, ...]:
    """The key items by the names they bore then."""
    if now is None or now.table_id != then.table_id:
        return spec.keys if set(spec.keys) <= set(then.names) else ()
    places = {name: place for place, (name, _) in now.columns.items()}
    return tuple(then.columns[places[key]][0] for key in spec.keys)


def _duckdb_type(item_type: str) -> str:
    return {"text": "VARCHAR", "integer": "BIGINT"}.get(item_type, item_type.upper())
