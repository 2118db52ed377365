"""计量: (次, 条次) counted from the ledger and from nothing else (domain §6.2).

``fold`` copies sequenced entries into ``exchange`` and adds what counts to ``meter_daily``, in the transaction
that moves the folded index.  What counts:

* an answered call of another department: 次 1, 条次 its rows (0 rows are 次 1 all the same);
* a delivered chunk whose attempt a later fact of its run names as committed: 条次 its rows, 次 1 for the first
  chunk of a run.  Evidence of a chunk whose commit was lost is named by nobody and counts nothing, however often
  it was tried, and in whatever order the streams were merged;
* a downloaded file: 次 1, 条次 its rows.

Refusals, failures and a department reading its own data do not count; a request id counts once; a call that a
gate names as recorded but never answered (its stream ended under it) counts nothing.  ``recount`` says the same
a second time, in Python over the ledger alone, and must agree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import sql
from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.ledger import Exchange, Ledger
from jutong.terms import BadInput

_SQL = named_sql(__file__, "metering.sql")
_HERE = ZoneInfo("Asia/Shanghai")
#: Entries per transaction.
_AT_ONCE = 20_000

METHODS = {
    "share:service:answer": "api",
    "share:delivery:chunk": "table",
    "share:extract:download": "file",
}
#: What a gate says when a stream ended under its calls.
_STOPPED = "ledger:stream:stop"
_AXES = ("day", "provider", "entry", "resource", "consumer", "application", "method")


@dataclass(frozen=True)
class Metered:
    """次 and 条次, always shown together."""

    times: int
    records: int

    def __add__(self, other: Metered) -> Metered:
        return Metered(self.times + other.times, self.records + other.records)


MeterKey = tuple[date, str, str, str, str, str, str]
"""day, provider, entry, resource, consumer, application, method"""


def fold(database: Database, ledger: Ledger) -> int:
    """Take over everything that is sequenced and not folded yet; returns how many entries.  Run it as often as liked."""
    taken = 0
    while True:
        with database.connection() as connection:
            connection.execute(_SQL.know_origin, {"origin": ledger.origin})
            row = connection.execute(_SQL.lock_origin, {"origin": ledger.origin}).fetchone()
            start = int(row["next_index"]) if row else 0
            entries = list(islice(ledger.entries(start), _AT_ONCE))
            if not entries:
                return taken
            _copy(connection, ledger.origin, entries)
            span = {"origin": ledger.origin, "start": start, "end": entries[-1][0] + 1}
            connection.execute(_SQL.count_calls, span)
            if connection.execute(_SQL.void_calls, span).rowcount:
                connection.execute(_SQL.uncount_calls, span)
            connection.execute(_SQL.count_chunks, span)
            connection.execute(_SQL.move_origin, span)
            taken += len(entries)


def recount(entries: Iterable[tuple[int, Exchange]]) -> dict[MeterKey, Metered]:
    """The same count from the ledger's entries alone, in one pass: what ``meter_daily`` must hold."""
    total: dict[MeterKey, Metered] = defaultdict(lambda: Metered(0, 0))
    waiting: dict[str, Exchange] = {}
    named: set[str] = set()
    answered: dict[str, list[tuple[str, str, MeterKey, int]]] = {}
    void: set[str] = set()
    for _, exchange in entries:
        after = str(exchange.detail.get("after") or "")
        if after and exchange.event.startswith("share:delivery:"):
            named.add(after)
            if after in waiting:
                _add_chunk(total, waiting.pop(after))
        for request_id in exchange.detail.get("unconfirmed", ()) if exchange.event == _STOPPED else ():
            void.add(request_id)
            for _, _, key, rows in answered.pop(request_id, []):
                total[key] += Metered(-1, -rows)
        method = METHODS.get(exchange.event)
        if method is None or exchange.outcome != "answered" or not _between_departments(exchange):
            continue
        if method == "table":
            if str(exchange.detail["attempt"]) in named:
                _add_chunk(total, exchange)
            else:
                waiting[str(exchange.detail["attempt"])] = exchange
        elif exchange.request_id not in void:
            _add_call(total, answered, exchange)
    return {key: one for key, one in total.items() if one != Metered(0, 0)}


def metered(connection: Connection, since: date | None = None, until: date | None = None) -> Metered:
    """Total of a span of days, both inclusive; of all time by default."""
    row = connection.execute(_SQL.total, {"since": since, "until": until}).fetchone()
    return Metered(int(row["times"]), int(row["records"])) if row else Metered(0, 0)


def meter_by(
    connection: Connection,
    axes: Sequence[str],
    *,
    since: date | None = None,
    until: date | None = None,
    where: dict[str, str] | None = None,
    limit: int = 1000,
) -> list[dict[str, Any]]:
    """Drill down: ``times`` and ``records`` along day, provider, entry, resource, consumer, application, method.

    Largest 条次 first, or in order of time where ``day`` leads.  Raises BadInput ``share.meter_axis``.
    """
    for axis in (*axes, *(where or {})):
        if axis not in _AXES:
            raise BadInput("share.meter_axis", f"计量没有维度 {axis!r}，可选：{'、'.join(_AXES)}")
    columns = sql.SQL(", ").join(map(sql.Identifier, axes))
    conditions = sql.SQL("").join(
        sql.SQL(" AND {} = {}").format(sql.Identifier(axis), sql.Literal(value))
        for axis, value in (where or {}).items()
    )
    order = columns if axes[0] == "day" else sql.SQL("records DESC, {}").format(columns)
    query = sql.SQL(
        "SELECT {columns}, sum(times)::bigint AS times, sum(records)::bigint AS records FROM meter_daily"
        " WHERE (%(since)s::date IS NULL OR day >= %(since)s) AND (%(until)s::date IS NULL OR day <= %(until)s)"
        "{conditions} GROUP BY {columns} ORDER BY {order} LIMIT %(limit)s"
    ).format(columns=columns, conditions=conditions, order=order)
    return connection.execute(query, {"since": since, "until": until, "limit": limit}).fetchall()


def meter_differences(database: Database, ledger: Ledger) -> list[str]:
    """Where ``meter_daily`` and a recount of the folded entries disagree, as sentences; empty when they agree."""
    with database.connection() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = connection.execute(_SQL.folded, {"origin": ledger.origin}).fetchone()
        end = int(row["next_index"]) if row else 0
        kept = {
            tuple(one[axis] for axis in _AXES): Metered(one["times"], one["records"])
            for one in connection.execute(_SQL.everything).fetchall()
        }
    counted = recount(islice(ledger.entries(), end))
    return [
        f"{key[0]} {key[1]} → {key[4]} {key[3]}：计量 {kept.get(key)}，账本重算 {counted.get(key)}"
        for key in sorted(set(kept) | set(counted))
        if kept.get(key) != counted.get(key)
    ]


def day_of(exchange: Exchange) -> date:
    """The day an exchange belongs to: the city's own."""
    return exchange.at.astimezone(_HERE).date()


def _between_departments(exchange: Exchange) -> bool:
    return exchange.consumer not in ("", exchange.provider)


def _add_chunk(total: dict[MeterKey, Metered], chunk: Exchange) -> None:
    total[_key(chunk)] += Metered(1 if chunk.detail["chunk"] == 1 else 0, chunk.rows)


def _add_call(
    total: dict[MeterKey, Metered], answered: dict[str, list[tuple[str, str, MeterKey, int]]], call: Exchange
) -> None:
    """Once per request id of an application; the id is remembered, for it may be taken back."""
    before = answered.setdefault(call.request_id, [])
    if call.request_id and any((call.event, call.application) == one[:2] for one in before):
        return
    before.append((call.event, call.application, _key(call), call.rows))
    total[_key(call)] += Metered(1, call.rows)


def _key(exchange: Exchange) -> MeterKey:
    return (
        day_of(exchange),
        exchange.provider,
        exchange.entry,
        exchange.resource,
        exchange.consumer,
        exchange.application,
        METHODS[exchange.event],
    )


def _copy(connection: Connection, origin: str, entries: Sequence[tuple[int, Exchange]]) -> None:
    with connection.cursor() as cursor, cursor.copy(_SQL.copy_exchange) as copy:
        for index, one in entries:
            delivered = one.event.startswith("share:delivery:")
            copy.write_row(
                (
                    origin, index, one.event, one.at, one.consumer, one.application, one.provider, one.entry,
                    one.dataset, one.resource, one.grant, one.purpose, list(one.items), one.rows, one.outcome,
                    one.code, one.request_id, one.content, one.subjects, Jsonb(dict(one.detail)),
                    one.detail.get("attempt") if delivered else None,
                    (one.detail.get("after") or None) if delivered else None,
                )
            )  # fmt: skip


def events(entries: Iterable[tuple[int, Exchange]]) -> Counter[str]:
    """How many of each event: a quick look for the ledger page and for tests."""
    return Counter(exchange.event for _, exchange in entries)
