"""Lists of deliveries and one delivery."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.names import department_names
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import RECEIVER_KINDS, find_delivery, reconciliations, runs, set_delivery_state
from jutong.terms import NotFound

_SQL = named_sql(__file__)

KINDS = {"full": "全量", "incremental": "增量", "difference": "全量比对"}
RUN_STATES = {"running": ("now", "进行中"), "done": ("ok", "完成"), "failed": ("over", "失败")}
RESULTS = {"equal": ("ok", "一致"), "mended": ("near", "已修补"), "different": ("over", "不一致")}
STATES = {"active": ("ok", "运行"), "paused": ("wait", "暂停"), "stopped": ("idle", "停止")}


@dataclass(frozen=True)
class DeliveriesQuestion:
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class DeliveryRow:
    name: str
    grant_id: str
    application: str
    consumer: str
    provider: str
    entry: str
    entry_id: int
    #: Where it goes; never a password.
    receiver: str
    #: The family of the receiver's database.
    kind: str
    table_name: str
    state: tuple[str, str]
    snapshot: int | None
    runs: int
    run: tuple[str, str] | None
    run_kind: str
    run_at: dt.datetime | None
    upserted: int
    deleted: int
    error: str
    result: tuple[str, str] | None
    compared_at: dt.datetime | None


@dataclass(frozen=True)
class Deliveries:
    """Tables kept equal in consumers' databases; what failed stands first."""

    rows: tuple[DeliveryRow, ...]
    pager: Pager


@dataclass(frozen=True)
class RunView:
    id: str
    kind: str
    state: tuple[str, str]
    from_snapshot: int | None
    to_snapshot: int
    chunks: int
    upserted: int
    deleted: int
    error: str
    started_at: dt.datetime
    seconds: float | None


@dataclass(frozen=True)
class Comparison:
    at: dt.datetime
    result: tuple[str, str]
    rows_here: int
    rows_there: int
    digest_here: str
    digest_there: str
    ranges: int
    ranges_apart: int


@dataclass(frozen=True)
class DeliveryPage:
    """One delivery: where it goes, every run, every reconciliation."""

    delivery: DeliveryRow
    runs: tuple[RunView, ...]
    comparisons: tuple[Comparison, ...]
    may_run: bool


@dataclass(frozen=True)
class DeliveryMove:
    state: Literal["active", "paused", "stopped"]


def listed(visit: Visit, asked: DeliveriesQuestion) -> Deliveries:
    """Deliveries, the failed first."""
    visible = visible_to(visit.who, "delivery", "d")
    counted = visit.connection.execute(_SQL.count_deliveries.format(visible=visible)).fetchone()
    pager = Pager.of("/deliveries", asked, counted["total"] if counted else 0, 30)
    return Deliveries(tuple(_rows(visit, None, pager.size, pager.offset)), pager)


def _rows(visit: Visit, name: str | None, limit: int, offset: int) -> list[DeliveryRow]:
    query = _SQL.deliveries.format(visible=visible_to(visit.who, "delivery", "d"))
    names = department_names(visit.connection)
    found = visit.connection.execute(query, {"name": name, "limit": limit, "offset": offset})
    return [_row(row, names) for row in found]


def _row(row: dict[str, Any], names: dict[str, str]) -> DeliveryRow:
    to = row["receiver"]
    where = f"{to.get('host') or '本机'}/{to.get('dbname', '')}"
    return DeliveryRow(
        name=row["name"],
        grant_id=row["grant_id"],
        application=row["application"],
        consumer=names.get(row["department_code"], row["department_code"]),
        provider=names.get(row["provider_code"], row["provider_code"]),
        entry=row["entry"],
        entry_id=row["entry_id"],
        receiver=where if len(where) <= 40 else f"…/{to.get('dbname', '')}",
        table_name=_table_there(to, row["table_name"]),
        kind=RECEIVER_KINDS[to.get("kind", "postgres")],
        state=STATES[row["state"]],
        snapshot=row["snapshot"],
        runs=row["runs"],
        run=RUN_STATES[row["run_state"]] if row["run_state"] else None,
        run_kind=KINDS.get(row["run_kind"], ""),
        run_at=row["run_at"],
        upserted=row["upserted"] or 0,
        deleted=row["deleted"] or 0,
        error=row["error"] or "",
        result=RESULTS[row["result"]] if row["result"] else None,
        compared_at=row["compared_at"],
    )


def _table_there(to: dict[str, Any], table: str) -> str:
    """The table as the receiver names it: its schema is a database of the server in the MySQL family."""
    schema = to.get("dbname", "") if to.get("kind") == "mysql" else to.get("schema") or "public"
    return f"{schema}.{table}"


def build(visit: Visit, _: NoQuestion) -> DeliveryPage:
    """One delivery."""
    name = visit.path["name"]
    rows = _rows(visit, name, 1, 0)
    if not rows:
        raise NotFound("share.delivery_unknown", f"没有名为 {name} 的库表交换，或不经您的部门")
    return DeliveryPage(
        delivery=rows[0],
        runs=tuple(_run(row) for row in runs(visit.connection, name)),
        comparisons=tuple(
            Comparison(
                row["at"], RESULTS[row["result"]], row["rows_here"], row["rows_there"], row["digest_here"],
                row["digest_there"], row["ranges"], row["ranges_apart"],
            )
            for row in reconciliations(visit.connection, name)
        ),
        may_run=visit.can("delivery:run", find_delivery(visit.connection, name)),
    )  # fmt: skip


def _run(row: dict[str, Any]) -> RunView:
    done = row["finished_at"]
    return RunView(
        id=row["id"],
        kind=KINDS[row["kind"]],
        state=RUN_STATES[row["state"]],
        from_snapshot=row["from_snapshot"],
        to_snapshot=row["to_snapshot"],
        chunks=row["chunks"],
        upserted=row["upserted"],
        deleted=row["deleted"],
        error=row["error"] or "",
        started_at=row["started_at"],
        seconds=(done - row["started_at"]).total_seconds() if done else None,
    )


def act(visit: Visit, form: DeliveryMove) -> Done:
    """Pause, stop or go on with a delivery."""
    delivery = find_delivery(visit.connection, visit.path["name"])
    visit.must("delivery:run", delivery)
    set_delivery_state(visit.connection, delivery.name, form.state)
    return Done(
        f"/deliveries/{delivery.name}",
        visit.tell("库表交换 {name}：{state}", name=delivery.name, state=visit.tell(STATES[form.state][1])),
    )


_PATH = "/deliveries/{name}"
PAGES = (
    Page(
        "deliveries",
        "/deliveries",
        listed,
        may="delivery:read",
        stop="share",
        tab="deliveries",
        asks=DeliveriesQuestion,
    ),
    Page("deliveries.delivery", _PATH, build, may="delivery:read", stop="share", tab="deliveries"),
)
ACTS = (Act("deliveries.move", _PATH, act, DeliveryMove, may="delivery:run", shown_on=_PATH),)
