"""How good a register is, measured against the sample city's truth. Nothing else in the pipeline reads the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from jutong.database import Database
from jutong.fuse.register import find_register
from jutong.store import Store
from jutong.terms import BadInput, literal


@dataclass(frozen=True)
class Evaluation:
    """Pairs of records that belong together: found rightly, found at all; clusters found exactly."""

    pair_precision: float
    pair_recall: float
    pair_f1: float
    cluster_f1: float
    records: int
    entities: int


def evaluate(register: str, truth: Path, *, database: Database, store: Store) -> Evaluation:
    """Compare memberships with ``*.entities.parquet`` below ``truth`` (source_table, key, entity, rejected).

    Records the truth calls rejected are left out, for they never reach the register; a record that should be
    there and is not counts as missed.  Raises BadInput ``fuse.no_truth``.
    """
    if not any(truth.rglob("*.entities.parquet")):
        raise BadInput("fuse.no_truth", f"{truth} 里没有真值文件（*.entities.parquet）")
    with database.connection() as connection:
        declared = find_register(connection, register)
    with store.reading() as view:
        members = view.arrow(f"SELECT dataset, source_key, entity FROM {view.table(declared.members)}")
    with duckdb.connect() as duck:
        duck.register("members", members)
        duck.execute(
            "CREATE TABLE compared AS SELECT t.entity AS really, m.entity AS found FROM ("
            "SELECT 'standard.' || source_table AS dataset, key, arg_max(entity, round) AS entity "
            f"FROM read_parquet({literal(str(truth / '**' / '*.entities.parquet'))}) "
            "GROUP BY 1, 2 HAVING NOT bool_and(rejected)) t "
            "LEFT JOIN members m ON m.dataset = t.dataset AND m.source_key = t.key "
            "WHERE t.dataset IN (SELECT DISTINCT dataset FROM members)"
        )
        return _evaluation(duck)


def _evaluation(duck: duckdb.DuckDBPyConnection) -> Evaluation:
    both, found, really = (
        _number(
            duck,
            f"SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM compared {where} GROUP BY {by})",
        )
        for by, where in (
            ("found, really", "WHERE found IS NOT NULL"),
            ("found", "WHERE found IS NOT NULL"),
            ("really", ""),
        )
    )
    clusters = _number(duck, "SELECT count(DISTINCT found) FROM compared")
    entities = _number(duck, "SELECT count(DISTINCT really) FROM compared")
    exact = _number(
        duck,
        "SELECT count(*) FROM (SELECT found FROM compared WHERE found IS NOT NULL GROUP BY found "
        "HAVING count(DISTINCT really) = 1 AND count(*) = "
        "(SELECT count(*) FROM compared c WHERE c.really = min(compared.really)))",
    )
    precision = both / found if found else 1.0
    recall = both / really if really else 1.0
    cluster_f1 = 2 * exact / (clusters + entities) if clusters + entities else 1.0
    return Evaluation(
        round(precision, 6), round(recall, 6), round(2 * both / (found + really), 6) if found + really else 1.0,
        round(cluster_f1, 6), int(_number(duck, "SELECT count(*) FROM compared")), int(entities),
    )  # fmt: skip


def _number(duck: duckdb.DuckDBPyConnection, sql: str) -> float:
    row = duck.execute(sql).fetchone()
    return float(row[0]) if row else 0.0
