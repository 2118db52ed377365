"""Answers for pages: issue rows, issues grouped, refinements, scores by the six dimensions of GB/T 36344."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from jutong.database import Connection, named_sql
from jutong.elements import Dimension
from jutong.store import Reading, Store
from jutong.terms import NotFound

_sql = named_sql(__file__)
_DATASET = "standard.issue"


@dataclass(frozen=True)
class Chosen:
    """Which issues are meant; None is any. ``department`` is whose data, the bound of what an officer may see."""

    department: str | None = None
    dataset: str | None = None
    rule: str | None = None
    batch: str | None = None
    severity: str | None = None
    item: str | None = None

    def where(self) -> tuple[str, list[str]]:
        """SQL over the columns of standard.issue, with its parameters."""
        columns = {
            "department_code": self.department, "dataset": self.dataset, "rule": self.rule, "batch": self.batch,
            "severity": self.severity, "item": self.item,
        }  # fmt: skip
        given = {name: value for name, value in columns.items() if value is not None}
        return " AND ".join(f"{name} = ?" for name in given) or "true", list(given.values())


def issues(store: Store, chosen: Chosen, *, limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
    """Issue rows, the newest first, then in the order of the batch's rows; columns as in ``standard.issue``."""
    where, params = chosen.where()
    if not _there(store):
        return []
    with store.reading() as reading:
        sql = (
            f"SELECT * FROM {reading.table(_DATASET)} WHERE {where} "
            f"ORDER BY found_at DESC, dataset, batch, row_no, item, rule LIMIT {int(limit)} OFFSET {int(offset)}"
        )
        return reading.rows(sql, params)


def count_issues(store: Store, chosen: Chosen) -> int:
    where, params = chosen.where()
    if not _there(store):
        return 0
    with store.reading() as reading:
        rows = reading.rows(f"SELECT count(*) AS n FROM {reading.table(_DATASET)} WHERE {where}", params)
    return int(rows[0]["n"])


def issues_of_batch(reading: Reading, batch: str, limit: int) -> list[dict[str, Any]]:
    """The issues of a batch in the order of its rows."""
    sql = f"SELECT * FROM {reading.table(_DATASET)} WHERE batch = ? ORDER BY row_no, item, rule LIMIT {int(limit)}"
    return reading.rows(sql, [batch])


def issue_groups(
    connection: Connection,
    by: Literal["rule", "item", "dataset", "department", "dimension", "severity"],
    chosen: Chosen,
    *,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Issues counted by a word: name, label, rows, rejected, batches; most first. ``chosen.item`` is not used."""
    values = {**vars(chosen), "by": by, "limit": limit}
    return connection.execute(_sql.issue_groups, values).fetchall()


def refinements(
    connection: Connection,
    *,
    batch: str | None = None,
    dataset: str | None = None,
    department: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Refinement rows with their batch and department, the newest first."""
    values = {"batch": batch, "dataset": dataset, "department": department, "limit": limit, "offset": offset}
    return connection.execute(_sql.refinements, values).fetchall()


def batches_of_day(connection: Connection, day: str) -> list[str]:
    """Refined batches received on a day (ISO) of the city's calendar."""
    return [row["id"] for row in connection.execute(_sql.batches_of_day, {"day": day})]


def scores(
    connection: Connection,
    by: Literal["department", "dataset", "day"],
    *,
    department: str | None = None,
    dataset: str | None = None,
    since: dt.datetime | None = None,
) -> list[dict[str, Any]]:
    """Rates of each department, dataset or day: the sums of its batches, ``score`` (合格率) and ``dimensions``.

    A dimension's score is the share of given rows without an issue of that dimension, in a hundred; an issue is
    counted as a row, since an item is questioned once.
    """
    values = {"by": by, "department": department, "dataset": dataset, "since": since}
    rows = connection.execute(_sql.scores, values).fetchall()
    wrong: dict[str, dict[str, int]] = {}
    for row in connection.execute(_sql.dimension_rows, values):
        wrong.setdefault(row["name"], {})[row["dimension"]] = row["rows"]
    for row in rows:
        found = wrong.get(row["name"], {})
        row["dimensions"] = {
            str(dimension): _rate(row["given"], found.get(dimension, 0)) for dimension in Dimension
        }
    return rows


def _rate(given: int, wrong: int) -> float | None:
    return round(100 * max(given - wrong, 0) / given, 2) if given else None


def _there(store: Store) -> bool:
    try:
        store.spec(_DATASET)
    except NotFound:
        return False
    return True
