"""试接收库: whether a receiver can be reached, lets us keep our progress there, and how its table stands.

Asked by a person before a delivery is declared or after one was held; nothing of any dataset leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jutong.database import Database
from jutong.keys import KeyProvider
from jutong.share.bounds import bound_of
from jutong.share.deliveries import check_receiver, find_delivery, password_of
from jutong.share.outgoing import Outgoing
from jutong.share.receiver import open_receiver
from jutong.terms import JutongError, Refused


@dataclass(frozen=True)
class Tried:
    """``table``: free (not there yet), kept (ours, as we left it), taken (somebody else's) or drifted; None unreached."""

    reached: bool
    table: Literal["free", "kept", "taken", "drifted"] | None
    #: What stands in the way, or what was found.
    words: str

    @property
    def ready(self) -> bool:
        return self.reached and self.table in ("free", "kept")


def try_receiver(receiver: Mapping[str, Any], password: str | None, table_name: str) -> Tried:
    """Reach a receiver nobody delivers to yet; makes the control table there, as the first run would.

    Raises BadInput ``share.delivery_receiver``, ``share.delivery_kind``.
    """
    check_receiver(receiver)
    return _tried(receiver, password, "", table_name, None)


def try_delivery(database: Database, keys: KeyProvider, name: str) -> Tried:
    """Reach a delivery's receiver and look whether the table is still the one it made.

    Raises NotFound ``share.delivery_unknown``.
    """
    with database.connection() as connection:
        delivery = find_delivery(connection, name)
        decision = bound_of(connection, delivery.grant_id)
        password = password_of(connection, keys, name)
    outgoing = None if isinstance(decision, Refused) else decision.outgoing
    return _tried(delivery.receiver, password, name, delivery.table_name, outgoing)


def _tried(
    receiver: Mapping[str, Any], password: str | None, name: str, table: str, outgoing: Outgoing | None
) -> Tried:
    reached = False
    try:
        with open_receiver(receiver, password) as there:
            with there.transaction():
                there.prepare()
            reached = True
            with there.transaction():
                standing = there.checkpoint(name) if name else None
                found = there.exists(table)
                ours = standing is not None and standing.snapshot is not None
                drift = there.drift(table, outgoing) if ours and outgoing is not None else None
    except JutongError as problem:
        return Tried(reached, None, problem.sentence)
    if drift or (ours and not found):
        return Tried(True, "drifted", f"接收表 {table} 已被改动：{drift or '表已不存在'}")
    if ours:
        return Tried(True, "kept", f"连得上，接收表 {table} 与交换所建的一致")
    if found:
        return Tried(True, "taken", f"连得上，但接收库中已有表 {table}：请换一个接收表名")
    return Tried(True, "free", f"连得上，可以建表；接收表 {table} 将在首次交换时建立")
