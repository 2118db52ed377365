"""Quality tools on the same rules: Great Expectations, Soda, cuallee, each in a process of its own.

They live in an environment apart (their dependencies would change ours), built once under the user's cache.
A tool that cannot be installed or fails is told as an error, never as a slow one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from jutong.elements import ELEMENTS, verdict_sql

_PACKAGES = (
    "great-expectations==1.24.1", "soda-core-duckdb==3.3.20", "cuallee==0.15.4", "duckdb==1.5.5",
    "duckdb-engine==0.17.0", "pandas", "pyarrow", "setuptools<80",
)  # fmt: skip
TOOLS = ("great_expectations", "soda", "cuallee")
_LONGEST = 1_800
#: Column → element, as the tools are asked about them.
_BOUND = (
    ("uscc", "uscc"), ("name", "legal_name"), ("rep", "person_name"), ("rep_id", "person_id"),
    ("mobile", "mobile"), ("founded", "date"), ("capital", "amount"),
)  # fmt: skip


def environment() -> Path:
    """Its Python; made on first use, or named by ``JUTONG_BENCH_PEERS``."""
    named = os.environ.get("JUTONG_BENCH_PEERS")
    folder = Path(named) if named else Path.home() / ".cache" / "jutong-bench" / "quality"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_PACKAGES], check=True)
    return python


def rules() -> list[dict[str, Any]]:
    """The rules of the table as every tool can ask them: failing rows over cleaned text, one fault a value."""
    found: list[dict[str, Any]] = []
    for column, rule in (
        ("no", "refine.key_missing"),
        ("uscc", "refine.required"),
        ("name", "refine.required"),
    ):
        found.append({"name": f"{rule} {column}", "column": column, "kind": "not_null", "fails": f"{column} IS NULL"})  # fmt: skip
    for column, element in _BOUND:
        known = ELEMENTS[element]
        value = known.cast(column)
        earlier: list[str] = []
        for check in known.checks:
            fails = f"({check.fails(column, f'({value})')})"
            # The first check that fails speaks, so each is asked behind those before it.
            asked = " AND ".join([f"{column} IS NOT NULL", *(f"NOT coalesce({one}, false)" for one in earlier), fails])  # fmt: skip
            earlier.append(fails)
            found.append({"name": f"{check.code} {column}", "column": column, "kind": "sql", "fails": asked})
    values = ["存续", "吊销", "注销", "迁出"]
    listed = ", ".join(f"'{value}'" for value in values)
    found.append({"name": "refine.not_in_list status", "column": "status", "kind": "one_of", "values": values,
                  "fails": f"status NOT IN ({listed})"})  # fmt: skip
    future = f"{ELEMENTS['date'].cast('founded')} > DATE '2025-06-01'"
    found.append({"name": "bench.future founded", "column": "founded", "kind": "sql", "fails": future})
    return [{**one, "key": f"r{place}"} for place, one in enumerate(found)]


def _fill(clean: Path, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A database of the tools' engine with the table ``t`` and a macro per rule, so that no tool has to read the
    SQL through its own quoting; the engine expands macros before it plans."""
    told = []
    with duckdb.connect(f"{clean}.duckdb") as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{clean}'")
        for one in asked:
            connection.execute(f"CREATE MACRO fails_{one['key']}({one['column']}) AS ({one['fails']})")
            told.append({**one, "fails": f"fails_{one['key']}({one['column']})"})
    return told


def count_only(clean: Path) -> tuple[float, dict[str, int]]:
    """Seconds and failing rows per rule by our own verdicts over what the tools count: no cleaning, nothing written.

    The same database file, an engine started for it alone, one scan: an item's verdict is the number of its first
    check that fails, so the rules of one item are one question.
    """
    told = rules()
    by_verdict = {
        f"{check.code} {column}": f"f_{column} = {number}"
        for column, element in _BOUND
        for number, check in enumerate(ELEMENTS[element].checks, start=1)
    }
    # What looks at a date looks only at one without another question.
    alone = {"bench.future founded": "f_founded = 0 AND v_founded > DATE '2025-06-01'"}
    asked = [by_verdict.get(one["name"], alone.get(one["name"], one["fails"])) for one in told]
    values = ", ".join(f"{ELEMENTS[element].cast(column)} AS v_{column}" for column, element in _BOUND)
    verdicts = ", ".join(
        f"{verdict_sql(ELEMENTS[element], column, f'v_{column}')} AS f_{column}" for column, element in _BOUND
    )
    counts = ", ".join(f"count(*) FILTER (WHERE {one})" for one in asked)
    with duckdb.connect(f"{clean}.duckdb", read_only=True) as connection:
        began = time.perf_counter()
        row = connection.execute(
            f"SELECT {counts} FROM (SELECT *, {verdicts} FROM (SELECT *, {values} FROM t))"
        ).fetchone()
        seconds = time.perf_counter() - began
    assert row
    return seconds, {one["name"]: int(count) for one, count in zip(told, row, strict=True)}


def race(clean: Path) -> tuple[dict[str, float], dict[str, dict[str, int]], dict[str, str]]:
    """Seconds and failing rows per rule of each tool over the cleaned text, and what stopped the others."""
    asked = json.dumps(_fill(clean, rules()))
    seconds: dict[str, float] = {}
    counts: dict[str, dict[str, int]] = {}
    problems: dict[str, str] = {}
    python = environment()
    for tool in TOOLS:
        try:
            ran = subprocess.run(
                [str(python), str(Path(__file__).with_name("quality_race.py")), tool, str(clean)],
                input=asked, capture_output=True, text=True, timeout=_LONGEST, check=True,
            )  # fmt: skip
            told = json.loads(ran.stdout.rpartition("\n")[2])
            seconds[tool], counts[tool] = told["seconds"], told["counts"]
        except subprocess.TimeoutExpired:
            problems[tool] = f"not done in {_LONGEST} s"
        except (subprocess.CalledProcessError, ValueError) as problem:
            problems[tool] = str(getattr(problem, "stderr", problem))[-400:]
    return seconds, counts, problems
