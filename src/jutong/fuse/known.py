"""What a register remembers of its records between runs, so that a run costs what changed, not what exists.

One DuckDB file per register under ``DIR/fuse``, rebuilt at will: when it is missing, torn, of another declaration
or behind what the register holds, the next run computes everything and makes it anew.  It holds no values, only
their hashes: which records share a key, a block or an entity with which.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import duckdb

from jutong.fuse.declaring import register_to
from jutong.fuse.matching import block_column, key_column
from jutong.fuse.register import Register
from jutong.fuse.steps import Step, drops, run
from jutong.terms import literal

#: A change of more of all records than this (and of more than so many) is computed from scratch.
LARGE, FEW = 0.2, 10_000


@dataclass(frozen=True)
class Stamp:
    """Of what the memory is: declaration, sources, the lake snapshot that was read and the last one written."""

    declared: str
    datasets: tuple[str, ...]
    read: int
    written: str
    decisions: int


def digest_of(register: Register) -> str:
    """Another declaration, or another DuckDB with another hash, makes the memory useless."""
    told = json.dumps([register_to(register), duckdb.__version__], ensure_ascii=False, sort_keys=True)
    return sha256(told.encode()).hexdigest()


def attach(duck: duckdb.DuckDBPyConnection, file: Path | None) -> Stamp | None:
    """Attach the memory as ``known``; its stamp, or None when there is nothing to go by. No file: none is kept."""
    if file is None:
        duck.execute("ATTACH ':memory:' AS known")
        return None
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        duck.execute(f"ATTACH {literal(str(file))} AS known")
        row = duck.execute("SELECT told FROM known.stamp").fetchone()
        told = json.loads(row[0]) if row else None
        return Stamp(**{**told, "datasets": tuple(told["datasets"])}) if told else None
    except (duckdb.Error, TypeError, ValueError, KeyError):
        forget(duck, file)
        return None


def forget(duck: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Begin an empty memory."""
    if duck.execute("SELECT 1 FROM duckdb_databases() WHERE database_name = 'known'").fetchone():
        duck.execute("DETACH known")
    for path in (file, file.with_name(f"{file.name}.wal")):
        path.unlink(missing_ok=True)
    duck.execute(f"ATTACH {literal(str(file))} AS known")


def columns(register: Register) -> tuple[list[str], list[str]]:
    """Names of the hashed keys and of the blocks."""
    keys = [f"e_{place}" for place in range(len(register.keys))]
    return keys, [block_column(number) for number in range(len(register.likeness.blocks))]


def traces_sql(register: Register, table: str) -> str:
    """What is remembered of records: hashed keys, blocks, and whether likeness may ever move them."""
    keys, blocks = columns(register)
    hashed = "".join(
        f", CASE WHEN {key_column(key)} IS NOT NULL THEN hash({key_column(key)}) END AS {name}"
        for key, name in zip(register.keys, keys, strict=True)
    )
    firm = " OR ".join(f"{key_column(key)} IS NOT NULL" for key in register.keys if key.settles) or "false"
    return f"SELECT rid, NOT ({firm}) AS soft{hashed}{''.join(f', {block}' for block in blocks)} FROM {table}"


def remember(register: Register, duck: duckdb.DuckDBPyConnection, stamp: Stamp, *, whole: bool) -> None:
    """Take down ``judged`` with its ``trace``: all of it, or in the place of the records of ``reach``."""
    keys, blocks = columns(register)
    shown = ", ".join(
        [
            "j.dataset",
            "j.source_key",
            "j.entity",
            "j.digest",
            "j.rule IN ('likeness', 'decided') AS liked",
            "t.soft",
            *(f"t.{one}" for one in (*keys, *blocks)),
        ]
    )
    found = f"SELECT {shown} FROM judged j JOIN trace t USING (rid)"
    duck.execute("BEGIN")
    if whole:
        duck.execute(f"CREATE OR REPLACE TABLE known.record AS {found}")
    else:
        duck.execute("DELETE FROM known.record WHERE rowid IN (SELECT place FROM reached)")
        duck.execute(f"INSERT INTO known.record {found}")
    duck.execute("CREATE OR REPLACE TABLE known.stamp AS SELECT ? AS told", [json.dumps(asdict(stamp))])
    duck.execute("COMMIT")


def restamp(duck: duckdb.DuckDBPyConnection, stamp: Stamp) -> None:
    duck.execute("CREATE OR REPLACE TABLE known.stamp AS SELECT ? AS told", [json.dumps(asdict(stamp))])


#: The records reached so far, by name: those that came are nowhere in the memory yet.
_REACHED = (
    "SELECT dataset, source_key FROM touched UNION ALL "
    "SELECT dataset, source_key FROM known.record r SEMI JOIN reached x ON x.place = r.rowid"
)


def reach(register: Register, duck: duckdb.DuckDBPyConnection) -> None:
    """``reach (dataset, source_key)``: every record whose cluster the ``touched`` ones can change; ``reached (place)``:
    where those of them that were there before lie in the memory.

    ``touched (dataset, source_key)`` are the rows that came, changed or went, ``arriving`` the traces of what they
    are now.  Records are neighbours when they share a key, an entity, or a block that is not crowded before and
    after and of which one of them is soft; ``reach`` is everything connected.  What lies outside has no
    neighbour within, so it stays as it is.  The memory is asked for places and one number at a time: its texts are
    most of what it holds and are read once, at the end.
    """
    keys, blocks = columns(register)
    own = ", ".join(["soft", *keys, *blocks])
    run(
        duck,
        [
            Step(
                "going",
                f"SELECT r.rowid AS place, r.entity, {own} FROM known.record r "
                "SEMI JOIN touched t ON t.dataset = r.dataset AND t.source_key = r.source_key",
            ),
            Step(
                "frontier",
                f"SELECT entity, {own} FROM going UNION ALL SELECT CAST(NULL AS VARCHAR), {own} FROM arriving",
            ),
            Step("reached", "SELECT place FROM going"),
            *(Step(f"seen_{name}", f"SELECT {name} FROM frontier WHERE false") for name in ("entity", *keys)),
            *(Step(f"seen_{name}", f"SELECT {name}, soft FROM frontier WHERE false") for name in blocks),
        ],
    )
    decided = duck.execute("SELECT 1 FROM decision LIMIT 1").fetchone()
    while True:
        run(duck, _widen(register, decided=decided is not None))
        if not duck.execute("SELECT 1 FROM found LIMIT 1").fetchone():
            break
        run(
            duck,
            [
                Step(
                    "frontier",
                    f"SELECT entity, {own} FROM known.record r SEMI JOIN found f ON f.place = r.rowid",
                ),
                Step("further", "SELECT place FROM reached UNION ALL SELECT place FROM found"),
                Step("reached", "SELECT place FROM further"),
            ],
        )
    run(
        duck,
        [
            Step("reach", f"SELECT DISTINCT dataset, source_key FROM ({_REACHED})"),
            *drops("frontier", "found", "further", *(f"seen_{name}" for name in ("entity", *keys, *blocks))),
        ],
    )


def _widen(register: Register, *, decided: bool) -> list[Step]:
    """``found``: neighbours of the frontier that are not reached yet."""
    keys, blocks = columns(register)
    steps: list[Step] = []
    hits = []
    for name in ("entity", *keys):
        steps += [
            Step(f"new_{name}", f"SELECT DISTINCT {name} FROM frontier ANTI JOIN seen_{name} USING ({name}) WHERE {name} IS NOT NULL"),
            Step(f"now_{name}", f"SELECT * FROM seen_{name} UNION ALL SELECT * FROM new_{name}"),
            Step(f"seen_{name}", f"SELECT * FROM now_{name}"),
            Step(f"now_{name}"),
        ]  # fmt: skip
        hits.append(
            f"SELECT r.rowid AS place FROM known.record r SEMI JOIN new_{name} n ON n.{name} = r.{name}"
        )
    for name in blocks:
        steps += [
            Step(
                f"new_{name}",
                f"SELECT {name}, soft FROM frontier WHERE {name} IS NOT NULL GROUP BY ALL EXCEPT SELECT {name}, soft FROM seen_{name}",
            ),
            Step(f"now_{name}", f"SELECT * FROM seen_{name} UNION ALL SELECT * FROM new_{name}"),
            Step(f"seen_{name}", f"SELECT * FROM now_{name}"),
            Step(f"now_{name}"),
            Step(f"met_{name}", f"SELECT r.rowid AS place, r.{name}, r.soft, n.soft AS by_soft FROM known.record r JOIN new_{name} n ON n.{name} = r.{name}"),
            Step(f"open_{name}", _open_sql(register, name)),
        ]  # fmt: skip
        hits.append(
            f"SELECT place FROM met_{name} WHERE (soft OR by_soft) AND {name} IN (SELECT {name} FROM open_{name})"
        )
    if decided:
        hits += [
            f"SELECT r.rowid AS place FROM known.record r JOIN decision d ON d.dataset_{here} = r.dataset AND d.key_{here} = r.source_key "
            f"JOIN ({_REACHED}) x ON x.dataset = d.dataset_{there} AND x.source_key = d.key_{there}"
            for here, there in ("lr", "rl")
        ]
    steps.append(
        Step(
            "found",
            f"SELECT DISTINCT h.place FROM ({' UNION ALL '.join(hits)}) h ANTI JOIN reached x ON x.place = h.place",
        )
    )
    steps += drops(
        *(f"new_{name}" for name in ("entity", *keys, *blocks)),
        *(f"{kind}_{name}" for name in blocks for kind in ("met", "open")),
    )
    return steps  # fmt: skip


def _open_sql(register: Register, name: str) -> str:
    """Blocks that are not crowded, now or before the change."""
    return (
        f"SELECT k.{name} FROM (SELECT {name}, count(DISTINCT place) AS n FROM met_{name} GROUP BY 1) k "
        f"LEFT JOIN (SELECT {name}, count(*) AS n FROM going GROUP BY 1) g USING ({name}) "
        f"LEFT JOIN (SELECT {name}, count(*) AS n FROM arriving GROUP BY 1) a USING ({name}) "
        f"WHERE least(k.n, k.n - coalesce(g.n, 0) + coalesce(a.n, 0)) <= {register.likeness.crowd}"
    )


def crowded_steps(register: Register) -> list[Step]:
    """``crowded (block, value)`` of an incremental run: blocks whose members within and beyond ``reach`` are too many."""
    _, blocks = columns(register)
    parts = [
        f"SELECT '{name}' AS block, i.{name} AS value FROM (SELECT {name}, count(*) AS n FROM record WHERE {name} IS NOT NULL GROUP BY 1) i "
        f"JOIN (SELECT r.{name}, count(*) AS n FROM known.record r ANTI JOIN reached x ON x.place = r.rowid "
        f"WHERE r.{name} IN (SELECT {name} FROM record) GROUP BY 1) o USING ({name}) WHERE i.n + o.n > {register.likeness.crowd}"
        for name in blocks
    ]
    return [Step("crowded", " UNION ALL ".join(parts) or NOTHING_CROWDED)]


NOTHING_CROWDED = "SELECT CAST(NULL AS VARCHAR) AS block, CAST(NULL AS UBIGINT) AS value WHERE false"
