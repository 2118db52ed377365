"""An entity's way on one scale of years: when it began, its licences, its credit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jutong.fuse import Fact, Licence
from jutong.portal.drawing import TimeScale

#: Kinds of credit that speak against their subject as long as they count.
AGAINST = frozenset({"行政处罚", "经营异常名录", "严重违法失信名单", "欠税公告"})
#: So many licences and so many facts are drawn; the table below has all.
_DRAWN = 6
#: Room the words of a bar take, in percent.
_WORDS = 22


@dataclass(frozen=True)
class Record:
    """One licence or one fact of credit, as lists and timelines show it."""

    id: str
    #: licence or credit
    kind: str
    name: str
    what: str
    number: str
    department: str
    start: dt.date | None
    until: dt.date | None
    #: 未生效 · 有效 · 已到期 · 已注销 · 已届满 · 已修复
    state: str

    @property
    def live(self) -> bool:
        return self.state == "有效"

    @property
    def against(self) -> bool:
        return self.live and self.kind == "credit" and self.name in AGAINST

    @property
    def href(self) -> str:
        return f"/{'licences' if self.kind == 'licence' else 'credit'}/{self.id}"


@dataclass(frozen=True)
class LifeBar:
    x: float
    width: float
    y: int
    role: str
    label: str
    #: Whether the words stand left of the bar, where there is no room to its right.
    before: bool
    #: Whether they stand right of it rather than on it.
    beside: bool = False


@dataclass(frozen=True)
class LifeRow:
    label: str
    y: int
    line: int


@dataclass(frozen=True)
class Life:
    """In percent across and pixels down."""

    height: int
    years: tuple[tuple[str, float], ...]
    rows: tuple[LifeRow, ...]
    bars: tuple[LifeBar, ...]
    today: float


def of_licence(one: Licence, day: dt.date, departments: dict[str, str]) -> Record:
    return Record(
        one.entity, "licence", one.kind, "", one.number or one.licence_no, departments.get(one.issuer, one.issuer),
        one.issued_on, one.valid_to, one.state_on(day),
    )  # fmt: skip


def of_fact(one: Fact, day: dt.date, departments: dict[str, str]) -> Record:
    department = one.organ or departments.get(one.department, one.department)
    return Record(
        one.entity, "credit", one.kind, one.what, one.record_no, department, one.decided_on, one.until, one.state_on(day)
    )  # fmt: skip


def life(
    began: dt.date | None, label: str, licences: Sequence[Record], credit: Sequence[Record], today: dt.date
) -> Life:
    """``label``: what the beginning is called (设立)."""
    starts = [one.start for one in (*licences, *credit) if one.start]
    if began:
        starts.append(began)
    since = dt.date(min((start.year for start in starts), default=today.year - 5), 1, 1)
    scale = TimeScale(since, dt.date(today.year + 4, 12, 31))
    bars: list[LifeBar] = []
    rows: list[LifeRow] = []
    y = 28
    if began:
        rows.append(LifeRow("登记", y + 15, y + 24))
        bars.append(LifeBar(scale.at(began), 0, y, "dot", f"{label} {began.year}", before=False))
        y += 34
    for heading, found in (("证照", licences), ("信用", credit)):
        drawn = sorted((one for one in found if one.start), key=lambda one: one.start or since, reverse=True)[
            :_DRAWN
        ]
        if not drawn:
            continue
        first = y
        for one in reversed(drawn):
            assert one.start is not None
            endless = one.kind == "licence" and one.live
            x, width = scale.span(one.start, one.until or (None if endless else one.start))
            role = "fo" if one.against else "fw" if one.live else "f0"
            # Words stand on a long pale bar, beside any other, on the side that has room.
            beside = x + width if role == "fo" or width < _WORDS else x
            bars.append(
                LifeBar(
                    x, max(width, 0.6), y, role, _words(one), before=beside > 100 - _WORDS, beside=beside > x
                )
            )
            y += 26
        rows.append(LifeRow(heading, first + 15, y))
        y += 8
    return Life(y + 8, tuple(_thinned(scale.years())), tuple(rows), tuple(bars), scale.at(today))


def _words(one: Record) -> str:
    until = f"，至 {one.until:%Y-%m}" if one.until else ""
    return f"{one.name}{until}" if one.kind == "licence" else f"{one.name}：{one.what[:14]}{until}"


def _thinned(years: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Not more marks than there is room for."""
    step = -(-len(years) // 16)
    return [mark for place, mark in enumerate(years) if place % step == 0]
