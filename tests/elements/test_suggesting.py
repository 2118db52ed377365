"""An unbound column is offered the element it looks like and is called by."""

from __future__ import annotations

import random

import pytest
from tests.elements.other_dirt import CLEAN

from jutong.elements import suggest


@pytest.mark.parametrize("element", [name for name in CLEAN if name not in ("integer", "division_code")])
def test_values_alone_bring_the_right_element_first(element: str) -> None:
    rng = random.Random(3)
    found = suggest("c1", "列一", [CLEAN[element](rng) for _ in range(100)])
    assert element in [one.element for one in found]
    assert found[0].element in (element, "phone" if element == "mobile" else element), found


def test_the_name_decides_between_numbers() -> None:
    values = [str(number) for number in range(1, 80)]
    assert suggest("rs", "人数", values)[0].element == "count"


def test_free_text_is_offered_nothing_with_confidence() -> None:
    values = [f"第{n}条意见，请研究。{'x' * (n % 7)}" for n in range(50)]
    assert all(one.confidence < 0.4 and not one.named for one in suggest("c1", "栏", values))
    assert suggest("x", "列", []) == []
