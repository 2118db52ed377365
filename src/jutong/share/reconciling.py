"""对账: whether the receiver's table holds what the grant lets out, and putting it right where it does not.  UC-SHARE-05.

Count and content hash of the whole first; only where they differ, key range by key range, the keys that differ, and then
exactly those rows are sent again, each with its evidence.  Of rows that differ the keys are kept, the first thousand
of the latest reconciliation that found any; no other value is.  Every reconciliation ends in a state (domain §6.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from jutong.database import Connection, Database, named_sql
from jutong.keys import KeyProvider
from jutong.ledger import Stream
from jutong.share.deliveries import find_delivery
from jutong.share.delivering import CHUNK_ROWS, Delivered, Way, begin, carry_out, open_way
from jutong.share.outgoing import Key, key_of
from jutong.share.reading import content_here, everything
from jutong.share.receiver import Checkpoint
from jutong.store import Store
from jutong.terms import Broken, Conflict, ContentHash, Denied, JutongError, Unavailable

_SQL = named_sql(__file__)

#: Keys listed of one reconciliation; all are counted.
LISTED = 1000
Cause = Literal["run", "schedule", "person"]

#: How a reconciliation ends that could not compare, by the code of what stood in its way.
_ENDS = {
    "share.delivery_unfinished": "waiting",
    "share.delivery_running": "waiting",
    "share.delivery_stopped": "cancelled",
    "share.receiver_locked": "timeout",
    "share.receiver_no_table": "no_table",
    "share.receiver_silent": "unreachable",
    "share.dataset_unknown": "no_source",
    "store.no_snapshot": "no_source",
    "store.no_dataset": "no_source",
}


@dataclass(frozen=True)
class Difference:
    """One row by its key: ``missing`` there, ``different`` there, or ``extra`` there."""

    kind: str
    key: Key


@dataclass(frozen=True)
class Reconciled:
    """``result``: equal, mended (it differed and is now equal) or different (it differs and was left so)."""

    result: str
    snapshot: int
    here: ContentHash
    there: ContentHash
    #: Key ranges compared, and how many of them differed before mending; 0 when the whole was equal at once.
    ranges: int = 0
    apart: int = 0
    #: Rows that differed before mending, and the first of them.
    differing: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def state(self) -> str:
        """``result``, saying also where a side is empty."""
        if self.result == "equal" and not self.here.rows:
            return "both_empty"
        if self.result == "different" and not (self.here.rows and self.there.rows):
            return "there_empty" if self.here.rows else "here_empty"
        return self.result


def reconcile(
    database: Database,
    store: Store,
    stream: Stream,
    keys: KeyProvider,
    name: str,
    *,
    done: Delivered | None = None,
    mend: bool = True,
    cause: Cause = "run",
    chunk_rows: int = CHUNK_ROWS,
) -> Reconciled:
    """Compare a delivery's table with the lake at the snapshot it stands at; mend it unless told not to.

    Right after a full run, ``done`` spares hashing the lake's side a second time.

    Raises Conflict ``share.delivery_unfinished`` while a run is unfinished or the granted items have changed
    since (run the delivery first), ``share.receiver_no_table``, Broken ``share.mend_failed`` if the table still
    differs after mending, and what ``deliver`` raises; each of them is kept as a state of its own.
    """
    with database.connection() as connection:
        find_delivery(connection, name)
    number: int | None = None
    try:
        with open_way(database, store, stream, keys, name, chunk_rows) as (way, found_standing):
            number = _begun(database, name, cause)
            found = _compared(way, found_standing, done, mend)
        _keep(database, number, found)
    except Exception as problem:
        _keep_end(database, name, cause, number, problem)
        raise
    if found.result == "different" and mend:
        raise Broken("share.mend_failed", f"交换 {name} 补正后与湖中内容仍不一致")
    return found


def reconciliations_due(connection: Connection) -> list[str]:
    """Names of the deliveries whose time has come, longest waiting first; what could not compare is tried each hour."""
    return [row["name"] for row in connection.execute(_SQL.reconciliations_due)]


def _compared(way: Way, found_standing: Checkpoint | None, done: Delivered | None, mend: bool) -> Reconciled:
    standing = _settled(way, found_standing)
    snapshot = standing.snapshot or 0
    known = done.content if done and (done.run, done.snapshot) == (standing.run, snapshot) else None
    here = known or content_here(way.store, way.outgoing, snapshot)
    there = _there(way)
    if here == there:
        return Reconciled("equal", snapshot, here, there)
    walk = _differences(way, snapshot)
    first = tuple(islice(walk, LISTED))
    found = Reconciled(
        "different",
        snapshot,
        here,
        there,
        differing=len(first) + sum(1 for _ in walk),
        differences=first,
    )
    if not mend:
        return found
    mended = carry_out(way, begin(way, standing, "difference", None, snapshot))
    now = _there(way)
    return replace(
        found,
        result="mended" if now == here else "different",
        there=now,
        ranges=mended.ranges,
        apart=mended.apart,
    )


def _differences(way: Way, snapshot: int) -> Iterator[Difference]:
    """Both tables in key order, range by range; rows are looked at only where a range's hashes differ."""
    before: Key | None = None
    receiver, outgoing = way.receiver, way.outgoing
    with everything(way.store, outgoing, snapshot, after=None, size=way.size, with_row_hash=True) as found:
        for chunk in found:
            with receiver.transaction():
                if receiver.content(way.live_table, outgoing, before, chunk.last_key) == chunk.content:
                    before = chunk.last_key
                    continue
                there = receiver.row_hashes(way.live_table, outgoing, before, chunk.last_key)
            for row, digest in enumerate(chunk.row_hashes):
                key = key_of(chunk.table, outgoing.keys, row)
                held = there.pop(key, None)
                if held != digest:
                    yield Difference("missing" if held is None else "different", key)
            yield from (Difference("extra", key) for key in there)
            before = chunk.last_key
    while True:  # what the receiver holds beyond our last row
        with receiver.transaction():
            beyond = receiver.row_hashes(way.live_table, outgoing, before, None, way.size)
        if not beyond:
            return
        yield from (Difference("extra", key) for key in beyond)
        before = list(beyond)[-1]


def _settled(way: Way, standing: Checkpoint | None) -> Checkpoint:
    if standing is None or standing.snapshot is None or standing.phase != "idle":
        raise Conflict("share.delivery_unfinished", f"交换 {way.delivery.name} 尚未完成一次运行，无从对账")
    if standing.signature != way.outgoing.signature:
        raise Conflict("share.delivery_unfinished", "授权范围有变化，请先运行交换再对账")
    with way.receiver.transaction():
        if not way.receiver.exists(way.live_table):
            raise Conflict(
                "share.receiver_no_table", f"接收库中没有表 {way.live_table}，无从对账：请接收方恢复该表"
            )
    return standing


def _there(way: Way) -> ContentHash:
    with way.receiver.transaction():
        return way.receiver.content(way.live_table, way.outgoing)


def _begun(database: Database, name: str, cause: Cause) -> int:
    with database.connection() as connection:
        row = connection.execute(_SQL.begin_reconciliation, {"name": name, "cause": cause}).fetchone()
    assert row is not None
    return int(row["id"])


def _keep(database: Database, number: int, found: Reconciled) -> None:
    with database.connection() as connection:
        connection.execute(
            _SQL.end_reconciliation,
            {
                "id": number,
                "snapshot": found.snapshot,
                "result": found.state,
                "rows_here": found.here.rows,
                "rows_there": found.there.rows,
                "digest_here": found.here.digest,
                "digest_there": found.there.digest,
                "ranges": found.ranges,
                "apart": found.apart,
                "differing": found.differing,
            },
        )
        if found.differences:
            connection.execute(_SQL.forget_keys, {"id": number})
            with connection.cursor() as cursor, cursor.copy(_SQL.keep_keys) as copy:
                for no, one in enumerate(found.differences, 1):
                    copy.write_row((number, no, one.kind, list(one.key)))


def _keep_end(database: Database, name: str, cause: Cause, number: int | None, problem: Exception) -> None:
    """Why nothing could be compared, or where comparing stopped."""
    if number is None:
        number = _begun(database, name, cause)
    words = problem.sentence if isinstance(problem, JutongError) else type(problem).__name__
    values: dict[str, Any] = {"id": number, "result": end_of(problem), "problem": words}
    with database.connection() as connection:
        connection.execute(_SQL.stop_reconciliation, values)


def end_of(problem: Exception) -> str:
    """The state a reconciliation ends in that met this."""
    code = problem.code if isinstance(problem, JutongError) else ""
    if code.startswith("outside.") and isinstance(problem, Unavailable):
        return "unreachable"
    if isinstance(problem, Denied):
        return "cancelled"
    return _ENDS.get(code, "failed")
