"""Opening a case and moving it: one compare-and-set, its history, its clocks, its notices, in one transaction.

The caller owns the transaction; a room whose own rows move along (a grant, an entry) writes them in the same one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from psycopg.types.json import Jsonb

from jutong.casework.case import CaseFile, Clock
from jutong.casework.clocks import clocks_follow, extend_clock, must_be_extendable
from jutong.casework.kinds import KINDS
from jutong.casework.notices import notify
from jutong.casework.procedure import Kind, Move, State
from jutong.database import Connection, named_sql
from jutong.people import SYSTEM, Party, steward_code
from jutong.terms import Allowed, BadInput, Broken, Conflict, Decision, Denied, NotFound, Refused

_SQL = named_sql(__file__)

#: What else a move does, by the name its data gives.
EFFECTS: dict[str, Callable[[Connection, CaseFile, dt.datetime], None]] = {"extend": extend_clock}


def open_case(
    conn: Connection,
    kind: str,
    *,
    title: str,
    department_code: str,
    opened_by: Party | int | None,
    subject: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    sides: Mapping[str, str] | None = None,
    state: str | None = None,
    share_type: int = 0,
    due: dt.date | None = None,
    now: dt.datetime | None = None,
) -> int:
    """Open a case and return its id.

    ``department_code`` is the department that opens it; it is also the side that is not named in ``sides`` when
    only one is missing (a request needs ``sides={"provider": …}``, the requester being who opens it).
    ``share_type`` chooses the clock, ``due`` is the last day of kinds whose date a person sets (task).
    Raises Broken ``casework.unknown_kind``, BadInput ``casework.side_missing``.
    """
    now = now or dt.datetime.now(dt.UTC)
    what = _kind(kind)
    first = what.state(state) if state else what.states[0]
    named = _sides(conn, what, department_code, sides or {})
    by = opened_by.user_id if isinstance(opened_by, Party) else opened_by
    if first.desk is None:
        raise Broken("casework.opens_closed", f"「{what.label}」不能一开就是「{first.label}」")
    values = {
        "prefix": what.prefix, "now": now, "kind": kind, "state": first.name, "title": title,
        "department_code": named[first.desk], "sides": Jsonb(named), "departments": sorted(set(named.values())),
        "share_type": share_type, "opened_by": by or None, "subject": Jsonb(dict(subject or {})),
        "data": Jsonb(dict(data or {})),
    }  # fmt: skip
    row = conn.execute(_SQL.open_case, values).fetchone()
    assert row is not None
    case = CaseFile.from_row(row)
    _keep_move(conn, case.id, "open", None, first.name, by, "", {}, now)
    clocks_follow(conn, case, None, first, now=now, due=due)
    if case.department_code != department_code:
        _tell(conn, case.department_code, f"{what.label}：{title}", first.label, case.id, now)
    return case.id


def move(
    conn: Connection,
    case_id: int,
    move_name: str,
    party: Party,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    *,
    room: str = "",
    due: dt.date | None = None,
    now: dt.datetime | None = None,
) -> CaseFile:
    """Make one move and return the case as it then is.

    ``room`` is the caller's own name where a kind belongs to a room (``Kind.room``).  Raises NotFound
    ``casework.no_case``, Denied, BadInput ``casework.needs`` naming everything that is missing, and Conflict
    ``casework.moved_on`` when somebody else was quicker.
    """
    now = now or dt.datetime.now(dt.UTC)
    case = find_case(conn, case_id)  # 1  what lies there
    kind = _kind(case.kind)
    step = kind.move(move_name)
    if step is None:
        raise NotFound("casework.no_move", f"「{kind.label}」没有「{move_name}」这一步")
    if kind.room != room and kind.room:
        raise Broken(
            "casework.wrong_door", f"「{kind.label}」只能经 {kind.room} 办理，否则它自己的记录不会跟着变"
        )
    _must(may_move(case, step, party))  # 2  may this party
    given = dict(data or {})
    _must_have(conn, case, step, {**case.data, **given, "note": note})  # 3  is everything there
    before, after = kind.state(case.state), kind.state(step.to)
    moved = _compare_and_set(conn, case, step, after, given, now)  # 4  one row or none
    _keep_move(conn, case.id, step.name, case.state, after.name, party.user_id, note, given, now)  # 5
    clocks_follow(conn, moved, before, after, now=now, stops=step.stops, due=due)  # 6
    if step.effect:  # 7
        EFFECTS[step.effect](conn, moved, now)
    _tell_who_waits(conn, kind, moved, after, step, party, note, now)  # 8
    return find_case(conn, case.id)


def may_move(case: CaseFile, step: Move, party: Party) -> Decision:
    """Whether this party may make this move now, and why not."""
    if case.state not in step.from_states:
        label = KINDS[case.kind].state(case.state).label
        return Refused("casework.moved_on", f"现在是「{label}」，不能「{step.label}」")
    if party.roles == SYSTEM.roles:
        return Allowed("平台")
    if not party.roles & step.roles:
        return Refused("casework.role_missing", f"「{step.label}」不由您的角色办理")
    if party.department_code != case.sides.get(step.side):
        return Refused("casework.other_desk", f"「{step.label}」由另一个部门办理")
    return Allowed(step.label)


def case_moves(case: CaseFile, party: Party) -> list[Move]:
    """The moves this party may make now, the main one first."""
    kind = KINDS[case.kind]
    moves = [step for step in kind.moves_from(case.state) if isinstance(may_move(case, step, party), Allowed)]
    return sorted(moves, key=lambda step: ("main", "plain", "grave").index(step.tone))


def find_case(conn: Connection, case_id: int) -> CaseFile:
    """The case, whoever asks; raises NotFound ``casework.no_case``.  Pages use ``case_for``."""
    row = conn.execute(_SQL.case_by_id, {"id": case_id}).fetchone()
    if row is None:
        raise NotFound("casework.no_case", "没有这份工单")
    return CaseFile.from_row(row)


def ask_extension(
    conn: Connection, case_id: int, days: int, reason: str, party: Party, *, now: dt.datetime | None = None
) -> int:
    """Ask the 主管部门 for ``days`` more working days on the case's running clock; the new case's id (T5)."""
    now = now or dt.datetime.now(dt.UTC)
    case = find_case(conn, case_id)
    row = conn.execute(_SQL.running_clock, {"case_id": case_id}).fetchone()
    if row is None:
        raise Conflict("casework.clock_over", "没有正在计时的期限可以延长")
    clock = Clock.from_row(row)
    if party.roles != SYSTEM.roles and party.department_code != clock.department_code:
        raise Denied("casework.other_desk", "只有承办的部门可以申请延期")
    must_be_extendable(clock, days, now)
    if len(reason.strip()) < 10:
        raise BadInput("casework.needs", "请写明特殊原因，至少 10 个字")
    if conn.execute(_SQL.pending_extension, {"clock": Jsonb({"clock_id": clock.id})}).fetchone():
        raise Conflict("casework.asked_already", "已经申请过延期，主管部门还没有答复")
    waiting = case.sides.get("requester")
    return open_case(
        conn, "extension", title=f"{case.title}·{clock.label}延期 {days} 日",
        department_code=clock.department_code, opened_by=party, now=now,
        subject={"clock_id": clock.id, "case_id": case.id, "waiting": waiting},
        data={"days": days, "reason": reason.strip()},
    )  # fmt: skip


def _kind(name: str) -> Kind:
    try:
        return KINDS[name]
    except KeyError:
        raise Broken("casework.unknown_kind", f"没有「{name}」这种工单") from None


def _sides(conn: Connection, kind: Kind, opener: str, given: Mapping[str, str]) -> dict[str, str]:
    named = {side: code for side, code in given.items() if code}
    missing = [side for side in kind.sides if side not in named]
    if len(missing) > 1:
        sentence = f"「{kind.label}」要写明各方：{'、'.join(kind.sides)}"
        raise BadInput("casework.side_missing", sentence)
    if missing:
        named[missing[0]] = opener
    return {"steward": steward_code(conn), **named}


def _must(decision: Decision) -> None:
    if isinstance(decision, Refused):
        late = decision.code == "casework.moved_on"
        raise (Conflict if late else Denied)(decision.code, decision.reason)


def _must_have(conn: Connection, case: CaseFile, step: Move, given: Mapping[str, Any]) -> None:
    wrong = [problem for need in step.needs if (problem := need.missing(given.get(need.name)))]
    if wrong:
        raise BadInput("casework.needs", "；".join(wrong))
    if step.once and conn.execute(_SQL.was_made, {"case_id": case.id, "move": step.name}).fetchone():
        raise Conflict("casework.once", f"「{step.label}」只能一次，须一次列全（第21条）")


def _compare_and_set(
    conn: Connection, case: CaseFile, step: Move, after: State, given: Mapping[str, Any], now: dt.datetime
) -> CaseFile:
    values = {
        "id": case.id, "from": case.state, "to": after.name, "now": now, "data": Jsonb(dict(given)),
        "department_code": case.sides[after.desk] if after.desk else case.department_code,
        "closed_at": None if after.desk else now,
    }  # fmt: skip
    row = conn.execute(_SQL.move_case, values).fetchone()
    if row is None:
        raise Conflict("casework.moved_on", f"别人刚刚办过这份工单，「{step.label}」没有办成，请刷新再看")
    return CaseFile.from_row(row)


def _keep_move(
    conn: Connection, case_id: int, name: str, before: str | None, after: str, by: int | None, note: str,
    data: Mapping[str, Any], now: dt.datetime,
) -> None:  # fmt: skip
    conn.execute(
        _SQL.keep_move,
        {"case_id": case_id, "at": now, "move": name, "from": before, "to": after, "by": by or None,
         "note": note, "data": Jsonb(dict(data))},
    )  # fmt: skip


def _tell_who_waits(
    conn: Connection, kind: Kind, case: CaseFile, after: State, step: Move, party: Party, note: str,
    now: dt.datetime,
) -> None:  # fmt: skip
    """Whoever has it on the desk now; when it is closed, every side but the one that closed it."""
    steward = case.sides["steward"]
    told = {case.department_code} if after.desk else set(case.departments) - {steward}
    for code in sorted(told - {party.department_code}):
        body = f"{step.label}：{note}" if note else after.label
        _tell(conn, code, f"{kind.label}·{after.label}：{case.title}", body, case.id, now)


def _tell(conn: Connection, code: str, subject: str, body: str, case_id: int, now: dt.datetime) -> None:
    notify(conn, to_department=code, subject=subject, body=body, case_id=case_id, now=now)
