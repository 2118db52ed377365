"""金额 in ten thousand yuan, as 注册资本 and the 双公示 fines are written; a stated unit is converted."""

from __future__ import annotations

from jutong.elements.element import Element
from jutong.elements.masking import hidden_masks
from jutong.elements.money import cast_money, clean_money, money_checks

ELEMENT = Element(
    name="amount_wan",
    label="金额（万元）",
    type="decimal(18,6)",
    grade=2,
    about="人民币金额，单位万元，六位小数精确到分",
    clean=lambda expression: clean_money(expression, unit="万元"),
    cast=lambda text: cast_money(text, "DECIMAL(18,6)"),
    checks=money_checks("amount_wan", "万元，如 3.5、1,234.56、35000元"),
    masks=hidden_masks(),
    passes=(
        ("3.5", "3.5"),
        ("3.5万元", "3.5"),
        ("35000元", "3.5"),
        ("0.000001亿元", "0.01"),
        ("1,000万", "1000"),
        ("伍拾万元整", "50"),
        ("", None),
    ),
    fails=(("12,34", "amount_wan.form"), ("-1", "amount_wan.negative"), ("0.0000001", "amount_wan.scale")),
)
