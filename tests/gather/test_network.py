"""The network fails in mid-read: a run ends, or goes on, and what landed is in the end what the source holds."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from typing import Any, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pymysql
import pytest
from tests.gather.foreign_city import City, Foreign
from tests.mariadb import MariaDb, started
from tests.proxy import Proxy, Way

import jutong.gather.chunking as chunking
import jutong.gather.taking as taking
import jutong.outside.mysql.reading as mysql_reading
import jutong.outside.postgres.reading as postgres_reading
from jutong.gather import find_tables, verify

ROWS = 6000
WAYS: tuple[Way, ...] = tuple(way for way in get_args(Way) if way != "mute")
#: What the server says before the first row may be a few thousand bytes; all of it some hundred thousand.
_MOST = 700_000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many chunks, and no patience."""
    monkeypatch.setattr(taking, "RETRY_PAUSES", (0.05, 0.05))
    monkeypatch.setattr(chunking, "CHUNK_ROWS", 1500)
    monkeypatch.setattr(mysql_reading, "SMALL_BYTES", 1000)
    monkeypatch.setattr(postgres_reading, "_PART_BYTES", 150_000)
    monkeypatch.setattr(postgres_reading, "_SMALL_BYTES", 1000)


@pytest.fixture(scope="module")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with started(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


def _ends_equal(city: City, proxy: Proxy, chance: random.Random, ways: tuple[Way, ...]) -> None:
    """Cut again and again; every run ends in a state that says so, and once the network holds all is equal."""
    for way in ways:
        for _ in range(chance.randrange(1, 6)):
            proxy.cut(chance.randrange(100, _MOST), way)
        for name, batch in city.take().items():
            assert batch.state in ("received", "failed"), name
            if batch.problem:
                assert batch.problem["code"] in (
                    "outside.source_vanished", "outside.postgres_unreachable", "outside.mysql_unreachable",
                )  # fmt: skip
                assert batch.problem["kind"] == "temporary"
        proxy.heal()
    batches = city.take()
    assert {batch.state for batch in batches.values()} == {"received"}
    for name in batches:
        with city.database.connection() as connection:
            [table] = find_tables(connection, names=[city.name(name)])
        told = verify(table, database=city.database, store=city.store)
        assert told.same, (name, told)
    assert proxy.count


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_network_that_cuts_postgres(city: City, foreign: Foreign, foreign_url: str, seed: int) -> None:
    foreign.execute("CREATE TABLE whole (id int PRIMARY KEY, at timestamp, t text)")
    foreign.execute(
        "INSERT INTO whole SELECT g, '2026-01-01'::timestamp + g * interval '1 s', repeat(md5(g::text), 3)"
        f" FROM generate_series(1, {ROWS}) g"
    )
    foreign.execute("CREATE TABLE later AS SELECT * FROM whole")
    url = urlsplit(foreign_url)
    path = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"

    def reach() -> socket.socket:
        there = socket.socket(socket.AF_UNIX)
        there.connect(path)
        return there

    with Proxy(reach) as proxy:
        address = f"postgresql://{url.username}@127.0.0.1:{proxy.port}{url.path}"
        city.home.mkdir(exist_ok=True)
        secret = city.home / f"password_{city.tag}"
        secret.write_text(unquote(str(url.password)))
        incremental = {"mode": "incremental", "watermark_item": "at", "keys": ("id",)}
        city.declare(
            "postgres", {"url": address, "sslmode": "disable", "gssencmode": "disable"},
            {"name": "whole", "locator": {"table": "whole"}, "keys": ("id",)},
            {"name": "later", "locator": {"table": "later"}, **incremental}, secret_ref=f"file:{secret}",
        )  # fmt: skip
        _ends_equal(city, proxy, random.Random(seed), WAYS)
        foreign.execute("UPDATE whole SET t = 'x' WHERE id % 7 = 0")
        foreign.execute("UPDATE later SET t = 'x', at = at + interval '1 day' WHERE id % 7 = 0")
        _ends_equal(city, proxy, random.Random(seed + 10), WAYS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_network_that_cuts_mariadb(city: City, mariadb_server: MariaDb, seed: int) -> None:
    with mariadb_server.database() as config, pymysql.connect(**config, autocommit=True) as there:
        with there.cursor() as cursor:
            cursor.execute("CREATE TABLE whole (id int PRIMARY KEY, at datetime, t text)")
            rows: list[tuple[Any, ...]] = [
                (g, f"2026-01-01 {g // 3600:02}:{g // 60 % 60:02}:{g % 60:02}", f"{g:09}" * 11)
                for g in range(ROWS)
            ]
            cursor.executemany("INSERT INTO whole VALUES (%s, %s, %s)", rows)
            cursor.execute("CREATE TABLE later LIKE whole")
            cursor.execute("INSERT INTO later SELECT * FROM whole")
        with Proxy(lambda: socket.create_connection(("127.0.0.1", config["port"]))) as proxy:
            city.declare(
                "mysql", {**config, "port": proxy.port},
                {"name": "whole", "locator": {"table": "whole"}, "keys": ("id",)},
                {
                    "name": "later", "locator": {"table": "later"}, "mode": "incremental", "watermark_item": "at",
                    "keys": ("id",),
                },
            )  # fmt: skip
            _ends_equal(city, proxy, random.Random(seed), WAYS)
            with there.cursor() as cursor:
                cursor.execute("UPDATE whole SET t = 'x' WHERE id % 7 = 0")
                cursor.execute("UPDATE later SET t = 'x', at = at + INTERVAL 1 DAY WHERE id % 7 = 0")
            _ends_equal(city, proxy, random.Random(seed + 10), WAYS)


def test_the_proxy_itself_cuts(foreign_url: str) -> None:
    url = urlsplit(foreign_url)

    def reach() -> socket.socket:
        there = socket.socket(socket.AF_UNIX)
        there.connect(f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432")
        return there

    with Proxy(reach) as proxy:
        proxy.cut(2000, "reset")
        with (
            pytest.raises(psycopg.OperationalError),
            psycopg.connect(
                host="127.0.0.1", port=proxy.port, user=url.username, password=unquote(str(url.password)),
                dbname=url.path[1:], sslmode="disable", gssencmode="disable",
            ) as connection,
        ):  # fmt: skip
            connection.execute("SELECT repeat('x', 9000)").fetchone()
        assert proxy.count == 1
