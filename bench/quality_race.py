"""One quality tool over the table ``t`` of one database file; runs in the tools' own environment.

``python quality_race.py TOOL FILE counts|rows < rules.json`` prints {"seconds": …, "counts": {rule: failing rows},
"told": {rule: rows it names}}; asked for rows, it leaves them in ``FILE.TOOL.parquet`` (rule, _row), within the time.
A rule is {key, name, column, kind: not_null | one_of | sql, values}; for kind ``sql`` the database has a macro
``fails_<key>(column)``, true for a failing row.  Every tool gets the way of its own documentation: its built-in
question where it has one, its custom question for the rest.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"
Rules = list[dict[str, Any]]

#: What a tool found: failing rows per rule, and the rows it named per rule.
Found = tuple[dict[str, int], Mapping[str, Sequence[int]]]
#: A row is named by this column, which no rule is about.
KEY = "_row"
_EVERY = 100_000_000


def great_expectations(file: Path, rules: Rules, *, rows: bool) -> Found:
    """Its pandas engine: of those its compatibility reference lists, the one for data in files on one machine.

    The file is read within the time, since the engine holds nothing itself.
    """
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("race").add_dataframe_asset("t")
    batch = asset.add_batch_definition_whole_dataframe("all")
    frame = pd.read_parquet(file.with_suffix(".parquet"))
    return _expected(context, batch, rules, rows, {"dataframe": frame})


def great_expectations_duckdb(file: Path, rules: Rules, *, rows: bool) -> Found:
    """The same on our engine, which is not among those it lists: to see what is the tool's share, and what pandas'."""
    import great_expectations as gx
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine as Engine

    # It fetches after giving the connection back, which this engine does not survive: the connection is kept.
    kept: dict[int, Any] = {}
    Engine.execute_query = lambda self, query: _connection(kept, self.engine).execute(query)
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_sql("race", connection_string=f"duckdb:///{file}")
    batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("all")
    return _expected(context, batch, rules, rows, None)


def _expected(context: Any, batch: Any, rules: Rules, rows: bool, parameters: dict[str, Any] | None) -> Found:
    import great_expectations as gx
    from great_expectations import expectations as gxe

    context.variables.progress_bars = {"globally": False}
    custom = _custom_expectation()
    suite = gx.ExpectationSuite("rules")
    for rule in rules:
        told = {"column": rule["column"], "meta": {"rule": rule["name"]}}
        if rule["kind"] == "not_null":
            suite.add_expectation(gxe.ExpectColumnValuesToNotBeNull(**told))
        elif rule["kind"] == "one_of":
            suite.add_expectation(gxe.ExpectColumnValuesToBeInSet(value_set=rule["values"], **told))
        else:
            suite.add_expectation(custom(question=f"{rule['key']} {rule['name']}", **told))
    context.suites.add(suite)
    definition = gx.ValidationDefinition(data=batch, suite=suite, name="race")
    context.validation_definitions.add(definition)
    complete = {"result_format": "COMPLETE", "unexpected_index_column_names": [KEY]}
    result = definition.run(
        batch_parameters=parameters, result_format=complete if rows else {"result_format": "BASIC"}
    )
    found, named = {}, {}
    for one in result.results:
        if one.exception_info.get("raised_exception") or any(
            isinstance(info, dict) and info.get("raised_exception") for info in one.exception_info.values()
        ):
            raise RuntimeError(str(one.exception_info)[:800])
        name = one.expectation_config.meta["rule"]
        found[name] = int(one.result["unexpected_count"])
        named[name] = [row[KEY] for row in one.result.get("unexpected_index_list") or ()]
    return found, named


def _custom_expectation() -> Any:
    """A question of our own as its documentation has it: a column map expectation with a condition per engine."""
    import sqlalchemy as sa
    from great_expectations.execution_engine import PandasExecutionEngine, SqlAlchemyExecutionEngine
    from great_expectations.expectations.expectation import ColumnMapExpectation
    from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

    class Holds(ColumnMapMetricProvider):
        condition_metric_name = "column_values.race_holds"
        condition_value_keys = ("question",)

        @column_condition_partial(engine=PandasExecutionEngine)
        def _pandas(cls, column: Any, question: str, **_: Any) -> Any:  # noqa: N805  as its decorator wants it
            import quality_pandas

            return ~quality_pandas.failing(question.partition(" ")[2], column)

        @column_condition_partial(engine=SqlAlchemyExecutionEngine)
        def _sqlalchemy(cls, column: Any, question: str, **_: Any) -> Any:  # noqa: N805
            fails = getattr(sa.func, f"fails_{question.partition(' ')[0]}")(column)
            return sa.not_(sa.func.coalesce(fails, sa.literal_column("false")))

    class ExpectColumnValuesToHold(ColumnMapExpectation):
        question: str
        map_metric = "column_values.race_holds"
        success_keys = ("mostly", "question")
        args_keys = ("column", "question")

    return ExpectColumnValuesToHold


def _connection(kept: dict[int, Any], engine: Any) -> Any:
    if id(engine) not in kept:
        kept[id(engine)] = engine.connect()
    return kept[id(engine)]


def soda(file: Path, rules: Rules, *, rows: bool) -> Found:
    import duckdb
    from soda.sampler.sampler import Sampler
    from soda.scan import Scan

    named: dict[str, list[int]] = {}

    class Keys(Sampler):
        """Takes every row it is given, as a user who wants them all would write it."""

        def store_sample(self, sample_context: Any) -> None:
            names = [column.name for column in sample_context.sample.get_schema().columns]
            place = names.index(KEY)
            named[sample_context.check_name] = [row[place] for row in sample_context.sample.get_rows()]

    with duckdb.connect(str(file), config={"threads": 2}) as connection:
        scan = Scan()
        scan.disable_telemetry()
        scan.add_duckdb_connection(connection)
        scan.set_data_source_name("duckdb")
        scan.add_sodacl_yaml_str(_sodacl(rules, rows=rows))
        if rows:
            scan.sampler = Keys()
        scan.execute()
        if scan.has_error_logs():
            raise RuntimeError(scan.get_error_logs_text()[:800])
        found = {
            check["name"]: int(check["diagnostics"]["value"]) for check in scan.get_scan_results()["checks"]
        }
    return found, named


def _sodacl(rules: Rules, *, rows: bool) -> str:
    lines, every = ["checks for t:"], f"      samples limit: {_EVERY}"
    for rule in rules:
        fails = f"fails_{rule['key']}({rule['column']})"
        if rule["kind"] == "not_null":
            lines += [f"  - missing_count({rule['column']}) = 0:", f"      name: {rule['name']}"]
            lines += [every] if rows else ["      samples limit: 0"]
        elif rows:
            lines += [
                "  - failed rows:",
                f"      name: {rule['name']}",
                f"      fail condition: {fails}",
                every,
            ]
        else:
            lines += [
                f"  - {rule['key']}_n = 0:",
                f"      name: {rule['name']}",
                f"      {rule['key']}_n expression: count(CASE WHEN {fails} THEN 1 END)",
            ]
    return "\n".join(lines)


def pointblank(file: Path, rules: Rules, *, rows: bool) -> Found:
    """On our engine through Ibis, as its documentation has database tables; the macros are called as built in."""
    import ibis
    import pointblank as pb

    connection = ibis.duckdb.connect(str(file), read_only=True, threads=2)
    validation = pb.Validate(data=connection.table("t"))
    for rule in rules:
        if rule["kind"] == "not_null":
            validation = validation.col_vals_not_null(columns=rule["column"])
        else:
            fails = ibis.udf.scalar.builtin(_macro(f"fails_{rule['key']}"))
            validation = validation.col_vals_expr(expr=~fails(ibis._[rule["column"]]).fill_null(False))
    validation = validation.interrogate(collect_extracts=rows, extract_limit=_EVERY)
    counts = validation.n_failed()
    found, named = {}, {}
    for step, rule in enumerate(rules, start=1):
        found[rule["name"]] = int(counts[step])
        if rows:
            extract = validation.get_data_extracts(i=step, frame=True)
            named[rule["name"]] = [] if extract is None else _column(extract, KEY)
    connection.disconnect()
    return found, named


def _column(extract: Any, name: str) -> list[int]:
    """A column of an extract, whatever kind of table it is."""
    if hasattr(extract, "to_pyarrow"):
        extract = extract.to_pyarrow()
    values = extract[name]
    return list(values.to_pylist() if hasattr(values, "to_pylist") else values)


def _macro(name: str) -> Any:
    def fails(given: str) -> bool: ...

    fails.__annotations__ = {"given": str, "return": bool}
    fails.__name__ = fails.__qualname__ = name
    return fails


def cuallee(file: Path, rules: Rules, *, rows: bool) -> Found:  # noqa: ARG001  it counts and names no rows
    import duckdb
    from cuallee import Check, CheckLevel

    connection = duckdb.connect(str(file), config={"threads": 2})
    check = Check(CheckLevel.WARNING, "race", table_name="t")
    for rule in rules:
        if rule["kind"] == "not_null":
            check.is_complete(rule["column"])
        else:
            check.satisfies(rule["column"], f"NOT coalesce(fails_{rule['key']}({rule['column']}), false)")
    answer = check.validate(connection)
    found = answer.to_dict("records") if hasattr(answer, "to_dict") else answer
    return {rule["name"]: int(row["violations"]) for rule, row in zip(rules, found, strict=True)}, {}


TOOLS = {
    one.__name__: one for one in (great_expectations, great_expectations_duckdb, soda, pointblank, cuallee)
}
#: What starting a tool imports, so that the time is of its work.
_IMPORTED = {
    "great_expectations": ("great_expectations.expectations", "pandas", "quality_pandas", "pyarrow.parquet"),
    "great_expectations_duckdb": ("great_expectations.expectations", "duckdb_engine", "pyarrow.parquet"),
    "soda": ("soda.scan", "duckdb", "pyarrow.parquet"),
    "pointblank": ("pointblank", "ibis.backends.duckdb", "pyarrow.parquet"),
    "cuallee": ("cuallee", "duckdb"),
}


def _write(named: Mapping[str, Sequence[int]], target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rules = [rule for rule, rows in named.items() for _ in rows]
    keys = [int(row) for rows in named.values() for row in rows]
    pq.write_table(pa.table({"rule": pa.array(rules, pa.string()), KEY: pa.array(keys, pa.int64())}), target)


def main() -> None:
    tool, file, what = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    rules = json.load(sys.stdin)
    for module in _IMPORTED[tool]:
        __import__(module)
    began = time.perf_counter()
    counts, named = TOOLS[tool](file, rules, rows=what == "rows")
    if what == "rows":
        _write(named, file.with_suffix(f".{tool}.parquet"))
    seconds = time.perf_counter() - began
    told = {rule: len(rows) for rule, rows in named.items()}
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "counts": counts, "told": told}))


if __name__ == "__main__":
    main()
