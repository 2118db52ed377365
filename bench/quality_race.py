"""One quality tool over one Parquet file; runs in the tools' own environment and knows nothing of ours.

``python quality_race.py TOOL FILE < rules.json`` prints {"seconds": …, "counts": {rule: failing rows}}.  A rule is
{name, column, kind: not_null | one_of | sql, values, fails}; ``fails`` is SQL for a failing row.  Every tool gets the
way of its own documentation: its built-in question where it has one, its custom SQL for the rest.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"
Rules = list[dict[str, Any]]


def great_expectations(file: Path, rules: Rules) -> dict[str, int]:
    import great_expectations as gx
    from great_expectations import expectations as gxe
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine as Engine

    # It fetches after giving the connection back, which this engine does not survive: the connection is kept.
    kept: dict[int, Any] = {}
    Engine.execute_query = lambda self, query: _connection(kept, self.engine).execute(query)
    at = f"{file}.duckdb"
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql("race", connection_string=f"duckdb:///{at}")
    batch = source.add_table_asset("t", table_name="t").add_batch_definition_whole_table("all")
    suite = gx.ExpectationSuite("rules")
    for rule in rules:
        meta = {"rule": rule["name"]}
        if rule["kind"] == "not_null":
            suite.add_expectation(gxe.ExpectColumnValuesToNotBeNull(column=rule["column"], meta=meta))
        elif rule["kind"] == "one_of":
            suite.add_expectation(
                gxe.ExpectColumnValuesToBeInSet(column=rule["column"], value_set=rule["values"], meta=meta)
            )
        else:
            query = f"SELECT * FROM {{batch}} WHERE {rule['fails']}"
            suite.add_expectation(gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, meta=meta))
    context.suites.add(suite)
    definition = gx.ValidationDefinition(data=batch, suite=suite, name="race")
    context.validation_definitions.add(definition)
    began = time.perf_counter()
    result = definition.run(result_format="SUMMARY")
    found: dict[str, int] = {"seconds": time.perf_counter() - began}  # type: ignore[dict-item]
    for one in result.results:
        if one.exception_info.get("raised_exception") or any(
            isinstance(info, dict) and info.get("raised_exception") for info in one.exception_info.values()
        ):
            raise RuntimeError(str(one.exception_info)[:500])
        value = one.result.get("unexpected_count")
        found[one.expectation_config.meta["rule"]] = int(
            one.result["observed_value"] if value is None else value
        )
    return found


def _connection(kept: dict[int, Any], engine: Any) -> Any:
    if id(engine) not in kept:
        kept[id(engine)] = engine.connect()
    return kept[id(engine)]


def soda(file: Path, rules: Rules) -> dict[str, int]:
    import duckdb
    from soda.scan import Scan

    lines = ["checks for t:"]
    for rule in rules:
        if rule["kind"] == "not_null":
            lines += [f"  - missing_count({rule['column']}) = 0:", f"      name: {rule['name']}"]
        else:
            lines += [
                f"  - {rule['key']}_n = 0:",
                f"      name: {rule['name']}",
                f"      {rule['key']}_n expression: count(CASE WHEN {rule['fails']} THEN 1 END)",
            ]
    with duckdb.connect(f"{file}.duckdb", config={"threads": 2}) as connection:
        scan = Scan()
        scan.disable_telemetry()
        scan.add_duckdb_connection(connection)
        scan.set_data_source_name("duckdb")
        scan.add_sodacl_yaml_str("\n".join(lines))
        began = time.perf_counter()
        scan.execute()
        found: dict[str, int] = {"seconds": time.perf_counter() - began}  # type: ignore[dict-item]
        if scan.has_error_logs():
            raise RuntimeError(scan.get_error_logs_text()[:800])
        for check in scan.get_scan_results()["checks"]:
            found[check["name"]] = int(check["diagnostics"]["value"])
    return found


def cuallee(file: Path, rules: Rules) -> dict[str, int]:
    import duckdb
    from cuallee import Check, CheckLevel

    connection = duckdb.connect(f"{file}.duckdb", config={"threads": 2})
    check = Check(CheckLevel.WARNING, "race", table_name="t")
    for rule in rules:
        if rule["kind"] == "not_null":
            check.is_complete(rule["column"])
        else:
            check.satisfies(rule["column"], f"NOT coalesce(({rule['fails']}), false)")
    began = time.perf_counter()
    answer = check.validate(connection)
    found: dict[str, int] = {"seconds": time.perf_counter() - began}  # type: ignore[dict-item]
    rows = answer.to_dict("records") if hasattr(answer, "to_dict") else answer
    for rule, row in zip(rules, rows, strict=True):
        found[rule["name"]] = int(row["violations"])
    return found


TOOLS = {one.__name__: one for one in (great_expectations, soda, cuallee)}


def main() -> None:
    tool, file = sys.argv[1], Path(sys.argv[2])
    counts = TOOLS[tool](file, json.load(sys.stdin))
    sys.stdout.write("\n" + json.dumps({"seconds": counts.pop("seconds"), "counts": counts}))


if __name__ == "__main__":
    main()
