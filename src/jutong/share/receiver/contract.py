"""What a delivery asks of a receiver's database, whatever its kind.

Law 4 lives here: a chunk's rows and the checkpoint that says they have arrived commit in one transaction, and
the checkpoint moves n → n + 1 only while it still stands at n.  All methods run inside the transaction the
caller has opened with ``transaction()``.

Where DDL commits by itself (the MySQL family), each DDL method also ends the transaction it runs in; so each may be
repeated, and comes after the checkpoint that makes a later run repeat it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Self, TypeVar

import pyarrow as pa

from jutong.share.outgoing import Key, Outgoing, OutItem
from jutong.share.receiver.checkpoint import CONTROL_TABLE, Checkpoint
from jutong.terms import Conflict, ContentHash, Unavailable

#: Seconds a renaming or a new column may wait for the receiver's own readers before it gives way to them.
_POLITE = 2
_SWAP_TRIES = 30
_T = TypeVar("_T")


class Locked(Unavailable):
    """Somebody at the receiver's holds what we would need; giving way and coming again is right."""


class Receiver(ABC):
    """An open connection to a consumer's database; close it, or use it as a context manager."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def transaction(self, patience: int | None = None) -> AbstractContextManager[None]:
        """One transaction; a database error becomes an error of ours and nothing has happened.

        ``patience`` seconds are waited for a lock at most.  Raises Locked, BadInput ``share.row_not_storable``,
        Unavailable ``share.receiver_unreachable``, Conflict ``share.receiver_refused``.
        """

    # -- the checkpoint

    @abstractmethod
    def prepare(self) -> None:
        """Make the control table if it is not there.  Two first deliveries at once make it once."""

    def checkpoint(self, delivery: str, *, lock: bool = False) -> Checkpoint | None:
        """With ``lock`` the row is held FOR UPDATE: a killed run whose commit is still in flight is waited for."""
        row = self._row(
            f"SELECT * FROM {self._name(CONTROL_TABLE)} WHERE delivery = %(delivery)s"
            f"{' FOR UPDATE' if lock else ''}",
            {"delivery": delivery},
        )
        return Checkpoint.from_row(row) if row else None

    def begin(self, checkpoint: Checkpoint, before: Checkpoint | None) -> None:
        """Put a new run's checkpoint in the place of ``before``; raises Conflict if that one has moved."""
        if before is not None:
            self._replace(before, checkpoint)
        elif self._insert_first(self._stored(checkpoint)) != 1:
            raise _moved(checkpoint.delivery)

    def hold(self, checkpoint: Checkpoint) -> None:
        """Lock the checkpoint row and make sure it stands where we think it does."""
        found = self.checkpoint(checkpoint.delivery, lock=True)
        if found != checkpoint:
            raise _moved(checkpoint.delivery)

    def move(self, before: Checkpoint, **changes: Any) -> Checkpoint:
        """Compare and set; the chunk number is what is compared."""
        after = replace(before, **changes)
        self._replace(before, after)
        return after

    def _replace(self, before: Checkpoint, after: Checkpoint) -> None:
        row = self._stored(after)
        sets = ", ".join(f"{self._quote(name)} = %({name})s" for name in row if name != "delivery")
        moved = self._change(
            f"UPDATE {self._name(CONTROL_TABLE)} SET {sets}, changed_at = {self._now}"
            " WHERE delivery = %(delivery)s AND run = %(was_run)s AND chunk = %(was_chunk)s"
            " AND phase = %(was_phase)s",
            {**row, "was_run": before.run, "was_chunk": before.chunk, "was_phase": before.phase},
        )
        if moved != 1:
            raise _moved(before.delivery)

    # -- tables

    @abstractmethod
    def load_table(self, stem: str, run: str) -> str:
        """The table in which the first load ``run`` is gathered before it is shown."""

    @abstractmethod
    def exists(self, table: str) -> bool: ...

    @abstractmethod
    def sweep(self, stem: str) -> None:
        """Drop what earlier first loads left behind; ask for it only while the checkpoint is held."""

    @abstractmethod
    def create(self, table: str, outgoing: Outgoing, comment: str) -> None:
        """A table of our own unless it is there: key texts in a binary collation, items with their Chinese names."""

    @abstractmethod
    def add_key(self, table: str, keys: Sequence[str]) -> None:
        """The primary key, if the table does not have it yet."""

    @abstractmethod
    def rename(self, table: str, to: str) -> None:
        """Show the loaded table under its name; done already by this very load is done."""

    def reshape(self, table: str, outgoing: Outgoing) -> None:
        """Bring the live table to the columns that may leave now; the receiver's own columns stay.

        A column whose type changed cannot be kept in place: Conflict ``share.receiver_type``.
        """
        found = self._columns(table)
        for out in outgoing.items:
            name = out.item.name
            if name not in found:
                self._add_column(table, out)
            elif not self._fits(found[name], out.type):
                raise Conflict(
                    "share.receiver_type",
                    f"接收表的列「{name}」是 {found[name]}，现在应为 {self._type_said(out.type)}：请另建交换",
                )

    def empty_column(self, table: str, column: str) -> None:
        """What may no longer be held is taken back (第27条)."""
        if column in self._columns(table):
            name = self._quote(column)
            self._run(f"UPDATE {self._name(table)} SET {name} = NULL WHERE {name} IS NOT NULL")

    def drift(self, table: str, outgoing: Outgoing) -> str | None:
        """How the live table is no longer the one we made, as words; None while we can keep it.

        Columns, indexes, grants and views of the receiver's own are no drift.
        """
        found = self._columns(table)
        if not found:
            return "表已不存在"
        for out in outgoing.items:
            name = out.item.name
            if name not in found:
                return f"缺列「{name}」"
            if not self._fits(found[name], out.type):
                return f"列「{name}」的类型是 {found[name]}，应为 {self._type_said(out.type)}"
        return None if self._keyed(table, outgoing.keys) else "主键或唯一索引已不在主键信息项上"

    # -- rows

    @abstractmethod
    def load(self, table: str, outgoing: Outgoing, rows: pa.Table) -> None:
        """Put rows into a table nobody reads yet."""

    @abstractmethod
    def keys_there(self, table: str, outgoing: Outgoing) -> pa.Table:
        """The keys of every row as texts: what an interrupted load has brought."""

    @abstractmethod
    def merge(self, table: str, outgoing: Outgoing, upserts: pa.Table, deletes: pa.Table) -> int:
        """Remove the keys of ``deletes``, insert or update ``upserts`` by key; returns how many were removed.

        Rows that are already as they should be are left alone.
        """

    # -- comparing

    @abstractmethod
    def content(
        self, table: str, outgoing: Outgoing, after: Key | None = None, upto: Key | None = None
    ) -> ContentHash:
        """Content hash of the live table's granted columns, of one key range or the whole."""

    @abstractmethod
    def row_hashes(
        self, table: str, outgoing: Outgoing, after: Key | None, upto: Key | None, limit: int | None = None
    ) -> dict[Key, str]:
        """Key → MD5 of the rows in one range, in key order; the first ``limit`` of them if given."""

    # -- SQL

    #: The server's clock, as SQL.
    _now: str

    @abstractmethod
    def _name(self, table: str) -> str: ...

    @abstractmethod
    def _quote(self, name: str) -> str: ...

    @abstractmethod
    def _columns(self, table: str) -> Mapping[str, Any]:
        """Column name → its type as the server has it; none where there is no such table."""

    @abstractmethod
    def _fits(self, found: Any, item_type: str) -> bool:
        """Whether a column's type, as ``_columns`` has it, still holds every value of an item type."""

    def _type_said(self, item_type: str) -> str:
        """What a column of an item type is called there."""
        return item_type

    @abstractmethod
    def _keyed(self, table: str, keys: Sequence[str]) -> bool:
        """Whether a unique index lies on just these columns."""

    @abstractmethod
    def _add_column(self, table: str, out: OutItem) -> None: ...

    @abstractmethod
    def _run(self, statement: str) -> object: ...

    @abstractmethod
    def _row(self, statement: str, values: Any = None) -> dict[str, Any] | None: ...

    @abstractmethod
    def _change(self, statement: str, values: Any = None) -> int:
        """Run a statement; returns the rows it found to change."""

    @abstractmethod
    def _insert_first(self, row: dict[str, Any]) -> int:
        """Put a first checkpoint down; 0 when somebody else's is there."""

    def _stored(self, checkpoint: Checkpoint) -> dict[str, Any]:
        return checkpoint.to_row()


def swap_in(receiver: Receiver, work: Callable[[], _T]) -> _T:
    """Run ``work`` (DDL on a table others read) with little patience, again and again while readers hold it.

    Waiting behind a reader with an exclusive lock queued would stop every reader after it; so we give way.
    """
    for tried in range(1, _SWAP_TRIES + 1):
        try:
            with receiver.transaction(_POLITE):
                return work()
        except Locked:
            time.sleep(min(0.1 * 2**tried, 5.0))
    raise Unavailable("share.receiver_locked", "接收表一直被占用，换表未成；下次运行接着换")


def _moved(delivery: str) -> Conflict:
    return Conflict("share.checkpoint_moved", f"交换 {delivery} 的进度已被另一次运行推进，本次让位")
