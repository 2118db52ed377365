"""工商注册号, GS 15-2006: six digits of the organ, eight of order, one check (ISO 7064 MOD 11,10).

The thirteen-digit numbers given before 2007 have no check.
"""

from __future__ import annotations

from jutong.elements.checksum import mod_11_10
from jutong.elements.cleaning import identifier
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[0-9]{13}|[0-9]{15}"

ELEMENT = Element(
    name="business_reg_no",
    label="工商注册号",
    type="text",
    grade=1,
    about="GS 15-2006 工商行政管理注册号编制规则；2007年前的13位号码无校验码",
    clean=identifier(_FORM),
    cast=lambda text: text,
    checks=(
        Check(
            "business_reg_no.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}') OR regexp_full_match({text}, '0+')",
            "「{label}」应为15位数字（2007年前为13位）",
        ),
        Check(
            "business_reg_no.check_digit",
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: (
                f"length({text}) = 15 AND ({mod_11_10(text, 14)} + ascii(substr({text}, 15, 1)) - 48) % 10 <> 1"
            ),
            "「{label}」的校验码（第15位）与前14位不符（GS 15-2006）",
        ),
    ),
    masks=text_masks(head=6, tail=3),
    passes=(
        ("430502000000011", "430502000000011"),
        (" 430502-000000011", "430502000000011"),
        ("4305021000123", "4305021000123"),
        ("不详", None),
    ),
    fails=(
        ("430502000000012", "business_reg_no.check_digit"),
        ("43050200000001", "business_reg_no.form"),
        ("4305020000000AA", "business_reg_no.form"),
    ),
)
