"""The same plans on Spark: it reads the snapshot's Parquet and writes Parquet, the lake commits (design §7, §11)."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from jutong.fuse import golden, matching
from jutong.fuse.computing import compute
from jutong.fuse.declaring import concrete
from jutong.fuse.register import Register
from jutong.fuse.steps import Step, run
from jutong.settings import Settings
from jutong.store import SparkTables, Store, spark_running
from jutong.terms import Unavailable, literal


@dataclass(frozen=True)
class Spark:
    """Spark as an engine of plans."""

    tables: SparkTables

    def run(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if step.sql is None:
                self.tables.forget(step.table)
            else:
                self.tables.keep(step.table, step.sql)

    def some(self, sql: str) -> bool:
        return bool(self.tables.rows(f"{sql} LIMIT 1"))

    def texts(self, sql: str) -> list[str]:
        return [str(row[0]) for row in self.tables.rows(sql)]

    def give(self, name: str, rows: pa.Table) -> None:
        self.tables.give(name, rows)


def compute_on_spark(
    register: Register,
    snapshot: int,
    store: Store,
    duck: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    salt: str,
) -> None:
    """``judged``, ``chosen``, ``residue`` and ``doubtful`` in ``duck``, computed by Spark from the lake's files.

    ``duck`` holds what is small or the control database's: ``held``, ``batch_time``, ``decision``.  Raises
    Unavailable ``fuse.no_spark``.
    """
    folder = settings.home / "tmp" / f"spark-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700, parents=True)
    memory = settings.lake_memory.upper().removesuffix("B").lower()
    try:
        with spark_running(folder, master=settings.engine, memory=memory) as spark:
            tables = SparkTables(spark, folder)
            _give(tables, duck)
            engine = Spark(tables)
            parts = []
            for number, (source, spec) in enumerate(concrete(register, store)):
                tables.see(f"source_{number}", store.files(source.dataset, snapshot))
                parts.append(matching.records_sql(register, source, spec, f"source_{number}"))
            engine.run([Step("incoming", " UNION ALL ".join(parts)), *matching.record_steps(register)])
            compute(register, engine, salt=salt)
            engine.run([Step("weighed_record", golden.judged_sql(register))])
            _take(register, tables, duck)
    except ImportError:
        raise Unavailable(
            "fuse.no_spark", "没有 Spark：请安装 Python 包 pyspark 与 Java，或将 engine 设为 duckdb"
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give(tables: SparkTables, duck: duckdb.DuckDBPyConnection) -> None:
    for name in ("held", "batch_time", "decision", "elsewhere"):
        tables.give(name, duck.execute(f"FROM {name}").to_arrow_table())
    crowded = duck.execute("SELECT block, CAST(value AS BIGINT) AS value FROM crowded").to_arrow_table()
    tables.give("crowded", crowded)


def _take(register: Register, tables: SparkTables, duck: duckdb.DuckDBPyConnection) -> None:
    weighed = golden.digested_sql(register, _parquet(tables, "weighed_record"))
    others = (
        Step(name, f"SELECT * FROM {_parquet(tables, name)}") for name in ("chosen", "residue", "doubtful")
    )
    run(duck, [Step("judged", weighed), *others])


def _parquet(tables: SparkTables, name: str) -> str:
    return f"read_parquet({literal(tables.files(name))})"
