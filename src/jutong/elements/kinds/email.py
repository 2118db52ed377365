"""电子邮箱, RFC 5321: lower case, no blanks."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, nothing_to_null, squeezed, unless
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import text_masks

_FORM = "[a-z0-9][a-z0-9._%+-]{0,63}@[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)+"


def _clean(expression: str) -> str:
    return unless(_FORM, expression, nothing_to_null(f"lower({squeezed(half_width(expression))})"))


ELEMENT = Element(
    name="email",
    label="电子邮箱",
    type="text",
    grade=3,
    about="RFC 5321 电子邮件地址",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "email.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"NOT regexp_full_match({text}, '{_FORM}') OR length({text}) > 254",
            "「{label}」应为电子邮箱，如 name@example.cn",
        ),
    ),
    masks=text_masks(head=1, tail=4),
    passes=(("Zhang.San@Example.CN", "zhang.san@example.cn"), ("a ＠163.com", "a@163.com"), ("无", None)),
    fails=(("zhangsan", "email.form"), ("a@b", "email.form"), ("a@@b.cn", "email.form")),
    called=("邮箱", "电子邮箱", "email", "yx"),
)
