"""The lists of the survey: 7488, 673, 37, 1773, and every entry as the guide and the law want it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from jutong.catalogue import check
from jutong.city import demands, departments, entries, entry_of_table, source_tables


def test_there_are_7488_entries_673_supplied_37_withheld():
    rows = entries()
    assert len(rows) == 7488
    assert sum(row.committed and row.dataset is not None for row in rows) == 673
    assert sum(row.share_type == 3 for row in rows) == 37


def test_no_two_entries_share_a_name_a_code_or_a_summary():
    rows = entries()
    for values in ([row.name for row in rows], [row.code for row in rows], [row.summary for row in rows]):
        assert len(set(values)) == 7488


def test_the_guide_and_the_law_find_nothing_wrong():
    for row in entries():
        assert check({name: getattr(row, name) for name in row.__dataclass_fields__}) == []


def test_what_is_withheld_cites_its_law_and_is_not_supplied():
    for row in entries():
        if row.share_type == 3:
            assert "《" in row.share_condition
            assert not row.committed


def test_every_body_has_entries_and_every_theme_is_met():
    rows = entries()
    assert {row.department_code for row in rows} == {row.code for row in departments()}
    assert len({row.theme for row in rows}) >= 10
    assert {row.update_cycle for row in rows} >= {1, 2, 3, 4, 5, 6, 7}
    assert Counter(row.share_type for row in rows)[2] > 1000


def test_items_are_bound_to_elements_and_grades_reach_the_entry():
    rows = entries()
    assert sum(len(row.items) for row in rows) > 55_000
    for row in rows:
        assert all(item.element for item in row.items)
        assert row.grade == max(item.grade for item in row.items)
        assert any(item.is_key for item in row.items)


def test_a_supplied_entry_has_the_items_of_its_table():
    for table in source_tables():
        entry = entry_of_table(table.name)
        assert [item.name for item in entry.items] == [item["name"] for item in table.items]
        assert entry.department_code == table.department_code
        assert entry.dataset == f"standard.{table.name}"


def test_licences_and_credit_are_counted_by_their_class():
    groups = {table.name: table for table in source_tables()}
    for entry in entries():
        if entry.dataset:
            name = groups[entry.dataset.removeprefix("standard.")].name
            assert (entry.class_code == "105") == ("licence_" in name and "credit" not in name)
            assert (entry.class_code == "104") == ("credit_" in name and name != "tax_credit")


def test_1773_demands_and_those_met_name_an_entry_of_somebody_else():
    rows = demands()
    owner = {row.code: row.department_code for row in entries()}
    assert len(rows) == len({(row.department_code, row.name) for row in rows}) == 1773
    assert {row.status for row in rows} == {"met", "coordinating", "confirming", "unable"}
    for row in rows:
        assert (row.status == "met") == (row.entry_code is not None)
        if row.entry_code:
            assert owner[row.entry_code] not in (None, row.department_code)
            assert row.provider_code == owner[row.entry_code]


@pytest.mark.slow
def test_another_process_makes_the_same_catalogue():
    code = (
        "import hashlib; from jutong.city.catalogue import demands, entries; "
        "print(hashlib.sha256(repr((entries(), demands())).encode()).hexdigest())"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second != ""
