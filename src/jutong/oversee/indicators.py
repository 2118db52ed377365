"""指标库: figures the city reports, each value with the report it stood in.

A reported number is never the platform's own count.  Another definition (累计上云上平台 against 推动上云) is
another indicator; a percentage is computed from value and target and never kept; 余 is a lower bound and shows
as one; a correction is a later report of the same period, so history stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

from psycopg import errors

from jutong.database import Connection, named_sql
from jutong.terms import BadInput, Conflict, NotFound

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class Report:
    """One value as reported; ``target`` is that of ``target_period``."""

    period: str
    period_start: date
    period_end: date
    value: Decimal
    #: 余: at least this many.
    lower_bound: bool
    target: Decimal | None
    target_period: str | None
    source: str
    reported_on: date
    note: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def percent(self) -> Decimal | None:
        """Progress against the target, two decimals (1753 of 5776 is 30.35)."""
        return percent(self.value, self.target)


@dataclass(frozen=True)
class Indicator:
    code: str
    label: str
    label_en: str
    unit: str
    definition: str
    owner: str
    duty_code: str | None
    #: The latest report of the latest period; None before the first.
    latest: Report | None


def percent(value: Decimal | int, target: Decimal | int | None) -> Decimal | None:
    """``value`` as per cent of ``target``, rounded half up to two decimals; None without a target."""
    if target is None:
        return None
    return (100 * Decimal(value) / Decimal(target)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def indicators(connection: Connection) -> list[Indicator]:
    """All indicators in order, each with its latest report."""
    return [_indicator(row) for row in connection.execute(_SQL.indicators, {"code": None}).fetchall()]


def indicator(connection: Connection, code: str) -> tuple[Indicator, list[Report]]:
    """One indicator and every report of it, newest first.  Raises NotFound ``oversee.indicator_unknown``."""
    row = connection.execute(_SQL.indicators, {"code": code}).fetchone()
    if row is None:
        raise NotFound("oversee.indicator_unknown", f"指标库没有指标 {code}")
    reports = connection.execute(_SQL.reports, {"code": code}).fetchall()
    return _indicator(row), [Report.from_row(one) for one in reports]


def add_report(connection: Connection, code: str, report: Report) -> None:
    """Report a value, or correct one by a later report of the same period.

    Raises NotFound ``oversee.indicator_unknown``, Conflict ``oversee.report_twice`` for the same period told
    twice on one day, BadInput ``oversee.report_period``.
    """
    indicator(connection, code)
    if report.period_end < report.period_start or not report.source.strip():
        raise BadInput("oversee.report_period", "报送须写明来源，期末不能早于期初")
    values = {name: getattr(report, name) for name in Report.__dataclass_fields__}
    try:
        with connection.transaction():
            connection.execute(_SQL.add_report, {**values, "indicator_code": code})
    except errors.UniqueViolation as problem:
        raise Conflict(
            "oversee.report_twice", f"{report.period} 的数已在 {report.reported_on} 报送过，更正请用新的日期"
        ) from problem


def _indicator(row: Mapping[str, Any]) -> Indicator:
    names = ("code", "label", "label_en", "unit", "definition", "owner", "duty_code")
    latest = Report.from_row(row) if row["period"] is not None else None
    return Indicator(**{name: row[name] for name in names}, latest=latest)
