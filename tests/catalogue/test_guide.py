"""The fields are stated once: the table, the check, the form and the page agree with it."""

from __future__ import annotations

from typing import Any

import pytest

from jutong.catalogue import FIELDS, ITEM_FIELDS, check, form_fields, guide_page
from jutong.catalogue.guide import vars_of
from jutong.database import Connection

from .conftest import new

#: 政务数据共享条例第13条: what every entry must say.
LAW = {
    "name",
    "department_code",
    "formats",
    "update_cycle",
    "share_type",
    "share_methods",
    "use_condition",
    "grade",
}
#: Joined from the department, or refused before it could be kept.
NOT_COLUMNS = {"department_uscc", "secret"}


def sentences(**changes: Any) -> str:
    return "；".join(problem.sentence for problem in check(vars_of(new(**changes))))


def test_a_right_entry_has_no_problems() -> None:
    assert check(vars_of(new())) == []


def test_the_table_has_every_field_and_the_mandatory_ones_may_not_be_null(conn: Connection) -> None:
    rows = conn.execute(
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'jutong' AND table_name IN ('entry', 'item')"
    )
    nullable = {(row["table_name"], row["column_name"]): row["is_nullable"] == "YES" for row in rows}
    for table, fields in (("entry", FIELDS), ("item", ITEM_FIELDS)):
        for one in fields:
            if one.name in NOT_COLUMNS:
                continue
            assert (table, one.name) in nullable, one
            assert not (one.required and nullable[table, one.name]), one


def test_the_law_and_the_sixteen_elements_are_all_there() -> None:
    assert {one.name for one in FIELDS if one.required} >= LAW
    numbers = {one.number for one in (*FIELDS, *ITEM_FIELDS)}
    assert {str(number) for number in range(1, 17)} <= numbers


def test_an_entry_that_says_nothing_hears_everything_at_once() -> None:
    problems = check({"items": [{}]})
    missing = {problem.field for problem in problems}
    assert {one.name for one in FIELDS if one.required and one.kind != "flag"} - {"secret"} <= missing
    assert {problem.item for problem in problems if problem.field == "label"} == {0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"share_type": 2, "share_condition": ""}, "第14条"),
        ({"share_type": 3, "share_condition": "内部资料"}, "第15条"),
        ({"secret": True}, "第3条"),
        ({"open": True}, "开放条件"),
        ({"grade": 1}, "应为 2 级"),
        ({"items": ()}, "至少要有一个信息项"),
        ({"formats": (9,)}, "「信息资源格式」没有「9」"),
        ({"name": "信" * 129}, "最多 128 个"),
    ],
)
def test_each_rule_names_its_ground(changes: dict[str, object], said: str) -> None:
    assert said in sentences(**changes)


def test_withholding_with_a_law_is_right() -> None:
    assert not sentences(share_type=3, share_condition="《中华人民共和国个人信息保护法》第28条")


def test_two_items_of_one_name_are_told_apart() -> None:
    item = new().items[0]
    assert "字段名「uscc」重复" in sentences(items=(item, item))


def test_form_and_page_are_derived() -> None:
    page = guide_page()
    for one in (*FIELDS, *ITEM_FIELDS):
        assert f"| {one.label} | `{one.name}` |" in page
    assert {one.name for one in FIELDS} - {one.name for one in form_fields()} == {
        "code", "department_uscc", "published_at",
    }  # fmt: skip
