"""The plan of a run, on whichever engine computes it: match by code, by likeness, name, choose, judge."""

from __future__ import annotations

import duckdb

from jutong.fuse import golden, known, likeness, matching
from jutong.fuse.register import Register
from jutong.fuse.steps import Duck, Engine, Step, drops, run


def compute(register: Register, engine: Engine, *, salt: str) -> None:
    """From ``incoming``, ``held``, ``elsewhere``, ``crowded``, ``decision`` and ``batch_time`` to ``weighed_record``
    (``judged`` without its digest), ``chosen`` per entity, ``residue`` and ``doubtful``; ``record`` stays."""
    engine.run(matching.anchor_steps(register))
    likeness.match(register, engine)
    engine.run(
        [
            *golden.entity_steps(register, salt),
            Step("doubtful", golden.doubtful_sql()),
            *golden.placed_steps(),
            *drops("anchored", "named", "doubt"),
            Step("chosen", golden.chosen_sql(register)),
        ]
    )


def compute_here(register: Register, duck: duckdb.DuckDBPyConnection, *, salt: str) -> None:
    """Everything of a run in DuckDB: ``judged``, ``chosen``, ``residue``, ``doubtful`` and ``trace``."""
    run(
        duck,
        [
            *matching.record_steps(register),
            Step("incoming"),
            Step("trace", known.traces_sql(register, "record")),
        ],
    )
    if duck.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reach'").fetchone():
        ids = f"'{register.prefix}' || upper(left(md5(anchor), 16))"
        run(
            duck,
            [
                *known.crowded_steps(register),
                *matching.anchor_steps(register),
                # Ids that would be given out and are borne beyond the reach.
                Step(
                    "elsewhere",
                    f"SELECT DISTINCT entity FROM known.record WHERE entity IN (SELECT {ids} FROM anchored UNION ALL "
                    f"SELECT '{register.prefix}' || upper(left(md5('S' || dataset || '|' || source_key), 16)) FROM record) "
                    "AND entity NOT IN (SELECT entity FROM held)",
                ),
            ],
        )
    compute(register, Duck(duck), salt=salt)
    judged = f"({golden.judged_sql(register)})"
    run(duck, [Step("judged", golden.digested_sql(register, judged)), *drops("placed", "numbered", "record")])
