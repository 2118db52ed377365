"""An overdue case escalates by itself: nobody has to notice (law 7; 第38、39条)."""

from __future__ import annotations

import datetime as dt

from jutong.casework.calendar import city_day
from jutong.casework.case import Clock
from jutong.casework.moves import find_case, open_case
from jutong.casework.notices import notify
from jutong.database import Connection, named_sql
from jutong.people import SYSTEM, steward_code

_SQL = named_sql(__file__)


def escalate_overdue(conn: Connection, now: dt.datetime | None = None) -> list[int]:
    """Find every clock that ran out, tell both sides, and open the violation its rule names.

    A clock is escalated once, however often and by however many workers this runs (compare-and-set on
    ``escalated_at``).  Returns the ids of the violation cases opened.
    """
    now = now or dt.datetime.now(dt.UTC)
    rows = conn.execute(_SQL.take_overdue, {"now": now}).fetchall()
    opened = [_escalate(conn, Clock.from_row(row), now) for row in rows]
    return [case_id for case_id in opened if case_id is not None]


def _escalate(conn: Connection, clock: Clock, now: dt.datetime) -> int | None:
    case = find_case(conn, clock.case_id)
    steward = steward_code(conn)
    due = f"{city_day(clock.due_at):%Y年%m月%d日}"
    subject = f"逾期：{case.title}"
    body = f"{case.number}「{clock.label}」应于 {due} 前办结（{clock.article}），已逾期。"
    for code in sorted({clock.department_code, steward}):
        notify(conn, to_department=code, subject=subject, body=body, case_id=case.id, now=now)
    if clock.breach is None:
        return None
    return open_case(
        conn, "violation", title=f"{clock.label}逾期：{case.title}", department_code=steward, opened_by=SYSTEM,
        sides={"duty": clock.department_code}, now=now,
        subject={"case_id": case.id, "clock_id": clock.id},
        data={"breach": clock.breach, "article": clock.article, "due": due, "number": case.number},
    )  # fmt: skip
