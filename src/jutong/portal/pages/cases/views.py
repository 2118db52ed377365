"""Cases as pages show them: rows of a list, steps, needs of a move as fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jutong.casework import KINDS, CaseFile, CaseMove, CasePage, DeskRow, Move, Need
from jutong.portal import clocks, saying
from jutong.portal.clocks import ClockView
from jutong.portal.timeline import EventView
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class CaseRow:
    id: int
    number: str
    title: str
    kind: str
    kind_label: str
    state_label: str
    opener: str
    basis: str
    clock: ClockView
    #: What the main button says; "" when nothing can be done here by this party.
    act: str
    closed_at: dt.datetime | None
    moved_at: dt.datetime


@dataclass(frozen=True)
class StepView:
    label: str
    #: done, now, wait
    state: str
    note: str = ""


@dataclass(frozen=True)
class FieldView:
    name: str
    label: str
    #: text, list, flag, integer
    kind: str
    least: int


@dataclass(frozen=True)
class MoveView:
    name: str
    label: str
    #: main, plain, grave
    tone: str
    #: The note is always offered; this says whether and why it must be written.
    note_label: str
    note_least: int
    fields: tuple[FieldView, ...]


def case_row(row: DeskRow) -> CaseRow:
    case = row.case
    main = row.moves[0].label if row.moves else ""
    return CaseRow(
        id=case.id,
        number=case.number,
        title=case.title,
        kind=case.kind,
        kind_label=row.kind_label,
        state_label=row.state_label,
        opener=row.opener_name,
        basis=row.basis,
        clock=clocks.of_desk_row(row),
        act=_verb(main),
        closed_at=case.closed_at,
        moved_at=case.moved_at,
    )


def _verb(label: str) -> str:
    """A button of a list has room for two words: what one will do there, not everything one may do."""
    for word in (
        "发布",
        "批准",
        "同意",
        "复检",
        "验收",
        "核查",
        "确认",
        "提供",
        "补正",
        "更正",
        "整改",
        "改正",
        "提交",
    ):
        if word in label:
            return word
    return "办理" if label else ""


#: The straight way through a kind of case, for the steps above it; side ways are told by the history.
_WAYS: Mapping[str, tuple[str, ...]] = {
    "catalogue_entry": ("drafting", "dept_review", "publish_review", "published"),
    "catalogue_change": ("drafting", "dept_review", "publish_review", "published"),
    "share_request": ("requester_head", "provider_officer", "provider_head", "granted", "delivered"),
    "data_quality": ("rectifying", "rechecking", "rectified"),
    "gather_drift": ("deciding", "accepted"),
    "objection": ("verifying", "answered", "corrected"),
    "task": ("doing", "checking", "done"),
    "demand": ("confirming", "coordinating", "met"),
    "extension": ("asked", "consented"),
    "violation": ("found", "rectifying", "checking", "rectified"),
}


def steps(visit: Visit, page: CasePage, history: Sequence[CaseMove]) -> tuple[StepView, ...]:
    """Done, now, to come; a case that left the straight way shows where it went as its last step."""
    case, kind = page.case, KINDS[page.case.kind]
    way = _WAYS.get(case.kind, tuple(state.name for state in kind.states))
    left_at = {move.from_state: move for move in history if move.from_state}
    shown = []
    reached = way.index(case.state) if case.state in way else _furthest(way, history)
    for place, name in enumerate(way):
        label = kind.state(name).label
        if case.state == name:
            closed = case.closed_at is not None
            shown.append(StepView(label, "done" if closed else "now", _when(visit, case.closed_at)))
        elif place < reached or (place == reached and case.state not in way):
            move = left_at.get(name)
            note = (
                f"{move.by_department or visit.tell(move.by_name)} {_when(visit, move.at)}"
                if move
                else visit.tell("略过")
            )
            # 「待…同意」 waits; once done it is the thing itself.
            shown.append(
                StepView(label.removeprefix("待") if move else label, "done" if move else "wait", note)
            )
        else:
            shown.append(StepView(label, "wait"))
    if case.state not in way:
        after = [step for step in shown if step.state == "done"]
        return (
            *after,
            StepView(
                page.state_label, "now" if case.closed_at is None else "done", _when(visit, case.closed_at)
            ),
        )
    return tuple(shown)


def _furthest(way: Sequence[str], history: Sequence[CaseMove]) -> int:
    return max((way.index(move.from_state) for move in history if move.from_state in way), default=0)


def _when(visit: Visit, at: dt.datetime | None) -> str:
    return saying.moment(at, visit.today, visit.chinese) if at else ""


def move_views(moves: Sequence[Move]) -> tuple[MoveView, ...]:
    return tuple(_move_view(move) for move in moves)


def _move_view(move: Move) -> MoveView:
    note = next((need for need in move.needs if need.name == "note"), None)
    return MoveView(
        name=move.name,
        label=move.label,
        tone=move.tone,
        note_label=note.label if note else "意见",
        note_least=note.least if note else 0,
        fields=tuple(_field(need) for need in move.needs if need.name != "note"),
    )


def _field(need: Need) -> FieldView:
    return FieldView(need.name, need.label, need.kind, need.least)


def given_data(move: Move, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a form or a program gave for the needs of a move, in the type each need wants."""
    return {need.name: _typed(need, given.get(need.name)) for need in move.needs if need.name != "note"}


def _typed(need: Need, value: Any) -> Any:
    if need.kind == "flag":
        return value is True or str(value).lower() in ("on", "1", "true", "yes")
    if need.kind == "list":
        lines = value if isinstance(value, list) else str(value or "").splitlines()
        return [line.strip() for line in lines if str(line).strip()]
    if need.kind == "integer":
        text = str(value or "").strip()
        return int(text) if text.lstrip("-").isdigit() else None
    return str(value or "").strip()


def events(visit: Visit, history: Sequence[CaseMove]) -> tuple[EventView, ...]:
    """Newest first."""
    return tuple(
        EventView(
            at=move.at,
            title=f"{move.by_department}{visit.tell(move.by_name)}·{visit.tell(move.label)}",
            text=_told(visit, move),
            state="info" if place == 0 else "",
        )
        for place, move in enumerate(reversed(history))
    )


def _told(visit: Visit, move: CaseMove) -> str:
    missing = move.data.get("missing")
    extra = visit.tell("缺少：{what}。", what="；".join(missing)) if isinstance(missing, list) else ""
    return f"{extra}{move.note}"


#: What the sides of a case are called.
SIDES = {
    "requester": "需求方",
    "provider": "提供方",
    "steward": "主管部门",
    "duty": "责任部门",
    "asker": "申请延期的部门",
    "keeper": "基础库管理部门",
}


def sides(case: CaseFile, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((SIDES.get(side, side), names.get(code, code)) for side, code in case.sides.items())
