"""Saying that data are wrong: the provider has ten working days (T7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.casework import open_case
from jutong.catalogue import entry, entry_items
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit
from jutong.terms import BadInput


@dataclass(frozen=True)
class ObjectionQuestion:
    entry: Annotated[int, Field(title="目录")] = 0
    #: A record's key, where the visitor comes from a record.
    subject: str = ""
    item: str = ""


@dataclass(frozen=True)
class ItemChoice:
    name: str
    label: str


@dataclass(frozen=True)
class NewObjection:
    """The form of an objection."""

    entry_id: int
    entry: str
    provider: str
    items: tuple[ItemChoice, ...]
    subject: str
    item: str


@dataclass(frozen=True)
class ObjectionForm:
    entry: Annotated[int, Field(title="目录")]
    wrong: Annotated[str, Field(title="哪里不对", min_length=4, max_length=1000)]
    right: Annotated[str, Field(title="应该是什么", max_length=1000)] = ""
    record: Annotated[str, Field(title="哪一条记录", max_length=200)] = ""
    item: Annotated[str, Field(title="哪一项")] = ""


def new(visit: Visit, asked: ObjectionQuestion) -> NewObjection:
    """The form of an objection to one entry's data."""
    found = entry(visit.connection, int(visit.given.get("entry") or asked.entry), visit.who)
    items = tuple(ItemChoice(one.name, one.label) for one in entry_items(visit.connection, found.id))
    return NewObjection(found.id, found.name, found.department_short, items, asked.subject, asked.item)


def add(visit: Visit, form: ObjectionForm) -> Done:
    """Put it on the provider's desk."""
    found = entry(visit.connection, form.entry, visit.who)
    me = visit.who
    if found.department_code == me.department_code:
        raise BadInput("portal.own_data", "这是本部门自己的数据，请直接在来源系统里更正")
    visit.must("case:open", {"department_code": me.department_code})
    labels = {one.name: one.label for one in entry_items(visit.connection, found.id)}
    data = {
        "哪里不对": form.wrong,
        "应该是": form.right,
        "记录": form.record,
        "信息项": labels.get(form.item, form.item),
    }
    case_id = open_case(
        visit.connection,
        "objection",
        title=f"{found.name}：{form.wrong[:30]}",
        department_code=me.department_code,
        opened_by=me,
        sides={"provider": found.department_code, "requester": me.department_code},
        subject={"entry_id": found.id},
        data={name: value for name, value in data.items() if value},
        now=visit.now,
    )
    return Done(
        f"/cases/{case_id}",
        visit.tell("校核申请已提出，提供方 10 个工作日内核实反馈"),
        value={"case_id": case_id},
    )


PAGES = (
    Page(
        "objections.new",
        "/objections/new",
        new,
        may="case:open",
        stop="catalogue",
        tab="catalogue",
        asks=ObjectionQuestion,
        in_api=False,
    ),
)
ACTS = (
    Act("objections.add", "/objections", add, ObjectionForm, may="case:open", shown_on="/objections/new"),
)
