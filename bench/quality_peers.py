"""Quality tools in the place of our rules: Great Expectations, Soda, pointblank, cuallee, each in a process of its own.

They live in an environment apart (their dependencies would change ours), built once under the user's cache.
A tool that cannot be installed or fails is told as an error, never as a slow one.

Two races.  *The whole job*: from text as it was given to accepted rows and issue rows in files.  A tool neither cleans
nor writes, so it is given what it lacks at the least price we know: one SQL statement that cleans before it, one that
writes the rows it named and one that writes those it did not, all timed once and added to its own time.  *The rules
alone*: cleaned text or text as given, counted or named row by row, beside our own verdicts asked likewise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import duckdb
import pyarrow.compute as pc

from bench.refining_data import ITEMS, rows_sql
from jutong.elements import ELEMENTS, element_of, verdict_sql
from jutong.terms import literal

_PACKAGES = (
    "great-expectations==1.24.1", "soda-core-duckdb==3.3.20", "pointblank[duckdb]==1.1.1", "cuallee==0.15.4",
    "duckdb==1.5.5", "duckdb-engine==0.17.0", "pandas", "pyarrow", "setuptools<80",
)  # fmt: skip
#: Those that read ``t`` where it lies; the first only reads cleaned text from a file.
PANDAS, ON_OURS = "great_expectations", ("great_expectations_duckdb", "soda", "pointblank", "cuallee")
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


def _text_sql() -> str:
    """The items as cleaned text."""
    return ", ".join(
        f"{element_of(str(item['element'])).clean(str(item['name']))} AS {item['name']}" for item in ITEMS
    )


def _fill(given: Path, at: Path, *, cleaned: bool) -> float:
    """A database of the tools' engine with the table ``t`` and a macro per rule, so that no tool has to read the
    SQL through its own quoting; the engine expands macros before it plans.  Returns the seconds cleaning took.

    ``cleaned``: ``t`` holds cleaned text (and lies beside it as Parquet, for the tool that reads files); else it is a
    view that cleans the text as it was given, which is what a tool that cannot clean has to be given.
    """
    with duckdb.connect(str(at), config={"threads": 2}) as connection:
        began = time.perf_counter()
        if cleaned:
            connection.execute(f"CREATE TABLE t AS SELECT _row, {_text_sql()} FROM '{given}'")
        else:
            connection.execute(f"CREATE TABLE given AS FROM '{given}'")
            connection.execute(f"CREATE VIEW t AS SELECT _row, {_text_sql()} FROM given")
        seconds = time.perf_counter() - began
        if cleaned:
            connection.execute(f"COPY t TO '{at.with_suffix('.parquet')}' (FORMAT parquet)")
        for one in rules():
            connection.execute(f"CREATE MACRO fails_{one['key']}({one['column']}) AS ({one['fails']})")
    return seconds


def _by_verdict(told: list[dict[str, Any]]) -> dict[str, str]:
    """Rule → SQL over the verdicts: an item's verdict is the number of its first check that fails."""
    numbered = {
        f"{check.code} {column}": f"f_{column} = {number}"
        for column, element in _BOUND
        for number, check in enumerate(ELEMENTS[element].checks, start=1)
    }
    # What looks at a date looks only at one without another question.
    alone = {"bench.future founded": "f_founded = 0 AND v_founded > DATE '2025-06-01'"}
    return {one["name"]: numbered.get(one["name"], alone.get(one["name"], one["fails"])) for one in told}


def _judged() -> str:
    """The table with each item's value and verdict: the same expressions that refining runs."""
    values = ", ".join(f"{ELEMENTS[element].cast(column)} AS v_{column}" for column, element in _BOUND)
    verdicts = ", ".join(
        f"{verdict_sql(ELEMENTS[element], column, f'v_{column}')} AS f_{column}" for column, element in _BOUND
    )
    return f"SELECT *, {verdicts} FROM (SELECT *, {values} FROM t)"


def _count_only(at: Path) -> tuple[float, dict[str, int]]:
    """Seconds and failing rows per rule by our own verdicts over what the tools count; nothing is written.

    The same database file, an engine started for it alone, one scan.
    """
    asked = _by_verdict(rules())
    counts = ", ".join(f"count(*) FILTER (WHERE {one})" for one in asked.values())
    with duckdb.connect(str(at), read_only=True, config={"threads": 2}) as connection:
        began = time.perf_counter()
        row = connection.execute(f"SELECT {counts} FROM ({_judged()})").fetchone()
        seconds = time.perf_counter() - began
    assert row
    return seconds, {name: int(count) for name, count in zip(asked, row, strict=True)}


def _rows_only(at: Path) -> tuple[float, dict[str, int]]:
    """As ``_count_only``, but every failing row is told: key, rule, value, sentence, in one table in memory."""
    told = rules()
    asked = _by_verdict(told)
    faults = ", ".join(
        f"CASE WHEN {asked[one['name']]} THEN {{'rule': {literal(one['name'])}, 'value': {one['column']}, "
        f"'sentence': {literal('「' + one['column'] + '」' + one['name'])}}} END"
        for one in told
    )
    # One sure question before the dear ones: verdicts are small numbers, so a row without a fault sums to none.
    sums = " + ".join(f"f_{column}" for column, _ in _BOUND)
    others = " OR ".join(f"({asked[one['name']]})" for one in told if asked[one["name"]] == one["fails"])
    some = f"{sums} <> 0 OR v_founded > DATE '2025-06-01' OR {others}"
    query = (
        f"SELECT no, unnest(list_filter([{faults}], lambda x: x IS NOT NULL), recursive := true) "
        f"FROM ({_judged()}) WHERE {some}"
    )
    with duckdb.connect(str(at), read_only=True, config={"threads": 2}) as connection:
        began = time.perf_counter()
        found = connection.execute(query).to_arrow_table()
        seconds = time.perf_counter() - began
    counted = {row["values"]: int(row["counts"]) for row in pc.value_counts(found["rule"]).to_pylist()}
    return seconds, {one["name"]: counted.get(one["name"], 0) for one in told}


@dataclass
class Raced:
    """What the tools did, each by its name."""

    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    #: Rows it named, of those it counted.
    told: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def _race(at: Path, what: str, tools: tuple[str, ...]) -> Raced:
    """The tools over ``t``, asked for ``counts`` or for ``rows``; ``BENCH_QUALITY_TOOLS`` leaves some out, by their names."""
    raced = Raced()
    wanted = os.environ.get("BENCH_QUALITY_TOOLS")
    # It counts and names no rows.
    tools = tuple(tool for tool in tools if what == "counts" or tool != "cuallee")
    tools = tools if wanted is None else tuple(tool for tool in tools if tool in wanted.split(","))
    if not tools:
        return raced
    python = environment()
    asked = json.dumps([{name: one[name] for name in one if name != "fails"} for one in rules()])
    for tool in tools:
        try:
            ran = subprocess.run(
                [str(python), str(Path(__file__).with_name("quality_race.py")), tool, str(at), what],
                input=asked, capture_output=True, text=True, timeout=_LONGEST, check=True,
            )  # fmt: skip
            told = json.loads(ran.stdout.rpartition("\n")[2])
            raced.seconds[tool], raced.counts[tool] = told["seconds"], told["counts"]
            raced.told[tool] = sum(told["told"].values())
        except subprocess.TimeoutExpired:
            raced.problems[tool] = f"not done in {_LONGEST} s"
        except (subprocess.CalledProcessError, ValueError) as problem:
            raced.problems[tool] = str(getattr(problem, "stderr", problem))[-400:]
    return raced


def _written(at: Path, tool: str) -> float:
    """Seconds to write the issue rows a tool named, and the rows it did not reject, read into their types."""
    reject = ", ".join(literal(name) for name in _rejecting())
    named = at.with_suffix(f".{tool}.parquet")
    given = " ".join(f"WHEN {literal(str(item['name']))} THEN {item['name']}" for item in ITEMS)
    values = ", ".join(
        f"{element_of(str(item['element'])).cast(str(item['name']))} AS {item['name']}" for item in ITEMS
    )
    with duckdb.connect(str(at), read_only=True, config={"threads": 2}) as connection:
        began = time.perf_counter()
        connection.execute(
            f"COPY (SELECT t._row, t.no AS key, n.rule, CASE split_part(n.rule, ' ', 2) {given} END AS value FROM '{named}' n "
            f"JOIN t USING (_row)) TO '{at.with_suffix('.issues.parquet')}' (FORMAT parquet)"
        )
        connection.execute(
            f"COPY (SELECT _row, {values} FROM t ANTI JOIN (SELECT _row FROM '{named}' WHERE rule IN ({reject})) USING (_row)) "
            f"TO '{at.with_suffix('.accepted.parquet')}' (FORMAT parquet)"
        )
        return time.perf_counter() - began


def _rejecting() -> set[str]:
    checks = {
        f"{check.code} {column}"
        for column, element in _BOUND
        for check in ELEMENTS[element].checks
        if check.severity == "reject"
    }
    return checks | {"refine.key_missing no", "refine.required uscc", "refine.required name"}


def whole_job(given: Path) -> tuple[dict[str, float], dict[str, dict[str, int]], dict[str, Any]]:
    """Seconds of each tool for the whole job, its failing rows per rule, and what the seconds are made of."""
    at = given.with_name("job.duckdb")
    cleaning = _fill(given, at, cleaned=True)
    raced = _race(at, "rows", (PANDAS, *ON_OURS))
    seconds, parts = {}, {}
    for tool, asking in raced.seconds.items():
        missing = sum(raced.counts[tool].values()) - raced.told[tool]
        if missing:
            raced.problems[tool] = f"{missing} failing rows counted and not named"
            continue
        writing = _written(at, tool)
        seconds[tool] = cleaning + asking + writing
        parts[tool] = {
            "cleaning": round(cleaning, 3),
            "asking": round(asking, 3),
            "writing": round(writing, 3),
        }
    return seconds, raced.counts, {"parts": parts, "rows_told": raced.told, "problems": raced.problems}


def rules_alone(given: Path) -> dict[str, Any]:
    """The rules alone over ``given``, a Parquet file of the text as it was given: the tools and our own verdicts.

    Four settings: cleaned text or text as given, counted or named row by row; of each seconds, ratios (how many times
    faster ours is), rows told, differences, problems.
    """
    extra: dict[str, Any] = {}
    for text in ("cleaned", "given"):
        at = given.with_name(f"{text}.duckdb")
        _fill(given, at, cleaned=text == "cleaned")
        tools = (PANDAS, *ON_OURS) if text == "cleaned" else ON_OURS
        for what, ours in (("counts", _count_only), ("rows", _rows_only)):
            raced = _race(at, what, tools)
            seconds, counted = ours(at)
            extra[f"{text} {what}"] = {
                "seconds": {"jutong": round(seconds, 3), **{name: round(one, 3) for name, one in raced.seconds.items()}},
                "ratios": {name: round(one / seconds, 2) for name, one in raced.seconds.items()},
                "rows_told": {"jutong": sum(counted.values()), **raced.told} if what == "rows" else {},
                "differences": {name: differing(counted, one) for name, one in raced.counts.items()},
                "problems": raced.problems,
            }  # fmt: skip
    return extra


def differing(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, list[int]]:
    """Rules they share whose failing rows differ: [ours, theirs]."""
    return {
        name: [ours.get(name, 0), theirs[name]]
        for name in sorted(theirs)
        if ours.get(name, 0) != theirs[name]
    }


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--job", is_flag=True, help="the whole job alone")
def main(rows: int, job: bool) -> None:
    """The tools without our lake: the whole job, and the rules alone."""
    with tempfile.TemporaryDirectory(prefix="jutong-bench-quality-") as folder:
        given = Path(folder) / "given.parquet"
        duckdb.sql(f"COPY ({rows_sql(0, rows)}) TO '{given}' (FORMAT parquet)")
        seconds, counts, parts = whole_job(given)
        told = {"whole_job": {name: round(one, 3) for name, one in seconds.items()}, **parts}
        told["failing_rows"] = {name: sum(one.values()) for name, one in counts.items()}
        if not job:
            told["rules_alone"] = rules_alone(given)
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
