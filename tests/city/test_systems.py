"""The departments' systems, read back by the platform's own readers and held against the truth."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from jutong.city import advance, drop_sources, marks, plan, source_tables, sources, truth, write_sources
from jutong.city import systems as city_systems
from jutong.outside import open_source
from jutong.terms import Conflict

SCALE = 0.0005
#: Two databases, GB18030 and marked UTF-8 files, a workbook; with delivered tables in full and by watermark.
UNITS = ("D13", "D18", "D20", "D33", "D34", "C03")


def read(home: Path, url: str, scale: float, units: tuple[str, ...]) -> dict[str, pa.Table]:
    """Every table of these units as gathering would read it."""
    found = {}
    tables = source_tables(scale)
    for source in sources(home, url, scale):
        if source.department_code in units:
            with open_source(source.kind, source.config, source.secret(None)) as opened:
                for table in tables:
                    if table.source_name == source.name:
                        reading = opened.read(table.locator)
                        found[table.name] = pa.Table.from_batches(reading.batches, reading.schema)
    return found


def digest(home: Path, tables: dict[str, pa.Table]) -> str:
    """All rows as read and all files as written."""
    total = hashlib.sha256()
    for name in sorted(tables):
        rows = tables[name].to_pylist()
        total.update(f"{name} {sorted(map(repr, rows))}".encode())
    for file in sorted((home / "outside").rglob("*.csv")) + sorted((home / "outside").rglob("*.xlsx")):
        total.update(file.read_bytes())
    for kind in ("rows", "errors", "entities"):
        total.update(repr(truth(home, kind).to_pylist()).encode())
    return total.hexdigest()


@pytest.fixture
def clean(world, forget):
    """The outside world without any department's database."""
    forget()
    return world


def test_truth_counts_are_the_rows_really_in_the_sources(home, clean):
    written = write_sources(home, clean, SCALE, units=UNITS)
    tables = read(home, clean, SCALE, UNITS)
    expected = {row["source_table"]: row["rows_written"] for row in truth(home, "rows").to_pylist()}
    assert {name: rows.num_rows for name, rows in tables.items()} == expected
    assert sum(expected.values()) == written.rows
    assert {source.kind for source in plan(SCALE).sources if source.name in written.made} == {
        "postgres",
        "csv",
        "excel",
    }


def test_every_error_on_record_is_in_its_source(home, clean):
    write_sources(home, clean, SCALE, units=("D20", "C03"))
    tables = read(home, clean, SCALE, ("D20", "C03"))
    declared = {
        table.name: {item["name"]: item["source"] for item in table.items} for table in source_tables(SCALE)
    }
    asked = Counter()
    for error in truth(home, "errors").to_pylist():
        column = tables[error["source_table"]][declared[error["source_table"]][error["item"]]]
        value = column[error["row_no"] - 1].as_py()
        if error["outcome"] != "duplicate":
            # Typed columns of a database come back in their own form.
            assert str(value) == str(error["given"]) or error["given"] is None, error
            asked[error["outcome"]] += 1
    assert set(asked) == {"clean", "flag", "reject"}


def test_doubled_rows_repeat_an_earlier_row(home, clean):
    write_sources(home, clean, 0.002, units=("D20",))
    tables = read(home, clean, 0.002, ("D20",))
    doubled = [row for row in truth(home, "errors").to_pylist() if row["outcome"] == "duplicate"]
    assert doubled
    for row in doubled:
        keys = tables[row["source_table"]][row["item"]].to_pylist()
        assert keys.count(row["key"]) == 2
        assert keys[row["row_no"] - 1] == row["key"]


@pytest.mark.slow
def test_made_twice_the_city_is_the_same_to_the_byte(tmp_path, clean, forget):
    digests = []
    for place in ("one", "two"):
        home = tmp_path / place
        write_sources(home, clean, SCALE, units=UNITS, threads=1 if place == "one" else 2)
        advance(home, clean, SCALE, 1)
        digests.append(digest(home, read(home, clean, SCALE, UNITS)))
        forget()
    assert digests[0] == digests[1]


def test_a_second_call_leaves_everything_alone(home, clean):
    first = write_sources(home, clean, SCALE, units=("D34", "D20"))
    before = digest(home, read(home, clean, SCALE, ("D34", "D20")))
    second = write_sources(home, clean, SCALE, units=("D34", "D20"))
    assert second.made == ()
    assert second.rows == 0
    assert set(second.there) == set(first.made)
    assert digest(home, read(home, clean, SCALE, ("D34", "D20"))) == before


class Killed(BaseException):
    """As sudden as a signal."""


@pytest.mark.parametrize("after", [1, 20])
def test_killed_in_the_middle_the_next_run_gives_the_same_city(tmp_path, clean, after, forget):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_sources(whole, clean, SCALE, units=("D20", "C03"))
    expected = digest(whole, read(whole, clean, SCALE, ("D20", "C03")))
    forget()
    seen = 0

    def die(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == after:
            raise Killed

    with pytest.raises(Killed):
        write_sources(broken, clean, SCALE, units=("D20", "C03"), progress=die)
    assert marks(broken, clean, plan(SCALE)) == {}
    write_sources(broken, clean, SCALE, units=("D20", "C03"))
    assert digest(broken, read(broken, clean, SCALE, ("D20", "C03"))) == expected


def test_killed_between_two_systems_the_finished_one_stays(home, clean, monkeypatch):
    finished = []
    original = city_systems.CsvOutlet.finish

    def finish(self, mark):
        original(self, mark)
        finished.append(self.source.name)
        raise Killed

    monkeypatch.setattr(city_systems.CsvOutlet, "finish", finish)
    with pytest.raises(Killed):
        write_sources(home, clean, SCALE, units=("D09", "D34"))
    monkeypatch.undo()
    assert "d09_files" in marks(home, clean, plan(SCALE))
    rest = write_sources(home, clean, SCALE, units=("D09", "D34"))
    assert "d09_files" in rest.there
    assert set(marks(home, clean, plan(SCALE))) == {"d09_files", "d34_books"}
    tables = read(home, clean, SCALE, ("D09", "D34"))
    expected = {row["source_table"]: row["rows_written"] for row in truth(home, "rows").to_pylist()}
    assert {name: rows.num_rows for name, rows in tables.items()} == expected


def test_a_city_of_another_scale_is_not_mixed_in(home, clean):
    write_sources(home, clean, SCALE, units=("D20",))
    with pytest.raises(Conflict) as refusal:
        write_sources(home, clean, 0.002, units=("D20",))
    assert refusal.value.code == "city.other_scale"


def test_dropped_systems_are_gone_and_their_truth_stays(home, clean):
    write_sources(home, clean, SCALE, units=("D20", "D34"))
    drop_sources(home, clean, SCALE, ("D20",))
    assert set(marks(home, clean, plan(SCALE))) == {"d34_books"}
    assert "veteran" in truth(home, "rows")["source_table"].to_pylist()
    with psycopg.connect(clean, autocommit=True) as connection:
        assert not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'd20_db'").fetchall()


def test_a_departments_login_reads_its_database_and_nothing_else(home, clean):
    write_sources(home, clean, SCALE, units=("D20",))
    source = next(source for source in sources(home, clean, SCALE) if source.name == "d20_db")
    with psycopg.connect(**source.config, password=source.secret(None)) as connection:
        assert connection.execute("SELECT count(*) FROM veteran").fetchone()[0] > 0
        for statement in ("DELETE FROM veteran", "CREATE TABLE mine (x int)", "DROP TABLE veteran"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()


def test_a_round_changes_delivered_tables_as_the_truth_says(home, clean):
    units = ("D13", "D20", "D33")
    write_sources(home, clean, 0.002, units=units)
    before = read(home, clean, 0.002, units)
    advance(home, clean, 0.002, 1)
    after = read(home, clean, 0.002, units)
    moved = {row["source_table"]: row for row in truth(home, "rows", 1).to_pylist()}
    assert set(moved) == {"veteran", "licence_disabled", "building_permit"}
    for name in before:
        if name not in moved:
            assert before[name].equals(after[name])
    for name, row in moved.items():
        assert after[name].num_rows == row["rows_written"]
    newest = max(before["veteran"]["updated_at"].to_pylist())
    fresh = [value for value in after["veteran"]["updated_at"].to_pylist() if value > newest]
    assert len(fresh) == moved["veteran"]["rows_given"] > 1
    keys = [{row["licence_no"] for row in rows["licence_disabled"].to_pylist()} for rows in (before, after)]
    assert keys[0] - keys[1]
    assert keys[1] - keys[0]


def test_a_round_is_made_once(home, clean):
    write_sources(home, clean, SCALE, units=("D20", "D13"))
    advance(home, clean, SCALE, 2)
    first = digest(home, read(home, clean, SCALE, ("D20", "D13")))
    assert advance(home, clean, SCALE, 2).rows == 0
    assert advance(home, clean, SCALE, 1).rows == 0
    assert digest(home, read(home, clean, SCALE, ("D20", "D13"))) == first


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.0005, 0.002])
def test_all_systems_hold_what_the_truth_says(home, clean, scale):
    units = tuple({source.unit for source in plan(scale).sources})
    written = write_sources(home, clean, scale)
    assert len(written.made) == len(plan(scale).sources)
    assert written.rows == round(200_000_000 * scale)
    expected = {row["source_table"]: row["rows_written"] for row in truth(home, "rows").to_pylist()}
    assert {name: rows.num_rows for name, rows in read(home, clean, scale, units).items()} == expected
    assert len(expected) == 673
