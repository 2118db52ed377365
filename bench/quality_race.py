"""One quality tool over the table ``t`` of one database file; runs in the tools' own environment and knows nothing of ours.

``python quality_race.py TOOL FILE counts|rows < rules.json`` prints {"seconds": …, "counts": {rule: failing rows},
"told": {rule: rows it names}}.  A rule is {name, column, kind: not_null | one_of | sql, values, fails}; ``fails`` is
SQL for a failing row.  Every tool gets the way of its own documentation: its built-in question where it has one, its
custom SQL for the rest.  ``rows`` asks for every failing row by its key, as far as the tool can tell it.
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


#: What a tool found: seconds, failing rows per rule, and rows it named per rule.
Found = tuple[float, dict[str, int], dict[str, int]]
KEY = "no"


def great_expectations(file: Path, rules: Rules, *, rows: bool) -> Found:
    import great_expectations as gx
    from great_expectations import expectations as gxe
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine as Engine

    # It fetches after giving the connection back, which this engine does not survive: the connection is kept.
    kept: dict[int, Any] = {}
    Engine.execute_query = lambda self, query: _connection(kept, self.engine).execute(query)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql("race", connection_string=f"duckdb:///{file}")
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
    complete = {"result_format": "COMPLETE", "unexpected_index_column_names": [KEY]}
    result = definition.run(result_format=complete if rows else "SUMMARY")
    seconds, found, told = time.perf_counter() - began, {}, {}
    for one in result.results:
        if one.exception_info.get("raised_exception") or any(
            isinstance(info, dict) and info.get("raised_exception") for info in one.exception_info.values()
        ):
            raise RuntimeError(str(one.exception_info)[:500])
        value, name = one.result.get("unexpected_count"), one.expectation_config.meta["rule"]
        found[name] = int(one.result["observed_value"] if value is None else value)
        named = one.result.get("unexpected_index_list") or (one.result.get("details") or {}).get(
            "unexpected_rows"
        )
        told[name] = len(named or ())
    return seconds, found, told


def _connection(kept: dict[int, Any], engine: Any) -> Any:
    if id(engine) not in kept:
        kept[id(engine)] = engine.connect()
    return kept[id(engine)]


def soda(file: Path, rules: Rules, *, rows: bool) -> Found:
    import duckdb
    from soda.sampler.sampler import Sampler
    from soda.scan import Scan

    told: dict[str, int] = {}

    class Keys(Sampler):
        """Takes every row it is given, as a user who wants them all would write it."""

        def store_sample(self, sample_context: Any) -> None:
            names = [column.name for column in sample_context.sample.get_schema().columns]
            place = names.index(KEY)
            kept = [row[place] for row in sample_context.sample.get_rows()]
            told[sample_context.check_name] = len(kept)

    with duckdb.connect(str(file), config={"threads": 2}) as connection:
        scan = Scan()
        scan.disable_telemetry()
        scan.add_duckdb_connection(connection)
        scan.set_data_source_name("duckdb")
        scan.add_sodacl_yaml_str(_sodacl(rules, rows=rows))
        if rows:
            scan.sampler = Keys()
        began = time.perf_counter()
        scan.execute()
        seconds = time.perf_counter() - began
        if scan.has_error_logs():
            raise RuntimeError(scan.get_error_logs_text()[:800])
        found = {
            check["name"]: int(check["diagnostics"]["value"]) for check in scan.get_scan_results()["checks"]
        }
    return seconds, found, told


def _sodacl(rules: Rules, *, rows: bool) -> str:
    lines, every = ["checks for t:"], "      samples limit: 100000000"
    for rule in rules:
        if rule["kind"] == "not_null":
            lines += [f"  - missing_count({rule['column']}) = 0:", f"      name: {rule['name']}"]
            lines += [every] if rows else ["      samples limit: 0"]
        elif rows:
            lines += [
                "  - failed rows:",
                f"      name: {rule['name']}",
                f"      fail condition: {rule['fails']}",
                every,
            ]
        else:
            lines += [
                f"  - {rule['key']}_n = 0:",
                f"      name: {rule['name']}",
                f"      {rule['key']}_n expression: count(CASE WHEN {rule['fails']} THEN 1 END)",
            ]
    return "\n".join(lines)


def cuallee(file: Path, rules: Rules, *, rows: bool) -> Found:
    import duckdb
    from cuallee import Check, CheckLevel

    if rows:
        raise RuntimeError("it counts and names no rows")
    connection = duckdb.connect(str(file), config={"threads": 2})
    check = Check(CheckLevel.WARNING, "race", table_name="t")
    for rule in rules:
        if rule["kind"] == "not_null":
            check.is_complete(rule["column"])
        else:
            check.satisfies(rule["column"], f"NOT coalesce(({rule['fails']}), false)")
    began = time.perf_counter()
    answer = check.validate(connection)
    seconds = time.perf_counter() - began
    found = answer.to_dict("records") if hasattr(answer, "to_dict") else answer
    return seconds, {rule["name"]: int(row["violations"]) for rule, row in zip(rules, found, strict=True)}, {}


TOOLS = {one.__name__: one for one in (great_expectations, soda, cuallee)}


def main() -> None:
    tool, file, what = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    seconds, counts, told = TOOLS[tool](file, json.load(sys.stdin), rows=what == "rows")
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "counts": counts, "told": told}))


if __name__ == "__main__":
    main()
