"""Fusing a register: standard rows become entities, golden records, and reasons (use case UC-FUSE-01).

All is computed in an engine of its own from one snapshot of the lake; only what differs from what the register
holds is written, in one lake transaction.  The same rows give the same register in whatever order they came.
"""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa

from jutong.database import Database, named_sql
from jutong.fuse import golden, likeness, matching
from jutong.fuse.register import Register
from jutong.settings import Settings
from jutong.store import AlreadyCommitted, Merged, Store, Writer
from jutong.store import Reading as View
from jutong.terms import BadInput, Conflict, DatasetName, NotFound, Unavailable

_sql = named_sql(__file__)

_BATCH_ROWS = 100_000


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


def fuse(register: Register, *, database: Database, store: Store, settings: Settings | None = None) -> Fused:
    """Bring a register up to its sources.

    Raises BadInput ``fuse.no_sources`` or ``fuse.bad_mapping``, NotFound ``fuse.nothing_refined``, Conflict ``fuse.busy``,
    Unavailable ``fuse.out_of_memory``; store errors as they come.
    """
    began = dt.datetime.now(dt.UTC)
    if not register.sources:
        raise BadInput("fuse.no_sources", f"基础库 {register.label} 没有登记来源")
    store.declare(register.specs())
    with _alone(database, register), _engine(settings) as duck:
        snapshot = _read(register, database, store, duck)  # 1
        _match(register, duck)  # 2, 3
        _decide(register, duck, salt=str(snapshot))  # 4
        first = _compare(duck)  # 5
        return _write(register, database, store, duck, snapshot, began, first=first)  # 6


def _read(register: Register, database: Database, store: Store, duck: duckdb.DuckDBPyConnection) -> int:
    """Standard rows in the register's terms, and what the register holds now, of one snapshot."""
    tables = [DatasetName.parse(source.dataset).table for source in register.sources]
    with database.connection() as control:
        rows = control.execute(_sql.batch_times, {"tables": tables}).fetchall()
    times = [(row["id"], row["received_at"].astimezone(_CITY).replace(tzinfo=None)) for row in rows]
    duck.execute("CREATE TABLE batch_time (id VARCHAR, received TIMESTAMP)")
    if times:
        duck.register(
            "times", pa.table({"id": [one for one, _ in times], "received": [at for _, at in times]})
        )
        duck.execute("INSERT INTO batch_time SELECT * FROM times")
        duck.unregister("times")
    with store.reading() as view:
        for source in register.sources:
            try:
                spec = store.spec(source.dataset)
            except NotFound:
                continue  # nothing of this source has been refined yet
            sql = matching.records_sql(register, source, spec, view.table(source.dataset))
            _copy(view, sql, "incoming", duck)
        if not duck.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'incoming'").fetchone():
            raise NotFound("fuse.nothing_refined", f"{register.label}的来源都还没有标准数据")
        held = f"SELECT dataset, source_key, entity, digest FROM {view.table(register.members)}"
        _copy(view, held, "held", duck)
        return view.snapshot


def _copy(view: View, sql: str, table: str, duck: duckdb.DuckDBPyConnection) -> None:
    duck.register("passing", view.reader(sql, batch_rows=_BATCH_ROWS))
    exists = duck.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone()
    verb = f"INSERT INTO {table}" if exists else f"CREATE TABLE {table} AS"
    duck.execute(f"{verb} SELECT * FROM passing")
    duck.unregister("passing")


def _match(register: Register, duck: duckdb.DuckDBPyConnection) -> None:
    """By code, then the residue by likeness: ``anchored (rid, anchor, rule, weight)``."""
    _run(duck, *matching.record_sqls(register), "DROP TABLE incoming", *matching.anchor_sqls())
    duck.execute("ALTER TABLE anchored ADD COLUMN weight DOUBLE")
    _run(duck, *likeness.candidate_sqls())
    if not duck.execute("SELECT 1 FROM likely_record WHERE free LIMIT 1").fetchone():
        return
    likeness.score(duck)
    for kind, owners in likeness.ADOPTIONS:
        _run(duck, *likeness.adoption_sqls(kind, owners))
    likeness.join_components(duck)


def _decide(register: Register, duck: duckdb.DuckDBPyConnection, *, salt: str) -> None:
    """Names, places, choices and reasons: ``chosen`` per entity, ``judged`` per record."""
    _run(
        duck,
        *golden.entity_sqls(register, "held", salt),
        golden.placed_sql(register),
        "DROP TABLE record",
        "DROP TABLE anchored",
        golden.chosen_sql(register),
        golden.judged_sql(register),
        "DROP TABLE placed",
    )


def _compare(duck: duckdb.DuckDBPyConnection) -> bool:
    """``touched`` records and entities; True when the register holds nothing yet."""
    _run(
        duck,
        "CREATE TABLE touched_record AS SELECT coalesce(j.dataset, h.dataset) AS dataset, "
        "coalesce(j.source_key, h.source_key) AS source_key, j.entity, h.entity AS was, "
        "j.digest IS NULL AS gone FROM judged j FULL JOIN held h USING (dataset, source_key) "
        "WHERE j.digest IS DISTINCT FROM h.digest",
        "CREATE TABLE touched_entity AS SELECT DISTINCT entity FROM (SELECT entity FROM touched_record UNION ALL "
        "SELECT was FROM touched_record) WHERE entity IS NOT NULL",
        "CREATE TABLE touched_judged AS SELECT j.* FROM judged j SEMI JOIN touched_record t "
        "ON t.dataset = j.dataset AND t.source_key = j.source_key ORDER BY j.entity",
    )
    return duck.execute("SELECT 1 FROM held LIMIT 1").fetchone() is None


def _write(
    register: Register,
    database: Database,
    store: Store,
    duck: duckdb.DuckDBPyConnection,
    snapshot: int,
    began: dt.datetime,
    *,
    first: bool,
) -> Fused:
    counted = _counts(duck)
    if not _number(duck, "SELECT count(*) FROM touched_record"):
        return Fused(register.name, *counted, 0, 0, 0, None, _seconds(began))
    commit_id = f"fuse:{register.name}:{snapshot}"
    body = _load if first else _merge
    try:
        merged, written = store.write(
            commit_id, register.golden, register.values, register.members, author="fuse",
            body=lambda writer: body(register, duck, writer),
        )  # fmt: skip
    except AlreadyCommitted as done:
        merged, written = Merged(0, 0, 0), done.snapshot
    with database.connection() as control:
        control.execute(
            _sql.save_fusion,
            {
                "commit_id": commit_id, "register": register.name, "from_snapshot": snapshot, "snapshot": written,
                "records": counted[0], "entities": counted[1], "by_key": counted[2], "by_likeness": counted[3],
                "inserted": merged.inserted, "updated": merged.updated, "deleted": merged.deleted,
                "started_at": began, "finished_at": dt.datetime.now(dt.UTC),
            },
        )  # fmt: skip
    return Fused(
        register.name, *counted, merged.inserted, merged.updated, merged.deleted, written, _seconds(began)
    )


def _load(register: Register, duck: duckdb.DuckDBPyConnection, writer: Writer) -> Merged:
    """The first time everything is new, and streams straight into the lake."""
    _append(writer, register.members, duck, golden.members_sql("judged"))
    _append(writer, register.values, duck, golden.values_sql(register, "judged"))
    entities = _append(writer, register.golden, duck, golden.golden_sql(register))
    return Merged(entities, 0, 0)


def _append(writer: Writer, dataset: DatasetName, duck: duckdb.DuckDBPyConnection, sql: str) -> int:
    cursor = duck.cursor()
    try:
        writer.register("fusing", cursor.execute(sql).to_arrow_reader(_BATCH_ROWS))
        return writer.append(dataset, "SELECT * FROM fusing")
    finally:
        cursor.close()


def _merge(register: Register, duck: duckdb.DuckDBPyConnection, writer: Writer) -> Merged:
    """Only records and entities whose digest, entity or value differ from what the register holds."""
    gone = "SELECT dataset, source_key FROM touched_record WHERE gone"
    for name, sql in {
        "t_record": "SELECT dataset, source_key FROM touched_record",
        "t_gone": gone,
        "t_member": golden.members_sql("touched_judged"),
        "t_value": golden.values_sql(register, "touched_judged"),
        "t_golden": golden.golden_sql(register, "touched_entity"),
        "t_lost": "SELECT entity FROM touched_entity ANTI JOIN chosen USING (entity)",
    }.items():
        _hand_over(writer, duck, name, sql)
    values = f"lake.base.{register.values.table}"
    lost_values = (
        f"SELECT dataset, source_key, item FROM {values} SEMI JOIN t_record USING (dataset, source_key) "
        "ANTI JOIN t_value USING (dataset, source_key, item)"
    )
    writer.merge(register.members, "SELECT * FROM t_member", delete_keys_sql="SELECT * FROM t_gone")
    writer.merge(register.values, "SELECT * FROM t_value", delete_keys_sql=lost_values)
    return writer.merge(register.golden, "SELECT * FROM t_golden", delete_keys_sql="SELECT * FROM t_lost")


def _hand_over(writer: Writer, duck: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    """A result of ours as a temporary table in the writer's engine."""
    cursor = duck.cursor()
    try:
        writer.register("fusing", cursor.execute(sql).to_arrow_reader(_BATCH_ROWS))
        writer.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM fusing")
    finally:
        cursor.close()


def _counts(duck: duckdb.DuckDBPyConnection) -> tuple[int, int, int, int]:
    """Records, entities, records joined to another by a code, by likeness."""
    shared = "SELECT entity FROM judged GROUP BY entity HAVING count(*) > 1"
    row = duck.execute(
        f"SELECT count(*), count(DISTINCT entity), count(*) FILTER (rule <> 'likeness' AND entity IN ({shared})), "
        "count(*) FILTER (rule = 'likeness') FROM judged"
    ).fetchone()
    return tuple(row)  # type: ignore[arg-type]


def _run(duck: duckdb.DuckDBPyConnection, *statements: str) -> None:
    for statement in statements:
        duck.execute(statement)


def _number(duck: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = duck.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _seconds(began: dt.datetime) -> float:
    return round((dt.datetime.now(dt.UTC) - began).total_seconds(), 3)


_CITY = dt.timezone(dt.timedelta(hours=8))


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
