"""What the one screen draws beside its figures: the flow of today, the days before, and who supplies what."""

from __future__ import annotations

from typing import Any

from jutong.database import Connection, named_sql

_SQL = named_sql(__file__)


def flow_today(connection: Connection) -> dict[str, int]:
    """sources, batches_today, exchanges_today, records_today."""
    row = connection.execute(_SQL.flow).fetchone() or {}
    return {name: int(value) for name, value in row.items()}


def exchange_by_day(connection: Connection, days: int = 30) -> list[dict[str, Any]]:
    """day, times (次), records (条次) of the last days that had any, in order."""
    return connection.execute(_SQL.exchange_by_day, {"days": days}).fetchall()


def supply_by_department(connection: Connection) -> list[dict[str, Any]]:
    """code, name, kind, entries, supplied for every department and county."""
    return connection.execute(_SQL.supply_by_department).fetchall()
