"""网址, RFC 3986: http or https; without a scheme https is not guessed, http is written before it."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, let, nothing_to_null, squeezed
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

#: Names may be in Chinese (RFC 5890): departments have 邵阳市.政务 beside their Latin one.
_LABEL = "[A-Za-z0-9\\p{Han}]"
_FORM = (
    f"https?://{_LABEL}([A-Za-z0-9\\p{{Han}}.-]*{_LABEL})?(\\.[A-Za-z\\p{{Han}}]{{2,}}|(\\.[0-9]{{1,3}}){{3}})"
    "(:[0-9]{1,5})?([/?#][^ ]*)?"
)


def _clean(expression: str) -> str:
    def schemed(text: str) -> str:
        bare = "[A-Za-z0-9][A-Za-z0-9.-]*\\.[A-Za-z]{2,}([/:?#].*)?"
        # A scheme is the same in capitals (RFC 3986 §3.1); a path is not.
        low = f"lower(left({text}, instr({text}, ':'))) || substr({text}, instr({text}, ':') + 1)"
        return (
            f"CASE WHEN regexp_full_match({text}, '{bare}') THEN 'http://' || {text} "
            f"WHEN regexp_full_match({text}, '[hH][tT][tT][pP][sS]?://.*') THEN {low} ELSE {text} END"
        )

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
        ("HTTP://www.shaoyang.gov.cn/XW", "http://www.shaoyang.gov.cn/XW"),
        ("http://邵阳市.政务/", "http://邵阳市.政务/"),
        ("无", None),
    ),
    fails=(("邵阳市政府网", "url.form"), ("ftp://a.cn", "url.form")),
    called=("网址", "网站", "url", "wz"),
)
