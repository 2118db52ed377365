"""文书号 (发文字号), GB/T 9704-2012: 机关代字〔年份〕序号号; every kind of bracket becomes 〔〕."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.garbled import garbled
from jutong.elements.masking import text_masks

_FORM = ".*[\\p{Han})]〔[12][0-9]{3}〕.*[0-9]+号.*"


def _clean(expression: str) -> str:
    def bracketed(text: str) -> str:
        year = f"regexp_replace({text}, '[〔\\[(【〈<『［]([12][0-9]{{3}})年?[〕\\])】〉>』］]', '〔\\1〕')"
        # 〔2023〕012号 and 〔2023〕第12号 are 〔2023〕12号 (GB/T 9704-2012 §7.2.5: 不编虚位，不加“第”字).
        return f"regexp_replace({year}, '〕第?0*([1-9][0-9]*)号?$', '〕\\1号')"

    return let(nothing_to_null(squeezed(half_width(expression))), bracketed, name="u")


ELEMENT = Element(
    name="document_no",
    label="文书号",
    type="text",
    grade=1,
    about="GB/T 9704-2012 党政机关公文格式：发文机关代字、〔年份〕、序号；不编虚位，不加“第”字",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "document_no.garbled",
            FLAG,
            Dimension.ACCURACY,
            garbled,
            "「{label}」含有乱码，请按正确的编码重新提供",
        ),
        Check(
            "document_no.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为机关代字、〔年份〕、序号，如 邵市监罚〔2023〕12号",
        ),
    ),
    masks=text_masks(head=3, tail=2),
    passes=(
        ("邵市监罚〔2023〕12号", "邵市监罚〔2023〕12号"),
        ("邵市监罚[2023]第012号", "邵市监罚〔2023〕12号"),
        ("（邵）应急罚（2023）5号", "(邵)应急罚〔2023〕5号"),
        ("邵审【2023】7", "邵审〔2023〕7号"),
        ("无", None),
    ),
    fails=(("12号", "document_no.form"), ("锟斤拷〔2023〕1号", "document_no.garbled")),
    called=("文书号", "文号", "决定书文号", "wsh"),
)
