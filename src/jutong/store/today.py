"""The past under today's names: what an instant saw, and what a dataset held then as if its items had always been so."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from jutong.store.ageing import Gap, gap_after, seen_at
from jutong.store.changes import State, state_at
from jutong.store.lake import SQL, Lake
from jutong.store.spec import column_type
from jutong.terms import Conflict, DatasetName, NotFound, quote


def today_sql(lake: Lake, name: DatasetName, table: str, snapshot: int) -> str:
    """``table``, which is the dataset at ``snapshot``, as SQL behind FROM; see ``Reading.as_today``."""
    then = state_at(lake, name, snapshot)
    now = state_at(lake, name, int(lake.ask(SQL.lake_snapshot)[0]["snapshot"]))
    if then is None or now is None:
        raise NotFound("store.no_dataset", f"那时还没有数据集 {name}")
    with lake.database.connection() as control:
        row = control.execute(SQL.find_dataset, {"name": str(name)}).fetchone()
    was = {item: _was(now, then, place, item) for place, (item, _) in now.columns.items()}
    missing = [key for key in (row["keys"] if row else ()) if was.get(key) is None]
    if missing:
        raise Conflict(
            "store.was_other", f"数据集 {name} 那时没有主键 {'、'.join(missing)}，认不出是哪条记录"
        )
    columns = ", ".join(
        f"CAST({quote(old) if (old := was[item]) is not None else 'NULL'} AS {column_type(kind)}) AS {quote(item)}"
        for item, kind in now.columns.values()
    )
    return f"(SELECT {columns} FROM {table})"


def _was(now: State, then: State, place: int, item: str) -> str | None:
    """An item's name at another snapshot: known by its column, or by its name in another version of the dataset."""
    if now.table_id == then.table_id:
        return then.columns[place][0] if place in then.columns else None
    return item if item in then.names else None


def snapshot_at(lake: Lake, instant: dt.datetime) -> int | None:
    """The newest snapshot an instant saw; None before the first.  Where the clock once jumped, see ``seen_at``."""
    row = lake.ask(SQL.lake_snapshot_at, instant=instant)[0]
    if not row["jumped"]:
        return None if row["snapshot"] is None else int(row["snapshot"])
    return seen_at(_times(lake), instant, dt.datetime.now(dt.UTC))


def remembered(lake: Lake, instant: dt.datetime) -> int:
    """See ``Store.remembers``: the newest snapshot up to an instant, unless a newer one was or may have been there.

    A newer one has expired, or bears a time that a wrong clock gave it or its neighbours.
    """
    found = snapshot_at(lake, instant)
    if found is None:
        raise NotFound(
            "store.no_snapshot", f"数据湖没有 {instant:%Y-%m-%d %H:%M} 以前的快照（或已按历史保留规则清理）"
        )
    gap = gap_after(_times(lake), found, instant, dt.datetime.now(dt.UTC))
    if gap is not None and _expired(lake, gap, instant):
        raise NotFound(
            "store.forgotten", f"{instant:%Y-%m-%d %H:%M} 的历史已按保留规则并入更早的快照，说不准当时的记录"
        )
    if gap is None:
        raise NotFound("store.forgotten", f"{instant:%Y-%m-%d %H:%M} 前后服务器时钟有误，说不准当时的记录")
    return found


def _expired(lake: Lake, gap: Gap, instant: dt.datetime) -> bool:
    with lake.database.connection() as control:
        return control.execute(SQL.expired_since, {**asdict(gap), "instant": instant}).fetchone() is not None


def _times(lake: Lake) -> list[tuple[int, dt.datetime]]:
    return [(each["snapshot_id"], each["snapshot_time"]) for each in lake.ask(SQL.lake_times)]
