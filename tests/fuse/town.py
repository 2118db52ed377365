"""A town of three offices: standard datasets under fresh names, and the register fused from them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pyarrow as pa

from jutong.city import legal_entity
from jutong.database import Database
from jutong.fuse import Fused, Register, RegisterSource, declare_register, fuse, with_sources
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item

NAMES = ("code", "name", "uscc", "org", "reg", "rep", "address", "phone", "updated_at", "_batch", "_row")
Row = tuple[Any, ...]


class Town:
    """Three standard datasets under fresh names and the register fused from them."""

    def __init__(self, database: Database, store: Store, settings: Settings) -> None:
        self.database, self.store, self.settings = database, store, settings
        tag = secrets.token_hex(4)
        self.tables = [f"{name}_{tag}" for name in ("market", "tax", "social")]
        mapping = {
            "name": "name", "uscc": "uscc", "org_code": "org", "business_reg_no": "reg", "legal_rep": "rep",
            "address": "address", "phone": "phone",
        }  # fmt: skip
        self.register: Register = with_sources(
            replace(legal_entity(), name=f"legal_{tag}", designated={}),
            *(
                RegisterSource(f"standard.{table}", label, mapping, trust, "updated_at")
                for trust, (table, label) in enumerate(
                    zip(self.tables, ("市场监管", "税务", "人社"), strict=True), start=1
                )
            ),
        )
        items = tuple(
            Item(name, name, {"updated_at": "timestamp", "_row": "integer"}.get(name, "text"))
            for name in NAMES
        )
        store.declare(
            [
                DatasetSpec(DatasetName.parse(f"standard.{table}"), table, items, ("code",))
                for table in self.tables
            ]
        )
        with database.connection() as connection:
            declare_register(connection, self.register)
        self._written = 0

    def write(self, **rows: list[Row]) -> None:
        """Make datasets hold exactly these rows: (code, name, uscc, org, reg, rep, address, phone[, time])."""
        for short, given in rows.items():
            table = next(name for name in self.tables if name.startswith(short))
            self._written += 1
            full = [
                (*row[:8], row[8] if len(row) > 8 else "2024-01-01 00:00:00", "b1", number)
                for number, row in enumerate(given, start=1)
            ]
            arrow = pa.table({name: [row[place] for row in full] for place, name in enumerate(NAMES)})
            with self.store.writing(f"{table}:{self._written}", f"standard.{table}", author="test") as writer:
                writer.register("given", arrow)
                writer.merge(
                    f"standard.{table}",
                    "SELECT * REPLACE (CAST(updated_at AS TIMESTAMP) AS updated_at) FROM given"
                    if full
                    else f"SELECT * FROM lake.standard.{table} LIMIT 0",
                    delete_missing=True,
                )

    def fuse(self) -> Fused:
        return fuse(self.register, database=self.database, store=self.store, settings=self.settings)

    def clusters(self) -> set[frozenset[str]]:
        """Which records lie together, as market:1, tax:2 …"""
        found: dict[str, set[str]] = {}
        with self.store.reading() as view:
            for row in view.rows(f"SELECT * FROM {view.table(self.register.members)}"):
                short = row["dataset"].removeprefix("standard.").split("_")[0]
                found.setdefault(row["entity"], set()).add(f"{short}:{row['source_key']}")
        return {frozenset(each) for each in found.values()}

    def golden(self) -> list[dict[str, Any]]:
        with self.store.reading() as view:
            return view.rows(f"SELECT * FROM {view.table(self.register.golden)} ORDER BY entity")


def row(code: str, name: str = "邵阳市宏达商贸有限公司", **more: Any) -> Row:
    given = {"uscc": None, "org": None, "reg": None, "rep": None, "address": None, "phone": None, **more}
    base = (code, name, *(given[key] for key in ("uscc", "org", "reg", "rep", "address", "phone")))
    return (*base, given["at"]) if "at" in given else base


def valid_codes(count: int) -> list[tuple[str, str, str]]:
    """(统一社会信用代码, 组织机构代码, 注册号) by the standards' own formulas."""
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    found = []
    for number in range(count):
        body = f"MA4Q{number:04}"
        total = sum(
            alphanumeric.index(char) * weight
            for char, weight in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
        )
        org = body + {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))
        head = f"91430502{org}"
        check = (31 - sum(letters.index(c) * pow(3, n, 31) for n, c in enumerate(head)) % 31) % 31
        digits, product = f"4305020{number:07}", 10
        for digit in digits:
            product = 2 * ((product + int(digit)) % 10 or 10) % 11
        found.append((head + letters[check], org, digits + str((11 - product) % 10)))
    return found
