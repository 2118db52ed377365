"""Change capture 变更捕获 of one source's tables (UC-GATHER-05).

1. What the source lacks for it is told, and nothing begins.
2. The slot, or our place in the log, is found or made; one that has lost changes is made anew, and every table is taken
   whole again.
3. A table without a whole snapshot is taken whole; changes since the slot's place come on top of it.  Some of them the
   snapshot holds already: a row's newest version comes last, so nothing is lost and nothing is doubled.
4. A table whose changes the log does not tell in full (it was altered, its rows are partial) is taken whole again.
   Changes are read without taking them, whole transactions at a time, and land in one lake commit for all tables:
   the newest version of each row in ``raw.<table>``, every change, deletes too, in ``raw.<table>_change``.
5. Receipts become batches; only then the slot is moved.  A killed run's commit is known by where it began.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pyarrow as pa
from psycopg.types.json import Jsonb

from jutong.database import Database, named_sql
from jutong.gather.changes import CHANGE, Changed, change_dataset, newest_of
from jutong.gather.counting import Engine
from jutong.gather.declaring import BATCH, ROW, Source, SourceTable, raw_columns, raw_dataset
from jutong.gather.drift import agree
from jutong.gather.landing import landed_spec
from jutong.gather.receipts import Batch, batch_id, note, notice_row, problem_row, save_batches, settle
from jutong.gather.verifying import as_text
from jutong.keys import KeyProvider
from jutong.outside import (
    Divisible,
    Name,
    Notice,
    Widened,
    capturable,
    default_schema,
    lsn,
    lsn_text,
    open_capture,
    open_source,
)
from jutong.outside import Source as OpenedSource
from jutong.store import AlreadyCommitted, DatasetSpec, Store, Writer
from jutong.terms import Address, BadInput, Broken, Item, JutongError, literal, quote

_sql = named_sql(__file__, "capturing.sql")

#: Changes that land together; a single transaction may have more.
CHUNK_CHANGES = 100_000
#: Keys asked for at once when long values were left alone.
_ASKED = 500
#: Bytes of log kept for us above which the source's administrator should know.
MUCH_LOG = 1 << 30


@dataclass
class _Table:
    """A captured table as it stands now."""

    table: SourceTable
    columns: tuple[Item, ...]
    raw: tuple[Item, ...]
    #: Its primary key as the source and as the raw dataset name it.
    keys: tuple[str, ...]
    raw_keys: tuple[str, ...]
    #: Column → base type, for the few whose text is told differently.
    types: Mapping[str, str]
    #: The batch of its whole snapshot, and where the changes on top of it begin.
    whole: tuple[str, int]
    text: frozenset[str] = frozenset()
    notices: list[Notice] = field(default_factory=list)


def table_name(locator: Mapping[str, Any], schema: str) -> Name:
    """``schema``: of a locator that names none."""
    return str(locator.get("schema") or schema), str(locator.get("table", ""))


class Capturing:
    """One run of one source's captured tables; use it as a context manager."""

    def __init__(
        self, source: Source, tables: Sequence[SourceTable], run_id: str, *, database: Database, store: Store,
        keys: KeyProvider | None,
    ) -> None:  # fmt: skip
        if not capturable(source.kind):
            raise BadInput(
                "gather.no_capture", f"数据源 {source.name} 的种类还不能按变更捕获，请改用增量或全量"
            )
        self._source, self._tables, self._run_id = source, list(tables), run_id
        self._database, self._store = database, store
        self._secret = source.secret(keys)
        self._there = open_capture(source.kind, source.config, self._secret, source.name)
        self._schema = default_schema(source.kind, source.config)
        self._slot, self._position = "", 0
        self._told: list[Notice] = []
        #: Why tables are taken whole again: of one table, or of all.
        self._anew: list[tuple[str | None, Notice]] = []
        self._number = 0
        self._empty = {table.name for table in tables}
        #: Whether a table was emptied by TRUNCATE, or altered: it is to be taken whole again.
        self.emptied = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._there.close()

    def begin(self) -> list[SourceTable]:
        """Steps 1 and 2; the tables to be taken whole first. Raises BadInput ``gather.capture_not_ready``."""
        lacks = self._there.missing([self._name(table) for table in self._tables])  # 1
        if lacks:
            raise BadInput(
                "gather.capture_not_ready", f"来源还不能捕获变更：{'；'.join(lacks)}", self._address()
            )
        noted, mark = 0, ""
        with self._database.connection() as connection:
            row = connection.execute(_sql.capture, {"source": self._source.name}).fetchone()
            if row is not None:
                self._slot, noted, mark = row["slot"], lsn(row["position"]), row["mark"]
                landed = connection.execute(
                    _sql.landed, {"source": self._source.name, "made_at": row["made_at"]}
                ).fetchone()
                self._position = max(noted, lsn((landed or {}).get("landed") or "0/0"))
        if not self._slot or self._lost(noted, mark):  # 2
            self._begin_anew()
        self._move(self._position)
        with self._database.connection() as connection:
            whole = {
                found["source_table"]
                for found in connection.execute(_sql.whole, {"tables": [one.name for one in self._tables]})
            }
        due = [table for table in self._tables if table.name not in whole]
        if due:
            self._there.settle(self._position)
        return due

    def stand_on(self, batches: Mapping[str, Batch]) -> dict[str, Batch]:
        """Step 3: these tables have been taken whole, after the slot stood where it stands; the batches, told why."""
        stood = {}
        with self._database.connection() as connection:
            for name, batch in batches.items():
                connection.execute(
                    _sql.stand_on, {"table": name, "batch": batch.id, "position": lsn_text(self._position)}
                )
                told = [notice_row(notice) for table, notice in self._anew if table in (None, name)]
                connection.execute(_sql.tell, {"batch": batch.id, "notices": Jsonb(told)})
                stood[name] = replace(
                    batch, notices=(*told, *batch.notices), noticed=batch.noticed + len(told)
                )
                self._empty.discard(name)
        self._anew = []
        return stood

    def follow(self) -> list[Batch]:
        """Steps 4 and 5, up to where the source's log stands now; a batch for every table with changes."""
        batches: list[Batch] = []
        self.emptied = False
        upto = self._there.now()
        self._warn()
        with open_source(self._source.kind, self._source.config, self._secret) as opened:
            tables, failed = self._described(opened)
        batches += failed
        upto, unread = self._there.bounds(self._position, upto, list(tables))
        for name, why in unread.items():
            self._take_anew(tables.pop(name).table, why)
        self._store.declare([spec for one in tables.values() for spec in _specs(one)])
        with Engine() as engine:
            while self._position < upto:
                landed = self._land(tables, upto, engine)
                if landed is None:
                    break
                batches += landed
        self._move(max(self._position, upto))  # nothing of ours lies before it any more
        self._see()
        return batches + self._nothing(batches, tables)

    def _take_anew(self, table: SourceTable, why: str) -> None:
        with self._database.connection() as connection:
            connection.execute(_sql.take_anew, {"tables": [table.name]})
        told = f"{why}，这张表重新取一遍全量，其间的变更不再逐条保留"
        self._anew.append((table.name, Notice("gather.capture_altered", told, self._address(table))))
        self.emptied = True

    def _lost(self, noted: int, mark: str) -> bool:
        """Whether changes are missing between where we stand and where the slot does."""
        slot = self._there.slot(self._slot, noted, mark)
        if slot is None:
            why = "复制槽不见了"
        elif slot.lost:
            why = slot.why or "源库没有再为我们保留日志"
        elif slot.confirmed > self._position:
            why = "复制槽被别人往前推过"
        else:
            return False
        if self._position:  # else an earlier run was killed while it made the slot
            told = f"{why}，各表重新取一遍全量"
            self._anew.append((None, Notice("gather.capture_restarted", told, self._address())))
        return True

    def _begin_anew(self) -> None:
        if self._slot:
            self._there.drop_slot(self._slot)
        self._slot = slot_prefix(self._source) + secrets.token_hex(4)
        with self._database.connection() as connection:
            connection.execute(_sql.take_anew, {"tables": [table.name for table in self._tables]})
            # Its name is noted before it is made: one that a killed run left is found, and found lost.
            values = {"source": self._source.name, "slot": self._slot, "position": "0/0", "mark": ""}
            connection.execute(_sql.begin, values)
        self._position = self._there.make_slot(self._slot)
        with self._database.connection() as connection:
            connection.execute(
                _sql.begin,
                {**values, "position": lsn_text(self._position), "mark": self._there.mark(self._position)},
            )

    def _move(self, to: int) -> None:
        """Noted here first: a slot that stands further than we know has lost us something."""
        self._position = to
        with self._database.connection() as connection:
            connection.execute(
                _sql.move,
                {"source": self._source.name, "position": lsn_text(to), "mark": self._there.mark(to)},
            )
        self._there.advance(self._slot, to)

    def _warn(self) -> None:
        """A source that keeps much of its log for us may run out of disk."""
        slot = self._there.slot(self._slot, self._position)
        if slot is not None and slot.behind > MUCH_LOG:
            much = f"{slot.behind / (1 << 30):.1f} GB 日志"
            told = (
                f"源库为我们留着 {much}，归集停久了会占满它的磁盘"
                if self._there.kept(self._slot) is not None
                else f"源库还有 {much}没有读，被它清除就要重新取全量"
            )
            self._told.append(Notice("gather.log_kept", told, self._address()))

    def _see(self) -> None:
        slot = self._there.slot(self._slot, self._position)
        behind = slot.behind if slot else None
        with self._database.connection() as connection:
            connection.execute(_sql.see, {"source": self._source.name, "behind": behind})

    def _described(self, opened: OpenedSource) -> tuple[dict[tuple[str, str], _Table], list[Batch]]:
        """The tables as the source has them now; one whose columns have changed is held, and later taken whole."""
        assert isinstance(opened, Divisible)
        found = {table_name(each.locator, self._schema): each for each in opened.find()}
        tables: dict[tuple[str, str], _Table] = {}
        failed: list[Batch] = []
        with self._database.connection() as connection:
            asked = {"tables": [one.name for one in self._tables]}
            whole = {
                row["source_table"]: (row["batch_id"], lsn(row["position"]))
                for row in connection.execute(_sql.whole, asked)
            }
        for table in self._tables:
            if table.name not in whole:
                continue  # it was told already why it could not be taken
            try:
                with self._database.connection() as connection:
                    columns = opened.read(table.locator).columns
                    agreed, notices = agree(connection, table, columns)
                text = as_text(opened, agreed, landed_spec(self._store, raw_dataset(table.name)))
                keys = found[self._name(table)].keys
                tables[self._name(table)] = self._table(
                    opened, agreed, keys, text, notices, whole[table.name]
                )
            except JutongError as problem:
                if problem.temporary:
                    raise
                failed.append(self._failed(table, problem))
        return tables, failed

    def _table(
        self, opened: Divisible, table: SourceTable, keys: tuple[str, ...], text: frozenset[str],
        notices: list[Notice], whole: tuple[str, int],
    ) -> _Table:  # fmt: skip
        columns = opened.read(table.locator, text=text).columns
        raw = raw_columns(columns, table.items, self._address(table))
        names = {column.name: item.name for column, item in zip(columns, raw, strict=True)}
        kinds: dict[str, str] = getattr(opened, "kinds", lambda _: {})(table.locator)
        return _Table(
            table,
            columns,
            raw,
            keys,
            tuple(names[key] for key in keys),
            kinds,
            whole,
            text,
            [*notices, *self._told],
        )

    def _land(self, tables: dict[tuple[str, str], _Table], upto: int, engine: Engine) -> list[Batch] | None:
        """One chunk; None when there is none left."""
        end, again, changed = 0, False, {name: Changed(one.keys) for name, one in tables.items()}
        for transaction in self._there.peek(self._slot, self._position, upto, CHUNK_CHANGES):
            if transaction.end <= self._position:
                again = True  # the source had crashed, and its slot stood further back
                continue
            end = transaction.end
            for change in transaction.changes:
                found = changed.get((change.relation.schema, change.relation.table))
                if found is not None:
                    found.add(change, transaction)
        if not end:
            self._there.advance(self._slot, self._position)
            return [] if again else None
        ready = [(tables[name], rows) for name, rows in changed.items() if rows.count]
        emptied = [one.table.name for one, rows in ready if rows.emptied]
        batches = self._commit(ready, end, engine) if ready else []
        self.emptied = self.emptied or bool(emptied)
        if emptied:  # taken whole before anything else of theirs is taken
            with self._database.connection() as connection:
                connection.execute(_sql.take_anew, {"tables": emptied})
            for name in [name for name, one in tables.items() if one.table.name in emptied]:
                del tables[name]
        self._move(end)
        return batches

    def _commit(self, ready: Sequence[tuple[_Table, Changed]], end: int, engine: Engine) -> list[Batch]:
        commit_id = f"gather:capture:{self._slot}:{lsn_text(self._position)}"
        self._number += 1
        run_id = f"{self._run_id}-c{self._number}-{end:x}"
        parts = []
        for described, rows in ready:
            one, table = self._typed(described, rows)
            parts.append((one, _Landing(one, table, rows, batch_id(run_id, one.table.name), engine)))
        self._store.declare([spec for one, _ in parts for spec in _specs(one)])
        receipts = [part.receipt(run_id, self._position, end) for _, part in parts]
        datasets = [
            name for one, _ in parts for name in (raw_dataset(one.table.name), change_dataset(one.table.name))
        ]

        def body(writer: Writer) -> None:
            for (_, part), receipt in zip(parts, receipts, strict=True):
                part.write(writer, receipt)
            with self._database.connection() as connection:
                note(connection, [self._source.name], commit_id, receipts)

        try:
            _, snapshot = self._store.write(commit_id, *datasets, author="gather", body=body)
        except AlreadyCommitted:
            return self._late(commit_id)
        with self._database.connection() as connection:
            settle(connection, self._store, [self._source.name])
        self._empty -= {one.table.name for one, _ in parts}
        return [replace(receipt, commit_id=commit_id, snapshot=snapshot) for receipt in receipts]

    def _late(self, commit_id: str) -> list[Batch]:
        """A killed run's commit arrived after we had looked for it; the next run finds its receipts settled."""
        with self._database.connection() as connection:
            settled = settle(connection, self._store, [self._source.name])
            if not settled:  # they were struck out: nobody knows any more how far it went
                connection.execute(_sql.take_anew, {"tables": [table.name for table in self._tables]})
                connection.execute(_sql.forget, {"source": self._source.name})
        raise Broken(
            "gather.receipt_lost", f"上一次中断的捕获在重做期间才写入（{commit_id}），再归集一次即可"
        )

    def _typed(self, one: _Table, rows: Changed) -> tuple[_Table, pa.Table]:
        """Values as Arrow; a column with one beyond its type is text from then on."""
        rows.fill(lambda wanted, asked: self._known(one, wanted, asked))
        while True:
            try:
                return one, rows.table(one.columns, one.raw, one.types, self._address(one.table))
            except Widened as problem:
                text = one.text | {problem.item}
                columns = tuple(
                    replace(item, type="text") if item.name == problem.item else item for item in one.columns
                )
                raw = tuple(
                    replace(item, type="text") if column.name == problem.item else item
                    for column, item in zip(one.columns, one.raw, strict=True)
                )
                one = replace(one, text=text, columns=columns, raw=raw)

    def _known(
        self, one: _Table, wanted: Sequence[str], asked: Sequence[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Key → these columns of the row's newest version in the lake, all as text."""
        names = {column.name: item.name for column, item in zip(one.columns, one.raw, strict=True)}
        known = [name for name in wanted if name in names]
        found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        keys = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in one.raw_keys)
        columns = "".join(f", CAST({quote(names[name])} AS VARCHAR)" for name in known)
        for start in range(0, len(asked), _ASKED):
            told = {tuple(_said(one, key)): key for key in asked[start : start + _ASKED]}
            rows = ", ".join(f"({', '.join(map(literal, key))})" for key in told)
            with self._store.reading() as view:
                newest = newest_of(
                    view, one.table.name, [item.name for item in one.raw], one.raw_keys, one.whole
                )
                query = f"SELECT {keys}{columns} FROM {newest} WHERE ({keys}) IN ({rows})"
                for row in zip(*(column.to_pylist() for column in view.arrow(query).columns), strict=True):
                    values = dict(zip(known, row[len(one.raw_keys) :], strict=True))
                    found[told[row[: len(one.raw_keys)]]] = tuple(values.get(name) for name in wanted)
        return found

    def _nothing(self, batches: Sequence[Batch], tables: Mapping[tuple[str, str], _Table]) -> list[Batch]:
        """Tables without a change get an empty batch: they were asked."""
        came = {batch.source_table for batch in batches}
        quiet = [one for one in tables.values() if one.table.name in self._empty - came]
        if not quiet:
            return []
        snapshot, now = self._store.snapshot(), dt.datetime.now(dt.UTC)
        asked = [
            Batch(
                batch_id(self._run_id, one.table.name), one.table.name, self._run_id, "capture", now, now,
                given=0, bytes=0, content_hash="0" * 32, snapshot=snapshot, watermark_to=lsn_text(self._position),
            )
            for one in quiet
        ]  # fmt: skip
        with self._database.connection() as connection:
            save_batches(connection, asked)
        return asked

    def _failed(self, table: SourceTable, problem: JutongError) -> Batch:
        """Its changes are not followed any further; once its columns are agreed on it is taken whole."""
        now = dt.datetime.now(dt.UTC)
        batch = Batch(
            batch_id(self._run_id, table.name), table.name, self._run_id, "capture", now, now, state="failed",
            problem=problem_row(problem),
        )  # fmt: skip
        with self._database.connection() as connection:
            connection.execute(_sql.take_anew, {"tables": [table.name]})
            save_batches(connection, [batch])
        self._empty.discard(table.name)
        return batch

    def _name(self, table: SourceTable) -> Name:
        return table_name(table.locator, self._schema)

    def _address(self, table: SourceTable | None = None) -> Address:
        return Address(self._source.name, str(table.locator.get("table")) if table else None)


def _said(one: _Table, key: Sequence[Any]) -> list[str]:
    """A key as its columns are kept: the log pads texts of fixed length."""
    kinds = [one.types.get(name) for name in one.keys]
    return [str(v).rstrip(" ") if kind == "bpchar" else str(v) for v, kind in zip(key, kinds, strict=True)]


def _specs(one: _Table) -> list[DatasetSpec]:
    table = one.table
    known = (Item(BATCH, "批次"), Item(ROW, "行号", "integer"))
    return [
        DatasetSpec(raw_dataset(table.name), table.label, (*known, *one.raw), department_code=table.department_code),
        DatasetSpec(
            change_dataset(table.name), f"{table.label}（变更）", (*known, *CHANGE, *one.raw),
            department_code=table.department_code,
        ),
    ]  # fmt: skip


class _Landing:
    """One table's changes on their way into the lake: all of them, and what they come to."""

    def __init__(self, one: _Table, table: pa.Table, rows: Changed, batch: str, engine: Engine) -> None:
        self._one, self._changes, self._rows, self._batch = one, table, rows, batch
        self._net = rows.net(table, one.raw, one.raw_keys, engine.duck)
        typed = [(item.name, item.type) for item in one.raw]
        self._hash = engine.hash(self._net, typed)

    def receipt(self, run_id: str, since: int, end: int) -> Batch:
        now = dt.datetime.now(dt.UTC)
        rows, told = self._rows, list(self._one.notices)
        told.append(
            Notice(
                "gather.captured",
                f"捕获 {rows.count} 次变更：写入后 {self._net.num_rows} 行，其间删除 {rows.deletes} 次",
                Address(self._one.table.source_name),
            )
        )
        return Batch(
            id=self._batch, source_table=self._one.table.name, run_id=run_id, mode="capture", started_at=now,
            received_at=now, given=self._net.num_rows, bytes=self._changes.nbytes,
            content_hash=self._hash.result().digest, watermark_from=lsn_text(since), watermark_to=lsn_text(end),
            notices=tuple(notice_row(notice) for notice in told), noticed=len(told),
        )  # fmt: skip

    def write(self, writer: Writer, receipt: Batch) -> None:
        name = self._one.table.name
        select = f"SELECT {literal(receipt.id)} AS {BATCH}, * FROM"
        writer.register("captured_changes", self._changes)
        written = writer.append(change_dataset(name), f"{select} captured_changes")
        if written != self._rows.count:
            raise Broken(
                "gather.rows_lost",
                f"批次 {receipt.id} 读到 {self._rows.count} 次变更，写入 {written} 次，整批撤回",
            )
        if self._net.num_rows:
            writer.register("captured_rows", self._net)
            written = writer.append(raw_dataset(name), f"{select} captured_rows")
            if written != receipt.given:
                raise Broken(
                    "gather.rows_lost",
                    f"批次 {receipt.id} 有 {receipt.given} 行，写入 {written} 行，整批撤回",
                )


def release(source: Source, database: Database, keys: KeyProvider | None) -> bool:
    """Give up a source's slot, so that it need not keep its log for us; False when it had none."""
    with database.connection() as connection:
        row = connection.execute(_sql.capture, {"source": source.name}).fetchone()
        if row is None:
            return False
        with open_capture(source.kind, source.config, source.secret(keys), source.name) as there:
            there.drop_slot(row["slot"])
        connection.execute(_sql.forget, {"source": source.name})
    return True


def capture_standing(
    source: Source, tables: Sequence[SourceTable], keys: KeyProvider | None
) -> tuple[list[str], int | None]:
    """What a source lacks for its captured tables, in sentences, and the bytes of log it keeps for our slots."""
    schema = default_schema(source.kind, source.config)
    captured = [table_name(table.locator, schema) for table in tables if table.mode == "capture"]
    if not captured or not capturable(source.kind):
        return [], None
    with open_capture(source.kind, source.config, source.secret(keys), source.name) as there:
        return there.missing(captured, only_look=True), there.kept(slot_prefix(source))


def slot_prefix(source: Source) -> str:
    return f"jutong_{source.name[:40]}_"
