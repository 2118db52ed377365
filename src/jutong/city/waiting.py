"""What waits on people's desks when the sample city opens: a day like any other, with clocks running.

All of it goes through the rooms' doors in one transaction; a city that has it already is left alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from jutong import casework, catalogue, people, share
from jutong.city.applications import applications
from jutong.city.sharing import Actors
from jutong.city.users import users
from jutong.database import Connection, named_sql
from jutong.flows import Platform

_SQL = named_sql(__file__, "sharing.sql")

#: (application, table, days ago, how far it has come)
_REQUESTS: tuple[tuple[str, str, int, tuple[str, ...]], ...] = (
    ("A02", "tax_declare", 1, ()),
    ("A02", "social_employer", 3, ()),
    ("A13", "market_change", 0, ("consent",)),
    ("A08", "market_report", 0, ("consent",)),
    ("A19", "market_shareholder", 8, ("consent",)),
    ("A10", "market_branch", 5, ("consent", "propose")),
    ("A16", "credit_illegal", 0, ("consent", "propose")),
    ("A14", "market_report", 0, ("consent", "supplement")),
    ("A02", "fire_check", 1, ("consent",)),
    ("A07", "fund_account", 2, ("consent", "propose")),
)
_CHANGES = (
    ("market_entity", "增加住所标准地址编码，与公安标准地址库一致", ("approve",)),
    ("licence_business", "补充电子营业执照验证地址", ("approve",)),
    ("tax_payer", "更新周期由每月改为每日", ("approve",)),
    ("credit_abnormal", "增加移出事由", ()),
)
_QUALITY = 6


def leave_waiting(platform: Platform) -> None:
    """Requests at every step, catalogue changes under review, issues to be rectified, a record in dispute."""
    who = Actors.of(users())
    with platform.database.connection() as connection:
        if connection.execute(_SQL.waiting_left).fetchone():
            return
        entries = {row["dataset"]: row for row in connection.execute(_SQL.attached_entries)}
        now = dt.datetime.now(dt.UTC)
        for application, table, days, moves in _REQUESTS:
            entry = entries.get(f"standard.{table}")
            if entry is not None:
                _request(connection, who, application, entry["id"], now - dt.timedelta(days=days), moves)
        for table, what, moves in _CHANGES:
            _change(connection, who, entries[f"standard.{table}"]["id"], what, moves, now)
        _quality(connection, who, now)
        _objection(connection, who, entries["standard.market_entity"], now)


def _request(
    connection: Connection,
    who: Actors,
    application: str,
    entry_id: int,
    at: dt.datetime,
    moves: Sequence[str],
) -> None:
    asking = next(one for one in applications() if one.id == application)
    entry = catalogue.find_entry(connection, entry_id)
    if entry.department_code == asking.department_code or "api" not in entry.share_methods:
        return
    names = [item.name for item in catalogue.entry_items(connection, entry_id) if item.share_type < 3][:6]
    wish = share.Wish(
        entry_id, application, asking.basis, asking.scene, asking.scope, asking.purpose_kind, "api", tuple(names),
        (at + dt.timedelta(days=365)).date(),
    )  # fmt: skip
    officer = who.party(connection, asking.department_code, "consumer_officer")
    request = share.ask(connection, officer, wish, now=at)
    actors = {
        "consent": (asking.department_code, "consumer_head", "符合本部门职责，同意提出", None),
        "propose": (entry.department_code, "provider_officer", "用途明确，拟同意", None),
        "supplement": (
            entry.department_code,
            "provider_officer",
            "",
            {"missing": ["使用范围的说明", "数据安全责任书"]},
        ),
    }
    for minutes, name in enumerate(moves, 2):
        department, role, note, data = actors[name]
        share.move_request(
            connection, request.id, name, who.party(connection, department, role), note, data,
            now=min(at + dt.timedelta(minutes=minutes), dt.datetime.now(dt.UTC)),
        )  # fmt: skip


def _change(
    connection: Connection, who: Actors, entry_id: int, what: str, moves: Sequence[str], now: dt.datetime
) -> None:
    entry = catalogue.find_entry(connection, entry_id)
    officer = who.party(connection, entry.department_code, "provider_officer")
    head = who.party(connection, entry.department_code, "provider_head")
    draft = replace(
        catalogue.as_new(entry, catalogue.entry_items(connection, entry_id)),
        summary=f"{entry.summary}{what}。",
    )
    case = catalogue.submit(
        connection, entry_id, officer, draft=draft, note=what, secrecy_assessed=True, privacy_assessed=True,
        now=now - dt.timedelta(days=2),
    )  # fmt: skip
    for name in moves:
        catalogue.move_case(connection, case.id, name, head, "同意", now=now - dt.timedelta(days=1))


def _quality(connection: Connection, who: Actors, now: dt.datetime) -> None:
    """The tables with the most refused rows go back to those who keep them."""
    steward = who.party(connection, people.steward_code(connection), "steward")
    for number, row in enumerate(connection.execute(_SQL.most_refused, {"limit": _QUALITY}).fetchall()):
        case = casework.open_case(
            connection, "data_quality", title=f"{row['label']}：{row['rejected']} 行被拒收，请整改",
            department_code=steward.department_code, opened_by=steward,
            sides={"provider": row["department_code"]},
            subject={"dataset": f"standard.{row['source_table']}", "batch_id": row["batch_id"]},
            now=now - dt.timedelta(days=3 + number),
        )  # fmt: skip
        if number == 1:
            officer = who.party(connection, row["department_code"], "provider_officer")
            casework.move(connection, case, "report", officer, "已在源系统改正，请复检")


def _objection(connection: Connection, who: Actors, entry: dict[str, object], now: dt.datetime) -> None:
    officer = who.party(connection, "D02", "consumer_officer")
    casework.open_case(
        connection, "objection", title="法定代表人与办事人提供的营业执照不一致，申请校核",
        department_code="D02", opened_by=officer, sides={"provider": str(entry["department_code"])},
        subject={"entry_id": entry["id"]}, now=now - dt.timedelta(days=4),
    )  # fmt: skip
