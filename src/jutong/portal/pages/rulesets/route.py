"""Rule sets: the list, one with its users, a change with its before and after, and its use on a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from jutong.database import named_sql
from jutong.flows import ask
from jutong.people import visible_to
from jutong.portal.pages.standards.editing import RuleSaid, as_shown, new_rule
from jutong.portal.pages.standards.history import may_edit
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.refine import (
    FORMER,
    KINDS,
    RULE_SETS,
    Preview,
    RowRule,
    double_publicity,
    draft,
    fitted,
    preview_rule_set,
    read_rule_set,
    rule_set,
    rule_set_users,
    rule_sets,
    save_rule_set,
    standard_of,
    write_rule_set,
)
from jutong.terms import BadInput, Denied, NotFound

_SQL = named_sql(__file__)
_LIST = "/rule-sets"
_ONE = _LIST + "/{name}"
#: Tables a set could be used on that are shown at once.
_OFFERED = 12


@dataclass(frozen=True)
class SetRow:
    name: str
    label: str
    about: str
    rules: int
    tables: int
    changer: str
    changed_at: dt.datetime


@dataclass(frozen=True)
class RuleSets:
    """Every rule set."""

    rows: tuple[SetRow, ...]
    may_add: bool
    example: str


@dataclass(frozen=True)
class RuleShown:
    code: str
    kind: str
    items: tuple[str, ...]
    arguments: Mapping[str, Any]
    severity: str
    dimension: str
    sentence: str


@dataclass(frozen=True)
class UserRow:
    table: str
    label: str
    department: str
    #: Roles that are other items there, or none.
    items: tuple[tuple[str, str], ...]
    batch: str | None
    found: int


@dataclass(frozen=True)
class Candidate:
    table: str
    label: str
    department: str
    items: str


@dataclass(frozen=True)
class FieldRow:
    """An item of the shipped template: its name in 2018 and in 2016."""

    name: str
    label: str
    element: str
    required: bool
    former: str


@dataclass(frozen=True)
class RuleSet:
    """One rule set: its rules, the tables that use it, those that could, and the form to change it by."""

    name: str
    label: str
    about: str
    changer: str
    changed_at: dt.datetime
    rules: tuple[RuleShown, ...]
    users: tuple[UserRow, ...]
    #: Tables that use it and are not shown to this party.
    others: int
    candidates: tuple[Candidate, ...]
    fitting: int
    fields: tuple[FieldRow, ...]
    kinds: tuple[str, ...]
    text: str
    may_change: bool
    may_use: bool


@dataclass(frozen=True)
class SetForm(RuleSaid):
    """The set as it would be: as a file, or rule by rule."""

    text: Annotated[str, Field(title="规则组文件", max_length=200_000)] = ""
    label: Annotated[str, Field(title="名称", max_length=60)] = ""
    about: Annotated[str, Field(title="说明", max_length=200)] = ""
    keep: Annotated[tuple[str, ...], Field(title="保留的规则")] = ()
    reject: Annotated[tuple[str, ...], Field(title="拒收的规则")] = ()


@dataclass(frozen=True)
class FileForm:
    text: Annotated[str, Field(title="规则组文件", max_length=200_000)]


@dataclass(frozen=True)
class UseForm:
    table: Annotated[str, Field(title="表", max_length=80)]
    #: ``role=item`` where the names differ; a line or a comma between.
    items: Annotated[str, Field(title="字段对应", max_length=2_000)] = ""


@dataclass(frozen=True)
class TableLooked:
    table: str
    label: str
    looked: Preview


@dataclass(frozen=True)
class SetLooked:
    """What a change would do, before it holds."""

    name: str
    label: str
    text: str
    tables: tuple[TableLooked, ...]
    users: int


def listed(visit: Visit, _: NoQuestion) -> RuleSets:
    """Rule sets and how many tables use each."""
    example = RowRule("own.limit", "sql", ("capital",), {"sql": "capital > 500"}, "flag", "资本不应超过500")
    return RuleSets(
        tuple(
            SetRow(
                row["name"], row["label"], row["about"], len(row["rules"]), row["tables"], row["changer"] or "",
                row["changed_at"],
            )
            for row in rule_sets(visit.connection)
        ),
        _steward(visit),
        write_rule_set("own_limits", "本市限额", "", [example]),
    )  # fmt: skip


def build(visit: Visit, _: NoQuestion) -> RuleSet:
    """One rule set."""
    found = rule_set(visit.connection, visit.path["name"])
    rules: tuple[RowRule, ...] = found["rules"]
    tables = _tables(visit, found["name"])
    seen = {row["name"] for row in tables}
    users = rule_set_users(visit.connection, found["name"])
    candidates = [
        (row, items)
        for row in tables
        if not row["used"] and may_edit(visit, row) and (items := fitted(rules, row["items"])) is not None
    ]
    fields = _fields(found["name"])
    labels = {field.name: field.label for field in fields}
    return RuleSet(
        name=found["name"],
        label=found["label"],
        about=found["about"],
        changer=found["changer"] or "",
        changed_at=found["changed_at"],
        rules=tuple(_shown(rule, labels) for rule in rules),
        users=tuple(
            UserRow(
                row["source_table"], row["label"], row["department"], tuple(row["items"].items()), row["batch_id"], row["found"]
            )
            for row in users
            if row["source_table"] in seen
        ),
        others=sum(row["source_table"] not in seen for row in users),
        candidates=tuple(
            Candidate(row["name"], row["label"], row["department"], _pairs(items))
            for row, items in candidates[:_OFFERED]
        ),
        fitting=len(candidates),
        fields=fields,
        kinds=tuple(KINDS),
        text=write_rule_set(found["name"], found["label"], found["about"], rules),
        may_change=_steward(visit),
        may_use=_steward(visit) or "provider_officer" in visit.who.roles,
    )  # fmt: skip


def _steward(visit: Visit) -> bool:
    return "steward" in visit.who.roles


def _tables(visit: Visit, name: str, table: str | None = None) -> list[dict[str, Any]]:
    visible = visible_to(visit.who, "source", "s")
    query = _SQL.tables.format(visible=visible)
    return visit.connection.execute(query, {"set": name, "table": table}).fetchall()


def _fields(name: str) -> tuple[FieldRow, ...]:
    """The items of the template a shipped set belongs to."""
    if name not in RULE_SETS:
        return ()
    return tuple(
        FieldRow(item["name"], item["label"], item["element"], item["required"], FORMER.get(item["name"], ""))
        for item in double_publicity(RULE_SETS[name]).items
    )


def _shown(rule: RowRule, labels: Mapping[str, str]) -> RuleShown:
    kind = KINDS[rule.kind]
    named = [labels.get(name, name) for name in rule.items]
    return RuleShown(
        rule.code, rule.kind, rule.items, rule.arguments, rule.severity, str(kind.dimension),
        rule.sentence or kind.sentence(named, rule.arguments),
    )  # fmt: skip


def _pairs(items: Mapping[str, str]) -> str:
    return "，".join(f"{role}={item}" for role, item in items.items())


def look(visit: Visit, form: SetForm) -> Done:
    """Look at what a change would do to the tables that use the set; nothing is saved."""
    name = visit.path["name"]
    found = rule_set(visit.connection, name)
    if not _steward(visit):
        raise Denied("refine.not_steward", "规则组由主管部门的数据管理员维护")
    label, about, rules = _said(found, form)
    looked, users = preview_rule_set(visit.connection, visit.rooms.store, name, rules)
    value = SetLooked(
        name,
        label,
        write_rule_set(name, label, about, rules),
        tuple(
            TableLooked(one.table, one.label, as_shown(visit, one.department_code, one.looked)) for one in looked
        ),
        users,
    )  # fmt: skip
    return Done(f"{_LIST}/{name}", value=value, shows="pages/rulesets/looked.html")


def _said(found: Mapping[str, Any], form: SetForm) -> tuple[str, str, Sequence[RowRule]]:
    """(label, about, rules) as the form says."""
    if form.text.strip():
        return _read(form.text, found["name"])
    rules = [
        replace(rule, severity="reject" if rule.code in form.reject else "flag")
        for rule in found["rules"]
        if rule.code in form.keep
    ]
    if form.rule_code:
        rules.append(new_rule(form))
    return form.label or found["label"], form.about, rules


def _read(text: str, name: str) -> tuple[str, str, Sequence[RowRule]]:
    given, label, about, rules = read_rule_set(text)
    if given != name:
        raise BadInput("refine.bad_rule_set", f"这是规则组 {given}，不是 {name}")
    return label, about, rules


def save(visit: Visit, form: FileForm) -> Done:
    """The set as it was looked at; the tables that use it are refined again."""
    name = visit.path["name"]
    rule_set(visit.connection, name)
    label, about, rules = _read(form.text, name)
    tables = save_rule_set(visit.connection, name, label, rules, about=about, by=visit.who)
    visit.connection.commit()
    if tables:
        ask(visit.rooms.database, "again", visit.who.login)
    said = visit.tell("规则组已改，{n} 张表有了新一版标准，正在重新清洗", n=len(tables))
    return Done(f"{_LIST}/{name}", said, {"tables": tables})


def add(visit: Visit, form: FileForm) -> Done:
    """A new rule set from a file."""
    name, label, about, rules = read_rule_set(form.text)
    if _steward(visit) and any(row["name"] == name for row in rule_sets(visit.connection)):
        raise BadInput("refine.bad_rule_set", f"已有规则组 {name}，到它的页面去改")
    save_rule_set(visit.connection, name, label, rules, about=about, by=visit.who)
    return Done(f"{_LIST}/{name}", visit.tell("规则组已存，可以用到表上了"), {"rule_set": name})


def use(visit: Visit, form: UseForm) -> Done:
    """Use the set on a table: a draft of its standard, looked at and adopted there."""
    found = rule_set(visit.connection, visit.path["name"])
    rows = _tables(visit, found["name"], form.table)
    if not rows:
        raise NotFound("refine.no_table", f"没有归集表 {form.table}，或不是您部门的")
    row = rows[0]
    if not may_edit(visit, row):
        visit.must("source:edit", row)
    items = _mapping(form.items)
    if not items:
        fits = fitted(found["rules"], row["items"])
        if fits is None:
            roles = "、".join(dict.fromkeys(role for rule in found["rules"] for role in rule.items))
            raise BadInput("refine.bad_rule_set", f"{row['label']} 没有这些信息项：{roles}；请写明字段对应")
        items = fits
    standard = standard_of(visit.connection, row["name"])[1]
    wanted = replace(standard, rule_sets={**standard.rule_sets, found["name"]: items})
    note = f"用规则组「{found['label']}」"
    made = draft(visit.connection, visit.rooms.store, row["name"], wanted, by=visit.who, note=note)
    return Done(
        f"/standards/{row['name']}/drafts/{made}", visit.tell("修改稿已存，看过前后再采用"), {"draft": made}
    )


def _mapping(text: str) -> dict[str, str]:
    pairs = [one for one in text.replace("，", "\n").replace(",", "\n").splitlines() if one.strip()]
    wrong = next((one for one in pairs if "=" not in one), None)
    if wrong:
        raise BadInput("refine.bad_rule_set", f"字段对应写成 角色=信息项，没有的写成 角色=：{wrong}")
    return {role.strip(): item.strip() for role, _, item in (one.partition("=") for one in pairs)}


PAGES = (
    Page("rulesets", _LIST, listed, may="source:read", stop="refine", tab="rule_sets"),
    Page("rulesets.one", _ONE, build, may="source:read", stop="refine", tab="rule_sets"),
)
ACTS = (
    Act("rulesets.add", _LIST, add, FileForm, may="source:read", shown_on=_LIST),
    Act("rulesets.look", _ONE + "/look", look, SetForm, may="source:read", shown_on=_ONE),
    Act("rulesets.save", _ONE, save, FileForm, may="source:read", shown_on=_ONE),
    Act("rulesets.use", _ONE + "/use", use, UseForm, may="source:read", shown_on=_ONE),
)
