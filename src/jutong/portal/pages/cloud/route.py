"""The cloud book."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from jutong.oversee import Allocation, CloudChange, Resource, allocate, apply_for_cloud, cloud_book, reclaim
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit

KINDS = {"opening": "期初", "expansion": "扩容", "retirement": "退役"}
STATES = {
    "applied": ("wait", "待分配"),
    "allocated": ("ok", "已分配"),
    "reclaimed": ("idle", "已收回"),
    "refused": ("idle", "未同意"),
}


@dataclass(frozen=True)
class Stock:
    """One kind of resource, every total a sum over rows."""

    unit: str
    opening: Decimal
    added: Decimal
    retired: Decimal
    stock: Decimal
    allocated: Decimal
    free: Decimal


@dataclass(frozen=True)
class ChangeRow:
    label: str
    change: CloudChange


@dataclass(frozen=True)
class AllocationRow:
    state: tuple[str, str]
    allocation: Allocation


@dataclass(frozen=True)
class Cloud:
    """The whole book."""

    cores: Stock
    storage: Stock
    changes: tuple[ChangeRow, ...]
    allocations: tuple[AllocationRow, ...]
    may_ask: bool
    may_edit: bool


@dataclass(frozen=True)
class AskForm:
    cores: Annotated[int, Field(title="核数", ge=0)] = 0
    storage_tb: Annotated[Decimal, Field(title="存储，T", ge=0)] = Decimal(0)
    purpose: Annotated[str, Field(title="做什么用", min_length=4, max_length=300)] = ""


@dataclass(frozen=True)
class AllocationForm:
    move: Literal["allocate", "reclaim"]


def build(visit: Visit, _: NoQuestion) -> Cloud:
    """The cloud book."""
    book = cloud_book(visit.connection)
    return Cloud(
        cores=_stock("核", book.cores),
        storage=_stock("T", book.storage_tb),
        changes=tuple(ChangeRow(KINDS[one.kind], one) for one in book.changes),
        allocations=tuple(AllocationRow(STATES[one.state], one) for one in book.allocations),
        may_ask=visit.can("cloud:ask", {"department_code": visit.who.department_code}),
        may_edit=visit.can("cloud:edit"),
    )


def _stock(unit: str, one: Resource) -> Stock:
    return Stock(unit, one.opening, one.added, one.retired, one.stock, one.allocated, one.free)


def ask(visit: Visit, form: AskForm) -> Done:
    """Apply for cloud resources."""
    code = f"ZY-{visit.now:%Y%m%d%H%M%S}-{visit.who.department_code}"
    made = apply_for_cloud(
        visit.connection,
        visit.who,
        code=code,
        cores=form.cores,
        storage_tb=form.storage_tb,
        purpose=form.purpose,
    )
    return Done("/cloud", visit.tell("申请 {code} 已提出", code=code), value={"id": made, "code": code})


def move(visit: Visit, form: AllocationForm) -> Done:
    """Allocate what was applied for, or take it back."""
    number = visit.path["allocation_id"]
    (allocate if form.move == "allocate" else reclaim)(visit.connection, visit.who, number)
    return Done("/cloud", "已分配" if form.move == "allocate" else "已收回")


PAGES = (Page("cloud", "/cloud", build, may="cloud:read", stop="oversee", tab="cloud"),)
ACTS = (
    Act("cloud.ask", "/cloud", ask, AskForm, may="cloud:ask", shown_on="/cloud"),
    Act(
        "cloud.move", "/cloud/{allocation_id:int}", move, AllocationForm, may="cloud:edit", shown_on="/cloud"
    ),
)
