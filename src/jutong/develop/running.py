"""Running a model: the query runs in the guard over what it may see; its rows merge into the topic dataset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.develop.model import Model, find_model
from jutong.store import AlreadyCommitted, Bounds, Merged, Store, View, Writer, column_type
from jutong.terms import BadInput, ContentHash, JutongError, combine, quote, set_hash_sql

_sql = named_sql(__file__)

BOUNDS = Bounds(seconds=300.0, memory_mb=2048, spill_mb=8192, rows=2_000_000)


@dataclass(frozen=True)
class ModelRun:
    """``snapshot`` is None when the dataset already held exactly these rows."""

    model: str
    rows: int
    inserted: int
    updated: int
    deleted: int
    snapshot: int | None
    seconds: float


def run_model(database: Database, store: Store, name: str) -> ModelRun:
    """Make the topic dataset hold what the model's query gives now; every run leaves a row.

    Raises the guard's BadInput (``store.sql_…``), BadInput ``develop.wrong_columns`` or ``develop.wrong_type``,
    NotFound ``develop.no_model``.
    """
    began = dt.datetime.now(dt.UTC)
    with database.connection() as connection:
        model = find_model(connection, name)
    try:
        run = _run(store, model, began)
    except JutongError as problem:
        with database.connection() as connection:
            words = Jsonb({"code": problem.code, "sentence": problem.sentence})
            connection.execute(
                _sql.save_run, {**_NOTHING, "model": name, "started_at": began, "problem": words}
            )
        raise
    with database.connection() as connection:
        connection.execute(_sql.save_run, {**_NOTHING, **vars(run), "started_at": began})
    return run


def model_runs(connection: Connection, model: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
    """Runs, newest first: model, started_at, finished_at, rows, inserted, updated, deleted, snapshot, problem."""
    return connection.execute(_sql.runs, {"model": model, "limit": limit}).fetchall()


def newest_runs(connection: Connection) -> list[dict[str, Any]]:
    """The last run of each model that came to an end well; ``changed`` rows inserted, updated or deleted."""
    return connection.execute(_sql.newest_runs).fetchall()


_NOTHING = dict.fromkeys(("rows", "inserted", "updated", "deleted", "snapshot", "problem"))


def _run(store: Store, model: Model, began: dt.datetime) -> ModelRun:
    store.declare([model.spec])
    snapshot = store.snapshot()
    views = {
        one.view: View(one.dataset, one.items, row_filter=[dict(part) for part in one.row_filter])
        for one in model.inputs
    }
    given = store.people_sql(model.sql, views, BOUNDS)
    rows = _typed(model, given)
    merged, written = Merged(0, 0, 0), None
    if _content(model, rows) != store.content_hash(model.target, [item.name for item in model.spec.content]):

        def body(writer: Writer) -> Merged:
            writer.register("made", rows)
            writer.run("CREATE OR REPLACE TEMP TABLE made_rows AS SELECT * FROM made")
            return writer.merge(model.target, "SELECT * FROM made_rows", delete_missing=True)

        commit_id = f"model:{model.name}:{snapshot}"
        try:
            merged, written = store.write(commit_id, model.target, author="develop", body=body)
        except AlreadyCommitted as done:
            written = done.snapshot
    seconds = round((dt.datetime.now(dt.UTC) - began).total_seconds(), 3)
    return ModelRun(
        model.name, rows.num_rows, merged.inserted, merged.updated, merged.deleted, written, seconds
    )


def _typed(model: Model, given: pa.Table) -> pa.Table:
    """The result in the types of the items; nothing is rounded on the way."""
    names = [item.name for item in model.items]
    if sorted(given.column_names) != sorted(names):
        raise BadInput(
            "develop.wrong_columns",
            f"模型 {model.name} 的结果列是 {'、'.join(given.column_names)}，登记的是 {'、'.join(names)}",
        )
    for item in model.items:
        if pa.types.is_floating(given.schema.field(item.name).type):
            raise BadInput(
                "develop.wrong_type",
                f"结果列「{item.label}」是浮点数，请在 SQL 中用 CAST 写明要保留的位数（{item.type}）",
            )
    casts = ", ".join(
        f"CAST({quote(item.name)} AS {column_type(item.type)}) AS {quote(item.name)}" for item in model.items
    )
    with duckdb.connect() as duck:
        duck.register("given", given)
        try:
            return duck.execute(f"SELECT {casts} FROM given").to_arrow_table()
        except duckdb.Error as problem:
            words = str(problem).splitlines()[0]
            raise BadInput(
                "develop.wrong_type", f"模型 {model.name} 的结果与登记的类型不符：{words}"
            ) from None


def _content(model: Model, rows: pa.Table) -> ContentHash:
    columns: Sequence[tuple[str, str]] = [(item.name, item.type) for item in model.spec.content]
    with duckdb.connect() as duck:
        duck.register("given", rows)
        row = duck.execute(set_hash_sql("given", columns, "duckdb")).fetchone()
    assert row is not None
    return combine(row[0], row[1:])
