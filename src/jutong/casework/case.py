"""The rows of casework as values: a case, its clocks, its history, a notice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class CaseFile:
    id: int
    #: SQ-2026-0412
    number: str
    kind: str
    state: str
    title: str
    #: whose desk it lies on now; of a closed case, where it lay last
    department_code: str
    #: side → department code
    sides: Mapping[str, str]
    departments: tuple[str, ...]
    share_type: int
    opened_by: int | None
    opened_at: dt.datetime
    due_at: dt.datetime | None
    subject: Mapping[str, Any]
    data: Mapping[str, Any]
    moved_at: dt.datetime
    closed_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "departments": tuple(row["departments"])})


@dataclass(frozen=True)
class Clock:
    id: int
    case_id: int
    #: T1 … T8, L1 …, or GIVEN where a person set the due date
    rule: str
    stage: str
    label: str
    article: str
    breach: str | None
    department_code: str
    started_at: dt.datetime
    working_days: int | None
    extended_wd: int
    max_ext_wd: int
    pauses: bool
    due_at: dt.datetime
    #: counted over a year whose official calendar is not known yet
    provisional: bool
    calendar_version: str
    paused_at: dt.datetime | None
    met_at: dt.datetime | None
    stopped_at: dt.datetime | None
    escalated_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def running(self) -> bool:
        return self.met_at is None and self.stopped_at is None

    @property
    def late(self) -> bool:
        """Met, but after its due day."""
        return self.met_at is not None and self.met_at > self.due_at

    def overdue(self, now: dt.datetime) -> bool:
        return self.running and self.paused_at is None and now > self.due_at


@dataclass(frozen=True)
class CaseMove:
    """One line of a case's history."""

    id: int
    at: dt.datetime
    move: str
    label: str
    from_state: str | None
    to_state: str
    by_user: int | None
    by_name: str
    by_department: str
    note: str
    data: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Notice:
    id: int
    to_user: int | None
    to_department: str | None
    subject: str
    body: str
    case_id: int | None
    created_at: dt.datetime
    sent_at: dt.datetime | None
    read_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})
