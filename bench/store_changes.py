"""Telling what a 1 % merge changed: net changes by key, deletes first, read to the last row.

The limit is the same evidence by hand: the new files and the struck-out rows read with DuckDB, nothing compared.
The peer is delta-rs's change data feed, which its merge has written beforehand: it reads files made for the question,
with both images of every row and nothing netted.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import deltalake
import duckdb

from bench.lake import COMPANY, city, day_sql, load
from bench.measure import Result, alternate
from jutong.store import Files, Store
from jutong.terms import literal

ROUNDS = 3


def run(rows: int) -> Result:
    began = time.perf_counter()
    out = Path(tempfile.mkdtemp(prefix="jutong-bench-delta-"))
    try:
        with city() as (database, settings), Store.open(database, settings) as store:
            load(store, rows)
            since = store.snapshot()
            given = duckdb.sql(day_sql(rows, 1, 0.01)).to_arrow_table()
            with store.writing("day", COMPANY, author="bench") as w:
                w.register("given", given)
                merged = w.merge(COMPANY, "FROM given")
            delta = _delta(store, out, since, given)
            found: list[int] = []
            seconds = alternate(
                {
                    "jutong": lambda: found.append(_told(store, since)),
                    "limit": lambda: _by_hand(store.files(COMPANY, since), store.files(COMPANY)),
                    "deltalake": lambda: _fed(delta),
                },
                ROUNDS,
            )
            assert set(found) == {merged.inserted + merged.updated}
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return Result(
        "store_changes", rows, seconds["jutong"], "s", time.perf_counter() - began,
        limit=("new files and struck-out rows read by hand", seconds["limit"]),
        peers={"deltalake": seconds["deltalake"]}, extra={"changed": found[0]},
    )  # fmt: skip


def _told(store: Store, since: int) -> int:
    with store.changes(COMPANY, since) as feed:
        deleted = sum(batch.num_rows for batch in feed.deletes())
        return deleted + sum(batch.num_rows for batch in feed.upserts())


def _by_hand(before: Files, after: Files) -> None:
    old = {file.path: file.delete_path for file in before.data}
    with duckdb.connect(config={"threads": 2, "memory_limit": "4GB"}) as connection:
        for file in after.data:
            if file.path not in old:
                connection.execute(f"FROM read_parquet({literal(file.path)})").to_arrow_table()
            elif file.delete_path and file.delete_path != old[file.path]:
                connection.execute(
                    f"SELECT t.* FROM read_parquet({literal(file.path)}, file_row_number = true) AS t "
                    f"JOIN read_parquet({literal(file.delete_path)}) AS d ON d.pos = t.file_row_number"
                ).to_arrow_table()


def _delta(store: Store, folder: Path, since: int, given: object) -> deltalake.DeltaTable:
    with store.reading(as_of=since) as view:
        deltalake.write_deltalake(
            str(folder / "delta"),
            view.reader(f"FROM {view.table(COMPANY)}"),
            configuration={"delta.enableChangeDataFeed": "true"},
        )
    table = deltalake.DeltaTable(str(folder / "delta"))
    merging = table.merge(given, "t.uscc = s.uscc", source_alias="s", target_alias="t")
    merging.when_matched_update_all().when_not_matched_insert_all().execute()
    return deltalake.DeltaTable(str(folder / "delta"))


def _fed(table: deltalake.DeltaTable) -> None:
    for _ in table.load_cdf(starting_version=1, ending_version=1):
        pass
