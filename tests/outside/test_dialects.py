"""What a SQLAlchemy dialect gives is exact, and what it cannot give is said."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pymysql
import pytest

from jutong.outside import open_source
from jutong.terms import BadInput, Unavailable

pytest.importorskip("sqlalchemy", reason="an extra")

_TYPES = {
    "decimal(38,18)": ("-12345678901234567890.000000000000000001", "-12345678901234567890.000000000000000001"),
    "bigint": ("-9223372036854775808", -9223372036854775808), "double": ("1e-300", "1e-300"),
    "date": ("'9999-12-31'", "9999-12-31"), "datetime(6)": ("'9999-12-31 23:59:59.999999'", "9999-12-31 23:59:59.999999"),
    "varbinary(9)": ("X'00FF'", "\\x00ff"), "json": ("'{\"b\": 1,  \"a\": 2}'", '{"b": 1,  "a": 2}'),
    "enum('好','坏')": ("'坏'", "坏"), "varchar(9)": ("' 007 '", " 007 "), "text": ("''", ""), "decimal(5,2)": ("NULL", None),
    "bigint unsigned": ("7", 7),
}  # fmt: skip


def test_values_arrive_exactly(mariadb: dict[str, Any]) -> None:
    columns = ", ".join(f"c{place} {kind}" for place, kind in enumerate(_TYPES))
    with pymysql.connect(**mariadb, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE kinds (id int PRIMARY KEY, {columns})")
        cursor.execute(f"INSERT INTO kinds VALUES (1, {', '.join(value for value, _ in _TYPES.values())})")
    url = f"mysql+pymysql://root@127.0.0.1:{mariadb['port']}/{mariadb['database']}?charset=utf8mb4"
    with open_source("dialect", {"url": url}) as source:
        reading = source.read({"table": "kinds"})
        [row] = [row for batch in reading.batches for row in batch.to_pylist()]
        wanted = [value for _, value in _TYPES.values()]
        assert [
            value if isinstance(value, int | None) else str(value) for value in list(row.values())[1:]
        ] == wanted
        found = next(each for each in source.find() if each.locator["table"] == "kinds")
        assert found.keys == ("id",)


def test_a_number_beyond_64_bit_asks_for_text(mariadb: dict[str, Any]) -> None:
    with pymysql.connect(**mariadb, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE big (id bigint unsigned)")
        cursor.execute("INSERT INTO big VALUES (18446744073709551615)")
    url = f"mysql+pymysql://root@127.0.0.1:{mariadb['port']}/{mariadb['database']}"
    with open_source("dialect", {"url": url}) as source:
        with pytest.raises(BadInput, match="超出"):
            list(source.read({"table": "big"}).batches)
        [batch] = source.read({"table": "big"}, text=frozenset({"id"})).batches  # type: ignore[call-arg]
        assert batch.to_pylist() == [{"id": "18446744073709551615"}]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql+psycopg://a:secret@127.0.0.1/x", "outside.dialect_config"),
        ("nosuch://a@127.0.0.1/x", "outside.dialect_missing"),
        ("oracle+oracledb://a@127.0.0.1/x", "outside.dialect_missing"),
        ("://", "outside.dialect_config"),
    ],
)
def test_an_address_that_cannot_work_is_refused(url: str, code: str) -> None:
    with pytest.raises(BadInput) as told:
        open_source("dialect", {"url": url})
    assert told.value.code == code
    assert "secret" not in str(told.value)


def test_a_server_that_is_away_is_temporary_and_no_password_is_told() -> None:
    with pytest.raises(Unavailable) as told:
        open_source("dialect", {"url": "postgresql+psycopg://a@127.0.0.1:9/x"}, "very-secret")
    assert "very-secret" not in str(told.value)


def test_without_sqlalchemy_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from jutong.outside import open_source\n"
        "try: open_source('dialect', {'url': 'x://'})\n"
        "except Exception as problem: print(problem.code)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "outside.extra_missing"
