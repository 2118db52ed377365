"""Front machines: the list, and applying for one; everything after walks as a case."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong import gather
from jutong.casework import KINDS, open_case
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit

_KINDS = {"machine": "前置机", "library": "前置库"}
_LOOKS = {"asked": "wait", "assigning": "near", "signing": "near", "using": "ok", "recycling": "wait"}


@dataclass(frozen=True)
class MachineRow:
    case_id: int
    number: str
    kind: str
    department: str
    purpose: str
    zone: str
    protection: int
    state: tuple[str, str]
    asked_at: dt.datetime
    #: What it was assigned: name and address.
    name: str
    address: str


@dataclass(frozen=True)
class Machines:
    """Front machines, with where their case stands."""

    rows: tuple[MachineRow, ...]
    may_ask: bool


@dataclass(frozen=True)
class AskForm:
    purpose: Annotated[str, Field(title="做什么用", min_length=4, max_length=300)]
    contact: Annotated[str, Field(title="联系人和电话", min_length=4, max_length=100)]
    zone: Annotated[str, Field(title="部署区域", min_length=2, max_length=60)]
    kind: Literal["machine", "library"] = "machine"
    protection: Annotated[int, Field(title="保护级别", ge=1, le=4)] = 3


def build(visit: Visit, _: NoQuestion) -> Machines:
    """Front machines."""
    whole_city = visit.can("source:read", {"department_code": ""})
    rows = gather.front_machines(visit.connection, None if whole_city else visit.who.department_code)
    mine = {"department_code": visit.who.department_code}
    return Machines(
        tuple(_row(row) for row in rows), visit.can("case:open", mine) and visit.can("source:run", mine)
    )


def _row(row: Mapping[str, Any]) -> MachineRow:
    state = KINDS["front_machine"].state(row["state"])
    data = row["data"]
    return MachineRow(
        row["case_id"], row["number"], _KINDS[row["kind"]], row["department"], row["purpose"], row["zone"],
        row["protection"], (_LOOKS.get(state.name, "idle"), state.label), row["asked_at"],
        str(data.get("name", "")), str(data.get("address", "")),
    )  # fmt: skip


def ask(visit: Visit, form: AskForm) -> Done:
    """Apply for a front machine."""
    me = visit.who
    visit.must("case:open", {"department_code": me.department_code})
    data = {
        "用途": form.purpose,
        "部署区域": form.zone,
        "保护级别": f"{form.protection} 级",
        "联系人": form.contact,
    }
    case_id = open_case(
        visit.connection,
        "front_machine",
        title=f"{_KINDS[form.kind]}：{form.purpose[:30]}",
        department_code=me.department_code,
        opened_by=me,
        data=data,
        now=visit.now,
    )
    gather.add_front_machine(
        visit.connection, case_id=case_id, department_code=me.department_code, kind=form.kind, purpose=form.purpose,
        zone=form.zone, protection=form.protection, contact=form.contact,
    )  # fmt: skip
    return Done(f"/cases/{case_id}", visit.tell("前置机申请已提出"), value={"case_id": case_id})


PAGES = (Page("machines", "/front-machines", build, may="source:read", stop="gather", tab="machines"),)
ACTS = (Act("machines.ask", "/front-machines", ask, AskForm, may="case:open", shown_on="/front-machines"),)
