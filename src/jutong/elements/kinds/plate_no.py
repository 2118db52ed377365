"""机动车号牌, GA 36-2018: province, letter, five characters (six for new energy); the dot is cleaned away."""

from __future__ import annotations

from jutong.elements.cleaning import identifier
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_FORM = f"[{_PROVINCES}][A-Z](?:[A-HJ-NP-Z0-9]{{4}}[A-HJ-NP-Z0-9挂学警港澳领]|[A-HJ-NP-Z0-9]{{6}})"

ELEMENT = Element(
    name="plate_no",
    label="机动车号牌",
    type="text",
    grade=3,
    about="GA 36-2018 中华人民共和国机动车号牌：省简称、字母、5位（新能源6位），不用I、O",
    clean=identifier(_FORM, "-·•・."),
    cast=lambda text: text,
    checks=(
        Check(
            "plate_no.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为机动车号牌，如 湘E12345、湘ED12345",
        ),
    ),
    masks=text_masks(head=2, tail=2),
    passes=(
        ("湘E12345", "湘E12345"), ("湘E·12345", "湘E12345"), ("湘e d12345", "湘ED12345"), ("湘E1234挂", "湘E1234挂"),
        ("无", None),
    ),
    fails=(("E12345", "plate_no.form"), ("湘E1234O", "plate_no.form"), ("湘E123", "plate_no.form")),
    called=("车牌", "车牌号", "号牌", "cph", "plate"),
)  # fmt: skip
