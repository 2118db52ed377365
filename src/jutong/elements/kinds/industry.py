"""行业代码, GB/T 4754-2017: a letter (门类) and up to four digits; the division must stand in the letter's range."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

#: 门类 → its first and last 大类.
_SECTIONS = {
    "A": (1, 5), "B": (6, 12), "C": (13, 43), "D": (44, 46), "E": (47, 50), "F": (51, 52), "G": (53, 60),
    "H": (61, 62), "I": (63, 65), "J": (66, 69), "K": (70, 70), "L": (71, 72), "M": (73, 75), "N": (76, 79),
    "O": (80, 82), "P": (83, 83), "Q": (84, 85), "R": (86, 90), "S": (91, 96), "T": (97, 97),
}  # fmt: skip
_FORM = "[A-T](?:[0-9]{2}[0-9]{0,2})?"


def _clean(expression: str) -> str:
    def lettered(text: str) -> str:
        arms = " ".join(
            f"WHEN CAST(left({text}, 2) AS INTEGER) BETWEEN {low} AND {high} THEN '{letter}'"
            for letter, (low, high) in _SECTIONS.items()
        )
        return (
            f"CASE WHEN regexp_full_match({text}, '[0-9]{{3,4}}') THEN coalesce(CASE {arms} END, '') || {text} "
            f"ELSE {text} END"
        )

    bare = nothing_to_null(f"upper({squeezed(half_width(expression))})")
    return unless(_FORM, expression, let(bare, lettered, name="u"))


def _other_section(text: str, _value: str) -> str:
    division = f"TRY_CAST(substr({text}, 2, 2) AS INTEGER)"
    arms = " ".join(
        f"WHEN '{letter}' THEN {division} BETWEEN {low} AND {high}"
        for letter, (low, high) in _SECTIONS.items()
    )
    return f"length({text}) > 1 AND NOT (CASE left({text}, 1) {arms} ELSE false END)"


ELEMENT = Element(
    name="industry",
    label="行业代码",
    type="text",
    grade=1,
    about="GB/T 4754-2017 国民经济行业分类：门类字母加2至4位数字；缺字母的补上",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "industry.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为门类字母加2至4位数字，如 A0111",
        ),
        Check(
            "industry.section",
            FLAG,
            Dimension.CONSISTENCY,
            _other_section,
            "「{label}」的大类不在所写的门类之内（GB/T 4754-2017）",
        ),
    ),
    masks=text_masks(head=1, tail=0),
    passes=(("A0111", "A0111"), ("0111", "A0111"), (" f5112 ", "F5112"), ("C13", "C13"), ("无", None)),
    fails=(("农业", "industry.form"), ("0011", "industry.form"), ("A5112", "industry.section")),
    called=("行业", "行业代码", "hydm", "industry"),
)
