"""Models and what came of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from jutong.develop import Model, find_model, models, newest_runs
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

_SHOWN = 60


@dataclass(frozen=True)
class ModelRow:
    name: str
    label: str
    question: str
    theme: str
    inputs: int
    rows: int | None
    ran_at: dt.datetime | None


@dataclass(frozen=True)
class Models:
    """Every model, with its last run."""

    rows: tuple[ModelRow, ...]


@dataclass(frozen=True)
class InputView:
    view: str
    dataset: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class ColumnView:
    name: str
    label: str
    number: bool


@dataclass(frozen=True)
class ModelPage:
    """One model: its question, its SELECT, its answer."""

    name: str
    label: str
    question: str
    theme: str
    sql: str
    target: str
    inputs: tuple[InputView, ...]
    columns: tuple[ColumnView, ...]
    answer: tuple[tuple[Any, ...], ...]
    total: int
    ran_at: dt.datetime | None
    snapshot: int | None
    changed: int


def listed(visit: Visit, _: NoQuestion) -> Models:
    """Models."""
    runs = {row["model"]: row for row in newest_runs(visit.connection)}
    return Models(tuple(_row(one, runs.get(one.name, {})) for one in models(visit.connection)))


def _row(model: Model, run: Any) -> ModelRow:
    return ModelRow(
        model.name,
        model.label,
        model.question,
        model.theme,
        len(model.inputs),
        run.get("rows"),
        run.get("finished_at"),
    )


def build(visit: Visit, _: NoQuestion) -> ModelPage:
    """One model and its answer."""
    model = find_model(visit.connection, visit.path["name"])
    run: Any = next((row for row in newest_runs(visit.connection) if row["model"] == model.name), {})
    answer, total = _answer(visit, model)
    return ModelPage(
        name=model.name,
        label=model.label,
        question=model.question,
        theme=model.theme,
        sql=model.sql,
        target=str(model.target),
        inputs=tuple(InputView(one.view, one.dataset, one.items) for one in model.inputs),
        columns=tuple(
            ColumnView(item.name, item.label, item.type.startswith(("integer", "decimal")))
            for item in model.items
        ),
        answer=answer,
        total=total,
        ran_at=run.get("finished_at"),
        snapshot=run.get("snapshot"),
        changed=run.get("changed", 0),
    )


def _answer(visit: Visit, model: Model) -> tuple[tuple[tuple[Any, ...], ...], int]:
    """The topic dataset as it is now, by its keys."""
    store = visit.rooms.store
    try:
        store.spec(model.target)
    except NotFound:
        return (), 0
    names = [item.name for item in model.items]
    with store.reading() as view:
        rows = view.rows(f"SELECT * FROM {view.table(model.target)} ORDER BY ALL LIMIT {_SHOWN}")
    return tuple(tuple(row[name] for name in names) for row in rows), store.count(model.target)


PAGES = (
    Page("models", "/models", listed, may="model:read", stop="develop", tab="models"),
    Page("models.model", "/models/{name}", build, may="model:read", stop="develop", tab="models"),
)
ACTS: tuple[Act, ...] = ()
