"""网址, RFC 3986: http or https; without a scheme https is not guessed, http is written before it."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "https?://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(\\.[A-Za-z]{2,}|(\\.[0-9]{1,3}){3})(:[0-9]{1,5})?([/?#][^ ]*)?"


def _clean(expression: str) -> str:
    def schemed(text: str) -> str:
        bare = "[A-Za-z0-9][A-Za-z0-9.-]*\\.[A-Za-z]{2,}([/:?#].*)?"
        return f"CASE WHEN regexp_full_match({text}, '{bare}') THEN 'http://' || {text} ELSE {text} END"

    return let(nothing_to_null(squeezed(half_width(expression))), schemed, name="u")


ELEMENT = Element(
    name="url",
    label="网址",
    type="text",
    grade=1,
    about="RFC 3986 统一资源标识符，http 或 https",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "url.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为网址，如 https://www.example.cn/",
        ),
    ),
    masks=text_masks(head=8, tail=3),
    passes=(
        ("https://www.shaoyang.gov.cn/xw", "https://www.shaoyang.gov.cn/xw"),
        (" www.shaoyang.gov.cn ", "http://www.shaoyang.gov.cn"),
        ("无", None),
    ),
    fails=(("邵阳市政府网", "url.form"), ("ftp://a.cn", "url.form")),
    called=("网址", "网站", "url", "wz"),
)
