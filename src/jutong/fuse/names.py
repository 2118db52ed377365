"""What of an organisation's name tells it apart: 行政区划 + 字号 + 行业 + 组织形式, taken to pieces in SQL.

企业名称登记管理规定: a name is division, trade name, trade and form of organisation.  Departments drop or add
the division and shorten the form; what stands between them stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from jutong.elements import divisions
from jutong.fuse.folding import folds
from jutong.terms import literal
from jutong.words import folded

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
#: 行业 words that names end in before their form, the longer before the shorter.
_INDUSTRIES = tuple(
    sorted(
        (
            "商贸",
            "贸易",
            "科技",
            "建材",
            "建筑工程",
            "建筑",
            "装饰",
            "装饰工程",
            "食品",
            "农业",
            "农业科技",
            "农业开发",
            "种植",
            "养殖",
            "物流",
            "运输",
            "汽车",
            "汽车销售",
            "汽车服务",
            "电子",
            "电子商务",
            "机械",
            "机械制造",
            "制造",
            "服饰",
            "服装",
            "餐饮",
            "餐饮管理",
            "酒店",
            "酒店管理",
            "物业",
            "物业管理",
            "房地产",
            "房地产开发",
            "置业",
            "医药",
            "医疗器械",
            "环保",
            "环保科技",
            "新能源",
            "能源",
            "文化传媒",
            "传媒",
            "广告",
            "教育",
            "教育咨询",
            "咨询",
            "信息技术",
            "网络科技",
            "旅游",
            "劳务",
            "人力资源",
            "实业",
            "投资",
            "家具",
            "五金",
            "化工",
            "纺织",
            "印刷",
            "包装",
            "矿业",
            "生物科技",
            "电器",
            "家电",
            "茶业",
            "酒业",
            "油茶",
            "水果",
            "农机",
            "安防",
            "园林",
        ),
        key=lambda word: (-len(word), word),
    )
)
#: What upper() may change: letters, and the small forms among numerals and enclosed signs.
_SMALL = "\\p{Ll}\\p{Lt}ⅰ-ⅿↄⓐ-ⓩ"
_NOISE = "[\\s（）()《》【】\\[\\]·.,，。、/-]"


@cache
def _divisions() -> str:
    """Names of 湖南, 邵阳 and its counties, with and without 省 市 区 县, as one regular expression."""
    ours = {row.name for row in divisions() if row.code in ("430000", "430500") or row.code[:4] == "4305"}
    short = {name[:-1] for name in ours if name[-1] in "省市区县" and len(name) > 2}
    return "|".join(sorted({*ours, *short}, key=lambda name: (-len(name), name)))


def plain_sql(text: str) -> str:
    """One width, simple characters, capital letters, without blanks, brackets and points."""
    old, new = folds()
    plain, folded = (
        f"upper(regexp_replace({given}, '{_NOISE}', '', 'g'))"
        for given in (text, f"translate({text}, {literal(old)}, {literal(new)})")
    )
    # Most values hold nothing to be mended, which one search finds; few hold a character to be folded, and
    # translate() with a long map is slow.
    nothing = f"NOT regexp_matches({text}, {literal(f'[{old}{_SMALL}]|{_NOISE}')})"
    return f"CASE WHEN {nothing} THEN {text} WHEN regexp_matches({text}, {literal(f'[{old}]')}) THEN {folded} ELSE {plain} END"


def core_sql(plain: str) -> str:
    """字号 and 行业 of a plain name: without leading divisions and without its form; never empty."""
    forms = "|".join(form for form, _ in _FORMS)
    stripped = f"regexp_replace(regexp_replace({plain}, '^({_divisions()})+', ''), '({forms})$', '')"
    return f"coalesce(nullif({stripped}, ''), {plain})"


def address_sql(text: str) -> str:
    """An address without province and city, which some write and some do not, and without noise."""
    return f"regexp_replace({plain_sql(text)}, '^(湖南省|湖南)?(邵阳市|邵阳)?', '')"


def door_sql(plain: str) -> str:
    """Road or village and number, the part of an address that every office writes alike."""
    return f"nullif(regexp_extract({plain}, '([^省市区县镇乡街道]+(路|街|巷|大道|村)[0-9]+(号|组)?)', 1), '')"


def letters_sql(text: str) -> str:
    """Latin letters, digits and characters alone, in lower case."""
    return f"nullif(regexp_replace(lower({text}), '[^a-z0-9一-龥]', '', 'g'), '')"


@dataclass(frozen=True)
class NameParts:
    """企业名称登记管理规定 第七条: 行政区划 · 字号 · 行业 · 组织形式, as far as they can be told apart."""

    division: str
    trade_name: str
    industry: str
    form: str


def split_name(name: str) -> NameParts:
    """A company's name in its four parts; what is not there is empty."""
    plain = re.sub(_NOISE, "", folded(name))
    division = found[0] if (found := re.match(f"({_divisions()})+", plain)) else ""
    rest = plain[len(division) :]
    form = next((form for form, _ in _FORMS if rest.endswith(form)), "")
    middle = rest[: len(rest) - len(form)]
    industry = next((word for word in _INDUSTRIES if middle.endswith(word) and len(middle) > len(word)), "")
    return NameParts(division, middle[: len(middle) - len(industry)], industry, form)
