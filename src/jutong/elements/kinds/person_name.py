"""姓名: Chinese names with an interpunct for the names of other peoples, or Latin names as in a passport."""

from __future__ import annotations

from jutong.elements.cleaning import (
    HAN_MEANT,
    HAN_PLACEHOLDERS,
    HAN_UNGARBLED,
    half_width,
    let,
    matching,
    nothing_to_null,
    trimmed,
    unless,
)
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.garbled import garbled
from jutong.elements.masking import text_masks

_HAN = "[\\p{Han}·]{2,}"
_FORM = "[\\p{Han}·]{2,25}|[A-Za-z][A-Za-z .,·-]{1,79}"


def _clean(expression: str) -> str:
    def joined(text: str) -> str:
        # Blanks are padding between Chinese characters (张　三) and part of the name between Latin ones.
        dotted = f"regexp_replace({text}, '[•・∙‧⋅●﹒˙]', '·', 'g')"
        han = "[\\p{Han}·]"
        # A full stop, often a wide one, stands for the interpunct that a keyboard does not have.
        dotted = f"regexp_replace({dotted}, '(\\p{{Han}})[.](\\p{{Han}})', '\\1·\\2', 'g')"
        once = f"regexp_replace({dotted}, '({han}) ({han})', '\\1\\2', 'g')"
        # Twice: a match eats the character that the next blank would need.
        return f"regexp_replace({once}, '({han}) ({han})', '\\1\\2', 'g')"

    return unless(
        _HAN, expression, nothing_to_null(let(trimmed(half_width(expression)), joined)), HAN_PLACEHOLDERS
    )


ELEMENT = Element(
    name="person_name",
    label="姓名",
    type="text",
    grade=2,
    about="GB/T 2260 系列人口数据元中的姓名：汉字与间隔号，或护照上的拉丁字母",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "person_name.garbled",
            REJECT,
            Dimension.ACCURACY,
            garbled,
            "「{label}」是乱码，请按正确的编码重新提供",
        ),
        Check(
            "person_name.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为2至25个汉字（可含间隔号·）或拉丁字母姓名，不含数字和其他符号",
        ),
    ),
    masks=text_masks(head=1, tail=0),
    plain=lambda text: matching(text, f"[{HAN_MEANT}][{HAN_UNGARBLED}·]{{1,24}}"),
    passes=(
        ("张三丰", "张三丰"),
        (" 张　三 ", "张三"),
        ("买买提•艾力", "买买提·艾力"),
        ("买买提．艾力", "买买提·艾力"),
        ("John Smith", "John Smith"),
        ("暂无", None),
    ),
    fails=(("张三1", "person_name.form"), ("张", "person_name.form"), ("��三", "person_name.garbled")),
)
