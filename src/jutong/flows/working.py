"""The work process: jobs in children, and the small loops that keep evidence, counts and clocks current."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from jutong import casework, catalogue, gather, share
from jutong.database import named_sql
from jutong.flows.arriving import ask_for_arrivals
from jutong.flows.housekeeping import ask_for_housekeeping, keep_house
from jutong.flows.jobs import arguments_of, ask, report, work
from jutong.flows.planned import ask_for_plans, run_plan
from jutong.flows.platform import Platform
from jutong.flows.purging import ask_for_purges, work_off_purges
from jutong.flows.stages import STAGES, count, reconcile_deliveries
from jutong.ledger import keep_heads
from jutong.people import tidy
from jutong.terms import JutongError, NotFound

sql = named_sql(__file__)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loop:
    """Something small done again and again; ``seconds`` between the end of one and the start of the next."""

    name: str
    seconds: float
    step: Callable[[Platform], object]


def _heads(platform: Platform) -> None:
    with platform.database.connection() as connection:
        keep_heads(connection, platform.ledger)


def _clocks(platform: Platform) -> None:
    with platform.database.connection() as connection:
        now = dt.datetime.now(dt.UTC)
        # An override row of the calendar moves due days before anybody is told he is late.
        casework.recompute_clocks(connection)
        casework.escalate_overdue(connection, now)
        share.expire_grants(connection)
        share.retire_ended(connection)
        for entry in connection.execute(sql.republished_since_granted).fetchall():
            share.tighten_grants(connection, entry["id"])
        tidy(connection, now=now)
    share.sweep_extracts(platform.database, platform.settings.extracts_folder, now=now)


def _uses(platform: Platform) -> None:
    with platform.database.connection() as connection:
        rows = connection.execute(sql.uses_by_entry).fetchall()
        catalogue.count_uses(connection, {row["entry"]: row["uses"] for row in rows})


def _reconciling(platform: Platform) -> None:
    """Put 对账 on the queue when a delivery's time has come and none waits or runs."""
    with platform.database.connection() as connection:
        due = share.reconciliations_due(connection)
        under_way = connection.execute(sql.stage_open, {"stage": "reconcile"}).fetchone()
    if due and not under_way:
        ask(platform.database, "reconcile", "schedule")


def _files(platform: Platform) -> None:
    """Put the making of a file on the queue when one waits and nobody makes any; a job makes one, the next is asked for
    when it has ended, so that other work comes in between."""
    with platform.database.connection() as connection:
        wanted = share.anything_to_make(connection)
        under_way = connection.execute(sql.stage_open, {"stage": "extract"}).fetchone()
    if wanted and not under_way:
        ask(platform.database, "extract", "schedule")


_LOOPS = (
    # Within 5 s all streams are one log (design §7); the figures follow at the same pace.
    _Loop("heads", 5.0, _heads),
    _Loop("count", 3.0, count),
    _Loop("clocks", 30.0, _clocks),
    _Loop("uses", 600.0, _uses),
    _Loop("housekeeping", 60.0, ask_for_housekeeping),
    _Loop("reconcile", 60.0, _reconciling),
    _Loop("files", 2.0, _files),
    _Loop("arrivals", 5.0, ask_for_arrivals),
    _Loop("plans", 3.0, ask_for_plans),
    _Loop("purges", 10.0, ask_for_purges),
)


def run_worker(platform: Platform) -> None:
    """Until SIGINT or SIGTERM; a loop that fails says so and goes on, for its next turn may succeed."""
    gather.recover(platform.database, platform.store)
    stop = threading.Event()
    threads = [
        threading.Thread(target=_run, args=(loop, platform, stop), name=loop.name, daemon=True)
        for loop in _LOOPS
    ]
    for thread in threads:
        thread.start()
    try:
        work(platform.settings, platform.database)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5)


def _run(loop: _Loop, platform: Platform, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            loop.step(platform)
        except JutongError as problem:
            log.warning("%s: %s", loop.name, problem)
        except Exception:
            log.exception("%s", loop.name)
        stop.wait(loop.seconds)


def run_stage(platform: Platform, name: str, job: int | None) -> None:
    """One stage in this process; with ``job`` its progress is written to ``job_run``, at most twice a second.

    Raises NotFound ``flows.no_stage``.
    """
    stages = {**STAGES, "housekeeping": keep_house, "purge": work_off_purges}
    if job is not None:  # a run of a plan is known by its job
        run = arguments_of(platform.database, job).get("run", 0)
        stages["plan"] = lambda platform, tell: run_plan(platform, int(run), tell)
        asked = arguments_of(platform.database, job)
        if "delivery" in asked:  # somebody asked for one, on its page
            stages["reconcile"] = lambda platform, tell: reconcile_deliveries(
                platform, [asked["delivery"]], mend=bool(asked.get("mend")), cause="person", tell=tell
            )
    if name not in stages:
        raise NotFound("flows.no_stage", f"没有环节 {name!r}：{'、'.join(stages)}")
    told = 0.0

    def tell(done: int, of: int, what: str) -> None:
        nonlocal told
        if job is not None and time.monotonic() - told > 0.5:
            told = time.monotonic()
            report(platform.database, job, done / of if of else 0.0, what)

    stages[name](platform, tell)
