"""An address taken apart: province, city, county, township, village, and the rest (GB/T 23705)."""

from __future__ import annotations

PARTS = ("province", "city", "county", "township", "village", "rest")
_PATTERN = (
    "^((?:北京|天津|上海|重庆)市|[^省市区县]{2,3}省|(?:内蒙古|广西壮族|西藏|宁夏回族|新疆维吾尔)自治区)?"
    "([^省市区县路街]{2,6}(?:自治州|地区|盟|市))?"
    "([^省市县乡镇村路街]{1,9}?(?:自治县|自治旗|县|区|旗|市))?"
    "([^乡镇村路街道号]{1,9}?(?:民族乡|乡|镇|街道))?"
    "([^村路街号]{1,9}?(?:村委会|居委会|社区|村))?"
    "(.*)$"
)


def address_parts_sql(text: str) -> str:
    """SQL for a struct of ``PARTS`` from a cleaned address; a part that is not named is NULL.

    宝庆中路12号 without a division is all rest: nothing is guessed from elsewhere.
    """
    words = ", ".join(f"'{part}'" for part in PARTS)
    found = f"regexp_extract({text}, '{_PATTERN}', [{words}])"
    fields = ", ".join(f"'{part}': nullif(m.{part}, '')" for part in PARTS)
    return f"list_transform([{found}], lambda m: {{{fields}}})[1]"
