"""Check digits in plain Python, for the few codes written by hand and for tests.

The generator's SQL (``subjects``) computes the same digits for millions of rows; tests hold the two together.
"""

from __future__ import annotations

#: GB 32100-2015: 31 characters, no I O S V Z.
USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
#: GB 11714.
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
#: GB 11643-1999.
PERSON_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
PERSON_CHECKS = "10X98765432"
#: ISO 7064 MOD 37,36, for 电子证照标识 (GB/T 36904).
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LICENCE_ROOT = "1.2.156.3005.2"
#: The one code of the handbook that is printed with a wrong check digit and really in use.
WHITELISTED_USCC = "91350203M0001QAY9B"


def org_check(body: str) -> str:
    """Ninth character of an organisation code."""
    total = sum(weight * ALPHANUMERIC.index(char) for weight, char in zip(ORG_WEIGHTS, body, strict=True))
    return "0123456789X0"[11 - total % 11]


def uscc_check(body: str) -> str:
    """Eighteenth character of a 统一社会信用代码."""
    total = sum(weight * USCC_CHARACTERS.index(char) for weight, char in zip(USCC_WEIGHTS, body, strict=True))
    return USCC_CHARACTERS[(31 - total % 31) % 31]


def person_check(body: str) -> str:
    """Eighteenth character of a 公民身份号码."""
    total = sum(weight * int(char) for weight, char in zip(PERSON_WEIGHTS, body, strict=True))
    return PERSON_CHECKS[total % 11]


def registration_check(body: str) -> str:
    """Fifteenth digit of a 工商注册号 (GS 15-2006, MOD 11,10)."""
    product = 10
    for char in body:
        product = 2 * ((product + int(char)) % 10 or 10) % 11
    return str((11 - product) % 10)


def licence_check(middle: str) -> str:
    """Last character of a 电子证照标识, over its four middle parts without dots."""
    product = 36
    for char in middle:
        product = ((product + ALPHANUMERIC.index(char)) % 36 or 36) * 2 % 37
    return ALPHANUMERIC[(37 - product) % 36]


def organ_code(division: str, number: int) -> str:
    """A synthetic organ's code: 11 (机构编制 机关) + division + organisation code + check."""
    org = f"0061{number:04d}"
    body = f"11{division}{org}{org_check(org)}"
    return body + uscc_check(body)
