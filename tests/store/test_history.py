"""A record's own history: every version, its time and its batch, through compaction, renames and retypes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, History, Store
from jutong.terms import BadInput, DatasetName, Item

NAME = DatasetName.parse("standard.told")
SPEC = DatasetSpec(
    NAME,
    "历史",
    (Item("k", "键"), Item("n", "号", "integer"), Item("v", "值"), Item("_batch", "批次")),
    ("k", "n"),
)


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        opened.declare([SPEC])
        yield opened


def say(store: Store, commit_id: str, value: str | None, spec: DatasetSpec = SPEC) -> None:
    """One record among others; None deletes it."""
    name = spec.items[2].name
    with store.writing(commit_id, NAME, author="tests") as w:
        w.merge(
            NAME,
            f"SELECT 'K' || i AS k, 1 AS n, '{commit_id}' AS \"{name}\", '{commit_id}' AS _batch FROM range(5) t(i)"
            + (f" UNION ALL SELECT 'A', 1, '{value}', '{commit_id}'" if value is not None else ""),
            delete_missing=True,
        )


def told(store: Store) -> list[tuple[str | None, str]]:
    return [
        (None if one.content is None else list(one.content.values())[2], one.commit_id)
        for one in store.history(NAME, ["A", "1"])
    ]


def test_every_version_is_told_with_its_time_and_batch(store: Store) -> None:
    began = dt.datetime.now(dt.UTC)
    for commit_id, value in (("b1", "甲"), ("b2", "乙"), ("b3", "乙"), ("b4", None), ("b5", "丙")):
        say(store, commit_id, value)
    expected = [("丙", "b5"), (None, "b4"), ("乙", "b2"), ("甲", "b1")]
    assert told(store) == expected
    store.compact(NAME)
    assert told(store) == expected
    times = [one.at for one in store.history(NAME, ["A", "1"])]
    assert times == sorted(times, reverse=True)
    assert all(began - dt.timedelta(seconds=5) <= at <= dt.datetime.now(dt.UTC) for at in times if at)
    renamed = replace(SPEC, items=(*SPEC.items[:2], Item("w", "值"), *SPEC.items[3:]))
    store.declare([renamed], {str(NAME): {"v": "w"}})
    say(store, "b6", None, renamed)
    assert told(store) == [(None, "b6"), *expected]
    # Of the day only its last snapshot stays; the record is gone by then.
    store.thin(History(0, 1, 0))
    assert told(store)[0] == (None, "b6")


def test_a_record_that_never_was_has_no_history(store: Store) -> None:
    assert store.history(NAME, ["nobody", "1"]) == []


def test_a_key_that_does_not_fit_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="主键是 k、n，请逐项给出"):
        store.history(NAME, ["A"])
