"""Seeded errors: what goes wrong in departments' tables, on purpose and on record.

Every kind says what it does to a value, what refining should make of it, and why clerks and exports do it:

- ``clean``: the value is repaired without a trace of doubt;
- ``flag``: the row is accepted with an issue of ``rule`` beside it;
- ``reject``: the row is kept out with an issue of ``rule``.

A row carries at most one error.  Codes of rules are those of ``jutong.elements`` and ``jutong.refine``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from jutong.city.codes import WHITELISTED_USCC

Outcome = Literal["clean", "flag", "reject"]
Sql = Callable[[str], str]

KEY_MISSING = "refine.key_missing"
REQUIRED = "refine.required"
#: Cross-field rules of 双公示 (domain handbook §4.2), declared with the tables (``declarations.rule_set_uses``).
FINE_MISSING = "credit.fine_missing"
REVOKED_MISSING = "credit.revoked_missing"
PUBLISHED_TOO_LONG = "credit.publication_period"
DECIDED_IN_FUTURE = "credit.decision_in_future"
VALIDITY_REVERSED = "credit.validity_reversed"


@dataclass(frozen=True)
class Dirt:
    name: str
    #: The element it befalls, or ``field:<name>`` for one field, ``key`` or ``required``.
    befalls: str
    outcome: Outcome
    #: The check that must speak; empty where cleaning repairs the value.
    rule: str
    reason: str
    #: Text of the value → text as spoiled; for ``of_value`` kinds, value → value.
    spoil: Sql
    #: Rows it can happen to, as SQL over the clean value's text (for ``of_value`` kinds the value).
    applies: Sql | None = None
    #: Works on the typed value, so typed database columns know it too.
    of_value: bool = False


def _full_width(text: str) -> str:
    return f"translate({text}, '0123456789', '０１２３４５６７８９')"


def _next_digit(text: str, place: int, radix: int = 10) -> str:
    """The text with another digit at ``place``."""
    return f"substr({text}, 1, {place - 1}) || ((ascii(substr({text}, {place}, 1)) - 47) % {radix})::VARCHAR || substr({text}, {place + 1})"


def _other_check(text: str, place: int) -> str:
    """The text with a wrong last character: a digit that was not there."""
    last = f"substr({text}, {place}, 1)"
    return f"substr({text}, 1, {place - 1}) || CASE {last} WHEN '0' THEN '1' WHEN '1' THEN '2' WHEN '2' THEN '3' WHEN '3' THEN '4' ELSE '0' END"


_HAN_DIGITS = "translate({0}, '0123456789', '〇一二三四五六七八九')"
_HAN_NUMBERS = "['一','二','三','四','五','六','七','八','九','十','十一','十二','十三','十四','十五','十六','十七','十八','十九','二十','二十一','二十二','二十三','二十四','二十五','二十六','二十七','二十八','二十九','三十','三十一']"


def _year(text: str) -> str:
    return f"substr({text}, 1, 4)"


def _part(text: str, start: int) -> str:
    """Month (6) or day (9) of an ISO date without its leading zero."""
    return f"substr({text}, {start}, 2)::INT::VARCHAR"


def _han_date(text: str) -> str:
    month, day = (f"{_HAN_NUMBERS}[substr({text}, {start}, 2)::INT]" for start in (6, 9))
    return f"{_HAN_DIGITS.format(_year(text))} || '年' || {month} || '月' || {day} || '日'"


def _constant(value: str) -> Sql:
    return lambda _: f"'{value}'"


def _always(suffix: str = "", prefix: str = "") -> Sql:
    return lambda text: f"'{prefix}' || {text} || '{suffix}'"


_PERSON_ID = (
    Dirt("id_fifteen", "person_id", "clean", "", "一代身份证时期录入的15位号码", lambda t: f"substr({t}, 1, 6) || substr({t}, 9, 9)", lambda t: f"substr({t}, 7, 2) = '19'"),
    Dirt("id_lower_x", "person_id", "clean", "", "末位x用了小写", lambda t: f"lower({t})", lambda t: f"ends_with({t}, 'X')"),
    Dirt("id_full_width", "person_id", "clean", "", "中文输入法下敲的全角数字", _full_width),
    Dirt("id_spaced", "person_id", "clean", "", "按证件照片分段抄录，带了空格", lambda t: f"substr({t}, 1, 6) || ' ' || substr({t}, 7, 8) || ' ' || substr({t}, 15)"),
    Dirt("id_quoted", "person_id", "clean", "", "从电子表格导出时带出的文本前缀撇号", lambda t: f"'''' || {t}"),
    Dirt("id_check_digit", "person_id", "reject", "person_id.check_digit", "手工抄错末位", lambda t: _other_check(t, 18)),
    Dirt("id_birth", "person_id", "reject", "person_id.birth", "月份敲成13", lambda t: f"substr({t}, 1, 10) || '13' || substr({t}, 13)"),
    Dirt("id_short", "person_id", "reject", "person_id.form", "字段宽度不够，截掉了末位", lambda t: f"left({t}, 17)"),
)  # fmt: skip
_COMPANY_CODE = (
    Dirt("uscc_lower", "uscc", "clean", "", "小写录入", lambda t: f"lower({t})"),
    Dirt("uscc_spaced", "uscc", "clean", "", "每四位加一空格", lambda t: f"substr({t}, 1, 4) || ' ' || substr({t}, 5, 4) || ' ' || substr({t}, 9)"),
    Dirt("uscc_full_width", "uscc", "clean", "", "全角数字", _full_width),
    Dirt("uscc_check_digit", "uscc", "flag", "uscc.check_digit", "末位抄错", lambda t: _other_check(t, 18)),
    Dirt("uscc_letter_o", "uscc", "reject", "uscc.form", "数字0写成字母O", lambda t: f"substr({t}, 1, 3) || 'O' || substr({t}, 5)"),
    Dirt("uscc_short", "uscc", "reject", "uscc.form", "截断为17位", lambda t: f"left({t}, 17)"),
    Dirt("uscc_as_issued", "uscc", "flag", "uscc.check_digit", "登记机关原始赋码即不符校验（手册所载实例）", _constant(WHITELISTED_USCC)),
    Dirt("org_dashed", "org_code", "clean", "", "旧式写法，校验码前加连字符", lambda t: f"substr({t}, 1, 8) || '-' || substr({t}, 9)"),
    Dirt("org_check_digit", "org_code", "flag", "org_code.check_digit", "校验码抄错", lambda t: _other_check(t, 9)),
    Dirt("reg_check_digit", "business_reg_no", "flag", "business_reg_no.check_digit", "注册号末位抄错", lambda t: _next_digit(t, 15)),
    Dirt("reg_short", "business_reg_no", "reject", "business_reg_no.form", "截断为14位", lambda t: f"left({t}, 14)"),
)  # fmt: skip
_NAMES = (
    Dirt("name_spaced", "person_name", "clean", "", "两字姓名中间垫一个全角空格对齐", lambda t: f"substr({t}, 1, 1) || '　' || substr({t}, 2)"),
    Dirt("name_garbled", "person_name", "reject", "person_name.garbled", "编码两次转换丢字", _constant("锟斤拷锟斤拷")),
    Dirt("name_numbered", "person_name", "flag", "person_name.form", "重名时在姓名后编号", _always("1")),
    Dirt("company_brackets", "legal_name", "clean", "", "后缀注记带半角括号与空格", lambda t: f"' ' || substr({t}, 1, 2) || ' ' || substr({t}, 3)"),
    Dirt("company_symbols", "legal_name", "flag", "legal_name.form", "用星号遮去字号后回传", lambda t: f"substr({t}, 1, 2) || '**' || substr({t}, 5)"),
    Dirt("company_garbled", "legal_name", "reject", "legal_name.garbled", "编码两次转换丢字", _constant("烫烫烫烫锟斤拷")),
    Dirt("mobile_prefixed", "mobile", "clean", "", "带国际区号", _always(prefix="+86 ")),
    Dirt("mobile_dashed", "mobile", "clean", "", "按3-4-4分段", lambda t: f"substr({t}, 1, 3) || '-' || substr({t}, 4, 4) || '-' || substr({t}, 8)"),
    Dirt("mobile_short", "mobile", "flag", "mobile.form", "少录一位", lambda t: f"left({t}, 10)"),
    Dirt("mobile_landline", "mobile", "flag", "mobile.form", "填了座机", lambda t: f"'0739-5' || right({t}, 6)"),
    Dirt("mobile_placeholder", "mobile", "flag", "mobile.placeholder", "必填项随手填的假号码", _constant("13800138000")),
)  # fmt: skip
_TIMES = (
    Dirt("date_written", "date", "clean", "", "公文写法", lambda t: f"{_year(t)} || '年' || {_part(t, 6)} || '月' || {_part(t, 9)} || '日'"),
    Dirt("date_compact", "date", "clean", "", "老系统的8位日期", lambda t: f"replace({t}, '-', '')"),
    Dirt("date_slashes", "date", "clean", "", "电子表格默认短日期", lambda t: f"{_year(t)} || '/' || {_part(t, 6)} || '/' || {_part(t, 9)}"),
    Dirt("date_dots", "date", "clean", "", "手写习惯的点分日期", lambda t: f"{_year(t)} || '.' || {_part(t, 6)} || '.' || {_part(t, 9)}"),
    Dirt("date_serial", "date", "clean", "", "电子表格序列日，格式丢失", lambda t: f"({t}::DATE - DATE '1899-12-30')::VARCHAR", lambda t: f"{t} BETWEEN '1930-01-01' AND '2090-12-31'"),
    Dirt("date_han", "date", "clean", "", "证书上的汉字日期", _han_date),
    Dirt("date_impossible", "date", "reject", "date.impossible", "二月三十日", lambda t: f"{_year(t)} || '-02-30'"),
    Dirt("date_words", "date", "reject", "date.form", "用文字代替日期", _constant("以批文为准")),
    Dirt("date_day_first", "date", "reject", "date.form", "日在前的两位年，无从判断", lambda t: f"{_part(t, 9)} || '/' || {_part(t, 6)} || '/' || substr({t}, 3, 2)"),
    Dirt("date_ancient", "date", "flag", "date.range", "年份首位敲错", lambda t: f"'1' || '0' || substr({t}, 3)"),
    Dirt("date_timed", "date", "flag", "date.has_time", "日期字段里带了时刻", _always(" 10:30:00")),
    Dirt("datetime_zoned", "datetime", "clean", "", "接口返回的ISO写法，带东八区", lambda t: f"replace({t}, ' ', 'T') || '+08:00'"),
    Dirt("datetime_written", "datetime", "clean", "", "公文写法的时间", lambda t: f"{_year(t)} || '年' || {_part(t, 6)} || '月' || {_part(t, 9)} || '日 ' || substr({t}, 12)"),
    Dirt("datetime_impossible", "datetime", "reject", "datetime.impossible", "25点", lambda t: f"substr({t}, 1, 11) || '25' || substr({t}, 14)"),
    Dirt("datetime_words", "datetime", "reject", "datetime.form", "用文字代替时间", _constant("当日上午")),
)  # fmt: skip
_PLACES = (
    Dirt("division_former", "division_code", "clean", "", "撤县设市前的旧代码（邵东县、邵阳地区）", lambda t: f"CASE {t} WHEN '430582' THEN '430521' WHEN '430523' THEN '432621' WHEN '430524' THEN '432622' WHEN '430525' THEN '432624' WHEN '430528' THEN '432625' WHEN '430527' THEN '432626' WHEN '430529' THEN '432627' ELSE '430526' END", lambda t: f"{t} IN ('430582', '430523', '430524', '430525', '430528', '430527', '430529', '430581')"),
    Dirt("division_padded", "division_code", "clean", "", "补足12位的统计代码", _always("000000")),
    Dirt("division_unknown", "division_code", "flag", "division_code.unknown", "不存在的代码", _constant("430588")),
    Dirt("division_named", "division_code", "reject", "division_code.form", "写了名称而不是代码", _constant("本县")),
)  # fmt: skip
_NUMBERS = (
    Dirt("amount_grouped", "amount", "clean", "", "千分位逗号", lambda t: f"regexp_replace({t}, '^([0-9]+)([0-9]{{3}}\\.)', '\\1,\\2')", lambda t: f"length({t}) BETWEEN 7 AND 9"),
    Dirt("amount_unit", "amount", "clean", "", "数字后带单位", _always("元")),
    Dirt("amount_ten_thousand", "amount", "clean", "", "以万元填报", lambda t: f"({t}::DECIMAL(18,2) * 0.0001)::VARCHAR || '万元'"),
    Dirt("amount_full_width", "amount", "clean", "", "全角数字", _full_width),
    Dirt("amount_words", "amount", "reject", "amount.form", "用文字代替金额", _constant("面议")),
    Dirt("amount_three_decimals", "amount", "flag", "amount.scale", "除出来的三位小数", _always("5")),
    Dirt("amount_negative", "amount", "flag", "amount.negative", "红字冲账直接填负数", lambda v: f"-{v} - 1", of_value=True),
    Dirt("fine_in_yuan", "amount_wan", "clean", "", "应填万元，按元填并注明", lambda t: f"({t}::DECIMAL(18,6) * 10000)::DECIMAL(18,2)::VARCHAR || '元'"),
    Dirt("fine_words", "amount_wan", "reject", "amount_wan.form", "用文字代替金额", _constant("详见决定书")),
    Dirt("integer_pointed", "integer", "clean", "", "按小数格式导出", _always(".0")),
    Dirt("integer_full_width", "integer", "clean", "", "全角数字", _full_width),
    Dirt("integer_words", "integer", "reject", "integer.form", "用汉字写数", _constant("十余")),
    Dirt("integer_fraction", "integer", "reject", "integer.form", "应为整数却有小数", _always(".5")),
)  # fmt: skip
_TEXTS = (
    Dirt("text_invisible", "text", "clean", "", "从网页复制带进的零宽字符", lambda t: f"{t} || chr(8203)"),
    Dirt("text_padded", "text", "clean", "", "定长字段的尾部空格", lambda t: f"'  ' || {t} || '   '"),
    Dirt("text_garbled", "text", "flag", "text.garbled", "编码丢字", lambda t: f"substr({t}, 1, 1) || chr(65533) || chr(65533)"),
    Dirt("code_full_width", "code", "clean", "", "全角数字与字母", _full_width, lambda t: f"regexp_matches({t}, '[0-9]') AND NOT regexp_matches({t}, '[a-z]')"),
)  # fmt: skip
_MISSING = (
    Dirt("key_missing", "key", "reject", KEY_MISSING, "主键漏填", lambda _: "NULL", of_value=True),
    Dirt("required_missing", "required", "reject", REQUIRED, "必填项漏填", lambda _: "NULL", of_value=True),
)
_CREDIT = (
    Dirt("fine_missing", "field:cf_nr_fk", "flag", FINE_MISSING, "处罚类别为罚款而没有金额", lambda _: "NULL", lambda v: f"{v} IS NOT NULL", of_value=True),
    Dirt("revoked_missing", "field:cf_nr_zkdx", "flag", REVOKED_MISSING, "吊销许可证件而没有写明证照", lambda _: "NULL", lambda v: f"{v} IS NOT NULL", of_value=True),
    Dirt("published_too_long", "field:cf_gsjzq", "flag", PUBLISHED_TOO_LONG, "公示期超过三年", lambda _: "$v_cf_jdrq + 1200", of_value=True),
    Dirt("published_before_decision", "field:cf_gsjzq", "flag", PUBLISHED_TOO_LONG, "公示截止早于决定日期", lambda _: "$v_cf_jdrq - 6", of_value=True),
    Dirt("penalty_in_future", "field:cf_jdrq", "flag", DECIDED_IN_FUTURE, "年份敲错，决定日期在将来", lambda v: f"{v} + 25567", of_value=True),
    Dirt("licence_in_future", "field:xk_jdrq", "flag", DECIDED_IN_FUTURE, "年份敲错，决定日期在将来", lambda v: f"{v} + 25567", of_value=True),
    Dirt("validity_reversed", "field:xk_yxqzi", "flag", VALIDITY_REVERSED, "有效期起止颠倒", lambda _: "$v_xk_yxqz - 40", of_value=True),
)  # fmt: skip

KINDS: tuple[Dirt, ...] = (
    *_PERSON_ID, *_COMPANY_CODE, *_NAMES, *_TIMES, *_PLACES, *_NUMBERS, *_TEXTS, *_MISSING, *_CREDIT,
)  # fmt: skip

#: Doubled rows, which are no error of a value: (name, issue beside the row that is kept, reason).
DUPLICATES = (
    ("duplicate_exact", "refine.duplicate_row", "同一批文件重复导出，整行相同"),
    ("duplicate_superseded", "refine.duplicate_key", "同一主键先后两次登记，后一行为准"),
)
