"""手机号码: eleven digits beginning 13–19; the country code and separators are cleaned away."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, matching, nothing_to_null, squeezed, unless, unpointed
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "1[3-9][0-9]{9}"
_INVENTED = "('13800138000', '13900139000', '13812345678', '13912345678')"


def _clean(expression: str) -> str:
    bare = f"regexp_replace({unpointed(squeezed(half_width(expression)))}, '[()._-]+', '', 'g')"
    local = let(bare, lambda t: f"regexp_replace({t}, '^(?:(?:\\+|00)?86|0)(1[3-9][0-9]{{9}})$', '\\1')")
    return unless(_FORM, expression, nothing_to_null(local))


ELEMENT = Element(
    name="mobile",
    label="手机号码",
    type="text",
    grade=3,
    about="工业和信息化部 电信网编号计划：移动用户号码11位，以13至19开头",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "mobile.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为11位手机号码，以13至19开头",
        ),
        Check(
            "mobile.placeholder",
            FLAG,
            Dimension.ACCURACY,
            # RE2 has no back-references: the ten doubled digits are written out.
            lambda text, _: (
                f"regexp_matches({text}, '{'|'.join(str(digit) * 8 for digit in range(10))}$') "
                f"OR {text} IN {_INVENTED}"
            ),
            "「{label}」是占位号码，不是真实的联系电话",
        ),
    ),
    masks=text_masks(head=3, tail=4),
    # Two last digits that differ are not eight times the same.
    plain=lambda text: matching(
        text, _FORM, f"substr({text}, 10, 1) <> substr({text}, 11, 1)", f"{text} NOT IN {_INVENTED}"
    ),
    passes=(
        ("13973912345", "13973912345"),
        ("+86 139-7391-2345", "13973912345"),
        ("００８６１３９７３９１２３４５", "13973912345"),
        ("13973912345.0", "13973912345"),
        # As it is dialled from another city.
        ("013973912345", "13973912345"),
        ("无", None),
    ),
    fails=(
        ("1397391234", "mobile.form"),
        ("0739-5321234", "mobile.form"),
        ("13888888888", "mobile.placeholder"),
    ),
)
