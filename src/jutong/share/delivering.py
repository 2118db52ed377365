"""Running a delivery so that any crash and any replay end in the same content (laws 3 and 4).  UC-SHARE-02.

Each chunk: rows, evidence, checkpoint, in this order, in one transaction of the receiver's database.  The
evidence is durable in the ledger before that transaction commits; a crash in between leaves evidence of a chunk
that never arrived, so every chunk's fact carries an ``attempt`` of its own, the checkpoint keeps the attempt that
committed, and the run's next fact names it (``after``).  Metering counts named attempts and no others.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from jutong.database import Database, named_sql
from jutong.keys import KeyProvider
from jutong.ledger import Exchange, Stream
from jutong.share.bounds import Bound, bound_of
from jutong.share.deliveries import Delivery, find_delivery, live_bound, note_held, password_of
from jutong.share.outgoing import Chunk, Key, Outgoing, key_of
from jutong.share.reading import (
    ChangesLost,
    changed_rows,
    everything,
    everything_unordered,
    gone_keys,
)
from jutong.share.receiver import Checkpoint, Receiver, open_receiver, swap_in
from jutong.share.requests import mark_provided
from jutong.share.seen import keep_subjects, subject_secret, this_period
from jutong.store import Store
from jutong.terms import EMPTY_CONTENT, Conflict, ContentHash, Denied, JutongError, NotFound, Refused

_SQL = named_sql(__file__)

#: One chunk: some tenths of a second of work, so little is sent again after a crash.
CHUNK_ROWS = 100_000
#: How often the polite lock is tried, every 50 ms.
_PATIENCE = 40


@dataclass(frozen=True)
class Delivered:
    """What one run did; ``chunks`` 0 when nothing the receiver may see had changed."""

    run: str
    kind: str
    snapshot: int
    chunks: int
    upserted: int
    deleted: int
    #: Key ranges compared and found apart, by a difference run.
    ranges: int = 0
    apart: int = 0
    #: Content hash of all that was sent, by a full run that was not interrupted: what the table must have.
    content: ContentHash | None = None


@dataclass(frozen=True)
class Way:
    """Everything a run needs, so that every step says what it uses."""

    database: Database
    store: Store
    stream: Stream
    keys: KeyProvider
    delivery: Delivery
    receiver: Receiver
    bound: Bound
    size: int

    @property
    def outgoing(self) -> Outgoing:
        return self.bound.outgoing

    @property
    def live_table(self) -> str:
        return self.delivery.table_name

    @property
    def load_stem(self) -> str:
        return f"jutong_load_{sha256(self.delivery.name.encode()).hexdigest()[:12]}"

    def load_table(self, run: Checkpoint) -> str:
        """The table a first load fills before it is renamed to the live one."""
        return self.receiver.load_table(self.load_stem, run.run)


def deliver(
    database: Database,
    store: Store,
    stream: Stream,
    keys: KeyProvider,
    name: str,
    *,
    chunk_rows: int = CHUNK_ROWS,
) -> Delivered:
    """Bring the receiver's table to the lake's newest snapshot: full, then incremental, a difference if need be.

    Goes on where a killed run stopped.  Raises Denied with the grant's own code (recorded), Conflict
    ``share.delivery_running``, ``share.table_taken``, ``share.receiver_drift``, ``share.checkpoint_moved``, Unavailable
    ``outside.postgres_unreachable``, ``outside.mysql_unreachable``, ``ledger.stream_ended``.
    """
    try:
        with open_way(database, store, stream, keys, name, chunk_rows) as (way, standing):
            run = _resume_or_begin(way, standing, store.snapshot())
            return carry_out(way, run)
    except JutongError as problem:
        note_held(database, name, problem)
        raise


@contextmanager
def open_way(
    database: Database, store: Store, stream: Stream, keys: KeyProvider, name: str, size: int
) -> Iterator[tuple[Way, Checkpoint | None]]:
    """Steps 1–3: the receiver's own checkpoint, what a killed run left to say, and the ground to go on."""
    with database.connection() as connection:
        delivery = find_delivery(connection, name)
        password = password_of(connection, keys, name)
    with _politely(database, name), open_receiver(delivery.receiver, password) as receiver:
        with receiver.transaction():  # 1  where does the receiver stand, commits still in flight included
            receiver.prepare()
            standing = receiver.checkpoint(name, lock=True)
        bound = None
        try:
            with database.connection() as connection:
                if standing and standing.phase == "idle":
                    connection.execute(_SQL.settle_run, _numbers(standing))
                bound = live_bound(connection, delivery)  # 2  on what ground
        except Denied as problem:
            _record_refusal(stream, database, delivery, problem)
            raise
        finally:
            if standing and standing.phase != "idle":  # 3  evidence of what a killed run did commit
                _confirm(stream, delivery, bound, standing, "resumed")
        yield Way(database, store, stream, keys, delivery, receiver, bound, size), standing


def carry_out(way: Way, run: Checkpoint) -> Delivered:
    """Steps 5–7: send what is left of a run, put the table in place, say so; a failure is kept with its words."""
    ranges = apart = 0
    content = None
    try:
        _note_run(way, run)
        if run.kind == "full":
            run, content = _load(way, run)
        elif run.kind == "incremental":
            run = _bring_changes(way, run)
        if run.kind == "difference":  # also when the feed turned out to be lost
            run, ranges, apart = _compare(way, run)
        run = _finish(way, run)
    except Exception as problem:
        _stopped(way, problem)
        raise
    _note_end(way, run, "done", None)
    with way.database.connection() as connection:
        mark_provided(connection, way.delivery.grant_id, "首次库表交换已完成")
    way.store.follow(f"delivery:{way.delivery.name}", way.outgoing.dataset, run.to_snapshot or 0)
    return Delivered(
        run.run, run.kind, run.to_snapshot or 0, run.chunk, run.upserted, run.deleted, ranges, apart, content
    )


# -- step 4: which run


def _resume_or_begin(way: Way, standing: Checkpoint | None, until: int) -> Checkpoint:
    if standing is None or (standing.snapshot is None and not _goes_on(way, standing)):
        return begin(way, standing, "full", None, until)
    if standing.phase != "idle":
        if _goes_on(way, standing):
            return standing
        return begin(way, standing, "difference", None, until)
    if standing.signature != way.outgoing.signature:
        return begin(way, standing, "difference", None, until)
    return begin(way, standing, "incremental", standing.snapshot, until)


def _goes_on(way: Way, standing: Checkpoint) -> bool:
    """Whether the run under way can be finished as it was begun: same shape, its snapshot and its table still there."""
    if standing.phase == "idle" or standing.signature != way.outgoing.signature:
        return False
    if standing.phase == "load" and standing.chunk:
        with way.receiver.transaction():
            if not way.receiver.exists(way.load_table(standing)):
                return False
    try:
        with way.store.reading(standing.to_snapshot):
            return True
    except NotFound:
        return standing.phase in ("keyed", "swapped")


def begin(way: Way, standing: Checkpoint | None, kind: str, since: int | None, until: int) -> Checkpoint:
    """Put a new run into the receiver's checkpoint, with the table it needs.

    Raises Conflict ``share.receiver_drift`` when the live table is no longer the one we made: nothing is sent until
    somebody has looked.
    """
    outgoing = way.outgoing
    if kind != "full" and standing is not None:
        _fit(way, standing)
    fresh = Checkpoint(
        delivery=way.delivery.name,
        table_name=way.live_table,
        signature=outgoing.signature,
        columns=tuple(name for name, _ in outgoing.columns),
        snapshot=standing.snapshot if standing else None,
        run=f"R{secrets.token_hex(8)}",
        kind=kind,
        from_snapshot=since,
        to_snapshot=until,
        phase={"full": "load", "incremental": "delete", "difference": "compare"}[kind],
        upserted_total=standing.upserted_total if standing else 0,
        deleted_total=standing.deleted_total if standing else 0,
    )
    with way.receiver.transaction():
        if standing is not None:
            way.receiver.hold(standing)
        way.receiver.begin(fresh, standing)  # first: whoever comes second gives way before touching a table
        if kind == "full":
            if way.receiver.exists(way.live_table):
                raise Conflict(
                    "share.table_taken",
                    f"接收库中已有表 {way.live_table}，不是本交换所建：请改名或换一个接收表名",
                )
            way.receiver.sweep(way.load_stem)
            way.receiver.create(way.load_table(fresh), outgoing, _comment(way))
        elif standing is not None and standing.signature != outgoing.signature:
            for column in sorted(set(standing.columns) - set(fresh.columns)):
                way.receiver.empty_column(way.live_table, column)
    return fresh


def _fit(way: Way, standing: Checkpoint) -> None:
    """Give the live table the columns that may leave now, then see whether it can be kept at all."""
    receiver, outgoing = way.receiver, way.outgoing
    if standing.signature != outgoing.signature:

        def reshape() -> None:
            receiver.hold(standing)
            if receiver.exists(way.live_table):
                receiver.reshape(way.live_table, outgoing)

        swap_in(receiver, reshape)
    with receiver.transaction():
        drift = receiver.drift(way.live_table, outgoing)
    if drift:
        raise Conflict(
            "share.receiver_drift",
            f"接收表 {way.live_table} 已被改动：{drift}。交换已停住，请接收方恢复该表，或另建交换",
        )


# -- step 5: what is sent


def _load(way: Way, run: Checkpoint) -> tuple[Checkpoint, ContentHash | None]:
    """Fill the table that is not shown yet; the content hash of all of it, unless an earlier run began it."""
    if run.phase != "load":
        return run, None
    there = None
    with way.receiver.transaction():
        if run.chunk:  # an earlier run brought a part; which, the receiver itself knows best
            there = way.receiver.keys_there(way.load_table(run), way.outgoing)
        elif not way.receiver.exists(way.load_table(run)):  # killed between the checkpoint and its table
            way.receiver.create(way.load_table(run), way.outgoing, _comment(way))
    content = EMPTY_CONTENT if there is None else None
    with everything_unordered(
        way.store, way.outgoing, _until(run), there=there, size=way.size, subject_key=_secret(way)
    ) as found:
        for chunk in found:
            run = _send(way, run, chunk)
            content = content + chunk.content if content else None
    return run, content


def _bring_changes(way: Way, run: Checkpoint) -> Checkpoint:
    """Deletes first, so that a value freed by one row can be taken by another."""
    since, until = run.from_snapshot or 0, _until(run)
    try:
        if run.phase == "delete":
            with gone_keys(way.store, way.outgoing, since, until, after=run.last_key, size=way.size) as found:
                for gone in found:
                    run = _send(way, run, None, gone)
            with way.receiver.transaction():
                run = way.receiver.move(run, phase="upsert", last_key=None)
        with changed_rows(
            way.store, way.outgoing, since, until,
            after=run.last_key, size=way.size, subject_key=_secret(way),
        ) as rows:  # fmt: skip
            for chunk in rows:
                run = _send(way, run, chunk)
    except ChangesLost:
        _confirm(way.stream, way.delivery, way.bound, run, "abandoned")
        _note_end(way, run, "done", "变更记录已不完整，改为全量比对")
        run = begin(way, run, "difference", None, until)
        _note_run(way, run)
    return run


def _compare(way: Way, run: Checkpoint) -> tuple[Checkpoint, int, int]:
    """Walk both tables in key order, range by range; where the hashes differ, send exactly the rows that do."""
    ranges = apart = 0
    before = run.last_key
    with everything(
        way.store, way.outgoing, _until(run),
        after=before, size=way.size, subject_key=_secret(way), with_row_hash=True,
    ) as found:  # fmt: skip
        for chunk in found:
            ranges += 1
            with way.receiver.transaction():
                there = way.receiver.content(way.live_table, way.outgoing, before, chunk.last_key)
            if there != chunk.content:
                apart += 1
                run = _mend(way, run, chunk, before)
            before = chunk.last_key
    while True:  # what the receiver holds beyond our last row
        with way.receiver.transaction():
            beyond = way.receiver.row_hashes(way.live_table, way.outgoing, before, None, way.size)
        if not beyond:
            return run, ranges, apart
        apart += 1
        before = list(beyond)[-1]
        run = _send(way, run, None, _key_table(way, list(beyond)), last_key=before)


def _mend(way: Way, run: Checkpoint, chunk: Chunk, before: Key | None) -> Checkpoint:
    with way.receiver.transaction():
        there = way.receiver.row_hashes(way.live_table, way.outgoing, before, chunk.last_key)
    here = [key_of(chunk.table, way.outgoing.keys, row) for row in range(chunk.rows)]
    wrong = [row for row, key in enumerate(here) if there.get(key) != chunk.row_hashes[row]]
    gone = sorted(there.keys() - set(here))
    if not wrong and not gone:  # put right by somebody else between the two looks
        return run
    return _send(way, run, chunk.take(wrong), _key_table(way, gone), last_key=chunk.last_key)


def _send(
    way: Way, run: Checkpoint, chunk: Chunk | None, gone: pa.Table | None = None, last_key: Key | None = None
) -> Checkpoint:
    """One chunk: rows, evidence, checkpoint; all of it arrives or none."""
    _still_granted(way)
    attempt = secrets.token_hex(8)
    request_id = f"{way.delivery.name}/{run.run}/{run.chunk + 1}"
    rows = chunk.rows if chunk else 0
    with _meanwhile() as meanwhile, way.receiver.transaction():
        keeping = (
            meanwhile.submit(  # whose records these are, durable before (c), while the rows are on their way
                keep_subjects,
                way.database,
                request_id=request_id,
                attempt=attempt,
                period=this_period(),
                hashes=chunk.subjects if chunk else b"",
            )
        )
        way.receiver.hold(run)  # (a) nobody else moves this run
        deleted = 0
        if run.kind == "full" and chunk:  # (b) the rows
            way.receiver.load(way.load_table(run), way.outgoing, chunk.table)
        else:
            deleted = way.receiver.merge(
                way.live_table,
                way.outgoing,
                chunk.table if chunk else _no_rows(way),
                gone if gone is not None else _key_table(way, []),
            )
        way.stream.record(  # (c) the evidence, durable before anything is in effect
            _fact(
                way.delivery,
                way.bound,
                "share:delivery:chunk",
                rows=rows,
                request_id=request_id,
                content=chunk.content.digest if chunk else "",
                subjects=keeping.result(),
                detail={
                    "run": run.run,
                    "kind": run.kind,
                    "chunk": run.chunk + 1,
                    "attempt": attempt,
                    "after": run.attempt,
                    "deleted": deleted,
                    "snapshot": run.to_snapshot,
                },
            )
        )
        return way.receiver.move(  # (d) the checkpoint
            run,
            chunk=run.chunk + 1,
            last_key=last_key or (chunk.last_key if chunk else _last_of(way, gone)),
            attempt=attempt,
            upserted=run.upserted + rows,
            deleted=run.deleted + deleted,
            upserted_total=run.upserted_total + rows,
            deleted_total=run.deleted_total + deleted,
        )


def _meanwhile() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="subjects")


# -- step 6: in place, and said


def _finish(way: Way, run: Checkpoint) -> Checkpoint:
    receiver = way.receiver
    if run.phase == "load":
        with receiver.transaction():
            receiver.hold(run)
            receiver.add_key(way.load_table(run), way.outgoing.keys)
            run = receiver.move(run, phase="keyed", last_key=None)
    if run.phase == "keyed":
        keyed = run

        def swap() -> Checkpoint:
            receiver.hold(keyed)
            receiver.rename(way.load_table(keyed), way.live_table)
            return receiver.move(keyed, phase="swapped", snapshot=keyed.to_snapshot)

        run = swap_in(receiver, swap)
    if run.kind == "full":
        with receiver.transaction():
            receiver.hold(run)
            receiver.sweep(way.load_stem)
    _confirm(way.stream, way.delivery, way.bound, run, "done")
    with receiver.transaction():
        receiver.hold(run)
        return receiver.move(run, phase="idle", last_key=None, snapshot=run.to_snapshot)


def _confirm(stream: Stream, delivery: Delivery, bound: Bound | None, run: Checkpoint, end: str) -> None:
    """The ledger's fact of what the receiver's checkpoint says has been committed; saying it twice is harmless."""
    if run.chunk == 0:
        return
    stream.record(
        _fact(
            delivery,
            bound,
            "share:delivery:confirm",
            request_id=f"{delivery.name}/{run.run}/{end}/{run.chunk}",
            detail={
                "run": run.run,
                "end": end,
                "after": run.attempt,
                "chunks": run.chunk,
                "upserted": run.upserted,
                "deleted": run.deleted,
                "snapshot": run.to_snapshot,
            },
        )
    )


def _stopped(way: Way, problem: Exception) -> None:
    """A run that failed still says what it had committed, if receiver and ledger can be reached."""
    words = problem.sentence if isinstance(problem, JutongError) else type(problem).__name__
    try:
        with way.receiver.transaction():
            standing = way.receiver.checkpoint(way.delivery.name, lock=True)
        if standing:
            _confirm(way.stream, way.delivery, way.bound, standing, "stopped")
            _note_end(way, standing, "failed", words)
    except JutongError:
        pass  # the next run reads the checkpoint and says it then


# -- small things


def _still_granted(way: Way) -> None:
    """Law 5 asks for a live grant at the moment of leaving, not at the start of the run."""
    with way.database.connection() as connection:
        decision = bound_of(connection, way.delivery.grant_id)
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
    if decision.outgoing.signature != way.outgoing.signature:
        raise Conflict("share.grant_changed", "授权或目录刚有变化，本次运行停止，下次按新的范围接着交换")


def _fact(delivery: Delivery, bound: Bound | None, event: str, **more: Any) -> Exchange:
    return Exchange(
        event=event,
        at=datetime.now(UTC),
        consumer=delivery.department_code,
        application=bound.application_id if bound else "",
        provider=delivery.provider_code,
        entry=bound.entry_code if bound else "",
        dataset=bound.outgoing.dataset if bound else "",
        resource=delivery.name,
        grant=delivery.grant_id,
        purpose=bound.purpose if bound else "",
        items=tuple(name for name, _ in bound.outgoing.columns) if bound else (),
        **{"outcome": "answered", **more},
    )


def _record_refusal(stream: Stream, database: Database, delivery: Delivery, problem: Denied) -> None:
    stream.record(
        replace(_fact(delivery, None, "share:delivery:refuse"), outcome="refused", code=problem.code)
    )
    with database.connection() as connection:
        connection.execute(_SQL.fail_runs, {"name": delivery.name, "error": problem.sentence})


def _note_run(way: Way, run: Checkpoint) -> None:
    with way.database.connection() as connection:
        connection.execute(_SQL.supersede_runs, {"id": run.run, "delivery": way.delivery.name})
        connection.execute(
            _SQL.begin_run,
            {
                "id": run.run,
                "delivery": way.delivery.name,
                "kind": run.kind,
                "from": run.from_snapshot,
                "to": run.to_snapshot,
            },
        )


def _note_end(way: Way, run: Checkpoint, state: str, error: str | None) -> None:
    with way.database.connection() as connection:
        connection.execute(_SQL.end_run, {**_numbers(run), "state": state, "error": error})
        connection.execute(_SQL.set_delivery_snapshot, {"name": way.delivery.name, "snapshot": run.snapshot})


def _numbers(run: Checkpoint) -> dict[str, Any]:
    return {"id": run.run, "chunks": run.chunk, "upserted": run.upserted, "deleted": run.deleted}


@contextmanager
def _politely(database: Database, name: str) -> Iterator[None]:
    """One run at a time saves work; safety is the receiver's checkpoint alone.

    The server lets go of a killed run's lock only when it notices that nobody is there, so a moment is waited.
    """
    connection = database.connect(autocommit=True)
    try:
        for attempt in range(_PATIENCE):
            row = connection.execute(_SQL.politeness_lock, {"name": name}).fetchone()
            if row and row["got"]:
                break
            if attempt + 1 == _PATIENCE:
                raise Conflict("share.delivery_running", f"交换 {name} 正在运行")
            time.sleep(0.05)
        yield
    finally:
        connection.close()


def _until(run: Checkpoint) -> int:
    if run.to_snapshot is None:
        raise Conflict("share.checkpoint_moved", f"交换 {run.delivery} 的进度记录不完整")
    return run.to_snapshot


def _secret(way: Way) -> bytes | None:
    return subject_secret(way.keys, this_period()) if way.outgoing.subjects else None


def _no_rows(way: Way) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name, _ in way.outgoing.columns})


def _key_table(way: Way, keys: list[Key]) -> pa.Table:
    """Keys as texts; COPY reads them into the key columns' own types."""
    names = way.outgoing.keys
    return pa.table(
        {name: pa.array([key[place] for key in keys], pa.string()) for place, name in enumerate(names)}
    )


def _last_of(way: Way, gone: pa.Table | None) -> Key | None:
    return key_of(gone, way.outgoing.keys, gone.num_rows - 1) if gone is not None and gone.num_rows else None


def _comment(way: Way) -> str:
    return f"聚通按授权 {way.bound.grant_id} 交换：{way.bound.entry_code}（{way.bound.purpose}）"
