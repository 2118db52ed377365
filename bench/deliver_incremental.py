"""A change of 1 % of a dataset, from the lake's merge to the consumer's table, evidence included.

Budget: 10 s for 10M rows.  The limit is the same change by hand: COPY to a staging table, one upsert.
"""

from __future__ import annotations

import io
import statistics
import time

import psycopg
from pyarrow import csv
from tests.share_city import DATASET, City, set_up_delivery

from bench.measure import Result
from bench.sharing import BY_HAND, COLUMNS, city_with, merge, rows_sql
from jutong.share import deliver, reconcile

_ROUNDS = 3


def run(rows: int) -> Result:
    began = time.perf_counter()
    part = max(1, rows // 100)
    with city_with(rows) as (city, server, _):
        set_up_delivery(city, "d", "company")
        deliver(city.database, city.store, city.stream, city.keys, "d")
        with psycopg.connect(server.url("receiver"), autocommit=True) as connection:
            connection.execute(f"CREATE TABLE hand ({BY_HAND}, PRIMARY KEY (uscc))".encode())
            connection.execute(f"INSERT INTO hand ({COLUMNS}) SELECT {COLUMNS} FROM company".encode())
        product, limit = [], []
        for turn in range(_ROUNDS):
            product.append(changed(city, part, turn))
            limit.append(by_hand(city, server.url("receiver"), part, turn))
        found = reconcile(city.database, city.store, city.stream, city.keys, "d", mend=False)
        assert found.result == "equal", found
    return Result(
        name="deliver_incremental",
        rows=rows,
        value=statistics.median(product),
        unit="s",
        seconds=time.perf_counter() - began,
        limit=("COPY to a staging table + one upsert by hand", statistics.median(limit)),
        extra={"changed": part},
    )


def changed(city: City, part: int, turn: int) -> float:
    began = time.perf_counter()
    merge(city, f"change-{turn}", rows_sql(part, turn * part, f"更名{turn}"))
    done = deliver(city.database, city.store, city.stream, city.keys, "d")
    assert (done.kind, done.upserted) == ("incremental", part), done
    return time.perf_counter() - began


def by_hand(city: City, url: str, part: int, turn: int) -> float:
    with city.store.reading() as lake:
        found = lake.arrow(f"SELECT {COLUMNS} FROM {lake.table(DATASET)} WHERE name LIKE '%更名{turn}%'")
    assert found.num_rows == part
    text = io.BytesIO()
    csv.write_csv(found, text, csv.WriteOptions(include_header=False))
    sets = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", ")[1:])
    with psycopg.connect(url) as connection:
        began = time.perf_counter()
        connection.execute("CREATE TEMPORARY TABLE given (LIKE hand) ON COMMIT DROP")
        with connection.cursor().copy("COPY given FROM STDIN (FORMAT csv)") as copy:
            copy.write(text.getbuffer())
        connection.execute(
            f"INSERT INTO hand SELECT * FROM given ON CONFLICT (uscc) DO UPDATE SET {sets}".encode()
        )
        connection.commit()
    return time.perf_counter() - began
