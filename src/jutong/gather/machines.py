"""前置机: what was applied for; where each stands, and what was assigned, is its case's business."""

from __future__ import annotations

from typing import Any

from jutong.database import Connection, named_sql

_sql = named_sql(__file__, "ways.sql")


def add_front_machine(
    connection: Connection,
    *,
    case_id: int,
    department_code: str,
    kind: str,
    purpose: str,
    zone: str,
    protection: int,
    contact: str,
) -> None:
    """``kind`` is machine or library; ``protection`` 1–4 (等级保护)."""
    connection.execute(
        _sql.add_front_machine,
        {
            "case_id": case_id, "department_code": department_code, "kind": kind, "purpose": purpose, "zone": zone,
            "protection": protection, "contact": contact,
        },
    )  # fmt: skip


def front_machines(connection: Connection, department: str | None = None) -> list[dict[str, Any]]:
    """With department, number, state and data of the case."""
    return connection.execute(_sql.front_machines, {"department": department}).fetchall()
