"""A changed standard carried through: what concerns it is refined again from the raw rows (use case UC-REFINE-03).

1. Batches are judged again from the newest backwards.  A key an earlier batch settles is only asked for while it is
   open: after a full batch only the keys of its rejected rows are, for a rejected row keeps its elder; none left,
   older batches are not read.
2. What would be held is not taken in: a batch that stood before stops the whole, and nothing changes.
3. The rows found are compared with the standard dataset; only those that differ are written, deleted or come.
   Issues likewise: those that no longer stand are taken back, new ones come, the others stay as they are.
4. All of a table is one lake transaction, noted beforehand as any refining is: killed, it has happened or it has not.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from jutong.database import Connection, Database, named_sql
from jutong.refine import settling
from jutong.refine.outcomes import Outcome, finish, note, settle
from jutong.refine.plan import ROW_KEY, Plan
from jutong.refine.refining import (
    ISSUE,
    alone,
    judge_one,
    outcome_of,
    reason_to_hold,
    rule_counts,
    texts_of,
)
from jutong.refine.tasks import Task, tasks_again
from jutong.store import AlreadyCommitted, Store, Writer, table_sql
from jutong.terms import BadInput, Conflict, JutongError, NotFound, literal, quote

_sql = named_sql(__file__)
_KEPT, _OPEN = "_kept", "_open"
#: Told before each table: how many are done, of how many, and the table.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Again:
    """What carrying one table's standard through came to; ``state`` done, or held with the reason in ``note``."""

    source_table: str
    version: int
    state: str
    #: Batches and rows judged again.
    batches: int = 0
    judged: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    #: Issues that came, and that were taken back.
    found: int = 0
    withdrawn: int = 0
    note: str = ""
    snapshot: int | None = None


def stale_tables(connection: Connection, store: Store) -> list[str]:
    """Tables whose rows do not all stand by what their standard, or the whitelist, says now."""
    stale = {row["source_table"] for row in connection.execute(_sql.stale_tables)}
    waived = connection.execute(_sql.waived_since).fetchall()
    if waived:
        wanted = pa.Table.from_pylist(
            [
                {"d": f"standard.{row['source_table']}", "r": row["check_code"], "v": row["value"]}
                for row in waived
            ]
        )
        stale |= _still_complained_of(store, wanted)
    return sorted(stale)


def _still_complained_of(store: Store, waived: pa.Table) -> set[str]:
    """Tables with an issue about a value that has been let off."""
    rules = sorted({literal(rule) for rule in waived.column("r").to_pylist()})
    try:
        with store.reading() as reading:
            rows = reading.rows(
                f"SELECT DISTINCT dataset, rule, value_cleaned FROM {reading.table(ISSUE)} WHERE rule IN ({', '.join(rules)})"
            )
    except NotFound:
        return set()
    said = {(row["dataset"], row["rule"], row["value_cleaned"]) for row in rows}
    return {
        row["d"].partition(".")[2] for row in waived.to_pylist() if (row["d"], row["r"], row["v"]) in said
    }


def refine_again(
    tables: Sequence[str] | None = None,
    *,
    database: Database,
    store: Store,
    release: bool = False,
    progress: Progress | None = None,
) -> list[Again]:
    """Carry the standards of these tables through, or of all that are stale.

    ``release``: what would be held is let through.  A table that is held stops no other; nothing of it changes.
    """
    with alone(database):
        settle(database, store)
        with database.connection() as connection:
            wanted = stale_tables(connection, store) if tables is None else list(tables)
        done = []
        for number, table in enumerate(wanted):
            if progress:
                progress(number, len(wanted), table)
            told = _carry_through(table, database, store, release=release)
            if told is not None:
                done.append(told)
        return done


def refinements_again(
    connection: Connection, table: str | None = None, *, limit: int = 20
) -> list[dict[str, object]]:
    """Rows of ``rerefinement``, the newest first."""
    return connection.execute(_sql.refinements_again, {"table": table, "limit": limit}).fetchall()


def _carry_through(table: str, database: Database, store: Store, *, release: bool) -> Again | None:
    """One table in one transaction; None when nothing of it was refined yet."""
    commit_id = f"refine-again:{secrets.token_hex(12)}"
    with database.connection() as connection:
        tasks = tasks_again(connection, store, table)
        if not tasks:
            return None
        version = tasks[0].standard or 0
        connection.execute(_sql.begin_again, {"table": table, "version": version, "commit_id": commit_id})
    plan = tasks[0].plan
    try:
        before = store.spec(plan.standard)
        store.declare([plan.spec()])
        made_new = store.spec(plan.standard).version != before.version

        def body(writer: Writer) -> tuple[Again, list[Outcome]]:
            told, outcomes = _write(writer, tasks, release=release, made_new=made_new)
            _note(database, commit_id, told, outcomes)
            return told, outcomes

        try:
            (told, outcomes), snapshot = store.write(
                commit_id, plan.standard, ISSUE, author="refine", body=body
            )
        except AlreadyCommitted as known:
            settle(database, store)
            return Again(table, version, "done", snapshot=known.snapshot)
    except (JutongError, duckdb.Error) as problem:
        held = isinstance(problem, (BadInput, Conflict)) and not getattr(problem, "temporary", False)
        words = problem.sentence if isinstance(problem, JutongError) else str(problem).splitlines()[0][:300]
        state = "held" if held else "failed"
        with database.connection() as connection:
            connection.execute(
                _sql.end_again, {"commit_id": commit_id, "state": state, "note": words, "snapshot": None}
            )
        if not held:
            raise
        return Again(table, version, "held", note=words)
    finish(database, commit_id, snapshot, outcomes)
    return replace(told, snapshot=snapshot)


def _note(database: Database, commit_id: str, told: Again, outcomes: Sequence[Outcome]) -> None:
    with database.connection() as connection:
        connection.execute(_sql.note_again, {**vars(told), "commit_id": commit_id})
    note(database, commit_id, outcomes)


def _write(
    writer: Writer, tasks: Sequence[Task], *, release: bool, made_new: bool
) -> tuple[Again, list[Outcome]]:
    plan, now = tasks[0].plan, dt.datetime.now(dt.UTC)
    writer.run(settling.found_sql())
    writer.run(_kept_sql(plan))
    judged: list[Task] = []
    outcomes: list[Outcome] = []
    bounded = False
    for task in tasks:
        number = len(judged)
        outcome = _judge(writer, task, number, release=release, bounded=bounded)
        judged.append(task)
        outcomes.append(outcome)
        taken_in = outcome.held_reason is None
        if task.full and taken_in:
            bounded = True
            writer.run(_open_sql(plan, f"_stage_{number}", first=not _has(writer, _OPEN)))
            if not _number(writer, f"SELECT count(*) FROM {_OPEN}"):
                _drop(writer, number)
                break
        _drop(writer, number)
    found, withdrawn, counted = _reconcile_issues(writer, judged, now)
    inserted, updated, deleted = _reconcile_rows(writer, plan, made_new=made_new)
    told = Again(
        plan.source_table, judged[0].standard or 0, "done", len(judged), sum(task.given for task in judged),
        inserted, updated, deleted, found, withdrawn,
    )  # fmt: skip
    return told, [
        replace(outcome.with_rules(counted.get(number, ())), again=True, whole=True)
        for number, outcome in enumerate(outcomes)
    ]


def _judge(writer: Writer, task: Task, number: int, *, release: bool, bounded: bool) -> Outcome:
    """Judge one batch and keep what of its rows is still asked for; raises BadInput ``refine.would_hold``, ``refine.raw_gone``."""
    # ``released`` says here that it was refined; issues and rules about the batch are asked all the same.
    batch = judge_one(writer, replace(task, released=False), number)
    if not batch.given and task.given:
        raise BadInput("refine.raw_gone", f"批次 {task.batch_id} 的原始数据已不在原始区，不能重新清洗")
    outcome = outcome_of(replace(task, released=False), batch, dt.datetime.now(dt.UTC))
    reason = reason_to_hold(task, outcome, batch.reasons)
    if reason and not release:
        if task.released:
            raise BadInput(
                "refine.would_hold", f"按新标准，批次 {task.batch_id} {reason}；标准未套用，数据保持原样"
            )
        return outcome.held(reason)
    writer.run(_keep_sql(task.plan, f"_stage_{number}", batch.lost, task.batch_id, bounded=bounded))
    return outcome


def _kept_sql(plan: Plan) -> str:
    names = ", ".join(quote(item.name) for item in plan.spec().items)
    return f"CREATE TEMP TABLE {_KEPT} AS SELECT {names} FROM {table_sql(plan.standard)} LIMIT 0"


def _keys(plan: Plan) -> list[str]:
    return [quote(key) for key in plan.keys or (ROW_KEY,)]


def _same(plan: Plan, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{key} = {right}.{key}" for key in _keys(plan))


def _keep_sql(plan: Plan, stage: str, lost: str | None, batch_id: str, *, bounded: bool) -> str:
    """Accepted rows whose key no newer batch has settled, and after a full batch only those still open."""
    accepted = settling.accepted_sql(plan, stage, lost, batch_id)
    wanted = f" AND EXISTS (SELECT 1 FROM {_OPEN} AS o WHERE {_same(plan, 'o', 'a')})" if bounded else ""
    return (
        f"INSERT INTO {_KEPT} BY NAME SELECT * FROM ({accepted}) AS a "
        f"WHERE NOT EXISTS (SELECT 1 FROM {_KEPT} AS k WHERE {_same(plan, 'k', 'a')}){wanted}"
    )


def _open_sql(plan: Plan, stage: str, *, first: bool) -> str:
    """Keys a full batch holds only in rejected rows: their elder stays, if there is one."""
    keys = ", ".join(_keys(plan))
    there = " AND ".join(f"{key} IS NOT NULL" for key in _keys(plan))
    unsettled = (
        f"SELECT DISTINCT {keys} FROM {stage} AS r WHERE _rejected AND {there} "
        f"AND NOT EXISTS (SELECT 1 FROM {_KEPT} AS k WHERE {_same(plan, 'k', 'r')})"
    )
    if first:
        return f"CREATE TEMP TABLE {_OPEN} AS {unsettled}"
    still = f"{unsettled} AND EXISTS (SELECT 1 FROM {_OPEN} AS o WHERE {_same(plan, 'o', 'r')})"
    return f"CREATE OR REPLACE TEMP TABLE {_OPEN} AS {still}"


def _has(writer: Writer, table: str) -> bool:
    return bool(
        _number(
            writer, f"SELECT count(*) FROM duckdb_tables() WHERE table_name = {literal(table)} AND temporary"
        )
    )


def _drop(writer: Writer, number: int) -> None:
    writer.run(f"DROP TABLE IF EXISTS _stage_{number}")
    writer.run(f"DROP TABLE IF EXISTS _lost_{number}")


def _reconcile_rows(writer: Writer, plan: Plan, *, made_new: bool) -> tuple[int, int, int]:
    if made_new:
        # Its rows were carried over under the old standard; keys may be doubled under the new one.
        deleted = _number(writer, f"SELECT count(*) FROM {table_sql(plan.standard)}")
        writer.run(f"DELETE FROM {table_sql(plan.standard)}")
        return writer.append(plan.standard, f"SELECT * FROM {_KEPT}"), 0, deleted
    merged = writer.merge(plan.standard, f"SELECT * FROM {_KEPT}", delete_missing=True)
    return merged.inserted, merged.updated, merged.deleted


_WHICH = (
    "batch",
    "row_no",
    "item",
    "rule",
    "severity",
    "dimension",
    "key",
    "value_given",
    "value_cleaned",
    "sentence",
)


def _reconcile_issues(
    writer: Writer, judged: Sequence[Task], now: dt.datetime
) -> tuple[int, int, dict[int, list[dict[str, object]]]]:
    """(issues that came, issues taken back, the standing ones counted by batch and rule)."""
    writer.register("_texts", texts_of(judged, now))
    counted = rule_counts(writer)
    issue, names = table_sql(ISSUE), ", ".join(_WHICH)
    batches = ", ".join(literal(task.batch_id) for task in judged)
    writer.run(f"CREATE TEMP TABLE _said AS {settling.standard_issues_sql('_texts')}")
    writer.run(
        f"CREATE TEMP TABLE _gone AS SELECT {names} FROM {issue} WHERE batch IN ({batches}) "
        f"EXCEPT SELECT {names} FROM _said"
    )
    same = " AND ".join(f"i.{name} IS NOT DISTINCT FROM g.{name}" for name in _WHICH)
    writer.run(
        f"CREATE TEMP TABLE _came AS SELECT s.* FROM _said AS s WHERE NOT EXISTS "
        f"(SELECT 1 FROM {issue} AS g WHERE g.batch IN ({batches}) AND {same.replace('i.', 's.')})"
    )
    withdrawn = _number(writer, "SELECT count(*) FROM _gone")
    if withdrawn:
        writer.run(
            f"DELETE FROM {issue} AS i WHERE i.batch IN ({batches}) AND EXISTS (SELECT 1 FROM _gone AS g WHERE {same})"
        )
    found = _number(writer, "SELECT count(*) FROM _came")
    if found:
        writer.append(ISSUE, "SELECT * FROM _came")
    return found, withdrawn, counted


def _number(writer: Writer, sql: str) -> int:
    row = writer.run(sql).fetchone()
    return int(row[0]) if row else 0
