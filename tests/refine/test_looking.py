"""What pages ask: issues chosen and counted, scores by dimension, the workbook for the provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.refine.town import Town

from jutong.refine import Chosen, count_issues, export_issues, issue_groups, issues, refinements, scores
from jutong.terms import NotFound

ITEMS = [
    {"name": "no", "label": "编号", "element": "code"},
    {"name": "uscc", "label": "信用代码", "element": "uscc"},
    {"name": "day", "label": "日期", "type": "date"},
    {"name": "memo", "label": "备注"},
]


@pytest.fixture(scope="module")
def batches(town: Town) -> tuple[str, str]:
    """A batch of department D23 with three issues, one of D19 with one."""
    first = town.land(
        town.table(ITEMS),
        [
            {"no": "007", "uscc": "91430502MA4L000115", "day": "2023-05-09"},
            {"no": "008", "uscc": "91430502MA4L000116", "day": "以后", "memo": "=1+1"},
            {"no": "009", "uscc": "9", "day": "2023-05-09"},
        ],
        row_offset=1,
    )
    second = town.land(
        town.table(ITEMS, department="D19"),
        [{"no": "1", "day": "2023-02-30"}, {"no": "2"}, {"no": "3"}, {"no": "4"}],
    )
    town.refine()
    return first, second


def test_issues_are_chosen_by_department_batch_rule_and_item(town: Town, batches: tuple[str, str]) -> None:
    first, second = batches
    assert count_issues(town.store, Chosen()) == 4
    assert {row["batch"] for row in issues(town.store, Chosen(department="D19"))} == {second}
    assert [row["rule"] for row in issues(town.store, Chosen(batch=first))] == [
        "date.form",
        "uscc.check_digit",
        "uscc.form",
    ]
    assert [
        row["row_no"] for row in issues(town.store, Chosen(batch=first, item="uscc", severity="reject"))
    ] == [3]
    assert len(issues(town.store, Chosen(), limit=3, offset=2)) == 2
    assert count_issues(town.store, Chosen(rule="no.such")) == 0


def test_issues_are_counted_without_reading_the_lake(town: Town, batches: tuple[str, str]) -> None:
    first, _ = batches
    with town.database.connection() as connection:
        by_department = issue_groups(connection, "department", Chosen())
        by_rule = issue_groups(connection, "rule", Chosen(batch=first))
        by_item = issue_groups(connection, "item", Chosen(department="D23"))
    assert [(row["name"], row["label"], row["rows"], row["rejected"]) for row in by_department] == [
        ("D23", "部门D23", 3, 2), ("D19", "部门D19", 1, 1),
    ]  # fmt: skip
    assert {row["name"]: row["rows"] for row in by_rule} == {
        "date.form": 1,
        "uscc.check_digit": 1,
        "uscc.form": 1,
    }
    assert by_item[0]["rows"] == 2


def test_scores_say_how_many_rows_in_a_hundred_are_without_a_question(
    town: Town, batches: tuple[str, str]
) -> None:
    with town.database.connection() as connection:
        by_department = {row["name"]: row for row in scores(connection, "department")}
        (of_day,) = scores(connection, "day", department="D23")
        rows = refinements(connection, batch=batches[0])
    assert by_department["D23"]["score"] == pytest.approx(33.33, abs=0.01)
    assert by_department["D19"]["score"] == 75
    assert (by_department["D23"]["given"], by_department["D23"]["accepted"]) == (3, 1)
    assert by_department["D23"]["dimensions"] == {
        "规范性": 33.33, "完整性": 100.0, "准确性": 66.67, "一致性": 100.0, "时效性": 100.0, "可访问性": 100.0,
    }  # fmt: skip
    assert of_day["name"] == "2025-06-01"
    assert (rows[0]["department"], rows[0]["given"], rows[0]["state"]) == ("部门D23", 3, "refined")


def test_the_workbook_marks_the_wrong_cells_and_keeps_every_value_as_given(
    town: Town, batches: tuple[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "issues.xlsx"
    with town.database.connection() as connection:
        assert export_issues(connection, town.store, batches[0], str(target)) == 3
    book = openpyxl.load_workbook(target)
    sheet: Any = book["问题数据"]
    assert [cell.value for cell in sheet[1]] == [
        "行号",
        "处理",
        "问题说明",
        "编号",
        "信用代码",
        "日期",
        "备注",
    ]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        [3, "未接收", sheet["C2"].value, "008", "91430502MA4L000116", "以后", "=1+1"],
        [4, "未接收", sheet["C3"].value, "009", "9", "2023-05-09", None],
    ]
    assert "「日期」应为日期" in sheet["C2"].value
    assert [cell.data_type for cell in sheet[2]][3:] == ["s"] * 4
    red, amber = "FFF8D7DA", "FFFFF1CC"
    assert (sheet["F2"].fill.fgColor.rgb, sheet["E2"].fill.fgColor.rgb, sheet["E3"].fill.fgColor.rgb) == (
        red,
        amber,
        red,
    )
    assert sheet["D2"].fill.fgColor.rgb not in (red, amber)
    assert "「日期」应为日期" in sheet["F2"].comment.text
    summary: Any = book["说明"]
    words = [[cell.value for cell in row] for row in summary.iter_rows()]
    assert words[1][:2] == ["提供部门", "部门D23"]
    assert ["uscc.check_digit", "信用代码", "请核对", 1] in [row[:4] for row in words]


def test_a_batch_that_is_not_there_has_no_workbook(
    town: Town, batches: tuple[str, str], tmp_path: Path
) -> None:
    with town.database.connection() as connection, pytest.raises(NotFound, match="没有批次"):
        export_issues(connection, town.store, "none", str(tmp_path / "x.xlsx"))


def test_there_is_nothing_to_show_in_a_city_that_has_refined_nothing(town: Town) -> None:
    """The dataset of issues is made with the first refining; pages ask before that."""

    class Empty:
        def spec(self, _: str) -> None:
            raise NotFound("store.no_dataset", "没有")

    assert issues(Empty(), Chosen()) == []  # type: ignore[arg-type]
    assert count_issues(Empty(), Chosen()) == 0  # type: ignore[arg-type]
