"""联系电话: a mobile number, a landline with its area code, or a service number."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "1[3-9][0-9]{9}|0[1-9][0-9]{1,2}-[2-9][0-9]{6,7}(?:-[0-9]{1,6})?|[48]00[0-9]{7}|[2-9][0-9]{6,7}|1(?:[12][0-9]|2[0-9]{3}|6[0-9]{3})"


def _clean(expression: str) -> str:
    def shaped(text: str) -> str:
        # From abroad the area code has lost its zero; an extension is written 转801 as often as -801.
        area = f"regexp_replace({text}, '^(?:\\+|00)86-?(10|2[0-9]|[3-9][0-9]{{2}})-', '0\\1-')"
        extended = f"regexp_replace({area}, '(?:转|轉|[eE][xX][tT][.]?)([0-9]{{1,6}})$', '-\\1')"
        local = f"regexp_replace({extended}, '^(?:\\+|00)?86-?', '')"
        plain = f"regexp_replace({local}, '[() ._]+', '', 'g')"
        return let(plain, lambda bare: _parted(bare, text), name="p")

    return unless(_FORM, expression, let(nothing_to_null(squeezed(half_width(expression))), shaped, name="u"))


def _parted(bare: str, text: str) -> str:
    """The number in its form; what has none stays as it is written, so that cleaning it again finds the same."""
    digits = f"replace({bare}, '-', '')"
    return (
        f"CASE WHEN regexp_full_match({digits}, '1[3-9][0-9]{{9}}|[48]00[0-9]{{7}}') THEN {digits} "
        f"WHEN regexp_full_match({bare}, '0(?:10|2[0-9])-?[2-9][0-9]{{7}}') "
        f"THEN left({digits}, 3) || '-' || substr({digits}, 4) "
        f"WHEN regexp_full_match({bare}, '0[3-9][0-9]{{2}}-?[2-9][0-9]{{6,7}}') "
        f"THEN left({digits}, 4) || '-' || substr({digits}, 5) "
        f"WHEN regexp_full_match({bare}, '{_FORM}') THEN {bare} ELSE {text} END"
    )


ELEMENT = Element(
    name="phone",
    label="联系电话",
    type="text",
    grade=3,
    about="工业和信息化部 电信网编号计划：手机11位；固定电话为区号-号码；400、800号码10位",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "phone.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为手机号码或区号-固定电话，如 0739-5321234",
        ),
    ),
    masks=text_masks(head=3, tail=4),
    passes=(
        ("0739-5321234", "0739-5321234"),
        ("（0739）5321234", "0739-5321234"),
        ("07395321234", "0739-5321234"),
        ("+86 139 7391 2345", "13973912345"),
        ("010-66001234", "010-66001234"),
        ("+86-739-5321234", "0739-5321234"),
        ("0739-5321234 转 801", "0739-5321234-801"),
        ("400-812-3456", "4008123456"),
        ("无", None),
    ),
    fails=(("1397391", "phone.form"), ("0739-", "phone.form")),
    called=("电话", "联系电话", "固定电话", "座机", "lxdh", "tel", "phone"),
)
