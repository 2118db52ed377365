"""金额 in yuan: thousands separators, 万 and 亿, exact from text to decimal; no float anywhere."""

from __future__ import annotations

from jutong.elements.element import Element
from jutong.elements.masking import hidden_masks
from jutong.elements.money import cast_money, clean_money, money_checks, plain_money

ELEMENT = Element(
    name="amount",
    label="金额（元）",
    type="decimal(18,2)",
    grade=2,
    about="人民币金额，单位元，精确到分",
    clean=lambda expression: clean_money(expression, unit="元"),
    cast=lambda text: cast_money(text, "DECIMAL(18,2)"),
    checks=money_checks("amount", "元，如 1234.56、1,234.56、3.5万元"),
    masks=hidden_masks(),
    plain=lambda text: plain_money(text, 16),
    passes=(
        ("1234.56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("１２３４．５６元", "1234.56"),
        ("3.5万元", "35000"),
        ("2亿", "200000000"),
        ("￥12", "12"),
        ("人民币 100 元整", "100"),
        ("1.2E+6", "1200000"),
        ("007", "7"),
        ("壹万贰仟叁佰元整", "12300"),
        ("人民币叁仟零伍拾元零角伍分", "3050.05"),
        ("壹仟零伍圆捌角正", "1005.8"),
        ("贰亿零叁拾万元整", "200300000"),
        ("拾元整", "10"),
        ("零元整", "0"),
        ("/", None),
    ),
    fails=(
        ("12,34", "amount.form"),
        ("一百元", "amount.form"),
        ("壹万贰元叁仟", "amount.form"),
        ("1.005", "amount.scale"),
        ("-3", "amount.negative"),
        ("99999999999999999999", "amount.form"),
    ),
)
