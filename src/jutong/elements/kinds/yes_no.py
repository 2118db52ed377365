"""是否: yes and no in the words and marks departments use."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, one_of, squeezed, unless
from jutong.elements.element import REJECT, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_YES = ("TRUE", "T", "1", "Y", "YES", "是", "有", "√", "✓", "对")
_NO = ("FALSE", "F", "0", "N", "NO", "否", "无", "×", "✗", "没有", "错")
_NOTHING = ("", "-", "/", "NULL", "(NULL)", "\\N", "N/A", "不详", "未知")


def _clean(expression: str) -> str:
    def meant(text: str) -> str:
        return f"CASE WHEN {one_of(text, _YES)} THEN 'true' WHEN {one_of(text, _NO)} THEN 'false' ELSE {text} END"

    bare = nothing_to_null(f"upper({squeezed(half_width(expression))})", _NOTHING)
    return unless("true|false", expression, let(bare, meant, name="u"))


ELEMENT = Element(
    name="yes_no",
    label="是否",
    type="boolean",
    grade=1,
    about="是/否、有/无、Y/N、1/0 等写法",
    clean=_clean,
    cast=lambda text: f"CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END",
    checks=(
        Check(
            "yes_no.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda _, value: f"{value} IS NULL",
            "「{label}」应为是或否",
        ),
    ),
    masks=hidden_masks(),
    passes=(("是", "true"), ("否", "false"), ("Ｙ", "true"), ("0", "false"), ("true", "true"), ("", None)),
    fails=(("可能", "yes_no.form"), ("2", "yes_no.form")),
)
