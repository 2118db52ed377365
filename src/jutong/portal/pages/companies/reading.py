"""Companies and what is recorded about them, read from the lake; nothing personal in the clear."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jutong.database import named_sql
from jutong.fuse import Register, find_entities, find_register
from jutong.portal.visits import Visit
from jutong.terms import Item, NotFound, literal, quote

_SQL = named_sql(__file__)
REGISTER = "legal_entity"
#: Words in the label of an item that says until when something holds.
_UNTIL = ("有效期至", "有效期止", "至", "止", "移出", "截止", "修复")


@dataclass(frozen=True)
class CompanyRow:
    id: str
    name: str
    uscc: str
    kind: str
    address: str
    state: str
    sources: int
    records: int


@dataclass(frozen=True)
class Record:
    """One licence, or one fact of credit."""

    dataset: str
    entry: str
    entry_id: int
    department: str
    #: licence or credit
    kind: str
    number: str
    what: str
    start: dt.date | None
    until: dt.date | None

    def over(self, today: dt.date) -> bool:
        return self.until is not None and self.until < today


def register_of(visit: Visit) -> Register | None:
    """The register of legal entities; None in a city that has not declared it yet."""
    try:
        register = find_register(visit.connection, REGISTER)
        visit.rooms.store.spec(register.golden)
    except NotFound:
        return None
    return register


def find(visit: Visit, text: str, limit: int, offset: int) -> tuple[list[CompanyRow], int]:
    """Companies by name, code or id and how many there are at least; without a text all of them."""
    register = register_of(visit)
    if register is None:
        return [], 0
    if text.strip():
        rows = find_entities(visit.rooms.store, register, text, limit + 1, offset)
        return [_row(row) for row in rows[:limit]], offset + len(rows)
    with visit.rooms.store.reading() as view:
        table = view.table(register.golden)
        total = view.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        rows = view.rows(
            f"SELECT * FROM {table} ORDER BY sources DESC, records DESC, entity LIMIT {limit} OFFSET {offset}"
        )
    return [_row(row) for row in rows], int(total)


def _row(row: Mapping[str, Any]) -> CompanyRow:
    return CompanyRow(
        row["entity"], row["name"] or "", row["uscc"] or "", row.get("kind") or "", row.get("address") or "",
        row.get("state") or "", row["sources"], row["records"],
    )  # fmt: skip


def records(visit: Visit, uscc: str) -> tuple[Record, ...]:
    """Licences and credit of one code, the newest first; one query over every dataset that may know it."""
    known = {row["dataset"]: row for row in visit.connection.execute(_SQL.records)}
    if not known or not uscc:
        return ()
    with visit.rooms.store.reading() as view:
        parts = [_part(view.table(name), name, row) for name, row in known.items()]
        found = view.rows(" UNION ALL ".join(parts), {"uscc": uscc})
    shown = [_record(known[row["dataset"]], row) for row in found]
    return tuple(sorted(shown, key=lambda one: one.start or dt.date.min, reverse=True))


def _part(table: str, name: str, row: Mapping[str, Any]) -> str:
    """One dataset's rows in common columns: number, what, start, until."""
    items = [Item.from_row(item) for item in row["items"]]
    code = next(item.name for item in items if item.element == "uscc")
    dates = [item for item in items if item.type == "date"]
    until = next((item for item in dates[1:] if any(word in item.label for word in _UNTIL)), None)
    number = quote(row["keys"][0]) if row["keys"] else "NULL"
    what = ", ".join(f"CAST({quote(item.name)} AS VARCHAR)" for item in _telling(items, row["keys"]))
    return (
        f"(SELECT {literal(name)} AS dataset, CAST({number} AS VARCHAR) AS number,"
        f" {f'concat_ws(chr(12289), {what})' if what else 'NULL'} AS what,"
        f" {quote(dates[0].name) if dates else 'CAST(NULL AS DATE)'} AS start,"
        f" {quote(until.name) if until else 'CAST(NULL AS DATE)'} AS until"
        f" FROM {table} WHERE {quote(code)} = $uscc LIMIT 50)"
    )


def _telling(items: Sequence[Item], keys: Sequence[str]) -> list[Item]:
    """The two items that say best what a row is about: texts that are neither key, code, name nor personal."""
    texts = [
        item
        for item in items
        if item.type == "text"
        and item.name not in keys
        and item.grade == 1
        and item.element in (None, "text", "code")
        and not item.name.startswith("_")
        and not any(word in item.label for word in ("编号", "版本", "类型", "标识", "代码", "机关", "单位"))
    ]
    return texts[:2]


def _record(known: Mapping[str, Any], row: Mapping[str, Any]) -> Record:
    return Record(
        dataset=row["dataset"],
        entry=known["entry"],
        entry_id=known["entry_id"],
        department=known["department"],
        kind="licence" if known["class_code"].startswith("105") else "credit",
        number=row["number"] or "",
        what=row["what"] or "",
        start=row["start"],
        until=row["until"],
    )
