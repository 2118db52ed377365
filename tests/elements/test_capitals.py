"""大写 amounts read back as they were written, and permits with either kind of number."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from jutong.elements import ELEMENTS, try_many

_DIGITS = "零壹贰叁肆伍陆柒捌玖"


def capitals(cents: int) -> str:
    """As a clerk writes it, zeros said once between sections; written apart from the reader."""
    yuan, rest = divmod(cents, 100)
    text, gap = "", False
    for place in range(11, -1, -1):
        digit = yuan // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + _DIGITS[digit] + ["", "拾", "佰", "仟"][place % 4]
            gap = False
        else:
            gap = True
        if place in (8, 4) and yuan // 10**place % 10_000:
            text += {8: "亿", 4: "万"}[place]
    text = f"{text}元" if yuan else ""
    jiao, fen = divmod(rest, 10)
    if not rest:
        return f"{text or '零元'}整"
    text += f"{_DIGITS[jiao]}角" if jiao else ("零" if text else "")
    return f"{text}{_DIGITS[fen]}分" if fen else f"{text}整"


def test_the_writer_writes_as_a_bank_does() -> None:
    assert [capitals(cents) for cents in (1_230_000, 305_005, 100_580, 20_030_000_000, 5, 0)] == [
        "壹万贰仟叁佰元整", "叁仟零伍拾元零伍分", "壹仟零伍元捌角整", "贰亿零叁拾万元整", "伍分", "零元整",
    ]  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(amounts=st.lists(st.integers(0, 10**14 - 1) | st.integers(0, 99_999), min_size=1, max_size=40))
def test_what_is_written_in_capitals_is_read_to_the_cent(amounts: list[int]) -> None:
    tried = try_many(ELEMENTS["amount"], [capitals(cents) for cents in amounts])
    assert [one.value for one in tried] == [Decimal(cents) / 100 for cents in amounts]
    in_wan = try_many(ELEMENTS["amount_wan"], [capitals(cents) for cents in amounts])
    assert [one.value for one in in_wan] == [Decimal(cents) / 1_000_000 for cents in amounts]


@pytest.mark.parametrize(
    "wrong", ["元整", "壹万贰元叁仟", "壹佰仟元", "壹贰元", "壹元整整", "约壹佰元", "壹佰元/月"]
)
def test_what_is_no_amount_is_not_read_as_one(wrong: str) -> None:
    (one,) = try_many(ELEMENTS["amount"], [wrong])
    assert [check.code for check in one.problems] == ["amount.form"]


def permit(rng: random.Random) -> str:
    body = f"9{rng.randint(11, 65)}{rng.randint(4, 894):03d}{rng.randint(1930, 2020)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(0, 999):03d}"
    return body + ric.calc_check_digit(body + "0")


def test_new_permits_hold_the_check_of_gb_11643_and_a_wrong_digit_is_flagged() -> None:
    rng = random.Random(9)
    numbers = [permit(rng) for _ in range(2_000)]
    element = ELEMENTS["permanent_residence_no"]
    assert all(not one.problems for one in try_many(element, numbers))
    wrong = [number[:-2] + str((int(number[-2]) + 1) % 10) + number[-1] for number in numbers]
    assert all([check.severity for check in one.problems] == ["flag"] for one in try_many(element, wrong))
