"""Febrl 1–4 by a declaration alone, beside bare Splink: its own comparisons, trained by its own EM, same blocks.

``value`` is the pair F1 over the four sets together; ``sets`` has each set's figures for both.
"""

from __future__ import annotations

import csv
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from bench.measure import Result
from jutong.fuse import Register, evaluate_csv, read_register
from jutong.terms import literal

DATA = Path(__file__).parent / "data" / "febrl"
SETS = {
    "febrl1": ("dataset1",), "febrl2": ("dataset2",), "febrl3": ("dataset3",), "febrl4": ("dataset4a", "dataset4b"),
}  # fmt: skip


def declaration() -> Register:
    return read_register((DATA / "febrl.yaml").read_text(encoding="utf-8"))


def truth_of(names: tuple[str, ...], folder: Path) -> Path:
    """rec-12-org and rec-12-dup-0 are person 12."""
    file = folder / f"{'-'.join(names)}.truth.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["key", "entity"])
        for name in names:
            with (DATA / f"{name}.csv").open(encoding="utf-8") as given:
                writer.writerows([row[0], row[0].split("-")[1]] for row in list(csv.reader(given))[1:])
    return file


def run(rows: int) -> Result:  # noqa: ARG001  the sets are as they are
    sets: dict[str, dict[str, Any]] = {}
    seconds = {"ours": 0.0, "splink": 0.0}
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, files in SETS.items():
            paths = [DATA / f"{file}.csv" for file in files]
            began = time.perf_counter()
            found = evaluate_csv(declaration(), paths, truth_of(files, Path(folder)))
            seconds["ours"] += time.perf_counter() - began
            began = time.perf_counter()
            theirs = bare_splink(paths)
            seconds["splink"] += time.perf_counter() - began
            total += found.records
            sets[name] = {
                "pair_precision": found.pair_precision, "pair_recall": found.pair_recall, "pair_f1": found.pair_f1,
                "cluster_f1": found.cluster_f1, "bare_splink_pair_f1": theirs,
            }  # fmt: skip
    mine = sum(one["pair_f1"] for one in sets.values()) / len(sets)
    peer = sum(one["bare_splink_pair_f1"] for one in sets.values()) / len(sets)
    return Result(
        "febrl",
        total,
        mine,
        "F1/set",
        seconds["ours"],
        None,
        {"bare_splink": peer},
        {"sets": sets, "splink_seconds": seconds["splink"]},
    )


def bare_splink(paths: list[Path]) -> float:
    """Pair F1 of Splink's own way, by its documentation: Jaro-Winkler comparisons, u by sampling, m by EM."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    columns = (
        "given_name",
        "surname",
        "street_number",
        "address_1",
        "suburb",
        "postcode",
        "date_of_birth",
        "soc_sec_id",
    )
    with duckdb.connect() as duck:
        parts = []
        for path in paths:
            given = f"read_csv({literal(str(path))}, all_varchar = true, header = true)"
            heads = [str(row[0]) for row in duck.execute(f"DESCRIBE FROM {given}").fetchall()]
            parts.append(
                "SELECT "
                + ", ".join(f"nullif(trim(\"{head}\"), '') AS {head.strip()}" for head in heads)
                + f" FROM {given}"
            )
        duck.execute(f"CREATE TABLE people AS {' UNION ALL '.join(parts)}")
        blocks = [
            block_on("soc_sec_id"), block_on("date_of_birth"), block_on("given_name", "surname"), block_on("surname", "postcode"),
            block_on("address_1", "street_number"), block_on("given_name", "suburb"),
            block_on("substr(surname, 1, 3)", "substr(given_name, 1, 3)", "postcode"),
        ]  # fmt: skip
        model = SettingsCreator(
            link_type="dedupe_only", unique_id_column_name="rec_id", blocking_rules_to_generate_predictions=blocks,
            comparisons=[cl.JaroWinklerAtThresholds(column, [0.9, 0.75]) for column in columns],
        )  # fmt: skip
        linker = Linker(
            DuckDBAPI(connection=duck).register("people", dataset_display_name="people"),
            model,
            log_level=None,
        )
        linker.training.estimate_probability_two_random_records_match([block_on("soc_sec_id")], recall=0.85)
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for rule in (block_on("date_of_birth"), block_on("postcode", "surname")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        pairs = linker.inference.predict(threshold_match_weight=0, warning_mode="never")
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_weight=0
        )
        row = duck.execute(
            f"WITH c AS (SELECT cluster_id AS found, split_part(rec_id, '-', 2) AS really FROM {clusters.physical_name}), "
            "n AS (SELECT sum(k * (k - 1) / 2) AS n FROM (SELECT count(*) AS k FROM c GROUP BY found, really)), "
            "f AS (SELECT sum(k * (k - 1) / 2) AS n FROM (SELECT count(*) AS k FROM c GROUP BY found)), "
            "r AS (SELECT sum(k * (k - 1) / 2) AS n FROM (SELECT count(*) AS k FROM c GROUP BY really)) "
            "SELECT 2 * n.n / (f.n + r.n) FROM n, f, r"
        ).fetchone()
    return round(float(row[0]), 6) if row else 0.0
