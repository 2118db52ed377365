"""填报: the list, making one from an entry, filling it in, sending it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong import gather
from jutong.catalogue import entry, entry_items
from jutong.database import named_sql
from jutong.gather import Form
from jutong.portal.pages.arrivals.route import received, settled
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import BadInput, NotFound

_SQL = named_sql(__file__)
#: 数据类型 of the guide → our types; what else there is stays text.
_TYPES = {"C": "text", "N": "text", "D": "date", "T": "timestamp"}


@dataclass(frozen=True)
class FormRow:
    table: str
    label: str
    department: str
    drafts: int
    taken: int


@dataclass(frozen=True)
class EntryChoice:
    id: int
    name: str


@dataclass(frozen=True)
class Forms:
    """Forms this party may see, and the entries one may be made from."""

    rows: tuple[FormRow, ...]
    entries: tuple[EntryChoice, ...]


@dataclass(frozen=True)
class MakeForm:
    entry: Annotated[int, Field(title="目录")]
    explained: Annotated[str, Field(title="填报说明", max_length=1000)] = ""


@dataclass(frozen=True)
class ItemView:
    name: str
    label: str
    meaning: str
    needed: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class CellView:
    text: str
    wrong: str
    sentence: str


@dataclass(frozen=True)
class DraftView:
    id: int
    number: int
    cells: tuple[CellView, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class FormPage:
    """One form: what to fill in, the draft rows and what is wrong with them."""

    table: str
    label: str
    department: str
    explained: str
    state: str
    items: tuple[ItemView, ...]
    drafts: tuple[DraftView, ...]
    questions: int
    may_fill: bool
    #: The number of the row to be written next on this page: sent twice, it is one row.
    row_key: str


@dataclass(frozen=True)
class NoForm:
    """A button alone."""


#: A row's cells as the fields ``c0`` … of one form; entries with more items are filled in by workbook.
MOST_ITEMS = 100
_KEY = (("row_key", Annotated[str, Field(title="行号", max_length=64)], ""),)
RowForm: Any = make_dataclass(
    "RowForm", [*_KEY, *((f"c{place}", str, "") for place in range(MOST_ITEMS))], frozen=True
)


def listed(visit: Visit, _: NoQuestion) -> Forms:
    """Forms."""
    whole_city = visit.can("batch:read", {"department_code": ""})
    rows = gather.list_forms(visit.connection, None if whole_city else visit.who.department_code)
    entries: tuple[EntryChoice, ...] = ()
    if visit.can("source:edit"):
        found = visit.connection.execute(_SQL.form_entries, {"department": visit.who.department_code})
        entries = tuple(EntryChoice(row["id"], row["name"]) for row in found)
    return Forms(
        tuple(FormRow(r["source_table"], r["label"], r["department"], r["drafts"], r["taken"]) for r in rows),
        entries,
    )


def make(visit: Visit, form: MakeForm) -> Done:
    """Make a form from an entry's items."""
    found = entry(visit.connection, form.entry, visit.who)
    visit.must("source:edit", found)
    items = entry_items(visit.connection, found.id)
    table = f"form_{found.id}_{_plain(found.name)}"[:60].rstrip("_")
    gather.make_form(
        visit.connection,
        department_code=found.department_code,
        table=table,
        label=found.name,
        items=[
            {
                "name": item.name, "label": item.label, "type": _TYPES.get(item.data_type, "text"),
                "element": item.element, "required": item.is_key, "grade": item.grade, "share_type": item.share_type,
            }
            for item in items
        ],
        keys=[item.name for item in items if item.is_key],
        entry_id=found.id,
        explained=form.explained,
        by=visit.who.user_id,
    )  # fmt: skip
    return Done(f"/forms/{table}", visit.tell("填报表已经做好，可以下载模板了"), value={"table": table})


def _plain(name: str) -> str:
    from pypinyin import lazy_pinyin  # slow to import, needed only where a form is named

    return re.sub(r"[^a-z0-9]", "", "".join(part[:1] for part in lazy_pinyin(name)).lower())[:20]


def _visible(visit: Visit) -> Form:
    form = gather.find_form(visit.connection, visit.path["table"])
    if not visit.can("batch:read", form):
        raise NotFound("gather.no_form", f"没有填报表 {form.source_table}，或不是您部门的")
    return form


def build(visit: Visit, _: NoQuestion) -> FormPage:
    """One form."""
    form = _visible(visit)
    rows = gather.drafts(visit.connection, form)
    asked = gather.questions(form, [row["cells"] for row in rows]) if rows else []
    return FormPage(
        table=form.source_table, label=form.label, department=form.department, explained=form.explained, state=form.state,
        items=tuple(_item(form, item) for item in form.items),
        drafts=tuple(_draft(form, number, row, asked) for number, row in enumerate(rows, start=1)),
        questions=len(asked), may_fill=form.state == "open" and visit.can("source:run", form),
        row_key=secrets.token_urlsafe(12),
    )  # fmt: skip


def _item(form: Form, item: Mapping[str, Any]) -> ItemView:
    needed = bool(item.get("required") or item["name"] in form.keys)
    values = tuple(str(value) for value in item.get("values") or ())
    return ItemView(str(item["name"]), str(item["label"]), gather.meaning(form, item), needed, values)


def _draft(form: Form, number: int, row: Mapping[str, Any], asked: list[gather.Question]) -> DraftView:
    mine = {one.item: one for one in asked if one.row == number}
    cells = []
    for name in form.names:
        question = mine.get(name)
        wrong = "" if question is None else "reject" if question.rejects else "flag"
        cells.append(CellView(str(row["cells"].get(name, "")), wrong, question.sentence if question else ""))
    return DraftView(row["id"], number, tuple(cells), tuple(one.sentence for one in mine.values()))


def workbook(visit: Visit, _: NoQuestion) -> Download:
    """The workbook to fill in, with the draft rows in it."""
    form = _visible(visit)
    rows = [row["cells"] for row in gather.drafts(visit.connection, form)]
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Download(f"{form.label}-填报模板.xlsx", media, gather.template(form, rows))


def _may_fill(visit: Visit) -> Form:
    form = _visible(visit)
    visit.must("source:run", form)
    return form


def add(visit: Visit, given: Any) -> Done:
    """Write a draft row."""
    form = _may_fill(visit)
    cells = {name: getattr(given, f"c{place}") for place, name in enumerate(form.names[:MOST_ITEMS])}
    gather.write_row(visit.connection, form, cells, by=visit.who.user_id, key=given.row_key)
    return Done(f"/forms/{form.source_table}#draft", visit.tell("已记下这一行，还没有报送"))


def drop(visit: Visit, _: NoForm) -> Done:
    """Drop a draft row."""
    form = _may_fill(visit)
    gather.drop_row(visit.connection, form, int(visit.path["row"]))
    return Done(f"/forms/{form.source_table}#draft", visit.tell("已删掉一行"))


def send(visit: Visit, _: NoForm) -> Done:
    """Send the draft rows."""
    form = _may_fill(visit)
    visit.connection.commit()
    rooms = visit.rooms
    arrival = gather.send(rooms.database, rooms.settings.home, form.source_table, by=visit.who.user_id)
    return settled(visit, arrival)


def upload(visit: Visit, _: NoForm) -> Done:
    """Take the filled-in workbook: read, refined, and shown with what is wrong."""
    form = _may_fill(visit)
    given = visit.uploads.get("file")
    if given is None or not given.content:
        raise BadInput("portal.no_upload", "请选填好的工作簿")
    return settled(visit, received(visit, form.source_table, given, way="form", confirm=False))


_PATH = "/forms/{table}"
PAGES = (
    Page("forms", "/forms", listed, may="batch:read", stop="gather", tab="forms"),
    Page("forms.form", _PATH, build, may="batch:read", stop="gather", tab="forms"),
    Page("forms.template", _PATH + "/template.xlsx", workbook, may="batch:read"),
)
ACTS = (
    Act("forms.make", "/forms", make, MakeForm, may="source:edit", shown_on="/forms"),
    Act("forms.add", _PATH + "/rows", add, RowForm, may="source:run", shown_on=_PATH),
    Act("forms.drop", _PATH + "/rows/{row:int}/drop", drop, NoForm, may="source:run", shown_on=_PATH),
    Act("forms.send", _PATH + "/send", send, NoForm, may="source:run", shown_on=_PATH),
    Act("forms.upload", _PATH + "/upload", upload, NoForm, may="source:run", shown_on=_PATH, in_api=False),
)
