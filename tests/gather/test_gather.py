"""Gather: nothing lost, nothing doubled, nothing changed; every refusal is one sentence and stops nobody else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import xlsxwriter
from tests.gather.foreign_city import City, Foreign

import jutong.gather.taking as taking
from jutong.database import Database
from jutong.gather import (
    Source,
    batch,
    batches,
    declare_sources,
    find_source,
    find_tables,
    kept_file,
    probe_source,
    recover,
    sample_rows,
    sources,
    tables,
    take,
)
from jutong.keys import SoftwareKeys
from jutong.store import DatasetSpec
from jutong.terms import BadInput, Conflict, content_hash


def given_and_landed(city: City, table: str, found: dict) -> bool:
    with city.store.reading() as view:
        rows = view.rows(
            f"SELECT _batch, count(*) AS n FROM {view.table(f'raw.{city.name(table)}')} GROUP BY 1"
        )
    return {row["_batch"]: row["n"] for row in rows} == found


# -- law 1 and 2: conservation, raw is as given


def test_a_csv_is_kept_byte_for_byte_beside_its_rows(city: City, csv_folder: Callable[..., Path]) -> None:
    content = '代码,名称,备注\n007,邵阳,\n430522198501010012,"a\nb",""\n'.encode("gb18030")
    folder = csv_folder(a=content)
    city.declare(
        "csv",
        {"folder": str(folder), "encoding": "gb18030"},
        {
            "name": "a",
            "locator": {"file": "a.csv"},
            "items": (
                {"name": "code", "label": "代码"},
                {"name": "name", "label": "名称"},
                {"name": "note", "label": "备注"},
            ),
        },
    )
    got = city.take("r1")["a"]
    assert city.rows("a") == [
        (got.id, 1, "007", "邵阳", None),
        (got.id, 2, "430522198501010012", "a\nb", ""),
    ]
    assert (got.given, got.bytes, got.state) == (2, len(content), "received")
    assert got.file_sha256 == hashlib.sha256(content).hexdigest()
    kept = kept_file(city.home, got)
    assert kept
    assert kept.read_bytes() == content
    expected = content_hash(
        [("007", "邵阳", None), ("430522198501010012", "a\nb", "")], ["text", "text", "text"]
    )
    assert got.content_hash == expected.digest
    assert sample_rows(city.store, city.name("a"), got.id, limit=1) == [
        {"_row": 1, "code": "007", "name": "邵阳", "note": None}
    ]


def test_tables_of_a_database_land_together_with_their_own_types(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute(
        "CREATE TABLE a (id int, money numeric(18,2), day date); CREATE TABLE b (t text, filename text)"
    )
    foreign.execute("INSERT INTO a VALUES (1, 1234567890123456.78, '2024-02-29'), (2, NULL, NULL)")
    foreign.execute("INSERT INTO b VALUES ('x', 'y')")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {"name": "a", "locator": {"table": "a"}},
        {"name": "b", "locator": {"table": "b"}},
    )
    got = city.take("r1")
    assert got["a"].snapshot == got["b"].snapshot
    assert [row[2:4] for row in city.rows("a")] == [(1, "1234567890123456.78"), (2, None)]
    assert city.rows("b", '"t", "filename_"') == [("x", "y")]
    spec = city.store.spec(f"raw.{city.name('a')}")
    assert [item.type for item in spec.items] == ["text", "integer", "integer", "text", "date"]


def test_a_large_table_streams_in_a_commit_of_its_own(
    city: City, foreign: Foreign, foreign_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "SMALL_ROWS", 1000)
    foreign.execute("CREATE TABLE a AS SELECT g AS id, 'n' || g AS name FROM generate_series(1, 200000) g")
    foreign.execute("CREATE TABLE b AS SELECT g AS id FROM generate_series(1, 10) g")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {"name": "a", "locator": {"table": "a"}},
        {"name": "b", "locator": {"table": "b"}},
    )
    got = city.take("r1")
    assert (got["a"].given, got["b"].given) == (200000, 10)
    assert got["a"].snapshot != got["b"].snapshot
    assert city.rows("a", "count(*), count(DISTINCT _row), max(_row), sum(id)", "1")[0] == (
        200000, 200000, 200000, 20000100000,
    )  # fmt: skip
    expected = content_hash(((number, f"n{number}") for number in range(1, 200001)), ["integer", "text"])
    assert got["a"].content_hash == expected.digest


def test_excel_reports_what_was_lost_at_the_source(city: City, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet("企业")
    sheet.write_row(0, 0, ["代码", "证件"])
    sheet.write_row(1, 0, ["001", 430522198501010012])
    book.close()
    city.declare(
        "excel", {"folder": str(tmp_path)}, {"name": "a", "locator": {"file": "a.xlsx", "sheet": "企业"}}
    )
    got = city.take("r1")["a"]
    assert [row[2:] for row in city.rows("a")] == [("001", "430522198501010000")]
    assert got.noticed == 1
    assert got.notices[0]["code"] == "outside.excel_precision_lost"
    assert (got.notices[0]["row"], got.row_offset) == (2, 1)


def test_a_file_that_went_with_a_purge_does_not_come_back(
    city: City, csv_folder: Callable[..., Path]
) -> None:
    folder = csv_folder(gone=b"code,name\n1,a\n")
    city.declare("csv", {"folder": str(folder)}, {"name": "gone", "locator": {"file": "gone.csv"}})
    first = city.take("r1")["gone"]
    kept = kept_file(city.home, first)
    assert kept is not None
    kept.unlink()
    with city.database.connection() as connection:
        connection.execute(
            "WITH p AS (INSERT INTO purge (sought, digest, period, basis, reason, applied_by) VALUES"
            " ('x', repeat('0', 64), '2026', '法', '案', 'a') RETURNING id)"
            " INSERT INTO purge_file SELECT id, 'delivered', %s FROM p",
            (first.file_sha256,),
        )
    refused = city.take("r2")["gone"]
    assert (refused.state, (refused.problem or {})["code"]) == ("failed", "gather.purged_file")
    assert not kept.exists()
    (folder / "gone.csv").write_text("code,name\n2,b\n", encoding="utf-8")
    assert city.take("r3")["gone"].state == "received"


def test_a_file_taken_before_is_not_taken_twice(city: City, csv_folder: Callable[..., Path]) -> None:
    folder = csv_folder(a=b"a\n1\n2\n")
    city.declare("csv", {"folder": str(folder)}, {"name": "a", "locator": {"file": "a.csv"}})
    first = city.take("r1")["a"]
    assert city.take("r2")["a"].id == first.id
    csv_folder(a=b"a\n1\n2\n3\n")
    again = city.take("r3")["a"]
    assert again.given == 3
    assert given_and_landed(city, "a", {first.id: 2, again.id: 3})


# -- incremental


def test_an_increment_neither_loses_nor_doubles_at_the_boundary(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute("CREATE TABLE a (id int PRIMARY KEY, v text, at timestamp)")
    foreign.execute("INSERT INTO a VALUES (1, 'a', '2024-01-01'), (2, 'b', '2024-01-02'), (3, 'c', NULL)")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {
            "name": "a", "locator": {"table": "a", "lookback": 3600}, "mode": "incremental",
            "watermark_item": "at", "keys": ("id",),
        },
    )  # fmt: skip
    first = city.take("r1")["a"]
    assert (first.given, first.watermark_from, first.watermark_to) == (3, None, "2024-01-02 00:00:00")
    assert city.take("r2")["a"].given == 0
    # the same instant: another row, a changed row; committed late; without watermark; in the far future
    foreign.execute("INSERT INTO a VALUES (0, 'same instant', '2024-01-02')")
    foreign.execute("UPDATE a SET v = 'changed within the instant' WHERE id = 2")
    foreign.execute("INSERT INTO a VALUES (4, 'late', '2024-01-01 23:30'), (5, 'none', NULL)")
    foreign.execute("INSERT INTO a VALUES (6, 'future', '9999-12-31')")
    third = city.take("r3")["a"]
    taken = city.rows("a", "id, v", f"_batch <> '{third.id}', id")[: third.given]
    assert taken == [
        (0, "same instant"), (2, "changed within the instant"), (4, "late"), (5, "none"), (6, "future"),
    ]  # fmt: skip
    assert third.watermark_to
    assert third.watermark_to < "9999"
    foreign.execute("INSERT INTO a VALUES (7, 'after the future', localtimestamp)")
    fourth = city.take("r4")["a"]
    assert fourth.given == 1
    assert city.take("r5")["a"].given == 0
    assert city.take("r6", full=True)["a"].given == 8


def test_every_row_is_taken_exactly_once_over_many_increments(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    import random

    chance = random.Random(7)
    foreign.execute("CREATE TABLE a (id int PRIMARY KEY, day date)")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {
            "name": "a",
            "locator": {"table": "a"},
            "mode": "incremental",
            "watermark_item": "day",
            "keys": ("id",),
        },
    )
    written, given = 0, 0
    for run in range(8):
        for _ in range(chance.randrange(0, 30)):
            foreign.execute(
                "INSERT INTO a VALUES (%s, date '2024-01-01' + %s)", (written, run + chance.choice([0, 0, 1]))
            )
            written += 1
        given += city.take(f"r{run}")["a"].given or 0
    assert given == written
    assert city.rows("a", "count(*), count(DISTINCT id)", "1") == [(written, written)]


# -- bad input


def test_a_bad_table_fails_with_its_sentence_and_stops_no_other(
    city: City, csv_folder: Callable[..., Path]
) -> None:
    folder = csv_folder(
        good=b"a,b\n1,2\n",
        ragged=b"a,b\n1,2\n3\n",
        empty=b"",
        wrong="名\n邵\n".encode("gb18030"),
        lacks=b"a\n1\n",
    )
    items = ({"name": "a", "label": "甲"}, {"name": "b", "label": "乙"})
    city.declare(
        "csv",
        {"folder": str(folder)},
        {"name": "good", "locator": {"file": "good.csv"}, "items": items},
        {"name": "ragged", "locator": {"file": "ragged.csv"}},
        {"name": "empty", "locator": {"file": "empty.csv"}},
        {"name": "wrong", "locator": {"file": "wrong.csv", "encoding": "utf-8"}},
        {"name": "lacks", "locator": {"file": "lacks.csv"}, "items": items},
        {"name": "absent", "locator": {"file": "absent.csv"}},
    )
    got = city.take("r1")
    assert got["good"].state == "received"
    assert {name: each.problem["code"] for name, each in got.items() if each.problem} == {
        "ragged": "outside.csv_ragged", "empty": "outside.file_empty", "wrong": "outside.csv_encoding",
        "lacks": "gather.column_missing", "absent": "outside.file_missing",
    }  # fmt: skip
    assert got["ragged"].problem
    assert (got["ragged"].problem["file"], got["ragged"].problem["row"]) == ("ragged.csv", 3)
    # mended and sent again under the same run: only what failed is taken
    csv_folder(ragged=b"a,b\n1,2\n3,4\n")
    again = city.take("r1")
    assert (again["ragged"].state, again["ragged"].given, again["ragged"].problem) == ("received", 2, None)
    assert again["good"] == got["good"]
    with city.database.connection() as connection:
        assert batch(connection, again["ragged"].id)["state"] == "received"
        assert len(batches(connection, source=city.source, state="failed")) == 4


def test_an_unreachable_source_fails_all_its_tables_in_one_sentence(city: City) -> None:
    city.declare(
        "postgres",
        {"host": "/nowhere", "dbname": "d", "user": "u"},
        {"name": "a", "locator": {"table": "a"}},
        {"name": "b", "locator": {"table": "b"}},
    )
    got = city.take("r1")
    assert [each.problem["code"] for each in got.values() if each.problem] == [
        "outside.postgres_unreachable"
    ] * 2
    with city.database.connection() as connection, pytest.raises(BadInput):
        take(
            find_tables(connection, city.source)[0],
            database=city.database,
            store=city.store,
            home=city.home,
        )


def test_a_source_that_vanishes_in_mid_read_leaves_nothing_of_that_table(
    city: City, foreign: Foreign, foreign_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "SMALL_ROWS", 1000)
    monkeypatch.setattr(taking, "RETRY_PAUSES", (0.0,))
    foreign.execute("CREATE TABLE a (id int)")
    foreign.execute("INSERT INTO a VALUES (1)")
    foreign.execute("CREATE TABLE b AS SELECT g AS id, repeat('x', 100) t FROM generate_series(1, 200000) g")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {"name": "a", "locator": {"table": "a"}},
        {"name": "b", "locator": {"table": "b"}},
    )
    landing_streaming = taking.land_streaming

    def cut(*args: object, **more: object) -> object:
        foreign.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'jutong' AND datname = current_database()"
        )
        return landing_streaming(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(taking, "land_streaming", cut)
    got = city.take("r1")
    assert got["b"].problem
    assert got["b"].problem["code"] == "outside.source_vanished"
    assert got["a"].given == 1  # read before the cut, and landed
    assert city.store.count(f"raw.{city.name('b')}") == 0
    monkeypatch.setattr(taking, "land_streaming", landing_streaming)
    assert city.take("r1")["b"].given == 200000
    assert city.store.count(f"raw.{city.name('b')}") == 200000


def test_one_table_the_lake_refuses_does_not_take_its_neighbours_with_it(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute('CREATE TABLE good (id int); CREATE TABLE bad (v text, "_batch" text)')
    foreign.execute("INSERT INTO good VALUES (1); INSERT INTO bad VALUES ('x', 'y')")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {"name": "good", "locator": {"table": "good"}},
        {"name": "bad", "locator": {"table": "bad"}},
    )
    name = city.name("bad")
    from jutong.terms import DatasetName, Item

    city.store.declare([DatasetSpec(DatasetName.parse(f"raw.{name}"), "坏", (Item("v", "v", "date"),))])
    with city.store.writing("seed-" + name, f"raw.{name}", author="test") as writer:
        writer.append(f"raw.{name}", "SELECT DATE '2024-01-01' AS v")
    foreign.execute("ALTER TABLE bad ALTER v TYPE int USING 1")  # a retype the lake cannot do without loss
    got = city.take("r1")
    assert got["good"].state == "received"
    assert got["bad"].problem
    assert got["bad"].problem["code"] == "store.retype_lossy"


@pytest.mark.skipif(os.geteuid() != 0, reason="装载小文件系统须是 root")
def test_a_full_disk_fails_the_table_and_keeps_nothing(city: City, tmp_path: Path) -> None:
    import subprocess

    small = city.home / "files"
    small.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("这台机器不许装载文件系统")
    try:
        (tmp_path / "a.csv").write_bytes(b"a\n" + b"1\n" * 100_000)
        city.declare("csv", {"folder": str(tmp_path)}, {"name": "a", "locator": {"file": "a.csv"}})
        got = city.take("r1")["a"]
        assert got.problem
        assert got.problem["code"] == "gather.disk_full"
        assert [path for path in small.rglob("*") if path.is_file()] == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


# -- crashes


def test_a_run_killed_between_lake_and_control_database_is_settled_by_the_next(
    city: City, csv_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = csv_folder(a=b"a\n1\n2\n")
    city.declare("csv", {"folder": str(folder)}, {"name": "a", "locator": {"file": "a.csv"}})

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    import jutong.gather.landing as landing

    monkeypatch.setattr(landing, "settle", killed)
    with pytest.raises(Killed):
        city.take("r1")
    monkeypatch.undo()
    with city.database.connection() as connection:
        assert batches(connection, source=city.source) == []
    again = city.take("r1")["a"]
    assert (again.given, again.state) == (2, "received")
    assert again.snapshot
    assert given_and_landed(city, "a", {again.id: 2})
    with city.database.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM gathering").fetchone() == {"n": 0}


def test_a_run_killed_before_its_commit_leaves_nothing_and_is_done_again(
    city: City, csv_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = csv_folder(a=b"a\n1\n2\n")
    city.declare("csv", {"folder": str(folder)}, {"name": "a", "locator": {"file": "a.csv"}})

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(city.store, "write", killed)
    with pytest.raises(Killed):
        city.take("r1")
    monkeypatch.undo()
    assert recover(city.database, city.store) == []
    got = city.take("r1")["a"]
    assert given_and_landed(city, "a", {got.id: 2})
    assert city.take("r1")["a"].id == got.id
    assert given_and_landed(city, "a", {got.id: 2})


def test_two_takers_of_one_source_do_not_meet(city: City, csv_folder: Callable[..., Path]) -> None:
    folder = csv_folder(a=b"a\n1\n")
    city.declare("csv", {"folder": str(folder)}, {"name": "a", "locator": {"file": "a.csv"}})
    with taking._held(city.database, [city.source]), pytest.raises(Conflict) as raised:
        city.take("r1")
    assert raised.value.code == "gather.source_busy"
    assert city.take("r1")["a"].given == 1


# -- declaring, testing, pages


def test_a_declaration_repeated_changes_nothing_and_a_wrong_one_is_refused(
    city: City, csv_folder: Callable[..., Path]
) -> None:
    folder = csv_folder(a=b"a\n1\n")
    table = {"name": "a", "locator": {"file": "a.csv"}, "entry_id": 7}
    city.declare("csv", {"folder": str(folder)}, table)
    city.declare("csv", {"folder": str(folder)}, {**table, "entry_id": None})
    with city.database.connection() as connection:
        (found,) = find_tables(connection, city.source)
        assert (found.entry_id, found.department_code) == (7, "D23")
    for wrong in (
        {"mode": "incremental"},
        {"name": "坏"},
        {"keys": ("x",), "items": ({"name": "a", "label": "a"},)},
    ):
        with pytest.raises(BadInput) as raised:
            city.declare("csv", {"folder": str(folder)}, {**table, **wrong})
        assert raised.value.code == "gather.bad_table"


def test_a_source_is_tested_without_taking_anything(
    city: City, foreign: Foreign, foreign_url: str, tmp_path: Path
) -> None:
    foreign.execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2)")
    keys = SoftwareKeys.open(tmp_path / "keys")
    parts = psycopg.conninfo.conninfo_to_dict(foreign_url)
    password = str(parts.pop("password"))
    sealed = f"sealed:{keys.seal(password.encode(), f'source:{city.source}')}"
    city.declare(
        "postgres",
        parts,
        {"name": "a", "locator": {"table": "a"}},
        {"name": "b", "locator": {"table": "gone"}},
        secret_ref=sealed,
    )
    with city.database.connection() as connection:
        source, found = find_source(connection, city.source), find_tables(connection, city.source)
    probed = probe_source(source, found, keys)
    assert not probed.ok
    assert [each.rows for each in probed.tables] == [({"id": 1}, {"id": 2}), ()]
    assert probed.tables[1].problem
    assert probed.tables[1].problem["code"] == "outside.table_missing"
    assert [dict(each.locator) for each in probed.found] == [{"schema": "public", "table": "a"}]
    without = probe_source(source, found, None)
    assert without.problem
    assert without.problem["code"] == "gather.secret_missing"
    assert city.take("r1", keys=keys)["a"].given == 2
    with city.database.connection() as connection:
        assert batches(connection, source=city.source, state="received")[0]["department"] == "市场监管局"
        (row,) = [row for row in sources(connection, kind="postgres") if row["name"] == city.source]
        assert (row["tables"], row["given"], row["failed"]) == (2, 2, 1)
        assert [row["batch_state"] for row in tables(connection, city.source)] == ["received", "failed"]


def test_a_paused_name_or_wrong_department_is_refused_by_the_database(database: Database) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation), database.connection() as connection:
        declare_sources(connection, [Source("x", "D99", "csv", "x")])
