"""The people and the companies of the city, as SQL over a number: person 17 is the same in every table.

Nothing is stored: name, birth, identity number, address of person *n* follow from *n* alone, so overlapping
registers agree, at every scale and in any order of making.  Numbers lie in blocks of 128: the place in the
block says the county, every fifth block holds the children.
"""

from __future__ import annotations

from functools import cache

import duckdb

from jutong.city import names
from jutong.city.codes import ALPHANUMERIC, PERSON_CHECKS, PERSON_WEIGHTS, USCC_CHARACTERS, USCC_WEIGHTS
from jutong.city.columns import chance, choose, literals
from jutong.city.divisions import COUNTIES, HISTORY

BLOCK = 128
#: Adults are born 1931–2005, children 2006–2021 (days).
_ADULT_DAYS = 27394
_CHILD_DAYS = 5844
_PERSON, _COMPANY = 10**15, 2 * 10**15
_MOST_TOWNS = 25
#: Steps through 0…n−1 that meet every number once (primes that divide no size used here).
STRIDE = 7919
_DAY_STEP, _NAME_STEP, _CODE_STEP, _ORDER_STEP = 9973, 1_000_003, 7_368_787, 7_654_321


@cache
def county_places() -> tuple[int, ...]:
    """For each place in a block, the index of its county: shares by registered people."""
    total = sum(county.people for county in COUNTIES)
    bounds, people = [], 0
    for county in COUNTIES:
        people += county.people
        bounds.append(round(people * BLOCK / total))
    return tuple(next(index for index, bound in enumerate(bounds) if place < bound) for place in range(BLOCK))


def places_of(county: int) -> tuple[int, ...]:
    """The places in a block that belong to a county."""
    return tuple(place for place, index in enumerate(county_places()) if index == county)


@cache
def _variables() -> dict[str, str]:
    """Lists that many queries pick from, as session variables: parsed once, folded into every plan."""
    former: dict[str, str] = {new: code for code, new in HISTORY.items() if code.startswith("4326")}
    now = [county.division for county in COUNTIES]
    codes = [*now, "430521", *(former.get(code, code) for code in now)]
    towns = [county.towns[n % len(county.towns)] for county in COUNTIES for n in range(_MOST_TOWNS)]
    trade = tuple(dict.fromkeys(names.TRADE))
    return {
        "county_of": literals(list(county_places())),
        "county_name": literals([county.name for county in COUNTIES]),
        "county_short": literals([county.short for county in COUNTIES]),
        "county_code": literals(now),
        "codes": literals(codes),
        "code_sums": literals([_weigh(code, PERSON_WEIGHTS) for code in codes]),
        "towns": literals(towns),
        "surnames": literals(names.SURNAMES),
        "given_men": literals(names.GIVEN_MEN), "given_men_2": literals(names.GIVEN_SECOND_MEN),
        "given_women": literals(names.GIVEN_WOMEN), "given_women_2": literals(names.GIVEN_SECOND_WOMEN),
        "nations": literals(names.NATIONS), "segments": literals(names.SEGMENTS),
        "villages": literals(names.VILLAGES), "roads": literals(names.ROADS),
        "trade": literals(trade),
        "trades": literals([name for name, _ in names.TRADES]), "trades_class": literals([kind for _, kind in names.TRADES]),
        "shops": literals([name for name, _ in names.SHOPS]), "shops_class": literals([kind for _, kind in names.SHOPS]),
        "org_values": literals([ALPHANUMERIC.index(char) for char in USCC_CHARACTERS]),
        "division_sum": literals([_weigh(code, USCC_WEIGHTS[2:]) for code in now]),
    }  # fmt: skip


def _weigh(code: str, weights: tuple[int, ...]) -> int:
    """Weighted sum of a division code's six digits."""
    return sum(weight * int(digit) for weight, digit in zip(weights, code, strict=False))


def prepare(engine: duckdb.DuckDBPyConnection) -> None:
    """Set the session's lists; once per connection (and per cursor)."""
    for name, value in _variables().items():
        engine.execute(f"SET VARIABLE {name} = {value}")


def _from(name: str, index: str) -> str:
    return f"getvariable('{name}')[1 + ({index})::BIGINT]"


def _pick(name: str, number: str, salt: int, of: tuple[str, ...] | list[str]) -> str:
    return choose(number, salt, f"getvariable('{name}')", len(of))


def place_columns(prefix: str, county: str, number: str, salt: int) -> dict[str, str]:
    """Township and address (to the house) in a county given by its index."""
    town = f"({county}) * {_MOST_TOWNS} + ({chance(number, salt)} % {_MOST_TOWNS})::BIGINT"
    village = f"{_pick('villages', number, salt + 1, names.VILLAGES)} || (1 + {chance(number, salt + 2)} % 18)::VARCHAR || '组'"
    road = f"{_pick('roads', number, salt + 1, names.ROADS)} || (1 + {chance(number, salt + 2)} % 480)::VARCHAR || '号'"
    return {
        f"{prefix}_town": _from("towns", town),
        f"{prefix}_village": _pick("villages", number, salt + 3, names.VILLAGES),
        f"{prefix}_address": (
            f"'湖南省邵阳市' || {_from('county_name', county)} || ${prefix}_town || "
            f"CASE WHEN ends_with(${prefix}_town, '街道') THEN {road} ELSE {village} END"
        ),
    }


def person_columns(prefix: str, number: str) -> dict[str, str]:
    """Everything about the person whose number is the expression ``number``; names begin with ``prefix``."""
    p = prefix
    seed = f"(${p}_n + {_PERSON})"
    man = f"(${p}_n % 2 = 0)"
    sums = (
        _from("code_sums", f"${p}_era"),
        _digit_sum(f"${p}_ymd", 8, 6),
        _digit_sum(f"${p}_sequence", 3, 14),
    )
    weighed = " + ".join(sums)
    columns = {
        f"{p}_n": number,
        f"{p}_county": _from("county_of", f"${p}_n % {BLOCK}"),
        f"{p}_child": f"(${p}_n // {BLOCK}) % 5 = 0",
        f"{p}_rank": f"CASE WHEN ${p}_child THEN ${p}_n // {BLOCK * 5} * {BLOCK} + ${p}_n % {BLOCK} ELSE ${p}_n END",
        f"{p}_days": f"CASE WHEN ${p}_child THEN {_CHILD_DAYS} ELSE {_ADULT_DAYS} END",
        f"{p}_day": f"(${p}_rank * {_DAY_STEP}) % ${p}_days",
        f"{p}_birth": f"CASE WHEN ${p}_child THEN DATE '2006-01-01' ELSE DATE '1931-01-01' END + ${p}_day::INT",
        # Persons born on one day differ in rank // days, so sequence numbers never meet; men have odd ones.
        f"{p}_sequence": (
            f"((${p}_rank // ${p}_days * 2 + ${p}_n % 2 + 2 * ({chance(f'(${p}_day + {_PERSON})', 0)} % 400)::BIGINT) % 998 + 1)::INT"
        ),
        f"{p}_year": f"year(${p}_birth)::INT",
        f"{p}_ymd": f"(${p}_year * 10000 + month(${p}_birth) * 100 + day(${p}_birth))::INT",
        f"{p}_luck": f"({chance(seed, 1)} % 100)::BIGINT",
        # The code of the time of registration: 邵阳地区 to 1986, 邵东县 to 2019 (about 8 % of all).
        f"{p}_era": (
            f"CASE WHEN ${p}_county = 11 AND ${p}_luck < 30 THEN 12 "
            f"WHEN ${p}_year < 1986 AND ${p}_luck < 8 THEN ${p}_county + 13 ELSE ${p}_county END"
        ),
        f"{p}_id": (
            f"{_from('codes', f'${p}_era')} || ${p}_ymd::VARCHAR || lpad(${p}_sequence::VARCHAR, 3, '0') || "
            f"{_check_character(weighed)}"
        ),
        f"{p}_gender": f"CASE WHEN {man} THEN '男' ELSE '女' END",
        f"{p}_name": (
            f"{_pick('surnames', seed, 2, names.SURNAMES)} || CASE WHEN {man} THEN "
            f"{_given(seed, 'men', names.GIVEN_MEN, names.GIVEN_SECOND_MEN)} ELSE "
            f"{_given(seed, 'women', names.GIVEN_WOMEN, names.GIVEN_SECOND_WOMEN)} END"
        ),
        f"{p}_nation": _pick("nations", seed, 6, names.NATIONS),
        f"{p}_mobile": f"{_pick('segments', seed, 7, names.SEGMENTS)} || (10000000 + {chance(seed, 8)} % 90000000)::VARCHAR",
        f"{p}_division": _from("county_code", f"${p}_county"),
    }
    return columns | place_columns(p, f"${p}_county", seed, 10)


def _given(seed: str, kind: str, first: tuple[str, ...], second: tuple[str, ...]) -> str:
    """One character for a fifth of the names, two for the rest."""
    one = _pick(f"given_{kind}_2", seed, 3, second)
    two = f"{_pick(f'given_{kind}', seed, 4, first)} || {_pick(f'given_{kind}_2', seed, 3, second)}"
    return f"CASE WHEN {chance(seed, 5)} % 5 = 0 THEN {one} ELSE {two} END"


def _digit_sum(number: str, digits: int, place: int) -> str:
    """Weighted digits of a number that stands at ``place`` (from 0) in the identity number."""
    weights = PERSON_WEIGHTS[place : place + digits]
    return " + ".join(
        f"{number} // {10 ** (digits - 1 - position)} % 10 * {weight}"
        for position, weight in enumerate(weights)
    )


def _check_character(total: str) -> str:
    return f"{literals(tuple(PERSON_CHECKS))}[1 + ({total}) % 11]"


def company_columns(prefix: str, number: str) -> dict[str, str]:
    """Everything about the market entity whose number is ``number``: 企业, 个体工商户 or 农民专业合作社."""
    p = prefix
    seed = f"(${p}_n + {_COMPANY})"
    trade = len(dict.fromkeys(names.TRADE))
    size = trade * trade * len(names.TRADES)
    first = _from("trade", f"${p}_word % {trade}")
    second = _from("trade", f"${p}_word // {trade} % {trade}")
    columns = {
        f"{p}_n": number,
        f"{p}_county": _from("county_of", f"${p}_n % {BLOCK}"),
        f"{p}_luck": f"({chance(seed, 1)} % 100)::BIGINT",
        f"{p}_class": f"CASE WHEN ${p}_luck < 38 THEN 1 WHEN ${p}_luck < 96 THEN 2 ELSE 3 END",
        f"{p}_kind": f"['企业', '个体工商户', '农民专业合作社'][${p}_class]",
        # No two companies share trade name and trade; shops may share everything but their owner.
        f"{p}_word": f"(${p}_n * {_NAME_STEP}) % {size}",
        f"{p}_sort": f"(${p}_word // {trade * trade})",
        f"{p}_shop": f"({chance(seed, 2)} % {len(names.SHOPS)})::BIGINT",
        f"{p}_seat": (
            f"CASE WHEN {chance(seed, 3)} % 10 < 5 THEN '邵阳市' WHEN {chance(seed, 3)} % 10 < 9 THEN "
            f"{_from('county_name', f'${p}_county')} ELSE '湖南' END"
        ),
        f"{p}_form": f"['有限公司', '有限公司', '有限公司', '有限责任公司', '有限责任公司', '股份有限公司'][1 + ({chance(seed, 4)} % 6)::BIGINT]",
        f"{p}_name": (
            f"CASE ${p}_class WHEN 1 THEN ${p}_seat || {first} || {second} || {_from('trades', f'${p}_sort')} || ${p}_form "
            f"WHEN 2 THEN {_from('county_name', f'${p}_county')} || {_stem(f'${p}_town')} || "
            f"{_shop_name(seed, first)} || {_from('shops', f'${p}_shop')} "
            f"ELSE {_from('county_name', f'${p}_county')} || {first} || {second} || "
            f"['种植', '养殖', '农机', '油茶', '水果'][1 + ({chance(seed, 5)} % 5)::BIGINT] || '专业合作社' END"
        ),
        f"{p}_industry": (
            f"CASE ${p}_class WHEN 1 THEN {_from('trades_class', f'${p}_sort')} "
            f"WHEN 2 THEN {_from('shops_class', f'${p}_shop')} ELSE 'A' END"
        ),
        f"{p}_mobile": f"{_pick('segments', seed, 7, names.SEGMENTS)} || (10000000 + {chance(seed, 8)} % 90000000)::VARCHAR",
        f"{p}_founded": f"DATE '1996-03-01' + ({chance(seed, 9)} % 10800)::INT",
        f"{p}_division": _from("county_code", f"${p}_county"),
        f"{p}_capital": (
            f"CASE WHEN ${p}_class = 2 THEN (1 + {chance(seed, 15)} % 50)::BIGINT * 10000 "
            f"ELSE [100000, 300000, 500000, 1000000, 2000000, 5000000, 10000000, 50000000]"
            f"[1 + ({chance(seed, 15)} % 8)::BIGINT] END"
        ),
    }
    return columns | _code_columns(p) | place_columns(p, f"${p}_county", seed, 10)


def _stem(town: str) -> str:
    """A township's name without its kind: 六都寨镇 → 六都寨."""
    return f"regexp_replace({town}, '(街道|镇|瑶族乡|苗族乡|侗族乡|回族乡|乡|管理区|场)$', '')"


def _shop_name(seed: str, character: str) -> str:
    return (
        f"CASE ({chance(seed, 6)} % 4)::INT WHEN 0 THEN {_pick('surnames', seed, 16, names.SURNAMES)} || '记' "
        f"WHEN 1 THEN '老' || {_pick('surnames', seed, 16, names.SURNAMES)} "
        f"WHEN 2 THEN '阿' || {_pick('given_women_2', seed, 17, names.GIVEN_SECOND_WOMEN)} "
        f"ELSE {character} || {_pick('trade', seed, 18, list(dict.fromkeys(names.TRADE)))} END"
    )


def _code_columns(p: str) -> dict[str, str]:
    """统一社会信用代码, its organisation code, and the registration number of the years before."""
    charset = USCC_CHARACTERS
    digits = {f"{p}_u{place}": f"${p}_code // {31**place} % 31" for place in range(5)}
    letters = " || ".join(f"substr('{charset}', ${p}_u{place}::INT + 1, 1)" for place in (4, 3, 2, 1, 0))
    org = " + ".join(
        f"{_from('org_values', f'${p}_u{place}')} * {weight}"
        for place, weight in ((4, 10), (3, 5), (2, 8), (1, 4), (0, 2))
    )
    # MA4 stands for the years since 2015 in 湖南: M A 4 have the values 22 10 4 (GB 11714) and 21 10 4 (GB 32100).
    fixed_org, fixed_uscc = 3 * 22 + 7 * 10 + 9 * 4, 9 * 1 + 20 * 21 + 29 * 10 + 25 * 4
    uscc = " + ".join(
        f"${p}_u{place} * {weight}" for place, weight in ((4, 13), (3, 8), (2, 24), (1, 10), (0, 30))
    )
    return digits | {
        f"{p}_code": f"(${p}_n * {_CODE_STEP} + 1234567) % {31**5}",
        f"{p}_org_sum": f"({fixed_org} + {org}) % 11",
        f"{p}_org": f"'MA4' || {letters} || substr('0123456789X0', (12 - ${p}_org_sum)::INT, 1)",
        f"{p}_org_value": f"CASE ${p}_org_sum WHEN 1 THEN 29 WHEN 0 THEN 0 ELSE 11 - ${p}_org_sum END",
        f"{p}_uscc_sum": (
            f"({fixed_uscc} + ${p}_class * 3 + {_from('division_sum', f'${p}_county')} + {uscc} + ${p}_org_value * 28) % 31"
        ),
        f"{p}_uscc": (
            f"'9' || ${p}_class::VARCHAR || ${p}_division || ${p}_org || "
            f"substr('{charset}', ((31 - ${p}_uscc_sum) % 31)::INT + 1, 1)"
        ),
        f"{p}_order": f"(${p}_n * {_ORDER_STEP}) % 9999991",
        f"{p}_reg_body": f"${p}_division || '0' || lpad(${p}_order::VARCHAR, 7, '0')",
        f"{p}_reg": f"${p}_reg_body || ((11 - {_mod_11_10(f'${p}_reg_body', 14)}) % 10)::VARCHAR",
    }


def _mod_11_10(text: str, length: int) -> str:
    """The product of GS 15-2006 after ``length`` digits."""
    step = "(CASE (p + d) % 10 WHEN 0 THEN 10 ELSE (p + d) % 10 END) * 2 % 11"
    digits = ", ".join(f"ascii(substr({text}, {place}, 1)) - 48" for place in range(1, length + 1))
    return f"list_reduce([10, {digits}], lambda p, d: {step})"
