"""A city's run on a cluster: ``python cluster_child.py HOME DATABASE_URL MASTER [BATCH]`` prints what it came to.

With a batch it is judged, without one the register is made.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

from jutong.city import legal_entity
from jutong.database import open_database
from jutong.fuse import fuse
from jutong.refine import refine, sparking
from jutong.settings import read_settings
from jutong.store import Store


def run(home: str, url: str, master: str, batch: str = "") -> None:
    settings = replace(read_settings(home, {}), database_url=url, lake_memory="1GB", engine=master)
    with open_database(settings) as database, Store.open(database, settings) as store:
        if batch:
            sparking.LEAST_ROWS = 1
            done = asdict(refine([batch], database=database, store=store, settings=settings)[0])
        else:
            done = asdict(fuse(legal_entity(), database=database, store=store, settings=settings))
    print(json.dumps(done, default=str), flush=True)


if __name__ == "__main__":
    run(*sys.argv[1:])
