"""How good a register is, measured against the sample city's truth. Nothing else in the pipeline reads the truth.

Any other public set is measured by the same code from two CSV files and a declaration (``evaluate_csv``).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from jutong.database import Database
from jutong.elements import valid_sql
from jutong.fuse import known
from jutong.fuse.computing import compute_here
from jutong.fuse.declaring import concrete, find_register
from jutong.fuse.matching import records_sql
from jutong.fuse.register import Register
from jutong.fuse.steps import MACROS, Step, run
from jutong.store import DatasetSpec, Reading, Store
from jutong.terms import BadInput, DatasetName, Item, NotFound, literal, quote

#: Examples of a mistake that are shown.
_EXAMPLES = 5


@dataclass(frozen=True)
class Evaluation:
    """Pairs of records that belong together: found rightly, found at all; clusters found exactly."""

    pair_precision: float
    pair_recall: float
    pair_f1: float
    cluster_precision: float
    cluster_recall: float
    cluster_f1: float
    records: int
    entities: int
    #: Entities found that hold records of several, and true ones that lie in several.
    over_merged: int
    under_merged: int
    #: Entities found that hold two valid, different values of a settling key.
    codes_joined: int
    #: Records whose register knows a holder or subject, and how many of those found are right.
    links: int = 0
    link_precision: float = 1.0
    link_recall: float = 1.0
    over_merged_examples: tuple[str, ...] = ()
    under_merged_examples: tuple[str, ...] = ()


def evaluate(register: str, truth: Path, *, database: Database, store: Store) -> Evaluation:
    """Compare memberships with ``*.entities.parquet`` below ``truth`` (source_table, key, entity, rejected).

    Records the truth calls rejected are left out, for they never reach the register; a record that should be
    there and is not counts as missed.  Raises BadInput ``fuse.no_truth``.
    """
    if not any(truth.rglob("*.entities.parquet")):
        raise BadInput("fuse.no_truth", f"{truth} 里没有真值文件（*.entities.parquet）")
    with database.connection() as connection:
        declared = find_register(connection, register)
    fed = [source.dataset for source, _ in concrete(declared, store)]
    with store.reading() as view:
        members = view.arrow(f"SELECT dataset, source_key, entity FROM {view.table(declared.members)}")
        joined = int(view.rows(_codes_joined_sql(declared, view.table(declared.values)))[0]["n"])
        targets = _targets(declared, view, store) if declared.links else None
    with duckdb.connect() as duck:
        duck.register("members", members)
        duck.execute(
            "CREATE TABLE truth AS SELECT 'standard.' || source_table AS dataset, key, arg_max(entity, round) AS entity "
            f"FROM read_parquet({literal(str(truth / '**' / '*.entities.parquet'))}) "
            f"WHERE 'standard.' || source_table IN ({', '.join(literal(one) for one in fed) or 'NULL'}) "
            "GROUP BY 1, 2 HAVING NOT bool_and(rejected)"
        )
        duck.execute(
            "CREATE TABLE compared AS SELECT t.dataset || ' ' || t.key AS record, CAST(t.entity AS VARCHAR) AS really, m.entity AS found "
            "FROM truth t LEFT JOIN members m ON m.dataset = t.dataset AND m.source_key = t.key"
        )
        links = _links(duck, truth, targets) if targets is not None else {}
        return _evaluation(duck, joined, links)


def evaluate_csv(register: Register, files: Sequence[Path], truth: Path) -> Evaluation:
    """Match the rows of CSV files by a declaration alone, and compare with ``truth``.

    Each file is the source whose ``dataset`` ends in its name (``standard.dblp2`` ← ``DBLP2.csv``); its first column
    is the key.  ``truth`` has either the columns ``key, entity``, or in its first two columns pairs of keys that are one.
    Raises BadInput ``fuse.bad_truth`` and ``fuse.bad_mapping``.
    """
    with (
        tempfile.TemporaryDirectory(prefix="jutong-fuse-") as spill,
        duckdb.connect(config={"temp_directory": spill}) as duck,
    ):
        for macro in MACROS:
            duck.execute(macro)
        known.attach(duck, None)
        empty_run(duck)
        for file in files:
            _read_csv(register, file, duck)
        compute_here(register, duck, salt="")
        _true_clusters(duck, truth)
        duck.execute(
            "CREATE TABLE compared AS SELECT t.key AS record, t.entity AS really, j.entity AS found "
            "FROM truth t LEFT JOIN judged j ON j.source_key = t.key"
        )
        return _evaluation(duck, 0, {})


def empty_run(duck: duckdb.DuckDBPyConnection) -> None:
    """What a run in the city reads from elsewhere: nothing of it here."""
    text = "CAST(NULL AS VARCHAR)"
    pairs = ", ".join(f"{text} AS {name}" for name in ("dataset_l", "key_l", "dataset_r", "key_r", "verdict"))
    run(
        duck,
        [
            Step("batch_time", f"SELECT {text} AS id, CAST(NULL AS TIMESTAMP) AS received WHERE false"),
            Step("decision", f"SELECT {pairs} WHERE false"),
            Step(
                "held",
                f"SELECT {text} AS dataset, {text} AS source_key, {text} AS entity, {text} AS digest WHERE false",
            ),
            Step("elsewhere", f"SELECT {text} AS entity WHERE false"),
            Step("crowded", known.NOTHING_CROWDED),
        ],
    )


def _read_csv(register: Register, file: Path, duck: duckdb.DuckDBPyConnection) -> None:
    called = re.sub(r"\W+", "_", file.stem).lower()
    source = next((one for one in register.sources if one.dataset.split(".")[-1] == called), None)
    if source is None:
        raise BadInput("fuse.bad_mapping", f"声明里没有名为 {called} 的来源（{file}）")
    table = quote(f"csv_{called}")
    duck.execute(f"CREATE TABLE {table} AS FROM {csv_sql(file)}")
    names = [str(row[0]) for row in duck.execute(f"DESCRIBE {table}").fetchall()]
    spec = DatasetSpec(
        DatasetName.parse(f"standard.{called}"),
        file.stem,
        tuple(Item(name, name) for name in names),
        (names[0],),
    )
    exists = duck.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'incoming'").fetchone()
    duck.execute(
        f"{'INSERT INTO' if exists else 'CREATE TABLE'} incoming {'' if exists else 'AS '}{records_sql(register, source, spec, table)}"
    )


def csv_sql(file: Path) -> str:
    """Old public sets are in Latin-1; whatever is not UTF-8 is read so."""
    try:
        file.read_text(encoding="utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "latin-1"
    return f"read_csv({literal(str(file))}, all_varchar = true, header = true, encoding = '{encoding}')"


def _true_clusters(duck: duckdb.DuckDBPyConnection, truth: Path) -> None:
    """``truth (key, entity)``; pairs are made clusters by their connected components, other records stand alone."""
    duck.execute(f"CREATE TABLE given AS FROM {csv_sql(truth)}")
    names = [str(row[0]) for row in duck.execute("DESCRIBE given").fetchall()]
    if names[:2] == ["key", "entity"]:
        duck.execute("CREATE TABLE truth AS SELECT key, entity FROM given")
        return
    if len(names) < 2:
        raise BadInput("fuse.bad_truth", f"{truth} 应有两列：key, entity，或成对的两个主键")
    duck.execute(
        f"CREATE OR REPLACE TABLE given AS SELECT {quote(names[0])} AS key_l, {quote(names[1])} AS key_r FROM given"
    )
    known_keys = "SELECT source_key FROM judged"
    pairs = _number(
        duck, f"SELECT count(*) FROM given WHERE key_l IN ({known_keys}) AND key_r IN ({known_keys})"
    )
    if not pairs:
        raise BadInput("fuse.bad_truth", f"{truth} 的前两列 {names[0]}, {names[1]} 不是这些文件里的主键")
    duck.execute("CREATE TABLE truth AS SELECT source_key AS key, source_key AS entity FROM judged")
    while True:
        duck.execute(
            "CREATE OR REPLACE TABLE next_truth AS SELECT t.key, least(t.entity, min(o.entity)) AS entity FROM truth t LEFT JOIN ("
            "SELECT key_l AS a, key_r AS b FROM given UNION ALL SELECT key_r, key_l FROM given) p ON p.a = t.key "
            "LEFT JOIN truth o ON o.key = p.b GROUP BY t.key, t.entity"
        )
        same = duck.execute(
            "SELECT count(*) FROM truth t JOIN next_truth n USING (key) WHERE t.entity <> n.entity"
        ).fetchone()
        duck.execute("DROP TABLE truth; ALTER TABLE next_truth RENAME TO truth")
        if not same or not same[0]:
            return


def _codes_joined_sql(register: Register, values: str) -> str:
    """How many entities hold two valid, different values of a code that settles who they are."""
    parts = [
        f"SELECT entity FROM {values} WHERE item = {literal(key.whole_item)} AND {valid_sql(key.valid, 'value')} "
        "GROUP BY 1 HAVING count(DISTINCT value) > 1"
        for key in register.keys
        if key.settles and key.valid and key.whole_item
    ]
    return f"SELECT count(*) AS n FROM ({' UNION '.join(parts) or 'SELECT 1 AS entity WHERE false'})"


def _targets(register: Register, view: Reading, store: Store) -> pa.Table:
    """Links of the register with the records of the entities they lead to: ``entity, target, dataset, source_key``."""
    members = " UNION ALL ".join(
        f"SELECT {literal(name)} AS register, entity, dataset, source_key FROM {view.table(f'base.{name}_member')}"
        for name in sorted({link.register for link in register.links})
        if _there(store, f"base.{name}_member")
    )
    if not members:
        return view.arrow(
            f"SELECT entity, target, '' AS dataset, '' AS source_key FROM {view.table(register.linked)} WHERE false"
        )
    return view.arrow(
        f"SELECT l.entity, l.target, m.dataset, m.source_key FROM {view.table(register.linked)} l "
        f"RIGHT JOIN ({members}) m ON m.entity = l.target AND m.register = l.register"
    )


def _there(store: Store, name: str) -> bool:
    try:
        store.spec(name)
    except NotFound:
        return False
    return True


def _links(duck: duckdb.DuckDBPyConnection, truth: Path, targets: pa.Table) -> dict[str, Any]:
    """Of the relation ``members``: a link is right when most records of the entity it leads to are the holder's."""
    duck.register("targets", targets)
    duck.execute(
        "CREATE TABLE all_truth AS SELECT 'standard.' || source_table AS dataset, key, arg_max(entity, round) AS entity, "
        f"arg_max(holder, round) AS holder FROM read_parquet({literal(str(truth / '**' / '*.entities.parquet'))}) "
        "GROUP BY 1, 2 HAVING NOT bool_and(rejected)"
    )
    duck.execute(
        "CREATE TABLE led AS SELECT t.entity, t.target, mode(a.entity) AS really FROM targets t "
        "JOIN all_truth a ON a.dataset = t.dataset AND a.key = t.source_key GROUP BY 1, 2"
    )
    duck.execute(
        "CREATE TABLE held_by AS SELECT m.entity, any_value(a.holder) AS holder FROM members m "
        "JOIN all_truth a ON a.dataset = m.dataset AND a.key = m.source_key WHERE a.holder IS NOT NULL GROUP BY 1"
    )
    row = duck.execute(
        "SELECT count(*) FILTER (h.holder IN (SELECT really FROM led)), count(l.target), count(*) FILTER (l.really = h.holder) "
        "FROM held_by h LEFT JOIN led l ON l.entity = h.entity AND l.target IS NOT NULL"
    ).fetchone()
    expected, found, right = (int(one) for one in row) if row else (0, 0, 0)
    return {
        "links": expected,
        "link_precision": round(right / found, 6) if found else 1.0,
        "link_recall": round(right / expected, 6) if expected else 1.0,
    }


def _evaluation(duck: duckdb.DuckDBPyConnection, joined: int, links: dict[str, Any]) -> Evaluation:
    """Of ``compared (record, really, found)``."""
    both, found, really = (
        _number(duck, f"SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM compared {where} GROUP BY {by})")
        for by, where in (
            ("found, really", "WHERE found IS NOT NULL"),
            ("found", "WHERE found IS NOT NULL"),
            ("really", ""),
        )
    )  # fmt: skip
    clusters = _number(duck, "SELECT count(DISTINCT found) FROM compared")
    entities = _number(duck, "SELECT count(DISTINCT really) FROM compared")
    exact = _number(
        duck,
        "SELECT count(*) FROM (SELECT found FROM compared WHERE found IS NOT NULL GROUP BY found "
        "HAVING count(DISTINCT really) = 1 AND count(*) = "
        "(SELECT count(*) FROM compared c WHERE c.really = min(compared.really)))",
    )
    over = "SELECT found FROM compared WHERE found IS NOT NULL GROUP BY 1 HAVING count(DISTINCT really) > 1"
    under = "SELECT really FROM compared GROUP BY 1 HAVING count(DISTINCT coalesce(found, '')) > 1"
    return Evaluation(
        pair_precision=_share(both, found),
        pair_recall=_share(both, really),
        pair_f1=_share(2 * both, found + really),
        cluster_precision=_share(exact, clusters),
        cluster_recall=_share(exact, entities),
        cluster_f1=_share(2 * exact, clusters + entities),
        records=int(_number(duck, "SELECT count(*) FROM compared")),
        entities=int(entities),
        over_merged=int(_number(duck, f"SELECT count(*) FROM ({over})")),
        under_merged=int(_number(duck, f"SELECT count(*) FROM ({under})")),
        codes_joined=joined,
        over_merged_examples=_examples(duck, "found", over),
        under_merged_examples=_examples(duck, "really", under),
        **links,
    )


def _examples(duck: duckdb.DuckDBPyConnection, by: str, which: str) -> tuple[str, ...]:
    rows = duck.execute(
        f"SELECT string_agg(record || ' → ' || coalesce(found, '（没有）'), '；' ORDER BY record) FROM compared "
        f"WHERE {by} IN ({which}) GROUP BY {by} ORDER BY {by} LIMIT {_EXAMPLES}"
    ).fetchall()
    return tuple(str(row[0]) for row in rows)


def _share(part: float, whole: float) -> float:
    return round(part / whole, 6) if whole else 1.0


def _number(duck: duckdb.DuckDBPyConnection, sql: str) -> float:
    row = duck.execute(sql).fetchone()
    return float(row[0]) if row else 0.0
