"""Writing: one lake transaction with its fences, its commit id, and nothing half done.

1. The commit id is looked up: what is committed stays committed.
2. Advisory locks make writers of the same datasets wait in line.  That is politeness only.
3. The fence each dataset stands behind is updated inside the lake transaction.  That is safety: of two transactions that
   met at the same dataset one fails at commit (two merges of the same new key would both pass otherwise).
4. The body writes.
5. The commit carries its id in ``commit_extra_info``; if the answer is lost, the lake is asked whether it holds
   the id.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import duckdb
import psycopg

from jutong.database import Connection
from jutong.store import merging, places
from jutong.store.engines.duckdb import told
from jutong.store.keeping import Kept
from jutong.store.lake import SQL, Lake, roll_back
from jutong.store.room import refuse_when_full
from jutong.store.spec import DatasetSpec, as_name, fence_sql, fences, table_sql
from jutong.terms import BadInput, Broken, Conflict, DatasetName, NotFound, quote

Result = TypeVar("Result")
#: A merge that touches more than this share of its dataset is differenced first (design §11).
_LARGE = 0.2


class AlreadyCommitted(Conflict):
    """The commit id is in the lake already, as ``snapshot``: the work is done."""

    def __init__(self, commit_id: str, snapshot: int) -> None:
        super().__init__("store.already_committed", f"提交 {commit_id} 已在快照 {snapshot} 中完成")
        self.snapshot = snapshot


@dataclass(frozen=True)
class Merged:
    inserted: int
    updated: int
    deleted: int


class Writer:
    """What a stage may do inside one lake transaction; ``snapshot`` is set once it is committed."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, specs: Mapping[str, DatasetSpec], lake: Lake
    ) -> None:
        self._cursor = cursor
        self._specs = specs
        self._lake = lake
        self._stages = 0
        self._snapshot: int | None = None
        #: Datasets this transaction has written to: what it wrote itself is in no sheet.
        self._touched: set[str] = set()
        #: Datasets whose sheets served, to be kept up.
        self.looked_up: list[DatasetSpec] = []
        # Asked once for all: a count(*) for each of a thousand empty datasets took seconds.
        self._holding = {row["name"] for row in lake.ask(SQL.lake_holding, names=list(specs))}

    @property
    def snapshot(self) -> int:
        """The snapshot this transaction became; RuntimeError before the commit."""
        if self._snapshot is None:
            raise RuntimeError("the lake transaction is not committed yet")
        return self._snapshot

    def run(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> duckdb.DuckDBPyConnection:
        """Run trusted plan SQL; returns the connection to fetch from. Make temporary tables and views only."""
        with self._lake.explained():
            return self._cursor.execute(sql, params) if params else self._cursor.execute(sql)

    def register(self, name: str, table: Any) -> None:
        """Let SQL see an Arrow table or reader under a name; a reader can be read only once."""
        self._cursor.register(name, table)

    def append(self, dataset: DatasetName | str, select_sql: str) -> int:
        """Add rows by item name; items the source does not offer are NULL. Returns the rows written.

        A keyed dataset takes this only while it is empty, and the caller vouches that each key is there once:
        raises BadInput ``store.keyed`` otherwise.
        """
        spec = self._spec(dataset)
        with self._lake.explained():
            if spec.keys and self._rows(spec):
                raise BadInput("store.keyed", f"数据集 {spec.name} 有主键且不为空，只能合并，不能追加")
            expressions = merging.source_columns(spec, self._describe(select_sql))
            source = merging.plain_table(select_sql) or f"({select_sql}) AS given"
            self._holding.add(str(spec.name))
            self._touched.add(str(spec.name))
            return self._count(merging.insert_sql(spec, source, expressions))

    def merge(
        self,
        dataset: DatasetName | str,
        select_sql: str,
        *,
        delete_missing: bool = False,
        delete_keys_sql: str | None = None,
    ) -> Merged:
        """Upsert by the dataset's keys, then delete; rows whose content is the same stay untouched.

        ``delete_missing``: the source is the whole dataset.  ``delete_keys_sql``: keys that are gone.
        Raises BadInput ``store.duplicate_key`` for doubled or empty keys, ``store.not_keyed``.
        """
        spec = self._spec(dataset)
        if not spec.keys:
            raise BadInput("store.not_keyed", f"数据集 {spec.name} 没有主键，只能追加")
        with self._lake.explained():
            before = self._rows(spec)
            if delete_keys_sql is None and not before:
                return self._fill(spec, select_sql)
            source, names = self._source(spec, select_sql)
            gone = self._gone(spec, source, delete_keys_sql)
            found = self._look_up(spec, source, names, gone, before)
            if found is not None:
                done = self._put(spec, source, names, found)
            else:
                inserted, updated = self._upsert(spec, source, names, before)
                deleted = self._count(merging.delete_keys_sql(spec, gone)) if before and gone else 0
                done = Merged(inserted, updated, deleted)
            self._touched.add(str(spec.name))
            if before and delete_missing:
                missing = self._count(merging.delete_missing_sql(spec, source))
                done = replace(done, deleted=done.deleted + missing)
        return done

    def _spec(self, dataset: DatasetName | str) -> DatasetSpec:
        spec = self._specs.get(str(dataset))
        if spec is None:
            raise Broken(
                "store.not_fenced", f"写入 {dataset} 之前没有取得它的写入权（writing 的参数里没有它）"
            )
        return spec

    def _fill(self, spec: DatasetSpec, select_sql: str) -> Merged:
        """The first load: nothing to compare with, so the rows go straight in and the keys are checked there."""
        expressions = merging.source_columns(spec, self._describe(select_sql))
        source = merging.plain_table(select_sql) or f"({select_sql}) AS given"
        self._holding.add(str(spec.name))
        self._touched.add(str(spec.name))
        inserted = self._count(merging.insert_sql(spec, source, expressions))
        self._check_keys(spec, table_sql(spec.name))
        return Merged(inserted, 0, 0)

    def _source(self, spec: DatasetSpec, select_sql: str) -> tuple[str, list[str]]:
        expressions = merging.source_columns(spec, self._describe(select_sql))
        plain = merging.plain_table(select_sql)
        if plain and all(expression == quote(name) for name, expression in expressions.items()):
            source = plain
        else:
            source = self._stage()
            self._cursor.execute(merging.stage_sql(source, select_sql, expressions))
        self._check_keys(spec, source)
        return source, list(expressions)

    def _check_keys(self, spec: DatasetSpec, source: str) -> None:
        found = self._cursor.execute(merging.key_problems_sql(spec, source)).fetchall()
        if found:
            raise merging.key_problem(spec, found)

    def _gone(self, spec: DatasetSpec, source: str, delete_keys_sql: str | None) -> str | None:
        if delete_keys_sql is None:
            return None
        gone = self._stage()
        self._cursor.execute(f"CREATE TEMP TABLE {gone} AS {delete_keys_sql}")
        both = self._cursor.execute(merging.both_sql(spec, source, gone)).fetchall()
        if both:
            raise BadInput(
                "store.delete_and_upsert",
                f"写入 {spec.name} 的数据中有主键既要写入又要删除：{'；'.join(str(row[0]) for row in both)}",
            )
        return gone

    def _upsert(self, spec: DatasetSpec, source: str, names: list[str], before: int) -> tuple[int, int]:
        """Returns how many rows were inserted and how many updated."""
        self._holding.add(str(spec.name))
        if before == 0:
            return self._count(merging.insert_sql(spec, source, {name: quote(name) for name in names})), 0
        if self._size(source) > before * _LARGE:
            changed = self._stage()
            self._cursor.execute(merging.difference_sql(spec, source, names, changed))
            source = changed
            if not self._size(source):
                return 0, 0
        upserted = self._count(merging.upsert_sql(spec, source, names))
        inserted = self._rows(spec) - before
        return inserted, upserted - inserted

    def _look_up(
        self, spec: DatasetSpec, source: str, names: list[str], gone: str | None, before: int
    ) -> places.Found | None:
        if before < places.LEAST_ROWS or str(spec.name) in self._touched:
            return None
        if self._size(source) > before * _LARGE:
            return None
        return places.find(self._lake, self._cursor, spec, source, names, gone, before)

    def _put(self, spec: DatasetSpec, source: str, names: list[str], found: places.Found) -> Merged:
        """What was looked up: places of what has changed or goes are struck out, what is new or changed is inserted."""
        self.looked_up.append(spec)
        if found.struck.num_rows:
            struck = self._stage()
            self._cursor.register(struck, found.struck)
            if self._count(merging.strike_sql(spec, struck)) != found.struck.num_rows:
                places.distrust(self._lake, spec)
                raise Conflict("store.conflict", f"数据集 {spec.name} 的文件刚被另一任务整理过，请重试")
            self._cursor.unregister(struck)
        if found.same.num_rows:
            same = self._stage()
            self._cursor.register(same, found.same)
            source = merging.without_sql(source, same, found.hashes)
        if found.rows > found.same.num_rows:
            self._count(merging.insert_sql(spec, source, {name: quote(name) for name in names}))
        return Merged(found.rows - found.known, found.struck.num_rows - found.deleted, found.deleted)

    def _stage(self) -> str:
        self._stages += 1
        return f"_jutong_stage_{self._stages}"

    def _describe(self, select_sql: str) -> list[tuple[str, str]]:
        rows = self._cursor.execute(f"DESCRIBE {select_sql}").fetchall()
        return [(row[0], row[1]) for row in rows]

    def _rows(self, spec: DatasetSpec) -> int:
        return self._size(table_sql(spec.name)) if str(spec.name) in self._holding else 0

    def _size(self, table: str) -> int:
        return self._count(f"SELECT count(*) FROM {table}")

    def _count(self, sql: str) -> int:
        row = self._cursor.execute(sql).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def writing(
    lake: Lake,
    commit_id: str,
    names: Sequence[DatasetName | str],
    *,
    author: str,
    committed: Callable[[str], int | None],
) -> Iterator[Writer]:
    """One lake transaction; see the module. ``committed`` asks the lake for a commit id's snapshot.

    Raises AlreadyCommitted; NotFound ``store.no_dataset``; Conflict ``store.conflict`` when another writer of
    the same dataset won (temporary: do the whole block again).
    """
    wanted = sorted({str(as_name(name)) for name in names})
    if not commit_id or not wanted:
        raise Broken("store.no_commit_id", "每次写入都要有提交号和数据集")
    _refuse_done(commit_id, committed)
    refuse_when_full(lake.settings)
    with ExitStack() as stack:
        _wait_in_line(lake, wanted, stack)
        lake.follow_move()
        cursor = stack.enter_context(lake.session())
        kept = Kept(lake.folder)
        cursor.execute("BEGIN")
        writer = Writer(cursor, _specs(lake, wanted), lake)
        try:
            _refuse_done(commit_id, committed)
            for fence in fences(wanted):
                cursor.execute(f"UPDATE {fence_sql(fence)} SET commit_id = ?", [commit_id])
            yield writer
            cursor.execute(
                "CALL lake.set_commit_message(?, ?, extra_info => ?)", [author, ", ".join(wanted), commit_id]
            )
            with lake.explained():
                kept.keep(lake.folders(wanted))
        except BaseException:
            roll_back(cursor)
            raise
        writer._snapshot = _commit(lake, cursor, commit_id, kept, committed)
        for spec in writer.looked_up:
            places.catch_up(lake, spec)


def write(
    body: Callable[[Writer], Result], enter: Callable[[], Any], attempts: int = 6
) -> tuple[Result, int]:
    """Run ``body`` in a transaction, again from the start when another writer won; returns result, snapshot."""
    for attempt in range(attempts):
        try:
            with enter() as writer:
                result = body(writer)
            return result, writer.snapshot
        except AlreadyCommitted:
            raise
        except Conflict as problem:
            if problem.code != "store.conflict" or attempt + 1 == attempts:
                raise
            time.sleep(random.uniform(0.02, 0.05) * 2**attempt)  # noqa: S311
    raise AssertionError("unreachable")


def _refuse_done(commit_id: str, committed: Callable[[str], int | None]) -> None:
    snapshot = committed(commit_id)
    if snapshot is not None:
        raise AlreadyCommitted(commit_id, snapshot)


def _wait_in_line(lake: Lake, names: list[str], stack: ExitStack) -> None:
    """Take the advisory locks; they end with the connection's transaction, however that ends."""
    connection = lake.database.pool.getconn()
    stack.callback(_let_go, lake, connection)
    connection.execute(SQL.lock_datasets, {"names": fences(names)})


def _let_go(lake: Lake, connection: Connection) -> None:
    try:
        connection.rollback()
    except psycopg.Error:
        pass  # a lost lock connection has let go already
    lake.database.pool.putconn(connection)


def _specs(lake: Lake, names: list[str]) -> dict[str, DatasetSpec]:
    with lake.database.connection() as control:
        rows = control.execute(SQL.find_datasets, {"names": names}).fetchall()
    specs = {row["name"]: DatasetSpec.from_row(row) for row in rows}
    unknown = [name for name in names if name not in specs]
    if unknown:
        raise NotFound("store.no_dataset", f"数据集 {', '.join(unknown)} 不存在")
    return specs


def _commit(
    lake: Lake,
    cursor: duckdb.DuckDBPyConnection,
    commit_id: str,
    kept: Kept,
    committed: Callable[[str], int | None],
) -> int:
    try:
        lake.commit(cursor, commit_id, kept)
    except duckdb.Error as problem:
        if isinstance(told(problem), Conflict):
            _refuse_done(commit_id, committed)  # the winner may bear the same id
        raise
    snapshot = committed(commit_id)
    if snapshot is None:
        raise Broken("store.commit_lost", f"提交 {commit_id} 返回成功，数据湖中却没有它")
    return snapshot
