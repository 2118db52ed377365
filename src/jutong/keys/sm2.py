"""Signing by SM2 (GB/T 32918.2-2016); checking is ``jutong_verify.check_sm2``.

No library at hand signs by SM2 (``cryptography`` hides what OpenSSL has), so this is arithmetic on Python's integers.
The ladder adds and doubles for every bit of the key, but Python's integers do not take the same time for every value: a
software key is for a machine nobody else measures, and where that is not enough an HSM stands behind the KeyProvider.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from jutong_verify import SM2_G, SM2_N, sm2_digest, sm2_times


def new_sm2_key() -> int:
    """A private key: 1 … n - 2, for 1 + d must have an inverse."""
    return 1 + secrets.randbelow(SM2_N - 2)


def sm2_public(private_key: int) -> bytes:
    """04 || x || y"""
    point = sm2_times(private_key, SM2_G)
    assert point is not None  # 0 < private_key < n
    return b"\x04" + point[0].to_bytes(32) + point[1].to_bytes(32)


def _drawn() -> int:
    return 1 + secrets.randbelow(SM2_N - 1)


def sign_sm2(private_key: int, public_key: bytes, data: bytes, draw: Callable[[], int] = _drawn) -> bytes:
    """R || s; ``draw`` gives the one-time number k, which nobody may ever learn or meet again."""
    digest = sm2_digest(public_key, data)
    while True:
        k = draw()
        point = sm2_times(k, SM2_G)
        assert point is not None  # 0 < k < n
        r = (digest + point[0]) % SM2_N
        s = pow(1 + private_key, -1, SM2_N) * (k - r * private_key) % SM2_N
        if r and s and (r + k) % SM2_N:
            return r.to_bytes(32) + s.to_bytes(32)
