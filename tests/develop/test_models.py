"""A model reads what it names and nothing else, and running it again changes nothing."""

from __future__ import annotations

import pytest

from jutong.develop import Input, Model, lineage, run_model, save_model
from jutong.store import DatasetSpec, Store
from jutong.terms import BadInput, DatasetName, Item

ENTERPRISES = DatasetName.parse("base.enterprise")


@pytest.fixture(scope="module")
def store(database, settings):
    with Store.open(database, settings) as opened:
        spec = DatasetSpec(
            ENTERPRISES,
            "企业",
            (Item("id", "编号", key=True), Item("county", "县区"), Item("phone", "电话", grade=3)),
            ("id",),
        )
        opened.declare([spec])
        with opened.writing("first", ENTERPRISES, author="test") as writer:
            writer.merge(
                ENTERPRISES, "SELECT * FROM (VALUES ('1','双清','1'),('2','双清','2'),('3','大祥','3')) v(id, county, phone)"
            )
        yield opened


def model(sql: str) -> Model:
    return Model(
        name="by_county",
        label="各县区企业数",
        question="哪个县区企业最多？",
        theme="智慧城市",
        sql=sql,
        keys=("county",),
        items=(Item("county", "县区", key=True), Item("enterprises", "企业数", "integer")),
        inputs=(Input("enterprise", "base.enterprise", ("id", "county")),),
    )


def test_its_answer_becomes_a_topic_dataset_and_again_changes_nothing(database, store):
    with database.connection() as connection:
        save_model(connection, model("SELECT county, count(*) AS enterprises FROM enterprise GROUP BY county"))
    first = run_model(database, store, "by_county")
    assert (first.rows, first.changed) == (2, 2)
    assert run_model(database, store, "by_county").changed == 0
    with store.reading() as reading:
        rows = reading.rows("SELECT county, enterprises FROM lake.topic.by_county ORDER BY county")
    assert rows == [{"county": "双清", "enterprises": 2}, {"county": "大祥", "enterprises": 1}]
    with database.connection() as connection:
        assert lineage(connection) == [
            {"origin": "base.enterprise", "target": "topic.by_county", "label": "各县区企业数"}
        ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT county, phone FROM enterprise",
        "SELECT county, 1 AS enterprises FROM lake.base.enterprise",
        "SELECT county, length(getenv('HOME')) AS enterprises FROM enterprise",
    ],
)
def test_what_it_was_not_given_it_does_not_see(database, store, sql):
    with database.connection() as connection:
        save_model(connection, model(sql))
    with pytest.raises(BadInput):
        run_model(database, store, "by_county")


def test_an_answer_without_a_promised_item_is_refused_by_name(database, store):
    with database.connection() as connection:
        save_model(connection, model("SELECT county FROM enterprise GROUP BY county"))
    with pytest.raises(BadInput, match="企业数"):
        run_model(database, store, "by_county")
