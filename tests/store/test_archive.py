"""The archive: rows leave the lake, are read as before, come back, and are in exactly one place whatever dies."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from jutong.store import DatasetSpec, Store, archiving
from jutong.terms import BadInput, Broken, DatasetName, Denied, Item, NotFound

RAW = DatasetName.parse("raw.letters")
SPEC = DatasetSpec(
    RAW, "来文", (Item("_batch", "批次"), Item("_row", "行", "integer"), Item("code", "代码"), Item("fee", "费", "decimal(9,2)"))
)  # fmt: skip
AT_ONCE = dt.timedelta(0)


@pytest.fixture
def store(settings, database):
    with Store.open(database, settings) as opened:
        yield opened


@pytest.fixture
def batches(store, request):
    """Two batches of this test's own."""
    names = [f"{request.node.name}-{number}" for number in "12"]
    store.declare([SPEC])
    for number, name in enumerate(names):
        with store.writing(name, RAW, author="tests") as w:
            w.append(
                RAW, f"SELECT '{name}' AS _batch, i AS _row, printf('%04d', i) AS code, "
                f"CAST({number} + i / 100.0 AS DECIMAL(9,2)) AS fee FROM range(100) AS t(i)"
            )  # fmt: skip
    return names


def in_lake(store: Store, batch: str) -> int:
    with store.reading() as view:
        return int(view.rows("SELECT count(*) AS n FROM lake.raw.letters WHERE _batch = ?", [batch])[0]["n"])


def file_of(settings: Any, part: archiving.Part) -> Path:
    return Path(settings.archive_folder / part.path)


def test_a_batch_in_the_archive_is_read_as_before_and_comes_back(store, settings, batches):
    first, second = batches
    before, snapshot = store.content_hash(RAW), store.snapshot()
    (part,) = store.archive(RAW, [first])
    assert (part.rows, part.batch_id, in_lake(store, first), in_lake(store, second)) == (100, first, 0, 100)
    assert file_of(settings, part).stat().st_size == part.bytes
    assert store.content_hash(RAW) == before == store.content_hash(RAW, as_of=snapshot)
    assert store.archive(RAW, [first]) == []  # nothing of it is left to take
    store.recall(RAW, first, "tests")
    assert in_lake(store, first) == 100
    assert store.content_hash(RAW) == before == store.content_hash(RAW, as_of=part.snapshot)
    with pytest.raises(NotFound):
        store.recall(RAW, first, "tests")


def test_the_file_of_a_recalled_batch_goes_once_no_past_needs_it(store, settings, batches):
    (part,) = store.archive(RAW, batches[:1])
    store.recall(RAW, batches[0], "tests")
    before = store.content_hash(RAW)

    def forget() -> int:
        return archiving.forget_recalled(store._lake, AT_ONCE, AT_ONCE)

    forget()
    forget()  # as of the time in between it is still read
    assert file_of(settings, part).exists()
    assert store.content_hash(RAW, as_of=part.snapshot) == before
    store.expire(store.snapshot())
    forget()
    assert file_of(settings, part).exists()  # a reader may still be at it
    assert (forget() > 0, file_of(settings, part).exists()) == (True, False)
    assert store.content_hash(RAW) == before
    assert store.archive(RAW, batches[:1])


def test_items_that_came_later_are_empty_in_what_was_archived_before(store, batches):
    store.archive(RAW, batches)
    more = DatasetSpec(RAW, "来文", (*SPEC.items, Item("note", "备注")))
    store.declare([more])
    with store.reading() as view:
        rows = view.rows(
            f"SELECT count(*) AS n, count(note) AS notes FROM {view.table(RAW)} WHERE _batch = ?",
            [batches[0]],
        )
    assert rows == [{"n": 100, "notes": 0}]


@pytest.mark.parametrize("landed", [False, True])
def test_a_process_that_dies_around_the_commit_leaves_each_row_in_one_place(
    store, settings, database, batches, monkeypatch, landed
):
    first, before = batches[0], store.content_hash(RAW)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if landed:  # after the commit, before its snapshot is noted
            patched.setattr(archiving, "_flush", lambda folder: None)
            real = store._lake.commit

            def commit(*given: Any) -> None:
                real(*given)
                dies()

            patched.setattr(store._lake, "commit", commit)
        else:  # the part is written down, the commit never comes
            patched.setattr(store._lake, "commit", dies)
            patched.setattr(archiving, "_remove", lambda files: None)
        with pytest.raises(KeyboardInterrupt):
            store.archive(RAW, [first])
    assert (in_lake(store, first), store.content_hash(RAW)) == (0 if landed else 100, before)
    assert store.settle_archive(AT_ONCE) == 1
    assert (in_lake(store, first), store.content_hash(RAW)) == (0 if landed else 100, before)
    with database.connection() as control:
        parts = control.execute("SELECT snapshot FROM archive_part WHERE batch_id = %s", (first,)).fetchall()
    assert [row["snapshot"] is not None for row in parts] == ([True] if landed else [])


def test_a_damaged_archive_file_is_named_and_no_other_batch_is_harmed(store, settings, batches):
    parts = store.archive(RAW, batches)
    hurt = file_of(settings, parts[0])
    whole = hurt.read_bytes()
    hurt.write_bytes(whole[:-8] + b"damaged!")
    assert [one.path for one in store.damaged(deep=True)] == [hurt]
    with pytest.raises(Broken) as told:
        store.recall(RAW, batches[0], "tests")
    assert told.value.code == "store.archive_damaged"
    store.recall(RAW, batches[1], "tests")
    assert in_lake(store, batches[1]) == 100
    hurt.unlink()
    assert [(one.path, one.missing) for one in store.damaged()] == [(hurt, True)]
    assert any("repair" in sentence for sentence in store.doctor())
    hurt.write_bytes(whole)


def test_a_held_dataset_is_neither_archived_nor_destroyed(store, database, batches):
    (part,) = store.archive(RAW, batches[:1])
    with database.connection() as control:
        control.execute(
            "INSERT INTO legal_hold (dataset, reason, placed_by) VALUES (%s, '案', 'x')", (str(RAW),)
        )
    try:
        for forbidden in (
            lambda: store.archive(RAW, batches[1:]),
            lambda: store.destroy(part.id, "x", "到期"),
        ):
            with pytest.raises(Denied) as told:
                forbidden()
            assert told.value.code == "store.held"
    finally:
        with database.connection() as control:
            control.execute("DELETE FROM legal_hold")
    assert in_lake(store, batches[1]) == 100
    gone = store.destroy(part.id, "x", "到期")
    assert (gone.destroyed_at is not None, gone.rows, gone.destroy_reason) == (True, 100, "到期")
    with pytest.raises(NotFound):
        store.destroy(part.id, "x", "到期")


def test_what_has_keys_is_no_business_of_the_archive(store):
    keyed = DatasetName.parse("standard.letters")
    store.declare([DatasetSpec(keyed, "x", (Item("k", "k"),), ("k",))])
    with pytest.raises(BadInput):
        store.archive(keyed, ["b"])
