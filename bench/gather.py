"""Seconds from a department's PostgreSQL into the lake, receipt included; the limit is the server's own binary COPY.

The same nine columns throughout (measurements of the lake).  The peer is run by the interpreter ``JUTONG_PEERS`` names,
else by one of its own, made at first use, and left out where it cannot be installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from bench.measure import Result, alternate
from bench.peers import python_with
from jutong.database import Database, EmbeddedPostgres, open_database
from jutong.gather import Source, SourceTable, declare_sources, find_tables, take_many, verify
from jutong.settings import Settings, read_settings
from jutong.store import Store

ROUNDS = 3
_DLT = ("dlt[filesystem,parquet]==1.31.0", "sqlalchemy==2.1.9", "psycopg2-binary==2.9.13", "pymysql==1.2.4")
_DEPARTMENT = (
    "INSERT INTO department (code, name, short_name, kind) VALUES ('D23', '邵阳市市场监督管理局', '市场监管局',"
    " 'department')"
)
#: g counts the rows; every column as a business register has it.
COLUMNS = (
    "id bigint PRIMARY KEY, uscc varchar(18), name varchar(200), capital numeric(18,2), founded date,"
    " phone varchar(20), addr varchar(300), status varchar(10), updated_at timestamp"
)
_FILL = """
INSERT INTO ent SELECT g, '91430500MA' || lpad(upper(to_hex(g)), 8, '0'), '邵阳市第' || g || '号贸易有限责任公司',
    (g %% 100000) * 1.37, date '1990-01-01' + (g %% 12000)::int, '1387' || lpad((g %% 10000000)::text, 7, '0'),
    '湖南省邵阳市大祥区宝庆中路' || (g %% 900) || '号', (ARRAY['存续', '在业', '注销', '吊销'])[1 + g %% 4],
    timestamp '2020-01-01' + g * interval '7 seconds'
FROM generate_series(1, %s) AS g
"""


def run(rows: int) -> Result:
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-gather-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        server = EmbeddedPostgres(home / "postgres")
        server.start()
        stack.callback(server.stop)
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
            connection.execute("CREATE DATABASE there")
        url = server.url("there")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE ent ({COLUMNS})".encode())
            connection.execute(_FILL.encode(), [rows])
            connection.execute("VACUUM ANALYZE ent")
        taker = Taker(home, server.url("bench"), "postgres", {"url": url}, stack)
        contenders: dict[str, Callable[[], object]] = {"copy": lambda: copied(url), "gather": taker.take}
        peer = peers()
        if peer:
            contenders["dlt"] = lambda: by_dlt(peer, url.replace("postgresql:", "postgresql+psycopg2:"), home)
        return measured("gather", rows, "COPY … TO STDOUT (FORMAT binary)", "copy", contenders, taker)


def measured(
    name: str,
    rows: int,
    limit: str,
    limit_key: str,
    contenders: dict[str, Callable[[], object]],
    taker: Taker,
) -> Result:
    began = time.perf_counter()
    taken = alternate(contenders, ROUNDS)
    verified = time.perf_counter()
    same = taker.verify()
    return Result(
        name=name,
        rows=rows,
        value=taken["gather"],
        unit="s",
        seconds=time.perf_counter() - began,
        limit=(limit, taken[limit_key]),
        peers={"dlt": taken["dlt"]} if "dlt" in taken else {},
        extra={"verified": same, "verify_seconds": round(time.perf_counter() - verified, 2)},
    )


class Taker:
    """A city with one source of one table; every ``take`` is a whole new batch."""

    def __init__(self, home: Path, control: str, kind: str, config: dict[str, Any], stack: ExitStack) -> None:
        city = home / "city"
        city.mkdir()
        self.settings: Settings = replace(read_settings(city, {}), database_url=control)
        self.database: Database = stack.enter_context(open_database(self.settings))
        self.store = stack.enter_context(Store.open(self.database, self.settings))
        with self.database.connection() as connection:
            connection.execute(_DEPARTMENT)
            declare_sources(
                connection,
                [Source("there", "D23", kind, "登记库", config)],
                [SourceTable("ent", "there", "企业", {"table": "ent"}, keys=("id",))],
            )
            self.tables = find_tables(connection, "there")

    def take(self) -> None:
        (batch,) = take_many(self.tables, database=self.database, store=self.store, home=self.settings.home)
        assert batch.state == "received", batch.problem

    def verify(self) -> bool:
        return verify(self.tables[0], database=self.database, store=self.store).same


def copied(url: str) -> int:
    size = 0
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY ent TO STDOUT (FORMAT binary)") as copy,
    ):
        for block in copy:
            size += len(block)
    return size


def peers() -> str | None:
    named = os.environ.get("JUTONG_PEERS")
    if named:
        return named if Path(named).exists() else None
    made = python_with("dlt-gather", *_DLT)
    return str(made) if made else None


def by_dlt(python: str, url: str, home: Path) -> None:
    folder = home / "dlt"
    script = Path(__file__).with_name("peers") / "dlt_gather.py"
    environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    environment.pop("PYTHONPATH", None)
    try:
        subprocess.run(
            [python, str(script), url, "ent", str(folder)], check=True, capture_output=True, env=environment
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
