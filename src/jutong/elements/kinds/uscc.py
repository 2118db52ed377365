"""统一社会信用代码, GB 32100-2015: eighteen characters, the ninth to seventeenth being the organisation code."""

from __future__ import annotations

from jutong.elements.checksum import alphanumeric_bytes, weighed_bytes, without_letters
from jutong.elements.cleaning import identifier, let
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.kinds import org_code
from jutong.elements.masking import text_masks

#: No I O S V Z: they look like 1 0 5 U 2.
CHARSET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LETTERS = "0-9A-HJ-NPQRTUWXY"
#: Registration department (1–9, N agriculture, A military, Y other), kind, division, organisation, check.
FORM = f"[1-9ANY][{_LETTERS}][0-9]{{6}}[{_LETTERS}]{{10}}"
_WEIGHTS = (*(pow(3, place, 31) for place in range(17)), 1)
#: I, O, S, V.
_LEFT_OUT = (18, 24, 28, 31)


def _remainder(text: str) -> str:
    """(Σ + C18) mod 31, 0 where it holds: as C18 = (31 − Σ mod 31) mod 31, without its 31 → 0 to forget."""

    def half(start: int) -> str:
        values = let(alphanumeric_bytes(text, start), lambda a: without_letters(a, _LEFT_OUT), name="a")
        weights = _WEIGHTS[start - 1 : start + 7]
        return f"CAST({let(values, lambda x: weighed_bytes(x, weights), name='x')} AS INTEGER)"

    last = " + ".join(
        f"(instr('{CHARSET}', substr({text}, {place}, 1)) - 1) * {_WEIGHTS[place - 1]}" for place in (17, 18)
    )
    return f"({half(1)} + {half(9)} + CAST({last} AS INTEGER)) % 31"


def _plain(text: str) -> str:
    # One sum before the form: what its two parts have in common is computed once, which no branch of a CASE gets.
    nothing = f"{_remainder(text)} + {org_code.remainder(text, start=9)} = 0"
    return f"({nothing} AND regexp_full_match({text}, '{FORM}'))"


ELEMENT = Element(
    name="uscc",
    label="统一社会信用代码",
    type="text",
    grade=1,
    about="GB 32100-2015 法人和其他组织统一社会信用代码编码规则",
    clean=identifier(FORM),
    cast=lambda text: text,
    checks=(
        Check(
            "uscc.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{FORM}')",
            "「{label}」应为18位统一社会信用代码：数字和大写字母，不含 I、O、S、V、Z，第3至8位为数字",
        ),
        Check(
            "uscc.check_digit",
            # 91350203M0001QAY9B was really issued and fails: a provider cannot mend what the registry printed.
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: f"{_remainder(text)} <> 0",
            "「{label}」的校验码（第18位）与前17位不符（GB 32100-2015），请与登记机关核对；确系原始赋码的请列入白名单",
        ),
        Check(
            "uscc.org_part",
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: f"{org_code.remainder(text, start=9)} <> 0",
            "「{label}」第9至17位不是有效的组织机构代码（GB 11714）",
        ),
    ),
    masks=text_masks(head=2, tail=4),
    plain=_plain,
    passes=(
        ("91350200776049653A", "91350200776049653A"),
        (" 9135 0200 7760 4965 3a ", "91350200776049653A"),
        ("９１４３０５０２ＭＡ４Ｌ０００１１５", "91430502MA4L000115"),
        ("'123502001549897397", "123502001549897397"),
        ('="91350200776049653A"', "91350200776049653A"),
        ("无", None),
    ),
    fails=(
        ("91350200776049653B", "uscc.check_digit"),
        ("91350203M0001QAY9B", "uscc.check_digit"),
        ("9135020077604965", "uscc.form"),
        ("9135020O776049653A", "uscc.form"),
        ("000000000000000000", "uscc.form"),
    ),
)
