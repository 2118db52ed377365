"""工单与时限: anything that waits for a person, with states and moves as data and clocks that are law."""

from jutong.casework.calendar import (
    CITY_TIME,
    Calendar,
    CountedDay,
    city_day,
    days_left,
    due_on,
    read_calendar,
    receipt_day,
    shipped_calendar,
)
from jutong.casework.case import CaseFile, CaseMove, Clock, Notice
from jutong.casework.clocks import recompute_clocks, set_calendar_day, time_limit
from jutong.casework.escalating import escalate_overdue
from jutong.casework.kinds import KINDS
from jutong.casework.moves import ask_extension, case_moves, find_case, may_move, move, open_case
from jutong.casework.notices import (
    count_unread,
    inbox,
    mark_read,
    mark_sent,
    notify,
    notify_all_departments,
    unsent,
)
from jutong.casework.procedure import Kind, Move, Need, State
from jutong.casework.waiting import (
    CasePage,
    DeskRow,
    case_for,
    cases,
    clocks_of,
    counted_days,
    desk,
    find_cases,
    history,
)

__all__ = [
    "CITY_TIME",
    "KINDS",
    "Calendar",
    "CaseFile",
    "CaseMove",
    "CasePage",
    "Clock",
    "CountedDay",
    "DeskRow",
    "Kind",
    "Move",
    "Need",
    "Notice",
    "State",
    "ask_extension",
    "case_for",
    "case_moves",
    "cases",
    "city_day",
    "clocks_of",
    "count_unread",
    "counted_days",
    "days_left",
    "desk",
    "due_on",
    "escalate_overdue",
    "find_case",
    "find_cases",
    "history",
    "inbox",
    "mark_read",
    "mark_sent",
    "may_move",
    "move",
    "notify",
    "notify_all_departments",
    "open_case",
    "read_calendar",
    "receipt_day",
    "recompute_clocks",
    "set_calendar_day",
    "shipped_calendar",
    "time_limit",
    "unsent",
]
