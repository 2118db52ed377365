"""What the pages ask: sources, their tables, batches with their receipts, sample rows."""

from __future__ import annotations

from typing import Any

from jutong.database import Connection, named_sql
from jutong.gather.declaring import BATCH, ROW, raw_dataset
from jutong.store import Store
from jutong.terms import NotFound

_sql = named_sql(__file__)


def sources(
    connection: Connection,
    *,
    department: str | None = None,
    kind: str | None = None,
    text: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Rows with name, label, kind, state, department_code, department, tables, received_at, failed (tables
    whose last batch failed), given (all rows ever taken)."""
    return connection.execute(
        _sql.page_sources,
        {"department": department, "kind": kind, "text": text, "limit": limit, "offset": offset},
    ).fetchall()


def tables(connection: Connection, source: str) -> list[dict[str, Any]]:
    """Tables of a source with their last batch: batch, batch_state, given, received_at, problem."""
    return connection.execute(_sql.page_tables, {"source": source}).fetchall()


def batches(
    connection: Connection,
    *,
    table: str | None = None,
    source: str | None = None,
    department: str | None = None,
    state: str | None = None,
    text: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Batches, newest first, with label, source_name, kind, department_code and department beside the receipt."""
    return connection.execute(
        _sql.page_batches,
        {
            "id": None, "table": table, "source": source, "department": department, "state": state,
            "text": text, "limit": limit, "offset": offset,
        },
    ).fetchall()  # fmt: skip


def batch(connection: Connection, batch_id: str) -> dict[str, Any]:
    """One batch as ``batches`` gives it; raises NotFound ``gather.no_batch``."""
    names = ("table", "source", "department", "state", "text")
    row = connection.execute(
        _sql.page_batches, {**dict.fromkeys(names), "id": batch_id, "limit": 1, "offset": 0}
    ).fetchone()
    if row is None:
        raise NotFound("gather.no_batch", f"批次 {batch_id} 不存在")
    return row


def chunks(connection: Connection, batch_id: str) -> list[dict[str, Any]]:
    """The parts a large batch landed in, each with no, given, bytes, digest, attempt, snapshot."""
    return connection.execute(_sql.page_chunks, {"batch": batch_id}).fetchall()


def under_way(connection: Connection, source: str) -> list[dict[str, Any]]:
    """Large tables of a source on their way, or left by an interrupted run: table, batch_id, started_at, parts (how
    many there will be; 0 where that is not known), landed, given, spliced."""
    return connection.execute(_sql.page_courses, {"source": source}).fetchall()


def sample_rows(
    store: Store, table: str, batch_id: str, limit: int = 20, offset: int = 0
) -> list[dict[str, Any]]:
    """Raw rows of a batch in the order they were given, ``_row`` first."""
    name = raw_dataset(table)
    with store.reading() as view:
        return view.rows(
            f"SELECT * EXCLUDE ({BATCH}) FROM {view.table(name)} WHERE {BATCH} = ? "
            f"ORDER BY {ROW} LIMIT {int(limit)} OFFSET {int(offset)}",
            [batch_id],
        )
