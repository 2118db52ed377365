"""Charts as numbers: pure functions from values to places, which the macros in ``ui/charts.html`` turn into SVG.

Widths and x are percent of the figure, heights and y are pixels, so a chart stretches and its text never
scales.  No colour is chosen here: a part carries a role (``f1``, ``fo``), the stylesheet knows its ink.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    x: float
    width: float
    y: float
    height: float
    role: str
    label: str = ""
    value: str = ""


@dataclass(frozen=True)
class Ribbon:
    path: str
    rank: int


@dataclass(frozen=True)
class Node:
    name: str
    value: int
    y: float
    height: float
    href: str = ""


@dataclass(frozen=True)
class Sankey:
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]
    height: float


@dataclass(frozen=True)
class Span:
    """A bar on a time scale; ``x`` and ``width`` in percent, ``row`` counts from 0."""

    x: float
    width: float
    row: int
    role: str
    label: str
    title: str = ""
    href: str = ""


@dataclass(frozen=True)
class Step:
    """One level of a Merkle path: the neighbour stands left or right, and ``covers`` leaves are joined."""

    x1: float
    x2: float
    left: bool
    neighbour: str
    covers: int


def bars(
    values: Sequence[float], *, height: float = 68.0, floor: float = 71.0, gap: float = 0.28, slots: int = 0
) -> list[Bar]:
    """Bars that start at zero; the highest takes ``height``. An all-zero series draws nothing but its axis.

    ``slots`` keeps a handful of bars from growing as wide as the page.
    """
    if not values:
        return []
    top = max(values) or 1.0
    step = 100 / max(len(values), slots)
    drawn = []
    for place, value in enumerate(values):
        tall = height * value / top
        # A value above zero stays visible: one pixel is the least ink there is.
        tall = max(tall, 1.0) if value > 0 else 0.0
        drawn.append(Bar(_r(place * step), _r(step * (1 - gap)), _r(floor - tall), _r(tall), "fm"))
    return drawn


def days(counts: Mapping[dt.date, int], until: dt.date, length: int = 30) -> list[tuple[dt.date, int]]:
    """The last ``length`` days, with the days nothing happened on."""
    first = until - dt.timedelta(days=length - 1)
    span = (first + dt.timedelta(days=shift) for shift in range(length))
    return [(day, int(counts.get(day, 0))) for day in span]


def polyline(values: Sequence[float], low: float, high: float) -> str:
    """Points of a line in a 100 × 100 box that the SVG stretches."""
    spread = (high - low) or 1.0
    last = max(len(values) - 1, 1)
    points = ((100 * place / last, 100 - 100 * (value - low) / spread) for place, value in enumerate(values))
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def shares(parts: Sequence[tuple[str, float]]) -> list[Bar]:
    """One bar cut into parts, in percent; rounding never makes them exceed the whole."""
    whole = float(sum(value for _, value in parts))
    drawn, x = [], 0.0
    for role, value in parts:
        width = 100 * float(value) / whole if whole else 0.0
        drawn.append(Bar(_r(x), _r(width), 0, 100, role))
        x += width
    return drawn


def sankey(
    flows: Mapping[tuple[str, str], int],
    left: Sequence[str],
    right: Sequence[str],
    *,
    height: float = 330.0,
    gap: float = 13.0,
) -> Sankey:
    """Ribbons from left names to right names; both sides share one scale, so equal ink is equal count."""
    total = sum(flows.values()) or 1
    room = height - gap * (max(len(left), len(right)) - 1)
    scale = room / total
    left_nodes = _stack(
        left, {name: sum(n for (a, _), n in flows.items() if a == name) for name in left}, scale, height
    )
    right_nodes = _stack(
        right, {name: sum(n for (_, b), n in flows.items() if b == name) for name in right}, scale, height
    )
    out = {node.name: node.y for node in left_nodes}
    into = {node.name: node.y for node in right_nodes}
    ribbons = []
    for rank, source in enumerate(left):
        for target in right:
            count = flows.get((source, target), 0)
            if not count:
                continue
            thick, a, b = count * scale, out[source], into[target]
            out[source] += thick
            into[target] += thick
            ribbons.append(Ribbon(_ribbon(a, b, thick), min(rank, 5)))
    return Sankey(tuple(left_nodes), tuple(right_nodes), tuple(ribbons), height)


def flow_picture(flows: Any) -> Sankey:
    """The ribbons of a value with ``flows`` (source, target, count) and the names of both ends in order."""
    counted = {(one.source, one.target): one.count for one in flows.flows}
    return sankey(counted, [end.name for end in flows.left], [end.name for end in flows.right])


def _stack(names: Sequence[str], sums: Mapping[str, int], scale: float, height: float) -> list[Node]:
    """Nodes one above another, spread so that they fill the height."""
    free = height - sum(sums.values()) * scale
    gap = free / (len(names) - 1) if len(names) > 1 else 0.0
    nodes, y = [], 0.0
    for name in names:
        tall = sums[name] * scale
        nodes.append(Node(name, sums[name], y, tall))
        y += tall + gap
    return nodes


def _ribbon(a: float, b: float, thick: float) -> str:
    return (
        f"M0 {a:.1f}C150 {a:.1f} 150 {b:.1f} 300 {b:.1f}"
        f"V{b + thick:.1f}C150 {b + thick:.1f} 150 {a + thick:.1f} 0 {a + thick:.1f}Z"
    )


def confluence(departments: int, counties: int, applications: int) -> list[tuple[str, str]]:
    """The sign-in picture: (role, path) of every source flowing in and every application flowing out."""
    paths = []
    sources = departments + counties
    for place in range(sources):
        start = 6 + 408 * place / max(sources - 1, 1)
        end = 192.3 + 35.4 * place / max(sources - 1, 1)
        role = "sb" if place >= departments else "sa"
        paths.append((role, f"M0 {start:.1f}C132 {start:.1f} 120 {end:.1f} 240 {end:.1f}"))
    for place in range(applications):
        start = 192.9 + 34.2 * place / max(applications - 1, 1)
        end = 40 + 340 * place / max(applications - 1, 1)
        paths.append(("sc", f"M600 {start:.1f}C720 {start:.1f} 708 {end:.1f} 840 {end:.1f}"))
    return paths


def strip(digest: str) -> list[Bar]:
    """The fingerprint of a hash: 32 bars from its first 32 pairs of bits and heights, comparable by eye."""
    nibbles = [int(letter, 16) for letter in digest[:32].ljust(32, "0")]
    return [
        Bar(_r(place * 3.125), 2.9, 4 if nibble & 4 else 0, 10 if nibble & 4 else 14, f"p{nibble & 3}")
        for place, nibble in enumerate(nibbles)
    ]


def merkle(left: Sequence[bool], digests: Sequence[str], covers: Sequence[int]) -> list[Step]:
    """Places of the levels of an inclusion proof: neighbour on the left?, its hash, entries joined after it."""
    width = 97.0 / max(len(left), 1)
    return [
        Step(_r(1.2 + width * level), _r(1.2 + width * (level + 1)), on_left, digest[:6], count)
        for level, (on_left, digest, count) in enumerate(zip(left, digests, covers, strict=True))
    ]


@dataclass(frozen=True)
class TimeScale:
    """Days to percent; ``left`` percent stay free for row names."""

    since: dt.date
    until: dt.date
    left: float = 6.0

    def at(self, day: dt.date) -> float:
        span = (self.until - self.since).days or 1
        inside = min(max(day, self.since), self.until)
        return _r(self.left + (100 - self.left) * (inside - self.since).days / span)

    def years(self) -> list[tuple[str, float]]:
        starts = (dt.date(year, 1, 1) for year in range(self.since.year, self.until.year + 1))
        return [(str(start.year), self.at(start)) for start in starts if start >= self.since]

    def months(self, every: int = 1) -> list[tuple[str, float]]:
        """The first of every ``every``-th month, January with its year."""
        marks = []
        month = dt.date(self.since.year, self.since.month, 1)
        while month <= self.until:
            if month >= self.since and (month.month - 1) % every == 0:
                label = f"{month.year}年" if month.month == 1 else f"{month.month}月"
                marks.append((label, self.at(month)))
            month = (month + dt.timedelta(days=32)).replace(day=1)
        return marks

    def span(self, start: dt.date, end: dt.date | None) -> tuple[float, float]:
        x = self.at(start)
        return x, _r(max(self.at(end or self.until) - x, 0.4))


def _r(value: float) -> float:
    return round(value, 2)
