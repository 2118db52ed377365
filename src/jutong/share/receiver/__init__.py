"""The receiver's side of a delivery: a consumer's database, its control table and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jutong.share.receiver.checkpoint import CONTROL_TABLE, Checkpoint
from jutong.share.receiver.contract import Locked, Receiver, swap_in
from jutong.share.receiver.mysql import MysqlReceiver
from jutong.share.receiver.postgres import PostgresReceiver

#: Kinds of receivers, each with its Chinese name; a receiver that names none is the first.
RECEIVER_KINDS = {"postgres": "PostgreSQL 系", "mysql": "MySQL 系"}


def open_receiver(receiver: Mapping[str, Any], password: str | None) -> Receiver:
    """Raises Unavailable ``outside.postgres_unreachable`` or ``outside.mysql_unreachable``."""
    if receiver.get("kind") == "mysql":
        return MysqlReceiver.open(receiver, password)
    return PostgresReceiver.open(receiver, password)


__all__ = [
    "CONTROL_TABLE",
    "RECEIVER_KINDS",
    "Checkpoint",
    "Locked",
    "MysqlReceiver",
    "PostgresReceiver",
    "Receiver",
    "open_receiver",
    "swap_in",
]
