"""Rows in bulk: how a plan, its tasks, reports, the cloud book and the projects come in.

Every ``load_…`` takes mappings with the columns of its table.  A row whose key is there already is left as it
is: people may have moved it since, and loading again must change nothing.  Each returns the rows that are new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import sql

from jutong.database import Connection
from jutong.terms import BadInput

Rows = Iterable[Mapping[str, Any]]


def load_duties(connection: Connection, rows: Rows) -> int:
    """code, kind (task, guarantee), no, name; name_en, summary."""
    return _load(connection, "duty", rows, ("code",))


def load_indicators(connection: Connection, rows: Rows) -> int:
    """code, label, unit, definition, owner_code; label_en, duty_code, sort."""
    return _load(connection, "indicator", rows, ("code",))


def load_reports(connection: Connection, rows: Rows) -> int:
    """indicator_code, period, period_start, period_end, value, source, reported_on; lower_bound, target …"""
    return _load(connection, "indicator_report", rows, ("indicator_code", "period", "reported_on"))


def load_campaigns(connection: Connection, rows: Rows) -> int:
    """code, name, owner_code, starts_on, ends_on; basis."""
    return _load(connection, "campaign", rows, ("code",))


def load_tasks(connection: Connection, rows: Rows) -> int:
    """campaign_code, code, name, duty_code, owner_code, starts_on, due_on; partners, state, progress, done_on."""
    return _load(connection, "task", rows, ("campaign_code", "code"))


def load_cloud_changes(connection: Connection, rows: Rows) -> int:
    """code, kind (opening, expansion, retirement), happened_on, cores, storage_tb; source, note."""
    return _load(connection, "cloud_change", rows, ("code",))


def load_cloud_allocations(connection: Connection, rows: Rows) -> int:
    """code, department_code, cores, storage_tb, applied_on; purpose, state, allocated_on, reclaimed_on."""
    return _load(connection, "cloud_allocation", rows, ("code",))


def load_projects(connection: Connection, rows: Rows) -> int:
    """code, name, owner_code; name_en, operator, duty_code, investment (万元), summary, sort."""
    return _load(connection, "project", rows, ("code",))


def load_milestones(connection: Connection, rows: Rows) -> int:
    """project_code, no, name, due_period, due_on; state, done_on, measure, source."""
    return _load(connection, "milestone", rows, ("project_code", "no"))


def _load(connection: Connection, table: str, rows: Rows, key: tuple[str, ...]) -> int:
    new = 0
    for row in rows:
        if not set(key) <= set(row):
            raise BadInput("oversee.row_key", f"{table} 的行缺少 {'、'.join(set(key) - set(row))}")
        names = sorted(row)
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(map(sql.Placeholder, names)),
            sql.SQL(", ").join(map(sql.Identifier, key)),
        )
        new += connection.execute(statement, dict(row)).rowcount
    return new
