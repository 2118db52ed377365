"""护照号码, GA/T 2012 series: E or D, G, S, P, H and eight or seven characters."""

from __future__ import annotations

from jutong.elements.cleaning import identifier
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "(?:E[0-9A-HJ-NP-Z][0-9]{7}|[DSPHG][0-9A-Z]?[0-9]{7}|[A-Z0-9]{6,9})"

ELEMENT = Element(
    name="passport_no",
    label="护照号码",
    type="text",
    grade=3,
    about="ICAO 9303 机读旅行证件：护照号码不超过9位字母和数字",
    clean=identifier(_FORM),
    cast=lambda text: text,
    checks=(
        Check(
            "passport_no.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}') OR NOT regexp_matches({text}, '[0-9]{{4}}')",
            "「{label}」应为6至9位字母和数字，如 E12345678",
        ),
    ),
    masks=text_masks(head=1, tail=3),
    passes=(("E12345678", "E12345678"), (" e-1234 5678", "E12345678"), ("G12345678", "G12345678"), ("无", None)),
    fails=(("护照", "passport_no.form"), ("ABCDEFG", "passport_no.form"), ("E1234567890", "passport_no.form")),
    called=("护照", "护照号", "passport"),
)  # fmt: skip
