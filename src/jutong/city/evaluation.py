"""How well the platform found what was seeded: its batches and issues against ``DIR/truth``. Evaluation only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from jutong.city.truth import truth
from jutong.database import Database
from jutong.store import Store
from jutong.terms import DatasetName, Zone, quote

#: Batches in the order a table's rounds were delivered.
_BATCHES = """
    SELECT b.id, b.source_table, b.given, r.accepted, r.rejected, r.duplicates,
           row_number() OVER (PARTITION BY b.source_table ORDER BY b.received_at, b.id) AS place
    FROM batch b JOIN refinement r ON r.batch_id = b.id WHERE b.state <> 'failed'
"""
#: What should have been said, and what was. A row without its key cannot be named by it.
_COMPARED = """
    CREATE TABLE compared AS
    WITH rounds AS (
        SELECT source_table, round, row_number() OVER (PARTITION BY source_table ORDER BY round) AS place FROM true_rows
    ), expected AS (
        SELECT b.id AS batch, CASE e.rule WHEN 'refine.key_missing' THEN '' ELSE e.key END AS key, e.item,
               CASE e.outcome WHEN 'duplicate' THEN 'duplicate' ELSE e.rule END AS rule, e.kind, count(*) AS n
        FROM true_errors e JOIN rounds r USING (source_table, round)
        JOIN batches b ON b.source_table = e.source_table AND b.place = r.place
        WHERE e.outcome <> 'clean' GROUP BY ALL
    ), wanted AS (
        SELECT batch, key, item, rule, sum(n) AS n, min(kind) AS kind FROM expected GROUP BY batch, key, item, rule
    ), found AS (
        SELECT batch, CASE rule WHEN 'refine.key_missing' THEN '' ELSE key END AS key, item,
               CASE WHEN rule LIKE 'refine.duplicate%' THEN 'duplicate' ELSE rule END AS rule, count(*) AS n
        FROM issues GROUP BY ALL
    )
    SELECT batch, key, item, rule, w.kind, coalesce(w.n, 0) AS wanted, coalesce(f.n, 0) AS found
    FROM wanted w FULL JOIN found f USING (batch, key, item, rule)
"""
_UNCONSERVED = """
    WITH rounds AS (
        SELECT *, row_number() OVER (PARTITION BY source_table ORDER BY round) AS place FROM true_rows
    )
    SELECT b.id, r.rows_given, b.given, b.accepted, b.rejected, b.duplicates
    FROM batches b JOIN rounds r USING (source_table, place)
    WHERE b.given <> r.rows_given OR b.given <> b.accepted + b.rejected + b.duplicates
"""


@dataclass(frozen=True)
class Score:
    """Issues as they should be against those that were raised: right row, right item, right rule."""

    expected: int
    found: int
    right: int
    #: (kind or rule, item, expected, found) of what differs most, for a person to look at.
    differing: tuple[tuple[str, str, int, int], ...]
    #: Kind of dirt → (expected, found, right); what was found beside the seeded dirt stands under its rule.
    kinds: dict[str, tuple[int, int, int]]
    #: Batches whose rows do not add up, or are not those that were written.
    unconserved: tuple[tuple[str, int, int, int, int, int], ...]

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 1.0

    @property
    def by_kind(self) -> dict[str, tuple[float, float]]:
        """Kind of dirt → recall, precision."""
        return {
            kind: (right / wanted if wanted else 1.0, right / found if found else 1.0)
            for kind, (wanted, found, right) in self.kinds.items()
        }

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0


def evaluate_dirt(home: Path, database: Database, store: Store) -> Score:
    """Compare issues and batches with the truth; tables are matched round by round in the order of delivery."""
    with database.connection() as connection:
        batches = [dict(row) for row in connection.execute(_BATCHES)]
    with store.reading() as view:
        issues = view.arrow(
            f"SELECT batch, key, item, rule FROM {view.table(DatasetName(Zone.STANDARD, 'issue'))}"
        )
    with duckdb.connect() as duck:
        duck.register("batches", pa.Table.from_pylist(batches))
        duck.register("issues", issues)
        duck.register("true_rows", truth(home, "rows"))
        duck.register("true_errors", truth(home, "errors"))
        duck.execute(_COMPARED)
        sums = duck.execute(
            "SELECT sum(wanted)::INT, sum(found)::INT, sum(least(wanted, found))::INT FROM compared"
        )
        expected, found, right = sums.fetchall()[0]
        differing = duck.execute(
            "SELECT coalesce(kind, rule), coalesce(item, ''), sum(wanted)::INT, sum(found)::INT FROM compared "
            "WHERE wanted <> found GROUP BY ALL ORDER BY sum(abs(wanted - found)) DESC LIMIT 20"
        ).fetchall()
        kinds = duck.execute(
            "SELECT coalesce(kind, rule), sum(wanted)::INT, sum(found)::INT, sum(least(wanted, found))::INT FROM compared "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        unconserved = duck.execute(_UNCONSERVED).fetchall()
    return Score(
        expected or 0, found or 0, right or 0, tuple(differing),
        {kind: (wanted, told, hit) for kind, wanted, told, hit in kinds}, tuple(unconserved),
    )  # fmt: skip


def wrongly_cleaned(
    home: Path, store: Store, most: int = 20
) -> list[tuple[str, str, str, str | None, str | None]]:
    """Seeded values that refining should have repaired and did not: (table, item, key, meant, standard value).

    Holds for round 0: later rounds give rows other values.
    """
    with duckdb.connect() as duck, store.reading() as view:
        duck.register("true_errors", truth(home, "errors", 0))
        pairs = duck.execute(
            "SELECT source_table, item, list(key) FROM true_errors WHERE outcome = 'clean' GROUP BY ALL"
        ).fetchall()
        wrong: list[tuple[str, str, str, str | None, str | None]] = []
        for table, item, _ in pairs:
            spec = store.spec(DatasetName(Zone.STANDARD, table))
            key = f"concat_ws('|', {', '.join(quote(name) for name in spec.keys)})"
            held = view.arrow(
                f"SELECT {key} AS key, CAST({quote(item)} AS VARCHAR) AS value FROM {view.table(spec.name)}"
            )
            duck.register("held", held)
            wrong += duck.execute(
                "SELECT e.source_table, e.item, e.key, e.meant, h.value FROM true_errors e LEFT JOIN held h USING (key) "
                "WHERE e.outcome = 'clean' AND e.source_table = ? AND e.item = ? AND e.meant IS DISTINCT FROM h.value",
                [table, item],
            ).fetchall()
            if len(wrong) >= most:
                break
    return wrong[:most]
