"""Passwords: what is good enough (等保三级, design §12) and how one is kept.

argon2id with the parameters of RFC 9106's low-memory profile, the library's default: 64 MiB and about 50 ms,
spent for a name that does not exist too.
"""

from __future__ import annotations

import datetime as dt
import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from jutong.terms import BadInput

MIN_LENGTH = 8
MIN_KINDS = 3
MAX_AGE = dt.timedelta(days=90)

_HASHER = PasswordHasher()


def must_be_good(password: str, login: str) -> None:
    """Raises BadInput ``people.weak_password`` naming everything that is wrong with it."""
    wrong = []
    if len(password) < MIN_LENGTH:
        wrong.append(f"至少 {MIN_LENGTH} 个字符")
    if _kinds(password) < MIN_KINDS:
        wrong.append(f"大写字母、小写字母、数字、符号中至少 {MIN_KINDS} 种")
    if login.lower() in password.lower():
        wrong.append("不能含有账号名")
    if wrong:
        raise BadInput("people.weak_password", f"口令不合要求：{'；'.join(wrong)}")


def _kinds(password: str) -> int:
    return sum(
        (
            any(c.isascii() and c.isupper() for c in password),
            any(c.isascii() and c.islower() for c in password),
            any(c.isdigit() for c in password),
            any(not (c.isascii() and c.isalpha()) and not c.isdigit() for c in password),
        )
    )


def hash_password(password: str) -> str:
    """The PHC text to keep; two calls give two texts."""
    return _HASHER.hash(password)


def verifies(password: str, kept: str | None) -> bool:
    """Whether it is the password; without a kept hash the same time is spent and the answer is no."""
    try:
        _HASHER.verify(kept or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def too_old(password_at: dt.datetime, now: dt.datetime) -> bool:
    return now - password_at > MAX_AGE


@functools.cache
def _nobodys() -> str:
    return hash_password("nobody's")
