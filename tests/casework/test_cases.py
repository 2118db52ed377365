"""A case walks by its data; clocks follow; nobody moves what is not his; a race has one winner."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from jutong.casework import (
    KINDS,
    Clock,
    ask_extension,
    case_for,
    case_moves,
    cases,
    city_day,
    clocks_of,
    count_unread,
    counted_days,
    desk,
    escalate_overdue,
    find_case,
    find_cases,
    history,
    inbox,
    mark_read,
    notify_all_departments,
    open_case,
    set_calendar_day,
    unsent,
)
from jutong.database import Connection
from jutong.people import SYSTEM
from jutong.terms import BadInput, Broken, Conflict, Denied, NotFound

from .conftest import Cast, at, move

REFUSAL = "这些数据与所述用途没有关系，依第20条不予同意"


def ask(conn: Connection, cast: Cast, share_type: int = 2, now: dt.datetime = at("2026-06-09 14:00")) -> int:
    return open_case(
        conn, "share_request", title="市医保局申请使用企业登记基本信息", department_code="D25",
        opened_by=cast.asker, sides={"provider": "D23"}, share_type=share_type, subject={"entry_id": 1}, now=now,
    )  # fmt: skip


def consented(conn: Connection, cast: Cast, share_type: int = 2, when: str = "2026-06-09 15:20") -> int:
    case_id = ask(conn, cast, share_type)
    move(conn, case_id, "consent", cast.asker_head, now=at(when))
    return case_id


def running(conn: Connection, case_id: int) -> Clock:
    return next(clock for clock in clocks_of(conn, case_id) if clock.running)


def due(conn: Connection, case_id: int) -> str:
    due_at = find_case(conn, case_id).due_at
    assert due_at is not None
    return str(city_day(due_at))


# --- the data itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_is_a_machine_one_can_get_through(kind: Any) -> None:
    names = {state.name for state in kind.states}
    sides = {*kind.sides, "steward"}
    reached = {kind.states[0].name}
    for _ in kind.states:
        reached |= {step.to for step in kind.moves if reached & set(step.from_states)}
    for step in kind.moves:
        assert {*step.from_states, step.to} <= names, step
        assert step.side in sides, step
        assert step.roles, step
    for state in kind.states:
        leaving = kind.moves_from(state.name)
        assert bool(leaving) == (state.desk is not None), (
            f"{state.name}: open states have a way out, closed none"
        )
        assert state.desk is None or any(step.side == state.desk for step in leaving), state.name
        assert state.name in reached or state.name == "drafting", f"nothing leads to {state.name}"
    assert len({step.name for step in kind.moves}) == len(kind.moves)


def test_every_stage_a_kind_names_has_a_time_limit(conn: Connection) -> None:
    stages = {state.stage for kind in KINDS.values() for state in kind.states} - {"", "given"}
    rows = conn.execute("SELECT stage FROM time_limit WHERE base_wd IS NOT NULL").fetchall()
    assert stages <= {row["stage"] for row in rows}


def test_a_local_limit_may_be_shorter_and_never_longer(conn: Connection, cast: Cast) -> None:
    conn.execute(
        "INSERT INTO time_limit (rule, jurisdiction, stage, share_type, label, base_wd, article)"
        " VALUES ('L9', 'city', 'share_reply', 2, '答复申请', 5, '本市规则')"
    )
    case_id = consented(conn, cast)
    assert running(conn, case_id).rule == "L9"
    assert due(conn, case_id) == "2026-06-16"
    with pytest.raises(psycopg.errors.RaiseException), conn.transaction():
        conn.execute("UPDATE time_limit SET base_wd = 11 WHERE rule = 'L9'")


# --- walking ---------------------------------------------------------------------------------------------------


def test_a_conditional_request_walks_two_heads_and_keeps_its_clocks(conn: Connection, cast: Cast) -> None:
    case_id = ask(conn, cast)
    assert find_case(conn, case_id).number == "SQ-2026-0001"
    assert find_case(conn, case_id).due_at is None  # the law's clock starts when the provider has it
    move(conn, case_id, "consent", cast.asker_head, now=at("2026-06-09 15:20"))
    assert find_case(conn, case_id).department_code == "D23"
    assert running(conn, case_id).rule == "T4"
    assert due(conn, case_id) == "2026-06-24"
    move(conn, case_id, "propose", cast.officer, now=at("2026-06-15 09:00"))
    assert due(conn, case_id) == "2026-06-24"  # the same clock runs on
    granted = move(conn, case_id, "approve", cast.head, data={"note_to": "x"}, now=at("2026-06-16 09:00"))
    assert granted.state == "granted"
    assert granted.data == {"note_to": "x"}
    reply, delivery = clocks_of(conn, case_id)
    assert reply.met_at is not None
    assert not reply.late
    assert delivery.rule == "T6"
    assert due(conn, case_id) == "2026-07-15"
    done = move(conn, case_id, "deliver", SYSTEM, now=at("2026-06-17 09:00"))
    assert done.closed_at is not None
    assert done.due_at is None
    walked = [line.move for line in history(conn, case_id)]
    assert walked == ["open", "consent", "propose", "approve", "deliver"]
    assert history(conn, case_id)[-1].by_name == "平台"


def test_an_unconditional_request_is_answered_by_the_next_working_day(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast, share_type=1, when="2026-06-12 17:00")
    assert running(conn, case_id).rule == "T3"
    assert due(conn, case_id) == "2026-06-15"
    assert move(conn, case_id, "approve", cast.head).state == "granted"  # the head may answer at once


def test_asking_for_material_stops_the_clock_once_and_all_at_once(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast, when="2026-06-01 09:00")
    with pytest.raises(BadInput, match="至少写 1 条"):
        move(conn, case_id, "supplement", cast.officer, data={"missing": []})
    move(
        conn, case_id, "supplement", cast.officer, data={"missing": ["申请函件"]}, now=at("2026-06-04 10:00")
    )
    assert find_case(conn, case_id).due_at is None
    assert escalate_overdue(conn, at("2026-09-01 09:00")) == []
    move(conn, case_id, "provide", cast.asker, "已补", now=at("2026-06-10 10:00"))
    strip = counted_days(conn, running(conn, case_id))
    assert [counted.number for counted in strip if counted.paused] == [None] * 6
    assert due(conn, case_id) == "2026-06-22"  # days 4…10 from June 11, over the Dragon Boat holiday
    with pytest.raises(Conflict, match="只能一次"):
        move(conn, case_id, "supplement", cast.officer, data={"missing": ["又一份"]})


def test_a_refusal_needs_its_reason(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast)
    with pytest.raises(BadInput, match="现在只有 4 个字，至少 10 个字"):
        move(conn, case_id, "refuse", cast.head, "没有必要")
    assert move(conn, case_id, "refuse", cast.head, REFUSAL).closed_at is not None


def test_nobody_moves_what_is_not_his(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast)
    for party in (cast.asker, cast.asker_head, cast.officer, cast.steward, cast.auditor, cast.stranger):
        with pytest.raises(Denied):
            move(conn, case_id, "approve", party)
    assert [step.name for step in case_moves(find_case(conn, case_id), cast.head)] == [
        "approve", "supplement", "refuse",
    ]  # fmt: skip
    with pytest.raises(Conflict, match="现在是「待提供方审核」"):
        move(conn, case_id, "consent", cast.asker_head)


def test_a_case_that_belongs_to_a_room_moves_only_through_its_door(conn: Connection, cast: Cast) -> None:
    case_id = open_case(conn, "catalogue_entry", title="取水许可信息", department_code="D23",
                        opened_by=cast.officer)  # fmt: skip
    assessed = {"secrecy_assessed": True, "privacy_assessed": True}
    with pytest.raises(Broken, match=r"casework\.wrong_door"):
        move(conn, case_id, "submit", cast.officer, data=assessed, room="")
    assert move(conn, case_id, "submit", cast.officer, data=assessed).state == "dept_review"


# --- time ------------------------------------------------------------------------------------------------------


def test_an_overdue_reply_opens_the_article_39_case_once_and_tells_both_sides(
    conn: Connection, cast: Cast
) -> None:
    case_id = consented(conn, cast)
    assert escalate_overdue(conn, at("2026-06-24 23:00")) == []
    opened = escalate_overdue(conn, at("2026-06-25 00:01"))
    assert escalate_overdue(conn, at("2026-06-26 00:01")) == []
    (violation,) = (find_case(conn, one) for one in opened)
    assert violation.kind == "violation"
    assert violation.department_code == "D01"
    assert violation.data["breach"] == "第39条(4)"
    assert [found.id for found in find_cases(conn, {"case_id": case_id}, "violation")] == opened
    assert any("逾期" in notice.subject for notice in inbox(conn, cast.head))
    assert any("逾期" in notice.subject for notice in inbox(conn, cast.steward))
    move(conn, violation.id, "order", cast.steward, "三日内答复", now=at("2026-06-25 09:00"))
    assert find_case(conn, violation.id).department_code == "D23"
    move(conn, case_id, "approve", cast.head, now=at("2026-06-26 09:00"))
    assert clocks_of(conn, case_id)[0].late


def test_an_overdue_delivery_of_granted_data_escalates_too(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast)
    move(conn, case_id, "approve", cast.head, now=at("2026-06-10 09:00"))
    (opened,) = escalate_overdue(conn, at("2026-07-20 09:00"))
    assert find_case(conn, opened).title.startswith("提供数据逾期")


def test_an_extension_needs_consent_and_tells_the_requester_before_the_day(
    conn: Connection, cast: Cast
) -> None:
    case_id = consented(conn, cast)
    reason = "部分产权档案正在核对，须逐宗比对"
    with pytest.raises(BadInput, match="最多再延 10 个工作日"):
        ask_extension(conn, case_id, 11, reason, cast.officer, now=at("2026-06-15 09:00"))
    with pytest.raises(Denied):
        ask_extension(conn, case_id, 5, reason, cast.asker, now=at("2026-06-15 09:00"))
    extension = ask_extension(conn, case_id, 5, reason, cast.officer, now=at("2026-06-15 09:00"))
    with pytest.raises(Conflict, match="已经申请过"):
        ask_extension(conn, case_id, 1, reason, cast.officer, now=at("2026-06-15 09:00"))
    assert due(conn, case_id) == "2026-06-24"  # asking alone extends nothing
    move(conn, extension, "consent", cast.steward, now=at("2026-06-16 09:00"))
    assert due(conn, case_id) == "2026-07-01"
    told = next(notice for notice in inbox(conn, cast.asker) if "延期" in notice.subject)
    assert "2026年07月01日" in told.subject
    assert told.created_at < at("2026-06-24 23:59")
    assert running(conn, case_id).extended_wd == 5


def test_consent_after_the_due_day_is_too_late(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast)
    extension = ask_extension(
        conn, case_id, 5, "部分产权档案正在核对，须比对", cast.officer, now=at("2026-06-24 09:00")
    )
    with pytest.raises(Conflict, match="原定期限已过"), conn.transaction():
        move(conn, extension, "consent", cast.steward, now=at("2026-06-25 09:00"))
    assert find_case(conn, extension).state == "asked"


def test_a_limit_without_extension_says_so(conn: Connection, cast: Cast) -> None:
    case_id = open_case(conn, "objection", title="住所有误", department_code="D25", opened_by=cast.asker,
                        sides={"provider": "D23"}, now=at("2026-06-15 09:00"))  # fmt: skip
    assert running(conn, case_id).rule == "T7"
    with pytest.raises(BadInput, match="没有规定可以延期"):
        ask_extension(
            conn, case_id, 5, "部分产权档案正在核对，须比对", cast.officer, now=at("2026-06-15 10:00")
        )


def test_a_correction_of_the_calendar_recounts_what_runs_and_leaves_what_is_done(
    conn: Connection, cast: Cast
) -> None:
    done = consented(conn, cast)
    move(conn, done, "refuse", cast.head, REFUSAL, now=at("2026-06-10 09:00"))
    live, paused = consented(conn, cast), consented(conn, cast)
    move(conn, paused, "supplement", cast.officer, data={"missing": ["函件"]}, now=at("2026-06-11 09:00"))
    old_version = running(conn, live).calendar_version
    with pytest.raises(Denied):
        set_calendar_day(conn, dt.date(2026, 6, 22), False, "停电", cast.officer)
    assert set_calendar_day(conn, dt.date(2026, 6, 22), False, "全市停电检修", cast.steward) == 1
    assert due(conn, live) == "2026-06-25"
    assert running(conn, live).calendar_version != old_version
    assert clocks_of(conn, done)[0].calendar_version == old_version
    move(conn, paused, "provide", cast.asker, "已补", now=at("2026-06-12 09:00"))
    assert due(conn, paused) == "2026-06-26"  # one day stood still, one day of no power
    assert set_calendar_day(conn, dt.date(2026, 6, 22), True, "检修取消", cast.steward) == 2
    assert due(conn, live) == "2026-06-24"


def test_a_due_day_in_a_year_without_a_calendar_is_marked_provisional(conn: Connection, cast: Cast) -> None:
    case_id = consented(conn, cast, when="2026-12-28 09:00")
    assert running(conn, case_id).provisional
    set_calendar_day(conn, dt.date(2027, 1, 1), False, "元旦", cast.steward)
    assert due(conn, case_id) == "2027-01-12"


def test_a_task_keeps_the_day_it_was_given(conn: Connection, cast: Cast) -> None:
    values: dict[str, Any] = {"title": "补齐供给清单", "department_code": "D23", "opened_by": cast.steward}
    with pytest.raises(BadInput, match="要求完成的日期"), conn.transaction():
        open_case(conn, "task", **values)
    case_id = open_case(conn, "task", **values, due=dt.date(2026, 6, 30), now=at("2026-06-15 09:00"))
    assert due(conn, case_id) == "2026-06-30"
    set_calendar_day(conn, dt.date(2026, 6, 29), False, "停电", cast.steward)
    assert due(conn, case_id) == "2026-06-30"
    assert escalate_overdue(conn, at("2026-07-01 09:00")) == []  # told, but no violation of the law
    assert any(notice.subject == "逾期：补齐供给清单" for notice in inbox(conn, cast.head))
    with pytest.raises(BadInput, match="要求完成的日期"), conn.transaction():
        move(conn, case_id, "report", cast.head, "做完了")
        move(conn, case_id, "return", cast.steward, "还缺两条")


# --- reading ---------------------------------------------------------------------------------------------------


def test_the_desk_shows_what_waits_for_me_soonest_first_with_its_clock(conn: Connection, cast: Cast) -> None:
    far = consented(conn, cast)
    near = consented(conn, cast, share_type=1)
    rows = desk(conn, cast.head, now=at("2026-06-11 09:00"))
    assert [row.case.id for row in rows] == [near, far]
    assert [row.days_left for row in rows] == [-1, 8]
    assert rows[0].overdue
    assert rows[1].basis == "第21条，10 日"
    assert rows[1].opener_name == "医保局"
    assert "approve" in [step.name for step in rows[1].moves]
    assert desk(conn, cast.asker) == []
    assert desk(conn, cast.stranger) == []
    assert desk(conn, cast.auditor) == []


def test_a_case_is_seen_by_its_sides_the_steward_and_the_auditor_and_by_nobody_else(
    conn: Connection, cast: Cast
) -> None:
    case_id = consented(conn, cast)
    for party in (cast.asker, cast.officer, cast.steward, cast.auditor):
        assert case_for(conn, case_id, party).state_label == "待提供方审核"
        assert [row.case.id for row in cases(conn, party)] == [case_id]
    with pytest.raises(NotFound):
        case_for(conn, case_id, cast.stranger)
    assert cases(conn, cast.stranger) == []
    assert cases(conn, cast.asker, opened_by_me=True, closed=True) == []


def test_whoever_has_it_on_the_desk_is_told_and_the_outbox_waits_to_be_sent(
    conn: Connection, cast: Cast
) -> None:
    case_id = consented(conn, cast)
    assert [notice.case_id for notice in inbox(conn, cast.officer)] == [case_id]
    assert inbox(conn, cast.stranger) == []
    move(conn, case_id, "refuse", cast.head, REFUSAL)
    assert REFUSAL in inbox(conn, cast.asker)[0].body
    assert count_unread(conn, cast.asker) == 1
    assert mark_read(conn, cast.stranger) == 0
    assert mark_read(conn, cast.asker) == 1
    assert count_unread(conn, cast.asker) == 0
    assert len(unsent(conn)) == 2
    assert notify_all_departments(conn, subject="目录通告") == 4


def test_a_case_that_names_no_provider_is_not_opened(conn: Connection, cast: Cast) -> None:
    with pytest.raises(BadInput, match=r"casework\.side_missing"):
        open_case(conn, "share_request", title="x", department_code="D25", opened_by=cast.asker)
    with pytest.raises(Broken, match=r"casework\.unknown_kind"):
        open_case(conn, "wish", title="x", department_code="D25", opened_by=cast.asker)
