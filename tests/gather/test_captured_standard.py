"""Captured deletes reach the standard zone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.gather.foreign_city import City
from tests.mariadb import started

from jutong.database import EmbeddedPostgres
from jutong.refine import refine


@pytest.fixture(scope="module")
def logical(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("logical"))
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
    server.stop()
    server.start()
    yield server
    server.stop()


ITEMS: tuple[dict[str, Any], ...] = (
    {"name": "id", "label": "编号", "type": "text"}, {"name": "name", "label": "名称", "type": "text"},
)  # fmt: skip


def test_captured_deletes_and_new_keys_reach_the_standard_zone(city: City, logical: EmbeddedPostgres) -> None:
    with psycopg.connect(logical.url(), autocommit=True) as there:
        there.execute("CREATE TABLE firm (id varchar(9) PRIMARY KEY, name text)")
        there.execute("INSERT INTO firm SELECT 'k' || g, '企业' || g FROM generate_series(1, 50) g")
        table = {
            "name": "firm",
            "locator": {"table": "firm"},
            "mode": "capture",
            "keys": ("id",),
            "items": ITEMS,
        }
        city.declare("postgres", {"url": logical.url()}, table)

        def standard() -> dict[str, str]:
            city.take()
            refine(database=city.database, store=city.store)
            with city.store.reading() as view:
                rows = view.rows(f"SELECT id, name FROM {view.table('standard.' + city.name('firm'))}")
            return {row["id"]: row["name"] for row in rows}

        def source() -> dict[str, str]:
            return dict(there.execute("SELECT id, name FROM firm").fetchall())

        assert standard() == source()
        there.execute("DELETE FROM firm WHERE id IN ('k1', 'k2')")  # a batch of deletes alone
        assert standard() == source()
        there.execute("UPDATE firm SET id = 'z3' WHERE id = 'k3'")
        there.execute("DELETE FROM firm WHERE id = 'k4'")
        there.execute("INSERT INTO firm VALUES ('k4', '又来'), ('k1', '又来')")
        there.execute("INSERT INTO firm VALUES ('k99', '来了'), ('k98', '又走')")
        there.execute("DELETE FROM firm WHERE id = 'k98'")
        assert standard() == source()


@pytest.mark.slow
def test_deletes_in_a_binary_log_reach_the_standard_zone(city: City, tmp_path: Path) -> None:
    log = ("--log-bin=bin", "--server-id=7", "--binlog-format=ROW")
    with started(tmp_path, *log) as server, server.database() as config:

        def run(*statements: str) -> None:
            with server.connect(database=config["database"]) as pen, pen.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

        def standard() -> set[str]:
            city.take()
            refine(database=city.database, store=city.store)
            with city.store.reading() as view:
                name = view.table("standard." + city.name("small"))
                return {row["id"] for row in view.rows(f"SELECT id FROM {name}")}

        run(
            "CREATE TABLE small (id varchar(9) PRIMARY KEY, name varchar(20))",
            "INSERT INTO small SELECT CONCAT('k', seq), CONCAT('企业', seq) FROM seq_1_to_50",
        )
        table = {
            "name": "small",
            "locator": {"table": "small"},
            "mode": "capture",
            "keys": ("id",),
            "items": ITEMS,
        }
        city.declare("mysql", config, table)
        every = {f"k{number}" for number in range(1, 51)}
        assert standard() == every
        run("DELETE FROM small WHERE id IN ('k1', 'k2')", "UPDATE small SET id = 'z3' WHERE id = 'k3'")
        assert standard() == every - {"k1", "k2", "k3"} | {"z3"}
        run("ALTER TABLE small COMMENT 'x'", "DELETE FROM small WHERE id = 'k4'")
        assert standard() == every - {"k1", "k2", "k3", "k4"} | {"z3"}
