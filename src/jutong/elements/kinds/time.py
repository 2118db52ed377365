"""时间: a time of day, GB/T 7408 hh:mm:ss."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"


def _clean(expression: str) -> str:
    def shaped(text: str) -> str:
        found = f"regexp_extract({text}, '^([0-9]{{1,2}})[:时点]([0-9]{{1,2}})[:分]?(?:([0-9]{{1,2}})秒?)?$', ['h', 'm', 's'])"
        return let(
            found,
            lambda m: (
                f"CASE WHEN {m}.h = '' THEN {text} ELSE lpad({m}.h, 2, '0') || ':' || lpad({m}.m, 2, '0') || ':' "
                f"|| lpad({m}.s, 2, '0') END"
            ),
            name="m",
        )

    return unless(_FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), shaped, name="u"))


ELEMENT = Element(
    name="time",
    label="时间",
    type="text",
    grade=1,
    about="GB/T 7408 日期和时间表示法：hh:mm:ss",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "time.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为时间，如 08:30:00",
        ),
    ),
    masks=text_masks(head=2, tail=0),
    passes=(
        ("08:30:00", "08:30:00"), ("8:30", "08:30:00"), ("8时30分5秒", "08:30:05"), ("１７：０５", "17:05:00"), ("无", None),
    ),
    fails=(("25:00:00", "time.form"), ("上午", "time.form"), ("08:61", "time.form")),
    called=("时间", "时刻"),
)  # fmt: skip
