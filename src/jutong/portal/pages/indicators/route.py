"""The indicator library and the explanation behind every number of the one screen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from jutong.oversee import Duty, Figure, Indicator, Report, duties, figure, figures, indicator, indicators
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class ReportedGroup:
    duty: str
    rows: tuple[Indicator, ...]


@dataclass(frozen=True)
class Indicators:
    """Counted and reported, never mixed."""

    counted: tuple[Figure, ...]
    reported: tuple[ReportedGroup, ...]
    as_of: dt.datetime


@dataclass(frozen=True)
class IndicatorPage:
    """One reported indicator with its whole history."""

    indicator: Indicator
    duty: str
    reports: tuple[Report, ...]
    #: The latest report of each period, oldest first: what a chart may draw.
    periods: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class FigurePage:
    """One counted figure: its definition, its query, its value at this instant."""

    figure: Figure
    #: Reported indicators that tell of the same thing, by another definition.
    related: tuple[Indicator, ...]


#: Counted figure → words in the labels of reported indicators about the same thing.
_RELATED = {
    "records_gathered": "汇聚",
    "records_exchanged": "交互",
    "legal_entities": "法人",
    "licences": "证照",
    "credit_records": "信用",
    "cloud_cores_added": "计算",
    "cloud_storage_added_tb": "存储",
}


def listed(visit: Visit, _: NoQuestion) -> Indicators:
    """Every figure and indicator."""
    rooms = visit.rooms
    counted = figures(rooms.database, rooms.store, scale=rooms.settings.scale, everything=True)
    return Indicators(
        counted=tuple(one for one in counted if one.name != "scale"),
        reported=_grouped(indicators(visit.connection), duties(visit.connection)),
        as_of=counted[0].as_of,
    )


def _grouped(found: list[Indicator], frame: list[Duty]) -> tuple[ReportedGroup, ...]:
    groups = [
        ReportedGroup(duty.name, tuple(one for one in found if one.duty_code == duty.code)) for duty in frame
    ]
    rest = tuple(one for one in found if one.duty_code is None)
    return tuple(group for group in (*groups, ReportedGroup("平台", rest)) if group.rows)


def counted(visit: Visit, _: NoQuestion) -> FigurePage:
    """One counted figure."""
    rooms = visit.rooms
    found = figure(rooms.database, rooms.store, visit.path["name"], scale=rooms.settings.scale)
    word = _RELATED.get(found.name)
    related = tuple(one for one in indicators(visit.connection) if word and word in one.label)
    return FigurePage(found, related)


def reported(visit: Visit, _: NoQuestion) -> IndicatorPage:
    """One reported indicator."""
    found, reports = indicator(visit.connection, visit.path["code"])
    duty = next((one.name for one in duties(visit.connection) if one.code == found.duty_code), "")
    latest: dict[str, Report] = {}
    for report in reversed(reports):
        latest[report.period] = report
    ordered = sorted(latest.values(), key=lambda report: report.period_end)
    return IndicatorPage(found, duty, tuple(reports), tuple((one.period, one.value) for one in ordered))


PAGES = (
    Page("indicators", "/indicators", listed, may="indicator:read", stop="oversee", tab="indicators"),
    Page(
        "indicators.indicator",
        "/indicators/{code}",
        reported,
        may="indicator:read",
        stop="oversee",
        tab="indicators",
    ),
    Page(
        "indicators.figure", "/figures/{name}", counted, may="figure:read", stop="oversee", tab="indicators"
    ),
)
ACTS: tuple[Act, ...] = ()
