"""A model as it is declared: a question, one SQL query, what it may see, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.store import DatasetSpec
from jutong.terms import BadInput, DatasetName, Item, NotFound, Zone

_sql = named_sql(__file__)


@dataclass(frozen=True)
class Input:
    """A dataset under the name the query uses; only ``items`` of the rows in ``row_filter`` are handed over."""

    view: str
    dataset: str
    items: tuple[str, ...]
    row_filter: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["view"], row["dataset"], tuple(row["items"]), tuple(row["row_filter"]))


@dataclass(frozen=True)
class Model:
    """Makes the topic dataset ``topic.<name>``; its rows merge by ``keys``, and keys that no longer come out go.

    Raises BadInput ``develop.bad_model``.
    """

    name: str
    label: str
    sql: str
    keys: tuple[str, ...]
    items: tuple[Item, ...]
    inputs: tuple[Input, ...]
    question: str = ""
    theme: str = ""
    department_code: str | None = None
    state: str = "active"

    def __post_init__(self) -> None:
        problem = None
        if not self.inputs:
            problem = "没有输入"
        elif not self.keys or not set(self.keys) <= {item.name for item in self.items}:
            problem = "主键不都是信息项"
        elif len({one.view for one in self.inputs}) < len(self.inputs):
            problem = "输入重名"
        if problem:
            raise BadInput("develop.bad_model", f"模型 {self.name} 的定义有误：{problem}")

    @property
    def target(self) -> DatasetName:
        return DatasetName(Zone.TOPIC, self.name)

    @property
    def spec(self) -> DatasetSpec:
        return DatasetSpec(
            self.target, self.label, self.items, self.keys, department_code=self.department_code
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        plain = {
            name: row[name]
            for name in ("name", "label", "sql", "question", "theme", "department_code", "state")
        }
        return cls(
            **plain,
            keys=tuple(row["keys"]),
            items=tuple(Item.from_row(item) for item in row["items"]),
            inputs=tuple(Input.from_row(one) for one in row["inputs"]),
        )


def save_model(connection: Connection, model: Model) -> None:
    """Save a declaration; what was there under the name is replaced."""
    connection.execute(
        _sql.save_model,
        {
            "name": model.name, "label": model.label, "question": model.question, "theme": model.theme,
            "sql": model.sql, "target": str(model.target), "keys": list(model.keys),
            "items": Jsonb([item.to_row() for item in model.items]),
            "department_code": model.department_code, "state": model.state,
        },
    )  # fmt: skip
    connection.execute(_sql.forget_inputs, {"model": model.name})
    with connection.cursor() as cursor:
        cursor.executemany(
            _sql.save_input,
            [
                {
                    "model": model.name, "view": one.view, "dataset": one.dataset, "items": list(one.items),
                    "row_filter": Jsonb([dict(part) for part in one.row_filter]),
                }
                for one in model.inputs
            ],
        )  # fmt: skip


def models(connection: Connection, *, active_only: bool = True) -> list[Model]:
    found = [Model.from_row(row) for row in connection.execute(_sql.find_models, {"name": None})]
    return [model for model in found if model.state == "active" or not active_only]


def find_model(connection: Connection, name: str) -> Model:
    """Raises NotFound ``develop.no_model``."""
    row = connection.execute(_sql.find_models, {"name": name}).fetchone()
    if row is None:
        raise NotFound("develop.no_model", f"模型 {name} 不存在")
    return Model.from_row(row)
