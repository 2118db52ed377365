"""What pages read: my desk with its clocks, one case with its history, lists of cases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from jutong.casework.calendar import Calendar, CountedDay, city_day, count_days, days_left, read_calendar
from jutong.casework.case import CaseFile, CaseMove, Clock
from jutong.casework.clocks import pauses_of
from jutong.casework.kinds import KINDS
from jutong.casework.moves import case_moves
from jutong.casework.procedure import Move
from jutong.database import Connection, named_sql
from jutong.people import Party, visible_to
from jutong.terms import NotFound

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class DeskRow:
    """One line of 待我办理; ``clock`` is the case's nearest running one."""

    case: CaseFile
    kind_label: str
    state_label: str
    moves: tuple[Move, ...]
    clock: Clock | None
    #: working days left: 0 is today, negative is overdue; None without a clock or while it stands still
    days_left: int | None
    #: working days of the whole limit, extensions included; None where a date was given
    days_total: int | None
    #: 第21条，10 日
    basis: str
    opener_name: str

    @property
    def paused(self) -> bool:
        return self.clock is not None and self.clock.paused_at is not None

    @property
    def overdue(self) -> bool:
        return self.days_left is not None and self.days_left < 0


@dataclass(frozen=True)
class CasePage:
    """One case as a page shows it."""

    case: CaseFile
    kind_label: str
    state_label: str
    clocks: tuple[Clock, ...]
    history: tuple[CaseMove, ...]
    moves: tuple[Move, ...]


def desk(
    conn: Connection, party: Party, *, now: dt.datetime | None = None, limit: int = 200
) -> list[DeskRow]:
    """What waits for this party: on its department's desk, in a state one of its roles can move. Soonest first."""
    now = now or dt.datetime.now(dt.UTC)
    waiting = [
        {"kind": kind.name, "state": state.name}
        for kind in KINDS.values()
        for state in kind.states
        if any(step.side == state.desk and step.roles & party.roles for step in kind.moves_from(state.name))
    ]
    if not waiting:
        return []
    rows = conn.execute(
        _SQL.desk,
        {"kinds": [pair["kind"] for pair in waiting], "states": [pair["state"] for pair in waiting],
         "department": party.department_code, "limit": limit},
    ).fetchall()  # fmt: skip
    return _desk_rows(conn, rows, party, now)


def cases(
    conn: Connection,
    party: Party,
    *,
    kinds: Sequence[str] = (),
    closed: bool | None = None,
    opened_by_me: bool = False,
    now: dt.datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[DeskRow]:
    """Cases this party may see, the latest moved first; ``closed`` None is both."""
    now = now or dt.datetime.now(dt.UTC)
    query = _SQL.cases.format(visible=visible_to(party, "case", "c"))
    values = {"kinds": list(kinds) or None, "closed": closed, "limit": limit, "offset": offset,
              "opened_by": party.user_id if opened_by_me else None}  # fmt: skip
    return _desk_rows(conn, conn.execute(query, values).fetchall(), party, now)


def case_for(conn: Connection, case_id: int, party: Party) -> CasePage:
    """One case with everything about it; one that may not be seen is not there (NotFound ``casework.no_case``)."""
    query = _SQL.visible_case.format(visible=visible_to(party, "case", "c"))
    row = conn.execute(query, {"id": case_id}).fetchone()
    if row is None:
        raise NotFound("casework.no_case", "没有这份工单，或不经您的部门")
    case = CaseFile.from_row(row)
    kind = KINDS[case.kind]
    return CasePage(
        case, kind.label, kind.state(case.state).label,
        tuple(clocks_of(conn, case_id)), tuple(history(conn, case_id)), tuple(case_moves(case, party)),
    )  # fmt: skip


def clocks_of(conn: Connection, case_id: int) -> list[Clock]:
    """Oldest first."""
    return [Clock.from_row(row) for row in conn.execute(_SQL.clocks_of, {"case_id": case_id})]


def history(conn: Connection, case_id: int) -> list[CaseMove]:
    """Oldest first, with names."""
    return [_case_move(row) for row in conn.execute(_SQL.history, {"case_id": case_id})]


def counted_days(conn: Connection, clock: Clock) -> list[CountedDay]:
    """The strip of days from receipt to the due day, as a page draws it; of a standing clock, to today."""
    if clock.working_days is None:
        return []
    calendar = read_calendar(conn)
    days = clock.working_days + clock.extended_wd
    today = city_day(dt.datetime.now(dt.UTC))
    strip = []
    for day in count_days(city_day(clock.started_at), days, calendar, pauses_of(conn, clock)):
        strip.append(day)
        if clock.paused_at is not None and day.day >= today:
            break
    return strip


def find_cases(conn: Connection, subject: Mapping[str, Any], kind: str | None = None) -> list[CaseFile]:
    """Cases about something: ``find_cases(conn, {"entry_id": 12})``; newest first, whoever asks."""
    rows = conn.execute(_SQL.cases_about, {"subject": Jsonb(dict(subject)), "kind": kind})
    return [CaseFile.from_row(row) for row in rows]


def _desk_rows(
    conn: Connection, rows: Sequence[Mapping[str, Any]], party: Party, now: dt.datetime
) -> list[DeskRow]:
    if not rows:
        return []
    calendar = read_calendar(conn)
    found = conn.execute(_SQL.nearest_clocks, {"ids": [row["id"] for row in rows]})
    clocks = {row["case_id"]: Clock.from_row(row) for row in found}
    return [_desk_row(row, clocks.get(row["id"]), party, calendar, city_day(now)) for row in rows]


def _desk_row(
    row: Mapping[str, Any], clock: Clock | None, party: Party, calendar: Calendar, today: dt.date
) -> DeskRow:
    case = CaseFile.from_row(row)
    kind = KINDS[case.kind]
    total = clock.working_days + clock.extended_wd if clock and clock.working_days else None
    running = clock is not None and clock.paused_at is None
    return DeskRow(
        case, kind.label, kind.state(case.state).label, tuple(case_moves(case, party)), clock,
        days_left(today, city_day(clock.due_at), calendar) if clock and running else None,
        total, _basis(clock, total), row["opener_name"] or "平台",
    )  # fmt: skip


def _basis(clock: Clock | None, total: int | None) -> str:
    if clock is None:
        return ""
    return f"{clock.article}，{total} 日" if total else clock.article


def _case_move(row: Mapping[str, Any]) -> CaseMove:
    kind = KINDS[row["kind"]]
    step = kind.move(row["move"])
    return CaseMove.from_row({**row, "label": step.label if step else "提出"})
