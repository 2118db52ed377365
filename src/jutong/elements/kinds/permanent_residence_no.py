"""外国人永久居留身份证号码, both editions in use.

2023 edition (国家移民管理局, cards from 2023-12-01): 18 characters, 9 + province + numeric nationality (GB/T 2659) +
birth + sequence + check as in GB 11643.  2017 and earlier: 15, nationality in three letters, issuing area, birth as
YYMMDD, one digit and a check by ICAO 9303 (weights 7-3-1), as printed on the specimen; no rule of it is published, so
a check digit that fails is flagged, never refused.
"""

from __future__ import annotations

from jutong.elements.checksum import doubling_sum, weighted_sum
from jutong.elements.cleaning import identifier
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import text_masks

_NEW = "9[0-9]{16}[0-9X]"
_OLD = "[A-Z]{3}[0-9]{12}"
_CHARSET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SEVEN_THREE_ONE = (7, 3, 1) * 4 + (7, 3)


def _impossible_birth(text: str, _value: str) -> str:
    new = f"try_strptime(substr({text}, 7, 8), '%Y%m%d')"
    # The old number keeps two digits of the year: it is enough that there is such a day in either century.
    old = " AND ".join(f"try_strptime('{age}' || substr({text}, 8, 6), '%Y%m%d') IS NULL" for age in (19, 20))
    return (
        f"CASE WHEN length({text}) = 18 THEN NOT coalesce({new} BETWEEN TIMESTAMP '1850-01-01' AND CURRENT_DATE, false) "
        f"ELSE {old} END"
    )


def _fails_check(text: str, _value: str) -> str:
    old = f"{weighted_sum(text, _SEVEN_THREE_ONE, _CHARSET)} % 10 <> ascii(right({text}, 1)) - 48"
    return f"CASE WHEN length({text}) = 18 THEN {doubling_sum(text)} <> 1 ELSE {old} END"


ELEMENT = Element(
    name="permanent_residence_no",
    label="外国人永久居留身份证号码",
    type="text",
    grade=3,
    about="国家移民管理局2023版外国人永久居留身份证：18位，首位9，校验同GB 11643；2017版及以前15位仍有效",
    clean=identifier(f"(?:{_NEW}|{_OLD})"),
    cast=lambda text: text,
    checks=(
        Check(
            "permanent_residence_no.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '(?:{_NEW}|{_OLD})')",
            "「{label}」应为9开头的18位号码，或3位字母加12位数字的旧号码",
        ),
        Check(
            "permanent_residence_no.birth",
            REJECT,
            Dimension.ACCURACY,
            _impossible_birth,
            "「{label}」中的出生日期不可能",
        ),
        Check(
            "permanent_residence_no.check_digit",
            FLAG,
            Dimension.ACCURACY,
            _fails_check,
            "「{label}」的末位校验码与前面各位不符",
        ),
    ),
    masks=text_masks(head=3, tail=3),
    passes=(
        ("911124198108030024", "911124198108030024"),
        ("CAN110081080310", "CAN110081080310"),
        ("can 1100 810803 10", "CAN110081080310"),
        ("９１１１２４１９８１０８０３００２４", "911124198108030024"),
        ("无", None),
    ),
    fails=(
        ("811124198108030024", "permanent_residence_no.form"),
        ("CAN11008108031", "permanent_residence_no.form"),
        ("911124198113030024", "permanent_residence_no.birth"),
        ("CAN110081130310", "permanent_residence_no.birth"),
        ("911124198108030025", "permanent_residence_no.check_digit"),
        ("CAN110081080311", "permanent_residence_no.check_digit"),
    ),
    called=("永久居留", "永居证", "prc_no"),
)
