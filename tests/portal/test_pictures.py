"""Charts and clocks as numbers: what the pictures claim."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from jutong.portal import drawing, saying
from jutong.portal.asking import BadForm, read
from jutong.portal.door import local_path
from jutong.portal.paging import Pager


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_bars_stand_on_zero_and_are_as_high_as_their_values(values: list[int]) -> None:
    drawn = drawing.bars(values, height=68, floor=71)
    assert len(drawn) == len(values)
    for bar, value in zip(drawn, values, strict=True):
        assert bar.y + bar.height == pytest.approx(71, abs=0.02)
        assert (bar.height > 0) == (value > 0)
        assert bar.x >= 0
        assert bar.x + bar.width <= 100.01
    top = max(values)
    if top:
        assert max(bar.height for bar in drawn) == pytest.approx(68, abs=0.02)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), st.integers(1, 10**6), min_size=1
    )
)
def test_a_flow_picture_loses_nothing_between_its_sides(flows: dict[tuple[str, str], int]) -> None:
    left, right = sorted({a for a, _ in flows}), sorted({b for _, b in flows})
    drawn = drawing.sankey(flows, left, right)
    assert (
        sum(node.value for node in drawn.left)
        == sum(node.value for node in drawn.right)
        == sum(flows.values())
    )
    assert len(drawn.ribbons) == len(flows)
    for side in (drawn.left, drawn.right):
        for upper, lower in itertools.pairwise(side):
            assert lower.y >= upper.y + upper.height - 0.01


def test_numbers_are_said_the_way_people_read_them() -> None:
    assert saying.number(7488) == "7,488"
    assert saying.number(Decimal("500.00")) == "500"
    assert saying.large(439_000_000) == "4.39 亿"
    assert saying.large(99_999) == "99,999"
    assert saying.large(2_000_000, chinese=False) == "2,000,000"
    assert saying.percent(673, 7488) == "8.99%"
    assert saying.percent(1, 0) == "—"
    assert saying.size(9_999) == "9,999 B"


def test_a_day_belongs_to_the_city() -> None:
    late = dt.datetime(2026, 11, 22, 17, 30, tzinfo=dt.UTC)
    today = dt.date(2026, 11, 23)
    assert saying.moment(late, today) == "今天 01:30"
    assert saying.day(late, today) == "11月23日"
    assert saying.day(late, today, chinese=False) == "23 Nov"
    assert saying.day(dt.date(2027, 1, 2), today) == "2027年1月2日"
    assert saying.weekday(today) == "星期一"


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(-5, 500))
def test_a_page_of_a_list_is_one_that_exists(total: int, size: int, page: int) -> None:
    @dataclass(frozen=True)
    class Asked:
        q: str = ""
        page: int = 1

    pager = Pager.of("/x", Asked("企业", page), total, size)
    assert 1 <= pager.number <= pager.pages
    assert pager.last - pager.offset <= size
    assert pager.near[0] == 1
    assert pager.near[-1] == pager.pages
    assert pager.href(2) == "/x?q=%E4%BC%81%E4%B8%9A&page=2"


@dataclass(frozen=True)
class Form:
    name: Annotated[str, Field(title="名称", min_length=2)]
    kind: Literal["a", "b"]
    items: Annotated[tuple[str, ...], Field(title="信息项", min_length=1)]
    until: Annotated[dt.date | None, Field(title="时限")] = None
    count: Annotated[int, Field(title="数量", ge=1, le=9)] = 1


def test_a_form_is_read_into_its_shape() -> None:
    form = read(
        Form, {"name": "企业", "kind": "a", "items": "uscc", "until": "", "count": "3", "button": "go"}
    )
    assert form == Form("企业", "a", ("uscc",), None, 3)


def test_every_mistake_of_a_form_has_its_sentence() -> None:
    with pytest.raises(BadForm) as caught:
        read(Form, {"name": "企", "kind": "c", "until": "soon", "count": "12"})
    assert set(caught.value.fields) == {"name", "kind", "items", "until", "count"}
    assert caught.value.fields["until"] == "「时限」应是日期，写成 2026-06-15"


@given(st.text(max_size=40))
def test_the_door_never_leads_to_another_site(location: str) -> None:
    path = local_path(location)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
