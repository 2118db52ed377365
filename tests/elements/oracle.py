"""Million-value runs against python-stdnum: values made from a seed, and what the library says of each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidFormat, InvalidLength, ValidationError
from stdnum.iso7064 import mod_11_10, mod_37_36

USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COUNTIES = (
    "430502",
    "430503",
    "430523",
    "430582",
    "110105",
    "440305",
    "432621",
    "430521",
    "512501",
    "810000",
    "820000",
    "830000",
)


def org_code(rng: random.Random) -> str:
    body = "".join(rng.choice(ALNUM if rng.random() < 0.3 else "0123456789") for _ in range(8))
    return body + org_check(body)


def org_check(body: str) -> str:
    """GB 11714 in its own words: C9 = 11 − Σ mod 11; 10 is X, 11 is 0."""
    total = sum(
        weight * ALNUM.index(char) for weight, char in zip((3, 7, 9, 10, 5, 8, 4, 2), body, strict=True)
    )
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def credit_code(rng: random.Random) -> str:
    body = rng.choice("123456789") + rng.choice("123459") + rng.choice(COUNTIES)
    body += "".join(rng.choice(USCC if rng.random() < 0.3 else "0123456789") for _ in range(9))
    return body + uscc.calc_check_digit(body)


def person(rng: random.Random) -> str:
    body = f"{rng.choice(COUNTIES)}{rng.randint(1925, 2024)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    body += f"{rng.randint(0, 999):03d}"
    return body + ric.calc_check_digit(body + "0")


def registration(rng: random.Random) -> str:
    body = "".join(rng.choice("0123456789") for _ in range(14))
    return body + mod_11_10.calc_check_digit(body)


def card(rng: random.Random) -> str:
    body = str(rng.randint(1, 9)) + "".join(rng.choice("0123456789") for _ in range(rng.randint(11, 17)))
    return body + luhn.calc_check_digit(body)


def licence(rng: random.Random) -> str:
    kind = f"11100000000013338W0{rng.randint(10, 99)}"
    parts = (kind, rng.choice(COUNTIES), f"2023{rng.randint(0, 9999999):07d}", "001")
    return "1.2.156.3005.2." + ".".join((*parts, mod_37_36.calc_check_digit("".join(parts))))


def mutated(value: str, rng: random.Random) -> str:
    """One in three stays as it is; the rest lose, gain, swap or change characters."""
    kind = rng.randrange(9)
    place = rng.randrange(len(value))
    if kind < 3:
        return value
    if kind == 3:
        return value[:place] + rng.choice(ALNUM) + value[place + 1 :]
    if kind == 4:
        return value[:place] + rng.choice("0123456789") + value[place + 1 :]
    if kind == 5:
        return value[:place] + value[place + 1 :]
    if kind == 6:
        return value[:place] + rng.choice(ALNUM) + value[place:]
    if kind == 7:
        return value[: place - 1] + value[place : place + 1] + value[place - 1 : place] + value[place + 1 :]
    return "".join(rng.choice(ALNUM) for _ in range(len(value)))


def values(make: Callable[[random.Random], str], count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        yield mutated(make(rng), rng)


def said(validate: Callable[[str], str], value: str) -> str:
    """What the library says: ok, length, format, component or checksum."""
    try:
        validate(value)
    except InvalidChecksum:
        return "checksum"
    except InvalidComponent:
        return "component"
    except InvalidLength:
        return "length"
    except InvalidFormat:
        return "format"
    except ValidationError as other:
        raise AssertionError(value) from other
    return "ok"
