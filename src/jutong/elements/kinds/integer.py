"""整数: counts and numbers of whole things."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import REJECT, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_FORM = "-?(?:0|[1-9][0-9]{0,17})"


def _clean(expression: str) -> str:
    def plain(text: str) -> str:
        grouped = f"regexp_full_match({text}, '[+-]?[0-9]{{1,3}}(,[0-9]{{3}})+(\\.0+)?')"
        whole = f"regexp_replace(replace({text}, ',', ''), '^(-?)\\+?0*([0-9]+)(\\.0+)?$', '\\1\\2')"
        number = f"regexp_full_match({text}, '[+-]?[0-9]+(\\.0+)?')"
        return f"CASE WHEN {grouped} OR {number} THEN {whole} ELSE {text} END"

    return unless(_FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), plain, name="u"))


ELEMENT = Element(
    name="integer",
    label="整数",
    type="integer",
    grade=1,
    about="64位整数",
    clean=_clean,
    # The form first: the engine's own cast would round 1.5 to 2.
    cast=lambda text: f"CASE WHEN regexp_full_match({text}, '-?[0-9]+') THEN TRY_CAST({text} AS BIGINT) END",
    checks=(
        Check(
            "integer.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda _, value: f"{value} IS NULL",
            "「{label}」应为整数，如 12 或 1,200",
        ),
    ),
    masks=hidden_masks(),
    passes=(
        ("12", "12"),
        ("1,200", "1200"),
        ("１２", "12"),
        ("12.0", "12"),
        ("+5", "5"),
        ("007", "7"),
        ("无", None),
    ),
    fails=(("1.5", "integer.form"), ("十二", "integer.form"), ("99999999999999999999", "integer.form")),
)
