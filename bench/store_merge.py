"""Merging a day's batch into a large dataset: 1 %, 0.1 %, and the same after a year of daily merges.

``value`` is the seconds of a 1 % merge, from opening the lake transaction to its commit.  The limit is the same
work by hand (bench/limits/store_merge.sql); the peer is delta-rs's merge of the same batch into the same rows, told
to update without comparing, which spares it a part of our work.  Before the rounds the dataset has lived one day and
one night, in which housekeeping works out where its rows lie; ``unprepared_s`` is that first day's 1 %.  The year: 365
merges of 0.1 %, with compaction asked every night as housekeeping does, which compacts when it is due.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import deltalake
import duckdb
import pyarrow as pa

from bench.lake import COMPANY, city, day_sql, load
from bench.measure import Result
from jutong.store import Merged, Store
from jutong.terms import literal

ROUNDS = 3
DAYS = int(os.environ.get("BENCH_DAYS", "365"))
_LIMIT = (Path(__file__).parent / "limits" / "store_merge.sql").read_text(encoding="utf-8")


def run(rows: int) -> Result:
    began = time.perf_counter()
    out = Path(tempfile.mkdtemp(prefix="jutong-bench-delta-"))
    try:
        with city() as (database, settings), Store.open(database, settings) as store:
            load(store, rows)
            peer = _Delta(store, out / "delta")
            hand = _ByHand(store, out)
            rounds = _Rounds(store, rows)
            first = rounds.first_day()
            seconds = _alternate(rounds, hand, peer)
            year = rounds.live(DAYS)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return Result(
        "store_merge", rows, seconds["one percent"], "s", time.perf_counter() - began,
        limit=("one scan and two Parquet files by hand", seconds["limit"]),
        peers={"deltalake": seconds["deltalake"]},
        extra={"one_permille_s": round(seconds["one permille"], 3), **first, **year},
    )  # fmt: skip


def _alternate(rounds: _Rounds, hand: _ByHand, peer: _Delta) -> dict[str, float]:
    """Median seconds over the rounds.  Each contender is given a batch that is made, and a disk at rest: what one left
    to be written was charged to the next (0.1 % after delta-rs took five times as long as by itself)."""
    taken: dict[str, list[float]] = {
        name: [] for name in ("one percent", "limit", "deltalake", "one permille")
    }
    for _ in range(ROUNDS):
        rounds.prepare(0.01)
        taken["one percent"].append(_timed(rounds.merge))
        taken["limit"].append(_timed(lambda: hand.merge(rounds.given)))
        taken["deltalake"].append(_timed(lambda: peer.merge(rounds.given)))
        rounds.prepare(0.001)
        taken["one permille"].append(_timed(rounds.merge))
    return {name: statistics.median(times) for name, times in taken.items()}


def _timed(work: Callable[[], object]) -> float:
    os.sync()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _Rounds:
    def __init__(self, store: Store, rows: int) -> None:
        self._store, self._rows = store, rows
        self._day = 0
        self.given: pa.Table

    def first_day(self) -> dict[str, float]:
        self.prepare(0.01)
        seconds = _timed(self.merge)
        began = time.perf_counter()
        self._store.compact()
        return {"unprepared_s": round(seconds, 3), "first_night_s": round(time.perf_counter() - began, 3)}

    def prepare(self, share: float) -> None:
        self._day += 1
        self.given = self._given(self._day, share)

    def merge(self) -> None:
        self._merge(f"merge-{self._day}")

    def _given(self, day: int, share: float) -> pa.Table:
        return duckdb.sql(day_sql(self._rows, day, share)).to_arrow_table()

    def _merge(self, commit_id: str) -> Merged:
        with self._store.writing(commit_id, COMPANY, author="bench") as w:
            w.register("given", self.given)
            return w.merge(COMPANY, "FROM given")

    def live(self, days: int) -> dict[str, float]:
        """A year of days; then the same questions as on the first day, and what was the longest night."""
        if not days:
            return {}
        daily, nights = [], []
        for _ in range(days):
            self._day += 1
            self.given = self._given(self._day, 0.001)
            began = time.perf_counter()
            self._merge(f"merge-{self._day}")
            night = time.perf_counter()
            daily.append(night - began)
            if self._store.compact():
                nights.append(time.perf_counter() - night)
        last = []
        for _ in range(ROUNDS):
            self._day += 1
            self.given = self._given(self._day, 0.01)
            began = time.perf_counter()
            self._merge(f"merge-{self._day}")
            last.append(time.perf_counter() - began)
        return {
            "days": days,
            "daily_ratio": round(statistics.median(daily[-10:]) / statistics.median(daily[:10]), 2),
            "after_days_s": round(statistics.median(last), 3),
            "daily_first_s": round(statistics.median(daily[:10]), 3),
            "daily_last_s": round(statistics.median(daily[-10:]), 3),
            "daily_worst_s": round(max(daily), 3),
            "compactions": len(nights),
            "compaction_longest_s": round(max(nights, default=0.0), 3),
        }


class _ByHand:
    def __init__(self, store: Store, out: Path) -> None:
        self._files = "[" + ", ".join(literal(file.path) for file in store.files(COMPANY).data) + "]"
        self._out = out
        self._connection = duckdb.connect(config={"threads": 2, "memory_limit": "4GB"})

    def merge(self, given: pa.Table) -> None:
        self._connection.register("given", given)
        for part in _LIMIT.split("-- name: ")[1:]:
            statement = part.split("\n", 1)[1].format(files=self._files, out=self._out)
            self._connection.execute(statement).fetchall()
        self._connection.unregister("given")


class _Delta:
    def __init__(self, store: Store, folder: Path) -> None:
        with store.reading() as view:
            deltalake.write_deltalake(str(folder), view.reader(f"FROM {view.table(COMPANY)}"))
        self._folder = str(folder)

    def merge(self, given: pa.Table) -> None:
        table = deltalake.DeltaTable(self._folder)
        merging = table.merge(given, "t.uscc = s.uscc", source_alias="s", target_alias="t")
        merging.when_matched_update_all().when_not_matched_insert_all().execute()
