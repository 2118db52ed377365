"""The city the sharing benches run in: two databases on one PostgreSQL, one dataset of nine items in the lake."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from tests.share_city import DATASET, City, close_city, found, open_city

from jutong.database import EmbeddedPostgres
from jutong.settings import read_settings

COLUMNS = "uscc, name, capital, founded, phone, division, staff, checked_at, active"
#: The receiver's table as somebody makes it by hand.
BY_HAND = (
    'uscc text COLLATE "C", name text, capital numeric(18,2), founded date, phone text, division text,'
    " staff bigint, checked_at timestamp, active boolean"
)


def rows_sql(rows: int, start: int = 0, mark: str = "") -> str:
    """DuckDB: companies numbered from ``start``; ``mark`` makes their names other ones."""
    return (
        "SELECT '91430502MA' || lpad(i::VARCHAR, 8, '0') AS uscc, '邵阳市宝庆食品"
        + mark
        + "' || i || '有限公司' AS name,"
        " (i % 1000000)::DECIMAL(18, 2) AS capital, DATE '2000-01-01' + (i % 8000)::INTEGER AS founded,"
        " '139' || lpad((i % 100000000)::VARCHAR, 8, '0') AS phone,"
        " '4305' || lpad((i % 12)::VARCHAR, 2, '0') AS division, i % 5000 AS staff,"
        " TIMESTAMP '2020-01-01' + to_seconds(i) AS checked_at, i % 2 = 0 AS active, 'A' AS secret,"
        f" 'b' AS _batch, i AS _row FROM range({start}, {start + rows}) AS t(i)"
    )


def merge(city: City, commit: str, sql: str) -> None:
    city.store.write(commit, DATASET, author="bench", body=lambda writer: writer.merge(DATASET, sql))


@contextmanager
def city_with(rows: int) -> Iterator[tuple[City, EmbeddedPostgres, Path]]:
    """The city, its PostgreSQL (database ``receiver`` is the consumer's) and a folder to write in."""
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-"))
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for name in ("bench", "receiver"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        (home / "city").mkdir()
        settings = replace(read_settings(home / "city", {}), database_url=server.url("bench"))
        city = found(open_city(settings, server.url("receiver")))
        try:
            for start in range(0, rows, 2_000_000):
                merge(city, f"load-{start}", rows_sql(min(2_000_000, rows - start), start))
            yield city, server, home
        finally:
            close_city(city)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
