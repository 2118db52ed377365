"""对账: whether the receiver's table holds what the grant lets out, and putting it right where it does not.

Count and content hash of the whole first; only where they differ, key range by key range, and then exactly the
rows that differ are sent again, each with its evidence.  No row's values are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass

from jutong.database import Database, named_sql
from jutong.keys import KeyProvider
from jutong.ledger import Stream
from jutong.share.delivering import CHUNK_ROWS, Delivered, Way, begin, carry_out, open_way
from jutong.share.reading import content_here
from jutong.share.receiver import Checkpoint
from jutong.store import Store
from jutong.terms import Broken, Conflict, ContentHash

_SQL = named_sql(__file__)


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


def reconcile(
    database: Database,
    store: Store,
    stream: Stream,
    keys: KeyProvider,
    name: str,
    *,
    done: Delivered | None = None,
    mend: bool = True,
    chunk_rows: int = CHUNK_ROWS,
) -> Reconciled:
    """Compare a delivery's table with the lake at the snapshot it stands at; mend it unless told not to.

    Right after a full run, ``done`` spares hashing the lake's side a second time.

    Raises Conflict ``share.delivery_unfinished`` while a run is unfinished or the granted items have changed
    since (run the delivery first), Broken ``share.mend_failed`` if the table still differs after mending, and
    what ``deliver`` raises.
    """
    with open_way(database, store, stream, keys, name, chunk_rows) as (way, found_standing):
        standing = _settled(way, found_standing)
        snapshot = standing.snapshot or 0
        known = done.content if done and (done.run, done.snapshot) == (standing.run, snapshot) else None
        here = known or content_here(store, way.outgoing, snapshot)
        there = _there(way)
        found = Reconciled("equal" if here == there else "different", snapshot, here, there)
        if here != there and mend:
            mended = carry_out(way, begin(way, standing, "difference", None, snapshot))
            found = _mended(way, found, mended)
        _keep(way, found)
        if found.result == "different" and mend:
            raise Broken("share.mend_failed", f"交换 {name} 补正后与湖中内容仍不一致")
        return found


def _settled(way: Way, standing: Checkpoint | None) -> Checkpoint:
    if standing is None or standing.snapshot is None or standing.phase != "idle":
        raise Conflict("share.delivery_unfinished", f"交换 {way.delivery.name} 尚未完成一次运行，无从对账")
    if standing.signature != way.outgoing.signature:
        raise Conflict("share.delivery_unfinished", "授权范围有变化，请先运行交换再对账")
    return standing


def _there(way: Way) -> ContentHash:
    with way.receiver.transaction():
        return way.receiver.content(way.live_table, way.outgoing)


def _mended(way: Way, found: Reconciled, done: Delivered) -> Reconciled:
    now = _there(way)
    result = "mended" if now == found.here else "different"
    return Reconciled(result, found.snapshot, found.here, now, done.ranges, done.apart)


def _keep(way: Way, found: Reconciled) -> None:
    with way.database.connection() as connection:
        connection.execute(
            _SQL.add_reconciliation,
            {
                "name": way.delivery.name,
                "snapshot": found.snapshot,
                "result": found.result,
                "rows_here": found.here.rows,
                "rows_there": found.there.rows,
                "digest_here": found.here.digest,
                "digest_there": found.there.digest,
                "ranges": found.ranges,
                "apart": found.apart,
            },
        )
