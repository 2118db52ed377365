"""行政区划代码, GB/T 2260 (six digits) and 统计用区划代码 (nine, twelve): old codes become today's."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless, unpointed
from jutong.elements.divisions import current_division_sql, unknown_division_sql
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[1-8][0-9]{5}(?:[0-9]{3}){0,2}"


def _clean(expression: str) -> str:
    def shaped(text: str) -> str:
        return (
            f"CASE WHEN regexp_full_match({text}, '[1-8][0-9]([0-9]{{2}})?') THEN rpad({text}, 6, '0') "
            # Padding of the longer codes is no information; 430502000000 is 430502.
            f"WHEN regexp_full_match({text}, '[0-9]{{6}}(000){{1,2}}') THEN left({text}, 6) "
            f"WHEN regexp_full_match({text}, '[0-9]{{9}}000') THEN left({text}, 9) ELSE {text} END"
        )

    bare = unpointed(squeezed(half_width(expression)))
    return unless("[1-8][0-9]{5}", expression, let(nothing_to_null(bare), shaped, name="u"))


ELEMENT = Element(
    name="division_code",
    label="行政区划代码",
    type="text",
    grade=1,
    about="GB/T 2260 中华人民共和国行政区划代码；旧代码换为现行代码",
    clean=_clean,
    cast=current_division_sql,
    checks=(
        Check(
            "division_code.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为6位（乡镇9位、村社区12位）行政区划代码",
        ),
        Check(
            "division_code.unknown",
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: unknown_division_sql(text),
            "「{label}」不在行政区划代码表内（含历史代码）",
        ),
    ),
    masks=text_masks(head=4, tail=0),
    passes=(
        ("430502", "430502"),
        ("430502000000", "430502"),
        ("430502001000", "430502001"),
        (" ４３０５８２ ", "430582"),
        ("432621", "432621"),
        ("4305", "430500"),
        ("430502.0", "430502"),
        ("", None),
    ),
    fails=(
        ("双清区", "division_code.form"),
        ("43050", "division_code.form"),
        ("430588", "division_code.unknown"),
    ),
)
