"""Drift: a new column is taken and told; a lost, renamed or retyped one holds the batch until its provider accepts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.gather.foreign_city import City, Foreign

from jutong.casework import move
from jutong.gather import find_tables
from jutong.gather.drift import Drift, compared, followed
from jutong.people import Party

OFFICER = Party(0, "officer", "经办", "D23", frozenset({"provider_officer"}))


def test_what_has_become_of_columns_is_told_apart() -> None:
    agreed = (("id", "integer"), ("名称", "text"), ("day", "date"))
    assert compared(agreed, (("day", "date"), ("id", "integer"), ("名称", "text"))) == Drift()
    assert compared(agreed, (*agreed, ("x", "text"))) == Drift(new=("x",))
    assert compared(agreed, agreed[:2]) == Drift(lost=("day",))
    assert compared(agreed, (agreed[0], ("企业名称", "text"), agreed[2])) == Drift(
        renamed=(("名称", "企业名称"),)
    )
    assert compared(agreed, (("id", "text"), *agreed[1:])) == Drift(retyped=(("id", "integer", "text"),))
    assert compared(agreed, (agreed[0], ("n", "integer"), agreed[2])) == Drift(new=("n",), lost=("名称",))


def test_items_follow_an_accepted_change() -> None:
    items = ({"name": "name", "label": "名称"}, {"name": "day", "label": "日期", "source": "d"})
    assert followed(items, Drift(renamed=(("名称", "企业名称"),), lost=("D",))) == (
        {"name": "name", "label": "名称", "source": "企业名称"},
        {"name": "day", "label": "日期", "source": "d", "optional": True},
    )


def cases(city: City) -> list[dict[str, Any]]:
    with city.database.connection() as connection:
        return connection.execute(
            "SELECT * FROM case_file WHERE kind = 'gather_drift' AND subject ->> 'source' = %s ORDER BY id",
            [city.source],
        ).fetchall()


def accept(city: City, case: dict[str, Any]) -> None:
    with city.database.connection() as connection:
        move(connection, case["id"], "accept", OFFICER)


@pytest.fixture
def table(city: City, foreign: Foreign, foreign_url: str) -> str:
    foreign.execute('CREATE TABLE t (id int PRIMARY KEY, "名称" text, n int)')
    foreign.execute("INSERT INTO t VALUES (1, '甲', 1)")
    items = ({"name": "id", "label": "编号"}, {"name": "name", "label": "名称"}, {"name": "n", "label": "数"})
    city.declare("postgres", {"url": foreign_url}, {"name": "t", "locator": {"table": "t"}, "items": items})
    assert city.take("r1")["t"].state == "received"
    return "t"


def test_a_new_column_is_taken_and_told(city: City, foreign: Foreign, table: str) -> None:
    foreign.execute("ALTER TABLE t ADD extra text DEFAULT 'x'")
    got = city.take("r2")["t"]
    assert [(each["code"], each["item"]) for each in got.notices] == [("gather.column_new", "extra")]
    assert city.rows("t", "id, extra") == [(1, None), (1, "x")]
    assert city.take("r3")["t"].notices == ()
    assert cases(city) == []


@pytest.mark.parametrize(
    ("change", "said", "after"),
    [
        ('ALTER TABLE t RENAME "名称" TO "企业名称"', "「名称」改名为「企业名称」", [(1, "甲", 1)] * 2),
        ("ALTER TABLE t DROP n", "少了「n」", [(1, "甲", 1), (1, "甲", None)]),
        ("ALTER TABLE t ALTER n TYPE text", "「n」由 integer 改为 text", [(1, "甲", "1")] * 2),
    ],
)
def test_any_other_change_holds_the_batch_until_one_move_accepts_it(
    city: City, foreign: Foreign, table: str, change: str, said: str, after: list[Any]
) -> None:
    foreign.execute(change.encode())
    for run in ("r2", "r3"):
        got = city.take(run)["t"]
        assert got.problem
        assert got.problem["code"] == "gather.columns_changed"
        assert said in got.problem["sentence"]
    (case,) = cases(city)
    assert case["department_code"] == "D23"
    assert case["data"]["change"] == said
    assert len(case["data"]["was"]) == 3
    assert case["data"]["now"]
    assert city.store.count(f"raw.{city.name('t')}") == 1
    accept(city, case)
    assert city.take("r4")["t"].state == "received"
    assert city.rows("t", "id, name, n") == after
    assert city.take("r5")["t"].state == "received"
    assert len(cases(city)) == 1
    with city.database.connection() as connection:
        assert find_tables(connection, city.source)[0].items


def test_a_source_that_restores_its_columns_is_taken_as_before(
    city: City, foreign: Foreign, table: str
) -> None:
    foreign.execute("ALTER TABLE t RENAME n TO m")
    assert city.take("r2")["t"].state == "failed"
    foreign.execute("ALTER TABLE t RENAME m TO n")
    assert city.take("r3")["t"].state == "received"
