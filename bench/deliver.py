"""A first delivery, keyed and reconciled, against COPY + PRIMARY KEY + one MD5 aggregate by hand; peer: dlt.

The limit reads a CSV file that is already there; product and peer read the lake's rows, and the product records
evidence of every chunk, keeps who is in it and compares content hashes.  Each in turn, the table dropped after it.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
from pyarrow import csv
from tests.share_city import DATASET, City, set_up_delivery

from bench.measure import Result
from bench.peers import python_with
from bench.sharing import BY_HAND, COLUMNS, city_with
from jutong.share import deliver, reconcile

_FEW = 2_000_000
_DLT = "dlt[postgres,parquet]==1.18.2"


def run(rows: int) -> Result:
    began = time.perf_counter()
    with city_with(rows) as (city, server, home):
        table, parquet = home / "rows.csv", home / "rows.parquet"
        with city.store.reading() as lake:
            found = lake.arrow(f"SELECT {COLUMNS} FROM {lake.table(DATASET)}")
        csv.write_csv(found, table, csv.WriteOptions(include_header=False))
        pq.write_table(found, parquet)
        del found
        dlt = python_with("dlt", _DLT)
        contenders: dict[str, Callable[[int], float]] = {
            "product": lambda turn: product(city, turn),
            "limit": lambda turn: by_hand(server.url("receiver"), table, turn),
        }
        if dlt is not None:
            contenders["dlt"] = lambda turn: with_dlt(dlt, server.url("receiver"), parquet, home, turn)
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(3 if rows <= _FEW else 1):
            for name, one in contenders.items():
                taken[name].append(one(turn))
    seconds = {name: statistics.median(times) for name, times in taken.items()}
    return Result(
        name="deliver",
        rows=rows,
        value=seconds["product"],
        unit="s",
        seconds=time.perf_counter() - began,
        limit=("COPY + PRIMARY KEY + one MD5 aggregate by hand", seconds["limit"]),
        peers={"dlt": seconds["dlt"]} if "dlt" in seconds else {},
    )


def product(city: City, turn: int) -> float:
    set_up_delivery(city, f"d{turn}", f"company_{turn}")
    began = time.perf_counter()
    done = deliver(city.database, city.store, city.stream, city.keys, f"d{turn}")
    found = reconcile(city.database, city.store, city.stream, city.keys, f"d{turn}", done=done)
    seconds = time.perf_counter() - began
    assert found.result == "equal", found
    city.there(f"DROP TABLE company_{turn}")
    return seconds


def by_hand(url: str, file: Path, turn: int) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute(f"CREATE TABLE hand_{turn} ({BY_HAND})".encode())
        with (
            connection.cursor().copy(f"COPY hand_{turn} FROM STDIN (FORMAT csv)".encode()) as copy,
            file.open("rb") as given,
        ):
            while block := given.read(1 << 20):
                copy.write(block)
        connection.execute(f"ALTER TABLE hand_{turn} ADD PRIMARY KEY (uscc)".encode())
        connection.execute(
            f"SELECT count(*), sum(('0x' || md5(t::text))::numeric) FROM hand_{turn} AS t".encode()
        )
        seconds = time.perf_counter() - began
        connection.execute(f"DROP TABLE hand_{turn}".encode())
    return seconds


def with_dlt(python: Path, url: str, parquet: Path, home: Path, turn: int) -> float:
    """Its fastest way: Arrow batches, CSV files, COPY; keyed, but nothing compared and nothing recorded."""
    script = Path(__file__).parent / "limits/dlt_deliver.py"
    said = subprocess.run(
        [python, script, url, parquet, home / f"dlt-{turn}"], check=True, capture_output=True, text=True
    )
    return float(said.stdout.split()[-1])
