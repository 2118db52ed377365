"""DuckDB and Spark judge a batch alike: standard rows, issues, doubled rows and scores, row for row."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.refine.town import Town

from jutong.database import Database
from jutong.elements import ELEMENTS
from jutong.refine import Refinement, RowRule, declare_rules, refine, sparking
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import Unavailable

#: Letters that dirt is made of: digits, widths, blanks nobody sees, marks, words for nothing.
_DIRT = (
    "0123456789０１２３９Xx年月日时分秒./-: ,，万亿元角￥()（）·•　 \u200b\ufeff\t\n'\"TZE+%°东经无壹贰拾佰A"
)


@pytest.fixture(scope="module")
def town(database: Database, settings: Settings) -> Iterator[Town]:
    with Store.open(database, settings) as store:
        yield Town(database, store)


def both(
    town: Town, settings: Settings, items: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]],
    rules: Sequence[RowRule] = (), **how: Any,
) -> tuple[Refinement, Refinement]:  # fmt: skip
    """The same rows refined by each engine, in a table of its own; what they came to is held against each other."""
    done, found = [], []
    for engine in ("duckdb", "local[1]"):
        table = town.table(items, **how)
        with town.database.connection() as connection:
            declare_rules(connection, {table: rules})
            connection.execute(
                "INSERT INTO hold_threshold (source_table, hold_above) VALUES (%s, 1)", (table,)
            )
        batch = town.land(table, rows)
        done += refine(
            [batch], database=town.database, store=town.store, settings=replace(settings, engine=engine)
        )
        with town.store.reading() as view:
            standard = view.rows(
                f"SELECT * EXCLUDE (_batch) FROM {view.table(f'standard.{table}')} ORDER BY _row"
            )
            issues = view.rows(
                f"SELECT * EXCLUDE (batch, dataset, found_at) FROM {view.table('standard.issue')} WHERE batch = ? ORDER BY ALL",
                [batch],
            )
        found.append((standard, issues))
    (rows_here, issues_here), (rows_there, issues_there) = found
    assert rows_there == rows_here
    assert issues_there == issues_here
    here, there = done
    same = ("accepted", "rejected", "duplicates", "flagged", "score")
    assert [getattr(there, name) for name in same] == [getattr(here, name) for name in same]
    return here, there


@pytest.fixture(autouse=True)
def _small_batches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparking, "LEAST_ROWS", 1)


@pytest.mark.slow
def test_every_element_on_its_own_examples_and_on_dirt(town: Town, settings: Settings, spark: Any) -> None:
    del spark  # the session that the run below finds
    items = [{"name": "no", "label": "编号", "element": "text"}]
    items += [{"name": f"e_{name}", "label": one.label, "element": name, "type": one.type} for name, one in ELEMENTS.items()]  # fmt: skip
    examples = [(name, given) for name, one in ELEMENTS.items() for given, _ in (*one.passes, *one.fails)]
    chance = random.Random(20260317)
    dirt = ["".join(chance.choices(_DIRT, k=chance.randint(1, 12))) for _ in range(150)]
    dirt += [
        given[: len(given) // 2] + chance.choice(_DIRT) + given[len(given) // 2 :] for _, given in examples
    ]
    rows = [{"no": str(number), f"e_{name}": given} for number, (name, given) in enumerate(examples)]
    rows += [
        {"no": f"d{number}", **{f"e_{name}": given for name in ELEMENTS}} for number, given in enumerate(dirt)
    ]
    here, _ = both(town, settings, items, rows)
    assert here.accepted > 300
    assert here.rejected > 100
    assert here.flagged > 50


@pytest.mark.slow
def test_rules_doubles_lists_and_what_is_missing(town: Town, settings: Settings, spark: Any) -> None:
    del spark
    items = [
        {"name": "no", "label": "编号", "element": "text"},
        {"name": "opened", "label": "开始", "element": "date", "type": "date", "raw": "date"},
        {"name": "closed", "label": "结束", "element": "date", "type": "date"},
        {"name": "state", "label": "状态", "element": "text", "values": ["存续", "注销"]},
        {
            "name": "fee",
            "label": "费用",
            "element": "amount",
            "type": "decimal(18,2)",
            "raw": "decimal(18,2)",
        },
        {"name": "place", "label": "地点", "element": "text", "required": True},
        {"name": "changed", "label": "更新", "element": "datetime", "type": "timestamp", "raw": "timestamp"},
    ]
    rules = [
        RowRule("t.after", "not_after", ("opened", "closed"), severity="reject"),
        RowRule("t.year", "within", ("closed", "opened"), {"years": 1}),
        RowRule("t.days", "within", ("closed", "opened"), {"days": 40}),
        RowRule("t.future", "not_future", ("closed",)),
        RowRule("t.fee", "required_when", ("fee", "state"), {"equals": ["存续"], "positive": True}),
        RowRule("t.any", "any_of", ("closed", "fee")),
        RowRule("t.place", "unique", ("place",)),
        RowRule("t.rows", "row_count", ("no",), {"least": 0.5}),
    ]  # fmt: skip
    rows = _facts(random.Random(7), 400)
    here, _ = both(town, settings, items, rows, rules, watermark="changed")
    assert here.duplicates
    assert here.rejected
    both(town, settings, items, rows, rules, keys=())  # the row's own fingerprint is its key


def _facts(chance: random.Random, count: int) -> list[dict[str, Any]]:
    import datetime as dt
    from decimal import Decimal

    rows: list[dict[str, Any]] = []
    for number in range(count):
        opened = dt.date(1988, 8, 1) + dt.timedelta(days=chance.randint(0, 14_000))
        closed = opened + dt.timedelta(days=chance.choice([-3, 0, 39, 40, 41, 365, 366, 800, 9000]))
        rows.append({
            "no": str(number), "opened": chance.choice([opened, opened, None]),
            "closed": chance.choice([str(closed), f"{closed:%Y年%m月%d日}", None, "去年"]),
            "state": chance.choice(["存续", "注销", " 存续", "吊销", None]),
            "fee": chance.choice([Decimal("0.00"), Decimal("12.50"), Decimal("-3.10"), None]),
            "place": chance.choice([f"宝庆路{number}号", "宝庆路1号", "", "　城北路　2号 "]),
            "changed": dt.datetime(2024, 1, 1, 8) + dt.timedelta(seconds=chance.randint(0, 10**6), microseconds=chance.choice([0, 500])),
        })  # fmt: skip
    return (
        rows + chance.sample(rows, 40) + [{**row, "fee": Decimal("7.77")} for row in chance.sample(rows, 40)]
    )


def test_a_cluster_that_breaks_down_loses_no_batch(
    town: Town, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = pytest.importorskip("pyspark.errors", reason="没有 Spark：请安装 Python 包 pyspark")

    def lost(*_: object, **__: object) -> None:
        raise errors.PySparkException("All masters are unresponsive")

    monkeypatch.setattr(sparking, "spark_running", lost)
    table = town.table([{"name": "no", "label": "编号", "element": "text"}])
    batch = town.land(table, [{"no": "1"}])
    with pytest.raises(Unavailable) as refused:
        broken = replace(settings, engine="spark://127.0.0.1:1")
        refine([batch], database=town.database, store=town.store, settings=broken)
    assert refused.value.code == "refine.spark_failed"
    assert town.state(batch) == "received"
    assert town.refine(batch)[0].accepted == 1
