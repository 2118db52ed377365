"""Writing a register: what differs, in one lake transaction."""

from __future__ import annotations

import datetime as dt

import duckdb

from jutong.fuse import golden
from jutong.fuse.reading import Given
from jutong.fuse.register import Register
from jutong.store import AlreadyCommitted, Merged, Store, Writer
from jutong.terms import DatasetName, literal

_BATCH_ROWS = 100_000
#: What a query may be ahead of its reader; with DuckDB's own 1 MB two threads mostly wait for each other.
_AHEAD = "SET streaming_buffer_size = '16MB'"


def write_register(
    register: Register,
    store: Store,
    duck: duckdb.DuckDBPyConnection,
    commit_id: str,
    given: Given,
    began: dt.datetime,
) -> tuple[Merged, int | None]:
    """What happened to golden records, and the snapshot; None where nothing differed."""
    first = duck.execute("SELECT 1 FROM held LIMIT 1").fetchone() is None and given.whole
    residue = _residue_differs(register, store, duck, given)
    if not residue and not duck.execute("SELECT 1 FROM touched_record LIMIT 1").fetchone():
        return Merged(0, 0, 0), None

    def body(writer: Writer) -> Merged:
        if residue:
            _write_residue(register, duck, writer, given)
        if first:
            return _load(register, duck, writer)
        _tell(register, duck, writer, given, began)
        return _merge(register, duck, writer)

    names = (register.golden, register.values, register.members, register.history, register.residue)
    try:
        return store.write(commit_id, *names, author="fuse", body=body)
    except AlreadyCommitted as done:
        return Merged(0, 0, 0), done.snapshot


def _load(register: Register, duck: duckdb.DuckDBPyConnection, writer: Writer) -> Merged:
    """The first time everything is new, and streams straight into the lake."""
    _append(writer, register.members, duck, golden.members_sql("judged"))
    # A record crosses once with all its values and is taken apart on the other side.
    apart = golden.values_sql(register, "fusing")
    _append(writer, register.values, duck, golden.wide_sql(register, "judged"), apart)
    entities = _append(writer, register.golden, duck, golden.golden_sql(register))
    return Merged(entities, 0, 0)


def _append(
    writer: Writer,
    dataset: DatasetName,
    duck: duckdb.DuckDBPyConnection,
    sql: str,
    taken: str = "SELECT * FROM fusing",
) -> int:
    """A result of ours into a dataset; ``taken`` is what the writer's engine makes of it, as ``fusing``."""
    cursor = duck.cursor()
    try:
        cursor.execute(_AHEAD)
        writer.register("fusing", cursor.execute(sql).to_arrow_reader(_BATCH_ROWS))
        return writer.append(dataset, taken)
    finally:
        cursor.close()


def _merge(register: Register, duck: duckdb.DuckDBPyConnection, writer: Writer) -> Merged:
    """Only records and entities whose digest, entity or value differ from what the register holds."""
    touched = "(SELECT j.* FROM judged j SEMI JOIN touched_record t ON t.dataset = j.dataset AND t.source_key = j.source_key)"
    for name, sql in {
        "t_record": "SELECT dataset, source_key FROM touched_record",
        "t_gone": "SELECT dataset, source_key FROM touched_record WHERE gone",
        "t_member": golden.members_sql(touched),
        "t_value": golden.values_sql(register, touched),
        "t_golden": golden.golden_sql(register, "touched_entity"),
        "t_lost": "SELECT entity FROM touched_entity ANTI JOIN chosen USING (entity)",
    }.items():
        hand_over(writer, duck, name, sql)
    values = f"lake.base.{register.values.table}"
    lost_values = (
        f"SELECT dataset, source_key, item FROM {values} SEMI JOIN t_record USING (dataset, source_key) "
        "ANTI JOIN t_value USING (dataset, source_key, item)"
    )
    writer.merge(register.members, "SELECT * FROM t_member", delete_keys_sql="SELECT * FROM t_gone")
    writer.merge(register.values, "SELECT * FROM t_value", delete_keys_sql=lost_values)
    return writer.merge(register.golden, "SELECT * FROM t_golden", delete_keys_sql="SELECT * FROM t_lost")


def _tell(
    register: Register, duck: duckdb.DuckDBPyConnection, writer: Writer, given: Given, began: dt.datetime
) -> None:
    """What became of ids, for those who keep them."""
    at = began.astimezone(dt.timezone(dt.timedelta(hours=8))).replace(tzinfo=None)
    if not duck.execute("SELECT 1 FROM happening LIMIT 1").fetchone():
        return
    sql = (
        f"SELECT CAST({given.snapshot} AS BIGINT) AS happened, entity, event, other, CAST(records AS BIGINT) AS records, "
        f"{literal(at)} AS at FROM happening"
    )
    hand_over(writer, duck, "t_history", sql)
    writer.merge(register.history, "SELECT * FROM t_history")


def _residue_differs(register: Register, store: Store, duck: duckdb.DuckDBPyConnection, given: Given) -> bool:
    if duck.execute("SELECT 1 FROM residue LIMIT 1").fetchone():
        return True
    return store.count(register.residue) > 0 and (given.whole or given.changed > 0)


def _write_residue(register: Register, duck: duckdb.DuckDBPyConnection, writer: Writer, given: Given) -> None:
    hand_over(writer, duck, "t_residue", "SELECT * FROM residue")
    if given.whole:
        writer.merge(register.residue, "SELECT * FROM t_residue", delete_missing=True)
        return
    hand_over(writer, duck, "t_touched", "SELECT DISTINCT dataset, source_key FROM touched")
    placed = "SELECT dataset, source_key FROM t_touched ANTI JOIN t_residue USING (dataset, source_key)"
    writer.merge(register.residue, "SELECT * FROM t_residue", delete_keys_sql=placed)


def hand_over(writer: Writer, duck: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    """A result of ours as a temporary table in the writer's engine."""
    cursor = duck.cursor()
    try:
        cursor.execute(_AHEAD)
        writer.register("fusing", cursor.execute(sql).to_arrow_reader(_BATCH_ROWS))
        writer.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM fusing")
    finally:
        cursor.close()
