"""Rows as they are made: real codes, and errors that are exactly those on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from jutong.city import KINDS, generating, plan
from jutong.city.codes import (
    LICENCE_ROOT,
    licence_check,
    org_check,
    person_check,
    registration_check,
    uscc_check,
)
from jutong.city.generating import generate
from jutong.city.plan import TablePlan
from jutong.city.shaping import Shape, shape
from jutong.elements import element_of, verdict_sql

SCALE = 0.0005
CHECKS = {
    "uscc": lambda v: len(v) == 18 and v[17] == uscc_check(v[:17]) and v[16] == org_check(v[8:16]),
    "org_code": lambda v: len(v) == 9 and v[8] == org_check(v[:8]),
    "business_reg_no": lambda v: len(v) == 15 and v[14] == registration_check(v[:14]),
    "person_id": lambda v: len(v) == 18 and v[17] == person_check(v[:17]),
}


def made(scale: float, names: set[str] | None = None) -> Iterator[tuple[TablePlan, Shape, pa.Table]]:
    city = plan(scale)
    tables = [table for table in city.tables if names is None or table.template.name in names]
    for table, rows in generate(city, tables):
        yield table, shape(table.template, table.source.kind), rows


@pytest.fixture(scope="module")
def everything() -> list[tuple[TablePlan, Shape, pa.Table]]:
    return list(made(SCALE))


def test_every_table_has_the_rows_of_its_plan(everything):
    counts: Counter[str] = Counter()
    for table, _, rows in everything:
        counts[table.name] += rows.num_rows
    assert counts == {table.name: table.rows for table in plan(SCALE).tables}


def test_the_same_city_is_made_again(everything):
    again = {table.name: rows for table, _, rows in made(SCALE)}
    assert all(rows.equals(again[table.name]) for table, _, rows in everything)


def test_a_table_made_alone_is_the_same_as_among_others(everything):
    alone = {table.name: rows for table, _, rows in made(SCALE, {"tax_payer", "low_income"})}
    for table, _, rows in everything:
        if table.name in alone:
            assert rows.equals(alone[table.name])


def test_a_table_made_as_a_stream_is_the_same_as_at_once(everything, monkeypatch):
    monkeypatch.setattr(generating, "_TOGETHER", 0)
    monkeypatch.setattr(generating, "_STREAMED", 64)
    parts: dict[str, list[pa.Table]] = {}
    for table, _, rows in made(SCALE, {"medical_settlement", "credit_licence"}):
        parts.setdefault(table.name, []).append(rows)
    assert len(parts["medical_settlement"]) > 2
    for table, _, rows in everything:
        if table.name in parts:
            assert pa.concat_tables(parts[table.name]).combine_chunks().equals(rows.combine_chunks())


def test_every_code_holds_its_check_digit_unless_it_is_a_seeded_error(everything):
    asked: Counter[str] = Counter()
    for _, form, rows in everything:
        for place, column in enumerate(form.columns):
            if column.element not in CHECKS:
                continue
            faults = {n for n, fault in enumerate(form.faults, start=1) if fault.column.name == column.name}
            for value, fault in zip(rows[column.name].to_pylist(), rows["_fault"].to_pylist(), strict=True):
                if value is not None and fault not in faults:
                    asked[column.element] += 1
                    assert CHECKS[column.element](value), (place, value)
    assert min(asked[element] for element in CHECKS) > 20
    assert asked["person_id"] > 20_000


def test_every_licence_identifier_holds_its_check(everything):
    asked = 0
    for table, _, rows in everything:
        if table.template.group == "licence":
            for value in rows["licence_no"].to_pylist():
                parts = value.removeprefix(f"{LICENCE_ROOT}.").split(".")
                assert parts[-1] == licence_check("".join(parts[:-1]))
                asked += 1
    assert asked == round(760_000 * SCALE)


def test_identity_numbers_are_nobody_elses(everything):
    people = next(rows for table, _, rows in everything if table.name == "population")
    sound = [
        value
        for value, fault in zip(people["person_id"].to_pylist(), people["_fault"].to_pylist(), strict=True)
        if not fault
    ]
    # The doubled rows are doubled on purpose.
    assert len(sound) - len(set(sound)) <= plan(SCALE).table("population").doubled


def test_old_division_codes_are_carried_by_about_8_in_100(everything):
    people = next(rows for table, _, rows in everything if table.name == "population")
    old = sum(
        value[:4] == "4326" or value[:6] == "430521" for value in people["person_id"].to_pylist() if value
    )
    assert 0.05 < old / people.num_rows < 0.12


def test_legal_persons_of_the_three_sources_overlap_and_the_market_has_them_all(everything):
    numbers: dict[str, set[int]] = {}
    for table, _, rows in everything:
        if table.template.group == "legal":
            numbers[table.name] = set(rows["_subject"].to_pylist())
    assert numbers["market_entity"] == set(range(round(942_000 * SCALE)))
    assert numbers["tax_payer"] < numbers["market_entity"]
    assert numbers["social_employer"] < numbers["market_entity"]
    assert numbers["tax_payer"] & numbers["social_employer"]


def test_three_to_four_rows_in_a_hundred_are_dirty_or_doubled(everything):
    total = wrong = 0
    for table, _, rows in everything:
        if table.template.whole:
            continue
        total += rows.num_rows
        wrong += sum(
            f > 0 or d > 0
            for f, d in zip(rows["_fault"].to_pylist(), rows["_twice"].to_pylist(), strict=True)
        )
    assert 0.03 < wrong / total < 0.04


def test_every_kind_says_what_it_is_and_why():
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 25
    assert all(kind.reason for kind in KINDS)
    assert all(bool(kind.rule) == (kind.outcome != "clean") for kind in KINDS)
    assert {kind.outcome for kind in KINDS} == {"clean", "flag", "reject"}


def questioned(form: Shape, rows: pa.Table, engine: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Every row that is at fault or that an element's check speaks against, with what the elements make of it."""
    known = [(column.name, element_of(column.element, column.made.type)) for column in form.columns]
    given = ", ".join(f'CAST("{name}" AS VARCHAR) AS g_{name}' for name, _ in known)
    cleaned = ", ".join(f"{element.clean(f'g_{name}')} AS t_{name}" for name, element in known)
    cast = ", ".join(f"{element.cast(f't_{name}')} AS u_{name}" for name, element in known)
    verdicts = ", ".join(
        f"{verdict_sql(element, f't_{name}', f'u_{name}')} AS d_{name}" for name, element in known
    )
    engine.register("made_rows", rows)
    found = engine.execute(
        f"SELECT * FROM (SELECT *, {verdicts} FROM (SELECT *, {cast} FROM (SELECT *, {cleaned} FROM "
        f"(SELECT {given}, _fault, _meant FROM made_rows)))) WHERE _fault > 0 OR greatest({', '.join(f'd_{n}' for n, _ in known)}) > 0"
    ).to_arrow_table()
    return found.to_pylist()


def spoken(form: Shape, row: dict[str, Any]) -> list[tuple[str, str]]:
    said = []
    for column in form.columns:
        element = element_of(column.element, column.made.type)
        if number := row[f"d_{column.name}"]:
            said.append((column.name, element.checks[number - 1].code))
        elif row[f"t_{column.name}"] is None and column.field.required:
            said.append((column.name, "refine.key_missing" if column.field.key else "refine.required"))
    return said


def differences(tables: Iterator[tuple[TablePlan, Shape, pa.Table]]) -> tuple[list[Any], Counter[str]]:
    """Where the elements do not say exactly what is on record, and how often each kind came."""
    wrong: list[Any] = []
    seen: Counter[str] = Counter()
    with duckdb.connect(config={"threads": "2"}) as engine:
        engine.execute("PRAGMA disable_optimizer")
        for table, form, rows in tables:
            for row in questioned(form, rows, engine) if rows.num_rows else []:
                fault = form.faults[row["_fault"] - 1] if row["_fault"] else None
                seen[fault.kind.name if fault else "none"] += 1
                speaks = fault and fault.kind.outcome != "clean" and not fault.kind.rule.startswith("credit.")
                expected = [(fault.column.name, fault.kind.rule)] if fault and speaks else []
                if spoken(form, row) != expected:
                    wrong.append((table.name, fault and fault.kind.name, spoken(form, row), expected))
                if (
                    fault
                    and fault.kind.outcome == "clean"
                    and str(row[f"u_{fault.column.name}"]) != row["_meant"]
                ):
                    wrong.append((table.name, fault.kind.name, row[f"u_{fault.column.name}"], row["_meant"]))
    return wrong, seen


def test_the_elements_say_exactly_what_is_on_record():
    chosen = {"market_entity", "tax_payer", "social_employer", "marriage", "credit_penalty", "credit_licence",
              "real_estate", "service_case", "low_income", "agri_subsidy", "household_move", "fund_deposit"}  # fmt: skip
    wrong, seen = differences(made(0.002, chosen))
    assert wrong == []
    assert seen["none"] == 0
    assert len(seen) >= 40


@pytest.mark.slow
def test_the_elements_say_exactly_what_is_on_record_in_all_673_tables():
    wrong, seen = differences(made(0.01))
    assert wrong == []
    assert {kind.name for kind in KINDS} - set(seen) == set()


def test_later_rounds_mend_what_they_change_and_leave_the_rest():
    city = plan(0.002)
    table = city.table("insured_person")
    (_, before), (_, after) = (next(iter(generate(city, [table], number))) for number in (0, 2))
    changed = next(iter(generate(city, [table], 2, changed_only=True)))[1]
    own = [column.name for column in shape(table.template, "postgres").columns]
    old = dict(zip(before["_i"].to_pylist(), before.select(own).to_pylist(), strict=True))
    new = dict(zip(after["_i"].to_pylist(), after.select(own).to_pylist(), strict=True))
    assert len(new) == table.rows + 2 * table.arriving
    differing = {number for number, row in new.items() if old.get(number) != row}
    assert set(changed["_i"].to_pylist()) < differing
    assert 0.01 < len(differing) / table.rows < 0.05
    assert max(row["updated_at"] for row in old.values()) < min(
        new[number]["updated_at"] for number in differing
    )
