"""The only place where stages follow one another: gather, refine, fuse, model, deliver, count.

Each stage asks what is due and does just that, so any of them may be run again at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from jutong import develop, fuse, gather, refine, share
from jutong.flows.platform import Platform

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
    platform: Platform, names: Iterable[str] | None = None, *, run_id: str | None = None, tell: Progress = quietly
) -> list[gather.Batch]:
    """Take every table of these sources (None: all); a source that fails stops no other."""
    run_id = run_id or new_run()
    with platform.database.connection() as connection:
        sources = gather.list_sources(connection, None if names is None else list(names))
        tables = {source.name: gather.find_tables(connection, source.name) for source in sources}
    batches: list[gather.Batch] = []
    for done, source in enumerate(sources):
        tell(done, len(sources), source.label)
        batches += gather.take_many(
            tables[source.name],
            database=platform.database,
            store=platform.store,
            home=platform.settings.home,
            run_id=run_id,
            keys=platform.keys,
        )
    tell(len(sources), len(sources), "")
    return batches
