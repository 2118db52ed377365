"""银行卡号, GB/T 19584-2004 (ISO/IEC 7812): 13 to 19 digits, the last by Luhn (MOD 10)."""

from __future__ import annotations

from jutong.elements.checksum import luhn_sum
from jutong.elements.cleaning import identifier
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[1-9][0-9]{12,18}"

ELEMENT = Element(
    name="bank_card",
    label="银行卡号",
    type="text",
    grade=4,
    about="GB/T 19584-2004 银行卡磁条信息格式；ISO/IEC 7812 主账号，末位为 MOD 10 校验",
    clean=identifier(_FORM),
    cast=lambda text: text,
    checks=(
        Check(
            "bank_card.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为13至19位数字",
        ),
        Check(
            "bank_card.check_digit",
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: f"{luhn_sum(text)} % 10 <> 0",
            "「{label}」的校验位（末位）与前面各位不符（ISO/IEC 7812）",
        ),
    ),
    masks=text_masks(head=0, tail=4),
    passes=(
        ("6222021234567890128", "6222021234567890128"), ("6222 0212 3456 7890 128", "6222021234567890128"),
        ("４１１１１１１１１１１１１１１１", "4111111111111111"), ("无", None),
    ),
    fails=(("62220212345", "bank_card.form"), ("4111111111111112", "bank_card.check_digit")),
    called=("银行卡", "银行账号", "卡号", "yhkh", "card"),
)  # fmt: skip
