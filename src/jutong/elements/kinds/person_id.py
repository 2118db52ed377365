"""公民身份号码, GB 11643-1999; 15-digit numbers of the first generation become 18.

Digits 1–6 are the division of the time of registration and are not held against today's divisions.
Residence permits of Hong Kong, Macao and Taiwan residents (81…, 82…, 83…) follow the same rule.
"""

from __future__ import annotations

from jutong.elements.calendar_forms import day_of_year
from jutong.elements.checksum import doubling_sum
from jutong.elements.cleaning import half_width, let, matching, nothing_to_null, squeezed, unless
from jutong.elements.element import REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[1-9][0-9]{16}[0-9X]"
#: The same, born on a day that every calendar from 1900 to 2019 has.
_LIKELY = f"[1-9][0-9]{{5}}(?:19[0-9]{{2}}|20[01][0-9]){day_of_year()}[0-9]{{3}}[0-9X]"


def _check_character(text: str) -> str:
    """The eighteenth of a number whose first seventeen are there: with 0 in its place the sum lacks it."""
    total = doubling_sum(f"({text} || '0')")
    return f"substr('10X98765432', CAST({total} + 1 AS INTEGER), 1)"


def _clean(expression: str) -> str:
    def longer(text: str) -> str:
        # GB 11643-1989: the sequence numbers 996 to 999 are kept for those who were a hundred years old.
        century = f"CASE WHEN substr({text}, 13, 3) >= '996' THEN '18' ELSE '19' END"
        eighteen = let(
            f"left({text}, 6) || {century} || substr({text}, 7)",
            lambda w: f"{w} || {_check_character(w)}",
            name="w",
        )
        return f"CASE WHEN regexp_full_match({text}, '[1-9][0-9]{{14}}') THEN {eighteen} ELSE {text} END"

    bare = f"upper(regexp_replace({squeezed(half_width(expression))}, '-+', '', 'g'))"
    return unless(_FORM, expression, let(nothing_to_null(bare), longer, name="u"))


def _impossible_birth(text: str, _value: str) -> str:
    birth = f"try_strptime(substr({text}, 7, 8), '%Y%m%d')"
    return f"NOT coalesce({birth} BETWEEN TIMESTAMP '1850-01-01' AND CURRENT_DATE, false)"


ELEMENT = Element(
    name="person_id",
    label="公民身份号码",
    type="text",
    grade=3,
    about="GB 11643-1999 公民身份号码；15位旧号码按标准升为18位",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "person_id.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为18位公民身份号码：17位数字加1位数字或X（15位旧号码亦可）",
        ),
        Check(
            "person_id.birth",
            REJECT,
            Dimension.ACCURACY,
            _impossible_birth,
            "「{label}」第7至14位不是可能的出生日期",
        ),
        Check(
            "person_id.check_digit",
            REJECT,
            Dimension.ACCURACY,
            lambda text, _: f"{doubling_sum(text)} <> 1",
            "「{label}」的校验码（第18位）与前17位不符（GB 11643-1999）",
        ),
    ),
    masks=text_masks(head=3, tail=4),
    plain=lambda text: matching(text, _LIKELY, f"{doubling_sum(text)} = 1"),
    passes=(
        ("11010519491231002X", "11010519491231002X"),
        ("11010519491231002x", "11010519491231002X"),
        ("432621850312001", "432621198503120016"),
        ("432621850312999", "432621188503129994"),
        ("４３２６２１１９８５０３１２００１６", "432621198503120016"),
        ("432621 19850312 0016", "432621198503120016"),
        ("null", None),
    ),
    fails=(
        ("110105194912310021", "person_id.check_digit"),
        ("110105194913310028", "person_id.birth"),
        ("11010519491231", "person_id.form"),
        ("A10105194912310021", "person_id.form"),
    ),
)
