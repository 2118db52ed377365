"""What a lake of many datasets and many days costs: the same questions at 100 … 15 000 datasets, 1 … 3 650 batches.

``value`` is the seconds of a warm query at the largest number of datasets (``--rows``), the limit the same at 100.
``curve`` and ``days`` hold every measurement, in seconds; a line that grows faster than its work is a fault.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.lake import city
from bench.measure import Result
from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item

SIZES = (100, 1_000, 5_000, 15_000)
DAYS = (1, 100, 1_000, 3_650)
#: Datasets of one batch over all departments, declared in one call, and asked for in a row.
BATCH, STEP, ASKED = 58, 500, 20
_CONTENT = tuple(f"c{n}" for n in range(9))


def run(rows: int) -> Result:
    began = time.perf_counter()
    sizes = [size for size in SIZES if size < rows] + [rows]
    with city() as (database, settings):
        curve = _widths(database, settings, sizes)
    with city() as (database, settings), Store.open(database, settings) as store:
        days = _lengths(store, [day for day in DAYS if day <= max(1, rows // 4)])
    last, first = curve[str(sizes[-1])], curve[str(sizes[0])]
    return Result(
        "store_tables", sizes[-1], last["warm_query"], "s", time.perf_counter() - began,
        limit=(f"the same at {sizes[0]} datasets", first["warm_query"]),
        extra={"attach_s": last["attach"] + last["first_query"], "batch_per_dataset": last["batch_per_dataset"] /
               first["batch_per_dataset"], "curve": curve, "days": days},
    )  # fmt: skip


def _widths(database: Database, settings: Settings, sizes: list[int]) -> dict[str, dict[str, float]]:
    """A lake that grows wider; opened anew at each size, so that the first answers are cold."""
    curve: dict[str, dict[str, float]] = {}
    made = 0
    for size in sizes:
        with Store.open(database, settings) as store:
            while made < size:
                upto = min(size, made + STEP)
                store.declare([spec(n) for n in range(made, upto)])
                made = upto
        began = time.perf_counter()
        with Store.open(database, settings) as store:
            taken = {"attach": round(time.perf_counter() - began, 4)}
            _ask(store, size, taken)
        curve[str(size)] = taken
    return curve


def _ask(store: Store, size: int, taken: dict[str, float]) -> None:
    def timed(what: str, work: Callable[[], object], times: int = 1) -> None:
        began = time.perf_counter()
        work()
        taken[what] = round((time.perf_counter() - began) / times, 4)

    def count() -> None:
        for n in range(ASKED):
            store.count(name(n))

    timed("first_query", lambda: store.count(name(0)))
    count()
    timed("warm_query", count, ASKED)
    # Twice, so that what is measured is a merge into what is there, at every size.
    _batch(store, f"warm-{size}", 1)
    timed("batch_per_dataset", lambda: _batch(store, f"batch-{size}", 2), BATCH)
    timed("commit_one", lambda: _merge(store, f"one-{size}", [name(3)], 3))
    since = store.snapshot() - 1
    timed("changes_one", lambda: store.changes(name(3), since).close())
    timed("declare_one", lambda: store.declare([spec(size + 100_000)]))
    timed("after_declare", lambda: store.count(name(4)))
    timed("list", store.datasets)
    timed("usage", store.usage)
    timed("compact_one", lambda: store.compact(name(3)))
    timed("expire", lambda: store.expire(store.snapshot() - 1))


def _lengths(store: Store, days: list[int]) -> dict[str, dict[str, float]]:
    """One dataset that takes a batch a day, compacted when housekeeping would, its history kept whole."""
    curve: dict[str, dict[str, float]] = {}
    store.declare([spec(0), spec(1)])
    _merge(store, "first", [name(1)], 0)
    done = 0
    for upto in days:
        taken: list[float] = []
        while done < upto:
            began = time.perf_counter()
            _merge(store, f"day-{done}", [name(0)], done)
            taken.append(time.perf_counter() - began)
            done += 1
            if not done % 7:
                store.compact()
        since = store.snapshot()
        _merge(store, f"change-{upto}", [name(0)], upto + 1)
        row: dict[str, float] = {"merge": round(sorted(taken[-20:])[len(taken[-20:]) // 2], 4)}
        for what, work in (
            ("query", lambda: store.count(name(0))),
            ("as_of_first", lambda: store.count(name(0), as_of=2)),
            ("changes_last", lambda since=since: store.changes(name(0), since).close()),
            ("changes_all", lambda: store.changes(name(0), 2).close()),
            ("committed", lambda: store.committed("day-0")),
            ("usage", store.usage),
        ):
            began = time.perf_counter()
            work()
            row[what] = round(time.perf_counter() - began, 4)
        curve[str(upto)] = row
    return curve


def name(n: int) -> DatasetName:
    return DatasetName.parse(f"standard.t{n:06d}")


def spec(n: int) -> DatasetSpec:
    items: list[Any] = [Item("k", "键"), *(Item(one, f"项{one}") for one in _CONTENT)]
    items += [Item("_batch", "批次"), Item("_row", "行号", "integer")]
    return DatasetSpec(name(n), f"表{n}", tuple(items), ("k",), department_code=f"D{n % 58:02d}")


def _batch(store: Store, commit_id: str, edition: int) -> None:
    _merge(store, commit_id, [name(n) for n in range(BATCH)], edition)


def _merge(store: Store, commit_id: str, names: list[DatasetName], edition: int) -> None:
    content = ", ".join(f"'v' || (i + {edition}) AS {one}" for one in _CONTENT)
    rows = f"SELECT 'K' || i AS k, {content}, '{commit_id}' AS _batch, CAST(i AS BIGINT) AS _row FROM range(50) AS t(i)"
    with store.writing(commit_id, *names, author="bench") as w:
        for one in names:
            w.merge(one, rows)
