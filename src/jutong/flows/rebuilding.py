"""A standard dataset whose files are lost and in no backup, made anew from what was given.

1. Every batch that was ever merged into it must still be there, in the lake or in the archive; its raw files whole.
2. What is to be done is written down; archived batches come back into the lake.
3. The dataset gets a new, empty version; what is left of the old one stays as ``<table>__v<n>``.
4. Its batches are refined again in the order they came, by the rules of today; their issues stand already.

A process killed at any instant leaves a rebuild that the next ``jutong repair`` goes on with.  Other datasets are not
concerned; followers of this one are told everything anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jutong.database import named_sql
from jutong.flows.platform import Platform
from jutong.flows.retention import recall_batch
from jutong.refine import refine
from jutong.terms import Conflict, DatasetName, JutongError, Zone

sql = named_sql(__file__, "rebuilding.sql")

_BY = "重建"


@dataclass(frozen=True)
class Rebuilt:
    """Datasets made anew, and why others could not be."""

    datasets: tuple[str, ...]
    left: dict[str, str]


def rebuild(platform: Platform, lost: Sequence[str]) -> Rebuilt:
    """Make these datasets anew where raw rows allow, and go on with what was begun before."""
    with platform.database.connection() as connection:
        begun = [row["dataset"] for row in connection.execute(sql.begun)]
    done: list[str] = []
    left: dict[str, str] = {}
    hurt = {one.dataset for one in platform.store.damaged()}
    for name in sorted({*lost, *begun}):
        try:
            if name not in begun:
                _begin(platform, name, hurt)
            _go_on(platform, name)
            done.append(name)
        except JutongError as problem:
            left[name] = problem.sentence
    return Rebuilt(tuple(done), left)


def _begin(platform: Platform, name: str, hurt: set[str]) -> None:
    """Steps 1 and 2. Raises Conflict ``flows.not_rebuildable``."""
    zone, _, table = name.partition(".")
    if zone != Zone.STANDARD:
        raise Conflict("flows.not_rebuildable", f"{name} 不是由原始行整理来的，重建不了")
    if f"raw.{table}" in hurt:
        raise Conflict("flows.not_rebuildable", f"raw.{table} 自己也有文件坏了，{name} 重建不了")
    with platform.database.connection() as connection:
        batches = [row["id"] for row in connection.execute(sql.merged, {"table": table})]
        gone = connection.execute(sql.destroyed, {"dataset": f"raw.{table}"}).fetchone()
        if gone or not batches:
            why = "有批次已按留存规则销毁" if gone else "没有整理入库过的批次"
            raise Conflict("flows.not_rebuildable", f"{name} 重建不了：{why}")
        connection.execute(sql.begin, {"dataset": name, "batches": batches})


def _go_on(platform: Platform, name: str) -> None:
    """Steps 2 to 4; each may have been done before."""
    raw = DatasetName(Zone.RAW, name.partition(".")[2])
    with platform.database.connection() as connection:
        row = connection.execute(sql.find, {"dataset": name}).fetchone()
        assert row is not None
        away = [one["batch_id"] for one in connection.execute(sql.archived, {"dataset": str(raw)})]
    for batch in away:
        recall_batch(platform, batch, _BY)
    snapshot = platform.store.renew(name, f"renew:{row['id']}")
    with platform.database.connection() as connection:
        connection.execute(sql.hold_again, {"batches": row["batches"], "snapshot": snapshot})
        held = connection.execute(sql.held_again, {"batches": row["batches"]}).fetchall()
    if held:
        ids = [one["id"] for one in held]
        refine(
            ids,
            database=platform.database,
            store=platform.store,
            release=True,
            settings=platform.settings,
        )
    with platform.database.connection() as connection:
        connection.execute(sql.finish, {"id": row["id"]})
