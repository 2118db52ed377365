"""The store's everyday use, on a real lake."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import AlreadyCommitted, DatasetSpec, Merged, Store
from jutong.terms import BadInput, Broken, DatasetName, Item, NotFound, content_hash, literal

COMPANY = DatasetSpec(
    DatasetName.parse("standard.company"),
    "企业",
    (
        Item("uscc", "统一社会信用代码", key=True),
        Item("name", "名称"),
        Item("capital", "注册资本", "decimal(18,2)"),
        Item("founded", "成立日期", "date"),
        Item("_batch", "批次"),
    ),
    keys=("uscc",),
)
RAW = DatasetSpec(
    DatasetName.parse("raw.company"),
    "企业",
    (Item("_batch", "批次"), Item("_row", "行号", "integer"), Item("名称", "名称")),
)


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        opened.declare([COMPANY, RAW])
        yield opened


def rows(*given: tuple[str, str | None, str | None]) -> str:
    values = ", ".join(
        f"({literal(uscc)}, {literal(name)}, {capital or 'NULL'}::DECIMAL(18,2))"
        for uscc, name, capital in given
    )
    return f"SELECT uscc, name, capital, NULL AS founded, 'b' AS _batch FROM (VALUES {values}) AS v(uscc, name, capital)"


def test_declared_datasets_are_told_again(store: Store) -> None:
    assert store.spec("standard.company") == COMPANY
    assert store.spec("standard.company").version == 1
    assert [spec.name.table for spec in store.datasets("raw")] == ["company"]
    with pytest.raises(NotFound):
        store.spec("topic.nothing")


def test_rows_appended_are_read_back_and_the_commit_id_stands_in_the_lake(store: Store) -> None:
    table = pa.table({"名称": ["甲", None, ""], "_batch": ["b1"] * 3, "_row": [1, 2, 3]})
    with store.writing("b1", "raw.company", author="gather") as w:
        w.register("given", table)
        assert w.append("raw.company", "FROM given") == 3
    assert store.committed("b1") == w.snapshot
    with store.reading() as r:
        assert r.rows('SELECT "名称" AS n FROM lake.raw.company ORDER BY _row') == [
            {"n": "甲"},
            {"n": None},
            {"n": ""},
        ]
        assert r.snapshot >= w.snapshot


def test_a_committed_id_is_never_done_twice(store: Store) -> None:
    before = store.count("raw.company")
    with store.writing("twice", "raw.company", author="gather") as w:
        w.append("raw.company", "SELECT 'twice' AS _batch, 1::BIGINT AS _row")
    with (
        pytest.raises(AlreadyCommitted) as refused,
        store.writing("twice", "raw.company", author="gather") as again,
    ):
        again.append("raw.company", "SELECT 'twice' AS _batch, 1::BIGINT AS _row")
    assert refused.value.snapshot == w.snapshot
    assert store.count("raw.company") == before + 1


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    before = store.snapshot()
    with pytest.raises(ZeroDivisionError), store.writing("broken", "raw.company", author="gather") as w:
        w.append("raw.company", "SELECT 'x' AS _batch, 1::BIGINT AS _row")
        raise ZeroDivisionError
    assert store.snapshot() == before
    assert store.committed("broken") is None


def test_a_merge_inserts_updates_and_deletes_and_leaves_the_same_alone(store: Store) -> None:
    with store.writing("m1", "standard.company", author="refine") as w:
        assert w.merge(
            "standard.company", rows(("A", "甲", "1.50"), ("B", "乙", None), ("C", "丙", "3"))
        ) == Merged(3, 0, 0)
    first = w.snapshot
    with store.writing("m2", "standard.company", author="refine") as w:
        merged = w.merge(
            "standard.company",
            rows(("A", "甲", "1.50"), ("B", "乙改", None), ("D", None, "4")),
            delete_missing=True,
        )
        assert merged == Merged(inserted=1, updated=1, deleted=1)
    with store.reading() as r:
        assert r.rows(f"SELECT uscc, name, capital FROM {r.table('standard.company')} ORDER BY uscc") == [
            {"uscc": "A", "name": "甲", "capital": Decimal("1.50")},
            {"uscc": "B", "name": "乙改", "capital": None},
            {"uscc": "D", "name": None, "capital": Decimal("4.00")},
        ]
    with store.reading(as_of=first) as r:
        assert r.rows(f"SELECT count(*) AS n FROM {r.table('standard.company')}") == [{"n": 3}]
    with store.changes("standard.company", since=first) as feed:
        assert feed.deletes().read_all().to_pylist() == [{"uscc": "C"}]
        assert sorted(row["uscc"] for row in feed.upserts().read_all().to_pylist()) == ["B", "D"]
        assert (feed.delete_count, feed.upsert_count, feed.full) == (1, 2, False)
    with store.changes("standard.company", since=None) as feed:
        assert feed.upsert_count == 3
        assert feed.deletes().read_all().num_rows == 0


def test_the_content_hash_is_the_reference_hash(store: Store) -> None:
    with store.reading() as r:
        held = [
            tuple(row.values())
            for row in r.rows("SELECT uscc, name, capital, founded FROM lake.standard.company")
        ]
    assert store.content_hash("standard.company") == content_hash(
        held, ["text", "text", "decimal(18,2)", "date"]
    )


def test_doubled_and_empty_keys_are_refused_with_the_keys_named(store: Store) -> None:
    with (
        pytest.raises(BadInput, match="E1 出现 2 次") as refused,
        store.writing("dup", "standard.company", author="refine") as w,
    ):
        w.merge("standard.company", rows(("E1", "甲", None), ("E1", "乙", None)))
    assert refused.value.code == "store.duplicate_key"
    with pytest.raises(BadInput, match="空"), store.writing("nul", "standard.company", author="refine") as w:
        w.merge("standard.company", "SELECT CAST(NULL AS VARCHAR) AS uscc, 'x' AS name")


@pytest.mark.parametrize(
    ("select", "code"),
    [
        ("SELECT 'x' AS uscc, 1::HUGEINT AS capital", "store.hugeint"),
        ("SELECT 'x' AS uscc, sum(i) AS capital FROM range(3) t(i)", "store.hugeint"),
        ("SELECT 'x' AS uscc, 1.5::DOUBLE AS capital", "store.type_mismatch"),
        ("SELECT 'x' AS uscc, '2020-01-01' AS founded", "store.type_mismatch"),
        ("SELECT 'x' AS uscc, 1.234 AS capital", "store.type_mismatch"),
        ("SELECT 'x' AS uscc, 1 AS nothing", "store.unknown_item"),
        ("SELECT 'x' AS name", "store.key_missing"),
    ],
)
def test_nothing_is_coerced_silently(store: Store, select: str, code: str) -> None:
    with (
        pytest.raises(BadInput) as refused,
        store.writing("coerce", "standard.company", author="refine") as w,
    ):
        w.merge("standard.company", select)
    assert refused.value.code == code


def test_a_dataset_not_asked_for_cannot_be_written(store: Store) -> None:
    with pytest.raises(Broken), store.writing("other", "raw.company", author="refine") as w:
        w.merge("standard.company", rows(("Z", "z", None)))


def test_reading_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match="read-only"), store.reading() as r:
        r.rows("DELETE FROM lake.raw.company")


def test_a_healthy_lake_has_no_findings_and_tells_its_usage(store: Store) -> None:
    assert store.doctor() == []
    assert {row["dataset"]: row["rows"] for row in store.usage()} == {
        "raw.company": store.count("raw.company"),
        "standard.company": store.count("standard.company"),
    }


def test_the_engine_is_bounded_and_its_clock_is_the_citys(store: Store, settings: Settings) -> None:
    with store.reading() as r:
        asked = "SELECT current_setting('TimeZone') AS zone, current_setting('memory_limit') AS memory, current_setting('temp_directory') AS spill"
        said = r.rows(asked)[0]
        assert (
            r.rows("SELECT CAST(TIMESTAMPTZ '1988-07-01 00:00:00+00' AS TIMESTAMP) AS t")[0]["t"].hour == 9
        )  # summer time
    assert said["zone"] == "Asia/Shanghai"
    assert said["memory"] == "953.6 MiB"  # the settings' 1GB
    assert str(said["spill"]).startswith(str(settings.home))


@pytest.mark.parametrize(
    "select",
    [
        "FROM source",
        "SELECT * FROM source",
        "WITH s AS (SELECT * FROM source) SELECT * FROM s",
        "SELECT uscc, name FROM source WHERE true",
        "(SELECT uscc, name FROM source) UNION ALL SELECT 'V2', NULL",
        "VALUES ('V1', 'x') ",
    ],
)
def test_any_shape_of_select_may_be_merged(store: Store, select: str) -> None:
    with store.writing(f"shape {select}", "standard.company", author="tests") as w:
        w.run("CREATE TEMP TABLE source AS SELECT 'V1' AS uscc, 'x' AS name")
        if select.startswith("VALUES"):
            select = f"SELECT col0 AS uscc, col1 AS name FROM ({select})"
        merged = w.merge("standard.company", select)
    assert merged.inserted + merged.updated <= 2


def test_a_stream_larger_than_memory_batches_is_appended_once(store: Store) -> None:
    schema = pa.schema([("_batch", pa.string()), ("_row", pa.int64())])
    batches = (
        pa.record_batch([["stream"] * 1000, range(n * 1000, n * 1000 + 1000)], schema) for n in range(20)
    )
    with store.writing("stream", "raw.company", author="gather") as w:
        w.register("given", pa.RecordBatchReader.from_batches(schema, batches))
        assert w.append("raw.company", "FROM given") == 20_000
    with store.reading() as r:
        stream = r.reader(
            "SELECT _row FROM lake.raw.company WHERE _batch = 'stream' ORDER BY _row", batch_rows=4096
        )
        assert sum(batch.num_rows for batch in stream) == 20_000


def test_rows_keep_whole_numbers_whole(store: Store) -> None:
    with store.reading() as r:
        assert r.rows("SELECT sum(i) AS n FROM (VALUES (9007199254740993), (9007199254740993)) AS t(i)") == [
            {"n": 18014398509481986}
        ]


def test_rows_are_not_appended_past_the_keys_of_a_dataset(store: Store) -> None:
    with pytest.raises(BadInput) as refused, store.writing("past", "standard.company", author="tests") as w:
        w.append("standard.company", "SELECT 'A' AS uscc")
    assert refused.value.code == "store.keyed"
