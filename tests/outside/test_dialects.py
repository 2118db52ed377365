"""What a SQLAlchemy dialect gives is exact, and what it cannot give is said."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import pymysql
import pytest

from jutong.outside import open_source
from jutong.terms import BadInput, Unavailable

sa = pytest.importorskip("sqlalchemy", reason="an extra")

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


def test_a_server_that_lets_nobody_in_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    import jutong.outside.dialects.reading as reading

    monkeypatch.setattr(reading, "CONNECT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens, and never says a word
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        for url in (f"postgresql+psycopg://a@{address}/x", f"mysql+pymysql://a@{address}/x"):
            with pytest.raises(Unavailable) as told:
                open_source("dialect", {"url": url}, "very-secret")
            assert told.value.code == "outside.dialect_unreachable"
            assert "very-secret" not in str(told.value)


def _types() -> list[tuple[Any, str, str, str]]:
    """Types as their dialects describe columns: family, item type, how the column is asked for."""
    from sqlalchemy.dialects import mssql, oracle

    fine = "YYYY-MM-DD HH24:MI:SS.FF9"
    told = "convert(varchar(40), t.c, 121)"
    return [
        (oracle.NUMBER(38, 18), "oracle", "text", "t.c"), (oracle.NUMBER(10, 0), "oracle", "integer", "t.c"), (oracle.NUMBER(), "oracle", "text", "t.c"),
        (oracle.NUMBER(38, 0), "oracle", "text", "t.c"),
        (sa.INTEGER(), "oracle", "integer", "t.c"), (oracle.FLOAT(), "oracle", "text", "t.c"),
        (oracle.BINARY_DOUBLE(), "oracle", "text", "t.c"), (oracle.VARCHAR2(9), "oracle", "text", "t.c"),
        (oracle.NCLOB(), "oracle", "text", "t.c"), (oracle.LONG(), "oracle", "text", "t.c"),
        (oracle.RAW(16), "oracle", "text", "t.c"), (oracle.BFILE(), "oracle", "text", "t.c"),
        (oracle.DATE(), "oracle", "timestamp", "t.c"),
        (oracle.TIMESTAMP(), "oracle", "text", f"to_char(t.c, '{fine}')"),
        (oracle.TIMESTAMP(timezone=True), "oracle", "text", f"to_char(t.c, '{fine} TZH:TZM')"),
        (oracle.TIMESTAMP(local_timezone=True), "oracle", "text", f"to_char(t.c, '{fine} TZH:TZM')"),
        (oracle.INTERVAL(), "oracle", "text", "CAST(t.c AS VARCHAR2(4000 CHAR))"),
        (oracle.ROWID(), "oracle", "text", "t.c"),
        (sa.types.NullType(), "oracle", "text", "CAST(t.c AS VARCHAR2(4000 CHAR))"),
        (mssql.BIT(), "mssql", "boolean", "t.c"), (mssql.TINYINT(), "mssql", "integer", "t.c"),
        (sa.BIGINT(), "mssql", "integer", "t.c"), (sa.DECIMAL(38, 18), "mssql", "text", "t.c"),
        (mssql.MONEY(), "mssql", "text", "t.c"), (mssql.SMALLMONEY(), "mssql", "text", "t.c"),
        (mssql.REAL(), "mssql", "text", "t.c"), (mssql.DATETIME(), "mssql", "timestamp", "t.c"),
        (mssql.SMALLDATETIME(), "mssql", "timestamp", "t.c"), (mssql.DATETIME2(6), "mssql", "timestamp", "t.c"),
        (mssql.DATETIME2(), "mssql", "text", told), (mssql.DATETIME2(7), "mssql", "text", told),
        (mssql.TIME(7), "mssql", "text", told), (mssql.DATETIMEOFFSET(), "mssql", "text", told),
        (sa.DATE(), "mssql", "date", "t.c"), (mssql.NTEXT(), "mssql", "text", "t.c"), (mssql.XML(), "mssql", "text", "t.c"),
        (mssql.UNIQUEIDENTIFIER(), "mssql", "text", "t.c"), (mssql.IMAGE(), "mssql", "text", "t.c"),
        (mssql.ROWVERSION(), "mssql", "text", "t.c"), (mssql.SQL_VARIANT(), "mssql", "text", "t.c"),
        (sa.types.NullType(), "mssql", "text", "CAST(t.c AS NVARCHAR(max))"),
    ]  # fmt: skip


def test_types_of_servers_we_have_not_met_are_asked_for_exactly_in_their_own_words() -> None:
    """Neither Oracle nor SQL Server runs here: their dialects say how a column looks and what they are asked."""
    from sqlalchemy.dialects import mssql, oracle

    import jutong.outside.dialects.reading as reading

    dialects = {"oracle": oracle.dialect(), "mssql": mssql.dialect()}
    for kind, family, item, asked in _types():
        column = sa.Table("t", sa.MetaData(), sa.Column("c", kind)).c.c
        query = sa.select(reading._selected(column, family)).compile(
            dialect=dialects[family], compile_kwargs={"literal_binds": True}
        )
        words = " ".join(str(query).split())
        words = words.removeprefix("SELECT ").removesuffix(" FROM t").removesuffix(" AS c")
        assert (repr(kind), reading._item(column).type, words) == (repr(kind), item, asked)
        if family == "mssql" and item in ("integer", "date", "timestamp"):
            assert reading._ordered(kind) == item
    assert reading._ordered(mssql.DATETIME2(7)) == "timestamp"  # it may still be a watermark
    assert reading._ordered(oracle.TIMESTAMP()) == "timestamp"
    assert reading._ordered(oracle.TIMESTAMP(timezone=True)) == "text"


def test_what_is_asked_of_servers_we_have_not_met_is_theirs_to_read() -> None:
    from sqlalchemy.dialects import mssql, oracle

    import jutong.outside.dialects.reading as reading
    from jutong.outside import Part

    table = sa.Table(
        "企业", sa.MetaData(), sa.Column("ID", sa.Integer), sa.Column("no", sa.String(9)), schema="S"
    )
    part = Part(("ID", "no"), (1, "a'b"), (9, "z"))
    query = sa.select(table.c["no"]).where(*reading._within([table.c["ID"], table.c["no"]], part))
    wanted = (
        "SELECT {0}.no FROM {0} WHERE ({0}.{1} > 1 OR {0}.{1} = 1 AND {0}.no > 'a''b')"
        " AND NOT ({0}.{1} > 9 OR {0}.{1} = 9 AND {0}.no > 'z')"
    )
    lines = {"oracle": wanted.format('"S"."企业"', '"ID"'), "mssql": wanted.format("[S].[企业]", "[ID]")}
    for family, dialect in (("oracle", oracle.dialect()), ("mssql", mssql.dialect())):
        asked = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        assert " ".join(str(asked).split()) == lines[family]
