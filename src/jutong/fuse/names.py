"""What of an organisation's name tells it apart: 行政区划 + 字号 + 行业 + 组织形式, taken to pieces in SQL.

企业名称登记管理规定: a name is division, trade name, trade and form of organisation.  Departments drop or add
the division and shorten the form; what stands between them stays.
"""

from __future__ import annotations

from functools import cache

from jutong.elements import divisions
from jutong.terms import literal

#: Forms of organisation, the longer before the shorter, with the class two spellings share.
_FORMS = (
    ("股份有限责任公司", "股份"),
    ("有限责任公司", "有限"),
    ("股份有限公司", "股份"),
    ("有限合伙企业", "合伙"),
    ("普通合伙企业", "合伙"),
    ("农民专业合作社", "合作社"),
    ("专业合作社", "合作社"),
    ("个人独资企业", "独资"),
    ("股份公司", "股份"),
    ("有限公司", "有限"),
    ("合作社", "合作社"),
    ("公司", "有限"),
)
_NOISE = "[\\s（）()《》【】\\[\\]·.,，。、/-]"


@cache
def _divisions() -> str:
    """Names of 湖南, 邵阳 and its counties, with and without 省 市 区 县, as one regular expression."""
    ours = {row.name for row in divisions() if row.code in ("430000", "430500") or row.code[:4] == "4305"}
    short = {name[:-1] for name in ours if name[-1] in "省市区县" and len(name) > 2}
    return "|".join(sorted({*ours, *short}, key=lambda name: (-len(name), name)))


def plain_sql(text: str) -> str:
    """The name without blanks, brackets and points."""
    return f"regexp_replace({text}, '{_NOISE}', '', 'g')"


def core_sql(plain: str) -> str:
    """字号 and 行业 of a plain name: without leading divisions and without its form; never empty."""
    forms = "|".join(form for form, _ in _FORMS)
    stripped = f"regexp_replace(regexp_replace({plain}, '^({_divisions()})+', ''), '({forms})$', '')"
    return f"coalesce(nullif({stripped}, ''), {plain})"


def form_sql(plain: str) -> str:
    """The class of the form of organisation, '' where the name ends in none."""
    arms = " ".join(f"WHEN ends_with({plain}, {literal(form)}) THEN {literal(kind)}" for form, kind in _FORMS)
    return f"CASE {arms} ELSE '' END"


def address_sql(text: str) -> str:
    """An address without province and city, which some write and some do not, and without noise."""
    return f"regexp_replace({plain_sql(text)}, '^(湖南省|湖南)?(邵阳市|邵阳)?', '')"
