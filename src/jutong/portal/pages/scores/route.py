"""Scores by department and dimension, and day by day; a score is rows without such a question in a hundred given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from jutong.portal.pages.sources.route import scope
from jutong.portal.routes import Act, Page
from jutong.portal.visits import Visit
from jutong.refine import scores

#: Days of trend shown, the newest last.
_DAYS = 60


@dataclass(frozen=True)
class ScoresQuestion:
    department: Annotated[str, Field(title="部门", max_length=8)] = ""


@dataclass(frozen=True)
class Cell:
    """One dimension of one line; the link opens the rows that lower it."""

    dimension: str
    score: float | None
    href: str


@dataclass(frozen=True)
class Line:
    """A department, a dataset or a day."""

    name: str
    label: str
    href: str
    batches: int
    given: int
    score: float | None
    cells: tuple[Cell, ...]
    chosen: bool = False


@dataclass(frozen=True)
class Scores:
    """Departments, the chosen one's datasets, and days."""

    asked: ScoresQuestion
    dimensions: tuple[str, ...]
    departments: tuple[Line, ...]
    datasets: tuple[Line, ...]
    days: tuple[Line, ...]
    #: Score of each day, the oldest first.
    trend: tuple[float, ...]
    score: float | None
    given: int


def build(visit: Visit, asked: ScoresQuestion) -> Scores:
    """Scores of the departments this party may see."""
    mine = scope(visit, "issue")
    department = mine or asked.department or None
    connection = visit.connection
    departments = scores(connection, "department", department=mine)
    chosen = [row for row in departments if department in (None, row["name"])]
    days = scores(connection, "day", department=department, since=visit.now - dt.timedelta(days=_DAYS))
    datasets = scores(connection, "dataset", department=department) if department else []
    given = sum(row["given"] for row in chosen)
    weighed = sum(float(row["score"] or 0) * row["given"] for row in chosen)
    return Scores(
        asked=asked,
        dimensions=tuple(departments[0]["dimensions"]) if departments else (),
        departments=tuple(
            _line(row, {"department": row["name"]}, f"/scores?department={row['name']}", row["name"] == department)
            for row in sorted(departments, key=_worst_first)
        ),
        datasets=tuple(
            _line(row, {"dataset": row["name"]}, f"/standards/{row['name'].partition('.')[2]}")
            for row in sorted(datasets, key=_worst_first)
        ),
        days=tuple(
            _line(row, {"department": department or "", "day": row["name"]}, _opens(department=department or "", day=row["name"]))
            for row in reversed(days)
        ),
        trend=tuple(float(row["score"]) for row in days if row["score"] is not None),
        score=weighed / given if given else None,
        given=given,
    )  # fmt: skip


def _worst_first(row: Mapping[str, Any]) -> tuple[float, str]:
    return (row["score"] if row["score"] is not None else 101.0, row["name"])


def _line(row: Mapping[str, Any], by: Mapping[str, str], href: str, chosen: bool = False) -> Line:
    cells = tuple(
        Cell(name, value, _opens(**by, dimension=name)) for name, value in row["dimensions"].items()
    )
    return Line(
        row["name"],
        row["label"] or row["name"],
        href,
        row["batches"],
        row["given"],
        row["score"],
        cells,
        chosen,
    )


def _opens(**asked: str) -> str:
    return "/issues?" + urlencode({name: value for name, value in asked.items() if value})


PAGES = (
    Page("scores", "/scores", build, may="issue:read", stop="refine", tab="scores", asks=ScoresQuestion),
)
ACTS: tuple[Act, ...] = ()
