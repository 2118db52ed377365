"""Moving the lake elsewhere, to a bucket or a disk, while the city runs.

1. Every file the catalogue knows is copied and compared; writers go on meanwhile.
2. All writers are made to wait in line; what came since is copied.
3. The settings file and the catalogue's path are changed: whoever opens the lake next, or takes its line, is there.

Nothing is deleted at the old place: a reader may still be at it.  A move that dies is simply made again.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from jutong.settings import Settings, change_setting
from jutong.store.engines import bucket
from jutong.store.engines.duckdb import connect
from jutong.store.lake import OPENING, SQL, Lake
from jutong.store.spec import FENCES
from jutong.terms import BadInput, Broken

#: Called with how many files are there and how many there are.
Tell = Callable[[int, int], None]


def silently(_done: int, _of: int) -> None:
    """No progress to show."""


def move(lake: Lake, settings: Settings, tell: Tell) -> int:
    """Bring the lake to ``settings.lake_folder``, and say so in ``jutong.toml``; returns how many files were copied.

    Raises BadInput ``store.same_place``, Broken ``store.move_differs``.
    """
    origin, target = lake.folder.rstrip("/"), settings.lake_folder.rstrip("/")
    if origin == target:
        raise BadInput("store.same_place", f"数据湖已经在 {target}")
    engine = connect(settings, lake.spill, remote=True)
    try:
        copied = _copy(lake, engine, origin, target, tell)
        with lake.database.connection() as line:
            names = [f"{number:02d}" for number in range(FENCES)]
            line.execute(SQL.lock_datasets, {"names": [*names, "declare"]})
            line.execute("SELECT pg_advisory_xact_lock(%s)", (OPENING,))
            copied += _copy(lake, engine, origin, target, tell)
            change_setting(settings.home, "lake_path", target)
            lake.ask(SQL.lake_moved, path=target + "/")
    finally:
        engine.close()
    return copied


def _copy(lake: Lake, engine: duckdb.DuckDBPyConnection, origin: str, target: str, tell: Tell) -> int:
    there = bucket.listing(engine, target)
    wanted = {name: size for name, size in lake.names() if there.get(name) != size}
    for number, name in enumerate(wanted):
        tell(number, len(wanted))
        bucket.copy(engine, f"{origin}/{name}", f"{target}/{name}")
        if not bucket.same(engine, f"{origin}/{name}", f"{target}/{name}"):
            raise Broken("store.move_differs", f"{name} 在 {target} 读回来与原来不同，迁移没有生效")
    tell(len(wanted), len(wanted))
    return len(wanted)
