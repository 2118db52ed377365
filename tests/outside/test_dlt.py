"""dlt sources: only those the system administrator allowed, in a process that knows nothing of us, every digit as sent."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jutong.outside import Since, open_source
from jutong.outside.dlt import child
from jutong.outside.exam import Bench, Row, examine
from jutong.terms import BadInput, Unavailable

pytest.importorskip("dlt", reason="an extra")
SECRET = "Zq9/marked+secret?&"

_MODULE = """
import datetime as dt, os, sys, time
from decimal import Decimal
from subprocess import run
import dlt
from dlt.sources.sql_database import sql_database

@dlt.source
def city(county="邵阳", api_key=None, base=""):
    @dlt.resource(primary_key="id", columns={"id": {"data_type": "bigint"}, "day": {"data_type": "date"}})
    def companies():
        yield {"id": 1, "name": county, "money": Decimal("12345678901234567890.10"), "day": dt.date(9999, 12, 31)}
        yield [{"id": 2, "at": {"street": "宝庆中路", "no": {"n": 7}}, "tags": [Decimal("1.50"), "x", None, True]}]

    @dlt.resource
    def interface():
        from dlt.sources.helpers import requests
        yield requests.get(base, params={"key": api_key}).json()

    @dlt.resource
    def failing():
        yield {"id": 1}
        raise RuntimeError(f"https://h/?token={api_key} refused {api_key}")

    @dlt.resource
    def leaving():
        yield {"id": 1}
        os._exit(9)

    @dlt.resource
    def silent():
        time.sleep(600)
        yield {}

    @dlt.resource
    def printing():
        print("{}")
        yield {"environment": sorted(name for name in os.environ if "JUTONG" in name), "key": api_key}

    @dlt.resource
    def strange():
        yield 7

    @dlt.resource
    def wrong():
        yield {"id": "x"}

    @dlt.resource
    def frame():
        import pyarrow as pa
        yield pa.table({"n": pa.array([Decimal("0.10")], pa.decimal128(38, 2)), "b": pa.array([b"\\x00"])})

    wrong.apply_hints(columns={"id": {"data_type": "bigint"}})
    return companies, interface, failing, leaving, silent, printing, strange, wrong, frame
"""
_ALLOWED = """
["here:city"]
arguments = ["county", "base"]
secret = "api_key"
["here:sql_database"]
arguments = ["credentials"]
["here:run"]
arguments = ["args"]
["absent:x"]
["os:system"]
"""


@pytest.fixture
def allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "here.py").write_text(_MODULE, encoding="utf-8")
    (folder / "allowed.toml").write_text(_ALLOWED, encoding="utf-8")
    monkeypatch.setenv("JUTONG_DLT_SOURCES", str(folder))
    monkeypatch.setenv("JUTONG_DATABASE_URL", "postgresql://u:not-for-you@h/d")
    return folder


def rows_of(table: str, secret: str | None = SECRET, **how: Any) -> list[dict[str, Any]]:
    locator = {"table": table, **how.pop("locator", {})}
    with open_source("dlt", {"source": "here:city", **how}, secret) as source:
        return [row for batch in source.read(locator).batches for row in batch.to_pylist()]


@pytest.mark.slow  # importing dlt takes a second or two of each process
def test_the_connector_passes_the_exam(allowed: Path, tmp_path: Path) -> None:
    def make(rows: list[Row]) -> None:
        with sqlite3.connect(tmp_path / "a.db") as connection:
            connection.execute(
                "CREATE TABLE exam (id integer PRIMARY KEY, name text, note text, rank bigint)"
            )
            connection.executemany("INSERT INTO exam VALUES (?, ?, ?, ?)", rows)
        connection.close()

    config = {"source": "here:sql_database", "arguments": {"credentials": f"sqlite:///{tmp_path}/a.db"}}
    assert examine(Bench(make, lambda: open_source("dlt", config))) == []


def test_rows_are_flat_as_dlt_names_them_and_every_digit_arrives(allowed: Path) -> None:
    first, second = rows_of("companies", arguments={"county": "隆回"})
    assert [str(value) for value in first.values() if value is not None] == [
        "1", "9999-12-31", "隆回", "12345678901234567890.10",
    ]  # fmt: skip
    wanted = {"id": 2, "at__street": "宝庆中路", "at__no__n": "7", "tags": '[1.50, "x", null, true]'}
    assert {name: value for name, value in second.items() if value is not None} == wanted


@pytest.mark.slow
def test_nested_values_may_stay_json_and_frames_are_rows(allowed: Path) -> None:
    kept = rows_of("companies", locator={"nested": "json"})[1]["at"]
    assert json.loads(kept) == {"street": "宝庆中路", "no": {"n": 7}}
    assert rows_of("frame") == [{"n": "0.10", "b": "\\x00"}]


@pytest.mark.slow
def test_numbers_of_an_interface_are_the_digits_that_were_sent(allowed: Path, answering: str) -> None:
    assert rows_of("interface", arguments={"base": answering}) == [
        {"n": "12345678901234567890.10", "z": "1.0", "e": "1E2"}
    ]


@pytest.fixture
def answering() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'[{"n": 12345678901234567890.10, "z": 1.0, "e": 1E2}]'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_the_source_sees_its_secret_and_nothing_of_ours(allowed: Path) -> None:
    assert rows_of("printing") == [{"environment": "[]", "key": SECRET}]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        pytest.param({"source": "here:run"}, "outside.dlt_config", marks=pytest.mark.slow),
        ({"source": "os:system"}, "outside.dlt_not_allowed"),
        ({"source": "absent:x"}, "outside.dlt_not_allowed"),
        ({"source": "here:companies"}, "outside.dlt_not_allowed"),
        ({"source": "here.__class__:x"}, "outside.dlt_not_allowed"),
        ({"source": "../here:city"}, "outside.dlt_config"),
        ({"source": "here:city", "arguments": {"api_key": "x"}}, "outside.dlt_not_allowed"),
        ({"source": "here:city", "arguments": {"county": {"a": 1}}}, "outside.dlt_config"),
        ({"source": "here:city", "python": "/bin/sh"}, "outside.dlt_config"),
        ({}, "outside.dlt_config"),
    ],
)
def test_what_nobody_allowed_is_not_run(allowed: Path, config: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as refused, open_source("dlt", config, "x") as source:
        source.find()
    assert refused.value.code == code


def test_without_a_folder_or_with_one_that_others_may_change_nothing_runs(
    allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (allowed / "here.py", allowed / "allowed.toml", allowed):
        mode = path.stat().st_mode
        path.chmod(mode | 0o002)
        with pytest.raises(BadInput, match="谁都能改"):
            rows_of("companies")
        path.chmod(mode)
    (allowed / "here.py").rename(allowed.parent / "here.py")
    (allowed / "here.py").symlink_to(allowed.parent / "here.py")
    with pytest.raises(BadInput, match="没有这个模块"):
        rows_of("companies")
    monkeypatch.delenv("JUTONG_DLT_SOURCES")
    with pytest.raises(BadInput, match="还没有放行"):
        rows_of("companies")


@pytest.mark.parametrize(
    ("table", "kind", "code"),
    [
        ("failing", BadInput, "outside.dlt_failed"),
        ("leaving", Unavailable, "outside.dlt_unreachable"),
        ("silent", BadInput, "outside.dlt_too_slow"),
        ("strange", BadInput, "outside.dlt_shape"),
        ("nothing", BadInput, "outside.table_missing"),
    ],
)
@pytest.mark.slow
def test_a_source_that_breaks_is_told_with_its_own_code_and_without_its_secret(
    allowed: Path, table: str, kind: type[Exception], code: str
) -> None:
    patience = 2.0 if table == "silent" else 600.0
    with pytest.raises(kind) as told:
        rows_of(table, patience=patience)
    assert told.value.code == code  # type: ignore[attr-defined]
    assert "marked" not in str(told.value)


@pytest.mark.slow
def test_a_value_its_declared_type_cannot_hold_asks_for_text(allowed: Path) -> None:
    with open_source("dlt", {"source": "here:city"}) as source:
        with pytest.raises(BadInput, match="超出"):
            list(source.read({"table": "wrong"}).batches)
        [batch] = source.read({"table": "wrong"}, text=frozenset({"id"})).batches  # type: ignore[call-arg]
        assert batch.to_pylist() == [{"id": "x"}]


@pytest.mark.slow
def test_columns_may_be_registered_and_then_nothing_else_is_taken(allowed: Path) -> None:
    with pytest.raises(BadInput, match="没登记的字段"):
        rows_of("companies", locator={"columns": ["id", "name"]})
    with open_source("dlt", {"source": "here:city"}) as source, pytest.raises(BadInput, match="增量字段"):
        source.read({"table": "companies"}, since=Since("nothing", None))


def test_values_are_told_by_their_own_text() -> None:
    values = [
        Decimal("1E+2"),
        0.1,
        2**70,
        True,
        b"\x00\xff",
        float("inf"),
        {"a": Decimal("1.0"), "b": [float("nan")]},
    ]
    assert [child.text_of(value) for value in values] == [
        "100", "0.1", str(2**70), "true", "\\x00ff", "inf", '{"a": 1.0, "b": ["nan"]}',
    ]  # fmt: skip
