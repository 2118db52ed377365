"""Outcomes: what refining did to a batch, and how that survives a crash between lake and control database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.store import Store

_sql = named_sql(__file__)
_CUT_SHORT = {"state": "failed", "note": "中途被终止，没有改动任何数据", "snapshot": None}


@dataclass(frozen=True)
class Refinement:
    """清洗结果 of one batch; given = accepted + rejected + duplicates."""

    batch_id: str
    dataset: str
    given: int
    accepted: int
    rejected: int
    duplicates: int
    flagged: int
    issues: int
    score: float | None
    inserted: int
    updated: int
    deleted: int
    held_reason: str | None
    snapshot: int
    finished_at: dt.datetime


@dataclass(frozen=True)
class Outcome:
    """The same before the commit has a number, with its issues counted by rule."""

    batch_id: str
    dataset: str
    given: int
    accepted: int
    rejected: int
    duplicates: int
    flagged: int
    score: float | None
    finished_at: dt.datetime
    released: bool = False
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    held_reason: str | None = None
    rules: tuple[Mapping[str, Any], ...] = ()
    #: The version of the standard it was judged by, and what of that decides about rows.
    standard: int | None = None
    meaning: str = ""
    #: All there is in its table now stands by this meaning: a full batch without a rejected row, or a carrying-through.
    whole: bool = False
    #: Judged before, and now again.
    again: bool = False

    def held(self, reason: str) -> Self:
        return replace(self, held_reason=reason)

    def merged(self, inserted: int, updated: int, deleted: int) -> Self:
        return replace(self, inserted=inserted, updated=updated, deleted=deleted)

    def with_rules(self, rules: Sequence[Mapping[str, Any]]) -> Self:
        return replace(self, rules=tuple(rules))

    @property
    def issues(self) -> int:
        return sum(rule["rows"] for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "finished_at": self.finished_at.isoformat(), "rules": list(self.rules)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        finished = dt.datetime.fromisoformat(row["finished_at"])
        return cls(**{**row, "finished_at": finished, "rules": tuple(row["rules"])})

    def refinement(self, snapshot: int) -> Refinement:
        shared = {name: getattr(self, name) for name in Refinement.__dataclass_fields__ if name != "snapshot"}
        return Refinement(**shared, snapshot=snapshot)


def note(database: Database, commit_id: str, outcomes: Sequence[Outcome]) -> None:
    """Lay the outcomes down before the lake commits, so that ``settle`` can find them after any crash."""
    with database.connection() as connection:
        told = Jsonb([outcome.to_json() for outcome in outcomes])
        connection.execute(_sql.note_refining, {"commit_id": commit_id, "outcomes": told})


def finish(
    database: Database, commit_id: str, snapshot: int, outcomes: Sequence[Outcome]
) -> list[Refinement]:
    """Outcomes become refinement rows, their batches refined or held; all in one transaction."""
    with database.connection() as connection:
        for outcome in outcomes:
            _save(connection, commit_id, snapshot, outcome)
        connection.execute(_sql.strike_refining, {"commit_id": commit_id})
        connection.execute(
            _sql.end_again, {"commit_id": commit_id, "state": "done", "note": "", "snapshot": snapshot}
        )
    return [outcome.refinement(snapshot) for outcome in outcomes]


def settle(database: Database, store: Store) -> list[Refinement]:
    """Finish what the lake holds, strike out what it does not."""
    settled: list[Refinement] = []
    with database.connection() as connection:
        rows = connection.execute(_sql.open_refinings).fetchall()
        noted = {row["commit_id"] for row in rows}
        for row in connection.execute(_sql.open_again).fetchall():
            if row["commit_id"] not in noted:
                connection.execute(_sql.end_again, {**row, **_CUT_SHORT})
    for row in rows:
        snapshot = store.committed(row["commit_id"])
        if snapshot is not None:
            outcomes = [Outcome.from_json(outcome) for outcome in row["outcomes"]]
            settled += finish(database, row["commit_id"], snapshot, outcomes)
        else:
            with database.connection() as connection:
                connection.execute(_sql.strike_refining, {"commit_id": row["commit_id"]})
                connection.execute(_sql.end_again, {"commit_id": row["commit_id"], **_CUT_SHORT})
    return settled


def _save(connection: Connection, commit_id: str, snapshot: int, outcome: Outcome) -> None:
    values = {**vars(outcome), "issues": outcome.issues, "commit_id": commit_id, "snapshot": snapshot}
    if outcome.again:
        connection.execute(_sql.save_refinement_again, values)
        connection.execute(_sql.clear_rule_counts, values)
    else:
        connection.execute(_sql.save_refinement, values)
    if outcome.rules:
        with connection.cursor() as cursor:
            cursor.executemany(
                _sql.save_rule_count, [{**rule, "batch_id": outcome.batch_id} for rule in outcome.rules]
            )
    state = "held" if outcome.held_reason else "refined"
    move = _sql.move_batch_again if outcome.again else _sql.move_batch
    connection.execute(move, {"batch_id": outcome.batch_id, "state": state})
    if outcome.meaning and (outcome.again or state == "refined"):
        told = {"whole": outcome.whole, "carried": outcome.again, "meaning": outcome.meaning}
        connection.execute(_sql.stand, {**told, "table": outcome.dataset.partition(".")[2]})
