"""What arrives by itself: pushes, forms, drop folders, remote folders; taken and then refined."""

from __future__ import annotations

from pathlib import Path

from jutong import gather
from jutong.flows.jobs import ask
from jutong.flows.platform import Platform
from jutong.flows.stages import STAGES, refine_waiting


def take_what_arrived(platform: Platform) -> list[gather.Arrival]:
    """Everything that is whole becomes batches, and these are refined."""
    home = platform.settings.home
    gather.finish_sending(platform.database, home)
    taken = gather.take_dropped(platform.database, platform.store, home, platform.keys)
    taken += gather.take_fetched(platform.database, platform.store, home, platform.keys)
    taken += gather.take_arrivals(platform.database, platform.store, home, platform.keys)
    if any(one.state == "taken" for one in taken):
        refine_waiting(platform)
    return taken


def ask_for_arrivals(platform: Platform) -> None:
    """Queue a job when something waits; the worker's own process takes nothing."""
    with platform.database.connection() as connection:
        gather.forget_stale(connection, platform.settings.home)
        waits = gather.anything_waits(connection) or gather.remote_due(connection)
        sources = [one for one in gather.list_sources(connection) if one.config.get("drop")]
        dropped = any(
            next(
                gather.whole_files(Path(str(one.config["folder"])), gather.find_tables(connection, one.name)),
                None,
            )
            for one in sources
        )
        queued = connection.execute(
            "SELECT 1 FROM job_run WHERE stage = 'arrivals' AND state IN ('waiting', 'running') LIMIT 1"
        ).fetchone()
    if (waits or dropped) and not queued:
        ask(platform.database, "arrivals", "arrival")


STAGES["arrivals"] = lambda platform, _tell: take_what_arrived(platform)
