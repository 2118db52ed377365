"""百分比: 35%, 35％ and 35 are 35."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_FORM = "-?(?:0|[1-9][0-9]{0,7})(?:\\.[0-9]{1,4})?"


def _clean(expression: str) -> str:
    def plain(text: str) -> str:
        return f"regexp_replace({text}, '^(?:百分之)?([+-]?[0-9.]*[0-9])%?$', '\\1')"

    return unless(_FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), plain, name="u"))


ELEMENT = Element(
    name="percent",
    label="百分比",
    type="decimal(12,4)",
    grade=1,
    about="百分比：数值为百分号前的数",
    clean=_clean,
    cast=lambda text: (
        f"CASE WHEN regexp_full_match({text}, '[+-]?[0-9]+(?:\\.[0-9]+)?') THEN TRY_CAST({text} AS DECIMAL(12,4)) END"
    ),
    checks=(
        Check(
            "percent.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda _, value: f"{value} IS NULL",
            "「{label}」应为百分数，如 35.2 或 35.2%",
        ),
        Check(
            "percent.range",
            FLAG,
            Dimension.ACCURACY,
            lambda _, value: f"{value} NOT BETWEEN -100 AND 1000",
            "「{label}」超出常见范围（-100% 至 1000%），请核对",
        ),
    ),
    masks=hidden_masks(),
    passes=(("35.2", "35.2"), ("35.2%", "35.2"), ("３５％", "35"), ("百分之5", "5"), ("无", None)),
    fails=(("三成", "percent.form"), ("5000", "percent.range")),
    called=("比例", "百分比", "占比", "率", "bl", "percent"),
)
