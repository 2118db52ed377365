"""A lake of one's own for a bench: a fresh city in a fresh PostgreSQL, gone afterwards; and companies to fill it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from jutong.database import Database, EmbeddedPostgres, open_database
from jutong.settings import Settings, read_settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item

COMPANY = DatasetName.parse("standard.company")
SPEC = DatasetSpec(
    COMPANY,
    "企业",
    (
        Item("uscc", "统一社会信用代码"),
        Item("name", "名称"),
        Item("capital", "注册资本", "decimal(18,2)"),
        Item("founded", "成立日期", "date"),
        Item("state", "状态"),
        Item("division", "区划"),
        Item("address", "住所"),
        Item("person", "法定代表人"),
        Item("scope", "经营范围"),
        Item("_batch", "批次"),
        Item("_row", "行号", "integer"),
    ),
    ("uscc",),
)


@contextmanager
def city(memory: str = "4GB") -> Iterator[tuple[Database, Settings]]:
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-"))
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        (home / "city").mkdir()
        settings = replace(
            read_settings(home / "city", {}), database_url=server.url("bench"), lake_memory=memory
        )
        with open_database(settings) as database:
            yield database, settings
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def companies_sql(numbers: str, edition: int, batch: str) -> str:
    """Company rows for the numbers a query gives as ``n``; another ``edition`` changes three items of each."""
    return f"""
        SELECT printf('91430500MA%08d', n) AS uscc,
               '邵阳市' || substr('宏达兴盛华瑞金鼎恒通', 1 + n % 9, 2) || n || '有限公司' AS name,
               CAST(hash(n * 31 + {edition}) % 1000000000 / 100 AS DECIMAL(18, 2)) AS capital,
               DATE '1990-01-01' + CAST(hash(n) % 12000 AS INTEGER) AS founded,
               CASE WHEN (n + {edition}) % 7 = 0 THEN '注销' ELSE '存续' END AS state,
               printf('4305%02d', n % 13) AS division,
               '湖南省邵阳市大祥区第' || hash(n) % 99991 || '号' AS address,
               '王' || hash(n + {edition}) % 50021 AS person,
               '经营范围第' || hash(n) % 1009 || '类' AS scope,
               '{batch}' AS _batch, CAST(n AS BIGINT) AS _row
        FROM (SELECT CAST(n AS BIGINT) AS n FROM ({numbers}))
    """


def load(store: Store, rows: int) -> None:
    """All companies in one commit, in the order of a hash, as a department's table has no order either."""
    store.declare([SPEC])
    with store.writing("load", COMPANY, author="bench") as w:
        w.append(
            COMPANY, companies_sql(f"SELECT range AS n FROM range({rows}) ORDER BY hash(range)", 0, "load")
        )


def day_sql(rows: int, day: int, share: float) -> str:
    """One day's batch: ``share`` of the rows, nine tenths of them known and changed, one tenth new."""
    count = max(10, int(rows * share))
    known, new = count * 9 // 10, count - count * 9 // 10
    return companies_sql(
        f"SELECT DISTINCT hash(range + {day * 7_919_000}) % {rows} AS n FROM range({known}) "
        f"UNION ALL SELECT {rows} + {day * 10_000_000} + range FROM range({new})",
        day + 1,
        f"day-{day}-{share}",
    )
