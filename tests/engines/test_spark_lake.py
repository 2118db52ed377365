"""Spark reads the lake's files and sees what DuckDB sees, at every snapshot of a hard life."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Files, Store
from jutong.terms import ContentHash, DatasetName, Item, combine, set_hash_sql

NAME = DatasetName.parse("standard.life")
SPEC = DatasetSpec(
    NAME,
    "一生",
    (
        Item("k", "键"), Item("n", "数", "integer"), Item("amount", "数额", "decimal(18,2)"),
        Item("day", "日", "date"), Item("moment", "时", "timestamp"), Item("yes", "是否", "boolean"),
    ),
    ("k",),
)  # fmt: skip


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        opened.declare([SPEC])
        yield opened


@pytest.mark.slow
def test_every_snapshot_of_a_hard_life_is_the_same_in_both_engines(store: Store, spark: Any) -> None:
    from jutong.store.engines import spark as engine

    for snapshot in life(store):
        files = store.files(NAME, as_of=snapshot)
        columns = [(column.name, column.type) for column in files.columns]
        engine.read(spark, files).createOrReplaceTempView("life")
        row = spark.sql(set_hash_sql("life", columns, "spark")).collect()[0]
        assert combine(row[0], row[1:5]) == in_duckdb(store, files, columns), f"snapshot {snapshot}"


def in_duckdb(store: Store, files: Files, columns: list[tuple[str, str]]) -> ContentHash:
    with store.reading(files.snapshot) as r:
        row = r.rows(set_hash_sql(r.table(NAME), columns, "duckdb"))[0]
    return combine(row["n"], [row[f"q{place}"] for place in range(4)])


def life(store: Store) -> list[int]:
    """Snapshots worth asking about, none before the last has happened."""
    seen = [store.snapshot()]

    def merge(low: int, high: int, tag: int, number: str = "n", **options: bool) -> None:
        with store.writing(f"life-{len(seen)}", NAME, author="tests") as w:
            w.merge(
                NAME,
                f"SELECT '键' || i AS k, i * {tag}::BIGINT AS \"{number}\", (i * {tag} / 100)::DECIMAL(18,2) AS amount,"
                f" DATE '1988-04-17' + i::INT AS day, TIMESTAMP '1988-04-17 00:30:00.123456' + INTERVAL (i) HOUR AS moment,"
                f" CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END AS yes FROM range({low}, {high}) AS t(i)",
                **options,
            )
        seen.append(store.snapshot())

    def ddl(sql: str) -> None:
        with store._lake.session() as cursor:
            cursor.execute(sql)
        seen.append(store.snapshot())

    merge(0, 500, 1)
    merge(100, 300, 2)
    merge(50, 450, 2, delete_missing=True)
    merge(440, 600, 3)
    items = tuple(Item("number", "数", "integer") if item.name == "n" else item for item in SPEC.items)
    store.declare(
        [DatasetSpec(NAME, "一生", (*items, Item("extra", "新增")), ("k",))], {str(NAME): {"n": "number"}}
    )
    merge(590, 700, 4, number="number")
    store.compact(NAME)
    seen.append(store.snapshot())
    merge(0, 20, 5, number="number")
    merge(10, 30, 6, number="number")
    merge(20, 40, 7, number="number")
    store.compact(NAME)
    seen.append(store.snapshot())
    ddl("ALTER TABLE lake.standard.life DROP COLUMN yes")
    ddl("ALTER TABLE lake.standard.life ADD COLUMN yes VARCHAR DEFAULT '是'")
    ddl("ALTER TABLE lake.standard.life ADD COLUMN late DECIMAL(5,1) DEFAULT 2.5")
    ddl("UPDATE lake.standard.life SET late = NULL, yes = '否' WHERE number % 7 = 0")
    ddl("DELETE FROM lake.standard.life WHERE number % 5 = 0")
    return seen
