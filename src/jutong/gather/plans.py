"""Plans as rows, their runs, and the runs' logs; when they run is decided in ``timing`` (UC-GATHER-04).

A run that is carried out is held by a lock of the process doing so: whoever gets the lock of a run that is said to be
running knows that its process is gone.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, cast

from jutong.casework import notify
from jutong.database import Connection, Database, named_sql
from jutong.gather.receipts import Batch, problem_kind
from jutong.gather.timing import GatherPlan, Next, Outcome, Standing, after_attempt, checked, ordered
from jutong.terms import BadInput, Conflict, JutongError, NotFound

_sql = named_sql(__file__, "plans.sql")

ENDED = ("done", "partly", "failed", "killed")


@dataclass(frozen=True)
class PlanRun:
    """One row of ``gather_run`` with its plan's label, source and department."""

    id: int
    plan: str
    label: str
    source_name: str
    department_code: str
    run_id: str
    cause: str
    since: str | None
    planned_for: dt.datetime
    state: str
    attempt: int
    turns: int
    retry_at: dt.datetime | None
    job: int | None
    asked_by: str
    asked_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    given: int
    tables: int
    failed: int
    note: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def by_hand(self) -> bool:
        """Asked for by a person: the plan's hours do not hold it up."""
        return self.cause in ("hand", "backfill")


def declare_plans(connection: Connection, plans: Sequence[GatherPlan]) -> None:
    """Save plans; none is removed, and whether one is paused stays.

    Raises BadInput ``gather.bad_plan``, ``gather.plans_in_circle``.
    """
    for plan in plans:
        checked(plan)
        values = {**vars(plan), "tables": list(plan.tables), "after": list(plan.after)}
        unknown = connection.execute(
            _sql.unknown_tables, {"tables": values["tables"], "source": plan.source_name}
        ).fetchall()
        if unknown:
            names = "、".join(row["name"] for row in unknown)
            raise BadInput(
                "gather.bad_plan",
                f"归集计划 {plan.name} 的登记有误：数据源 {plan.source_name} 没有表 {names}",
            )
        connection.execute(_sql.save_plan, values)
    # One may wait for a plan that is declared later; until then it waits.
    ordered(list_plans(connection))


def list_plans(
    connection: Connection, names: Sequence[str] | None = None, *, source: str | None = None
) -> list[GatherPlan]:
    wanted = None if names is None else list(names)
    rows = connection.execute(_sql.plans, {"names": wanted, "source": source})
    return [GatherPlan.from_row(row) for row in rows]


def find_plan(connection: Connection, name: str) -> GatherPlan:
    """Raises NotFound ``gather.no_plan``."""
    found = list_plans(connection, [name])
    if not found:
        raise NotFound("gather.no_plan", f"归集计划 {name} 不存在")
    return found[0]


def pause_plan(connection: Connection, name: str, paused: bool, by: str) -> None:
    """A paused plan begins no run by itself; one under way goes on to its end."""
    find_plan(connection, name)
    connection.execute(_sql.pause, {"name": name, "paused": paused, "by": by})


def standings(connection: Connection) -> dict[str, Standing]:
    rows = connection.execute(_sql.standings)
    return {row["name"]: Standing(row["answered"], row["state"], row["done_at"]) for row in rows}


def ask_run(
    connection: Connection,
    plan: GatherPlan,
    cause: str,
    planned_for: dt.datetime,
    by: str,
    *,
    since: str | None = None,
) -> int:
    """A run that waits for a worker; returns its id. Raises Conflict ``gather.plan_running``."""
    values = {
        "plan": plan.name, "run_id": f"p{planned_for:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", "cause": cause,
        "since": since, "planned_for": planned_for, "retry_at": planned_for, "asked_by": by,
    }  # fmt: skip
    row = connection.execute(_sql.add_run, values).fetchone()
    if row is None:
        raise Conflict("gather.plan_running", f"归集计划 {plan.name} 已有一次没有结束，等它结束再来")
    return int(row["id"])


def ask_by_hand(
    connection: Connection, name: str, by: str, *, backfill: str | None = None, now: dt.datetime | None = None
) -> int:
    """A run somebody wants now, or with ``backfill`` one that reads again from that watermark ("": from the start).

    Raises NotFound ``gather.no_plan``, Conflict ``gather.plan_running``.
    """
    plan, now = find_plan(connection, name), now or dt.datetime.now(dt.UTC)
    cause = "hand" if backfill is None else "backfill"
    return ask_run(connection, plan, cause, now, by, since=backfill or None)


def open_runs(connection: Connection) -> list[PlanRun]:
    return [PlanRun.from_row(row) for row in connection.execute(_sql.open_runs)]


def plan_runs(connection: Connection, plan: str | None = None, limit: int = 50) -> list[PlanRun]:
    """Newest first."""
    rows = connection.execute(_sql.runs, {"plan": plan, "id": None, "limit": limit})
    return [PlanRun.from_row(row) for row in rows]


def newest_runs(connection: Connection) -> dict[str, PlanRun]:
    """The newest run of each plan that has one."""
    return {row["plan"]: PlanRun.from_row(row) for row in connection.execute(_sql.newest_runs)}


def find_run(connection: Connection, run: int) -> PlanRun:
    """Raises NotFound ``gather.no_run``."""
    row = connection.execute(_sql.runs, {"plan": None, "id": run, "limit": 1}).fetchone()
    if row is None:
        raise NotFound("gather.no_run", f"没有第 {run} 次归集")
    return PlanRun.from_row(row)


def give_job(connection: Connection, run: int, job: int) -> None:
    connection.execute(_sql.give_job, {"id": run, "job": job})


@contextmanager
def carrying(database: Database, run: int) -> Iterator[bool]:
    """Hold a run while it is carried out; False when another process does."""
    connection = database.connect(autocommit=True)
    try:
        row = connection.execute(_sql.hold_run, {"id": run}).fetchone()
        yield bool(row and row["held"])
    finally:
        connection.close()


def begin_run(connection: Connection, run: int) -> bool:
    """False when it is no longer waiting."""
    return connection.execute(_sql.begin_run, {"id": run}).fetchone() is not None


def count_run(connection: Connection, run: PlanRun, batches: Sequence[Batch]) -> int:
    """What its tables came to; returns the rows of this run alone, all batches of a captured table counted."""
    failed = [batch for batch in batches if batch.state == "failed"]
    given = sum(batch.given or 0 for batch in run_batches(connection, run.run_id))
    values = {"id": run.id, "given": given, "tables": len(batches), "failed": len(failed)}
    connection.execute(_sql.count_run, values)
    return given


def end_attempt(
    connection: Connection, plan: GatherPlan, run: PlanRun, outcome: Outcome, note: str, now: dt.datetime
) -> Next:
    """What the run becomes is written, logged and, when it ended badly, told to its department and the steward."""
    some = run.tables > run.failed
    following = after_attempt(plan, outcome, now, attempt=run.attempt, turns=run.turns, some=some)
    values = {
        "id": run.id, "state": following.state, "attempted": following.attempted, "retry_at": following.retry_at,
        "note": note,
    }  # fmt: skip
    if connection.execute(_sql.end_attempt, values).fetchone() is None:
        return following  # another process was faster
    level = "info" if outcome == "done" else "over" if following.alarm else "near"
    log(connection, run.id, level, note)
    if following.alarm:
        _alarm(connection, run, note)
    return following


def _alarm(connection: Connection, run: PlanRun, note: str) -> None:
    steward = connection.execute(_sql.steward).fetchone()
    told = {run.department_code} | ({str(steward["code"])} if steward else set())
    for code in sorted(told):
        notify(
            connection, to_department=code, subject=f"归集没有完成：{run.label}",
            body=f"{note}。见 /plans/runs/{run.id}",
        )  # fmt: skip


def gone(connection: Connection, run: PlanRun) -> tuple[Outcome, str] | None:
    """How an open run ended whose process, or whose job, is no more; None while somebody is at it."""
    if run.state == "waiting" and run.job is None:
        return None
    job = connection.execute(_sql.job_of_run, {"job": run.job}).fetchone() if run.job else None
    if job is not None and job["state"] in ("waiting", "running"):
        return None
    held = connection.execute(_sql.hold_run, {"id": run.id}).fetchone()
    if not (held and held["held"]):
        return None
    connection.execute(_sql.let_go_of_run, {"id": run.id})
    if job is not None and job["state"] == "killed":  # out of time or of memory: once more would end alike
        return "timeout", str(job["note"])
    return "died", f"执行进程没有了：{job['note'] if job else '被中止'}"


def kind_of(problem: JutongError) -> Outcome:
    """How a run ends that this stopped."""
    return cast(Outcome, problem_kind(problem))


def ended(batches: Sequence[Batch], given: int) -> tuple[Outcome, str]:
    """How a run ended that gave these batches, and the sentence about it; the most hopeful of its problems decides."""
    problems = [batch.problem for batch in batches if batch.problem]
    if not problems:
        return "done", f"取到 {len(batches)} 张表，{given:,} 行"
    kinds = {problem.get("kind", "refused") for problem in problems}
    outcome = next(kind for kind in ("temporary", "broken", "refused") if kind in kinds)
    told = f"{len(problems)} 张表没有取到：{problems[0].get('sentence')}"
    return cast(Outcome, outcome), told


def log(connection: Connection, run: int, level: str, sentence: str, table: str | None = None) -> None:
    connection.execute(_sql.log, {"run": run, "level": level, "table": table, "sentence": sentence})


def logged(connection: Connection, run: int, limit: int = 200) -> list[dict[str, Any]]:
    """Newest first: at, level, table, sentence."""
    return connection.execute(_sql.logged, {"run": run, "limit": limit}).fetchall()


def run_batches(connection: Connection, run_id: str) -> list[Batch]:
    return [Batch.from_row(row) for row in connection.execute(_sql.run_batches, {"run_id": run_id})]


def run_courses(connection: Connection, tables: Sequence[str]) -> list[dict[str, Any]]:
    """Large tables on their way: table, label, parts (0: not known), landed, given."""
    return connection.execute(_sql.run_courses, {"tables": list(tables)}).fetchall()
