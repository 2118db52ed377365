"""The plan: every count of the reference city, at every scale."""

from __future__ import annotations

from collections import Counter

import pytest

from jutong.city import departments, plan, source_tables, units_with_sources
from jutong.terms import BadInput

SCALES = (0.0005, 0.002, 0.1, 1.0)


@pytest.mark.parametrize("scale", SCALES)
def test_records_are_exact_to_the_row(scale):
    city = plan(scale)
    assert city.records == round(200_000_000 * scale)
    assert city.table("market_entity").rows == round(942_000 * scale)
    by_group = Counter()
    for table in city.tables:
        by_group[table.template.group] += table.rows
    assert by_group["licence"] == round(760_000 * scale)
    assert by_group["credit"] == round(2_150_000 * scale)


@pytest.mark.parametrize("scale", SCALES)
def test_there_are_673_tables_and_none_is_empty(scale):
    city = plan(scale)
    assert len(city.tables) == len({table.name for table in city.tables}) == 673
    assert min(table.rows for table in city.tables) >= 12
    assert len({table.label for table in city.tables}) == 673


def test_every_department_and_county_unit_has_a_system_of_its_own():
    assert units_with_sources(plan()) == tuple(row.code for row in departments())


def test_systems_are_25_databases_and_files_in_three_encodings_and_workbooks():
    sources = plan().sources
    assert Counter(source.kind for source in sources)["postgres"] == 25
    assert {source.encoding for source in sources if source.kind == "csv"} == {
        "gb18030",
        "utf-8",
        "utf-8-sig",
    }
    assert Counter(source.kind for source in sources)["excel"] >= 12


def test_the_layout_is_the_same_at_every_scale():
    small, full = plan(0.0005), plan(1.0)
    assert [(t.name, t.source, t.mode) for t in small.tables] == [
        (t.name, t.source, t.mode) for t in full.tables
    ]


def test_workbooks_stay_small_at_full_scale():
    assert max(table.rows for table in plan(1.0).tables if table.source.kind == "excel") <= 20_000


def test_only_databases_are_read_by_watermark():
    for table in plan().tables:
        assert (table.mode == "incremental") <= (
            table.source.kind == "postgres" and table.template.watermark is not None
        )
    assert sum(table.mode == "incremental" for table in plan().tables) > 100


@pytest.mark.parametrize("scale", [0, 0.0001, 1.5])
def test_a_scale_that_cannot_hold_the_city_is_refused(scale):
    with pytest.raises(BadInput) as refusal:
        plan(scale)
    assert refusal.value.code == "city.scale"


def test_declarations_name_keys_elements_and_the_sources_own_columns():
    tables = source_tables()
    assert len(tables) == 673
    for table in tables:
        names = {item["name"] for item in table.items}
        assert set(table.keys) <= names
        assert table.watermark_item is None or table.watermark_item in names
        assert all(item["element"] for item in table.items)
    elements = {item["element"] for table in tables for item in table.items}
    assert elements >= {
        "uscc", "org_code", "business_reg_no", "person_id", "person_name", "legal_name", "mobile", "date",
        "datetime", "division_code", "amount", "integer", "text", "code",
    }  # fmt: skip
    headers = {item["source"] for table in tables for item in table.items}
    assert "统一社会信用代码" in headers
    assert "uscc" in headers
