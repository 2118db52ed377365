"""What the harness kills: a writer, a housekeeper, an archivist, a maker of backups.

``python upkeep_child.py ROLE HOME URL FOLDER BATCHES SEED``.  Each says "ready" when its lake is
open, works until it is killed or done, and may be run again after any death.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

from jutong.flows import Platform, backup
from jutong.settings import read_settings
from jutong.store import AlreadyCommitted, History, Store, places
from jutong.terms import Conflict, NotFound
from jutong.wiring import open_platform

RAW, KEYED = "raw.hard", "standard.hard"
ROWS, WINDOW = 40, 400
#: Longer than any read or transaction of this harness, on a machine that stands still now and then.
#: A short run on a quick machine is over before a file is that old; a release's run is not.
GRACE = dt.timedelta(seconds=60)
#: Longer than a killed process's commit is on its way, its wait for a busy disk included.
SETTLED = dt.timedelta(seconds=10)
#: Small as it is, the keyed dataset is merged into as a large one is.
places.LEAST_ROWS = 1
#: And every merge looks its keys up, not the first after a compaction alone.
places._AT_ONCE = 1.0


def rows_sql(number: int) -> str:
    """Batch ``number``: keys that come back again and again, each time with another value."""
    return (
        f"SELECT 'b{number}' AS _batch, i AS _row, 'K' || ({number} * 17 + i * 7) % {WINDOW} AS k, "
        f"'{number}.' || i AS v FROM range({ROWS}) AS t(i)"
    )


def gone_sql(number: int) -> str:
    """Keys the batch deletes, none of which it writes."""
    return (
        f"SELECT DISTINCT 'K' || ({number} * 31 + i) % {WINDOW} AS k FROM range(6) AS t(i) "
        f"WHERE k NOT IN (SELECT k FROM ({rows_sql(number)}))"
    )


def expected(batches: int) -> dict[str, str]:
    """The same, thought through without a lake."""
    held: dict[str, str] = {}
    for number in range(batches):
        given = {f"K{(number * 17 + i * 7) % WINDOW}": f"{number}.{i}" for i in range(ROWS)}
        held.update(given)
        for key in {f"K{(number * 31 + i) % WINDOW}" for i in range(6)} - given.keys():
            held.pop(key, None)
    return held


def write(store: Store, batches: int) -> None:
    for number in range(batches):
        if store.committed(f"b{number}"):
            continue
        try:
            with store.writing(f"b{number}", RAW, KEYED, author="laws") as w:
                w.append(RAW, f"SELECT _batch, _row, k FROM ({rows_sql(number)})")
                w.merge(KEYED, f"SELECT k, v FROM ({rows_sql(number)})", delete_keys_sql=gone_sql(number))
        except AlreadyCommitted:
            pass


def keep(store: Store) -> None:
    turn = 0
    while True:
        turn += 1
        try:
            store.compact(KEYED, RAW)
            if turn % 2:
                store.expire(store.snapshot() - 12)
            else:
                store.thin(History(0, 1, 0))
        except Conflict:
            pass  # the writer won six times; the next turn is ours
        store.clean(GRACE)


def retain(store: Store, seed: int) -> None:
    """Batches go to the archive and some come back, again and again."""
    chance = random.Random(seed)
    while True:
        store.settle_archive(SETTLED)
        with store.reading() as view:
            here = [
                row["_batch"] for row in view.rows("SELECT DISTINCT _batch FROM lake.raw.hard ORDER BY 1")
            ]
            all_ = [
                row["_batch"]
                for row in view.rows(f"SELECT DISTINCT _batch FROM {view.table(RAW)} ORDER BY 1")
            ]
        try:
            if len(here) > 2:
                store.archive(RAW, chance.sample(here, 2))
            if away := sorted({*all_} - {*here}):
                store.recall(RAW, chance.choice(away), "laws")
        except (Conflict, NotFound):
            pass  # it is being moved already, or by one that was killed


def back_up(platform: Platform, folder: Path) -> None:
    while True:
        backup(platform, folder / f"{time.time_ns()}")


def run(role: str, home: str, url: str, folder: str, batches: int, seed: int) -> None:
    settings = replace(read_settings(home, {}), database_url=url, lake_memory="512MB")
    with open_platform(settings, make=True) as platform:
        print("ready", flush=True)
        if role == "write":
            write(platform.store, batches)
        elif role == "keep":
            keep(platform.store)
        elif role == "retain":
            retain(platform.store, seed)
        else:
            back_up(platform, Path(folder))


if __name__ == "__main__":
    run(*sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6]))
