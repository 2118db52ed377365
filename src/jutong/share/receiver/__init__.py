"""The receiver's side of a delivery: a consumer's database, its control table and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jutong.share.receiver.checkpoint import CONTROL_TABLE, Checkpoint
from jutong.share.receiver.contract import Locked, Receiver, swap_in
from jutong.share.receiver.limit import opened_within
from jutong.share.receiver.mysql import MysqlReceiver
from jutong.share.receiver.postgres import PostgresReceiver
from jutong.terms import BadInput

#: Kinds of receivers, each with its Chinese name; a receiver that names none is the first.
RECEIVER_KINDS = {"postgres": "PostgreSQL 系", "mysql": "MySQL 系", "sqlalchemy": "其他数据库"}
#: driver of the kind sqlalchemy → its name; others are as good where they are installed.
DRIVERS = {"oracle+oracledb": "Oracle", "mssql+pymssql": "SQL Server", "dm+dmPython": "达梦"}

#: Seconds a receiver has to let us in, unless its ``connect_timeout`` says otherwise; then a driver's own limit comes first.
_CONNECT_SECONDS = 10
_MOST_SECONDS = 60
_GRACE = 2


def open_receiver(receiver: Mapping[str, Any], password: str | None) -> Receiver:
    """Raises Unavailable ``outside.postgres_unreachable``, ``outside.mysql_unreachable``,
    ``outside.dialect_unreachable``, ``share.receiver_silent``, BadInput ``outside.dialect_missing``."""
    asked = str(receiver.get("connect_timeout") or "")
    seconds = min(int(asked), _MOST_SECONDS) if asked.isdecimal() else _CONNECT_SECONDS
    return opened_within(seconds + _GRACE, lambda: _opened(receiver, password))


def _opened(receiver: Mapping[str, Any], password: str | None) -> Receiver:
    if receiver.get("kind") == "sqlalchemy":
        try:
            from jutong.share.receiver.dialects import DialectReceiver
        except ImportError:
            raise BadInput(
                "outside.dialect_missing",
                "没有安装 SQLAlchemy，请连同驱动一起安装：pip install jutong[sqlalchemy]",
            ) from None
        return DialectReceiver.open(receiver, password)
    if receiver.get("kind") == "mysql":
        return MysqlReceiver.open(receiver, password)
    return PostgresReceiver.open(receiver, password)


__all__ = [
    "CONTROL_TABLE",
    "DRIVERS",
    "RECEIVER_KINDS",
    "Checkpoint",
    "Locked",
    "MysqlReceiver",
    "PostgresReceiver",
    "Receiver",
    "open_receiver",
    "opened_within",
    "swap_in",
]
