"""单位名称: names of legal persons and other organisations as registered, parentheses in their Chinese form."""

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

_HAN = "[\\p{Han}（）]{2,}"


def _clean(expression: str) -> str:
    def joined(text: str) -> str:
        # Registered names have no blank beside a Chinese character and full-width parentheses.
        tight = f"regexp_replace({text}, ' ?([\\p{{Han}}（）]) ?', '\\1', 'g')"
        return f"CASE WHEN contains({text}, ' ') THEN {tight} ELSE {text} END"

    chinese = f"translate({trimmed(half_width(expression))}, '()[]', '（）（）')"
    return unless(_HAN, expression, nothing_to_null(let(chinese, joined)), HAN_PLACEHOLDERS)


ELEMENT = Element(
    name="legal_name",
    label="单位名称",
    type="text",
    grade=1,
    about="企业名称登记管理规定：使用规范汉字；括号统一为全角",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "legal_name.garbled",
            REJECT,
            Dimension.ACCURACY,
            garbled,
            "「{label}」是乱码，请按正确的编码重新提供",
        ),
        Check(
            "legal_name.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: (
                f"length({text}) NOT BETWEEN 3 AND 200 OR NOT regexp_matches({text}, '\\p{{Han}}{{2}}|[A-Za-z]{{3}}') "
                f"OR regexp_matches({text}, '[*#@$%^=<>{{}}|~;；!！?？]')"
            ),
            "「{label}」应为登记的全称：不少于3个字，不含 *、#、@ 等符号",
        ),
    ),
    masks=text_masks(head=2, tail=4),
    plain=lambda text: matching(text, f"[{HAN_MEANT}][{HAN_UNGARBLED}]{{2}}[{HAN_UNGARBLED}（）]{{0,197}}"),
    likeness="name",
    passes=(
        ("邵阳市宏达商贸有限公司", "邵阳市宏达商贸有限公司"),
        (" 邵阳市 宏达商贸 (集团) 有限公司 ", "邵阳市宏达商贸（集团）有限公司"),
        ("湖南ＡＢＣ科技有限公司", "湖南ABC科技有限公司"),
        ("-", None),
    ),
    fails=(
        ("12", "legal_name.form"),
        ("邵阳市***公司", "legal_name.form"),
        ("锟斤拷锟斤拷", "legal_name.garbled"),
    ),
)
