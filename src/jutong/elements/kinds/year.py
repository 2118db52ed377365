"""年份: four digits."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_FORM = "[0-9]{4}"


def _clean(expression: str) -> str:
    def plain(text: str) -> str:
        return f"regexp_replace({text}, '^([0-9]{{4}})(?:年度?|\\.0+)$', '\\1')"

    return unless(_FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), plain, name="u"))


ELEMENT = Element(
    name="year",
    label="年份",
    type="integer",
    grade=1,
    about="GB/T 7408 日历年：4位数字",
    clean=_clean,
    cast=lambda text: f"CASE WHEN regexp_full_match({text}, '{_FORM}') THEN TRY_CAST({text} AS BIGINT) END",
    checks=(
        Check(
            "year.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda _, value: f"{value} IS NULL",
            "「{label}」应为4位年份，如 2023",
        ),
        Check(
            "year.range",
            FLAG,
            Dimension.ACCURACY,
            lambda _, value: f"{value} NOT BETWEEN 1840 AND 2100",
            "「{label}」早于1840年或晚于2100年，请核对",
        ),
    ),
    masks=hidden_masks(),
    passes=(
        ("2023", "2023"),
        ("2023年", "2023"),
        ("２０２３年度", "2023"),
        ("2023.0", "2023"),
        ("不详", None),
    ),
    fails=(("23", "year.form"), ("二三年", "year.form"), ("1023", "year.range")),
    called=("年份", "年度", "nd", "year"),
)
