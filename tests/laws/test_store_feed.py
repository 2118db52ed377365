"""Law: whoever replays the change feed stands where the dataset stands, whatever happened in between.

Random inserts, updates, deletes, several merges in one transaction, renamed, added and retyped items,
compaction, expiry and clean-up; two followers come by at random and take what the feed says.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jutong.database import Database
from jutong.settings import Settings as City
from jutong.store import DatasetSpec, History, Store, places, writing
from jutong.terms import ContentHash, DatasetName, Item, NotFound, content_hash

_NUMBERS = itertools.count()
_AT_ONCE = dt.timedelta(0)

keys = st.integers(0, 12).map(lambda n: f"K{n}")
texts = st.one_of(st.none(), st.sampled_from(["", "甲", "乙", "a:b", "-", "1", "22"]))
amounts = st.one_of(st.none(), st.integers(-999, 999).map(lambda n: Decimal(n).scaleb(-2)))
records = st.dictionaries(keys, st.tuples(texts, amounts), max_size=8)


class Follower:
    """A replica that knows nothing but the feed."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}

    def catch_up(self, store: Store, name: DatasetName) -> None:
        with store.changes(name, since=self.at) as feed:
            for old, new in feed.renamed.items():
                self.rows = {
                    k: {new if n == old else n: v for n, v in row.items()} for k, row in self.rows.items()
                }
            for added in feed.added:
                for row in self.rows.values():
                    row[added] = None
            deleted = feed.deletes().read_all().to_pylist()
            upserted = feed.upserts().read_all().to_pylist()
            assert len(deleted) == feed.delete_count
            assert len(upserted) == feed.upsert_count
            if feed.full:
                self.rows.clear()
            for row in deleted:
                del self.rows[self._key(row, feed.keys)]
            for row in upserted:
                key = self._key(row, feed.keys)
                assert feed.full or self._content(row) != self._content(self.rows.get(key)), (
                    "a row that did not change"
                )
                self.rows[key] = row
            self.at = feed.until

    @staticmethod
    def _key(row: dict[str, Any], key_items: tuple[str, ...]) -> tuple[str, str]:
        return row[key_items[0]], row[key_items[1]]

    @staticmethod
    def _content(row: dict[str, Any] | None) -> dict[str, Any] | None:
        return row and {name: value for name, value in row.items() if not name.startswith("_")}


class Feed(RuleBasedStateMachine):
    store: Store

    @initialize(large=st.sampled_from([0.0, 0.2, 1e9]), looked_up=st.booleans())
    def start(self, large: float, looked_up: bool) -> None:
        """``large``: from which share on a merge is differenced first; ``looked_up``: whether its keys are looked up in
        sheets where there are any.  All ways must do the same.
        """
        self.before = writing._LARGE, places.LEAST_ROWS
        writing._LARGE, places.LEAST_ROWS = large, 1 if looked_up else self.before[1]
        self.spec = DatasetSpec(
            DatasetName.parse(f"standard.feed{next(_NUMBERS)}"),
            "变更",
            (
                Item("k", "键"),
                Item("part", "分区", "integer"),
                Item("t", "文字"),
                Item("n", "数额", "decimal(9,2)"),
                Item("_batch", "批次"),
            ),
            keys=("k", "part"),
        )
        self.store.declare([self.spec])
        self.name = self.spec.name
        self.model: dict[str, dict[str, Any]] = {}
        self.followers = [Follower(), Follower()]
        self.added = 0
        self.commits = 0
        self.past: list[tuple[int, list[str], ContentHash]] = []
        self.oldest = 0
        self.thinned = False

    def teardown(self) -> None:
        if hasattr(self, "before"):
            writing._LARGE, places.LEAST_ROWS = self.before

    def names(self) -> tuple[str, str, str, str]:
        k, part, t, n = (item.name for item in self.spec.items[:4])
        return k, part, t, n

    def table(self, given: dict[str, tuple[str | None, Decimal | None]], batch: str) -> pa.Table:
        k, part, t, n = self.names()
        rows = [{k: key, part: 1, t: text, n: amount} for key, (text, amount) in given.items()]
        number = pa.decimal128(9, 2) if self.spec.items[3].type.startswith("decimal") else pa.string()
        if number == pa.string():
            for row in rows:
                row[n] = None if row[n] is None else str(row[n])
        schema = pa.schema(
            [(k, pa.string()), (part, pa.int64()), (t, pa.string()), (n, number), ("_batch", pa.string())]
        )
        for row in rows:
            row["_batch"] = batch
        return pa.Table.from_pylist(rows, schema=schema)

    @rule(
        batches=st.lists(st.tuples(records, st.booleans(), st.sets(keys, max_size=4)), min_size=1, max_size=3)
    )
    def merge(
        self, batches: list[tuple[dict[str, tuple[str | None, Decimal | None]], bool, set[str]]]
    ) -> None:
        self.commits += 1
        k, part, t, n = self.names()
        with self.store.writing(f"{self.name}/{self.commits}", self.name, author="laws") as w:
            for place, (given, missing, named) in enumerate(batches):
                before = dict(self.model)
                w.register(f"given{place}", self.table(given, f"b{self.commits}.{place}"))
                gone = named - set(given)
                w.register(
                    f"gone{place}",
                    pa.table(
                        {k: pa.array(sorted(gone), pa.string()), part: pa.array([1] * len(gone), pa.int64())}
                    ),
                )
                merged = w.merge(
                    self.name,
                    f"FROM given{place}",
                    delete_missing=missing,
                    delete_keys_sql=f"FROM gone{place}",
                )
                for key, (text, amount) in given.items():
                    value = (
                        amount
                        if self.spec.items[3].type.startswith("decimal") or amount is None
                        else str(amount)
                    )
                    self.model[key] = {
                        **self.model.get(key, dict.fromkeys(item.name for item in self.spec.content)),
                        k: key,
                        part: 1,
                        t: text,
                        n: value,
                    }
                for key in [key for key in self.model if key in gone or (missing and key not in given)]:
                    del self.model[key]
                assert merged.inserted == len(given.keys() - before.keys())
                assert merged.updated == sum(
                    1 for key in given.keys() & before.keys() if before[key] != self.model.get(key)
                )
                assert merged.deleted == len(before.keys() - self.model.keys())

    @rule(item=st.integers(0, 3))
    def rename(self, item: int) -> None:
        old = self.spec.items[item].name
        new = f"{old.split('_')[0]}_{self.commits}_{next(_NUMBERS)}"
        items = tuple(replace(each, name=new) if each.name == old else each for each in self.spec.items)
        self.spec = replace(
            self.spec, items=items, keys=tuple(new if key == old else key for key in self.spec.keys)
        )
        self.store.declare([self.spec], {str(self.name): {old: new}})
        self.model = {
            key: {new if n == old else n: v for n, v in row.items()} for key, row in self.model.items()
        }

    @precondition(lambda self: self.added < 3)
    @rule()
    def add(self) -> None:
        self.added += 1
        item = Item(f"extra{self.added}", "新增", "date")
        self.spec = replace(self.spec, items=(*self.spec.items, item))
        self.store.declare([self.spec])
        for row in self.model.values():
            row[item.name] = None

    @precondition(lambda self: self.spec.items[3].type.startswith("decimal"))
    @rule()
    def retype(self) -> None:
        number = self.spec.items[3]
        items = tuple(replace(each, type="text") if each is number else each for each in self.spec.items)
        self.spec = replace(self.spec, items=items)
        self.store.declare([self.spec])
        for row in self.model.values():
            row[number.name] = None if row[number.name] is None else str(row[number.name])

    @rule()
    def compact(self) -> None:
        self.store.compact(self.name)

    @rule(back=st.integers(0, 6))
    def expire(self, back: int) -> None:
        self.oldest = max(self.oldest, self.store.snapshot() - back)
        self.store.expire(self.store.snapshot() - back)

    @rule(days=st.integers(0, 3))
    def thin(self, days: int) -> None:
        """Snapshots in the middle go too: what is left reads as before, and the feed sees through the holes."""
        self.thinned = True
        self.store.thin(History(0, days, 0), dt.datetime.now(dt.UTC))

    @rule()
    def clean(self) -> None:
        self.store.clean(grace=_AT_ONCE)

    @rule(back=st.integers(0, 30))
    def look_back(self, back: int) -> None:
        """Whatever has not expired still reads as it was, under the names it had then."""
        if not self.past:
            return
        snapshot, columns, expected = self.past[-1 - back % len(self.past)]
        try:
            assert self.store.content_hash(self.name, columns, as_of=snapshot) == expected
        except NotFound:
            assert snapshot < self.oldest or self.thinned

    @rule(who=st.integers(0, 1))
    def catch_up(self, who: int) -> None:
        follower = self.followers[who]
        follower.catch_up(self.store, self.name)
        assert {key: Follower._content(row) for (key, _), row in follower.rows.items()} == self.model

    @invariant()
    def the_dataset_is_what_was_written(self) -> None:
        if not hasattr(self, "model"):
            return
        columns = [item.name for item in self.spec.content]
        types = [item.type for item in self.spec.content]
        expected = content_hash(([row[name] for name in columns] for row in self.model.values()), types)
        assert self.store.content_hash(self.name, columns) == expected
        self.past.append((self.store.snapshot(), columns, expected))


@pytest.fixture(scope="module")
def store(database: Database, settings: City) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        yield opened


def machine(store: Store) -> type[Feed]:
    return type("FeedOfThisLake", (Feed,), {"store": store})


def test_a_replayed_feed_equals_the_dataset(store: Store) -> None:
    run_state_machine_as_test(machine(store), settings=_settings(examples=12, steps=14))


@pytest.mark.slow
def test_a_replayed_feed_equals_the_dataset_over_many_histories(store: Store) -> None:
    run_state_machine_as_test(machine(store), settings=_settings(examples=60, steps=40))


def _settings(examples: int, steps: int) -> Any:
    return hypothesis_settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
