"""What goes out comes in again; a workbook's mistakes are told all at once, each in its place."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
import xlsxwriter

from jutong.catalogue import (
    NewEntry,
    NewItem,
    as_new,
    entry_items,
    export_entries,
    find_entry,
    import_entries,
    read_workbook,
    write_template,
)
from jutong.database import Connection
from jutong.terms import BadInput

from .conftest import Cast, new

DEPARTMENTS = {"邵阳市市场监督管理局": "D23", "市场监管局": "D23", "邵阳市水利局": "D15"}
ENTRIES = ["信息资源分类", "信息资源名称", "信息资源提供方", "信息资源摘要", "信息资源格式", "共享类型", "共享条件",
           "共享方式", "是否向社会开放", "更新周期", "使用条件", "数据分级", "涉密属性"]  # fmt: skip
ITEMS = ["信息资源名称", "信息项名称", "数据类型", "数据长度", "共享类型", "数据分级"]
GOOD = ["102", "企业登记基本信息", "市场监管局", "一户一行", "数据库、服务接口", "有条件共享", "限行政许可", "api", "否",
        "每日", "限本次用途", "2 级", "非涉密"]  # fmt: skip
GOOD_ITEM = ["企业登记基本信息", "统一社会信用代码", "字符型", 18, "无条件共享", "1"]


def workbook(entries: list[list[Any]], items: list[list[Any]], headings: list[str] = ENTRIES) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        for title, head, rows in (("目录", headings, entries), ("信息项", ITEMS, items)):
            sheet = book.add_worksheet(title)
            for number, row in enumerate([head, *rows]):
                sheet.write_row(number, 0, row)
    return content.getvalue()


def exported(conn: Connection, cast: Cast, form: str) -> bytes:
    to = io.BytesIO()
    export_entries(conn, cast.steward, to, form)
    return to.getvalue()


def stocked(conn: Connection) -> list[NewEntry]:
    rows = [
        new(
            open=True,
            open_condition="实名",
            sub_formats=("PostgreSQL",),
            related_codes=("102/000009",),
            committed=True,
        ),
        new(
            "=负面信息",
            share_type=3,
            share_condition="《个人信息保护法》第28条",
            items=(NewItem("姓名", length=50),),
        ),
        new("取水许可信息", department_code="D15", theme="", source_system="水利,一体化"),
    ]
    codes = import_entries(conn, rows).codes
    found = [find_entry(conn, code) for code in codes]
    return [
        replace(as_new(one, entry_items(conn, one.id)), dataset=None, resource_kind=None) for one in found
    ]


def test_an_exported_workbook_comes_in_again_as_it_was(conn: Connection, cast: Cast) -> None:
    kept = stocked(conn)
    read = read_workbook(exported(conn, cast, "xlsx"), DEPARTMENTS)
    assert read.problems == ()
    assert sorted(read.entries, key=lambda one: one.name) == sorted(kept, key=lambda one: one.name)


def test_exported_json_comes_in_again_as_it_was(conn: Connection, cast: Cast) -> None:
    kept = stocked(conn)
    read = [NewEntry.from_row(row) for row in json.loads(exported(conn, cast, "json"))]
    assert sorted(read, key=lambda one: one.name) == sorted(kept, key=lambda one: one.name)


def test_exported_csv_opens_in_excel_and_no_cell_is_a_formula(conn: Connection, cast: Cast) -> None:
    stocked(conn)
    text = exported(conn, cast, "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3
    assert {row["信息资源名称"] for row in rows} >= {"'=负面信息", "企业登记基本信息"}
    first = next(row for row in rows if row["信息资源名称"] == "企业登记基本信息")
    assert first["信息资源提供方代码"] == "11430500006123458E"
    assert first["信息项"] == "统一社会信用代码；企业名称；法定代表人"
    with pytest.raises(BadInput, match=r"catalogue\.unknown_form"):
        exported(conn, cast, "pdf")


def test_a_filled_in_workbook_is_read_by_names_or_codes() -> None:
    read = read_workbook(
        workbook([GOOD], [GOOD_ITEM, ["企业登记基本信息", "状态", "C", "", 1, "2 级"]]), DEPARTMENTS
    )
    assert read.problems == ()
    (one,) = read.entries
    assert (one.department_code, one.formats, one.share_methods, one.grade) == ("D23", (3, 7), ("api",), 2)
    assert [(item.label, item.length, item.grade) for item in one.items] == [
        ("统一社会信用代码", 18, 1),
        ("状态", None, 2),
    ]


def test_every_mistake_is_told_with_sheet_row_and_column() -> None:
    bad = [*GOOD]
    bad[1], bad[2], bad[5], bad[8] = "坏的信息", "没有这个局", "有时共享", "也许"
    secret = [*GOOD]
    secret[1], secret[12] = "涉密信息", "涉密"
    items: list[list[Any]] = [[*GOOD_ITEM], ["坏的信息", "甲", "字符型", "十八", "无条件共享", "1"], ["没有的目录", "乙", "C", 1, 1, 1],
             ["涉密信息", "", "C", 1, 1, 1]]  # fmt: skip
    read = read_workbook(workbook([GOOD, [], bad, secret], items), DEPARTMENTS, "表.xlsx")
    assert [one.name for one in read.entries] == ["企业登记基本信息"]
    said = [str(problem.address) for problem in read.problems]
    assert "表.xlsx · 工作表「信息项」 · 第 3 行 · 「数据长度」" in said
    assert "表.xlsx · 工作表「目录」 · 第 4 行 · 「信息资源提供方」" in said
    assert "表.xlsx · 工作表「目录」 · 第 4 行 · 「共享类型」" in said
    assert "表.xlsx · 工作表「目录」 · 第 4 行 · 「是否向社会开放」" in said
    assert "表.xlsx · 工作表「目录」 · 第 5 行 · 「涉密属性」" in said
    assert "表.xlsx · 工作表「信息项」 · 第 5 行 · 「信息项名称」" in said
    assert any(problem.code == "catalogue.orphan_item" for problem in read.problems)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "catalogue.not_a_workbook"),
        (b"not a workbook", "catalogue.not_a_workbook"),
        (workbook([GOOD], [GOOD_ITEM], ENTRIES[:5]), "catalogue.no_column"),
    ],
)
def test_what_cannot_be_read_at_all_says_why(content: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_workbook(content, DEPARTMENTS)
    assert refused.value.code == code


def test_the_template_has_every_column_and_its_example_is_not_taken_for_an_entry() -> None:
    to = io.BytesIO()
    write_template(to)
    read = read_workbook(to.getvalue(), DEPARTMENTS)
    assert (read.problems, read.entries) == ((), ())
