"""One run of a delivery in a process of its own, to be killed at any instant.

Arguments: home, control database URL, receiver URL, delivery, chunk rows, ``polite`` or ``rude`` (without the
advisory lock, so that only the receiver's checkpoint stands between two runs).
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace

from tests.share_city import close_city, open_city

from jutong.settings import read_settings
from jutong.share import deliver, delivering
from jutong.terms import Conflict


def main(home: str, url: str, receiver_url: str, name: str, chunk_rows: str, manner: str) -> int:
    settings = replace(read_settings(home, {}), database_url=url, lake_memory="512MB")
    city = open_city(settings, receiver_url)
    if manner == "rude":
        delivering._politely = lambda *_: nullcontext()  # type: ignore[assignment]
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        done = deliver(city.database, city.store, city.stream, city.keys, name, chunk_rows=int(chunk_rows))
        print(f"done {done.kind} {done.upserted} {done.deleted}", flush=True)
    except Conflict as problem:
        print(f"gave way {problem.code}", flush=True)
    finally:
        close_city(city)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
