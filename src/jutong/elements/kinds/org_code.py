"""组织机构代码, GB 11714-1997: eight characters and a check character."""

from __future__ import annotations

from jutong.elements.checksum import alphanumeric_bytes, weighed_bytes
from jutong.elements.cleaning import identifier, let, matching
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[0-9A-Z]{8}[0-9X]"
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def remainder(text: str, start: int = 1) -> str:
    """(Σ + C) mod 11 of the nine characters from ``start``, X being 10: 0 where they hold."""
    total = let(alphanumeric_bytes(text, start), lambda b: weighed_bytes(b, _WEIGHTS), name="b")
    # Inside a uscc any of its letters may stand in the check's place; instr gives 0 then, which never holds.
    check = f"CAST(instr('0123456789X', substr({text}, {start + 8}, 1)) AS INTEGER)"
    return f"((CAST({total} AS INTEGER) + {check} + 10) % 11 + 11 * CAST({check} = 0 AS INTEGER))"


ELEMENT = Element(
    name="org_code",
    label="组织机构代码",
    type="text",
    grade=1,
    about="GB 11714-1997 全国组织机构代码编制规则",
    clean=identifier(_FORM),
    cast=lambda text: text,
    checks=(
        Check(
            "org_code.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}') OR left({text}, 8) = '00000000'",
            "「{label}」应为9位组织机构代码：8位数字或大写字母加1位校验码",
        ),
        Check(
            "org_code.check_digit",
            FLAG,
            Dimension.ACCURACY,
            lambda text, _: f"{remainder(text)} <> 0",
            "「{label}」的校验码（第9位）与前8位不符（GB 11714）",
        ),
    ),
    masks=text_masks(head=2, tail=2),
    plain=lambda text: matching(text, _FORM, f"left({text}, 8) <> '00000000'", f"{remainder(text)} = 0"),
    passes=(
        ("006123458", "006123458"),
        ("00612345-8", "006123458"),
        ("ma4l0001-1", "MA4L00011"),
        ("77604965-3", "776049653"),
        ("", None),
    ),
    fails=(
        ("006123459", "org_code.check_digit"),
        ("0061234", "org_code.form"),
        ("000000000", "org_code.form"),
    ),
)
