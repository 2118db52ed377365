"""SQL written by people reaches exactly the granted rows and columns, whatever it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import Bounds, DatasetSpec, Store, View, checked_sql, guard
from jutong.terms import BadInput, DatasetName, Item

NAME = DatasetName.parse("standard.person")
VIEWS = {
    "people": View(
        NAME,
        ("id", "name", "town"),
        masks={"name": "left(\"name\", 1) || '**'"},
        row_filter=[
            {"item": "town", "op": "in", "value": ["双清", "大祥"]},
            {"item": "id", "op": "prefix", "value": "P"},
        ],
    )
}


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        items = (Item("id", "编号"), Item("name", "姓名"), Item("town", "区"), Item("phone", "电话"))
        opened.declare([DatasetSpec(NAME, "人员", items, ("id",))])
        with opened.writing("people", NAME, author="tests") as w:
            w.merge(
                NAME,
                "SELECT * FROM (VALUES ('P1', '张三丰', '双清', '139'), ('P2', '李四', '大祥', '138'),"
                " ('P3', '王五', '北塔', '137'), ('X4', '赵六', '双清', '136')) AS v(id, name, town, phone)",
            )
        yield opened


def ask(store: Store, sql: str, bounds: Bounds | None = None) -> list[dict[str, object]]:
    return store.people_sql(sql, VIEWS, bounds).to_pylist()


def test_a_person_sees_the_granted_rows_and_columns_masked(store: Store) -> None:
    assert ask(store, "SELECT * FROM people ORDER BY id") == [
        {"id": "P1", "name": "张**", "town": "双清"},
        {"id": "P2", "name": "李**", "town": "大祥"},
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH t AS (SELECT town, count(*) AS n FROM people GROUP BY ALL) SELECT sum(n)::BIGINT AS n FROM t",
        "SELECT n FROM (SELECT count(*) AS n FROM People p JOIN people q USING (town) WHERE p.name LIKE '%' || '*')",
        "SELECT count(DISTINCT town) AS n FROM people WHERE starts_with(id, 'P') AND length(trim(name)) = 3",
        "SELECT row_number() OVER (ORDER BY id) AS n FROM people QUALIFY n = 2",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 2) SELECT max(n) AS n FROM t",
    ],
)
def test_ordinary_questions_are_answered(store: Store, sql: str) -> None:
    assert ask(store, sql) == [{"n": 2}]


HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM read_parquet('data/0.parquet')",
    "SELECT * FROM glob('/root/*')",
    "SELECT * FROM parquet_metadata('data/0.parquet')",
    "COPY (SELECT 1) TO '/tmp/jutong-hostile'",
    "ATTACH '/tmp/jutong-hostile.db'",
    "ATTACH 'postgres:host=/tmp' AS pg",
    "SELECT * FROM postgres_query('lake', 'SELECT 1')",
    "SELECT * FROM postgres_scan('', 'public', 'app_user')",
    "CALL postgres_execute('lake', 'DROP TABLE x')",
    "SELECT getenv('PATH')",
    "SELECT current_setting('temp_directory')",
    "SELECT getvariable('x')",
    "PRAGMA database_list",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "INSTALL httpfs",
    "LOAD httpfs",
    "EXPORT DATABASE '/tmp/jutong-hostile'",
    "IMPORT DATABASE '/tmp/jutong-hostile'",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM lake.standard.person",
    "SELECT * FROM main.people",
    "SELECT phone FROM standard.person",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO m() AS getenv('PATH')",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW people",
    "DELETE FROM people",
    "UPDATE people SET name = ''",
    "INSERT INTO people VALUES ('a', 'b', 'c')",
    "SELECT 1 INTO x",
    "EXPLAIN ANALYZE SELECT 1",
    "SUMMARIZE people",
    "DESCRIBE people",
    "SELECT COLUMNS('.*') FROM people",
    "SELECT ? FROM people",
    "SELECT $a FROM people",
    "SELECT * FROM people AT (VERSION => 1)",
    "SELECT * FROM range(1000000000000)",
    "SELECT 'a'.getenv() FROM people",
    "SELECT repeat('x', 1000000000)",
    "SELECT printf('%1000000000d', 1) FROM people",
    "SELECT query('SELECT 1')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('people')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT write_log('x')",
    "SELECT * FROM people, (SELECT * FROM read_blob('/etc/shadow'))",
    "SELECT (SELECT content FROM read_text('/etc/passwd')) FROM people",
    "SELECT [x FOR x IN [1, 2] IF getenv('a') = ''] FROM people",
    "FROM people TABLESAMPLE 10%",
    "PIVOT people ON town USING count(*)",
    "",
    "SELECT FROM WHERE",
    "SELECT * FROM people WHERE id = '" + "x" * 30_000 + "'",
    "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_sql_is_refused_before_anything_runs(sql: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked_sql(sql, ["people"])
    assert refused.value.code in ("store.sql_refused", "store.sql_unreadable")


def child(tmp_path: Path, sql: str, bounds: Bounds | None = None) -> list[dict[str, object]]:
    """The child alone, as if the parser had been fooled."""
    scratch = tmp_path / "scratch"
    (scratch / "data").mkdir(parents=True)
    return guard._run(scratch, sql, {}, bounds or Bounds(seconds=20)).to_pylist()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/jutong-hostile.csv'",
        "ATTACH '/tmp/jutong-hostile.db' AS other",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "SET allowed_directories = ['/']",
        "SET temp_directory = '/tmp'",
        "INSTALL httpfs",
        "LOAD '/tmp/evil.duckdb_extension'",
        "SELECT * FROM postgres_query('lake', 'SELECT 1')",
        "SELECT * FROM connection",
        "SELECT * FROM order",
        "EXPORT DATABASE '/tmp/jutong-hostile'",
    ],
)
def test_the_child_refuses_what_the_parser_should_have_refused(tmp_path: Path, sql: str) -> None:
    with pytest.raises(BadInput) as refused:
        child(tmp_path, sql)
    assert refused.value.code == "store.sql_failed"
    assert not list(Path("/tmp").glob("jutong-hostile*"))


def test_the_child_has_no_environment_to_give_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUTONG_DATABASE_URL", "secret")
    with pytest.raises(BadInput):  # getenv exists in the shell only; if it comes, there is nothing in it
        child(tmp_path, "SELECT getenv('JUTONG_DATABASE_URL') AS v")


@pytest.mark.skipif(
    not guard._without_network(), reason="本机不允许网络命名空间（unshare -n），子进程只靠 DuckDB 的限制"
)
def test_the_child_starts_without_a_network(tmp_path: Path) -> None:
    script = "import socket; socket.socket().connect(('127.0.0.1', 9))"
    words = [*guard._without_network(), sys.executable, "-c", script]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert "Network is unreachable" in said  # not even its own loopback is up


@pytest.mark.parametrize(
    ("sql", "bounds", "codes"),
    [
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
            Bounds(seconds=1.5, memory_mb=256, spill_mb=64),
            {"store.sql_too_long", "store.sql_too_large"},
        ),
        (
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT t.n FROM t, t AS u) SELECT count(*) FROM t",
            Bounds(seconds=5, memory_mb=128, spill_mb=64),
            {"store.sql_too_long", "store.sql_too_large"},
        ),
        (
            "SELECT count(*) FROM " + ", ".join(f"people AS p{n}" for n in range(40)),
            Bounds(seconds=1.5),
            {"store.sql_too_long"},
        ),
        (
            "SELECT count(*) FROM " + ", ".join(f"people AS p{n}" for n in range(40)),
            Bounds(seconds=120, cpu_seconds=2),
            {"store.sql_too_long"},
        ),
        (
            "SELECT string_agg(p.name || q.name || r.name, '') OVER () FROM "
            + ", ".join(f"people AS {n}" for n in "pqrstuvwxyzabcdefghi"),
            Bounds(seconds=5, memory_mb=128, spill_mb=64),
            {"store.sql_too_long", "store.sql_too_large"},
        ),
        (
            "SELECT p.id FROM people p, people q, people r, people s",
            Bounds(rows=15),
            {"store.sql_too_many_rows"},
        ),
        (
            "SELECT lpad('x', 2000000000, 'y') AS x FROM people",
            Bounds(seconds=5, memory_mb=128),
            {"store.sql_too_large", "store.sql_too_long", "store.sql_failed"},
        ),
    ],
)
def test_bombs_are_stopped_by_their_bounds(store: Store, sql: str, bounds: Bounds, codes: set[str]) -> None:
    with pytest.raises(BadInput) as stopped:
        ask(store, sql, bounds)
    assert stopped.value.code in codes
    assert not list((store._lake.settings.home / "tmp").glob("people-*"))


def test_a_mistake_is_told_in_the_engines_words_without_paths(store: Store) -> None:
    with pytest.raises(BadInput, match="phone") as told:
        ask(store, "SELECT phone FROM people")
    assert told.value.code == "store.sql_failed"
    assert os.sep + "tmp" not in str(told.value)
