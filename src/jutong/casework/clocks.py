"""Clocks: how a limit starts, stands still, is extended, counted anew, met or missed.

A clock keeps the rule it started with: a rule changed later governs the cases that come later.  Everything here
runs inside the caller's transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from jutong.casework.calendar import (
    Calendar,
    Pause,
    city_day,
    due_on,
    end_of,
    read_calendar,
    receipt_day,
)
from jutong.casework.case import CaseFile, Clock
from jutong.casework.notices import notify
from jutong.casework.procedure import State
from jutong.database import Connection, Row, named_sql
from jutong.people import Party, decide
from jutong.terms import BadInput, Broken, Conflict, Denied, Refused

_SQL = named_sql(__file__)

#: A limit whose last day a person named; nothing is counted.
GIVEN = "given"


def clocks_follow(
    conn: Connection,
    case: CaseFile,
    before: State | None,
    after: State,
    *,
    now: dt.datetime,
    stops: bool = False,
    due: dt.date | None = None,
) -> None:
    """Let the case's clocks follow it from one state to the next (``procedure`` says how)."""
    old, new = (before.stage if before else ""), after.stage
    if old and old != new:
        conn.execute(_SQL.end_clock, {"case_id": case.id, "stage": old, "now": now, "stops": stops})
    if new and old != new:
        _start(conn, case, new, now, due)
    elif new and before and before.paused != after.paused:
        (_pause if after.paused else _resume)(conn, case.id, new, now)
    conn.execute(_SQL.refresh_due, {"case_id": case.id})


def _start(conn: Connection, case: CaseFile, stage: str, now: dt.datetime, due: dt.date | None) -> None:
    values: dict[str, object] = {
        "case_id": case.id, "stage": stage, "department_code": case.department_code, "now": now,
    }  # fmt: skip
    calendar = read_calendar(conn)
    if stage == GIVEN:
        if due is None:
            raise BadInput("casework.no_due_date", "请写明要求完成的日期")
        values |= {"rule": "GIVEN", "label": "要求完成", "article": "交办", "breach": None, "wd": None, "ext": 0,
                   "pauses": False}  # fmt: skip
    else:
        rule = time_limit(conn, stage, case.share_type)
        due = due_on(city_day(now), rule["base_wd"], calendar)
        values |= {"rule": rule["rule"], "label": rule["label"], "article": rule["article"],
                   "breach": rule["breach"], "wd": rule["base_wd"], "ext": rule["max_ext_wd"],
                   "pauses": rule["pause_on_supplement"]}  # fmt: skip
    values |= {"due_at": end_of(due), "calendar_version": calendar.version,
               "provisional": not calendar.is_official(due)}  # fmt: skip
    conn.execute(_SQL.start_clock, values)


def time_limit(conn: Connection, stage: str, share_type: int) -> Row:
    """The rule row of a stage: the city's own before the national one, the share type's before the general.

    Raises Broken ``casework.no_time_limit``: a kind of case names a limit nobody has written down.
    """
    row = conn.execute(_SQL.time_limit, {"stage": stage, "share_type": share_type}).fetchone()
    if row is None:
        raise Broken("casework.no_time_limit", f"时限规则里没有「{stage}」这一段")
    return row


def _pause(conn: Connection, case_id: int, stage: str, now: dt.datetime) -> None:
    conn.execute(_SQL.pause_clock, {"case_id": case_id, "stage": stage, "now": now})


def _resume(conn: Connection, case_id: int, stage: str, now: dt.datetime) -> None:
    row = conn.execute(_SQL.resume_clock, {"case_id": case_id, "stage": stage, "now": now}).fetchone()
    if row is not None:
        _recount(conn, [Clock.from_row(row)], read_calendar(conn))


def extend_clock(conn: Connection, case: CaseFile, now: dt.datetime) -> None:
    """What consent to an extension does: the clock gets its days, the waiting side is told (第21条, T5).

    ``case`` is the extension case.  Raises Conflict ``casework.too_late`` when the original due day has passed:
    consent and notice must both come before it.
    """
    row = conn.execute(_SQL.clock_for_update, {"id": case.subject["clock_id"]}).fetchone()
    clock = Clock.from_row(row) if row else None
    days = int(case.data["days"])
    if clock is None or not clock.running:
        raise Conflict("casework.clock_over", "这件事已经办完，不必延期")
    if now > clock.due_at:
        raise Conflict("casework.too_late", "原定期限已过，不能再延期")
    _must_fit(clock, days)
    conn.execute(_SQL.extend_clock, {"id": clock.id, "days": days})
    longer = _clock(conn, clock.id)
    _recount(conn, [longer], read_calendar(conn))
    due = city_day(_clock(conn, clock.id).due_at)
    told = case.subject.get("waiting")
    if told:
        notify(
            conn, to_department=str(told), case_id=clock.case_id, now=now,
            subject=f"{clock.label}延期 {days} 个工作日，至 {due:%Y年%m月%d日}",
            body=f"{case.title}。理由：{case.data['reason']}。主管部门已同意（{clock.article}）。",
        )  # fmt: skip


def must_be_extendable(clock: Clock, days: int, now: dt.datetime) -> None:
    """Raises Conflict or BadInput with the reason why this clock cannot get so many days."""
    if not clock.running or clock.paused_at is not None:
        raise Conflict("casework.clock_over", "没有正在计时的期限可以延长")
    if clock.max_ext_wd == 0:
        raise BadInput("casework.no_extension", f"「{clock.label}」（{clock.article}）没有规定可以延期")
    if now > clock.due_at:
        raise Conflict("casework.too_late", "原定期限已过，不能再申请延期")
    _must_fit(clock, days)


def _must_fit(clock: Clock, days: int) -> None:
    left = clock.max_ext_wd - clock.extended_wd
    if not 1 <= days <= left:
        raise BadInput(
            "casework.extension_too_long",
            f"「{clock.label}」（{clock.article}）最多再延 {left} 个工作日，申请了 {days} 个",
        )


def recompute_clocks(conn: Connection) -> int:
    """Count every running clock anew that was counted by another calendar; how many due days moved."""
    calendar = read_calendar(conn)
    rows = conn.execute(_SQL.clocks_of_another_calendar, {"version": calendar.version}).fetchall()
    return _recount(conn, [Clock.from_row(row) for row in rows], calendar)


def _recount(conn: Connection, clocks: Sequence[Clock], calendar: Calendar) -> int:
    if not clocks:
        return 0
    pauses = _pauses(conn, [clock.id for clock in clocks])
    moved = 0
    updates = []
    for clock in clocks:
        assert clock.working_days is not None
        days = clock.working_days + clock.extended_wd
        due = due_on(city_day(clock.started_at), days, calendar, pauses.get(clock.id, ()))
        moved += end_of(due) != clock.due_at
        updates.append(
            {"id": clock.id, "due_at": end_of(due), "provisional": not calendar.is_official(due),
             "version": calendar.version}
        )  # fmt: skip
    with conn.cursor() as cursor:
        cursor.executemany(_SQL.set_due, updates)
        cursor.executemany(_SQL.refresh_due, [{"case_id": clock.case_id} for clock in clocks])
    return moved


def pauses_of(conn: Connection, clock: Clock) -> tuple[Pause, ...]:
    return _pauses(conn, [clock.id]).get(clock.id, ())


def _pauses(conn: Connection, clock_ids: Sequence[int]) -> Mapping[int, tuple[Pause, ...]]:
    found: dict[int, tuple[Pause, ...]] = {}
    calendar: Calendar | None = None
    for row in conn.execute(_SQL.pauses, {"ids": list(clock_ids)}):
        calendar = calendar or read_calendar(conn)
        resumed = row["resumed_at"]
        # What is handed in on a Saturday counts as received on Monday.
        until = receipt_day(city_day(resumed), calendar) if resumed else None
        found[row["clock_id"]] = (*found.get(row["clock_id"], ()), (city_day(row["paused_at"]), until))
    return found


def _clock(conn: Connection, clock_id: int) -> Clock:
    row = conn.execute(_SQL.clock_for_update, {"id": clock_id}).fetchone()
    assert row is not None
    return Clock.from_row(row)


def set_calendar_day(conn: Connection, day: dt.date, working: bool, reason: str, party: Party) -> int:
    """Correct one day; every running clock is counted anew.  Returns how many due days moved."""
    decision = decide(party, "calendar:edit")
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
    conn.execute(
        _SQL.set_calendar_day,
        {"day": day, "working": working, "reason": reason, "by": party.user_id or None},
    )
    return recompute_clocks(conn)
