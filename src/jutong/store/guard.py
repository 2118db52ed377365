"""SQL written by people, kept away from everything but the rows granted to them (design §11).

Custom rules, services, models and the workbench let people write SQL.  Through a connection that has the lake
attached such SQL could read and write the control database, so it never sees one:

1. It is parsed once: one query, of known node kinds, over granted views, calling allow-listed functions.
   What runs later is the text generated from that tree, never the text that was given.
2. Exactly the granted, masked columns of the granted rows are written to Parquet in a scratch folder.
3. A child process without network runs it over those files: external access off, configuration locked,
   bounded in time, memory, spill and rows.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from jutong.store.lake import Lake
from jutong.store.reading import Reading, reading
from jutong.store.spec import as_name, column_type
from jutong.terms import BadInput, DatasetName, Item, literal, quote


@dataclass(frozen=True)
class View:
    """What one name in the person's SQL stands for.

    ``masks``: item → trusted SQL expression that replaces it.  ``row_filter``: list of
    ``{item, op 'eq'|'in'|'prefix', value}`` joined by AND, over the unmasked items.
    """

    dataset: DatasetName | str
    columns: tuple[str, ...]
    masks: Mapping[str, str] = field(default_factory=dict)
    row_filter: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Bounds:
    """``seconds`` by the clock; ``cpu_seconds`` of the processor, None: the clock alone counts."""

    seconds: float = 30.0
    memory_mb: int = 1024
    spill_mb: int = 2048
    rows: int = 100_000
    cpu_seconds: int | None = None


def checked_sql(sql: str, views: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Parse once; returns the SQL to run and the views it names.

    Raises BadInput ``store.sql_unreadable`` (no SQL), ``store.sql_refused`` (SQL we do not run for people).
    """
    from jutong.store.allowed import checked  # its parser is slow to import, needed only for people's SQL

    return checked(sql, views)


def people_sql(lake: Lake, sql: str, views: Mapping[str, View], bounds: Bounds | None = None) -> pa.Table:
    """Run a person's query over the views granted to them, on the newest snapshot.

    Raises BadInput ``store.sql_unreadable``, ``store.sql_refused``, ``store.sql_failed`` (the engine's words),
    ``store.sql_too_long`` (time), ``store.sql_too_large`` (memory), ``store.sql_too_many_rows``.
    """
    bounds = bounds or Bounds()
    text, used = checked_sql(sql, list(views))
    scratch = lake.settings.home / "tmp" / f"people-{os.getpid()}-{secrets.token_hex(6)}"
    (scratch / "data").mkdir(mode=0o700, parents=True)
    try:
        with reading(lake, None) as view:
            for number, name in enumerate(used):
                view.copy(export_sql(view, views[name]), scratch / "data" / f"{number}.parquet")
        files = {name: f"{number}.parquet" for number, name in enumerate(used)}
        return _run(scratch, text, files, bounds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def described_sql(sql: str, views: Mapping[str, Sequence[Item]], bounds: Bounds | None = None) -> pa.Schema:
    """The columns a person's query gives, worked out by running it, as ``people_sql`` does, over tables without rows.

    ``views``: what each name has for columns.  Raises what ``people_sql`` raises.
    """
    text, used = checked_sql(sql, list(views))
    with tempfile.TemporaryDirectory(prefix="jutong-sql-") as folder, duckdb.connect() as duck:
        scratch = Path(folder)
        (scratch / "data").mkdir(mode=0o700)
        for number, name in enumerate(used):
            columns = ", ".join(
                f"CAST(NULL AS {column_type(item.type)}) AS {quote(item.name)}" for item in views[name]
            )
            file = literal(str(scratch / "data" / f"{number}.parquet"))
            duck.execute(f"COPY (SELECT {columns} WHERE false) TO {file} (FORMAT parquet)")
        files = {name: f"{number}.parquet" for number, name in enumerate(used)}
        # Tables without rows take no work: what the clock shows is how busy the machine is, not what the query costs.
        bounds = bounds or Bounds(seconds=30.0, cpu_seconds=10, memory_mb=256, spill_mb=64)
        return _run(scratch, text, files, bounds).schema


def export_sql(reading: Reading, view: View) -> str:
    """The SELECT of exactly the granted, masked columns of the granted rows."""
    columns = ", ".join(
        f"{view.masks[name]} AS {quote(name)}" if name in view.masks else quote(name) for name in view.columns
    )
    return f"SELECT {columns} FROM {reading.table(as_name(view.dataset))} WHERE {filter_sql(view.row_filter)}"


def filter_sql(row_filter: Sequence[Mapping[str, Any]]) -> str:
    """The one meaning of a row filter, as SQL; raises BadInput ``store.bad_filter``."""
    conditions = []
    for each in row_filter:
        item, value = quote(each["item"]), each["value"]
        if each["op"] == "eq":
            conditions.append(f"{item} = {literal(value)}")
        elif each["op"] == "in" and isinstance(value, list | tuple):
            conditions.append(f"{item} IN ({', '.join(literal(one) for one in value) or 'NULL'})")
        elif each["op"] == "prefix":
            conditions.append(f"starts_with({item}, {literal(str(value))})")
        else:
            raise BadInput("store.bad_filter", f"行筛选条件不对：{dict(each)}")
    return " AND ".join(conditions) or "true"


def _run(scratch: Path, sql: str, files: Mapping[str, str], bounds: Bounds) -> pa.Table:
    order = {
        "sql": sql, "views": files, "memory_mb": bounds.memory_mb, "spill_mb": bounds.spill_mb,
        "rows": bounds.rows, "seconds": bounds.seconds,
        "cpu_seconds": bounds.cpu_seconds or 2 * int(bounds.seconds) + 5,
    }  # fmt: skip
    child = subprocess.Popen(
        [*_without_network(), sys.executable, "-I", str(Path(__file__).with_name("guard_child.py"))],
        cwd=scratch, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        said, _ = child.communicate(json.dumps(order).encode(), timeout=bounds.seconds + 2)
    except subprocess.TimeoutExpired:
        raise BadInput("store.sql_too_long", f"查询超过 {bounds.seconds:g} 秒，已停止") from None
    finally:
        _end(child)
    return _answer(scratch, child.returncode, said, bounds)


def _answer(scratch: Path, code: int | None, said: bytes, bounds: Bounds) -> pa.Table:
    if code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        raise BadInput("store.sql_too_long", f"查询超过 {bounds.cpu_seconds or bounds.seconds:g} 秒，已停止")
    try:
        verdict = json.loads(said)
    except ValueError:
        raise BadInput("store.sql_too_large", f"查询超出 {bounds.memory_mb} MB 内存，已停止") from None
    if verdict["ok"]:
        with pa.memory_map(str(scratch / "answer.arrow")) as file:
            return pa.ipc.open_file(pa.BufferReader(file.read_buffer())).read_all()
    sentences = {
        "store.sql_too_long": f"查询超过 {bounds.seconds:g} 秒，已停止",
        "store.sql_too_large": f"查询超出 {bounds.memory_mb} MB 内存或临时空间，已停止",
        "store.sql_too_many_rows": f"结果超过 {bounds.rows} 行：请加条件或 LIMIT",
    }
    words = str(verdict.get("words", "")).replace(str(scratch), "…")
    raise BadInput(verdict["code"], sentences.get(verdict["code"], f"查询没有成功：{words}"))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole process group; nothing a person wrote outlives its bounds."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


@functools.cache
def _without_network() -> tuple[str, ...]:
    """The words that start a program in a network namespace of its own, where the machine allows it."""
    words = ("unshare", "-n", "--") if os.getuid() == 0 else ("unshare", "-r", "-n", "--")
    if shutil.which("unshare") is None:
        return ()
    works = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if works else ()
