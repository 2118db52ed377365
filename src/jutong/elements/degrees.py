"""Coordinates 经纬度: decimal degrees; a longitude and a latitude changed over lie outside each other's range."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import hidden_masks

_FORM = "-?(?:0|[1-9][0-9]{0,2})(?:\\.[0-9]{1,8})?"


def _clean(expression: str) -> str:
    def plain(text: str) -> str:
        bare = f"regexp_replace({text}, '^(?:东经|北纬|[EN])?([0-9]{{1,3}}\\.[0-9]+|[0-9]{{1,3}})(?:度|°|[EN])?$', '\\1')"
        return f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,3}}°[0-9].*') THEN {_decimal(text)} ELSE {bare} END"

    seen = f"upper({half_width(expression)})"
    kept = f"replace(replace(replace({seen}, '′', '分'), '″', '秒'), '’', '分')"
    return unless(_FORM, expression, let(nothing_to_null(squeezed(kept)), plain, name="u"))


def _decimal(text: str) -> str:
    found = f"regexp_extract({text}, '^([0-9]{{1,3}})°([0-9]{{1,2}})分(?:([0-9]{{1,2}}(?:\\.[0-9]{{1,3}})?)秒)?[EN]?$', ['d', 'm', 's'])"
    # 3600 has no exact decimal: five places are a metre.
    value = (
        "CAST(CAST(CAST({m}.d AS DECIMAL(18,6)) + CAST({m}.m AS DECIMAL(18,6)) / 60 "
        "+ CAST(CASE {m}.s WHEN '' THEN '0' ELSE {m}.s END AS DECIMAL(18,6)) / 3600 AS DECIMAL(9,6)) AS VARCHAR)"
    )
    return let(
        found, lambda m: f"CASE WHEN {m}.d = '' THEN {text} ELSE {value.replace('{m}', m)} END", name="m"
    )


def coordinate(
    name: str, label: str, *, lowest: int, highest: int, most: int, example: str, outside: str
) -> Element:
    """``lowest`` … ``highest`` is China's range, ``most`` the globe's."""
    return Element(
        name=name,
        label=label,
        type="decimal(9,6)",
        grade=2,
        about=f"GB/T 16831 地理点位置的纬度、经度和高程表示法；我国{label} {lowest}° 至 {highest}°（CGCS2000）",
        clean=_clean,
        cast=lambda text: (
            f"CASE WHEN regexp_full_match({text}, '-?[0-9]{{1,3}}(?:\\.[0-9]+)?') THEN TRY_CAST({text} AS DECIMAL(9,6)) END"
        ),
        checks=(
            Check(
                f"{name}.form",
                REJECT,
                Dimension.CONFORMITY,
                lambda _, value: f"{value} IS NULL OR abs({value}) > {most}",
                f"「{{label}}」应为十进制的{label}，如 {example}",
            ),
            Check(
                f"{name}.range",
                FLAG,
                Dimension.ACCURACY,
                lambda _, value: f"{value} NOT BETWEEN {lowest} AND {highest}",
                f"「{{label}}」不在我国境内（{lowest}° 至 {highest}°），请核对是否与另一坐标写反",
            ),
        ),
        masks=hidden_masks(),
        passes=((example, example), (f"{example}°", example), ("30°30′0″", "30.500000") if most == 90 else ("111°30′", "111.500000"), ("无", None)),
        fails=(("市区", f"{name}.form"), ("999.5", f"{name}.form"), (outside, f"{name}.range")),
        likeness="number",
        called=(label, name),
    )  # fmt: skip
