"""代码: a value of a code table; which values exist is said by the item (see refine's code lists)."""

from __future__ import annotations

from jutong.elements.cleaning import BLANK_MARKS, half_width, matching, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_FORM = "[0-9A-Z_.-]+|\\p{Han}+"


def _clean(expression: str) -> str:
    more = nothing_to_null(f"upper({squeezed(half_width(expression))})", BLANK_MARKS)
    return unless(_FORM, expression, more, BLANK_MARKS)


ELEMENT = Element(
    name="code",
    label="代码",
    type="text",
    grade=1,
    about="代码表中的取值：半角、大写、无空格",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "code.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"length({text}) > 100 OR contains({text}, '�')",
            "「{label}」应为代码表中的取值",
        ),
    ),
    masks=hidden_masks(),
    plain=lambda text: matching(text, _FORM, f"{text} <> 'NULL'", f"length({text}) <= 100"),
    passes=(("A0111", "A0111"), (" a０１11 ", "A0111"), ("01", "01"), ("有 效", "有效"), ("NULL", None)),
    fails=(("�1", "code.form"),),
)
