"""Refining: a batch questioned and standardised in one pass (use case UC-REFINE-01).

1. What was left half done is settled: the lake is asked whether its commit happened.
2. Batches are grouped: small ones share a transaction, a large one has its own; a table's batches keep their order.
3. In one lake transaction each batch is judged, counted and held against its receipt (law 1).
4. Accepted rows merge into ``standard.<table>``, issues are appended to ``standard.issue``.
5. The outcome is noted beside the lake just before the commit, and becomes a row just after it.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from jutong.database import Database, named_sql
from jutong.elements import REJECT
from jutong.refine import judging, pooling, settling
from jutong.refine.captured import captured_sql
from jutong.refine.outcomes import Outcome, Refinement, finish, note, settle
from jutong.refine.plan import ROW_KEY, Fault, Plan
from jutong.refine.pooling import Pool
from jutong.refine.rules import KINDS, batch_complaint
from jutong.refine.sparking import Elsewhere, elsewhere
from jutong.refine.tasks import Task, open_tasks
from jutong.settings import Settings
from jutong.store import AlreadyCommitted, DatasetSpec, Store, Writer
from jutong.terms import Broken, DatasetName, Item, JutongError, Zone

_sql = named_sql(__file__)

ISSUE = DatasetName(Zone.STANDARD, "issue")
ISSUE_SPEC = DatasetSpec(
    ISSUE,
    "问题数据",
    (
        Item("batch", "批次"), Item("dataset", "数据集"), Item("department_code", "部门代码"),
        Item("row_no", "行号", "integer"), Item("key", "主键"), Item("item", "信息项"), Item("rule", "规则"),
        Item("severity", "处理"), Item("dimension", "质量维度"), Item("value_given", "原值", grade=3),
        Item("value_cleaned", "清洗后", grade=3), Item("sentence", "说明"), Item("found_at", "发现时间", "timestamp"),
    ),
)  # fmt: skip

#: Batches of at most so many rows are judged together in the pool; a group holds at most so many.
_SMALL_ROWS, _GROUP_ROWS, _GROUP_BATCHES = 4_000, 200_000, 120
#: Batches read from the raw zone in one statement.
_POUR = 20
#: Middling batches share a commit, each judged by itself.
_SHARED_ROWS = 50_000
#: Below so many rows a share says nothing: only a batch in which everything is wrong is held.
_FEW = 20
_DUPLICATES = (
    Fault(
        0,
        "refine.duplicate_row",
        "",
        "flag",
        settling.DUPLICATE_DIMENSION,
        "与第 {row} 行完全相同，只保留一行",
    ),
    Fault(
        1,
        "refine.duplicate_key",
        "",
        "flag",
        settling.DUPLICATE_DIMENSION,
        "主键与第 {row} 行相同而内容不同，保留第 {row} 行",
    ),
)

#: Told after each batch: how many are done, of how many, and the table.
Progress = Callable[[int, int, str], None]


def refine(
    batch_ids: Sequence[str] | None = None,
    *,
    database: Database,
    store: Store,
    release: bool = False,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> list[Refinement]:
    """Refine these batches, or all that were received; earlier batches of the same tables come along.

    ``release``: batches that were held are let through.  A batch that cannot be refined keeps its state and
    those behind it wait; the others are refined all the same, and then the first problem is raised.  Where
    ``settings`` name another engine, it judges the large batches.
    """
    with alone(database):
        settle(database, store)
        with database.connection() as connection:
            tasks = open_tasks(connection, store, batch_ids, release=release)
        if not tasks:
            return []
        store.declare([*{task.plan.standard: task.plan.spec() for task in tasks}.values(), ISSUE_SPEC])
        done: list[Refinement] = []
        problems: dict[str, Exception] = {}
        filled = {str(row["dataset"]) for row in store.usage() if row["rows"]}
        other = elsewhere(settings, store)
        for group in _groups(tasks):
            for refinement in _refine_group(group, database, store, problems, filled, other):
                done.append(refinement)
                if progress:
                    progress(len(done), len(tasks), refinement.dataset.partition(".")[2])
    for problem in problems.values():
        raise problem
    return done


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """One refining at a time: batches of a table must merge in the order they came."""
    connection = database.connect(autocommit=True)
    try:
        connection.execute(_sql.lock_refining)
        yield
    finally:
        connection.close()


def _groups(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Tasks in rounds, so that a table comes once in a group and its batches in order; small ones together."""
    waiting = list(tasks)
    while waiting:
        taken: list[Task] = []
        tables: set[str] = set()
        for task in waiting:
            if task.plan.source_table not in tables:
                tables.add(task.plan.source_table)
                taken.append(task)
        waiting = [task for task in waiting if task not in taken]
        taken.sort(key=lambda task: task.given)
        yield from _packed(taken)


def _packed(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    group: list[Task] = []
    rows = 0
    for task in tasks:
        full = group and (
            rows + task.given > _GROUP_ROWS or len(group) >= _GROUP_BATCHES or task.given > _SHARED_ROWS
        )
        if full:
            yield group
            group, rows = [], 0
        group.append(task)
        rows += task.given
    if group:
        yield group


def _refine_group(
    group: Sequence[Task],
    database: Database,
    store: Store,
    problems: dict[str, Exception],
    filled: set[str],
    other: Elsewhere | None = None,
) -> Iterator[Refinement]:
    """The group in one transaction; if that fails each batch by itself, so that one does not stop the others."""
    ready = [task for task in group if task.plan.source_table not in problems]
    if not ready:
        return
    try:
        yield from _commit(ready, database, store, filled, other)
    except (JutongError, duckdb.Error) as problem:
        if len(ready) == 1 or (isinstance(problem, JutongError) and problem.temporary):
            problems.update(dict.fromkeys((task.plan.source_table for task in ready), problem))
            return
        for task in ready:
            yield from _refine_group([task], database, store, problems, filled, other)


def _commit(
    group: Sequence[Task], database: Database, store: Store, filled: set[str], other: Elsewhere | None
) -> list[Refinement]:
    commit_id = f"refine:{secrets.token_hex(12)}"
    names = [*(task.plan.standard for task in group), ISSUE]

    def body(writer: Writer) -> list[Outcome]:
        outcomes = _write(writer, group, dt.datetime.now(dt.UTC), filled, made)
        note(database, commit_id, outcomes)
        return outcomes

    try:
        # Outside the transaction: what another engine takes its time for holds no fence.
        with other.judged(group) if other else nullcontext(dict[int, str]()) as made:
            outcomes, snapshot = store.write(commit_id, *names, author="refine", body=body)
    except AlreadyCommitted:
        return settle(database, store)
    filled.update(outcome.dataset for outcome in outcomes if outcome.inserted)
    return finish(database, commit_id, snapshot, outcomes)


def _write(
    writer: Writer,
    group: Sequence[Task],
    now: dt.datetime,
    filled: set[str],
    made: Mapping[int, str],
) -> list[Outcome]:
    """``made``: stages another engine has judged already, as SELECTs by their place in the group."""
    writer.run(settling.found_sql())
    small = {
        number: task
        for number, task in enumerate(group)
        if task.given <= _SMALL_ROWS and number not in made and pooling.may_pool(task.plan)
    }
    pool = Pool.of(task.plan for task in small.values()) if len(small) > 1 else None
    staged = _judge_pool(writer, pool, small) if pool else {}
    writer.register("_texts", _texts(group, staged, pool, now))
    outcomes = []
    for number, task in enumerate(group):
        batch = staged.get(number) or judge_one(writer, task, number, made.get(number))
        outcomes.append(_settle(writer, task, batch, now, filled))
    counted = rule_counts(writer)
    if counted:
        writer.append(ISSUE, settling.standard_issues_sql("_texts"))
    return [outcome.with_rules(counted.get(number, [])) for number, outcome in enumerate(outcomes)]


@dataclass(frozen=True)
class Staged:
    """A judged batch: where its rows lie, and what was counted."""

    #: A table or subselect with the standard items, ``_row`` and ``_rejected``.
    stage: str
    #: A table or subselect of the ``_row`` that lose to another with their key.
    lost: str | None
    given: int
    rejected: int
    flagged: int
    duplicates: int
    #: Doubled rows that have no other question.
    quiet: int
    #: What rules about the batch as a whole hold it for.
    reasons: tuple[str, ...] = ()


def _judge_pool(writer: Writer, pool: Pool, tasks: Mapping[int, Task]) -> dict[int, Staged]:
    writer.run(pooling.pool_sql(pool))
    poured = [(number, task.plan, task.batch_id, task.day) for number, task in tasks.items()]
    for start in range(0, len(poured), _POUR):
        writer.run(pooling.pour_sql(pool, poured[start : start + _POUR]))
    writer.run(pooling.judge_sql(pool))
    for question in pooling.rule_sqls(pool, {number: task.plan for number, task in tasks.items()}):
        writer.run(question)
    counts = {row[0]: row[1:] for row in writer.run(pooling.counts_sql()).fetchall()}
    writer.run(pooling.lost_sql(pool))
    doubled = {row[0]: row[1:] for row in writer.run(pooling.lost_counts_sql()).fetchall()}
    asked = [number for number, task in tasks.items() if not task.released]
    if asked:
        writer.run(pooling.issues_sql(asked))
        writer.run(pooling.lost_issues_sql(asked))
    staged = {}
    for number, task in tasks.items():
        given, rejected, flagged, _ = counts.get(number, (0, 0, 0, 0))
        duplicates, quiet = doubled.get(number, (0, 0))
        lost = pooling.lost_of(number) if duplicates else None
        stage = pooling.staged_sql(pool, task.plan, number)
        staged[number] = Staged(stage, lost, given, rejected, flagged, duplicates, quiet)
    return staged


def judge_one(writer: Writer, task: Task, number: int, made: str | None = None) -> Staged:
    """Judge a batch by itself; ``made`` is a SELECT of its rows where they are judged already."""
    plan, stage, lost = task.plan, f"_stage_{number}", None
    if made:
        writer.run(f"CREATE TEMP TABLE {stage} AS {made}")
    else:
        writer.run(judging.staged_sql(plan, task.batch_id, task.day, stage))
    for place, rule in enumerate(plan.rules):
        if rule.kind == "unique" and not plan.answered_by_key(rule):
            writer.run(settling.unique_sql(plan, stage, place))
        elif rule.kind == "refers_to":
            writer.run(settling.refers_sql(plan, stage, place))
    given, rejected, flagged, keys = _row(writer, settling.counts_sql(plan, stage))
    duplicates = quiet = 0
    if keys < given - rejected:
        lost = f"_lost_{number}"
        writer.run(settling.lost_sql(plan, stage, lost))
        duplicates, quiet = _row(writer, settling.lost_counts_sql(lost))
    if not task.released:
        if rejected or flagged:
            writer.run(settling.issues_sql(stage, number))
        if lost:
            writer.run(settling.lost_issues_sql(plan, stage, lost, number))
    reasons = () if task.released else _ask_batch(writer, task, number, stage)
    return Staged(stage, lost, given, rejected, flagged, duplicates, quiet, reasons)


def _ask_batch(writer: Writer, task: Task, number: int, stage: str) -> tuple[str, ...]:
    """Rules about the batch as a whole; returns why it is to be held."""
    reasons = []
    for rule, fault in zip(task.plan.rules, task.plan.rule_faults, strict=True):
        if KINDS[rule.kind].scope != "batch":
            continue
        rows, newest = writer.run(settling.newest_sql(stage, rule.items[0])).fetchall()[0]
        told = batch_complaint(rule, rows, newest, task.previous, task.day)
        if told is None:
            continue
        place = task.plan.place(rule.items[0])
        writer.run(settling.batch_issue_sql(number, place, fault.number, told))
        if fault.severity == REJECT:
            reasons.append(f"{fault.sentence}（{told}）")
    return tuple(reasons)


def _settle(writer: Writer, task: Task, batch: Staged, now: dt.datetime, filled: set[str]) -> Outcome:
    """Held against the receipt, then merged or held back."""
    outcome = outcome_of(task, batch, now)
    reason = None if task.released else reason_to_hold(task, outcome, batch.reasons)
    if reason:
        return outcome.held(reason)
    return outcome.merged(*_merge(writer, task, batch, filled))


def outcome_of(task: Task, batch: Staged, now: dt.datetime) -> Outcome:
    """The batch counted, before anything is merged. Raises Broken ``refine.not_conserved``."""
    if batch.given != task.given:
        raise Broken(
            "refine.not_conserved",
            f"批次 {task.batch_id} 回执为 {task.given} 行，原始库中有 {batch.given} 行",
        )
    return Outcome(
        task.batch_id, str(task.plan.standard), batch.given,
        batch.given - batch.rejected - batch.duplicates, batch.rejected, batch.duplicates, batch.flagged,
        _score(batch.given, batch.rejected + batch.flagged + batch.quiet), now, released=task.released,
        standard=task.standard, meaning=task.meaning, whole=task.full and not batch.rejected,
    )  # fmt: skip


def reason_to_hold(task: Task, outcome: Outcome, reasons: Sequence[str]) -> str | None:
    """Why the batch is kept back: what rules about it as a whole say, or what the judging came to."""
    return "；".join(reasons) or _hold(task, outcome)


def _merge(writer: Writer, task: Task, batch: Staged, filled: set[str]) -> tuple[int, int, int]:
    """Inserted, updated, deleted rows. Into an empty dataset rows are only appended: their keys are single here."""
    plan = task.plan
    accepted = settling.accepted_sql(plan, batch.stage, batch.lost, task.batch_id)
    captured = plan.mode == "capture" and plan.keyed and not task.full
    if batch.given == 0 and not captured:
        return 0, 0, 0
    if str(plan.standard) not in filled:
        return writer.append(plan.standard, accepted), 0, 0
    gone = settling.gone_sql(plan, batch.stage) if task.full and batch.rejected else None
    if captured:
        gone = captured_sql(plan, batch.stage, task.batch_id)
    merged = writer.merge(
        plan.standard, accepted, delete_missing=task.full and not batch.rejected, delete_keys_sql=gone
    )
    return merged.inserted, merged.updated, merged.deleted


def rule_counts(writer: Writer) -> dict[int, list[dict[str, Any]]]:
    counted: dict[int, list[dict[str, Any]]] = {}
    for number, rule, item, severity, dimension, rows in writer.run(
        settling.rule_counts_sql("_texts")
    ).fetchall():
        entry = {"rule": rule, "item": item, "severity": severity, "dimension": dimension, "rows": rows}
        counted.setdefault(number, []).append(entry)
    return counted


def _hold(task: Task, outcome: Outcome) -> str | None:
    """Why the batch is kept back, if it is: emptying a dataset, or most of it, is never an accident let pass."""
    if not outcome.given:
        return "全量批次为空，标准库保持原样" if task.full else None
    share = outcome.rejected / outcome.given
    if outcome.accepted == 0:
        return "批次中没有一行可以接收，整批留置"
    if outcome.given >= _FEW and share > task.plan.hold_above:
        return f"拒收 {share:.1%}，超过 {task.plan.hold_above:.0%} 的限度，整批留置"
    return None


def _score(given: int, questioned: int) -> float | None:
    return round(100 * (given - questioned) / given, 2) if given else None


def _row(writer: Writer, sql: str) -> tuple[int, ...]:
    row = writer.run(sql).fetchone()
    if row is None:
        raise Broken("refine.no_answer", "计数语句没有返回结果")
    return tuple(int(value) for value in row)


def texts_of(group: Sequence[Task], now: dt.datetime) -> pa.Table:
    """The words of every fault of batches that were each judged by themselves."""
    return _texts(group, {}, None, now)


def _texts(
    group: Sequence[Task], staged: Mapping[int, Staged], pool: Pool | None, now: dt.datetime
) -> pa.Table:
    """The words of every fault of the group, which the issue rows take on."""
    rows: list[dict[str, Any]] = []
    for number, task in enumerate(group):
        pooled = pool.issue_items(task.plan) if pool and number in staged else None
        for place, fault in _faults(task.plan):
            rows.append(_text(task, number, pooled[place] if pooled else place, fault, now))
    return pa.Table.from_pylist(rows, schema=_TEXT_SCHEMA)


_TEXT_SCHEMA = pa.schema(
    [
        ("_plan", pa.int32()),
        ("i", pa.int32()),
        ("n", pa.int32()),
        ("row_offset", pa.int64()),
        ("gaps", pa.list_(pa.int32())),
    ]
    + [
        (name, pa.string())
        for name in (
            "batch",
            "dataset",
            "department_code",
            "item",
            "rule",
            "severity",
            "dimension",
            "sentence",
        )
    ]
    + [("found_at", pa.timestamp("us"))]
)


def _faults(plan: Plan) -> Iterator[tuple[int, Fault]]:
    for place, planned in enumerate(plan.items, start=1):
        for fault in planned.faults:
            yield place, fault
    for fault in plan.rule_faults:
        yield plan.place(fault.item), fault
    for fault in _DUPLICATES:
        yield 0, fault


def _text(task: Task, number: int, place: int, fault: Fault, now: dt.datetime) -> dict[str, Any]:
    plan = task.plan
    return {
        "_plan": number, "i": place, "n": fault.number, "batch": task.batch_id, "dataset": str(plan.standard),
        "department_code": plan.department_code, "item": fault.item or (plan.keys[0] if plan.keys else ROW_KEY),
        "rule": fault.rule, "severity": fault.severity, "dimension": str(fault.dimension),
        "sentence": fault.sentence, "found_at": city_time(now), "row_offset": task.row_offset,
        "gaps": task.gaps if place == 0 else (),
    }  # fmt: skip


def city_time(instant: dt.datetime) -> dt.datetime:
    """The city's clock, zoneless, as the lake keeps times."""
    return instant.astimezone(dt.timezone(dt.timedelta(hours=8))).replace(tzinfo=None)
