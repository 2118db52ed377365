"""Models: people's SQL makes a topic dataset and can reach nothing else; lineage is never out of date."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from jutong.city import legal_entity
from jutong.database import Database
from jutong.develop import Input, Model, find_model, lineage, model_runs, models, run_model, save_model
from jutong.fuse import RegisterSource, declare_register, with_sources
from jutong.gather import Source, SourceTable, declare_sources
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import BadInput, DatasetName, Item, NotFound

SQL = (
    "SELECT county, count(*) AS entities, CAST(sum(capital) AS DECIMAL(38, 2)) AS capital "
    "FROM entity WHERE county IS NOT NULL GROUP BY county"
)


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with database.connection() as connection:
        connection.execute(
            "INSERT INTO department (code, name, short_name, kind) VALUES ('D01', '审批局', '审批局', 'department')"
        )
    with Store.open(database, settings) as opened:
        yield opened


@pytest.fixture
def model(database: Database, store: Store) -> Model:
    tag = secrets.token_hex(4)
    entity = DatasetName.parse(f"base.entity_{tag}")
    items = (
        Item("id", "标识"), Item("county", "县区"), Item("capital", "资本", "decimal(18,2)"), Item("secret", "秘密"),
    )  # fmt: skip
    store.declare([DatasetSpec(entity, "主体", items, ("id",))])
    fill(store, str(entity), [("1", "双清区", 10), ("2", "双清区", 5), ("3", "隆回县", 1), ("4", None, 9)])
    made = Model(
        name=f"by_county_{tag}", label="各县区主体", sql=SQL, keys=("county",), department_code="D01",
        items=(
            Item("county", "县区", key=True), Item("entities", "主体数", "integer"),
            Item("capital", "资本合计", "decimal(38,2)"),
        ),
        inputs=(Input("entity", str(entity), ("county", "capital")),), question="哪个县区主体最多？",
    )  # fmt: skip
    with database.connection() as connection:
        save_model(connection, made)
    return made


def fill(store: Store, dataset: str, rows: list[tuple[str, str | None, int]]) -> None:
    given = pa.table({
        "id": [row[0] for row in rows], "county": [row[1] for row in rows], "capital": [row[2] for row in rows],
        "secret": ["x"] * len(rows),
    })  # fmt: skip
    with store.writing(secrets.token_hex(8), dataset, author="test") as writer:
        writer.register("given", given)
        writer.merge(
            dataset,
            "SELECT * REPLACE (CAST(capital AS DECIMAL(18,2)) AS capital) FROM given",
            delete_missing=True,
        )


def rows_of(store: Store, model: Model) -> list[tuple[object, ...]]:
    with store.reading() as view:
        rows = view.rows(f"SELECT * FROM {view.table(model.target)} ORDER BY county")
    return [tuple(str(value) for value in row.values()) for row in rows]


def test_a_model_makes_its_topic_dataset_and_follows_its_input(
    database: Database, store: Store, model: Model
) -> None:
    run = run_model(database, store, model.name)
    assert rows_of(store, model) == [("双清区", "2", "15.00"), ("隆回县", "1", "1.00")]
    assert (run.rows, run.inserted, run.updated, run.deleted) == (2, 2, 0, 0)
    fill(store, model.inputs[0].dataset, [("1", "双清区", 10), ("2", "双清区", 7), ("5", "洞口县", 3)])
    again = run_model(database, store, model.name)
    assert (again.inserted, again.updated, again.deleted) == (1, 1, 1)
    assert rows_of(store, model) == [("双清区", "2", "17.00"), ("洞口县", "1", "3.00")]


def test_running_again_over_the_same_rows_writes_nothing(
    database: Database, store: Store, model: Model
) -> None:
    run_model(database, store, model.name)
    before = store.snapshot()
    assert run_model(database, store, model.name).snapshot is None
    assert store.snapshot() == before
    with database.connection() as connection:
        assert [run["snapshot"] is None for run in model_runs(connection, model.name)] == [True, False]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT county, secret, 1 AS capital FROM entity", "store.sql_failed"),
        ("SELECT name FROM jutong.app_user", "store.sql_refused"),
        ("DELETE FROM entity", "store.sql_refused"),
        ("SELECT county, count(*) AS entities FROM entity GROUP BY county", "develop.wrong_columns"),
        (
            "SELECT county, count(*) AS entities, avg(capital) AS capital FROM entity GROUP BY county",
            "develop.wrong_type",
        ),
        ("SELECT county, county AS entities, 1 AS capital FROM entity", "develop.wrong_type"),
        ("SELECT county, 1 AS entities, capital FROM entity WHERE county IS NOT NULL", "store.duplicate_key"),
    ],
)
def test_a_query_that_may_not_or_does_not_fit_fails_with_a_row_and_leaves_the_topic_alone(
    database: Database, store: Store, model: Model, sql: str, code: str
) -> None:
    run_model(database, store, model.name)
    before = rows_of(store, model)
    with database.connection() as connection:
        save_model(connection, replace(model, sql=sql))
    with pytest.raises(BadInput) as raised:
        run_model(database, store, model.name)
    assert raised.value.code == code
    assert rows_of(store, model) == before
    with database.connection() as connection:
        assert model_runs(connection, model.name, limit=1)[0]["problem"]["code"] == code


def test_a_row_filter_bounds_what_the_query_sees(database: Database, store: Store, model: Model) -> None:
    only = ({"item": "county", "op": "eq", "value": "隆回县"},)
    with database.connection() as connection:
        save_model(connection, replace(model, inputs=(replace(model.inputs[0], row_filter=only),)))
    run_model(database, store, model.name)
    assert rows_of(store, model) == [("隆回县", "1", "1.00")]


def test_a_model_is_rows_and_comes_back_as_it_was_declared(database: Database, model: Model) -> None:
    with database.connection() as connection:
        assert find_model(connection, model.name) == model
        assert model in models(connection)
        save_model(connection, replace(model, state="paused"))
        assert model.name not in [one.name for one in models(connection)]
        with pytest.raises(NotFound):
            find_model(connection, "no_such")
    with pytest.raises(BadInput):
        replace(model, keys=("没有",))


def test_lineage_follows_a_dataset_from_its_source_to_what_is_made_of_it(
    database: Database, store: Store, model: Model
) -> None:
    tag = model.name.rsplit("_", 1)[-1]
    table = f"market_{tag}"
    register = with_sources(
        replace(legal_entity(), name=f"legal_{tag}", designated={}, sources=()),
        RegisterSource(f"standard.{table}", "市场监管", {}, 1),
    )
    with database.connection() as connection:
        declare_sources(
            connection,
            [Source(f"src_{tag}", "D01", "csv", "源", {})],
            [SourceTable(table, f"src_{tag}", "市场主体", {"file": "a.csv"})],
        )
        declare_register(connection, register)
        save_model(
            connection, replace(model, inputs=(replace(model.inputs[0], dataset=str(register.golden)),))
        )
        found = lineage(connection, str(model.target))
        assert [(edge.upstream, edge.by) for edge in found.above] == [
            (str(register.golden), "model"), (f"standard.{table}", "fuse"), (f"raw.{table}", "refine"),
            (f"source:src_{tag}", "gather"),
        ]  # fmt: skip
        assert found.below == ()
        below = lineage(connection, f"raw.{table}").below
        assert [edge.downstream for edge in below] == [
            f"standard.{table}",
            str(register.golden),
            str(model.target),
        ]
