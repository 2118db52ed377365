"""Small exchanges to write, and the oracle: RFC 6962 spelled out as the RFC spells it."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from jutong.keys import SoftwareKeys
from jutong.ledger import Exchange, Ledger

ORIGIN = "jutong.example/test"
NOON = dt.datetime(2026, 5, 9, 4, 0, tzinfo=dt.UTC)


def fact(number: int, **given) -> Exchange:
    return Exchange("share:service:answer", NOON, consumer="D02", request_id=f"r{number}", rows=1, **given)


def open_ledger(home: Path) -> Ledger:
    return Ledger.open(home / "ledger", SoftwareKeys.open(home / "keys"), ORIGIN)


def mth(entries: list[bytes], hash_=lambda data: hashlib.sha256(data).digest()) -> bytes:
    """RFC 6962 2.1, word for word."""
    n = len(entries)
    if n == 0:
        return hash_(b"")
    if n == 1:
        return hash_(b"\x00" + entries[0])
    k = _k(n)
    return hash_(b"\x01" + mth(entries[:k], hash_) + mth(entries[k:], hash_))


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962 2.1.1, word for word: the audit path of the entry at ``m``."""
    n = len(entries)
    if n == 1:
        return []
    k = _k(n)
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def consistency(m: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962 2.1.2, word for word: that the first ``m`` entries are the tree they were; 0 < m < n."""
    return _subproof(m, entries, known=True)


def _subproof(m: int, entries: list[bytes], *, known: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if known else [mth(entries)]
    k = _k(n)
    if m <= k:
        return [*_subproof(m, entries[:k], known=known), mth(entries[k:])]
    return [*_subproof(m - k, entries[k:], known=False), mth(entries[:k])]


def _k(n: int) -> int:
    """The largest power of two smaller than ``n``."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k
