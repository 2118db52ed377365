"""Our check digits against python-stdnum: equal but for the differences listed here, each with its law."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter

import pytest
from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_10, mod_37_36
from tests.elements import oracle

from jutong.elements import ELEMENTS, try_many

QUICK, FULL = 20_000, 1_000_000
both_sizes = pytest.mark.parametrize("count", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])
CHUNK = 100_000


def spoken(element: str, values: list[str]) -> list[tuple[str, str | None, str | None]]:
    """(given, cleaned, code of the check that speaks)"""
    rows = []
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        tried = try_many(ELEMENTS[element], part)
        rows += [
            (given, one.cleaned, one.problems[0].code if one.problems else None)
            for given, one in zip(part, tried, strict=True)
        ]
    return rows


@both_sizes
def test_uscc_agrees_with_stdnum_except_where_the_standard_says_otherwise(count: int) -> None:
    differences: Counter[str] = Counter()
    for given, _, code in spoken("uscc", list(oracle.values(oracle.credit_code, count, seed=1))):
        library = oracle.said(uscc.validate, given)
        ours = {None: "ok", "uscc.org_part": "ok", "uscc.check_digit": "checksum"}.get(code, "form")
        if {"length": "form", "format": "form"}.get(library, library) == ours:
            continue
        if re.fullmatch("[NAY].*", given) and library == "format":
            # GB 32100-2015 table 1: N 农业, A 中央军委改革和编制办, Y 其他; stdnum wants a digit.
            differences["begins N, A or Y"] += 1
        elif re.fullmatch("[1-9][A-HJ-NPQRTUWXY].*", given) and library == "format":
            # GB 32100-2015 §4.3: the kind of body is a digit or a letter of the set.
            differences["kind is a letter"] += 1
        elif given.startswith("0") and ours == "form":
            # GB 32100-2015 table 1 gives no registration department 0 (all zeros is a placeholder).
            differences["department 0"] += 1
        else:
            pytest.fail(f"{given}: stdnum says {library}, we say {code}")
    assert differences["begins N, A or Y"]
    assert sum(differences.values()) < count / 50


def test_codes_beginning_n_a_and_y_are_real() -> None:
    """They hold under the same formula; stdnum refuses them for their letter."""
    made = []
    for head in ("N2", "A1", "Y1"):
        body = head + "430502" + "MA4L00011"
        made.append(body + uscc.calc_check_digit(body))
    assert [one.problems for one in try_many(ELEMENTS["uscc"], made)] == [(), (), ()]
    assert not any(uscc.is_valid(value) for value in made)


@both_sizes
def test_person_id_agrees_with_stdnum_except_where_the_standard_says_otherwise(count: int) -> None:
    differences: Counter[str] = Counter()
    for given, cleaned, code in spoken("person_id", list(oracle.values(oracle.person, count, seed=2))):
        library = oracle.said(ric.validate, given)
        ours = {None: "ok", "person_id.check_digit": "checksum", "person_id.birth": "component"}.get(
            code, "form"
        )
        if {"length": "form", "format": "form"}.get(library, library) == ours:
            continue
        if len(given) == 15 and given.isdigit():
            # GB 11643-1999 §5: numbers of the first generation are lengthened, then judged.
            assert cleaned
            assert cleaned[:6] + cleaned[8:17] == given
            differences["15 digits"] += 1
        elif given.startswith("0"):
            # GB/T 2260: no province begins with 0.
            assert ours == "form"
            differences["province 0"] += 1
        elif library == "component" and not birth_fails(given):
            # Residence permits of Hong Kong, Macao and Taiwan residents (港澳台居民居住证申领发放办法: 81, 82,
            # 83 0000) and codes no longer in force: people keep the code of their registration (GB 11643 §4).
            differences["division"] += 1
            assert code is None
        elif library == "checksum" and (birth_fails(given) or given[17] not in "0123456789X"):
            # Both refuse it: stdnum asks for the check digit first, we for form and date of birth.
            assert ours != "ok"
            differences["order of questions"] += 1
        else:
            pytest.fail(f"{given}: stdnum says {library}, we say {code}")
    assert differences["division"]


def birth_fails(value: str) -> bool:
    try:
        birth = dt.datetime.strptime(value[6:14], "%Y%m%d").date()
    except ValueError:
        return True
    return not dt.date(1850, 1, 1) <= birth <= dt.date.today()


@both_sizes
def test_registration_numbers_agree_with_stdnum(count: int) -> None:
    for given, _, code in spoken("business_reg_no", list(oracle.values(oracle.registration, count, seed=3))):
        if re.fullmatch("[0-9]{15}", given) and given.strip("0"):
            assert (code is None) == holds(given), given
        else:
            # GS 15-2006 came in 2007: the thirteen digits before it have no check.
            old = re.fullmatch("[0-9]{13}", given) and given.strip("0")
            assert code == (None if old else "business_reg_no.form"), given


def holds(value: str) -> bool:
    try:
        mod_11_10.validate(value)
    except ValidationError:
        return False
    return True


@both_sizes
def test_organisation_codes_agree_with_the_standards_own_words(count: int) -> None:
    """stdnum has no module for GB 11714; the formula written out in Python stands in its place."""
    for given, _, code in spoken("org_code", list(oracle.values(oracle.org_code, count, seed=4))):
        if not re.fullmatch("[0-9A-Z]{8}[0-9X]", given) or given.startswith("00000000"):
            assert code == "org_code.form", given
        else:
            assert (code is None) == (oracle.org_check(given[:8]) == given[8]), given


@both_sizes
def test_bank_cards_agree_with_stdnum(count: int) -> None:
    for given, _, code in spoken("bank_card", list(oracle.values(oracle.card, count, seed=5))):
        if re.fullmatch("[1-9][0-9]{12,18}", given):
            assert (code is None) == luhn.is_valid(given), given
        else:
            # GB/T 19584: an account number has 13 to 19 digits; stdnum's Luhn takes any length.
            assert code == "bank_card.form", given


@both_sizes
def test_licence_identifiers_agree_with_stdnum(count: int) -> None:
    root, form = (
        "1.2.156.3005.2.",
        r"1\.2\.156\.3005\.2\.[0-9A-Z]{21}\.[0-9]{6}\.[0-9]{11}\.[0-9]{3}\.[0-9A-Z]",
    )
    for given, _, code in spoken("licence_id", list(oracle.values(oracle.licence, count, seed=6))):
        if re.fullmatch(form, given):
            held = mod_37_36.is_valid(given.removeprefix(root).replace(".", ""))
            assert (code is None) == held, given
