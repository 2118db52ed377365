"""Rows that share a handful of timestamps, written while they are read: none lost, none doubled."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import psycopg
import pymysql
import pytest
from tests.gather.foreign_city import City, Foreign
from tests.mariadb import MariaDb, started

ROWS, WRITERS, STEP = 1_000_000, 2, 5_000
INCREMENT = {"mode": "incremental", "watermark_item": "at", "keys": ("id",), "locator": {"table": "t"}}


@pytest.fixture(scope="module")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with started(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


def gathered_while_written(city: City, write: list[threading.Thread]) -> None:
    for writer in write:
        writer.start()
    given = 0
    while any(writer.is_alive() for writer in write):
        given += city.take()["t"].given or 0
    given += city.take()["t"].given or 0
    assert city.take()["t"].given == 0
    assert given == ROWS
    assert city.rows("t", 'count(*), count(DISTINCT id), count(DISTINCT "at")', "1") == [(ROWS, ROWS, 10)]


def spans(number: int) -> Iterator[tuple[int, int]]:
    for start in range(number * STEP, ROWS, STEP * WRITERS):
        yield start, start + STEP - 1


@pytest.mark.slow
def test_postgresql_written_while_read(city: City, foreign: Foreign, foreign_url: str) -> None:
    foreign.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp)")
    city.declare("postgres", {"url": foreign_url}, {"name": "t", **INCREMENT})

    def write(number: int) -> None:
        chance = random.Random(number)
        with psycopg.connect(foreign_url) as connection:
            for low, high in spans(number):
                connection.execute(
                    "INSERT INTO t SELECT g, timestamp '2024-01-01' + (g * 7 %% 10) * interval '1 second'"
                    " FROM generate_series(%s::int, %s::int) g",
                    (low, high),
                )
                if chance.random() < 0.7:  # otherwise committed late, together with the next
                    connection.commit()

    gathered_while_written(city, [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)])


@pytest.mark.slow
def test_mariadb_written_while_read(city: City, mariadb_server: MariaDb) -> None:
    with mariadb_server.database() as config:
        with pymysql.connect(**config, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id int PRIMARY KEY, at datetime)")
        city.declare("mysql", config, {"name": "t", **INCREMENT})

        def write(number: int) -> None:
            with pymysql.connect(**config) as connection, connection.cursor() as cursor:
                for low, high in spans(number):
                    cursor.execute(
                        "INSERT INTO t SELECT seq, TIMESTAMP '2024-01-01 00:00:00' + INTERVAL (seq * 7 MOD 10) SECOND"
                        f" FROM seq_{low}_to_{high}"
                    )
                    connection.commit()

        gathered_while_written(city, [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)])
