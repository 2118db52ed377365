"""What every element promises: its examples, idempotent cleaning, masks that hide, no value that breaks it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jutong.elements import (
    ELEMENTS,
    PROFILES,
    Element,
    address_parts_sql,
    current_division_sql,
    divisions,
    element_of,
    masked_sql,
    try_many,
    try_out,
    valid_sql,
)
from jutong.terms import BadInput, Item, literal

plain_elements = pytest.mark.parametrize(
    "element", [one for one in ELEMENTS.values() if one.plain], ids=lambda one: one.name
)
every_element = pytest.mark.parametrize("element", ELEMENTS.values(), ids=list(ELEMENTS))

#: Text as it comes: anything at all, and things near enough to be taken for a value.
near = st.text(
    alphabet="0123456789０１２３Xx年月日长期./-: ,，万元￥()（）邵阳市张三·•　 \u200b\ufeff\t\n'TZE+?�A无",
    max_size=24,
)
anything = st.one_of(
    st.text(max_size=40),
    near,
    st.from_regex(r"[0-9]{4}[-/.年]?[0-9]{1,2}[-/.月]?[0-9]{1,2}日?", fullmatch=True),
)


def test_there_are_thirty_or_more() -> None:
    assert len(ELEMENTS) >= 30


def test_an_address_comes_apart() -> None:
    told = duckdb.execute(
        f"SELECT {address_parts_sql('a')} FROM (SELECT unnest(?) AS a)",
        [
            [
                "湖南省邵阳市隆回县六都寨镇丁山村3组",
                "邵阳市大祥区宝庆中路12号",
                "宝庆中路12号",
                "湖南省城步苗族自治县儒林镇",
            ]
        ],
    ).fetchall()
    assert [tuple(row[0].values()) for row in told] == [
        ("湖南省", "邵阳市", "隆回县", "六都寨镇", "丁山村", "3组"),
        (None, "邵阳市", "大祥区", None, None, "宝庆中路12号"),
        (None, None, None, None, None, "宝庆中路12号"),
        ("湖南省", None, "城步苗族自治县", "儒林镇", None, None),
    ]


def test_the_first_fourteen_are_there() -> None:
    first = "uscc org_code business_reg_no person_id person_name legal_name mobile date datetime division_code amount integer text code"
    assert set(first.split()) <= set(ELEMENTS)


@every_element
def test_examples_that_pass_pass_and_are_cleaned_as_shown(element: Element) -> None:
    tried = try_many(element, [given for given, _ in element.passes])
    assert [(one.cleaned, one.problems) for one in tried] == [(cleaned, ()) for _, cleaned in element.passes]


@every_element
def test_examples_that_fail_fail_for_the_stated_reason(element: Element) -> None:
    tried = try_many(element, [given for given, _ in element.fails])
    assert [[check.code for check in one.problems] for one in tried] == [[code] for _, code in element.fails]


@every_element
def test_every_check_has_an_example_of_its_own(element: Element) -> None:
    assert {check.code for check in element.checks} - {code for _, code in element.fails} <= {"uscc.org_part"}
    assert all(
        check.code.startswith(f"{element.name}.") and "{label}" in check.sentence for check in element.checks
    )


@every_element
@settings(max_examples=10, deadline=None)
@given(values=st.lists(anything, min_size=1, max_size=60))
def test_cleaning_twice_is_cleaning_once_and_nothing_breaks_it(element: Element, values: list[str]) -> None:
    values = [value.replace("\x00", "") for value in values]
    once = [one.cleaned for one in try_many(element, values)]
    assert [one.cleaned for one in try_many(element, once)] == once


def test_what_does_not_end_is_no_date() -> None:
    """A birth that is 永久 must be asked about; 2099-12-31 for 长期 is for whoever writes 有效期至 to say."""
    for element in ("date", "datetime"):
        (tried,) = try_many(ELEMENTS[element], ["长期"])
        assert (tried.value, len(tried.problems)) == (None, 1)


@plain_elements
@settings(max_examples=25, deadline=None)
@given(values=st.lists(anything, min_size=1, max_size=40))
def test_a_plain_value_needs_no_cleaning_and_passes_every_check(element: Element, values: list[str]) -> None:
    assert element.plain
    known = [text for pair in (*element.passes, *element.fails) for text in pair if text]
    given_values = [value.replace("\x00", "") for value in (*values, *known)]
    tried = try_many(replace(element, plain=None), given_values)
    told = duckdb.execute(
        f"SELECT {element.plain('t')}, TRY_CAST(t AS {kind_of(element)}) FROM (SELECT unnest(?) AS t)",
        [given_values],
    ).fetchall()
    for text, one, (plain, read) in zip(given_values, tried, told, strict=True):
        assert not plain or (one.cleaned, one.value, one.problems) == (text, read, ()), text


@plain_elements
def test_most_values_written_as_they_should_be_are_plain(element: Element) -> None:
    assert element.plain
    clean = [cleaned for _, cleaned in element.passes if cleaned]
    told = duckdb.execute(
        f"SELECT count(*) FILTER (WHERE {element.plain('t')}) FROM (SELECT unnest(?) AS t)", [clean]
    ).fetchone()
    assert told
    # Free text may be anything; half of its examples are there for what must not be touched.
    assert told[0] * 2 >= len(clean)


@every_element
def test_nothing_is_no_problem(element: Element) -> None:
    assert [(one.cleaned, one.value, one.problems) for one in try_many(element, [None, "", "   "])] == [
        (None, None, ())
    ] * 3


@every_element
def test_masks_hide_and_keep_null(element: Element) -> None:
    assert tuple(element.masks) == PROFILES
    known = [cleaned for _, cleaned in element.passes if cleaned]
    shown = next((one for one in known if len(one) > 1), known[0])
    for profile in PROFILES:
        value = element.cast(literal(shown))
        sql = f"SELECT {masked_sql(element, profile, 'v')}, v::VARCHAR, typeof({masked_sql(element, profile, 'v')}) FROM (SELECT {value} AS v)"
        masked, plain, kind = duckdb.sql(sql).fetchone()
        assert masked != plain, (element.name, profile)
        assert "*" in masked
        assert kind == "VARCHAR"
        empty = duckdb.sql(
            f"SELECT {masked_sql(element, profile, 'v')} FROM (SELECT CAST(NULL AS {kind_of(element)}) AS v)"
        ).fetchone()
        assert empty == (None,)


def kind_of(element: Element) -> str:
    return {"text": "VARCHAR", "integer": "BIGINT"}.get(element.type, element.type)


@every_element
def test_its_type_is_an_item_type_and_its_grade_lawful(element: Element) -> None:
    assert Item("x", "x", type=element.type, grade=element.grade).type == element.type
    assert element.grade in range(1, 5)


@pytest.mark.parametrize(
    ("element", "profile", "value", "masked"),
    [
        ("person_id", "middle", "432621198503120016", "432***********0016"),
        ("person_name", "middle", "张三丰", "张**"),
        ("mobile", "middle", "13973912345", "139****2345"),
        ("mobile", "ends", "13973912345", "***7391****"),
        ("mobile", "tail", "13973912345", "139********"),
        ("mobile", "middle", "12345", "*****"),
        ("legal_name", "full", "邵阳市宏达商贸有限公司", "******"),
        ("date", "middle", dt.date(1985, 3, 12), "1985-**-**"),
        ("amount", "middle", Decimal("1234.50"), "******"),
    ],
)
def test_masks_look_as_people_expect(element: str, profile: str, value: object, masked: str) -> None:
    assert duckdb.execute(
        f"SELECT {masked_sql(element, profile, 'v')} FROM (SELECT ? AS v)", [value]
    ).fetchone() == (masked,)


def test_the_odd_code_that_is_really_in_use_is_flagged_and_stays() -> None:
    odd = try_out(ELEMENTS["uscc"], "91350203M0001QAY9B")
    assert odd.value == "91350203M0001QAY9B"
    assert [(check.code, check.severity) for check in odd.problems] == [("uscc.check_digit", "flag")]


def test_every_published_credit_code_holds() -> None:
    codes = [
        "91350200776049653A", "91350500798359476R", "913502000728319549", "123502001549897397",
        "913502115628130384", "9135021359498494XQ", "9135052155323005XL", "91230500MA1B3N1N2M",
        "11230500001755309F", "91430502MA4L000115", "11430500006123458E",
    ]  # fmt: skip
    assert [one.problems for one in try_many(ELEMENTS["uscc"], codes)] == [()] * len(codes)
    parts = [code[8:17] for code in codes]
    assert [one.problems for one in try_many(ELEMENTS["org_code"], parts)] == [()] * len(codes)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("0.1", Decimal("0.10")),
        ("9007199254740993.01", Decimal("9007199254740993.01")),
        ("1.23456789亿元", Decimal("123456789.00")),
        ("(1,000)", Decimal("-1000.00")),
    ],
)
def test_amounts_never_go_through_float(given: str, value: Decimal) -> None:
    assert try_out(ELEMENTS["amount"], given).value == value


def test_old_division_codes_become_todays_by_date() -> None:
    def now(code: str, on: str = "NULL::DATE") -> str:
        row = duckdb.sql(
            f"SELECT {current_division_sql('c', 'd')} FROM (SELECT '{code}' AS c, {on} AS d)"
        ).fetchone()
        assert row
        return str(row[0])

    assert {code: now(code) for code in ("430521", "430526", "432621", "432627", "430502")} == {
        "430521": "430582", "430526": "430581", "432621": "430523", "432627": "430529", "430502": "430502",
    }  # fmt: skip
    assert now("430504", "DATE '1990-01-01'") == "430502"
    assert try_out(ELEMENTS["division_code"], "430521000000").value == "430582"
    assert all(row.current_code in {other.code for other in divisions()} for row in divisions())


def test_an_unknown_element_or_mask_is_refused_with_what_there_is() -> None:
    with pytest.raises(BadInput, match="没有名为 shoe_size 的数据元"):
        element_of("shoe_size")
    with pytest.raises(BadInput, match="脱敏方式"):
        masked_sql("mobile", "none", "x")


def test_an_item_without_an_element_takes_the_one_of_its_type() -> None:
    assert [element_of(None, kind).name for kind in ("text", "integer", "date", "timestamp", "decimal(18,6)")] == [
        "text", "integer", "date", "datetime", "amount",
    ]  # fmt: skip


def test_valid_means_there_and_without_any_question() -> None:
    sql = f"SELECT c, {valid_sql('uscc', 'c')} FROM (VALUES ('91350200776049653A'), ('91350203M0001QAY9B'), (NULL)) AS t(c)"
    assert duckdb.sql(sql).fetchall() == [
        ("91350200776049653A", True),
        ("91350203M0001QAY9B", False),
        (None, False),
    ]
