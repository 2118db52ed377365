"""The only place where stages follow one another: gather, refine, fuse, model, deliver, count.

Each stage asks what is due and does just that, so any of them may be run again at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from jutong import develop, fuse, gather, refine, share
from jutong.flows.platform import Platform
from jutong.terms import JutongError

#: Called with how much is done, how much there is, and what is being done now.
Progress = Callable[[int, int, str], None]


def quietly(_done: int, _of: int, _what: str) -> None:
    """No progress to show."""


@dataclass(frozen=True)
class Round:
    """What one run of all that was due came to."""

    batches: Sequence[gather.Batch]
    refined: Sequence[refine.Refinement]
    fused: Sequence[fuse.Fused]
    delivered: Sequence[share.Delivered]


def new_run() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")


def gather_sources(
    platform: Platform,
    names: Iterable[str] | None = None,
    *,
    run_id: str | None = None,
    tell: Progress = quietly,
) -> list[gather.Batch]:
    """Take every table of these sources (None: all); a source that fails stops no other."""
    with platform.database.connection() as connection:
        wanted = None if names is None else list(names)
        sources = [one for one in gather.list_sources(connection, wanted) if wanted or one.state == "active"]
        tables = [
            table
            for source in sources
            if not gather.arrives(source)  # what is pushed, filled in or fetched comes as whole files
            for table in gather.find_tables(connection, source.name)
            if table.state == "active"
        ]
    taken = 0

    def told(table: str, _rows: int) -> None:
        nonlocal taken
        taken += 1
        tell(taken, len(tables), table)

    database, store, home = platform.database, platform.store, platform.settings.home
    batches = gather.take_many(
        tables,
        database=database,
        store=store,
        home=home,
        run_id=run_id or new_run(),
        keys=platform.keys,
        tell=told,
    )
    fetched = gather.take_fetched(database, store, home, platform.keys, names=[one.name for one in sources])
    with platform.database.connection() as connection:
        return batches + [
            gather.Batch.from_row(gather.batch(connection, one.batch_id)) for one in fetched if one.batch_id
        ]


def refine_waiting(
    platform: Platform, batches: Sequence[str] | None = None, *, tell: Progress = quietly
) -> list[refine.Refinement]:
    """Refine what has been received and not refined yet, and carry changed standards through.

    Held batches go to their keepers, cases are re-checked.
    """
    refined = refine.refine(
        batches,
        database=platform.database,
        store=platform.store,
        progress=tell,
        settings=platform.settings,
    )
    if batches is None:
        refine.refine_again(database=platform.database, store=platform.store, progress=tell)
    refine.follow_up(platform.database, platform.store, refined)
    return refined


def refine_stale(
    platform: Platform,
    tables: Sequence[str] | None = None,
    *,
    release: bool = False,
    tell: Progress = quietly,
) -> list[refine.Again]:
    """Carry the changed standards of these tables through (None: of all that are stale); cases are re-checked."""
    done = refine.refine_again(
        tables, database=platform.database, store=platform.store, release=release, progress=tell
    )
    refine.recheck(platform.database, platform.store)
    return done


def fuse_all(
    platform: Platform, names: Iterable[str] | None = None, *, tell: Progress = quietly
) -> list[fuse.Fused]:
    """Bring the registers up to their sources."""
    with platform.database.connection() as connection:
        registers = [
            one for one in fuse.list_registers(connection) if names is None or one.name in set(names)
        ]
    done = []
    for number, register in enumerate(registers):
        tell(number, len(registers), register.label)
        done.append(
            fuse.fuse(register, database=platform.database, store=platform.store, settings=platform.settings)
        )
    tell(len(registers), len(registers), "")
    return done


def run_models(platform: Platform, *, tell: Progress = quietly) -> list[develop.ModelRun]:
    """Run every active model over what the registers now hold."""
    with platform.database.connection() as connection:
        models = develop.models(connection)
    done = []
    for number, model in enumerate(models):
        tell(number, len(models), model.label)
        done.append(develop.run_model(platform.database, platform.store, model.name))
    tell(len(models), len(models), "")
    return done


def deliver_all(
    platform: Platform, names: Iterable[str] | None = None, *, tell: Progress = quietly
) -> list[share.Delivered]:
    """Bring receivers up to the lake; one that cannot be reached stops no other, the first problem is raised last."""
    wanted = None if names is None else set(names)
    with platform.database.connection() as connection:
        due = [one for one in share.deliveries(connection) if wanted is None or one.name in wanted]
    stream = platform.ledger.stream("deliver")
    done: list[share.Delivered] = []
    problems: list[JutongError] = []
    try:
        for number, delivery in enumerate(due):
            if delivery.state != "active":
                continue
            tell(number, len(due), delivery.name)
            try:
                rooms = (platform.database, platform.store, stream, platform.keys)
                delivered = share.deliver(*rooms, delivery.name)
                done.append(delivered)
                if delivered.chunks:  # what has arrived is compared at once; a full run lends its own hash
                    share.reconcile(*rooms, delivery.name, done=delivered)
            except JutongError as problem:
                problems.append(problem)
    finally:
        stream.close()
    tell(len(due), len(due), "")
    if problems:
        raise problems[0]
    return done


def reconcile_deliveries(
    platform: Platform,
    names: Iterable[str] | None = None,
    *,
    mend: bool = True,
    cause: Literal["schedule", "person"] = "schedule",
    tell: Progress = quietly,
) -> list[share.Reconciled]:
    """Compare these deliveries, those that are due by default; what cannot be compared is a state, not a failure."""
    with platform.database.connection() as connection:
        due = list(names) if names is not None else share.reconciliations_due(connection)
    done = []
    stream = platform.ledger.stream("reconcile")
    try:
        for number, name in enumerate(due):
            tell(number, len(due), name)
            rooms = (platform.database, platform.store, stream, platform.keys)
            with suppress(JutongError):  # said where the delivery's page shows it
                done.append(share.reconcile(*rooms, name, mend=mend, cause=cause))
    finally:
        stream.close()
    tell(len(due), len(due), "")
    return done


def count(platform: Platform) -> None:
    """Merge the streams and fold what is new into the meters."""
    platform.ledger.sequence()
    share.fold(platform.database, platform.ledger)


def run_round(platform: Platform, tell: Progress = quietly, *, sources: Sequence[str] | None = None) -> Round:
    """Everything that is due, in the order data travels; ``sources`` None: all are gathered."""
    run_id = new_run()
    batches = gather_sources(platform, sources, run_id=run_id, tell=tell)
    refined = refine_waiting(platform, tell=tell)
    fused = fuse_all(platform, tell=tell)
    run_models(platform, tell=tell)
    delivered = deliver_all(platform, tell=tell)
    count(platform)
    return Round(batches, refined, fused, delivered)


def _unplanned(platform: Platform) -> list[str]:
    """Sources that no plan looks after."""
    with platform.database.connection() as connection:
        planned = {plan.source_name for plan in gather.list_plans(connection)}
        sources = gather.list_sources(connection)
    return [one.name for one in sources if one.name not in planned and one.state == "active"]


#: What ``jutong work`` may be asked to run in a child process.
STAGES: dict[str, Callable[[Platform, Progress], object]] = {
    "gather": lambda platform, tell: gather_sources(platform, tell=tell),
    "refine": lambda platform, tell: refine_waiting(platform, tell=tell),
    "again": lambda platform, tell: refine_stale(platform, tell=tell),
    "fuse": lambda platform, tell: fuse_all(platform, tell=tell),
    "model": lambda platform, tell: run_models(platform, tell=tell),
    "deliver": lambda platform, tell: deliver_all(platform, tell=tell),
    "reconcile": lambda platform, tell: reconcile_deliveries(platform, mend=False, tell=tell),
    "extract": lambda platform, tell: share.make_waiting(
        platform.database, platform.store, platform.keys, platform.settings.extracts_folder, tell
    ),
    "round": run_round,
    "night": lambda platform, tell: run_round(platform, tell, sources=_unplanned(platform)),
}
