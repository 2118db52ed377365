"""Judging on Spark: a large batch is cleaned and questioned there, the lake commits what came of it (design §7, §11).

Spark reads the batch's rows from the raw snapshot's files by the very plan DuckDB runs, and writes what was judged as
Parquet, which the writer takes as its stage.  Doubled rows, questions across rows, counts and the merge stay with
the lake's own engine in its one transaction: they need what the lake holds, and only keys and faults of the batch.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jutong.refine import judging
from jutong.refine.tasks import Task
from jutong.settings import Settings
from jutong.store import SparkTables, Store, spark_running
from jutong.terms import Unavailable, literal

#: Batches of fewer rows are judged here: a job's start costs more than all of them.
LEAST_ROWS = 4_001


@dataclass(frozen=True)
class Elsewhere:
    """Which batches another engine judges, and where it leaves what it found."""

    settings: Settings
    store: Store
    #: Batches of at least so many rows go there.
    least: int

    def takes(self, task: Task) -> bool:
        """People's own SQL is DuckDB's: what has not been tried on both engines stays here."""
        return task.given >= self.least and not any(rule.kind == "sql" for rule in task.plan.rules)

    @contextmanager
    def judged(self, group: Sequence[Task]) -> Iterator[dict[int, str]]:
        """Place in the group → SELECT of the stage that ``judging.staged_sql`` would make, for those it takes.

        Raises Unavailable ``refine.no_spark`` or ``refine.spark_failed``.
        """
        chosen = {number: task for number, task in enumerate(group) if self.takes(task)}
        if not chosen:
            yield {}
            return
        folder = self.settings.home / "tmp" / f"spark-{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield self._judge(chosen, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _judge(self, tasks: dict[int, Task], folder: Path) -> dict[int, str]:
        try:
            from py4j.protocol import Py4JError  # type: ignore[import-untyped]
            from pyspark.errors import PySparkException
        except ImportError:
            raise Unavailable(
                "refine.no_spark", "没有 Spark：请安装 Python 包 pyspark 与 Java，或将 engine 设为 duckdb"
            ) from None
        memory = self.settings.lake_memory.upper().removesuffix("B").lower()
        snapshot = self.store.snapshot()
        made = {}
        try:
            with spark_running(folder, master=self.settings.engine, memory=memory) as spark:
                tables = SparkTables(spark, folder)
                for number, task in tasks.items():
                    tables.see("raw_rows", self.store.files(task.plan.raw, snapshot))
                    name = f"stage_{number}"
                    tables.keep(name, judging.stage_select(task.plan, task.batch_id, task.day, "raw_rows"))
                    made[number] = f"SELECT * FROM read_parquet({literal(tables.files(name))})"
                    tables.forget(name)
        except (PySparkException, Py4JError) as problem:
            told = str(problem).strip().partition("\n")[0][:200]
            raise Unavailable(
                "refine.spark_failed",
                f"Spark（{self.settings.engine}）没能判定 {len(tasks)} 个批次，批次保持原样待重试：{told}",
            ) from problem
        return made


def elsewhere(settings: Settings | None, store: Store) -> Elsewhere | None:
    """Where large batches are judged when ``engine`` names another engine than DuckDB."""
    return Elsewhere(settings, store, LEAST_ROWS) if settings and settings.engine != "duckdb" else None
