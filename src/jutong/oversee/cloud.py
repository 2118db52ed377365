"""政务云资源账: opening stock, expansions, allocations, reclaims; every total is a sum over rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Self

from jutong.database import Connection, named_sql
from jutong.oversee.campaigns import city_today
from jutong.people import Party, decide
from jutong.terms import BadInput, Conflict, Denied, NotFound, Refused

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class Resource:
    """One kind of resource: cores (C) or storage (T)."""

    opening: Decimal
    added: Decimal
    retired: Decimal
    allocated: Decimal

    @property
    def stock(self) -> Decimal:
        return self.opening + self.added - self.retired

    @property
    def free(self) -> Decimal:
        return self.stock - self.allocated


@dataclass(frozen=True)
class CloudChange:
    code: str
    kind: str
    happened_on: date
    cores: int
    storage_tb: Decimal
    source: str
    note: str
    #: The stock after this change.
    cores_then: int
    storage_tb_then: Decimal

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Allocation:
    id: int
    code: str
    department_code: str
    department: str
    purpose: str
    cores: int
    storage_tb: Decimal
    state: str
    applied_on: date
    allocated_on: date | None
    reclaimed_on: date | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class CloudBook:
    cores: Resource
    storage_tb: Resource
    changes: tuple[CloudChange, ...]
    allocations: tuple[Allocation, ...]


def cloud_book(connection: Connection) -> CloudBook:
    """The whole book: sums, changes with the stock after each, allocations in order of application."""
    sums = connection.execute(_SQL.cloud_sums).fetchone() or {}
    changes = connection.execute(_SQL.cloud_changes).fetchall()
    allocations = connection.execute(_SQL.cloud_allocations).fetchall()
    return CloudBook(
        _resource(sums, "cores"),
        _resource(sums, "storage"),
        tuple(CloudChange.from_row(row) for row in changes),
        tuple(Allocation.from_row(row) for row in allocations),
    )


def apply_for_cloud(
    connection: Connection, party: Party, *, code: str, cores: int, storage_tb: Decimal, purpose: str
) -> int:
    """A department applies for resources; returns the allocation's id.  Raises Denied, BadInput ``oversee.cloud_amount``."""
    _must(party, "cloud:ask", {"department_code": party.department_code})
    if cores < 0 or storage_tb < 0 or not (cores or storage_tb):
        raise BadInput("oversee.cloud_amount", "请写明申请的核数或存储量")
    row = connection.execute(
        _SQL.apply_cloud,
        {
            "code": code,
            "department_code": party.department_code,
            "purpose": purpose,
            "cores": cores,
            "storage_tb": storage_tb,
            "today": city_today(),
        },
    ).fetchone()
    assert row is not None
    return int(row["id"])


def allocate(connection: Connection, party: Party, allocation_id: int) -> None:
    """Give what was applied for, never more than is free.

    Raises Denied, NotFound ``oversee.allocation_unknown``, Conflict ``oversee.cloud_short`` or
    ``oversee.allocation_moved``.
    """
    _must(party, "cloud:edit", None)
    connection.execute(_SQL.lock_cloud)
    row = connection.execute(_SQL.find_allocation, {"id": allocation_id}).fetchone()
    if row is None:
        raise NotFound("oversee.allocation_unknown", "没有这份资源申请")
    book = cloud_book(connection)
    if row["cores"] > book.cores.free or row["storage_tb"] > book.storage_tb.free:
        raise Conflict(
            "oversee.cloud_short",
            f"可分配资源不足：余 {book.cores.free} 核、{book.storage_tb.free} T，"
            f"申请 {row['cores']} 核、{row['storage_tb']} T",
        )
    _move(connection, allocation_id, "applied", "allocated")


def reclaim(connection: Connection, party: Party, allocation_id: int) -> None:
    """Take back what is no longer used.  Raises Denied, Conflict ``oversee.allocation_moved``."""
    _must(party, "cloud:edit", None)
    _move(connection, allocation_id, "allocated", "reclaimed")


def _move(connection: Connection, allocation_id: int, was: str, to: str) -> None:
    given = {"id": allocation_id, "from": was, "to": to, "today": city_today()}
    if connection.execute(_SQL.move_allocation, given).fetchone() is None:
        raise Conflict("oversee.allocation_moved", "这份资源申请的状态已经变了，请刷新后再办")


def _must(party: Party, action: str, thing: Mapping[str, Any] | None) -> None:
    decision = decide(party, action, thing)
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)


def _resource(sums: Mapping[str, Any], kind: str) -> Resource:
    return Resource(
        *(Decimal(sums.get(f"{kind}_{part}", 0)) for part in ("opening", "added", "retired", "allocated"))
    )
