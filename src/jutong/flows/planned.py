"""归集计划 carried out: what is due is put on the queue, each run in a child process of its own (UC-GATHER-04).

1. Runs whose process is gone get their end; so does every other one, whatever becomes of its process.
2. Ticks that are due become runs; one at a time reads a source.
3. Runs that may begin now are given a job.
4. In the job the tables are taken, then what came is refined; the run's clock ends it when its time or its hours do.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jutong import gather
from jutong.flows.jobs import ask
from jutong.flows.platform import Platform
from jutong.flows.stages import Progress, quietly, refine_waiting
from jutong.terms import JutongError

#: Seconds the worker waits beyond a run's own end before it ends the process itself.
_GRACE = 60
#: What a process that its run's clock ended answers.
_OUT_OF_TIME = 75


def ask_for_plans(platform: Platform, now: dt.datetime | None = None) -> None:
    """Steps 1–3; a second worker doing the same finds the rows taken."""
    with platform.database.connection() as connection:
        row = connection.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('jutong.plans', 0)) AS alone"
        ).fetchone()
        if not (row and row["alone"]):
            return
        plans = {plan.name: plan for plan in gather.list_plans(connection)}
        if not plans:
            return
        now = now or dt.datetime.now(dt.UTC)
        for run in gather.open_runs(connection):  # 1
            ended = gather.gone(connection, run)
            if ended:
                gather.end_attempt(connection, plans[run.plan], run, *ended, now)
        busy = {run.source_name for run in gather.open_runs(connection) if run.retry_at is None or run.job}
        paused = {source.name for source in gather.list_sources(connection) if source.state == "paused"}
        for plan, tick in gather.due(plans.values(), gather.standings(connection), busy | paused, now):  # 2
            cause = "schedule" if plan.cron or plan.every else "after"
            gather.ask_run(connection, plan, cause, tick, "schedule")
        begins: list[tuple[gather.PlanRun, gather.GatherPlan]] = []
        for run in gather.open_runs(connection):
            plan = plans[run.plan]
            if run.state != "waiting" or run.job is not None or run.source_name in busy:
                continue
            if (run.retry_at or now) <= now and (run.by_hand or gather.in_hours(plan, now)):
                busy.add(run.source_name)
                begins.append((run, plan))
    # Only now, for the child looks for its run at once.
    for run, plan in begins:  # 3
        limit = _limit(plan, run, now) + _GRACE
        job = ask(platform.database, "plan", run.asked_by, run=run.id, timeout=limit)
        with platform.database.connection() as connection:
            gather.give_job(connection, run.id, job)


def run_plan(platform: Platform, run_number: int, tell: Progress = quietly) -> gather.PlanRun:
    """Step 4, in this process; returns the run as it stands afterwards."""
    database = platform.database
    with gather.carrying(database, run_number) as ours:
        with database.connection() as connection:
            run = gather.find_run(connection, run_number)
            plan = gather.find_plan(connection, run.plan)
            begun = ours and gather.begin_run(connection, run.id)
        if not begun:
            return run
        with _clock(platform, plan, run):
            outcome, note = _take(platform, plan, run, tell)
        with database.connection() as connection:
            gather.end_attempt(
                connection, plan, gather.find_run(connection, run.id), outcome, note, dt.datetime.now(dt.UTC)
            )
    with database.connection() as connection:
        return gather.find_run(connection, run_number)


def _take(
    platform: Platform, plan: gather.GatherPlan, run: gather.PlanRun, tell: Progress
) -> tuple[gather.Outcome, str]:
    with platform.database.connection() as connection:
        tables = [
            table
            for table in gather.find_tables(connection, plan.source_name)
            if (not plan.tables or table.name in plan.tables) and table.state == "active"
        ]
        again = f"第 {run.attempt + 1} 次尝试，" if run.attempt else ""
        gather.log(connection, run.id, "info", f"{again}开始取 {len(tables)} 张表")
    taken = 0

    def told(table: str, rows: int) -> None:
        nonlocal taken
        taken += 1
        tell(taken, len(tables), table)
        with platform.database.connection() as connection:
            gather.log(connection, run.id, "info", f"取到 {rows:,} 行", table)

    try:
        batches = gather.take_many(
            tables, database=platform.database, store=platform.store, home=platform.settings.home,
            run_id=run.run_id, keys=platform.keys, full=run.cause == "backfill" and run.since is None,
            since=run.since, tell=told,
        )  # fmt: skip
    except JutongError as problem:
        return gather.kind_of(problem), problem.sentence
    with platform.database.connection() as connection:
        given = gather.count_run(connection, run, batches)
        for batch in batches:
            if batch.problem:
                gather.log(connection, run.id, "over", str(batch.problem.get("sentence")), batch.source_table)
    outcome, note = gather.ended(batches, given)
    received = [batch.id for batch in batches if batch.state == "received"]
    if received:
        note = _refine(platform, run, received, note)
    return outcome, note


def _refine(platform: Platform, run: gather.PlanRun, received: Sequence[str], note: str) -> str:
    """What was taken is taken, whatever becomes of it next."""
    try:
        refined = refine_waiting(platform, received)
    except JutongError as problem:
        with platform.database.connection() as connection:
            gather.log(connection, run.id, "over", f"清洗时：{problem.sentence}")
        return note
    accepted = sum(one.accepted for one in refined)
    return f"{note}；清洗通过 {accepted:,} 行"


def _limit(plan: gather.GatherPlan, run: gather.PlanRun, now: dt.datetime) -> int:
    """Seconds this attempt may take: the plan's, or until its hours end."""
    closes = None if run.by_hand else gather.hours_close(plan, now)
    return plan.seconds if closes is None else max(0, min(plan.seconds, int((closes - now).total_seconds())))


@contextmanager
def _clock(platform: Platform, plan: gather.GatherPlan, run: gather.PlanRun) -> Iterator[None]:
    """End this process when the run's time is up; its terminal state is written first."""
    limit = _limit(plan, run, dt.datetime.now(dt.UTC))
    over = threading.Event()

    def watch() -> None:
        if over.wait(limit):
            return
        outcome: gather.Outcome = "timeout" if limit == plan.seconds else "hours"
        note = f"超过 {limit} 秒，已停下" if outcome == "timeout" else "时段已过，停下，下个时段接着取"
        with platform.database.connect() as connection:
            found = gather.find_run(connection, run.id)
            gather.end_attempt(connection, plan, found, outcome, note, dt.datetime.now(dt.UTC))
        os._exit(_OUT_OF_TIME)

    threading.Thread(target=watch, name="run-clock", daemon=True).start()
    try:
        yield
    finally:
        over.set()
