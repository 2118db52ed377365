"""Spark: for work that has outgrown one machine.  It reads a snapshot's files; the lake alone commits.

Columns are read by field id, the catalogue's defaults stand in for columns younger than a file, rows of later
snapshots and struck-out rows are left out (design §11).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from jutong.store.files import SNAPSHOT_COLUMN, Column, DataFile, Files

#: A pyspark DataFrame or SparkSession; pyspark is an extra and ships no usable types.
Frame = Any
Session = Any


def session(folder: Path, *, master: str, memory: str, options: Mapping[str, str] | None = None) -> Session:
    """A Spark session that reads and writes zoneless values as they stand; ``folder`` takes its spill."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.memory": memory,
        **_driver_address(master),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "Asia/Shanghai",
        "spark.sql.parquet.fieldId.read.enabled": "true",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        **(options or {}),
    }
    builder = SparkSession.builder.appName("jutong").master(master)
    made = reduce(lambda made, each: made.config(*each), settings.items(), builder).getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


def _driver_address(master: str) -> dict[str, str]:
    """Where executors find the driver: on loopback with a master here, else as Spark finds it (SPARK_LOCAL_IP)."""
    if urlsplit(master).hostname in (None, "localhost", "127.0.0.1", "::1"):
        return {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return {}


@contextmanager
def spark_running(folder: Path, *, master: str, memory: str) -> Iterator[Session]:
    """A session for one run: the one that is there, or one that ends with the run."""
    from pyspark.sql import SparkSession

    there = SparkSession.getActiveSession()
    made = there or session(folder, master=master, memory=memory)
    try:
        yield made
    finally:
        if there is None:
            made.stop()


def read(spark: Session, files: Files) -> Frame:
    """The dataset's rows at its snapshot as a Spark DataFrame, items in their order."""
    from pyspark.sql import functions as f

    names = [column.name for column in files.columns]
    if not files.data:
        return spark.createDataFrame([], _schema(files.columns))
    parts = [
        _part(spark, files, group, missing, marked=marked)
        for (missing, marked), group in _by_shape(files.columns, files.data).items()
    ]
    whole = reduce(lambda left, right: left.unionByName(right), parts)
    struck = [file for file in files.data if file.delete_path]
    if struck:
        whole = whole.join(
            f.broadcast(_struck(spark, struck, files.snapshot)), on=["_file", "_place"], how="left_anti"
        )
    return whole.select(*(f.col(_ticked(name)) for name in names))


def _part(
    spark: Session, files: Files, group: Sequence[DataFile], missing: frozenset[int], *, marked: bool
) -> Frame:
    """Files of one shape: the same columns missing, all marked with snapshots or none."""
    from pyspark.sql import functions as f

    frame = spark.read.schema(_schema(files.columns, marked=marked)).parquet(*(file.path for file in group))
    frame = frame.select(
        "*", f.col("_metadata.file_name").alias("_file"), f.col("_metadata.row_index").alias("_place")
    )
    if marked:
        frame = frame.where(f.col(SNAPSHOT_COLUMN) <= files.snapshot).drop(SNAPSHOT_COLUMN)
    for column in files.columns:
        if column.field_id in missing:
            frame = frame.withColumn(column.name, f.lit(column.default).cast(_spark_type(column.type)))
    return frame


def _by_shape(
    columns: Sequence[Column], data: Iterable[DataFile]
) -> dict[tuple[frozenset[int], bool], list[DataFile]]:
    """Files grouped by the columns with a default that they lack (only then are footers read), and marks."""
    defaults = {column.field_id for column in columns if column.default is not None}
    groups = defaultdict(list)
    for file in data:
        missing = frozenset(defaults - _field_ids(file.path)) if defaults else frozenset[int]()
        groups[missing, file.marked].append(file)
    return groups


def _field_ids(path: str) -> set[int]:
    schema = pq.read_schema(path)
    marks = ((field.metadata or {}).get(b"PARQUET:field_id") for field in schema)
    return {int(mark) for mark in marks if mark is not None}


def _struck(spark: Session, files: Sequence[DataFile], snapshot: int) -> Frame:
    """(_file, _place) of every struck-out row; file names are unique in the lake."""
    from pyspark.sql import functions as f

    frames = []
    for marked in (True, False):
        chosen = [file for file in files if file.delete_marked is marked]
        if not chosen:
            continue
        names = spark.createDataFrame(
            [(Path(str(file.delete_path)).name, Path(file.path).name) for file in chosen],
            "_by string, _file string",
        )
        struck = spark.read.parquet(*(file.delete_path for file in chosen))
        if marked:
            struck = struck.where(f.col(SNAPSHOT_COLUMN) <= snapshot)
        struck = struck.select(f.col("_metadata.file_name").alias("_by"), f.col("pos").alias("_place"))
        frames.append(struck.join(f.broadcast(names), on="_by").select("_file", "_place"))
    return reduce(lambda left, right: left.unionByName(right), frames)


def _schema(columns: Sequence[Column], *, marked: bool = False) -> Any:
    from pyspark.sql.types import LongType, StructField, StructType

    fields = [
        StructField(column.name, _spark_type(column.type), True, {"parquet.field.id": column.field_id})
        for column in columns
    ]
    if marked:
        fields.append(StructField(SNAPSHOT_COLUMN, LongType(), True))
    return StructType(fields)


def _spark_type(item_type: str) -> Any:
    from pyspark.sql import types

    if item_type.startswith("decimal"):
        precision, scale = item_type[8:-1].split(",")
        return types.DecimalType(int(precision), int(scale))
    return {
        "text": types.StringType,
        "integer": types.LongType,
        "date": types.DateType,
        "timestamp": types.TimestampNTZType,
        "boolean": types.BooleanType,
    }[item_type]()


def _ticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


class SparkTables:
    """Plan tables of one run: each kept as Parquet in a folder all workers reach, so a lost worker loses no table."""

    def __init__(self, spark: Session, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self._made = 0

    def keep(self, name: str, sql: str) -> None:
        """The SELECT, in DuckDB's dialect, under a name."""
        from jutong.store.engines.dialect import to_spark  # its parser is slow to import

        self._made += 1
        path = str(self.folder / f"{self._made:04d}_{name}")
        self.spark.sql(to_spark(sql)).write.parquet(path)
        self.spark.read.parquet(path).createOrReplaceTempView(name)

    def forget(self, name: str) -> None:
        self.spark.catalog.dropTempView(name)

    def files(self, name: str) -> str:
        """A glob of the Parquet files a table is kept in."""
        folders = sorted(self.folder.glob(f"[0-9][0-9][0-9][0-9]_{name}"))
        return str(folders[-1] / "*.parquet")

    def rows(self, sql: str) -> list[Any]:
        from jutong.store.engines.dialect import to_spark

        found: list[Any] = self.spark.sql(to_spark(sql)).collect()
        return found

    def give(self, name: str, rows: pa.Table) -> None:
        """An Arrow table under a name; zoneless times stay zoneless."""
        self._made += 1
        path = self.folder / f"{self._made:04d}_{name}.parquet"
        pq.write_table(rows, path)
        self.spark.read.parquet(str(path)).createOrReplaceTempView(name)

    def see(self, name: str, files: Files) -> None:
        """A dataset of the lake at its snapshot under a name."""
        read(self.spark, files).createOrReplaceTempView(name)
