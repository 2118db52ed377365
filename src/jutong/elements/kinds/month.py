"""年月: YYYY-MM, from 202305, 2023年5月, 2023/5."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[0-9]{4}-(?:0[1-9]|1[0-2])"


def _clean(expression: str) -> str:
    def shaped(text: str) -> str:
        found = f"regexp_extract({text}, '^([0-9]{{4}})(?:[-/.年]([0-9]{{1,2}})月?|([0-9]{{2}}))$', ['y', 'm', 'n'])"
        return let(
            found,
            lambda m: (
                f"CASE WHEN {m}.y = '' THEN {text} ELSE {m}.y || '-' || lpad({m}.m || {m}.n, 2, '0') END"
            ),
            name="m",
        )

    return unless(_FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), shaped, name="u"))


ELEMENT = Element(
    name="month",
    label="年月",
    type="text",
    grade=1,
    about="GB/T 7408 日期和时间表示法：YYYY-MM",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "month.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为年月，如 2023-05",
        ),
        Check(
            "month.range",
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: f"left({text}, 4) NOT BETWEEN '1840' AND '2100'",
            "「{label}」早于1840年或晚于2100年，请核对",
        ),
    ),
    masks=text_masks(head=4, tail=0),
    passes=(("2023-05", "2023-05"), ("202305", "2023-05"), ("2023年5月", "2023-05"), ("2023/5", "2023-05"), ("无", None)),
    fails=(("2023-13", "month.form"), ("五月", "month.form"), ("1023-05", "month.range")),
    called=("年月", "月份", "所属期", "ny", "month"),
)  # fmt: skip
