"""Fusing a register: standard rows become entities, golden records, and reasons (use case UC-FUSE-01).

All is computed in an engine of its own from one snapshot of the lake; only what differs from what the register
holds is written, in one lake transaction.  The same rows give the same register in whatever order they came, and
a run after a change works only on the clusters the change can reach, with the answer of a full one.
"""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from psycopg.types.json import Jsonb

from jutong.database import Database, named_sql
from jutong.fuse import holding, known, linking, reading, reviewing
from jutong.fuse.computing import compute_here
from jutong.fuse.datasets import specs
from jutong.fuse.declaring import concrete
from jutong.fuse.register import Register
from jutong.fuse.sparking import compute_on_spark
from jutong.fuse.steps import MACROS, Step, drops, run
from jutong.fuse.writing import write_register
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import BadInput, Conflict, NotFound, Unavailable

_sql = named_sql(__file__, "queries.sql")


@dataclass(frozen=True)
class Fused:
    """What a fusion came to; ``snapshot`` is None when nothing had changed."""

    register: str
    records: int
    entities: int
    #: Records that share their entity with another one because of a code, and because of likeness.
    by_key: int
    by_likeness: int
    inserted: int
    updated: int
    deleted: int
    snapshot: int | None
    seconds: float
    #: Rows that bear nothing to place them by.
    residue: int = 0
    merges: int = 0
    splits: int = 0
    #: Pairs that wait for a person.
    doubtful: int = 0
    #: Records that were looked at again.
    reached: int = 0
    #: Why the register was left as it was, when a person must see it first.
    held: tuple[str, ...] = ()


def fuse(
    register: Register,
    *,
    database: Database,
    store: Store,
    settings: Settings | None = None,
    whole: bool = False,
) -> Fused:
    """Bring a register up to its sources; ``whole`` computes everything anew.

    Raises BadInput ``fuse.no_sources`` or ``fuse.bad_mapping``, NotFound ``fuse.nothing_refined``, Conflict ``fuse.busy``,
    Unavailable ``fuse.out_of_memory``; store errors as they come.
    """
    began = dt.datetime.now(dt.UTC)
    if not register.sources:
        raise BadInput("fuse.no_sources", f"基础库 {register.label} 没有登记来源")
    store.declare(specs(register))
    with _alone(database, register), _engine(settings) as duck:
        spark = settings.engine if settings and settings.engine != "duckdb" else ""
        given, stamp = _read(
            register, database, store, settings, duck, whole=whole or bool(spark), elsewhere=bool(spark)
        )  # 1
        if not given.whole and not given.changed:
            known.restamp(duck, stamp)
            linking.link(register, store)
            return _unchanged(register, database, began)
        if spark and settings:
            compute_on_spark(register, given.snapshot, store, duck, settings, salt=str(given.snapshot))
        else:
            compute_here(register, duck, salt=str(given.snapshot))  # 2, 3, 4
        _compare(duck)  # 5
        with database.connection() as control:
            held = holding.reasons(register, duck, control)
            if held:
                return Fused(
                    register.name,
                    *_counts(duck),
                    0,
                    0,
                    0,
                    None,
                    _seconds(began),
                    held=holding.hold(register, control, held),
                )
        return _keep(register, database, store, duck, given, stamp, began)  # 6


def _read(
    register: Register,
    database: Database,
    store: Store,
    settings: Settings | None,
    duck: duckdb.DuckDBPyConnection,
    *,
    whole: bool,
    elsewhere: bool,
) -> tuple[reading.Given, known.Stamp]:
    """1: what can have changed since the memory was made, or everything; ``elsewhere``: another engine reads it."""
    sources = concrete(register, store)
    if not sources:
        raise NotFound("fuse.nothing_refined", f"{register.label}的来源都还没有标准数据")
    with database.connection() as control:
        decisions = reading.read_control(register, sources, control, duck)
        row = control.execute(_sql.last_commit, {"register": register.name}).fetchone()
    last = row["commit_id"] if row else ""
    remembered = known.attach(duck, settings.home / "fuse" / f"{register.name}.duckdb" if settings else None)
    with store.reading() as view:
        now = known.Stamp(
            known.digest_of(register),
            tuple(source.dataset for source, _ in sources),
            view.snapshot,
            last,
            decisions,
        )
        fits = remembered is not None and (remembered.declared, remembered.datasets, remembered.written, remembered.decisions) == (
            now.declared, now.datasets, now.written, now.decisions,
        )  # fmt: skip
        given = None
        if remembered and fits and not whole:
            given = reading.read_changes(register, sources, remembered.read, view, store, duck)
            if given is None:
                reading.forget_reading(duck)
        return given or reading.read_everything(register, () if elsewhere else sources, view, duck), now


#: The first time there is nothing to compare with.
_ALL_NEW = (
    Step(
        "touched_record",
        "SELECT dataset, source_key, entity, CAST(NULL AS VARCHAR) AS was, false AS gone FROM judged",
    ),
    Step("touched_entity", "SELECT entity FROM chosen"),
    Step(
        "happening",
        "SELECT entity, '' AS event, '' AS other, CAST(0 AS BIGINT) AS records FROM judged WHERE false",
    ),
)


def _compare(duck: duckdb.DuckDBPyConnection) -> None:
    """``touched_record`` and ``touched_entity``: what differs from what the register holds."""
    if not duck.execute("SELECT 1 FROM held LIMIT 1").fetchone():
        run(duck, _ALL_NEW)
        return
    run(
        duck,
        [
            Step(
                "touched_record",
                "SELECT coalesce(j.dataset, h.dataset) AS dataset, coalesce(j.source_key, h.source_key) AS source_key, "
                "j.entity, h.entity AS was, j.digest IS NULL AS gone "
                "FROM judged j FULL JOIN held h ON h.dataset = j.dataset AND h.source_key = j.source_key "
                "WHERE j.digest IS DISTINCT FROM h.digest",
            ),
            Step(
                "touched_entity",
                "SELECT DISTINCT entity FROM (SELECT entity FROM touched_record UNION ALL SELECT was FROM touched_record) "
                "WHERE entity IS NOT NULL",
            ),
            Step(
                "moved",
                "SELECT was AS entity, entity AS other, count(*) AS records FROM touched_record "
                "WHERE was IS NOT NULL AND entity IS NOT NULL AND was <> entity GROUP BY 1, 2",
            ),
            Step(
                "happening",
                "SELECT m.entity, CASE WHEN s.entity IS NULL THEN 'merged' ELSE 'split' END AS event, m.other, m.records "
                "FROM moved m LEFT JOIN (SELECT DISTINCT entity FROM judged) s ON s.entity = m.entity UNION ALL "
                "SELECT h.entity, 'ended', '', count(*) FROM held h WHERE h.entity NOT IN (SELECT entity FROM judged) "
                "AND h.entity NOT IN (SELECT entity FROM moved) GROUP BY 1",
            ),
            *drops("moved"),
        ],
    )


def _keep(
    register: Register,
    database: Database,
    store: Store,
    duck: duckdb.DuckDBPyConnection,
    given: reading.Given,
    stamp: known.Stamp,
    began: dt.datetime,
) -> Fused:
    """6: write what differs, remember, count, and leave to people what only people can say."""
    commit_id = f"fuse:{register.name}:{given.snapshot}:{stamp.declared[:8]}{stamp.decisions}"
    merged, written = write_register(register, store, duck, commit_id, given, began)
    counted = _counts(duck)
    values: dict[str, Any] = {
        "records": counted[0], "entities": counted[1], "by_key": counted[2], "by_likeness": counted[3],
        "residue": store.count(register.residue),
        "merges": _number(duck, "SELECT count(*) FROM happening WHERE event = 'merged'"),
        "splits": _number(duck, "SELECT count(*) FROM happening WHERE event = 'split'"),
        "doubtful": _number(duck, "SELECT count(*) FROM doubtful"), "reached": _number(duck, "SELECT count(*) FROM judged"),
        "inserted": merged.inserted, "updated": merged.updated, "deleted": merged.deleted,
    }  # fmt: skip
    with database.connection() as control:
        if not given.whole:
            _carry_on(register, control, values, duck)
        if written is not None:
            control.execute(
                _sql.save_fusion,
                {**values, "commit_id": commit_id, "register": register.name, "from_snapshot": given.snapshot,
                 "snapshot": written, "whole": given.whole, "sources": Jsonb(holding.rows_by_source(duck)), "started_at": began, "finished_at": dt.datetime.now(dt.UTC)},
            )  # fmt: skip
        reviewing.ask(register, control, duck, whole=given.whole)
        holding.used(register, control)
    last = commit_id if written is not None else stamp.written
    if duck.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'trace'").fetchone():
        now = known.Stamp(stamp.declared, stamp.datasets, given.snapshot, last, stamp.decisions)
        known.remember(register, duck, now, whole=given.whole)
    linking.link(register, store)
    return Fused(register.name, snapshot=written, seconds=_seconds(began), **values)


def _carry_on(
    register: Register,
    control: psycopg.Connection[Any],
    values: dict[str, Any],
    duck: duckdb.DuckDBPyConnection,
) -> None:
    """Counts of an incremental run: those the last run left, and what this one made of the records it reached."""
    last = control.execute(_sql.last_fusion, {"register": register.name}).fetchone()
    names = ("records", "entities", "by_key", "by_likeness")
    if last:
        for name, before in zip(names, _counts(duck, "held"), strict=True):
            values[name] += last[name] - before


def _unchanged(register: Register, database: Database, began: dt.datetime) -> Fused:
    with database.connection() as control:
        row = control.execute(_sql.last_fusion, {"register": register.name}).fetchone() or {}
    records, entities, by_key, by_likeness, residue, doubtful = (
        int(row.get(name, 0))
        for name in ("records", "entities", "by_key", "by_likeness", "residue", "doubtful")
    )
    return Fused(
        register.name,
        records,
        entities,
        by_key,
        by_likeness,
        0,
        0,
        0,
        None,
        _seconds(began),
        residue=residue,
        doubtful=doubtful,
    )


def _counts(duck: duckdb.DuckDBPyConnection, table: str = "judged") -> tuple[int, int, int, int]:
    """Records, entities, records joined to another by a code, by likeness."""
    liked = "rule IN ('likeness', 'decided')" if table == "judged" else "liked"
    row = duck.execute(
        "SELECT coalesce(sum(n), 0), count(*), coalesce(sum(n - liked) FILTER (n > 1), 0), coalesce(sum(liked), 0) FROM ("
        f"SELECT entity, count(*) AS n, count(*) FILTER ({liked}) AS liked FROM {table} GROUP BY 1)"
    ).fetchone()
    return tuple(int(one) for one in row)  # type: ignore[union-attr,return-value]


def _number(duck: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = duck.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _seconds(began: dt.datetime) -> float:
    return round((dt.datetime.now(dt.UTC) - began).total_seconds(), 3)


@contextmanager
def _engine(settings: Settings | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of our own, bounded like the lake's; what does not fit spills beside the city."""
    memory = settings.lake_memory if settings else "4GB"
    threads = settings.lake_threads if settings else 2
    parent = settings.home / "tmp" if settings else Path("/tmp")  # noqa: S108  made secret and private below
    spill = parent / f"fuse-{secrets.token_hex(8)}"
    spill.mkdir(mode=0o700, parents=True)
    duck = duckdb.connect(config={"memory_limit": memory, "threads": threads, "temp_directory": str(spill)})
    try:
        duck.execute("SET TimeZone = 'Asia/Shanghai'")
        for macro in MACROS:
            duck.execute(macro)
        yield duck
    except duckdb.OutOfMemoryException:
        raise Unavailable(
            "fuse.out_of_memory",
            f"融合超出了 {memory} 的内存上限，请提高 lake_memory（一百万个主体约需 3GB）",
        ) from None
    finally:
        duck.close()
        shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def _alone(database: Database, register: Register) -> Iterator[None]:
    """One fusion of a register at a time; the lock ends with its connection, however that ends."""
    connection = database.connect(autocommit=True)
    try:
        row = connection.execute(_sql.lock_register, {"register": register.name}).fetchone()
        if not row or not row["taken"]:
            raise Conflict("fuse.busy", f"{register.label}正在融合，请稍后再试")
        yield
    finally:
        with connection, suppress(psycopg.Error):  # a lost connection has let go already
            connection.execute("SELECT pg_advisory_unlock_all()")  # the server hears of a close only later
