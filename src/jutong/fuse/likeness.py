"""Likeness: the residue that no code ties to anything, compared by name, person, address and telephone.

Splink weighs the evidence as Fellegi and Sunter do: each level of agreement adds log2(m/u).  The probabilities
are declared, not trained, so the same rows give the same entities whatever came before and in whatever order.
Only records whose anchor is R or S are *free*; a free anchor goes to the one anchor that is most like it, if it
is like enough and no other comes near.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import duckdb

#: Bits of evidence from which two records are one entity, and by which the best must lead the next best.
THRESHOLD = 6.0
LEAD = 3.0
#: DuckDB's levenshtein counts bytes, and a Chinese character has three.
_ONE_CHARACTER = 3
#: One pair in so many belongs together before anything is known.
_PRIOR = 1 / 1_000_000
_RECORDS, _PAIRS = "likely_record", "likely_pair"


@dataclass(frozen=True)
class Level:
    """One degree of agreement: how often it is met among the same (m) and among different entities (u)."""

    label: str
    sql: str
    m: float
    u: float


def _null(column: str) -> str:
    return f'"{column}_l" IS NULL OR "{column}_r" IS NULL'


COMPARISONS: dict[str, tuple[Level, ...]] = {
    "name": (
        Level("名称相同", '"n_plain_l" = "n_plain_r"', 0.80, 5e-6),
        Level("字号和行业相同", '"n_core_l" = "n_core_r" AND length("n_core_l") >= 3', 0.17, 2e-5),
        Level(
            "字号和行业差一字",
            f'length("n_core_l") >= 4 AND levenshtein("n_core_l", "n_core_r") <= {_ONE_CHARACTER}',
            0.02,
            2e-4,
        ),
        Level("名称不同", "ELSE", 0.01, 0.99),
    ),
    "person": (
        Level("法定代表人相同", '"n_person_l" = "n_person_r"', 0.93, 3e-4),
        Level("法定代表人不同", "ELSE", 0.07, 0.99),
    ),
    "address": (
        Level("住所相同", '"n_address_l" = "n_address_r"', 0.85, 1e-5),
        Level(
            "住所相近",
            f'length("n_address_l") >= 8 AND levenshtein("n_address_l", "n_address_r") <= {_ONE_CHARACTER}',
            0.06,
            1e-3,
        ),
        Level("住所不同", "ELSE", 0.09, 0.99),
    ),
    "phone": (
        Level("电话相同", '"n_phone_l" = "n_phone_r"', 0.70, 1e-5),
        Level("电话不同", "ELSE", 0.30, 0.99),
    ),
}

#: Which free anchors are given to whom, in this order: those with a registration number first, so that a record
#: without any code never comes to stand between two of them.
ADOPTIONS = (("R", "UO"), ("S", "UO"), ("S", "R"))

#: Pairs are only looked at when they agree on one of these, and one of the two is free.
_BLOCKS = (
    ("n_core",),
    ("n_person", "n_address"),
    ("n_phone",),
)


def settings() -> dict[str, Any]:
    """The model as Splink reads it; it can be kept as a file and shown to anyone."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "rid",
        "probability_two_random_records_match": _PRIOR,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f"{_equal(block)} AND (l.free OR r.free)", "sql_dialect": "duckdb"}
            for block in _BLOCKS
        ],
        "comparisons": [_comparison(name, levels) for name, levels in COMPARISONS.items()],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }


def _equal(block: tuple[str, ...]) -> str:
    return " AND ".join(f"l.{column} = r.{column}" for column in block)


def _comparison(name: str, levels: tuple[Level, ...]) -> dict[str, Any]:
    column = {"name": "n_plain", "person": "n_person", "address": "n_address", "phone": "n_phone"}[name]
    null = {"sql_condition": _null(column), "label_for_charts": "缺失", "is_null_level": True}
    return {
        "output_column_name": name,
        "comparison_levels": [null, *(_level(level) for level in levels)],
    }


def _level(level: Level) -> dict[str, Any]:
    return {
        "sql_condition": level.sql,
        "label_for_charts": level.label,
        "m_probability": level.m,
        "u_probability": level.u,
        "fix_m_probability": True,
        "fix_u_probability": True,
    }


def candidate_sqls() -> list[str]:
    """From ``record`` and ``anchored`` to ``likely_record``: the free ones and whoever shares a block with one."""
    shares = " OR ".join(
        f"EXISTS (SELECT 1 FROM free_{number} f WHERE {' AND '.join(f'f.{column} = r.{column}' for column in block)})"
        for number, block in enumerate(_BLOCKS)
    )
    made = [
        f"CREATE TEMP TABLE free_{number} AS SELECT DISTINCT {', '.join(block)} FROM record "
        f"SEMI JOIN (SELECT rid FROM anchored WHERE anchor[1] IN ('R', 'S')) USING (rid)"
        for number, block in enumerate(_BLOCKS)
    ]
    return [
        *made,
        (
            f"CREATE TABLE {_RECORDS} AS SELECT r.rid, a.anchor[1] IN ('R', 'S') AS free, r.n_plain, r.n_core, "
            "r.n_person, r.n_address, r.n_phone FROM record r JOIN anchored a USING (rid) "
            f"WHERE a.anchor[1] IN ('R', 'S') OR {shares}"
        ),
        *(f"DROP TABLE free_{number}" for number in range(len(_BLOCKS))),
    ]


def score(duck: duckdb.DuckDBPyConnection) -> None:
    """Fill ``likely_pair (rid_l, rid_r, weight)`` with the pairs above the threshold."""
    from splink import DuckDBAPI, Linker  # slow to import, needed only when there is a residue

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=duck)
    linker = Linker(api.register(_RECORDS, dataset_display_name="records"), settings(), log_level=None)
    pairs = linker.inference.predict(threshold_match_weight=THRESHOLD, warning_mode="never")
    duck.execute(
        f"CREATE TABLE {_PAIRS} AS SELECT rid_l, rid_r, match_weight AS weight FROM {pairs.physical_name}"
    )
    pairs.drop_table_from_database_and_remove_from_cache()


def adoption_sqls(kind: str, owners: str) -> list[str]:
    """Give every free anchor of one ``kind`` (R or S) to the anchor of ``owners`` (letters) most like it.

    Two anchors that both know a registration number know different ones, or they would be one anchor.  The best
    must lead the next best by LEAD bits, or the anchor stays as it is: a wrong join is worse than a missing one.
    """
    letters = ", ".join(f"'{letter}'" for letter in owners)
    known = "AND b.anchor NOT IN (SELECT anchor FROM knows_reg)" if kind == "R" else ""
    return [
        (
            "CREATE OR REPLACE TEMP TABLE knows_reg AS SELECT DISTINCT a.anchor FROM anchored a "
            "JOIN record r USING (rid) WHERE r.k_reg IS NOT NULL"
        ),
        (
            "CREATE OR REPLACE TEMP TABLE offer AS SELECT a.anchor, b.anchor AS owner, max(p.weight) AS weight FROM ("
            f"SELECT rid_l AS mine, rid_r AS other, weight FROM {_PAIRS} UNION ALL "
            f"SELECT rid_r, rid_l, weight FROM {_PAIRS}) p "
            "JOIN anchored a ON a.rid = p.mine JOIN anchored b ON b.rid = p.other "
            f"WHERE a.anchor[1] = '{kind}' AND b.anchor[1] IN ({letters}) AND a.anchor <> b.anchor {known} GROUP BY 1, 2"
        ),
        (
            "CREATE OR REPLACE TEMP TABLE adopted AS SELECT anchor, min_by(owner, (-weight, owner)) AS owner, "
            "max(weight) AS weight FROM offer GROUP BY 1 "
            f"HAVING len(list(weight)) = 1 OR list_sort(list(weight), 'DESC')[2] <= max(weight) - {LEAD}"
        ),
        (
            "CREATE OR REPLACE TABLE anchored AS SELECT a.rid, coalesce(d.owner, a.anchor) AS anchor, "
            "CASE WHEN d.owner IS NULL THEN a.rule ELSE 'likeness' END AS rule, "
            "coalesce(d.weight, a.weight) AS weight FROM anchored a LEFT JOIN adopted d ON d.anchor = a.anchor"
        ),
    ]


def component_sqls() -> list[str]:
    """Edges between anchors that stayed alone, for clustering: ``loose_node``, ``loose_edge``."""
    return [
        (
            "CREATE OR REPLACE TABLE loose_edge AS SELECT a.anchor AS anchor_l, b.anchor AS anchor_r, "
            f"max(p.weight) AS weight FROM {_PAIRS} p JOIN anchored a ON a.rid = p.rid_l JOIN anchored b ON b.rid = p.rid_r "
            "WHERE a.anchor[1] = 'S' AND b.anchor[1] = 'S' AND a.anchor <> b.anchor GROUP BY 1, 2"
        ),
        (
            "CREATE OR REPLACE TABLE loose_node AS SELECT anchor_l AS anchor FROM loose_edge UNION "
            "SELECT anchor_r FROM loose_edge"
        ),
    ]


def join_components(duck: duckdb.DuckDBPyConnection) -> None:
    """Connected components of what is left: records that know no code at all but are alike."""
    for sql in component_sqls():
        duck.execute(sql)
    row = duck.execute("SELECT count(*) FROM loose_edge").fetchone()
    if not row or not row[0]:
        return
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    api = DuckDBAPI(connection=duck)
    clusters = cluster_pairwise_predictions_at_threshold(
        api.register("loose_node", dataset_display_name="nodes"),
        api.register("loose_edge", dataset_display_name="edges"),
        api,
        "anchor",
        "anchor_l",
        "anchor_r",
    )
    duck.execute(
        "CREATE OR REPLACE TEMP TABLE grouped AS SELECT anchor, min(anchor) OVER (PARTITION BY cluster_id) AS owner "
        f"FROM {clusters.physical_name}"
    )
    duck.execute(
        "CREATE OR REPLACE TABLE anchored AS SELECT a.rid, coalesce(g.owner, a.anchor) AS anchor, "
        "CASE WHEN g.owner IS NULL THEN a.rule ELSE 'likeness' END AS rule, "
        "coalesce(a.weight, e.weight) AS weight FROM anchored a LEFT JOIN grouped g ON g.anchor = a.anchor "
        "LEFT JOIN (SELECT anchor, max(weight) AS weight FROM (SELECT anchor_l AS anchor, weight FROM loose_edge "
        "UNION ALL SELECT anchor_r, weight FROM loose_edge) GROUP BY 1) e ON e.anchor = a.anchor"
    )
    clusters.drop_table_from_database_and_remove_from_cache()
