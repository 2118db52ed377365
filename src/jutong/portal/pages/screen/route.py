"""The one screen.  It counts nothing itself: figures, scores, meters and tasks come from their rooms."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jutong.casework import read_calendar
from jutong.oversee import (
    Figure,
    Indicator,
    Task,
    campaigns,
    duties,
    exchange_by_day,
    figures,
    indicators,
    supply_by_department,
)
from jutong.people import Department, departments
from jutong.portal.drawing import days
from jutong.portal.frame import scale_label
from jutong.portal.pages.screen.growing import Growing, growing
from jutong.portal.pages.screen.tiles import places
from jutong.portal.routes import Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.refine import Chosen, issue_groups, scores
from jutong.share import applications, meter_by

SEVEN = ("entries", "supply", "demand", "negative", "records_gathered", "records_exchanged", "applications")
#: Figures that are a sample where the city is one.
SAMPLED = frozenset({"records_gathered"})
#: Figure → what the label of the reported indicator about the same thing holds.
_REPORTED = {"records_gathered": "汇聚", "records_exchanged": "交互"}
_DIMENSIONS = ("规范性", "完整性", "准确性", "一致性", "时效性", "可访问性")
_FLOWS = 5


@dataclass(frozen=True)
class Seven:
    figure: Figure
    note: str
    sampled: bool
    reported: str


@dataclass(frozen=True)
class Tile:
    code: str
    name: str
    x: int
    y: int
    score: float | None
    #: 4 best … 0 below ninety; −1: nothing refined yet.
    level: int


@dataclass(frozen=True)
class Dot:
    id: int
    name: str
    #: ok done, on doing, no not begun, ov overdue
    kind: str


@dataclass(frozen=True)
class DutyDots:
    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Flow:
    source: str
    target: str
    count: int


@dataclass(frozen=True)
class End:
    """A name on one side of the flow, and where its number leads."""

    name: str
    href: str


@dataclass(frozen=True)
class Flows:
    day: dt.date | None
    today: bool
    total: int
    left: tuple[End, ...]
    right: tuple[End, ...]
    flows: tuple[Flow, ...]


@dataclass(frozen=True)
class DayBar:
    day: dt.date
    count: int
    off: bool


@dataclass(frozen=True)
class Supplier:
    code: str
    name: str
    entries: int
    supplied: int
    score: float | None
    times: int
    records: int


@dataclass(frozen=True)
class DimensionShare:
    name: str
    share: float


@dataclass(frozen=True)
class Screen:
    """Everything on the one screen, at one instant."""

    city: str
    scale: str
    as_of: dt.datetime
    today: dt.date
    seven: tuple[Seven, ...]
    tiles: tuple[Tile, ...]
    tasks: tuple[DutyDots, ...]
    task_counts: Mapping[str, int]
    flows: Flows
    days: tuple[DayBar, ...]
    average: float
    suppliers: tuple[Supplier, ...]
    supplier_count: int
    dimensions: tuple[DimensionShare, ...]
    growing: Growing
    target: float = 0.02


def build(visit: Visit, _: NoQuestion) -> Screen:
    """The one screen."""
    rooms = visit.rooms
    counted = {
        one.name: one
        for one in figures(rooms.database, rooms.store, scale=rooms.settings.scale, everything=True)
    }
    units = departments(visit.connection)
    quality = {row["name"]: row for row in scores(visit.connection, "department")}
    tasks, task_counts = _tasks(visit)
    bars = _days(visit)
    return Screen(
        city=rooms.settings.city,
        scale=scale_label(rooms.settings.scale),
        as_of=counted["entries"].as_of,
        today=visit.today,
        seven=_seven(visit, counted, sampled=bool(scale_label(rooms.settings.scale))),
        tiles=_tiles(units, quality),
        tasks=tasks,
        task_counts=task_counts,
        flows=_flows(visit, units),
        days=bars,
        average=sum(bar.count for bar in bars) / max(sum(bar.count > 0 for bar in bars), 1),
        suppliers=_suppliers(visit, quality),
        supplier_count=sum(unit.kind == "department" for unit in units),
        dimensions=_dimensions(visit, quality),
        growing=growing(visit),
    )


def _seven(visit: Visit, counted: Mapping[str, Figure], *, sampled: bool) -> tuple[Seven, ...]:
    tell, reported = visit.tell, indicators(visit.connection)

    def number(name: str) -> str:
        return f"{counted[name].value:,}" if counted[name].value is not None else "—"

    notes = {
        "entries": tell("条，{d} 个部门与 {c} 个县市区", d=number("departments"), c=number("counties")),
        "supply": tell("条，已承诺并挂接"),
        "demand": tell("条，满足率 {p}%", p=number("demand_met_percent")),
        "negative": tell("条，都有法条依据"),
        "records_gathered": tell("条"),
        "records_exchanged": tell("条次，{n} 次", n=number("exchanges")),
        "applications": tell("个，{n} 个部门", n=number("consumer_departments")),
    }
    return tuple(
        Seven(counted[name], notes[name], sampled and name in SAMPLED, _reported(visit, name, reported))
        for name in SEVEN
    )


def _reported(visit: Visit, name: str, reported: Sequence[Indicator]) -> str:
    """What was reported of the same thing, with its period; never mixed with what is counted."""
    word = _REPORTED.get(name)
    found = next((one for one in reported if word and word in one.label and one.latest), None)
    if found is None or found.latest is None:
        return ""
    if not visit.chinese:
        least = "≥ " if found.latest.lower_bound else ""
        return f"reported {least}{found.latest.value / 1_000_000:g} M"
    more = "余" if found.latest.lower_bound else ""
    return f"{found.latest.period} 报告 {_short(found.latest.value)}{more}{found.unit}"


def _short(value: Decimal) -> str:
    if value >= 100_000_000:
        return f"{(value / 100_000_000).normalize():f} 亿"
    return f"{(value / 10_000).normalize():f} 万" if value >= 10_000 else f"{value:f}"


def _tiles(units: Sequence[Department], quality: Mapping[str, Any]) -> tuple[Tile, ...]:
    counties = [unit for unit in units if unit.kind == "county"]
    where = places(unit.division_code for unit in counties)
    tiles = []
    for unit in counties:
        row = quality.get(unit.code)
        score = float(row["score"]) if row and row["score"] is not None else None
        x, y = where[unit.division_code]
        name = unit.short_name if len(unit.short_name) <= 4 else unit.short_name[:2]
        name = "经开区" if unit.short_name.endswith("经开区") or "开发区" in unit.short_name else name
        tiles.append(Tile(unit.code, name, x, y, score, _level(score)))
    return tuple(tiles)


def _level(score: float | None) -> int:
    if score is None:
        return -1
    return next((level for level, least in ((4, 99), (3, 97), (2, 95), (1, 90)) if score >= least), 0)


def _tasks(visit: Visit) -> tuple[tuple[DutyDots, ...], Mapping[str, int]]:
    found = campaigns(visit.connection, today=visit.today)
    tasks = found[0].tasks if found else ()
    frame = [duty for duty in duties(visit.connection) if duty.kind == "task"]
    kinds = Counter(_kind(task) for task in tasks)
    rows = tuple(
        DutyDots(
            duty.name,
            tuple(Dot(task.id, task.name, _kind(task)) for task in tasks if task.duty_code == duty.code),
        )
        for duty in frame
    )
    return rows, {kind: kinds.get(kind, 0) for kind in ("ok", "on", "no", "ov")}


def _kind(task: Task) -> str:
    if task.overdue:
        return "ov"
    return {"done": "ok", "doing": "on"}.get(task.state, "no")


def _flows(visit: Visit, units: Sequence[Department]) -> Flows:
    """Who gave how much to which application, today or on the last day anything was given."""
    latest = exchange_by_day(visit.connection, days=400)
    if not latest:
        return Flows(None, today=False, total=0, left=(), right=(), flows=())
    day = latest[-1]["day"]
    rows = meter_by(visit.connection, ["provider", "application"], since=day, until=day)
    short = {unit.code: unit.short_name for unit in units}
    names = {app.id: app.name for app in applications(visit.connection)}
    left = _largest(rows, "provider")
    right = _largest(rows, "application")
    others = (
        visit.tell("其他 {n} 家", n=len({row["provider"] for row in rows}) - len(left)),
        visit.tell("其他 {n} 个应用", n=len({row["application"] for row in rows}) - len(right)),
    )
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        source = short.get(row["provider"], row["provider"]) if row["provider"] in left else others[0]
        target = (
            names.get(row["application"], row["application"]) if row["application"] in right else others[1]
        )
        sums[source, target] += row["records"]
    query = f"?day={day.isoformat()}"
    left_ends = [End(short.get(code, code), f"/people/{code}") for code in left]
    right_ends = [End(names.get(code, code), f"/ledger{query}&application={code}") for code in right]
    if any(source == others[0] for source, _ in sums):
        left_ends.append(End(others[0], f"/ledger{query}"))
    if any(target == others[1] for _, target in sums):
        right_ends.append(End(others[1], f"/ledger{query}"))
    return Flows(
        day,
        today=day == visit.today,
        total=sum(sums.values()),
        left=tuple(left_ends),
        right=tuple(right_ends),
        flows=tuple(Flow(source, target, count) for (source, target), count in sums.items()),
    )


def _largest(rows: Sequence[Mapping[str, Any]], axis: str) -> list[str]:
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row[axis]] += row["records"]
    return [name for name, _ in sums.most_common(_FLOWS)]


def _days(visit: Visit) -> tuple[DayBar, ...]:
    calendar = read_calendar(visit.connection)
    counted = {row["day"]: int(row["records"]) for row in exchange_by_day(visit.connection, days=60)}
    return tuple(
        DayBar(day, count, not calendar.is_working(day)) for day, count in days(counted, visit.today)
    )


def _suppliers(visit: Visit, quality: Mapping[str, Any]) -> tuple[Supplier, ...]:
    """Departments by what others took from them."""
    taken = {row["provider"]: row for row in meter_by(visit.connection, ["provider"])}
    rows = [
        Supplier(
            row["code"],
            row["name"],
            row["entries"],
            row["supplied"],
            float(quality[row["code"]]["score"])
            if row["code"] in quality and quality[row["code"]]["score"] is not None
            else None,
            taken.get(row["code"], {}).get("times", 0),
            taken.get(row["code"], {}).get("records", 0),
        )
        for row in supply_by_department(visit.connection)
        if row["kind"] == "department"
    ]
    return tuple(sorted(rows, key=lambda row: (-row.records, -row.supplied, row.code))[:10])


def _dimensions(visit: Visit, quality: Mapping[str, Any]) -> tuple[DimensionShare, ...]:
    given = sum(row["given"] for row in quality.values())
    counted = {row["name"]: row["rows"] for row in issue_groups(visit.connection, "dimension", Chosen())}
    return tuple(DimensionShare(name, counted.get(name, 0) / given if given else 0.0) for name in _DIMENSIONS)


PAGES = (Page("screen", "/screen", build, may="screen:read", stop=""),)
ACTS: tuple[Act, ...] = ()
