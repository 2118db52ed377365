"""Field kinds: how a column's clean value is made, of what type it is, and which element questions it."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from jutong.city import names, phrases
from jutong.city.codes import ALPHANUMERIC, LICENCE_ROOT
from jutong.city.columns import between, chance, choose, literals
from jutong.city.templates import Field
from jutong.terms import literal

#: The body that sets the standards of licences (domain handbook §3.5), without its last character.
_LICENCE_BODY = "11100000000013338"
#: Everything of round 0 happened by the end of this year; later rounds lie behind it.
LAST_YEAR = 2025


@dataclass(frozen=True)
class Made:
    """``sql`` gives the clean value (columns as ``$name``); ``type`` is the item type."""

    sql: str
    type: str
    element: str


Maker = Callable[[Field, int], Made]


def make(field: Field, salt: int) -> Made:
    """The clean value of a field; ``salt`` begins its own run of four salts."""
    if field.kind in _COLUMNS:
        column, item_type, element = _COLUMNS[field.kind]
        return Made(f"${column}", item_type, element)
    return _MAKERS[field.kind](field, salt)


def _pick(words: list[str] | tuple[str, ...], salt: int, number: str = "$rv") -> str:
    return choose(number, salt, literals(words), len(words))


def _options(args: str) -> list[str]:
    """``正常*9,停保`` → nine times 正常, once 停保."""
    words: list[str] = []
    for word in args.split(","):
        name, _, weight = word.rpartition("*")
        words += [name] * int(weight) if name and weight.isdigit() else [word]
    return words


def _bounds(args: str) -> tuple[int, int]:
    low, _, high = args.rpartition(",")[2].partition("..")
    return int(low), int(high)


def _serial(field: Field, _salt: int) -> Made:
    prefix, _, width = field.args.rpartition(",")
    if field.name == "case_no" and not field.key:
        # A reference to another table's running number.
        return Made(f"{literal(prefix)} || lpad((1 + $r % 100000)::VARCHAR, {width}, '0')", "text", "code")
    return Made(f"{literal(prefix)} || lpad(($src + 1)::VARCHAR, {width}, '0')", "text", "code")


def _doc(field: Field, _salt: int) -> Made:
    """邵市监罚〔2023〕12号: numbered within the year, so never twice."""
    own = (
        literal(field.args) if field.args.startswith(("湘", "邵")) else f"$slot_word || {literal(field.args)}"
    )
    return Made(
        f"{own} || '〔' || (2018 + $src % 8)::VARCHAR || '〕' || ($src // 8 + 1)::VARCHAR || '号'",
        "text",
        "code",
    )


_ORGAN_WORDS = {
    "D01": "邵审", "D02": "邵发改", "D03": "邵教", "D06": "邵公", "D07": "邵民", "D08": "邵司", "D09": "邵财",
    "D10": "邵人社", "D11": "邵自然资", "D12": "邵环", "D13": "邵建", "D14": "邵交", "D15": "邵水", "D16": "邵农",
    "D17": "邵商", "D18": "邵文旅", "D19": "邵卫", "D21": "邵应急", "D23": "邵市监", "D24": "邵林", "D27": "邵城管",
    "D30": "邵税", "D32": "邵烟", "D45": "邵消", "C01": "双清", "C02": "大祥", "C03": "北塔", "C04": "新邵", "C05": "邵县",
    "C06": "隆", "C07": "洞", "C08": "绥", "C09": "新宁", "C10": "城步", "C11": "武", "C12": "邵东", "C13": "邵经开",
}  # fmt: skip


def organ_word(unit: str) -> str:
    """The word a unit's documents are numbered under."""
    return _ORGAN_WORDS.get(unit, "邵")


def licence_product(field: Field, uscc: str) -> int:
    """ISO 7064 MOD 37,36 over the part of a licence's identifier that is the same for one organ."""
    product = 36
    for char in f"{_LICENCE_BODY}{field.args.rpartition(',')[2]}{uscc}20":
        product = ((product + ALPHANUMERIC.index(char)) % 36 or 36) * 2 % 37
    return product


def _licence(field: Field, _salt: int) -> Made:
    """电子证照标识 (GB/T 36904): standard-setting body's code, issuing organ's code, number, version, check."""
    kind = field.args.rpartition(",")[2]
    digits = "lpad(($src + 1)::VARCHAR, 9, '0') || '001'"
    numbers = ", ".join(f"ascii(substr({digits}, {place}, 1)) - 48" for place in range(1, 13))
    step = "(CASE (p + d) % 36 WHEN 0 THEN 36 ELSE (p + d) % 36 END) * 2 % 37"
    product = f"list_reduce([$slot_product, {numbers}], lambda p, d: {step})"
    check = f"substr('{ALPHANUMERIC}', ((37 - {product}) % 36 + 1)::INT, 1)"
    head = literal(f"{LICENCE_ROOT}.{_LICENCE_BODY}{kind}.")
    return Made(
        f"{head} || $slot_uscc || '.20' || lpad(($src + 1)::VARCHAR, 9, '0') || '.001.' || {check}",
        "text",
        "code",
    )


def _days(field: Field) -> tuple[str, int]:
    """First day and number of days; 2025 ends a day early, so that no clock's zone makes it tomorrow."""
    low, high = _bounds(field.args)
    last = dt.date(high, 12, 30 if high == LAST_YEAR else 31)
    return f"{low}-01-01", (last - dt.date(low, 1, 1)).days + 1


def _date(field: Field, salt: int) -> Made:
    first, days = _days(field)
    return Made(f"DATE '{first}' + ({chance('$r', salt)} % {days})::INT", "date", "date")


def _after(field: Field, salt: int) -> Made:
    low, high = _bounds(field.args)
    return Made(f"$v_{field.args.split(',')[0]} + {between('$r', salt, low, high)}::INT", "date", "date")


def _time(field: Field, salt: int) -> Made:
    first, days = _days(field)
    # The working day's hours come more often than the night.
    hour = f"CASE WHEN {chance('$r', salt + 1)} % 10 < 7 THEN 8 + {chance('$r', salt + 2)} % 10 ELSE {chance('$r', salt + 2)} % 24 END"
    second = f"({hour})::BIGINT * 3600 + ({chance('$r', salt + 3)} % 3600)::BIGINT"
    day = f"({chance('$r', salt)} % {days})::BIGINT * 86400"
    return Made(f"TIMESTAMP '{first}' + to_seconds({day} + {second})", "timestamp", "datetime")


def _later(field: Field, salt: int) -> Made:
    low, high = _bounds(field.args)
    minutes = between("$r", salt, low, high)
    return Made(f"$v_{field.args.split(',')[0]} + to_minutes({minutes})", "timestamp", "datetime")


def _month(field: Field, salt: int) -> Made:
    low, high = _bounds(field.args)
    return Made(
        f"{between('$r', salt, low, high)}::VARCHAR || lpad({between('$r', salt + 1, 1, 12)}::VARCHAR, 2, '0')",
        "text",
        "code",
    )


def _amount(field: Field, salt: int) -> Made:
    """Small amounts are common, large ones rare; whole cents, no float: the third power of a thousandth."""
    low, high = _bounds(field.args)
    share = f"(({chance('$rv', salt)} % 1001)::BIGINT)"
    cents = f"{low * 100} + {share} * {share} // 1000 * {share} * {max(high - low, 0)} // 10000 + ({chance('$rv', salt + 1)} % 100)::BIGINT"
    value = f"({cents}) * 0.01" if high > low else f"{low}.00"
    return Made(f"({value})::DECIMAL(18,2)", "decimal(18,2)", "amount")


def _int(field: Field, salt: int) -> Made:
    low, high = _bounds(field.args)
    return Made(between("$rv", salt, low, high), "integer", "integer")


def _pick_field(field: Field, salt: int) -> Made:
    # What is part of a key never changes.
    return Made(_pick(_options(field.args), salt, "$r" if field.key else "$rv"), "text", "text")


def _plate(_field: Field, salt: int) -> Made:
    letter = f"substr('ABCDEFGHJKLMNPQRSTUVWXYZ', ({chance('$r', salt)} % 24)::INT + 1, 1)"
    return Made(f"'湘E·' || {letter} || (1000 + {chance('$r', salt + 1)} % 9000)::VARCHAR", "text", "text")


def _project(_field: Field, salt: int) -> Made:
    return Made(f"$r_county_name || $r_stem || {_pick(phrases.PROJECTS, salt)} || '项目'", "text", "text")


def _estate(_field: Field, salt: int) -> Made:
    count = len(dict.fromkeys(names.TRADE))
    pair = " || ".join(choose("$r", salt + place, "getvariable('trade')", count) for place in (0, 1))
    return Made(f"{pair} || {_pick(phrases.ESTATES, salt + 2)}", "text", "text")


def _local(words: list[str]) -> Maker:
    """A body named after the row's county and township: 隆回县六都寨镇卫生院."""

    def maker(_field: Field, salt: int) -> Made:
        return Made(f"$r_county_name || $r_stem || {_pick(words, salt)}", "text", "text")

    return maker


def _words(words: list[str] | tuple[str, ...]) -> Maker:
    def maker(_field: Field, salt: int) -> Made:
        return Made(_pick(words, salt), "text", "text")

    return maker


def _of_unit(column: str) -> Maker:
    """One of the words that fit the keeping department, from its slot."""

    def maker(_field: Field, salt: int) -> Made:
        return Made(
            f"${column}[1 + ({chance('$rv', salt)} % len(${column})::UBIGINT)::BIGINT]", "text", "text"
        )

    return maker


def _govunit(_field: Field, salt: int) -> Made:
    units = [word for word in _GOVERNMENT if word]
    return Made(f"'邵阳市' || {_pick(units, salt)}", "text", "text")


_GOVERNMENT = ["教育局", "科学技术局", "工业和信息化局", "公安局", "民政局", "司法局", "财政局", "人力资源和社会保障局", "自然资源和规划局", "生态环境局", "住房和城乡建设局", "交通运输局", "水利局", "农业农村局", "商务局", "文化旅游广电体育局", "卫生健康委员会", "退役军人事务局", "应急管理局", "审计局", "市场监督管理局", "林业局", "医疗保障局", "统计局", "城市管理和综合执法局", "信访局"]  # fmt: skip


def _fine(_field: Field, salt: int) -> Made:
    """罚款金额（万元）: there where the category says so, missing elsewhere."""
    amount = f"((50 + {chance('$r', salt)} % 200000)::BIGINT * 0.0001)"
    return Made(
        f"CASE WHEN $v_cf_cflb LIKE '%罚款%' THEN {amount}::DECIMAL(18,6) END", "decimal(18,6)", "amount_wan"
    )


def _revoked(_field: Field, salt: int) -> Made:
    name = (
        f"{_pick(phrases.REVOCABLE, salt)} || ' ' || (430500000 + {chance('$r', salt + 1)} % 99999)::VARCHAR"
    )
    return Made(f"CASE WHEN $v_cf_cflb LIKE '%吊销%' THEN {name} END", "text", "text")


def _slot(column: str, element: str) -> Maker:
    """A constant of the table, from its slot."""

    def maker(_field: Field, _salt: int) -> Made:
        return Made(f"${column}", "text", element)

    return maker


def _updated(_field: Field, salt: int) -> Made:
    """Within 2025 for what was there from the beginning; the round's own night for what came or changed later."""
    first = f"TIMESTAMP '2025-01-01 00:00:00' + to_seconds(({chance('$r', salt)} % 31449600)::BIGINT)"
    night = f"TIMESTAMP '2026-01-01 01:00:00' + to_days($version::INT - 1) + to_seconds(({chance('$r', salt)} % 7200)::BIGINT)"
    # The row that supersedes a doubled one was written a day after it.
    return Made(
        f"CASE WHEN $version > 0 THEN {night} WHEN $superseding THEN {first} + to_days(1) ELSE {first} END",
        "timestamp", "datetime",
    )  # fmt: skip


def _tax_name(_field: Field, _salt: int) -> Made:
    """The tax office sometimes leaves out the seat or writes the shorter form."""
    luck = chance("$r", 110)
    return Made(
        f"CASE {luck} % 60 WHEN 0 THEN replace($c_name, '有限责任公司', '有限公司') "
        "WHEN 1 THEN CASE WHEN starts_with($c_name, '邵阳市') THEN '湖南省' || $c_name ELSE $c_name END "
        "WHEN 2 THEN replace($c_name, '股份有限公司', '股份公司') ELSE $c_name END",
        "text", "legal_name",
    )  # fmt: skip


def _social_name(_field: Field, _salt: int) -> Made:
    luck = chance("$r", 110)
    return Made(
        f"CASE {luck} % 50 WHEN 0 THEN replace($c_name, '有限责任公司', '有限公司') "
        "WHEN 1 THEN regexp_replace($c_name, '^湖南(.)', '湖南省\\1') ELSE $c_name END",
        "text", "legal_name",
    )  # fmt: skip


#: A few employers among the first have moved without a word to the social security office, and are known there by no
#: code: the same name and representative at another address. Nobody but a person can say whether it is the same.
_MOVED = f"($c_n < 2000 AND {chance('$r', 112)} % 1000 BETWEEN 115 AND 129)"

_OLD_PLACES = (
    "'湖南省邵阳市' || ['双清区龙须塘街道老火车站', '大祥区城南街道宝庆西路', '北塔区状元洲街道资江北路', "
    "'双清区汽车站街道塔北路', '大祥区红旗路街道戴家坪'][1 + ($c_n % 5)::INT]"
)


def _before_moving(column: str, before: str, element: str) -> Maker:
    """A column of the company, as it was ``before`` for those that have moved."""

    def maker(_field: Field, _salt: int) -> Made:
        return Made(f"CASE WHEN {_MOVED} THEN {before} ELSE ${column} END", "text", element)

    return maker


def _sometimes(column: str, salt: int, missing: str, element: str) -> Maker:
    """A code the source does not always hold: missing where ``missing`` of the row's luck (0–999) says so."""

    def maker(_field: Field, _salt: int) -> Made:
        luck = f"({chance('$r', salt)} % 1000)"
        return Made(f"CASE WHEN {missing.format(luck=luck)} THEN NULL ELSE ${column} END", "text", element)

    return maker


#: Field kinds that simply show a column of the row's subject: (column, type, element).
_COLUMNS: dict[str, tuple[str, str, str]] = {
    "pname": ("p_name", "text", "person_name"), "pid": ("p_id", "text", "person_id"),
    "mobile": ("p_mobile", "text", "mobile"), "gender": ("p_gender", "text", "text"),
    "birth": ("p_birth", "date", "date"), "paddr": ("p_address", "text", "text"),
    "pdiv": ("p_division", "text", "division_code"), "nation": ("p_nation", "text", "text"),
    "mname": ("m_name", "text", "person_name"), "mid": ("m_id", "text", "person_id"),
    "qname": ("q_name", "text", "person_name"), "qid": ("q_id", "text", "person_id"),
    "childname": ("k_name", "text", "person_name"), "kidid": ("k_id", "text", "person_id"),
    "kgender": ("k_gender", "text", "text"),
    "anyname": ("a_name", "text", "person_name"), "anyentity": ("z_name", "text", "legal_name"),
    "ename": ("c_name", "text", "legal_name"), "uscc": ("c_uscc", "text", "uscc"),
    "regno": ("c_shown_reg", "text", "business_reg_no"),
    "rep": ("l_name", "text", "person_name"), "repid": ("l_id", "text", "person_id"),
    "emobile": ("c_mobile", "text", "mobile"), "eaddr": ("c_address", "text", "text"),
    "ekind": ("c_kind", "text", "text"), "party": ("c_party", "text", "code"), "eindustry": ("c_industry", "text", "code"),
    "ediv": ("c_division", "text", "division_code"), "founded": ("c_founded", "date", "date"),
    "capital": ("c_money", "decimal(18,2)", "amount"),
    "division": ("r_division", "text", "division_code"), "town": ("r_town", "text", "text"),
    "village": ("r_village", "text", "text"), "addr": ("r_address", "text", "text"),
}  # fmt: skip

_MAKERS: dict[str, Maker] = {
    "serial": _serial, "doc": _doc, "licence": _licence, "date": _date, "after": _after, "time": _time,
    "later": _later, "month": _month, "amount": _amount, "int": _int, "pick": _pick_field, "plate": _plate,
    "project": _project, "estate": _estate, "school": _local(phrases.SCHOOLS), "clinic": _local(phrases.CLINICS),
    "groupname": _local(phrases.GROUPS), "matter": _of_unit("slot_matters"), "hospital": _words(phrases.HOSPITALS),
    "drug": _words(phrases.DRUGS), "wrong": _of_unit("slot_wrongs"), "penalty": _words(phrases.PENALTIES),
    "govunit": _govunit, "fine": _fine, "revoked": _revoked, "updated": _updated,
    "thisunit": _slot("slot_unit", "legal_name"), "thisuscc": _slot("slot_uscc", "uscc"),
    "ename_tax": _tax_name, "ename_social": _social_name,
    # 5 % of the tax registrations know no 统一社会信用代码, most of them an old registration number instead.
    "uscc_tax": _sometimes("c_uscc", 111, "{luck} < 50", "uscc"),
    "regno_tax": _sometimes("c_reg", 111, "{luck} BETWEEN 40 AND 699", "business_reg_no"),
    "uscc_social": _sometimes("c_uscc", 112, "{luck} < 130", "uscc"),
    "emobile_social": _before_moving("c_mobile", "'1' || (30 + $c_n % 10)::VARCHAR || lpad(($c_n * 40503 % 100000000)::VARCHAR, 8, '5')", "mobile"),
    "eaddr_social": _before_moving("c_address", f"{_OLD_PLACES} || (1 + $c_n)::VARCHAR || '号'", "text"),
    "org_social": _sometimes("c_org", 112, "{luck} BETWEEN 115 AND 129 OR {luck} >= 600", "org_code"),
}  # fmt: skip


def start_block(template: str, blocks: int) -> int:
    """Where in the people a list begins, so that lists overlap by chance and not by place."""
    return zlib.crc32(template.encode()) % max(blocks, 1)
