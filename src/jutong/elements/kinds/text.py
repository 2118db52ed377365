"""文本: free text, kept as written but for what nobody can see."""

from __future__ import annotations

from jutong.elements.cleaning import (
    BLANK,
    BLANK_MARKS,
    CONTROL,
    HAN_UNGARBLED,
    UNSEEN,
    matching,
    nothing_to_null,
)
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.garbled import garbled
from jutong.elements.masking import text_masks


def _clean(expression: str) -> str:
    seen = f"regexp_replace({expression}, '[{UNSEEN}{CONTROL}]+', '', 'g')"
    trimmed = f"regexp_replace({seen}, '^[{BLANK}]+|[{BLANK}]+$', '', 'g')"
    dirty = (
        f"regexp_matches({expression}, '[{UNSEEN}{CONTROL}]|^[{BLANK}]|[{BLANK}]$|^$|^[\\(<\\[\\\\#]?[Nn]')"
    )
    return f"CASE WHEN {dirty} THEN {nothing_to_null(trimmed, BLANK_MARKS)} ELSE {expression} END"


ELEMENT = Element(
    name="text",
    label="文本",
    type="text",
    grade=1,
    about="自由文本：只去除首尾空白和不可见字符，内容照原样",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "text.garbled", FLAG, Dimension.ACCURACY, garbled, "「{label}」含有乱码，请按正确的编码重新提供"
        ),
    ),
    masks=text_masks(head=1, tail=1),
    # Not n: it begins what may stand for nothing (NULL).
    plain=lambda text: matching(
        text, f"[{HAN_UNGARBLED}0-9A-MO-Za-mo-z][{HAN_UNGARBLED}0-9A-Za-z，。、；：（）《》/.-]*"
    ),
    passes=(
        ("经营范围：Ａ类　医疗器械", "经营范围：Ａ类　医疗器械"),
        ("\u3000\u3000首行缩进 ", "首行缩进"),
        ("第一行\n第二行", "第一行\n第二行"),
        ("无", "无"),
        ("(null)", None),
        ("   ", None),
    ),
    fails=(("���市", "text.garbled"), ("锟斤拷", "text.garbled")),
)
