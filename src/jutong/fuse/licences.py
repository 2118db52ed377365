"""电子证照: is the identifier sound, was it valid on a day, what runs out soon (GB/T 36904-2018)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from jutong.fuse.register import Register
from jutong.store import Reading, Store

_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROOT = "1.2.156.3005.2"
#: 证照状态: 已注销 holds nothing whatever its dates say.
CANCELLED = "3"


@dataclass(frozen=True)
class Licence:
    """One licence as the register knows it; ``holder``: (register, id) where one was found."""

    entity: str
    licence_no: str
    kind: str
    number: str
    holder_name: str
    holder: tuple[str, str] | None
    issuer: str
    issued_on: dt.date | None
    valid_to: dt.date | None
    version: str
    cancelled: bool

    def state_on(self, day: dt.date) -> str:
        """未生效 · 有效 · 已到期 · 已注销, as of a day; the last day is still valid."""
        if self.cancelled:
            return "已注销"
        if self.issued_on and day < self.issued_on:
            return "未生效"
        return "已到期" if self.valid_to and day > self.valid_to else "有效"


def identifier_sound(text: str) -> bool:
    """Whether an identifier has the form of GB/T 36904 and its check character (ISO 7064 MOD 37,36) holds.

    Six parts after the root: kind, issuer, serial, version, check; the points are no part of the sum.
    """
    if not text.startswith(f"{_ROOT}."):
        return False
    parts = text.removeprefix(f"{_ROOT}.").split(".")
    if len(parts) != 5 or len(parts[3]) != 3 or len(parts[4]) != 1:
        return False
    product = 36
    for char in "".join(parts[:4]):
        if char not in _CHARACTERS:
            return False
        product = ((product + _CHARACTERS.index(char)) % 36 or 36) * 2 % 37
    return _CHARACTERS[(37 - product) % 36] == parts[4]


def licences_of(store: Store, register: Register, target: str) -> list[Licence]:
    """Licences of one holder (an id of 法人 or 人口), the newest first."""
    with store.reading() as view:
        return _read(view, register, "WHERE l.target = ?", [target])


def expiring(store: Store, register: Register, day: dt.date, within: int, limit: int = 200) -> list[Licence]:
    """Licences valid on a day that run out within so many days after it, the first to run out first."""
    last = day + dt.timedelta(days=within)
    where = f"WHERE g.valid_to BETWEEN ? AND ? AND g.state IS DISTINCT FROM '{CANCELLED}' AND (g.issued_on IS NULL OR g.issued_on <= ?)"
    with store.reading() as view:
        return _read(view, register, where, [day, last, day], order="g.valid_to, g.licence_no", limit=limit)


def licence_counts(store: Store, register: Register, day: dt.date) -> list[dict[str, Any]]:
    """Per kind, as of a day: how many there are, valid, run out, cancelled, running out within 30 days, with a holder."""
    soon = day + dt.timedelta(days=30)
    live = f"state IS DISTINCT FROM '{CANCELLED}'"
    valid = f"{live} AND (issued_on IS NULL OR issued_on <= $day) AND (valid_to IS NULL OR valid_to >= $day)"
    with store.reading() as view:
        return view.rows(
            "SELECT kind, count(*) AS total, "
            f"count(*) FILTER ({valid}) AS valid, count(*) FILTER ({live} AND valid_to < $day) AS over, "
            f"count(*) FILTER (NOT ({live})) AS cancelled, count(*) FILTER ({valid} AND valid_to <= $soon) AS soon, "
            f"count(l.target) AS held FROM {view.table(register.golden)} g LEFT JOIN {view.table(register.linked)} l USING (entity) "
            "GROUP BY kind ORDER BY total DESC, kind",
            {"day": day, "soon": soon},
        )


def _read(
    view: Reading, register: Register, where: str, params: list[Any], *, order: str = "g.issued_on DESC NULLS LAST, g.licence_no",
    limit: int = 1000,
) -> list[Licence]:  # fmt: skip
    rows = view.rows(
        f"SELECT g.*, l.register AS holder_register, l.target AS holder FROM {view.table(register.golden)} g "
        f"LEFT JOIN {view.table(register.linked)} l ON l.entity = g.entity {where} ORDER BY {order} LIMIT {int(limit)}",
        params,
    )
    return [
        Licence(
            row["entity"], row["licence_no"], row["kind"] or "", row["number"] or "", row["holder_name"] or "",
            (row["holder_register"], row["holder"]) if row["holder"] else None, row["issuer"] or "",
            row["issued_on"], row["valid_to"], row["version"] or "", row["state"] == CANCELLED,
        )
        for row in rows
    ]  # fmt: skip
