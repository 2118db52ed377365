"""A standard changed: the form, the draft with its before and after, adopting it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.elements import ELEMENTS, Suggestion, suggest
from jutong.flows import ask
from jutong.portal.asking import read
from jutong.portal.pages.ledger.route import NoForm
from jutong.portal.pages.standards.history import ACTS as HISTORY_ACTS
from jutong.portal.pages.standards.history import PAGES as HISTORY_PAGES
from jutong.portal.pages.standards.history import AgainRow, again_rows, keeper, may_edit
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.refine import (
    KINDS,
    Difference,
    Preview,
    RowRule,
    Standard,
    adopt,
    decline,
    differences,
    draft,
    find_draft,
    open_drafts,
    placed,
    preview,
    read_standard,
    rule_sets,
    stale_tables,
    standard_of,
    write_standard,
)
from jutong.terms import BadInput, NotFound, quote

_PATH = "/standards/{table}"
_EDIT = _PATH + "/edit"
_DRAFT = _PATH + "/drafts/{draft_id:int}"
_TYPES = ("text", "integer", "decimal(18,2)", "date", "timestamp", "boolean")
#: Values a suggestion is made from.
_LOOKED_AT = 60
#: Elements that say nothing yet about a column.
_UNBOUND = {"text", ""}


@dataclass(frozen=True)
class EditQuestion:
    suggest: Annotated[bool, Field(title="推荐数据元")] = False


@dataclass(frozen=True)
class EditRow:
    """One item as the form shows it; one of a column nobody has bound yet is ``offered``."""

    name: str
    label: str
    type: str
    element: str
    required: bool
    key: bool
    offered: bool
    taken: bool
    suggested: tuple[Suggestion, ...]


@dataclass(frozen=True)
class SetRow:
    name: str
    label: str
    about: str
    rules: int
    tables: int
    used: bool


@dataclass(frozen=True)
class EditPage:
    """The standard as a form, and as a file."""

    table: str
    label: str
    version: int
    rows: tuple[EditRow, ...]
    #: Code lists as the form takes them.
    lists: str
    rules: tuple[RowRule, ...]
    #: Codes of the rules that stay.
    kept: tuple[str, ...]
    sets: tuple[SetRow, ...]
    hold_above: float
    elements: tuple[tuple[str, str], ...]
    types: tuple[str, ...]
    kinds: tuple[str, ...]
    text: str
    suggested: bool
    #: The steward adopts; an officer proposes.
    steward: bool


@dataclass(frozen=True)
class RuleSaid:
    """One more rule."""

    rule_code: Annotated[str, Field(title="规则代码", max_length=60)] = ""
    rule_kind: Annotated[str, Field(title="规则种类")] = "sql"
    rule_items: Annotated[str, Field(title="规则的信息项", max_length=400)] = ""
    rule_says: Annotated[str, Field(title="条件或参数", max_length=2000)] = ""
    rule_severity: Literal["flag", "reject"] = "flag"
    rule_sentence: Annotated[str, Field(title="说给报送人的话", max_length=200)] = ""


@dataclass(frozen=True)
class EditForm(RuleSaid):
    """``item:value`` where every item has one; names where some are chosen; ``item`` and ``label`` go in step."""

    item: Annotated[tuple[str, ...], Field(title="信息项")] = ()
    label: Annotated[tuple[str, ...], Field(title="名称")] = ()
    #: Code lists, a line each: ``item：value、value``; only where ``listed`` says that the form has them.
    lists: Annotated[str, Field(title="码表", max_length=100_000)] = ""
    listed: bool = False
    element: Annotated[tuple[str, ...], Field(title="数据元")] = ()
    type: Annotated[tuple[str, ...], Field(title="类型")] = ()
    required: Annotated[tuple[str, ...], Field(title="必填")] = ()
    key: Annotated[tuple[str, ...], Field(title="主键")] = ()
    take: Annotated[tuple[str, ...], Field(title="纳入")] = ()
    keep: Annotated[tuple[str, ...], Field(title="保留的规则")] = ()
    reject: Annotated[tuple[str, ...], Field(title="拒收的规则")] = ()
    use: Annotated[tuple[str, ...], Field(title="规则组")] = ()
    hold: Annotated[int, Field(title="留置限度", ge=0, le=100)] = 50
    note: Annotated[str, Field(title="为什么改", max_length=200)] = ""


@dataclass(frozen=True)
class FileForm:
    text: Annotated[str, Field(title="标准文件", max_length=500_000)] = ""
    note: Annotated[str, Field(title="为什么改", max_length=200)] = ""


@dataclass(frozen=True)
class AnswerForm:
    do: Literal["adopt", "decline"] = "decline"
    why: Annotated[str, Field(title="理由", max_length=200)] = ""


def edit(visit: Visit, asked: EditQuestion) -> EditPage:
    """The form to change a standard by."""
    row = keeper(visit)
    if not may_edit(visit, row):
        visit.must("source:edit", row)
    version, standard = standard_of(visit.connection, row["name"])
    offered = _unbound_columns(visit, standard)
    values = _values(visit, row["name"], standard, offered) if asked.suggest else {}
    # What was given and could not be taken is shown again, beside what is wrong with it.
    given = read(EditForm, visit.given) if visit.trouble and visit.given.get("item") else None
    shown, kept = standard, tuple(rule.code for rule in standard.rules)
    if given is not None:
        shown, kept = _changed(visit, standard, replace(given, keep=kept, rule_code=""), lax=True), given.keep
    items = {item["name"]: item for item in shown.items}
    return EditPage(
        table=row["name"],
        label=row["label"],
        version=version,
        rows=tuple(
            EditRow(
                item["name"], item["label"], str(item.get("type") or "text"), str(item.get("element") or ""),
                bool(item.get("required")), item["name"] in shown.keys, offer, offer and item["name"] in items,
                tuple(suggest(item["name"], item["label"], values[item["name"]])) if item["name"] in values else (),
            )
            for offer, item in (
                *((False, items[item["name"]]) for item in standard.items),
                *((True, items.get(item["name"], item)) for item in offered),
            )
        ),
        lists=given.lists if given is not None else _lists_said(standard),
        rules=shown.rules,
        kept=kept,
        sets=tuple(
            SetRow(one["name"], one["label"], one["about"], len(one["rules"]), one["tables"], one["name"] in shown.rule_sets)
            for one in rule_sets(visit.connection)
        ),
        hold_above=shown.hold_above,
        elements=tuple((one.name, one.label) for one in ELEMENTS.values()),
        types=_TYPES,
        kinds=tuple(KINDS),
        text=write_standard(row["name"], standard),
        suggested=asked.suggest,
        steward="steward" in visit.who.roles,
    )  # fmt: skip


def _unbound_columns(visit: Visit, standard: Standard) -> list[dict[str, Any]]:
    """Columns that come from the source and are no item of the standard."""
    try:
        raw = visit.rooms.store.spec(f"raw.{visit.path['table']}")
    except NotFound:
        return []
    known = {item["name"] for item in standard.items}
    return [{"name": one.name, "label": one.label} for one in raw.content if one.name not in known]


def _values(
    visit: Visit, table: str, standard: Standard, offered: list[dict[str, Any]]
) -> dict[str, list[str | None]]:
    """Some values of every column that is not bound to anything telling."""
    wanted = [item["name"] for item in standard.items if str(item.get("element") or "") in _UNBOUND]
    wanted += [item["name"] for item in offered]
    try:
        there = {one.name for one in visit.rooms.store.spec(f"raw.{table}").content}
        columns = [name for name in wanted if name in there]
        if not columns:
            return {}
        shown = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in columns)
        with visit.rooms.store.reading() as view:
            rows = view.rows(f"SELECT {shown} FROM {view.table(f'raw.{table}')} LIMIT {_LOOKED_AT}")
    except NotFound:
        return {}
    return {name: [row[name] for row in rows] for name in columns}


def save(visit: Visit, form: EditForm) -> Done:
    """Save what the form says as a draft."""
    row = keeper(visit)
    _, standard = standard_of(visit.connection, row["name"])
    return _drafted(visit, row["name"], _changed(visit, standard, form), form.note)


def save_file(visit: Visit, form: FileForm) -> Done:
    """Save what a file says as a draft."""
    row = keeper(visit)
    upload = visit.uploads.get("file")
    name, text = (upload.name, upload.content) if upload and upload.content else (None, form.text)
    try:
        said = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise BadInput("refine.bad_standard", f"{name} 不是 UTF-8 文本") from None
    if not said.strip():
        raise BadInput("refine.bad_standard", "请选一个文件，或把标准贴进来")
    standard, lines = read_standard(said, row["name"])
    with placed(lines, name or None):
        return _drafted(visit, row["name"], standard, form.note)


def _drafted(visit: Visit, table: str, standard: Standard, note: str) -> Done:
    made = draft(visit.connection, visit.rooms.store, table, standard, by=visit.who, note=note)
    return Done(
        f"/standards/{table}/drafts/{made}", visit.tell("修改稿已存，看过前后再采用"), {"draft": made}
    )


def _changed(visit: Visit, standard: Standard, form: EditForm, *, lax: bool = False) -> Standard:
    """The standard with what the form says; a field the form has no word for stays, and when ``lax`` what it says
    wrongly."""
    labels = _labels(form) if not lax or len(form.item) == len(form.label) else {}
    lists = _lists(form, standard) if form.listed and not lax else {}
    elements, types = (dict(one.rpartition(":")[::2] for one in given) for given in (form.element, form.type))
    offered = [item for item in _unbound_columns(visit, standard) if item["name"] in form.take]
    items = []
    for item in (*standard.items, *offered):
        name, changed = item["name"], dict(item)
        if elements.get(name, str(item.get("element") or "")) != str(item.get("element") or ""):
            changed["element"] = elements[name] or None
        if types.get(name, str(item.get("type") or "text")) != str(item.get("type") or "text"):
            changed["type"] = types[name]
        if bool(item.get("required")) != (name in form.required):
            changed["required"] = name in form.required
        if labels.get(name, item["label"]) != item["label"]:
            changed["label"] = labels[name]
        if name in lists:
            changed["values"] = lists[name]
        items.append(changed)
    rules = [
        replace(rule, severity="reject" if rule.code in form.reject else "flag")
        for rule in standard.rules
        if rule.code in form.keep
    ]
    if form.rule_code:
        rules.append(new_rule(form))
    sets = {name: standard.rule_sets.get(name, {}) for name in form.use}
    names = [item["name"] for item in items]
    keys = tuple(name for name in names if name in form.key)
    same_keys = set(keys) == set(standard.keys)
    return replace(
        standard, items=tuple(items), keys=standard.keys if same_keys else keys, rules=tuple(rules), rule_sets=sets,
        hold_above=form.hold / 100 if form.hold != round(standard.hold_above * 100) else standard.hold_above,
    )  # fmt: skip


def _labels(form: EditForm) -> dict[str, str]:
    if len(form.item) != len(form.label):
        raise BadInput("refine.bad_standard", "每个信息项都要有名称")
    return dict(zip(form.item, form.label, strict=True))


def _said(item: Mapping[str, Any]) -> str:
    return "、".join(map(str, item["values"]))


def _lists_said(standard: Standard) -> str:
    return "\n".join(
        f"{item['name']}：{_said(item)}" for item in standard.items if item.get("values") is not None
    )


def _lists(form: EditForm, standard: Standard) -> dict[str, list[str] | None]:
    """Item → its code list, where the form says another; None where it has none any more."""
    said: dict[str, str] = {}
    for number, line in enumerate(form.lists.splitlines(), start=1):
        name, _, words = line.replace("：", ":", 1).partition(":")
        if not line.strip():
            continue
        name = name.strip()
        if name not in form.item or not words.strip():
            raise BadInput(
                "refine.bad_standard", f"码表第 {number} 行应写成 信息项：值、值；{name} 不是信息项或没有值"
            )
        said[name] = words.strip()
    found: dict[str, list[str] | None] = {}
    stands = {item["name"]: item for item in standard.items if item.get("values") is not None}
    for name in {*said, *stands}:
        if name not in said:
            found[name] = None
        elif name not in stands or said[name] != _said(stands[name]):
            found[name] = [word.strip() for word in re.split("[、，,;；]", said[name]) if word.strip()]
    return found


def new_rule(form: RuleSaid) -> RowRule:
    """The rule a form adds; raises BadInput ``refine.bad_standard``."""
    items = tuple(
        one.strip() for one in form.rule_items.replace("，", ",").replace("、", ",").split(",") if one.strip()
    )
    arguments: dict[str, Any] = {}
    if form.rule_kind == "sql":
        arguments = {"sql": form.rule_says}
    elif form.rule_says:
        try:
            arguments = json.loads(form.rule_says)
        except ValueError:
            arguments = {}
        if not isinstance(arguments, dict) or not arguments:
            raise BadInput("refine.bad_standard", '参数写成 JSON，如 {"days": 10}')
    return RowRule(
        form.rule_code, form.rule_kind, items, arguments, form.rule_severity, form.rule_sentence or None
    )


@dataclass(frozen=True)
class DraftPage:
    """A draft: what it changes, and what that would do to a sample."""

    table: str
    label: str
    id: int
    state: str
    maker: str
    made_at: dt.datetime
    note: str
    base_version: int
    moved_on: bool
    differences: tuple[Difference, ...]
    looked: Preview | None
    may_adopt: bool
    may_withdraw: bool


def drafted(visit: Visit, _: NoQuestion) -> DraftPage:
    """One draft."""
    row = keeper(visit)
    found = _of_table(visit, row)
    version, now = standard_of(visit.connection, row["name"])
    is_open = found["state"] == "open"
    looked = _looked(visit, row, found["standard"]) if is_open else None
    return DraftPage(
        table=row["name"],
        label=row["label"],
        id=found["id"],
        state=found["state"],
        maker=found["maker"],
        made_at=found["made_at"],
        note=found["note"],
        base_version=found["base_version"],
        moved_on=is_open and version != found["base_version"],
        differences=differences(now if is_open else found["base"], found["standard"]),
        looked=looked,
        may_adopt=is_open and "steward" in visit.who.roles,
        may_withdraw=is_open and found["made_by"] == visit.who.user_id,
    )


def _looked(visit: Visit, row: Mapping[str, Any], standard: Standard) -> Preview:
    looked = preview(visit.connection, visit.rooms.store, row["name"], standard)
    return as_shown(visit, row["department_code"], looked)


def as_shown(visit: Visit, department_code: str, looked: Preview) -> Preview:
    """Before and after; values from grade 3 up are shown to their own department only."""
    if visit.who.department_code == department_code:
        return looked
    hidden = tuple(
        replace(one, given=_hidden(one.given), before=_hidden(one.before), after=_hidden(one.after))
        if one.grade >= 3
        else one
        for one in looked.shown
    )
    return replace(looked, shown=hidden)


def _hidden(text: str | None) -> str | None:
    """Enough to see that two values differ in length or ends, not what they are."""
    if text is None or len(text) <= 4:
        return text and "*" * len(text)
    return f"{text[:2]}{'*' * (len(text) - 4)}{text[-2:]}"


def _of_table(visit: Visit, row: Mapping[str, Any]) -> dict[str, Any]:
    found = find_draft(visit.connection, int(visit.path["draft_id"]))
    if found["source_table"] != row["name"]:
        raise NotFound("refine.no_draft", f"没有修改稿 {found['id']}")
    return found


def answer(visit: Visit, form: AnswerForm) -> Done:
    """Adopt a draft, or decline or withdraw it."""
    row = keeper(visit)
    found = _of_table(visit, row)
    here = f"/standards/{row['name']}"
    if form.do == "decline":
        decline(visit.connection, found["id"], by=visit.who, why=form.why)
        return Done(here, visit.tell("修改稿不采用"))
    version = adopt(visit.connection, visit.rooms.store, found["id"], by=visit.who)
    visit.connection.commit()
    ask(visit.rooms.database, "again", visit.who.login)
    return Done(here, visit.tell("第 {n} 版已生效，涉及的数据正在重新清洗", n=version), {"version": version})


def carry(visit: Visit, _: NoForm) -> Done:
    """Ask for the changed standards to be carried through now."""
    row = keeper(visit)
    if "steward" not in visit.who.roles:
        visit.must("source:run", row)
    ask(visit.rooms.database, "again", visit.who.login)
    return Done(f"/standards/{row['name']}", visit.tell("已排进作业，涉及的数据会重新清洗"))


@dataclass(frozen=True)
class Standing:
    """Where a table's standard stands: its version, drafts that wait, whether its rows are up to it."""

    version: int
    drafts: tuple[tuple[int, str, dt.datetime, str], ...]
    stale: bool
    newest: AgainRow | None
    may_edit: bool
    may_run: bool


def standing(visit: Visit, row: Mapping[str, Any]) -> Standing:
    newest = again_rows(visit, row["name"], 1)
    steward = "steward" in visit.who.roles
    return Standing(
        version=standard_of(visit.connection, row["name"])[0],
        drafts=tuple(
            (one["id"], one["maker"], one["made_at"], one["note"]) for one in open_drafts(visit.connection, row["name"])
        ),
        stale=row["name"] in stale_tables(visit.connection, visit.rooms.store),
        newest=newest[0] if newest else None,
        may_edit=may_edit(visit, row),
        may_run=steward or visit.can("source:run", row),
    )  # fmt: skip


def file(visit: Visit, _: NoQuestion) -> Download:
    """The standard as a YAML file."""
    row = keeper(visit)
    version, standard = standard_of(visit.connection, row["name"])
    text = f"# {row['label']}，第 {version} 版\n{write_standard(row['name'], standard)}"
    return Download(f"{row['name']}.v{version}.yaml", "application/yaml", text.encode())


PAGES = (
    Page("standards.edit", _EDIT, edit, may="source:read", stop="refine", tab="standards", asks=EditQuestion),
    Page("standards.draft", _DRAFT, drafted, may="source:read", stop="refine", tab="standards"),
    Page("standards.file", _PATH + "/standard.yaml", file, may="source:read"),
    *HISTORY_PAGES,
)
ACTS = (
    Act("standards.save", _EDIT, save, EditForm, may="source:read", shown_on=_EDIT),
    Act("standards.save_file", _EDIT + "/file", save_file, FileForm, may="source:read", shown_on=_EDIT),
    Act("standards.answer", _DRAFT, answer, AnswerForm, may="source:read", shown_on=_DRAFT),
    Act("standards.carry", _PATH + "/again", carry, NoForm, may="source:read", shown_on=_PATH),
    *HISTORY_ACTS,
)
