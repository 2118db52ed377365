"""A small stage that the harness kills: for each batch one lake commit, then one control commit.

Run as ``python store_child.py HOME DATABASE_URL BATCHES``; it may be run again after any death.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from jutong.database import open_database
from jutong.settings import read_settings
from jutong.store import AlreadyCommitted, Store

DATASETS = ("raw.killed", "standard.killed")


def run(home: str, url: str, batches: int) -> None:
    settings = replace(read_settings(home, {}), database_url=url, lake_memory="512MB")
    with open_database(settings) as database, Store.open(database, settings) as store:
        for number in range(batches):
            batch = f"killed-{number}"
            with database.connection() as control:
                if control.execute("SELECT 1 FROM killed WHERE id = %s", (batch,)).fetchone():
                    continue
            snapshot = one(store, batch, number)
            with database.connection() as control:
                control.execute("INSERT INTO killed (id, snapshot) VALUES (%s, %s)", (batch, snapshot))
            print(batch, flush=True)


def one(store: Store, batch: str, number: int) -> int:
    """Ten raw rows, and a merge over a sliding window of keys; recovery asks the lake, not the control row."""
    try:
        with store.writing(batch, *DATASETS, author="laws") as w:
            rows = f"SELECT '{batch}' AS _batch, i AS _row, 'K' || ({number} + i) AS k FROM range(10) AS t(i)"
            w.append("raw.killed", rows)
            w.merge("standard.killed", f"SELECT k, '{number}' AS v FROM ({rows})")
    except AlreadyCommitted as done:
        return done.snapshot
    return w.snapshot


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
