"""邮政编码, six digits (GB/T 36627 series; 邮政编码规则)."""

from __future__ import annotations

from jutong.elements.cleaning import identifier
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[0-8][0-9]{5}"

ELEMENT = Element(
    name="postcode",
    label="邮政编码",
    type="text",
    grade=1,
    about="邮政编码：6位数字，前两位为省（自治区、直辖市）",
    clean=identifier(_FORM),
    cast=lambda text: text,
    checks=(
        Check(
            "postcode.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}') OR {text} = '000000'",
            "「{label}」应为6位邮政编码，如 422000",
        ),
    ),
    masks=text_masks(head=2, tail=0),
    passes=(("422000", "422000"), (" ４２２０００ ", "422000"), ("无", None)),
    fails=(("42200", "postcode.form"), ("922000", "postcode.form"), ("000000", "postcode.form")),
    called=("邮编", "邮政编码", "yb", "postcode"),
)
