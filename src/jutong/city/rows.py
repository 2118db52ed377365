"""What the city hands out: plain frozen rows, each the shape of the control table it is meant for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Department:
    code: str
    name: str
    short_name: str
    #: department | county
    kind: str
    uscc: str
    division_code: str
    parent_code: str | None
    steward: bool
    sort: int


@dataclass(frozen=True)
class User:
    login: str
    name: str
    department_code: str
    roles: tuple[str, ...]
    #: Printed at the end of ``jutong demo`` and given the demo password.
    demo: bool = False
    #: What the account is for, in Chinese.
    about: str = ""


@dataclass(frozen=True)
class Demand:
    """需求; ``entry_code`` is the entry that meets it."""

    department_code: str
    name: str
    items: tuple[str, ...]
    basis: str
    provider_code: str | None
    expected_on: dt.date
    #: confirming | coordinating | met | unable
    status: str
    entry_code: str | None


@dataclass(frozen=True)
class Call:
    """A dataset an application asks by key over a service: the items of the question and of the answer."""

    dataset: str
    keys: tuple[str, ...]
    items: tuple[str, ...]


@dataclass(frozen=True)
class Delivered:
    """A dataset an application receives as a table in its own database."""

    dataset: str
    items: tuple[str, ...]
    row_filter: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Application:
    """A consumer department's system; the grounds are those its requests state (第20条)."""

    id: str
    name: str
    department_code: str
    purpose: str
    basis: str
    scene: str
    scope: str
    #: 行政依据 | 工作参考 | 数据校核 | 业务协同
    purpose_kind: str
    calls: tuple[Call, ...]
    deliveries: tuple[Delivered, ...]


@dataclass(frozen=True)
class Duty:
    code: str
    kind: str
    no: int
    name: str
    name_en: str
    summary: str


@dataclass(frozen=True)
class Indicator:
    code: str
    label: str
    label_en: str
    unit: str
    definition: str
    owner_code: str
    duty_code: str | None
    sort: int


@dataclass(frozen=True)
class IndicatorReport:
    indicator_code: str
    period: str
    period_start: dt.date
    period_end: dt.date
    value: int
    lower_bound: bool
    target: int | None
    target_period: str | None
    source: str
    reported_on: dt.date
    note: str = ""


@dataclass(frozen=True)
class Campaign:
    code: str
    name: str
    basis: str
    owner_code: str
    starts_on: dt.date
    ends_on: dt.date


@dataclass(frozen=True)
class Task:
    campaign_code: str
    code: str
    name: str
    duty_code: str
    owner_code: str
    partners: tuple[str, ...]
    starts_on: dt.date
    due_on: dt.date
    state: str
    progress: int
    done_on: dt.date | None
    note: str = ""


@dataclass(frozen=True)
class CloudChange:
    code: str
    kind: str
    happened_on: dt.date
    cores: int
    storage_tb: int
    source: str
    note: str = ""


@dataclass(frozen=True)
class CloudAllocation:
    code: str
    department_code: str
    purpose: str
    cores: int
    storage_tb: int
    state: str
    applied_on: dt.date
    allocated_on: dt.date | None
    reclaimed_on: dt.date | None


@dataclass(frozen=True)
class Milestone:
    no: int
    name: str
    due_period: str
    due_on: dt.date
    state: str
    done_on: dt.date | None
    measure: str
    source: str


@dataclass(frozen=True)
class Project:
    code: str
    name: str
    name_en: str
    owner_code: str
    operator: str
    duty_code: str | None
    #: In 万元; None where the report gives none.
    investment: int | None
    summary: str
    sort: int
    milestones: tuple[Milestone, ...] = field(default_factory=tuple)
