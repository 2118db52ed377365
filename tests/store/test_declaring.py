"""Declarations grow a dataset in place; a retype makes a new version and loses nothing."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import BadInput, DatasetName, Item, NotFound

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        yield opened


@pytest.fixture
def spec(store: Store) -> DatasetSpec:
    made = DatasetSpec(
        DatasetName.parse(f"standard.grown{next(_NUMBERS)}"),
        "生长",
        (Item("k", "键"), Item("n", "数", "integer"), Item("t", "文字")),
        ("k",),
    )
    store.declare([made])
    with store.writing(f"seed {made.name}", made.name, author="tests") as w:
        w.merge(made.name, "SELECT 'a' AS k, 1::BIGINT AS n, '007' AS t UNION ALL SELECT 'b', 2, NULL")
    return made


def rows(store: Store, spec: DatasetSpec, as_of: int | None = None) -> list[tuple[object, ...]]:
    with store.reading(as_of) as r:
        return [tuple(row.values()) for row in r.rows(f"SELECT * FROM {r.table(spec.name)} ORDER BY 1")]


def test_declaring_again_makes_no_snapshot(store: Store, spec: DatasetSpec) -> None:
    before = store.snapshot()
    store.declare([spec])
    assert store.snapshot() == before


def test_items_are_added_and_renamed_in_place(store: Store, spec: DatasetSpec) -> None:
    before = store.snapshot()
    grown = replace(
        spec,
        items=(spec.items[0], replace(spec.items[1], name="number"), spec.items[2], Item("d", "日", "date")),
    )
    store.declare([grown], {str(spec.name): {"n": "number"}})
    assert store.spec(spec.name) == grown
    assert store.spec(spec.name).version == 1
    assert rows(store, spec) == [("a", 1, "007", None), ("b", 2, None, None)]
    assert rows(store, spec, as_of=before) == [("a", 1, "007"), ("b", 2, None)]
    with store.changes(spec.name, since=before) as feed:
        assert (feed.renamed, feed.added, feed.empty) == ({"n": "number"}, ("d",), True)


def test_an_item_no_longer_declared_stays(store: Store, spec: DatasetSpec) -> None:
    store.declare([replace(spec, items=spec.items[:2])])
    assert [item.name for item in store.spec(spec.name).items] == ["k", "n", "t"]
    assert rows(store, spec) == [("a", 1, "007"), ("b", 2, None)]


def test_a_retype_is_a_new_version_with_the_same_rows_and_the_past_stays_readable(
    store: Store, spec: DatasetSpec
) -> None:
    before = store.snapshot()
    store.declare([replace(spec, items=(spec.items[0], Item("n", "数", "text"), spec.items[2]))])
    assert store.spec(spec.name).version == 2
    assert rows(store, spec) == [("a", "1", "007"), ("b", "2", None)]
    assert rows(store, spec, as_of=before) == [("a", 1, "007"), ("b", 2, None)]
    with store.changes(spec.name, since=before) as feed:
        assert feed.full
        assert feed.upsert_count == 2
    store.declare([replace(spec, items=(spec.items[0], Item("n", "数", "decimal(9,2)"), spec.items[2]))])
    assert store.spec(spec.name).version == 3
    with store.writing(f"after {spec.name}", spec.name, author="tests") as w:
        assert w.merge(spec.name, "SELECT 'a' AS k, 1.50::DECIMAL(9,2) AS n").updated == 1


def test_a_retype_that_would_lose_a_value_is_refused_and_changes_nothing(
    store: Store, spec: DatasetSpec
) -> None:
    before = store.snapshot()
    with pytest.raises(BadInput, match="有 1 个值") as refused:
        store.declare([replace(spec, items=(*spec.items[:2], Item("t", "文字", "integer")))])
    assert refused.value.code == "store.retype_lossy"
    assert store.snapshot() == before
    assert store.spec(spec.name) == spec


def test_a_new_business_key_is_a_new_version(store: Store, spec: DatasetSpec) -> None:
    store.declare([replace(spec, keys=("k", "n"))])
    assert store.spec(spec.name).version == 2
    with store.writing(f"rekeyed {spec.name}", spec.name, author="tests") as w:
        assert w.merge(spec.name, "SELECT 'a' AS k, 9::BIGINT AS n").inserted == 1
    assert len(rows(store, spec)) == 3


def test_the_past_is_found_by_number_and_by_instant(store: Store, spec: DatasetSpec) -> None:
    snapshot = store.snapshot()
    instant = dt.datetime.now(dt.UTC)
    with store.writing(f"later {spec.name}", spec.name, author="tests") as w:
        w.merge(spec.name, "SELECT 'c' AS k", delete_missing=True)
    assert store.count(spec.name, as_of=snapshot) == store.count(spec.name, as_of=instant) == 2
    assert store.count(spec.name) == 1
    for never in (10**9, -1, dt.datetime(2000, 1, 1, tzinfo=dt.UTC)):
        with pytest.raises(NotFound):
            store.count(spec.name, as_of=never)


def test_processes_that_declare_the_same_at_once_agree(store: Store) -> None:
    specs = [
        DatasetSpec(DatasetName.parse(f"topic.together{n}"), "同时", (Item("k", "键"),), ("k",))
        for n in range(5)
    ]
    problems: list[BaseException] = []

    def declare() -> None:
        try:
            store.declare(specs)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=declare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert [spec.version for spec in store.datasets("topic")] == [1] * 5


@pytest.mark.parametrize(
    ("items", "keys"),
    [
        ((), ()),
        ((Item("a", ""), Item("A", "")), ()),
        ((Item("a", ""),), ("b",)),
        ((Item("rowid", ""),), ()),
        ((Item("", ""),), ()),
    ],
)
def test_a_spec_that_cannot_be_is_refused(items: tuple[Item, ...], keys: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="定义有误"):
        DatasetSpec(DatasetName.parse("raw.bad"), "错", items, keys)


def test_names_are_any_text_and_never_sql(store: Store) -> None:
    odd = 'a "quoted" name; DROP TABLE x --'
    name = DatasetName.parse("standard.odd")
    store.declare([DatasetSpec(name, "怪", (Item(odd, "怪"), Item("选择 select", "关键字")), (odd,))])
    with store.writing("odd", name, author="tests") as w:
        quoted = odd.replace('"', '""')
        w.merge(name, f"""SELECT 'x' AS "{quoted}", 'y' AS "选择 select" """)
        w.merge(name, f"""SELECT 'x' AS "{quoted}", 'z' AS "选择 select" """)
    with store.changes(name, None) as feed:
        assert feed.upserts().read_all().to_pylist() == [{odd: "x", "选择 select": "z"}]
    assert store.content_hash(name).rows == 1
