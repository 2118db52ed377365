"""电子证照标识, GB/T 36904-2018: root, kind, issuing organ, number, version, check (ISO 7064 MOD 37,36)."""

from __future__ import annotations

from jutong.elements.checksum import mod_37_36
from jutong.elements.cleaning import half_width, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_ROOT = "1.2.156.3005.2."
_FORM = (
    "1\\.2\\.156\\.3005\\.2\\.[0-9A-Z]{21}\\.(?:[0-9A-Z]{18}|[0-9]{6})\\.[0-9A-Z]{1,30}\\.[0-9]{3}\\.[0-9A-Z]"
)


def _clean(expression: str) -> str:
    return unless(_FORM, expression, nothing_to_null(f"upper({squeezed(half_width(expression))})"))


def _fails_check(text: str, _value: str) -> str:
    # The root has no part in the check; the four parts behind it and the check itself do, without their dots.
    return f"{mod_37_36(f'''replace(substr({text}, {len(_ROOT) + 1}), '.', '')''')} <> 1"


ELEMENT = Element(
    name="licence_id",
    label="电子证照标识",
    type="text",
    grade=2,
    about="GB/T 36904-2018 电子证照标识规范；校验位 ISO 7064 MOD 37,36；已发证照也有不符的，只标记",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "licence_id.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为 1.2.156.3005.2. 加证照类型、颁发机构、流水号、版本号、校验位",
        ),
        Check(
            "licence_id.check",
            FLAG,
            Dimension.ACCURACY,
            _fails_check,
            "「{label}」的校验位与前面各段不符（GB/T 36904-2018）",
        ),
    ),
    masks=text_masks(head=15, tail=3),
    passes=(
        *(
            (known, known)
            for known in (
                "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
                "1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0",
                "1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9",
                "1.2.156.3005.2.11100000000013338W011.11430500006123458E.20230000001.001.D",
            )
        ),
        ("无", None),
    ),
    fails=(
        ("1.2.156.3005.2.11100000000013338W011.11430500006123458E.20230000001.001.E", "licence_id.check"),
        ("11430500006123458E.20230000001", "licence_id.form"),
    ),
    called=("电子证照标识", "证照标识", "zzbs"),
)
