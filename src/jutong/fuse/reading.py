"""What a run works on: the sources' rows in the register's terms, all of them or those a change can reach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from jutong.database import Connection, named_sql
from jutong.fuse import known, matching
from jutong.fuse.register import Register, RegisterSource
from jutong.fuse.steps import Step, drops, run
from jutong.store import DatasetSpec, Reading, Store
from jutong.terms import DatasetName

_sql = named_sql(__file__, "queries.sql")
_BATCH_ROWS = 100_000
#: What the lake's query may be ahead of ours; with DuckDB's own 1 MB they mostly wait for each other.
_AHEAD = "SET streaming_buffer_size = '16MB'"
_CITY = dt.timezone(dt.timedelta(hours=8))
Sources = Sequence[tuple[RegisterSource, DatasetSpec]]


@dataclass(frozen=True)
class Given:
    """What was read: of which snapshot, whether all of it, and how many rows changed since the last run."""

    snapshot: int
    whole: bool
    changed: int = 0


def read_control(
    register: Register, sources: Sources, connection: Connection, duck: duckdb.DuckDBPyConnection
) -> int:
    """``batch_time`` and ``decision``; returns how many decisions there are."""
    tables = [DatasetName.parse(source.dataset).table for source, _ in sources]
    rows = connection.execute(_sql.batch_times, {"tables": tables}).fetchall()
    times = [(row["id"], row["received_at"].astimezone(_CITY).replace(tzinfo=None)) for row in rows]
    _give(duck, "batch_time", {"id": [one for one, _ in times], "received": [at for _, at in times]},
          {"id": pa.string(), "received": pa.timestamp("us")})  # fmt: skip
    decided = connection.execute(_sql.decisions, {"register": register.name}).fetchall()
    names = ("dataset_l", "key_l", "dataset_r", "key_r", "verdict")
    _give(
        duck,
        "decision",
        {name: [row[name] for row in decided] for name in names},
        dict.fromkeys(names, pa.string()),
    )
    return max((row["id"] for row in decided), default=0)


def _give(
    duck: duckdb.DuckDBPyConnection,
    name: str,
    columns: dict[str, list[object]],
    types: dict[str, pa.DataType],
) -> None:
    duck.register("passing", pa.table({key: pa.array(columns[key], types[key]) for key in columns}))
    duck.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM passing")
    duck.unregister("passing")


def read_everything(
    register: Register, sources: Sources, view: Reading, duck: duckdb.DuckDBPyConnection
) -> Given:
    """``incoming``, and ``held (dataset, source_key, entity, digest)``: what the register holds now."""
    for source, spec in sources:
        _copy(
            view, matching.records_sql(register, source, spec, view.table(source.dataset)), "incoming", duck
        )
    held = f"SELECT dataset, source_key, entity, digest FROM {view.table(register.members)}"
    _copy(view, held, "held", duck)
    run(
        duck,
        [Step("elsewhere", "SELECT entity FROM held WHERE false"), Step("crowded", known.NOTHING_CROWDED)],
    )
    return Given(view.snapshot, whole=True)


def read_changes(
    register: Register,
    sources: Sources,
    since: int,
    view: Reading,
    store: Store,
    duck: duckdb.DuckDBPyConnection,
) -> Given | None:
    """``incoming`` and ``held`` of every record the changes can reach; None when all must be computed."""
    changed = _changed_rows(register, sources, since, view.snapshot, store, duck)
    if changed is None:
        return None
    if not changed:
        return Given(view.snapshot, whole=False)  # nothing came
    run(
        duck,
        [
            *matching.record_steps(register),
            Step("arriving", known.traces_sql(register, "record")),
            *drops("record", "residue"),
        ],
    )
    known.reach(register, duck)
    for source, spec in sources:
        wanted = duck.execute(
            "SELECT r.source_key FROM reach r ANTI JOIN touched t USING (dataset, source_key) WHERE r.dataset = ?",
            [source.dataset],
        ).to_arrow_table()
        if not wanted.num_rows:
            continue
        view.register("wanted", wanted)
        rows = f"(SELECT * FROM {view.table(source.dataset)} WHERE {matching.source_key_sql(spec)} IN (SELECT source_key FROM wanted))"
        _copy(view, matching.records_sql(register, source, spec, rows), "incoming", duck)
    run(
        duck,
        [
            Step(
                "held",
                "SELECT r.dataset, r.source_key, r.entity, r.digest, r.liked FROM known.record r "
                "SEMI JOIN reached x ON x.place = r.rowid",
            ),
            *drops("arriving", "going"),
        ],
    )
    return Given(view.snapshot, whole=False, changed=changed)


def _changed_rows(
    register: Register,
    sources: Sources,
    since: int,
    until: int,
    store: Store,
    duck: duckdb.DuckDBPyConnection,
) -> int | None:
    """``incoming`` (rows that came or changed) and ``touched`` (their keys and those that went); how many."""
    duck.execute("CREATE OR REPLACE TABLE touched (dataset VARCHAR, source_key VARCHAR)")
    row = duck.execute("SELECT count(*) FROM known.record").fetchone()
    most = max((int(row[0]) if row else 0) * known.LARGE, known.FEW)
    count = 0
    for source, spec in sources:
        with store.changes(source.dataset, since, until) as changes:
            count += changes.upsert_count + changes.delete_count
            if changes.full or changes.renamed or count > most:
                return None
            _fill(duck, "incoming", changes.reader(matching.records_sql(register, source, spec, "upserts")))
            key = matching.source_key_sql(spec)
            for table in ("upserts", "deletes"):
                rows = changes.reader(
                    f"SELECT '{source.dataset}' AS dataset, {key} AS source_key FROM {table}"
                )
                _fill(duck, "touched", rows)
    return count


def _copy(view: Reading, sql: str, table: str, duck: duckdb.DuckDBPyConnection) -> None:
    view.rows(_AHEAD)
    _fill(duck, table, view.reader(sql, batch_rows=_BATCH_ROWS))


def _fill(duck: duckdb.DuckDBPyConnection, table: str, rows: pa.RecordBatchReader) -> None:
    duck.register("passing", rows)
    exists = duck.execute(
        "SELECT 1 FROM duckdb_tables() WHERE table_name = ? AND database_name <> 'known'", [table]
    ).fetchone()
    verb = f"INSERT INTO {table}" if exists else f"CREATE TABLE {table} AS"
    duck.execute(f"{verb} SELECT * FROM passing")
    duck.unregister("passing")


def forget_reading(duck: duckdb.DuckDBPyConnection) -> None:
    """Clear what a run that turned out too large had read."""
    run(duck, drops("incoming", "touched", "held", "reach", "reached", "arriving", "going"))
