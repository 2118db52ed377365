"""Taking a source: its tables read in one snapshot, counted while they pass, landed with receipts.

Procedure UC-GATHER-01.  A run has an id; the same run may be repeated after any crash and goes on where it was.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from jutong.database import Database, named_sql
from jutong.gather import landing
from jutong.gather.capturing import Capturing
from jutong.gather.chunking import Chunked
from jutong.gather.counting import Counted, Engine, without_landed
from jutong.gather.declaring import Source, SourceTable, list_sources, raw_columns, raw_dataset
from jutong.gather.drift import agree
from jutong.gather.keeping import Kept, keep
from jutong.gather.landing import Incoming, land_streaming, land_together
from jutong.gather.receipts import Batch, batch_id, problem_row, save_batches, settle
from jutong.gather.verifying import as_text
from jutong.keys import KeyProvider
from jutong.outside import Divisible, Notice, Part, Since, Widened, open_source
from jutong.outside import Source as OpenedSource
from jutong.store import Store
from jutong.terms import Address, BadInput, Broken, Conflict, Denied, JutongError

_sql = named_sql(__file__)

#: A table up to this size is held in memory and lands together with others of its source (design §11:
#: chunks of at least 50 000 rows, no commit per small thing).
SMALL_ROWS = 200_000
SMALL_BYTES = 64 << 20
_TOGETHER_BYTES = 256 << 20
#: Seconds behind a timestamp watermark that are read again for rows committed late.
_LOOKBACK = 300

#: Seconds before a source that vanished in mid-read is opened again.
RETRY_PAUSES = (1.0, 4.0)

#: How often in one run a captured table that was emptied in between is taken whole again.
_ROUNDS = 3

#: Seconds for a killed run's last commit to arrive, and for its locks to be let go.
_PATIENCE = 1.0

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def take(
    table: SourceTable,
    *,
    database: Database,
    store: Store,
    home: Path,
    run_id: str | None = None,
    keys: KeyProvider | None = None,
    full: bool = False,
) -> Batch:
    """Take one table; like ``take_many``, but a problem is raised after its failed batch is written."""
    batch = take_many(
        [table], database=database, store=store, home=home, run_id=run_id, keys=keys, full=full
    )[0]
    if batch.problem:
        address = {name: batch.problem.get(name) for name in Address.__dataclass_fields__}
        raise BadInput(batch.problem["code"], batch.problem["sentence"], Address(**address))
    return batch


def take_many(
    tables: Sequence[SourceTable],
    *,
    database: Database,
    store: Store,
    home: Path,
    run_id: str | None = None,
    keys: KeyProvider | None = None,
    full: bool = False,
    since: str | None = None,
    tell: Callable[[str, int], None] | None = None,
) -> list[Batch]:
    """Take tables, of one source or of many; one batch per table, in their order.

    A table that cannot be taken gives a batch in state ``failed`` with its sentence and stops no other.  A file
    whose content was taken before gives that earlier batch.  ``full`` reads incremental tables from the start,
    ``since`` from this watermark: what is held already does not come twice.
    ``tell`` hears each table's name and the rows read from it.  Raises Conflict ``gather.source_busy`` when
    another process is taking one of these sources.
    """
    if not tables:
        return []
    run_id = run_id or dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    if not _RUN.fullmatch(run_id):
        raise BadInput("gather.bad_run", f"归集轮次号 {run_id!r} 只能由字母、数字、- 和 _ 组成")
    names = sorted({table.source_name for table in tables})
    with _held(database, names):  # 1
        with database.connection() as connection:
            settle(connection, store, names, patience=_PATIENCE)  # 2
            done = _of_run(connection, run_id, tables)  # 3
            sources = {source.name: source for source in list_sources(connection, names)}
        due: dict[str, list[SourceTable]] = {}
        for table in tables:
            if table.name not in done or table.mode == "capture":
                due.setdefault(table.source_name, []).append(table)
        with Engine() as engine:
            run = _Run(run_id, database, store, home, engine, full=full, since=since, tell=tell)
            for name, its_tables in due.items():
                run.take_source(sources[name], its_tables, keys)
            run.land()
        done |= {batch.source_table: batch for batch in run.batches}
    return [done[table.name] for table in tables]


def recover(database: Database, store: Store) -> list[Batch]:
    """Settle what killed runs left, for all sources nobody is taking just now."""
    settled: list[Batch] = []
    with database.connection() as connection:
        names = [source.name for source in list_sources(connection)]
    for name in names:
        try:
            with _held(database, [name]), database.connection() as connection:
                settled += settle(connection, store, [name], patience=_PATIENCE)
        except Conflict:
            continue  # somebody is at it, and settles by himself
    return settled


class _Run:
    """What the tables of one run share: small ones gather in ``_together`` and land in one commit."""

    def __init__(
        self,
        run_id: str,
        database: Database,
        store: Store,
        home: Path,
        engine: Engine,
        *,
        full: bool,
        since: str | None,
        tell: Callable[[str, int], None] | None,
    ) -> None:
        self.batches: list[Batch] = []
        self._run_id = run_id
        self._database = database
        self._store = store
        self._home = home
        self._engine = engine
        self._full = full
        self._from = since
        self._tell = tell or (lambda _table, _rows: None)
        self._last: dict[str, dict[str, Any]] = {}
        self._noticed: list[Notice] = []
        self._together: list[tuple[Incoming, pa.Table]] = []
        self._waiting = 0

    def take_source(self, source: Source, tables: Sequence[SourceTable], keys: KeyProvider | None) -> None:
        """A source that vanishes in mid-read is opened again, a few times; what has landed is not read again."""
        captured = [table for table in tables if table.mode == "capture"]
        if captured:
            self._capture(source, captured, keys)
        waiting = [table for table in tables if table.mode != "capture"]
        if not waiting:
            return
        for pause in RETRY_PAUSES:
            waiting = self._take_tables(source, waiting, keys, last=False)
            if not waiting:
                return
            time.sleep(pause)
        self._take_tables(source, waiting, keys, last=True)

    def _capture(self, source: Source, tables: Sequence[SourceTable], keys: KeyProvider | None) -> None:
        """Tables whose changes are followed; those without a whole snapshot are taken whole first."""
        started = dt.datetime.now(dt.UTC)
        for pause in (*RETRY_PAUSES, None):
            try:
                self._follow(source, tables, keys)
            except (JutongError, *landing.LAKE_PROBLEMS) as problem:
                gone = isinstance(problem, JutongError) and problem.code == "outside.source_vanished"
                if gone and pause is not None:
                    time.sleep(pause)
                    continue
                for table in tables:
                    self._fail(table, problem, started)
            return

    def _follow(self, source: Source, tables: Sequence[SourceTable], keys: KeyProvider | None) -> None:
        with Capturing(
            source, tables, self._run_id, database=self._database, store=self._store, keys=keys
        ) as capturing:
            for _ in range(_ROUNDS):
                due = capturing.begin()
                if due:
                    # A run of its own: should this one be repeated, they are taken whole once more.
                    run = _Run(
                        f"{self._run_id}-w{secrets.token_hex(3)}", self._database, self._store, self._home,
                        self._engine, full=True, since=None, tell=self._tell,
                    )  # fmt: skip
                    run.take_source(source, [replace(table, mode="full") for table in due], keys)
                    run.land()
                    stood = capturing.stand_on(
                        {one.source_table: one for one in run.batches if one.state != "failed"}
                    )
                    self.batches += [stood.get(one.source_table, one) for one in run.batches]
                self.batches += capturing.follow()
                if not capturing.emptied:
                    return

    def _take_tables(
        self, source: Source, tables: Sequence[SourceTable], keys: KeyProvider | None, *, last: bool
    ) -> list[SourceTable]:
        """Returns the tables that had to wait, for the source had gone; with ``last`` they fail instead."""
        started = dt.datetime.now(dt.UTC)
        try:
            opened = open_source(source.kind, source.config, source.secret(keys))  # 4
        except JutongError as problem:
            for table in tables:
                self._fail(table, problem, started)
            return []
        with self._database.connection() as connection:
            names = {"tables": [table.name for table in tables]}
            self._last = {row["source_table"]: row for row in connection.execute(_sql.last_batches, names)}
        with opened:
            for place, table in enumerate(tables):
                started = dt.datetime.now(dt.UTC)
                try:
                    self._take_widening(opened, table, started)
                except (JutongError, *landing.LAKE_PROBLEMS) as problem:
                    gone = isinstance(problem, JutongError) and problem.code == "outside.source_vanished"
                    if gone and not last:
                        return list(tables[place:])
                    self._fail(table, problem, started)
        return []

    def _take_widening(self, opened: OpenedSource, table: SourceTable, started: dt.datetime) -> None:
        """A column with a value beyond its type is read again as text, and from then on."""
        self._noticed = []
        if opened.file(table.locator) is None:
            columns = opened.read(table.locator).columns
            with self._database.connection() as connection:
                table, self._noticed = agree(connection, table, columns)  # 5
        text = as_text(opened, table, landing.landed_spec(self._store, raw_dataset(table.name)))
        while True:
            try:
                self._take(opened, table, started, text)
            except Widened as problem:
                if problem.item in text:
                    raise
                text |= {problem.item}
            else:
                return

    def _take(
        self, opened: OpenedSource, table: SourceTable, started: dt.datetime, text: frozenset[str]
    ) -> None:
        if isinstance(opened, Divisible) and (table.mode == "full" or self._full):
            chunked = Chunked(opened, table, database=self._database, store=self._store)
            plan = opened.parts(table.locator)
            if len(plan) > 1 or (plan and plan[0].by) or chunked.left() is not None:
                self.batches.append(chunked.take(self._run_id, plan or (Part(),), text, self._noticed))
                self._tell(table.name, self.batches[-1].given or 0)
                return
        incoming = self._begin(opened, table, started, text)
        if isinstance(incoming, Batch):
            self.batches.append(incoming)
            return
        head, rest = _head(incoming)
        if rest is None:
            self._together.append((incoming, _whole(incoming, head)))
            self._waiting += incoming.counted.bytes
            if self._waiting > _TOGETHER_BYTES:
                self.land()
        else:
            self.batches += land_streaming(incoming, chain(head, rest), self._database, self._store)  # 6, 7
        self._tell(table.name, incoming.counted.given)

    def land(self) -> None:
        """Commit what waits; when the lake refuses it, one by one, so that the one at fault fails alone."""
        waiting, self._together, self._waiting = self._together, [], 0
        try:
            self.batches += land_together(waiting, self._database, self._store)  # 6, 7
        except (JutongError, *landing.LAKE_PROBLEMS) as problem:
            unsure = isinstance(problem, JutongError) and (problem.temporary or isinstance(problem, Broken))
            if len(waiting) == 1 or unsure:  # it may have been committed all the same: the next run will know
                for incoming, _ in waiting:
                    self._fail(incoming.table, problem, incoming.started_at)
                return
            for each in waiting:
                self._together = [each]
                self.land()

    def _begin(
        self, opened: OpenedSource, table: SourceTable, started: dt.datetime, text: frozenset[str]
    ) -> Incoming | Batch:
        """Open the reading of one table; a file already taken answers with its earlier batch."""
        kept = self._keep(opened, table)
        last = self._last.get(table.name)
        if kept and last and last["file_sha256"] == kept.sha256 and not self._full:
            with self._database.connection() as connection:
                row = connection.execute(_sql.page_batches, {**_ANY_BATCH, "id": last["id"]}).fetchone()
            if row:
                return Batch.from_row(row)
        since = self._since(table, last) if kept is None else None
        file = kept.path if kept else None
        if isinstance(opened, Divisible):
            reading = opened.read(table.locator, since=since, file=file, text=text)
        else:
            reading = opened.read(table.locator, since=since, file=file)
        for notice in self._noticed:
            reading.notice(notice.code, notice.sentence, notice.address)
        address = Address(
            str(table.locator.get("file", table.source_name)),
            table.locator.get("sheet") or table.locator.get("table"),
            reading.row_offset or None,
        )
        columns = raw_columns(reading.columns, table.items, address)
        batches = reading.batches
        if since and last and not self._full:
            watermark = columns[[column.name for column in reading.columns].index(since.item)].name
            landed = landing.landed_rows(
                self._store, columns, raw_dataset(table.name), watermark, reading.since
            )
            landed = landed.rename_columns([column.name for column in reading.columns])
            batches = without_landed(batches, reading.schema, landed, self._engine.duck)
        mode = "incremental" if table.mode == "incremental" and not self._full else "full"
        return Incoming(
            table, self._run_id, mode, started, columns, reading, Counted(batches, columns, self._engine), kept,
            since.value if since else None,
        )  # fmt: skip

    def _keep(self, opened: OpenedSource, table: SourceTable) -> Kept | None:
        delivered = opened.file(table.locator)
        if delivered is None:
            return None
        kept = keep(delivered, self._home, str(table.locator["file"]))
        with self._database.connection() as connection:
            purged = connection.execute(_sql.purged_file, {"sha256": kept.sha256}).fetchone()
        if purged:  # the law took this very file away; it may not lie here again
            kept.path.unlink(missing_ok=True)
            raise Denied(
                "gather.purged_file",
                f"这个文件里有依法清除（第 {purged['purge_id']} 号）的行：请在数源里清除后重新给",
                Address(file=str(table.locator["file"])),
            )
        return kept

    def _since(self, table: SourceTable, last: dict[str, Any] | None) -> Since | None:
        if table.mode != "incremental" or table.watermark_item is None:
            return None
        value = last["watermark_to"] if last and not self._full else None
        if value is not None and self._from is not None:
            return Since(table.watermark_item, self._from, table.keys)
        lookback = int(table.locator.get("lookback", _LOOKBACK))
        return Since(table.watermark_item, value, table.keys, lookback)

    def _fail(self, table: SourceTable, problem: Exception, started: dt.datetime) -> None:
        """A failed batch row: one sentence, code and address; nothing of the batch has landed."""
        if not isinstance(problem, JutongError):
            problem = Broken("gather.not_landed", f"没能写入数据湖：{' '.join(str(problem).split())[:300]}")
        batch = Batch(
            id=batch_id(self._run_id, table.name),
            source_table=table.name,
            run_id=self._run_id,
            mode=table.mode,
            started_at=started,
            received_at=dt.datetime.now(dt.UTC),
            state="failed",
            file_name=table.locator.get("file"),
            problem=problem_row(problem),
        )
        with self._database.connection() as connection:
            save_batches(connection, [batch])
        self.batches.append(batch)


_ANY_BATCH = {
    **dict.fromkeys(("id", "table", "source", "department", "state", "text")), "limit": 1, "offset": 0,
}  # fmt: skip


def _head(incoming: Incoming) -> tuple[list[pa.RecordBatch], Iterator[pa.RecordBatch] | None]:
    """Read until the table is known to be small (then all of it, and None) or large (then the rest too)."""
    rest = iter(incoming.counted)
    head: list[pa.RecordBatch] = []
    for batch in rest:
        head.append(batch)
        if incoming.counted.given > SMALL_ROWS or incoming.counted.bytes > SMALL_BYTES:
            return head, rest
    return head, None


def _whole(incoming: Incoming, batches: list[pa.RecordBatch]) -> pa.Table:
    schema = pa.schema([("_row", pa.int64()), *landing.zip_schema(incoming)])
    table = pa.Table.from_batches(batches, schema)
    if table.num_rows:
        incoming.counted.hash(table)
    return table


def _of_run(connection: Any, run_id: str, tables: Sequence[SourceTable]) -> dict[str, Batch]:
    rows = connection.execute(
        _sql.batches_of_run, {"run_id": run_id, "tables": [table.name for table in tables]}
    )
    return {row["source_table"]: Batch.from_row(row) for row in rows if row["state"] != "failed"}


@contextmanager
def _held(database: Database, sources: Sequence[str]) -> Iterator[None]:
    """One taker per source; the locks end with their connection, however that ends.

    The server hears a little late that a killed taker is gone, so a source is asked for until ``_PATIENCE`` is over.
    """
    connection = database.connect(autocommit=True)
    wanted, until = list(sources), time.monotonic() + _PATIENCE
    try:
        while wanted:
            taken = connection.execute(_sql.lock_sources, {"sources": wanted}).fetchall()
            wanted = [row["source"] for row in taken if not row["taken"]]
            if wanted and time.monotonic() > until:
                raise Conflict("gather.source_busy", f"数据源 {wanted[0]} 正在归集，请稍后再试")
            if wanted:
                time.sleep(0.05)
        yield
    finally:
        with connection, suppress(psycopg.Error):  # a lost connection has let go already
            connection.execute("SELECT pg_advisory_unlock_all()")  # the server hears of a close only later
