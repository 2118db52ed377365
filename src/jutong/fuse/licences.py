"""电子证照: is the identifier sound, was it valid on a day, what runs out soon (GB/T 36904-2018).

A licence's state is never stored: it follows from its dates, its 注销 and the day that is asked about.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from jutong.fuse.explaining import Explanation
from jutong.fuse.register import Register
from jutong.store import Reading, Store
from jutong.terms import NotFound

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
    #: Held by a person: the holder's name is personal.
    personal: bool = False

    def state_on(self, day: dt.date) -> str:
        """未生效 · 有效 · 已到期 · 已注销, as of a day; the last day is still valid."""
        if self.cancelled:
            return "已注销"
        if self.issued_on and day < self.issued_on:
            return "未生效"
        return "已到期" if self.valid_to and day > self.valid_to else "有效"


@dataclass(frozen=True)
class Version:
    """One issue of a licence as one record tells it; ``current``: the one the register shows."""

    version: str
    issued_on: dt.date | None
    valid_to: dt.date | None
    cancelled: bool
    source: str
    source_key: str
    as_of: dt.datetime | None
    current: bool


#: What a licence may be on a day, and the condition of it in SQL over a golden record ``g``.
STATES = {
    "valid": f"g.state IS DISTINCT FROM '{CANCELLED}' AND (g.issued_on IS NULL OR g.issued_on <= $day) "
             "AND (g.valid_to IS NULL OR g.valid_to >= $day)",
    "over": f"g.state IS DISTINCT FROM '{CANCELLED}' AND g.valid_to < $day",
    "cancelled": f"g.state = '{CANCELLED}'",
    "pending": f"g.state IS DISTINCT FROM '{CANCELLED}' AND g.issued_on > $day AND (g.valid_to IS NULL OR g.valid_to >= $day)",
}  # fmt: skip


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


def version_of(identifier: str) -> str:
    """The version within an identifier; "" where it has another form."""
    parts = identifier.removeprefix(f"{_ROOT}.").split(".")
    return parts[3] if identifier.startswith(f"{_ROOT}.") and len(parts) == 5 else ""


def licences_of(store: Store, register: Register, target: str) -> list[Licence]:
    """Licences of one holder (an id of 法人 or 人口), the newest first."""
    with store.reading() as view:
        return _read(view, register, "WHERE l.target = ?", [target])


def licence(store: Store, register: Register, entity: str) -> Licence:
    """Raises NotFound ``fuse.no_entity``."""
    with store.reading() as view:
        found = _read(view, register, "WHERE g.entity = $entity", {"entity": entity})
    if not found:
        raise NotFound("fuse.no_entity", f"{register.label}里没有 {entity}")
    return found[0]


def versions(explanation: Explanation) -> tuple[Version, ...]:
    """A licence's issues, the newest first: every record that is the licence, as it stands."""
    told: dict[tuple[str, str], dict[str, str]] = {}
    for item in explanation.items:
        for value in item.values:
            told.setdefault((value.dataset, value.source_key), {})[item.item] = value.value
    shown = explanation.golden.get("licence_no")
    found = [
        Version(
            one.get("version") or version_of(one.get("licence_no", "")), _date(one.get("issued_on")), _date(one.get("valid_to")), one.get("state") == CANCELLED,
            member.source, member.source_key, member.as_of, one.get("licence_no") == shown,
        )
        for member in explanation.members
        for one in [told.get((member.dataset, member.source_key), {})]
    ]  # fmt: skip
    return tuple(
        sorted(
            found, key=lambda one: (one.version, one.as_of or dt.datetime.min, one.source_key), reverse=True
        )
    )


def expiring(
    store: Store,
    register: Register,
    day: dt.date,
    within: int,
    *,
    kind: str = "",
    limit: int = 200,
    offset: int = 0,
) -> tuple[list[Licence], int]:
    """Licences valid on a day that run out within so many days after it, the first to run out first; and how many
    there are in all."""
    where = f"WHERE {STATES['valid']} AND g.valid_to <= $last AND ($kind = '' OR g.kind = $kind)"
    params = {"day": day, "last": day + dt.timedelta(days=within), "kind": kind}
    with store.reading() as view:
        total = view.rows(f"SELECT count(*) AS n FROM {view.table(register.golden)} g {where}", params)[0][
            "n"
        ]
        found = _read(
            view, register, where, params, order="g.valid_to, g.licence_no", limit=limit, offset=offset
        )
    return found, int(total)


def find_licences(
    store: Store, register: Register, day: dt.date, *, text: str = "", kind: str = "", state: str = "", limit: int = 30,
    offset: int = 0,
) -> tuple[list[Licence], int]:  # fmt: skip
    """Licences by identifier, number, whole code of the holder or part of the holder's name, of a kind, in a state
    (a key of ``STATES``) on a day; and how many there are."""
    where = [STATES[state]] if state in STATES else ["$day IS NOT NULL"]
    params: dict[str, Any] = {"day": day}
    if text:
        where.append(
            "($text IN (g.licence_no, g.number, g.entity, g.holder_uscc) "
            "OR (g.holder_id IS NULL AND contains(g.holder_name, $text)))"
        )
        params["text"] = text
    if kind:
        where.append("g.kind = $kind")
        params["kind"] = kind
    told = f"WHERE {' AND '.join(where)}"
    with store.reading() as view:
        total = view.rows(f"SELECT count(*) AS n FROM {view.table(register.golden)} g {told}", params)[0]["n"]
        found = _read(view, register, told, params, limit=limit, offset=offset)
    return found, int(total)


def licence_counts(store: Store, register: Register, day: dt.date) -> list[dict[str, Any]]:
    """Per kind, as of a day: how many there are, valid, run out, cancelled, not begun, running out within 30 days,
    with a holder."""
    states = ", ".join(f"count(*) FILTER ({sql}) AS {name}" for name, sql in STATES.items())
    with store.reading() as view:
        return view.rows(
            f"SELECT kind, count(*) AS total, {states}, count(*) FILTER ({STATES['valid']} AND g.valid_to <= $soon) AS soon, "
            f"count(l.target) AS held FROM {view.table(register.golden)} g LEFT JOIN {view.table(register.linked)} l USING (entity) "
            "GROUP BY kind ORDER BY total DESC, kind",
            {"day": day, "soon": day + dt.timedelta(days=30)},
        )


def _date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _read(
    view: Reading, register: Register, where: str, params: dict[str, Any] | list[Any], *,
    order: str = "g.issued_on DESC NULLS LAST, g.licence_no", limit: int = 1000, offset: int = 0,
) -> list[Licence]:  # fmt: skip
    rows = view.rows(
        f"SELECT g.*, l.register AS holder_register, l.target AS holder FROM {view.table(register.golden)} g "
        f"LEFT JOIN {view.table(register.linked)} l ON l.entity = g.entity {where} "
        f"ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}",
        params,
    )
    return [
        Licence(
            row["entity"], row["licence_no"], row["kind"] or "", row["number"] or "", row["holder_name"] or "",
            (row["holder_register"], row["holder"]) if row["holder"] else None, row["issuer"] or "",
            row["issued_on"], row["valid_to"], row["version"] or "", row["state"] == CANCELLED, row["holder_id"] is not None,
        )
        for row in rows
    ]  # fmt: skip
