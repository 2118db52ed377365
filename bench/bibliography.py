"""``python -m bench.bibliography DIR``: DBLP-ACM by a declaration alone, beside bare Splink on the same blocking.

``DIR`` holds the public set as it is given out: ``DBLP2.csv``, ``ACM.csv``, ``DBLP-ACM_perfectMapping.csv``.  Splink's
side is its documentation's: Jaro-Winkler comparisons, u by sampling, m by its own EM.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import duckdb

from jutong.fuse import csv_sql, evaluate_csv, read_register

DECLARATION = Path(__file__).parent / "data" / "bibliography" / "bibliography.yaml"
_TOLD = ("pair_precision", "pair_recall", "pair_f1", "cluster_f1", "records", "entities")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    files, truth = [folder / "DBLP2.csv", folder / "ACM.csv"], folder / "DBLP-ACM_perfectMapping.csv"
    began = time.perf_counter()
    found = asdict(evaluate_csv(read_register(DECLARATION.read_text(encoding="utf-8")), files, truth))
    ours = {name: found[name] for name in _TOLD} | {"seconds": round(time.perf_counter() - began, 2)}
    click.echo(json.dumps({"jutong": ours, "bare_splink": bare_splink(files, truth)}, indent=1))


def bare_splink(files: list[Path], truth: Path) -> dict[str, Any]:
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    began = time.perf_counter()
    with duckdb.connect() as duck:
        plain = "trim(lower(regexp_replace({}, '[^A-Za-z0-9]+', ' ', 'g')))".format
        parts = " UNION ALL ".join(
            f'SELECT id, {plain("title")} AS title, {plain("authors")} AS authors, "year" FROM {csv_sql(file)}'
            for file in files
        )
        duck.execute(
            f"CREATE TABLE papers AS SELECT *, left(title, 3) AS title_start, left(authors, 3) AS authors_start FROM ({parts})"
        )
        linker = Linker(
            DuckDBAPI(connection=duck).register("papers", dataset_display_name="papers"),
            SettingsCreator(
                link_type="dedupe_only", unique_id_column_name="id", probability_two_random_records_match=0.0002,
                comparisons=[
                    cl.JaroWinklerAtThresholds("title", [0.97, 0.9, 0.8]),
                    cl.JaroWinklerAtThresholds("authors", [0.97, 0.9, 0.8]), cl.ExactMatch("year"),
                ],
                blocking_rules_to_generate_predictions=[
                    block_on("title"), block_on("authors", "year"), block_on("title_start", "authors_start"),
                    block_on("title_start", "year"),
                ],
            ),
            log_level=None,
        )  # fmt: skip
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in (block_on("title"), block_on("authors", "year")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        pairs = linker.inference.predict(threshold_match_probability=0.5, warning_mode="never")
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=0.5
        )
        row = duck.execute(
            f"WITH found AS (SELECT l.id AS one, r.id AS two FROM {clusters.physical_name} l JOIN {clusters.physical_name} r ON l.cluster_id = r.cluster_id AND l.id < r.id), "
            f"given AS (SELECT least(idDBLP, idACM) AS one, greatest(idDBLP, idACM) AS two FROM {csv_sql(truth)}) "
            "SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM given), "
            "(SELECT count(*) FROM found JOIN given USING (one, two))"
        ).fetchone()
    assert row
    made, real, both = row
    return {
        "pair_precision": round(both / made, 6), "pair_recall": round(both / real, 6),
        "pair_f1": round(2 * both / (made + real), 6), "seconds": round(time.perf_counter() - began, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
