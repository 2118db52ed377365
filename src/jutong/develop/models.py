"""Models: a SELECT written by a person makes a topic dataset, through the store's guard and nothing else.

A model names what it reads, item by item; it runs in a child process over exactly those columns (design §11), and
its answer is merged by key, so that followers of the topic dataset see only what changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.store import Bounds, DatasetSpec, Store, View, column_type
from jutong.terms import BadInput, DatasetName, Item, NotFound, Zone, quote

_SQL = named_sql(__file__)
#: A topic answers a question; what is larger than this is a register and belongs to fuse.
_MOST_ROWS = 2_000_000


@dataclass(frozen=True)
class Input:
    #: The name the SELECT uses.
    view: str
    dataset: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    name: str
    label: str
    #: The question it answers, in a sentence.
    question: str
    theme: str
    sql: str
    keys: tuple[str, ...]
    items: tuple[Item, ...]
    inputs: tuple[Input, ...]
    department_code: str | None = None

    @property
    def target(self) -> DatasetName:
        return DatasetName(Zone.TOPIC, self.name)

    @property
    def spec(self) -> DatasetSpec:
        return DatasetSpec(self.target, self.label, self.items, self.keys)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        inputs = tuple(Input(one["view"], one["dataset"], tuple(one["items"])) for one in row["inputs"])
        items = tuple(Item.from_row(one) for one in row["items"])
        return cls(**{**values, "keys": tuple(row["keys"]), "items": items, "inputs": inputs})


@dataclass(frozen=True)
class ModelRun:
    model: str
    rows: int
    changed: int
    snapshot: int


def save_model(connection: Connection, model: Model) -> None:
    """Declare a model or bring it up to date.  Raises BadInput ``develop.bad_model``."""
    names = {item.name for item in model.items}
    if not model.keys or not set(model.keys) <= names:
        raise BadInput("develop.bad_model", f"模型 {model.name} 的主键须是它的信息项")
    if not model.inputs:
        raise BadInput("develop.bad_model", f"模型 {model.name} 没有写明读取哪些数据集")
    row = {
        name: getattr(model, name)
        for name in ("name", "label", "question", "theme", "sql", "department_code")
    }
    connection.execute(
        _SQL.save_model,
        {**row, "keys": list(model.keys), "items": Jsonb([item.to_row() for item in model.items])},
    )
    connection.execute(_SQL.forget_inputs, {"model": model.name})
    for one in model.inputs:
        connection.execute(
            _SQL.save_input,
            {"model": model.name, "view": one.view, "dataset": one.dataset, "items": list(one.items)},
        )


def models(connection: Connection) -> list[Model]:
    return [Model.from_row(row) for row in connection.execute(_SQL.models, {"name": None})]


def find_model(connection: Connection, name: str) -> Model:
    """Raises NotFound ``develop.no_model``."""
    row = connection.execute(_SQL.models, {"name": name}).fetchone()
    if row is None:
        raise NotFound("develop.no_model", f"没有名为 {name} 的模型")
    return Model.from_row(row)


def run_model(database: Database, store: Store, name: str, bounds: Bounds | None = None) -> ModelRun:
    """Run a model over the lake's newest snapshot; running it again over the same data changes nothing.

    Raises what the guard raises (``store.sql_refused`` …) and BadInput ``develop.model_columns`` when the answer
    lacks an item of the model.
    """
    with database.connection() as connection:
        model = find_model(connection, name)
    started = dt.datetime.now(dt.UTC)
    read_at = store.snapshot()
    views = {one.view: View(one.dataset, one.items) for one in model.inputs}
    answer = store.people_sql(
        model.sql, views, bounds or Bounds(seconds=300, memory_mb=2048, rows=_MOST_ROWS)
    )
    missing = [item.label for item in model.items if item.name not in answer.column_names]
    if missing:
        raise BadInput("develop.model_columns", f"模型 {name} 的结果缺少信息项：{'、'.join(missing)}")
    store.declare([model.spec])
    # TRY would hide a value that does not fit; CAST stops the run and says which.
    columns = ", ".join(
        f"CAST({quote(item.name)} AS {column_type(item.type)}) AS {quote(item.name)}" for item in model.items
    )
    with store.writing(
        f"model:{name}:{read_at}:{started:%Y%m%dT%H%M%S%f}", model.target, author="develop"
    ) as writer:
        writer.register("answer", answer)
        merged = writer.merge(model.target, f"SELECT {columns} FROM answer", delete_missing=True)
    changed = merged.inserted + merged.updated + merged.deleted
    run = ModelRun(name, answer.num_rows, changed, writer.snapshot)
    with database.connection() as connection:
        connection.execute(
            _SQL.save_run,
            {
                "model": name,
                "started_at": started,
                "read_at": read_at,
                "snapshot": run.snapshot,
                "rows": run.rows,
                "changed": run.changed,
            },
        )
    return run


def newest_runs(connection: Connection) -> list[dict[str, Any]]:
    """The last run of each model: model, times, read_at, snapshot, rows, changed."""
    return connection.execute(_SQL.newest_runs).fetchall()


def lineage(connection: Connection) -> list[dict[str, Any]]:
    """Which dataset feeds which topic: origin, target, label."""
    return connection.execute(_SQL.lineage).fetchall()
