"""Lists of deliveries and one delivery."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.flows import ask
from jutong.people import visible_to
from jutong.portal.names import department_names
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import (
    DRIVERS,
    RECEIVER_KINDS,
    differing_keys,
    find_delivery,
    reconciliations,
    runs,
    set_delivery_state,
    set_reconcile_every,
)
from jutong.terms import NotFound

_SQL = named_sql(__file__)
#: Of the keys that differ, as many as a person looks through.
SHOWN_KEYS = 100

KINDS = {"full": "全量", "incremental": "增量", "difference": "全量比对"}
RUN_STATES = {"running": ("now", "进行中"), "done": ("ok", "完成"), "failed": ("over", "失败")}
#: The states of domain §6.3.
RESULTS = {
    "equal": ("ok", "一致"),
    "mended": ("near", "已修补"),
    "different": ("over", "不一致"),
    "both_empty": ("ok", "均空"),
    "here_empty": ("over", "源空"),
    "there_empty": ("over", "目标空"),
    "running": ("now", "对比中"),
    "waiting": ("wait", "等待"),
    "cancelled": ("idle", "已取消"),
    "no_table": ("over", "目标库表不存在"),
    "no_source": ("over", "源表不存在"),
    "unreachable": ("over", "连接失败"),
    "timeout": ("near", "超时"),
    "failed": ("over", "对比失败"),
}
CAUSES = {"run": "送达后", "schedule": "定时", "person": "人工"}
APART = {"missing": "对方缺", "different": "对方不同", "extra": "对方多"}
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
    may_make: bool


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
    cause: str
    #: None where nothing could be compared; ``problem`` says why.
    rows_here: int | None
    rows_there: int | None
    digest_here: str
    digest_there: str
    ranges: int
    ranges_apart: int
    keys_apart: int
    problem: str


@dataclass(frozen=True)
class KeyApart:
    kind: str
    key: str


@dataclass(frozen=True)
class DeliveryPage:
    """One delivery: where it goes, every run, every reconciliation."""

    delivery: DeliveryRow
    runs: tuple[RunView, ...]
    comparisons: tuple[Comparison, ...]
    #: Rows that differed at the latest comparison that found any, by key.
    apart: tuple[KeyApart, ...]
    #: Hours between two comparisons on schedule; None: not on schedule.
    every: int | None
    may_run: bool


@dataclass(frozen=True)
class ReconcileForm:
    do: Literal["compare", "mend"]


@dataclass(frozen=True)
class ScheduleForm:
    every: Annotated[Literal["0", "1", "6", "24", "168"], Field(title="定时对账")]


@dataclass(frozen=True)
class DeliveryMove:
    state: Literal["active", "paused", "stopped"]


def listed(visit: Visit, asked: DeliveriesQuestion) -> Deliveries:
    """Deliveries, the failed first."""
    visible = visible_to(visit.who, "delivery", "d")
    counted = visit.connection.execute(_SQL.count_deliveries.format(visible=visible)).fetchone()
    pager = Pager.of("/deliveries", asked, counted["total"] if counted else 0, 30)
    rows = tuple(_rows(visit, None, pager.size, pager.offset))
    return Deliveries(rows, pager, visit.can("delivery:run"))


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
        kind=DRIVERS.get(to.get("driver", ""), RECEIVER_KINDS[to.get("kind", "postgres")]),
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
    kind = to.get("kind", "postgres")
    usual = {"mysql": to.get("dbname", ""), "postgres": "public"}.get(kind, "")
    schema = usual if kind == "mysql" else to.get("schema") or usual
    return f"{schema}.{table}" if schema else table


def build(visit: Visit, _: NoQuestion) -> DeliveryPage:
    """One delivery."""
    name = visit.path["name"]
    rows = _rows(visit, name, 1, 0)
    if not rows:
        raise NotFound("share.delivery_unknown", f"没有名为 {name} 的库表交换，或不经您的部门")
    found = find_delivery(visit.connection, name)
    return DeliveryPage(
        delivery=rows[0],
        runs=tuple(_run(row) for row in runs(visit.connection, name)),
        comparisons=tuple(
            Comparison(
                row["at"], RESULTS[row["result"]], CAUSES[row["cause"]], row["rows_here"], row["rows_there"],
                row["digest_here"] or "", row["digest_there"] or "", row["ranges"] or 0, row["ranges_apart"] or 0,
                row["keys_apart"] or 0, row["problem"] or "",
            )
            for row in reconciliations(visit.connection, name)
        ),
        apart=tuple(
            KeyApart(APART[row["kind"]], "，".join(row["key"]))
            for row in differing_keys(visit.connection, name, SHOWN_KEYS)
        ),
        every=int(found.reconcile_every.total_seconds() // 3600) if found.reconcile_every else None,
        may_run=visit.can("delivery:run", found),
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


def compare(visit: Visit, form: ReconcileForm) -> Done:
    """Ask for a comparison now; with mending, rows that differ are sent again, each with its evidence."""
    delivery = find_delivery(visit.connection, visit.path["name"])
    visit.must("delivery:run", delivery)
    ask(visit.rooms.database, "reconcile", visit.who.login, delivery=delivery.name, mend=form.do == "mend")
    said = "已排上补正" if form.do == "mend" else "已排上对账"
    return Done(f"/deliveries/{delivery.name}", visit.tell("{said}，结果稍后在本页", said=visit.tell(said)))


def schedule(visit: Visit, form: ScheduleForm) -> Done:
    """How often a delivery is reconciled on schedule; 0 hours: only after each run."""
    delivery = find_delivery(visit.connection, visit.path["name"])
    visit.must("delivery:run", delivery)
    hours = int(form.every)
    set_reconcile_every(visit.connection, delivery.name, dt.timedelta(hours=hours) if hours else None)
    return Done(f"/deliveries/{delivery.name}", visit.tell("定时对账已改"))


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
ACTS = (
    Act("deliveries.move", _PATH, act, DeliveryMove, may="delivery:run", shown_on=_PATH),
    Act(
        "deliveries.reconcile",
        _PATH + "/reconcile",
        compare,
        ReconcileForm,
        may="delivery:run",
        shown_on=_PATH,
    ),
    Act(
        "deliveries.schedule", _PATH + "/schedule", schedule, ScheduleForm, may="delivery:run", shown_on=_PATH
    ),
)
