"""库表交换: what a delivery is, where it goes, and its runs as pages show them.  The running is in ``delivering``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.keys import KeyProvider
from jutong.share.bounds import Bound, bound_of
from jutong.share.grants import Grant, find_grant
from jutong.share.outgoing import Outgoing
from jutong.share.receiver import RECEIVER_KINDS
from jutong.terms import BadInput, Conflict, Denied, JutongError, NotFound, Refused

_SQL = named_sql(__file__)
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,50}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DRIVER = re.compile(r"[a-z0-9_]{1,32}(\+[A-Za-z0-9_]{1,32})?")
_ENV = "env:"
#: Where a receiver is and how it is reached.  Anything else might hold a password (url, sslpassword), which
#: would lie open in the table and in every export.
_PARTS = frozenset({
    "kind", "driver", "host", "port", "dbname", "user", "schema", "unix_socket", "connect_timeout", "target_session_attrs",
    "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_ca",
})  # fmt: skip

#: Why no run can begin until somebody at the receiver's has done something: told on the delivery's page.
_HELD = {
    "outside.dialect_missing",
    "outside.dialect_unreachable",
    "outside.mysql_unreachable",
    "outside.postgres_unreachable",
    "share.receiver_drift",
    "share.receiver_engine",
    "share.receiver_silent",
    "share.receiver_type",
    "share.table_taken",
}


@dataclass(frozen=True)
class Delivery:
    name: str
    grant_id: str
    #: The consumer; ``provider_code`` the department that shares.
    department_code: str
    provider_code: str
    #: kind (none: postgres), host, port, dbname, user, schema (not MySQL), driver (sqlalchemy); the password is sealed
    #: in ``secret``.
    receiver: Mapping[str, Any]
    table_name: str
    state: str
    snapshot: int | None
    #: How often it is reconciled beside after each run; None: not on schedule.
    reconcile_every: timedelta | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def add_delivery(
    connection: Connection,
    keys: KeyProvider,
    *,
    name: str,
    grant_id: str,
    receiver: Mapping[str, Any],
    password: str | None,
    table_name: str,
) -> Delivery:
    """Declare a delivery under a grant whose method is 库表; saying the same again changes nothing.

    ``receiver`` holds kind, host, port, dbname, user, schema and never a password.  Raises BadInput
    ``share.delivery_receiver``, ``share.delivery_kind``, ``share.delivery_table``, ``share.delivery_method``, ``share.delivery_keys``;
    Denied with the grant's own code while it is not live; Conflict ``share.delivery_taken``.
    """
    sealed = keys.seal(password.encode(), context=f"delivery:{name}") if password else None
    return declare_delivery(
        connection, name=name, grant_id=grant_id, receiver=receiver, table_name=table_name, secret=sealed
    )


def declare_delivery(
    connection: Connection,
    *,
    name: str,
    grant_id: str,
    receiver: Mapping[str, Any],
    table_name: str,
    secret: str | None,
) -> Delivery:
    """As ``add_delivery``, the password being sealed already or in an environment variable (``env:NAME``).

    One not given stays as it was, unless the receiver is now at another place or another account: what was given for
    the one is not shown to the other.
    """
    check_receiver(receiver)
    if not _NAME.fullmatch(name):
        raise BadInput(
            "share.delivery_name",
            f"交换名 {name!r} 只能用字母、数字、点、横线和下划线，以字母或数字开头，至多 64 个字符",
        )
    if not _TABLE.fullmatch(table_name) or table_name.startswith("jutong_"):
        raise BadInput(
            "share.delivery_table", f"接收表名 {table_name!r} 须是小写字母、数字和下划线，且不以 jutong_ 开头"
        )
    grant = find_grant(connection, grant_id)
    if grant.method != "table":
        raise BadInput("share.delivery_method", f"授权 {grant_id} 的共享方式不是库表")
    decision = bound_of(connection, grant_id)
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
    problem = keys_problem(decision.outgoing)
    if problem:
        raise BadInput("share.delivery_keys", problem)
    row = connection.execute(
        _SQL.add_delivery,
        {
            "name": name,
            "grant_id": grant_id,
            "department_code": grant.department_code,
            "provider_code": grant.provider_code,
            "receiver": Jsonb(dict(receiver)),
            "secret": secret,
            "table_name": table_name,
        },
    ).fetchone()
    if row is None:
        raise Conflict("share.delivery_taken", f"交换 {name} 已用于另一授权或另一张表")
    return Delivery.from_row(row)


def check_receiver(receiver: Mapping[str, Any]) -> None:
    """Raises BadInput ``share.delivery_receiver``, ``share.delivery_kind``."""
    if "password" in receiver or not receiver.get("dbname"):
        raise BadInput("share.delivery_receiver", "接收方须写明 dbname，密码另给，不能写在连接参数里")
    unknown = sorted(set(receiver) - _PARTS)
    if unknown:
        raise BadInput(
            "share.delivery_receiver",
            f"接收方的连接参数不认得：{'、'.join(unknown)}；可用 {'、'.join(sorted(_PARTS))}",
        )
    kind = receiver.get("kind", "postgres")
    driver = receiver.get("driver")
    fits = (kind == "sqlalchemy") == (driver is not None) and not (kind == "mysql" and receiver.get("schema"))
    if kind not in RECEIVER_KINDS or not fits or (driver is not None and not _DRIVER.fullmatch(str(driver))):
        raise BadInput(
            "share.delivery_kind",
            f"接收方种类 {kind!r} 不认得或参数不符：须是 {'、'.join(RECEIVER_KINDS)} 之一，MySQL 系没有 schema，"
            "sqlalchemy 须写明 driver",
        )


def table_grant(connection: Connection, application_id: str, entry_id: int) -> Grant:
    """The application's newest live 库表 grant of an entry.  Raises NotFound ``share.no_table_grant``."""
    row = connection.execute(
        _SQL.live_table_grant, {"application": application_id, "entry": entry_id}
    ).fetchone()
    if row is None:
        raise NotFound("share.no_table_grant", f"应用 {application_id} 没有这条目录的、有效的库表授权")
    return Grant.from_row(row)


def keys_problem(outgoing: Outgoing) -> str | None:
    """Why a table could not be kept by key, as a sentence; None when it can.

    A consumer that may not see the key, or sees it masked, cannot be told which row changed.
    """
    if not outgoing.keys:
        return "数据集没有主键，不能用库表方式持续交换"
    masked = {out.item.name: out.mask for out in outgoing.items}
    missing = [key for key in outgoing.keys if key not in masked]
    hidden = [key for key in outgoing.keys if masked.get(key)]
    if missing:
        return f"库表方式须申请主键信息项：{'、'.join(missing)}"
    if hidden:
        return f"主键信息项须脱敏，不能用库表方式：{'、'.join(hidden)}"
    return None


def find_delivery(connection: Connection, name: str) -> Delivery:
    """Raises NotFound ``share.delivery_unknown``."""
    return Delivery.from_row(_row(connection, name))


def password_of(connection: Connection, keys: KeyProvider, name: str) -> str | None:
    """The receiver's password, unsealed for this run.  Raises BadInput ``share.delivery_secret``."""
    secret = _row(connection, name)["secret"]
    if secret and secret.startswith(_ENV):
        variable = secret.removeprefix(_ENV)
        if variable not in os.environ:
            raise BadInput("share.delivery_secret", f"交换 {name} 的密码应在环境变量 {variable} 里，那里没有")
        return os.environ[variable]
    return keys.unseal(secret, context=f"delivery:{name}").decode() if secret else None


def secret_name(connection: Connection, name: str) -> str | None:
    """``env:NAME`` where the password lies in the environment; None where it was given by hand."""
    secret = _row(connection, name)["secret"]
    return secret if secret and secret.startswith(_ENV) else None


def deliveries(connection: Connection, application_id: str | None = None) -> list[Delivery]:
    rows = connection.execute(_SQL.list_deliveries, {"application": application_id}).fetchall()
    return [Delivery.from_row(row) for row in rows]


def set_delivery_state(connection: Connection, name: str, state: str) -> Delivery:
    """``active``, ``paused`` or ``stopped``.  Raises BadInput ``share.delivery_state``."""
    if state not in ("active", "paused", "stopped"):
        raise BadInput("share.delivery_state", f"交换没有状态 {state!r}：active、paused 或 stopped")
    row = connection.execute(_SQL.set_delivery_state, {"name": name, "state": state}).fetchone()
    return Delivery.from_row(row or _row(connection, name))


def renew_delivery(connection: Connection, name: str, grant_id: str) -> Delivery:
    """Let a delivery go on under a later grant of the same application and entry.

    Raises BadInput ``share.delivery_method`` when that grant is another party's, another entry's or no 库表.
    """
    row = connection.execute(_SQL.renew_delivery, {"name": name, "grant": grant_id}).fetchone()
    if row is None:
        raise BadInput("share.delivery_method", f"授权 {grant_id} 不是同一应用、同一目录的库表授权")
    return Delivery.from_row(row)


def runs(connection: Connection, name: str, limit: int = 50) -> list[dict[str, Any]]:
    """Latest runs first: id, kind, snapshots, state, chunks, upserted, deleted, error, times."""
    return connection.execute(_SQL.list_runs, {"name": name, "limit": limit}).fetchall()


def reconciliations(connection: Connection, name: str, limit: int = 50) -> list[dict[str, Any]]:
    """Latest first: result, rows and digests on both sides, key ranges compared and apart, keys apart, cause, problem."""
    return connection.execute(_SQL.list_reconciliations, {"name": name, "limit": limit}).fetchall()


def differing_keys(connection: Connection, name: str, limit: int = 1000) -> list[dict[str, Any]]:
    """Keys that differed at the latest reconciliation that found any: ``kind`` missing, different, extra, and ``key``."""
    return connection.execute(_SQL.list_keys, {"name": name, "limit": limit}).fetchall()


def set_reconcile_every(connection: Connection, name: str, every: timedelta | None) -> Delivery:
    """How often a delivery is reconciled.  Raises BadInput ``share.reconcile_every`` below an hour."""
    if every is not None and every < timedelta(hours=1):
        raise BadInput("share.reconcile_every", "定时对账的间隔不能短于 1 小时")
    row = connection.execute(_SQL.set_reconcile_every, {"name": name, "every": every}).fetchone()
    return Delivery.from_row(row or _row(connection, name))


def note_held(database: Database, name: str, problem: JutongError) -> None:
    """Keep why a run could not begin, where the delivery's page shows it; other problems have a run of their own."""
    if problem.code in _HELD:
        with database.connection() as connection:
            connection.execute(_SQL.note_held, {"name": name, "error": problem.sentence})


def live_bound(connection: Connection, delivery: Delivery) -> Bound:
    """What the delivery may carry now.  Raises Denied with the reason's own code, BadInput ``share.delivery_keys``."""
    if delivery.state != "active":
        raise Denied("share.delivery_stopped", f"交换 {delivery.name} 已停止或暂停")
    decision = bound_of(connection, delivery.grant_id)
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
    problem = keys_problem(decision.outgoing)
    if problem:
        raise BadInput("share.delivery_keys", problem)
    return decision


def _row(connection: Connection, name: str) -> dict[str, Any]:
    row = connection.execute(_SQL.find_delivery, {"name": name}).fetchone()
    if row is None:
        raise NotFound("share.delivery_unknown", f"没有名为 {name} 的库表交换")
    return row
