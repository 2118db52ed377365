"""数量: how many; a whole number, not below zero."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_FORM = "-?(?:0|[1-9][0-9]{0,17})"


def _clean(expression: str) -> str:
    def plain(text: str) -> str:
        counted = f"regexp_replace({text}, '(?:人|户|个|件|台|辆|家|份|次|张|条|宗|项)$', '')"
        return f"regexp_replace(replace({counted}, ',', ''), '^(-?)\\+?0*([0-9]+)(\\.0+)?$', '\\1\\2')"

    def grouped(text: str) -> str:
        number = (
            "[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\\.0+)?(?:人|户|个|件|台|辆|家|份|次|张|条|宗|项)?"
        )
        return f"CASE WHEN regexp_full_match({text}, '{number}') THEN {plain(text)} ELSE {text} END"

    return unless(
        _FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), grouped, name="u")
    )


ELEMENT = Element(
    name="count",
    label="数量",
    type="integer",
    grade=1,
    about="计数：不小于零的整数；量词去掉",
    clean=_clean,
    cast=lambda text: f"CASE WHEN regexp_full_match({text}, '-?[0-9]+') THEN TRY_CAST({text} AS BIGINT) END",
    checks=(
        Check(
            "count.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda _, value: f"{value} IS NULL",
            "「{label}」应为整数，如 12 或 1,200",
        ),
        Check(
            "count.negative",
            FLAG,
            Dimension.ACCURACY,
            lambda _, value: f"{value} < 0",
            "「{label}」不应为负数",
        ),
    ),
    masks=hidden_masks(),
    passes=(("12", "12"), ("1,200人", "1200"), ("３户", "3"), ("12.0", "12"), ("无", None)),
    fails=(("1.5", "count.form"), ("若干", "count.form"), ("-3", "count.negative")),
    called=("数量", "人数", "户数", "个数", "次数", "sl", "count"),
)
