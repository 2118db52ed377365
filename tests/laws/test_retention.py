"""Law: retention moves rows and loses none; nothing under a hold, and nothing a follower still needs, ever goes.

Random rules, holds, batches, days that pass, recalls, approved destructions, expiry, clean-up without grace: after
every step each batch reads as it was given unless a certificate names it, and every state a held dataset ever had since
its hold is still answered as of its snapshot.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

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

from jutong.flows import retention
from jutong.flows.platform import Platform
from jutong.flows.retention import Scope
from jutong.store import DatasetSpec, History
from jutong.terms import ContentHash, DatasetName, Denied, Item
from jutong.wiring import open_platform

_NUMBERS = itertools.count()
_AT_ONCE = dt.timedelta(0)
_START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

tables = st.sampled_from(["a", "b"])
texts = st.lists(st.sampled_from(["", "甲", "0018", "a'b"]), min_size=1, max_size=4)


class Retention(RuleBasedStateMachine):
    city: Platform

    @initialize()
    def start(self) -> None:
        run = next(_NUMBERS)
        self.names = {table: f"{table}{run}" for table in "ab"}
        self.now = _START
        #: batch id → (table, rows), as given and not certified destroyed
        self.given: dict[str, tuple[str, list[str]]] = {}
        self.holds: dict[int, str | None] = {}
        self.seen: dict[tuple[str, int], ContentHash] = {}
        self.city.store.declare([_spec(name) for name in self.names.values()])
        with self.city.database.connection() as connection:
            for name in self.names.values():
                connection.execute(
                    "INSERT INTO source_table (name, source_name, label, locator) VALUES (%s, 's', 'x', '{}')",
                    (name,),
                )
            connection.execute(
                "UPDATE retention_rule SET ended_by = 'x', ended_at = now() WHERE ended_at IS NULL"
            )
            connection.execute(
                "UPDATE legal_hold SET released_by = 'x', released_at = now(), release_reason = 'x' WHERE released_at IS NULL"
            )

    @rule(table=tables, rows=texts)
    def take(self, table: str, rows: list[str]) -> None:
        name = self.names[table]
        batch = f"r{next(_NUMBERS)}.{name}"
        values = ", ".join(
            f"('{batch}', {n}, '{text.replace(chr(39), chr(39) * 2)}')" for n, text in enumerate(rows)
        )
        with self.city.store.writing(batch, f"raw.{name}", author="t") as w:
            w.append(f"raw.{name}", f"SELECT * FROM (VALUES {values}) AS v (_batch, _row, code)")
        with self.city.database.connection() as connection:
            connection.execute(
                "INSERT INTO batch (id, source_table, run_id, mode, given, bytes, content_hash, snapshot, started_at,"
                " received_at, state) VALUES (%(id)s, %(table)s, %(id)s, 'full', %(n)s, 1, 'h', %(s)s, %(at)s, %(at)s,"
                " 'refined')",
                {"id": batch, "table": name, "n": len(rows), "s": w.snapshot, "at": self.now},
            )
        self.given[batch] = name, rows

    @rule(
        table=st.one_of(st.none(), tables),
        days=st.integers(1, 20),
        keep=st.integers(1, 2),
        more=st.integers(0, 20),
    )
    def set_rule(self, table: str | None, days: int, keep: int, more: int) -> None:
        with self.city.database.connection() as connection:
            scope = Scope(dataset=f"raw.{self.names[table]}") if table else Scope(zone="raw")
            retention.set_rule(
                connection,
                scope,
                days,
                "法",
                "sys",
                keep_batches=keep,
                destroy_days=days + more if more else None,
            )

    @rule(table=st.one_of(st.none(), tables))
    def hold(self, table: str | None) -> None:
        with self.city.database.connection() as connection:
            scope = Scope(dataset=f"raw.{self.names[table]}") if table else Scope(everything=True)
            self.holds[retention.place_hold(connection, scope, "案", "sys")] = table and self.names[table]

    @precondition(lambda self: self.holds)
    @rule()
    def release(self) -> None:
        hold, _ = self.holds.popitem()
        with self.city.database.connection() as connection:
            retention.release_hold(connection, hold, "结案", "sys")

    @rule(days=st.integers(1, 30))
    def days_pass(self, days: int) -> None:
        self.now += dt.timedelta(days=days)

    @rule()
    def retain(self) -> None:
        before = {name: self._in_lake(name) for name in self._held()}
        _, problems = retention.retain(self.city, lambda: False, self.now)
        assert not problems
        assert before == {name: self._in_lake(name) for name in before}

    @rule(which=st.integers(0, 20))
    def approve(self, which: int) -> None:
        """A person approves one of what is proposed, or tries what is not."""
        held = self._held()
        with self.city.database.connection() as connection:
            ripe = retention.ripe(connection, now=self.now)
            parts = connection.execute(
                "SELECT id, dataset, batch_id FROM archive_part WHERE destroyed_at IS NULL"
            ).fetchall()
        assert not {one.dataset.partition(".")[2] for one in ripe} & held
        mine = [part for part in parts if part["batch_id"] in self.given]
        if not mine:
            return
        part = mine[which % len(mine)]
        if part["id"] in {one.id for one in ripe}:
            self._destroy(part["id"])
            del self.given[part["batch_id"]]
            self.seen = {
                key: digest for key, digest in self.seen.items() if f"raw.{key[0]}" != part["dataset"]
            }
        else:
            with pytest.raises(Denied):
                self._destroy(part["id"])
            if part["dataset"].partition(".")[2] in held:
                with pytest.raises(Denied):  # the store itself refuses as well
                    self.city.store.destroy(part["id"], "steward", "到期")

    @precondition(lambda self: not self._held())
    @rule(which=st.integers(0, 20))
    def recall(self, which: int) -> None:
        with self.city.database.connection() as connection:
            rows = connection.execute(
                "SELECT batch_id FROM archive_part WHERE destroyed_at IS NULL AND recalled_snapshot IS NULL"
            ).fetchall()
        mine = [row["batch_id"] for row in rows if row["batch_id"] in self.given]
        if mine:
            retention.recall_batch(self.city, mine[which % len(mine)], "sys")

    @rule()
    def forget_and_clean(self) -> None:
        store = self.city.store
        held = self._held()
        store.thin(History(0, 0, 0))
        store.clean(grace=_AT_ONCE)
        self.seen = {
            key: digest for key, digest in self.seen.items() if key[0] in held or key[1] == store.snapshot()
        }

    @rule()
    def look(self) -> None:
        """Remember what each dataset says today."""
        snapshot = self.city.store.snapshot()
        for name in self.names.values():
            self.seen[name, snapshot] = self.city.store.content_hash(f"raw.{name}")

    @invariant()
    def every_batch_reads_as_given(self) -> None:
        for name in getattr(self, "names", {}).values():
            with self.city.store.reading() as view:
                rows = view.rows(f"SELECT * FROM {view.table(f'raw.{name}')} ORDER BY _batch, _row")
            wanted = [
                {"_batch": batch, "_row": place, "code": text}
                for batch, (table, texts) in sorted(self.given.items())
                if table == name
                for place, text in enumerate(texts)
            ]
            assert rows == sorted(wanted, key=lambda row: (str(row["_batch"]), row["_row"]))

    @invariant()
    def what_was_seen_is_still_said(self) -> None:
        for (name, snapshot), digest in getattr(self, "seen", {}).items():
            assert self._as_of(name, snapshot) == digest

    def _as_of(self, name: str, snapshot: int) -> ContentHash:
        """As a person asks: at an instant, which the newest kept snapshot at or before it answers."""
        kept = self.city.store._lake.ask(_NEWEST_AT, snapshot=snapshot)[0]["snapshot"]
        return self.city.store.content_hash(f"raw.{name}", as_of=kept)

    def _destroy(self, part: int) -> None:
        city = self.city
        retention.destroy_batch(city.database, city.store, city.settings, part, "到期", "steward", self.now)

    def _held(self) -> set[str]:
        names = set(getattr(self, "holds", {}).values())
        return set(self.names.values()) if None in names else {name for name in names if name}

    def _in_lake(self, name: str) -> int:
        with self.city.store.reading() as view:
            return int(view.rows(f"SELECT count(*) AS n FROM lake.raw.{name}")[0]["n"])


_NEWEST_AT: Any = (
    "SELECT max(snapshot_id) AS snapshot FROM lake.ducklake_snapshot WHERE snapshot_id <= %(snapshot)s"
)


def _spec(name: str) -> DatasetSpec:
    return DatasetSpec(
        DatasetName.parse(f"raw.{name}"),
        name,
        (Item("_batch", "批次"), Item("_row", "行", "integer"), Item("code", "代码")),
    )


@pytest.fixture(scope="module")
def city(settings: Any) -> Iterator[Platform]:
    with open_platform(settings, make=True) as platform:
        with platform.database.connection() as connection:
            connection.execute(
                "INSERT INTO department (code, name, short_name, kind) VALUES ('D99', '甲局', '甲', 'department')"
            )
            connection.execute(
                "INSERT INTO source (name, department_code, kind, label) VALUES ('s', 'D99', 'csv', 'x')"
            )
        yield platform


def _obey(city: Platform, examples: int, steps: int) -> None:
    bounds = hypothesis_settings(
        max_examples=examples, stateful_step_count=steps, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(type("Retention", (Retention,), {"city": city}), settings=bounds)


def test_rows_move_and_none_is_lost(city: Platform) -> None:
    _obey(city, 3, 12)


@pytest.mark.slow
def test_rows_move_and_none_is_lost_whatever_comes(city: Platform) -> None:
    _obey(city, 25, 30)
