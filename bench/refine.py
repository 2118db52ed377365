"""Refining one table: nine items, more than twenty rules, two check digits; accepted and issue rows written.

The product and the frozen SQL of ``limits/refine.sql`` take turns over the same raw rows in the same lake; what they
accept and what they find wrong must be equal, rule by rule.  Quality tools do the same job: what they lack (cleaning
before, writing after) is given to them at the least price we know (``quality_peers``).  The rules alone, to count or to
name every failing row, over text that is already clean or as it was given, are told beside, with our own verdicts
asked likewise.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.refine.town import Town

from bench.measure import Result, alternate
from bench.quality_peers import differing, rules_alone, whole_job
from bench.refining_data import ITEMS, rows_sql
from jutong.database import open_database
from jutong.refine import RowRule, declare_rules
from jutong.settings import read_settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item, Zone

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
#: The engine's share; the whole process is to stay below 4 GB.
MEMORY = "2500MB"
_FUTURE = RowRule("bench.future", "not_future", ("founded",))
_CHUNK = 2_500_000


def run(rows: int) -> Result:
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-refine-"))
    try:
        with _opened(home) as town:
            return _measure(town, rows, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _opened(home: Path) -> Iterator[Town]:
    settings = replace(read_settings(home, {}), lake_memory=MEMORY)
    with open_database(settings) as database, Store.open(database, settings) as store:
        yield Town(database, store)


def _measure(town: Town, rows: int, home: Path) -> Result:
    batches = [_land(town, rows) for _ in range(ROUNDS)]
    waiting = {"refine": iter(batches), "limit": iter(batches)}
    took = alternate(
        {
            "refine": lambda: town.refine(next(waiting["refine"])),
            "limit": lambda: _limit(town, next(waiting["limit"])),
        },
        ROUNDS,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    ours, theirs = _found(town, batches[-1]), _limit_found(town, batches[-1])
    given = home / "given.parquet"
    _write_given(town, batches[-1], given)
    peers, counts, job = whole_job(given)
    alone = rules_alone(given) if os.environ.get("BENCH_RULES_ALONE", "1") == "1" else {}
    return Result(
        name="refine",
        rows=rows,
        value=took["refine"],
        unit="s",
        seconds=took["refine"],
        limit=("limits/refine.sql in the same lake", took["limit"]),
        peers=peers,
        extra={
            "rows_per_second": round(rows / took["refine"]),
            "issues": sum(ours.values()) - ours["accepted"],
            "differences_to_limit": _different(ours, theirs),
            "differences_to_peers": {name: differing(ours, one) for name, one in counts.items()},
            "whole_job": job,
            "rules_alone": alone,
            "peak_refining_mb": peak,
        },
    )  # fmt: skip


def _land(town: Town, rows: int) -> str:
    """A table of its own for each round, since the first batch of a table is written another way than the next."""
    table = town.table(ITEMS, keys=("no",))
    with town.database.connection() as connection:
        declare_rules(connection, {table: [_FUTURE]})
    batch = town.land(table, [])
    for first in range(0, rows, _CHUNK):
        made = rows_sql(first, min(_CHUNK, rows - first))
        with town.store.writing(f"bench:{batch}:{first}", f"raw.{table}", author="bench") as writer:
            writer.append(f"raw.{table}", f"SELECT '{batch}' AS _batch, * FROM ({made})")
    with town.database.connection() as connection:
        connection.execute("UPDATE batch SET given = %s WHERE id = %s", (rows, batch))
    return batch


def _limit(town: Town, batch: str) -> None:
    table = batch.partition(".")[2]
    accepted, issue = (DatasetName(Zone.STANDARD, f"limit_{table}{kind}") for kind in ("", "_issue"))
    items = [Item(str(item["name"]), str(item["label"]), str(item.get("type", "text"))) for item in ITEMS]
    words = ("batch", "row_no", "key", "item", "rule", "severity", "value_given", "sentence")
    town.store.declare(
        [
            DatasetSpec(accepted, "limit", (*items, Item("_batch", "批次"), Item("_row", "行号", "integer"))),
            DatasetSpec(issue, "limit", tuple(Item(word, word, "integer" if word == "row_no" else "text") for word in words)),
        ]
    )  # fmt: skip
    names = {":raw": f"lake.raw.{table}", ":accepted": f"lake.{accepted}", ":issue": f"lake.{issue}", ":batch": f"'{batch}'"}  # fmt: skip
    with town.store.writing(f"limit:{batch}", accepted, issue, author="bench") as writer:
        for step in _limit_steps():
            writer.run(re.sub("|".join(rf"{name}\b" for name in names), lambda found: names[found[0]], step))


def _limit_steps() -> list[str]:
    text = (Path(__file__).parent / "limits" / "refine.sql").read_text(encoding="utf-8")
    return re.split(r"-- step: \w+\n", text)[1:]


def _found(town: Town, batch: str) -> dict[str, int]:
    """rule·item → issues, and what was accepted."""
    with town.store.reading() as view:
        rows = view.rows(
            f"SELECT rule || ' ' || item AS what, count(*) AS n FROM {view.table('standard.issue')} WHERE batch = ? GROUP BY 1",
            [batch],
        )
        accepted = town.store.count(f"standard.{batch.partition('.')[2]}")
    return {row["what"]: int(row["n"]) for row in rows} | {"accepted": accepted}


def _limit_found(town: Town, batch: str) -> dict[str, int]:
    table = f"standard.limit_{batch.partition('.')[2]}"
    with town.store.reading() as view:
        rows = view.rows(
            f"SELECT rule || ' ' || item AS what, count(*) AS n FROM {view.table(f'{table}_issue')} GROUP BY 1"
        )
    return {row["what"]: int(row["n"]) for row in rows} | {"accepted": town.store.count(table)}


def _different(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, list[int]]:
    return {**differing(ours, theirs), **{name: [ours[name], 0] for name in ours if name not in theirs}}


def _write_given(town: Town, batch: str, target: Path) -> None:
    """The text as it was landed."""
    names = ", ".join(str(item["name"]) for item in ITEMS)
    table = batch.partition(".")[2]
    with town.store.writing(f"given:{time.time_ns()}", "standard.issue", author="bench") as writer:
        writer.run(f"COPY (SELECT _row, {names} FROM lake.raw.{table}) TO '{target}' (FORMAT parquet)")
