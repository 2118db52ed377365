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
    k = 1
    while k * 2 < n:
        k *= 2
    return hash_(b"\x01" + mth(entries[:k], hash_) + mth(entries[k:], hash_))
