"""数据标准: what of a table's refining may be changed, in versions, by drafts that are looked at before they hold.

1. A draft is a whole standard.  It is checked as it is saved: every element, key and rule, with the place of what is
   wrong, and no rule may look at another department's data.
2. The provider's officer may propose one; the steward adopts or declines, his own included.
3. Adopting notes a new version with who and when.  It holds from the next refining; ``again`` carries it through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.people import Party
from jutong.refine.plan import Plan, make_plan
from jutong.refine.rules import RowRule
from jutong.refine.tasks import declarable, note_versions, raw_specs, shared_rules, whitelisted
from jutong.store import Store, column_type
from jutong.terms import Address, BadInput, Conflict, Denied, Item, NotFound, quote

_sql = named_sql(__file__)
#: What of an item a standard says; the rest (where its column is, its grade) stays as the table has it.
SAID = ("label", "type", "element", "required", "values")


@dataclass(frozen=True)
class Standard:
    keys: tuple[str, ...]
    #: Rows of an item's fields, as ``source_table.items``.
    items: tuple[Mapping[str, Any], ...]
    rules: tuple[RowRule, ...] = ()
    #: Rule set → role → item of this table.
    rule_sets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    hold_above: float = 0.5

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        sets = content.get("rule_sets", ())
        return cls(
            tuple(content["keys"]), tuple(content["items"]), tuple(RowRule.from_row(row) for row in content["rules"]),
            {one["name"]: one["items"] for one in sets}, float(content["hold_above"]),
        )  # fmt: skip

    def to_content(self) -> dict[str, Any]:
        rules = [
            {**vars(rule), "items": list(rule.items), "arguments": dict(rule.arguments)}
            for rule in self.rules
        ]
        sets = [{"name": name, "items": dict(items)} for name, items in sorted(self.rule_sets.items())]
        return {
            "keys": list(self.keys), "items": [dict(item) for item in self.items], "rules": rules,
            "rule_sets": sets, "hold_above": self.hold_above,
        }  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One thing two standards say differently; an empty side says nothing of it."""

    kind: str
    name: str
    before: str
    after: str


def standard_of(connection: Connection, table: str, version: int | None = None) -> tuple[int, Standard]:
    """(version, standard) of a table as it is now, or as it was; raises NotFound ``refine.no_standard``."""
    if version is None:
        note_versions(connection, [table])
    row = connection.execute(_sql.versions, {"table": table, "version": version}).fetchone()
    if row is None:
        raise NotFound("refine.no_standard", f"归集表 {table} 没有这一版标准")
    return row["version"], Standard.from_content(row["content"])


def versions(connection: Connection, table: str) -> list[dict[str, Any]]:
    """Versions of a table's standard, the newest first: version, standard, made_by, made_at, note, differences."""
    rows = connection.execute(_sql.versions, {"table": table, "version": None}).fetchall()
    known = [{**row, "standard": Standard.from_content(row["content"])} for row in rows]
    elder = [one["standard"] for one in known[1:]]
    for one, before in zip(known, [*elder, None], strict=False):
        one["differences"] = () if before is None else differences(before, one["standard"])
    return known


def differences(before: Standard, after: Standard) -> tuple[Difference, ...]:
    told = []
    for kind, was, now in (
        ("主键", {"": "、".join(before.keys) or "整行内容"}, {"": "、".join(after.keys) or "整行内容"}),
        ("信息项", _items_said(before), _items_said(after)),
        ("行规则", _rules_said(before), _rules_said(after)),
        ("规则组", _sets_said(before), _sets_said(after)),
        ("留置限度", {"": f"{before.hold_above:.0%}"}, {"": f"{after.hold_above:.0%}"}),
    ):
        told += [
            Difference(kind, name, was.get(name, ""), now.get(name, ""))
            for name in dict.fromkeys((*was, *now))
            if was.get(name) != now.get(name)
        ]
    return tuple(told)


def _items_said(standard: Standard) -> dict[str, str]:
    return {
        str(item["name"]): "，".join(
            part
            for part in (
                str(item["label"]),
                str(item.get("element") or "按类型"),
                str(item.get("type") or "text"),
                "必填" if item.get("required") else "",
                f"取值 {'、'.join(map(str, item['values']))}" if item.get("values") is not None else "",
            )
            if part
        )
        for item in standard.items
    }


def _rules_said(standard: Standard) -> dict[str, str]:
    return {
        rule.code: "，".join(
            part
            for part in (
                f"{'拒收' if rule.severity == 'reject' else '标记'} {rule.kind}({', '.join(rule.items)})",
                "；".join(f"{name}={value}" for name, value in rule.arguments.items()),
                rule.sentence or "",
            )
            if part
        )
        for rule in standard.rules
    }


def _sets_said(standard: Standard) -> dict[str, str]:
    return {
        name: "，".join(f"{role}→{item or '没有'}" for role, item in items.items()) or "同名信息项"
        for name, items in standard.rule_sets.items()
    }


def planned(
    connection: Connection,
    store: Store,
    table: str,
    standard: Standard,
    sets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Plan:
    """The plan a standard comes to; ``sets`` are rule sets as they would be, before those that are. Raises BadInput with the item or rule as address: ``refine.bad_standard``,
    ``refine.bad_rule``, ``refine.bad_plan``, ``elements.unknown``."""
    row = _table(connection, table)
    raw = raw_specs(store, [table]).get(table)
    columns = {item.name for item in raw.content} if raw else set()
    _check_items(row, standard, columns)
    shared = _shared(connection, standard, sets or {})
    wanted = {**row, "items": list(standard.items), "keys": list(standard.keys)}
    for rule in (*standard.rules, *shared):
        try:
            declarable(connection, wanted, rule)
        except BadInput as problem:
            raise BadInput(problem.code, problem.sentence, Address(item=rule.code)) from problem
    return make_plan(wanted, raw, (*standard.rules, *shared), whitelisted(connection), standard.hold_above)


def _table(connection: Connection, table: str) -> dict[str, Any]:
    row = connection.execute(_sql.table_row, {"table": table}).fetchone()
    if row is None:
        raise NotFound("refine.no_table", f"没有归集表 {table}")
    return dict(row)


def _shared(
    connection: Connection, standard: Standard, sets: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[RowRule]:
    found: list[RowRule] = []
    for name, items in standard.rule_sets.items():
        rules = sets.get(name)
        if rules is None:
            row = connection.execute(_sql.rule_set, {"name": name}).fetchone()
            if row is None:
                raise BadInput("refine.bad_standard", f"没有规则组 {name}", Address(item=name))
            rules = row["rules"]
        known = {rule.code for rule in (*standard.rules, *found)}
        found += shared_rules(rules, items, known)
    return found


def _check_items(row: Mapping[str, Any], standard: Standard, columns: set[str]) -> None:
    names = [str(item.get("name", "")) for item in standard.items]
    known = {item["name"] for item in row["items"]} | columns
    problem, at = "", ""
    if not names:
        problem = "标准里没有信息项"
    for name, item in zip(names, standard.items, strict=True):
        if problem:
            break
        at = name
        if name not in known:
            problem = f"信息项 {name} 不在归集表里，来源也没有这一列"
        elif names.count(name) > 1:
            problem = f"信息项 {name} 出现了两次"
        elif not str(item.get("label") or "").strip():
            problem = f"信息项 {name} 没有名称"
        else:
            problem = _impossible(item)
    missing = [key for key in standard.keys if key not in names]
    if not problem and missing:
        problem, at = f"主键 {'、'.join(missing)} 不是信息项", missing[0]
    if not problem and not 0 <= standard.hold_above <= 1:
        problem, at = "留置限度应在 0 与 1 之间", "hold_above"
    codes = [rule.code for rule in standard.rules]
    twice = next((code for code in codes if codes.count(code) > 1), "")
    if not problem and twice:
        problem, at = f"规则代码 {twice} 出现了两次", twice
    if problem:
        raise BadInput("refine.bad_standard", problem, Address(item=at) if at else None)


def _impossible(item: Mapping[str, Any]) -> str:
    try:
        Item.from_row(item)
    except (ValueError, TypeError):
        return f"信息项 {item['name']} 的类型 {item.get('type')} 不对：text、integer、decimal(位数,小数)、date、timestamp、boolean"
    values = item.get("values")
    if values is not None and (isinstance(values, str) or not isinstance(values, Sequence)):
        return f"信息项 {item['name']} 的取值应是列表"
    return ""


def check_retypes(store: Store, plan: Plan) -> None:
    """Values that stand must survive a new type; raises BadInput ``refine.retype_lossy`` with the item."""
    try:
        stored = store.spec(plan.standard)
    except NotFound:
        return
    for one in plan.items:
        was = stored.item(one.item.name)
        if was is None or was.type == one.item.type:
            continue
        name = quote(one.item.name)
        with store.reading() as reading:
            rows = reading.rows(
                f"SELECT count(*) AS n, min(CAST({name} AS VARCHAR)) AS one FROM {reading.table(plan.standard)} "
                f"WHERE {name} IS NOT NULL AND TRY_CAST({name} AS {column_type(one.item.type)}) IS NULL"
            )
        if rows[0]["n"]:
            raise BadInput(
                "refine.retype_lossy",
                f"「{one.item.label}」已有 {rows[0]['n']} 个值不能改为 {one.item.type}，如 {rows[0]['one']}；"
                "先只改数据元，重新清洗之后再改类型",
                Address(item=one.item.name),
            )


def draft(
    connection: Connection, store: Store, table: str, standard: Standard, *, by: Party, note: str = ""
) -> int:
    """Save a draft; returns its id.

    Raises what ``planned`` and ``check_retypes`` raise, Denied ``refine.not_your_standard``, Conflict
    ``refine.same_standard``.
    """
    row = _table(connection, table)
    own = "provider_officer" in by.roles and by.department_code == row["department_code"]
    if not own and "steward" not in by.roles:
        raise Denied("refine.not_your_standard", "标准由主管部门修改，提供部门经办可以提出修改稿")
    check_retypes(store, planned(connection, store, table, standard))
    version, now = standard_of(connection, table)
    if not differences(now, standard):
        raise Conflict("refine.same_standard", "修改稿与现行标准没有不同")
    values = {
        "table": table, "version": version, "content": Jsonb(standard.to_content()), "by": by.user_id, "note": note,
    }  # fmt: skip
    made = connection.execute(_sql.save_draft, values).fetchone()
    assert made is not None
    return int(made["id"])


def find_draft(connection: Connection, draft_id: int) -> dict[str, Any]:
    """A draft with ``standard`` and ``base``, the standard it started from; raises NotFound ``refine.no_draft``."""
    row = connection.execute(_sql.draft, {"id": draft_id}).fetchone()
    if row is None:
        raise NotFound("refine.no_draft", f"没有修改稿 {draft_id}")
    _, base = standard_of(connection, row["source_table"], row["base_version"])
    return {**row, "standard": Standard.from_content(row["content"]), "base": base}


def open_drafts(connection: Connection, table: str) -> list[dict[str, Any]]:
    return connection.execute(_sql.open_drafts, {"table": table}).fetchall()


def adopt(connection: Connection, store: Store, draft_id: int, *, by: Party) -> int:
    """The draft becomes the standard; returns its version.

    Raises Denied ``refine.not_steward``, Conflict ``refine.standard_moved`` when another was adopted since, and
    what saving a draft raises: the world may have moved on.
    """
    if "steward" not in by.roles:
        raise Denied("refine.not_steward", "采用标准由主管部门的数据管理员办理")
    found = find_draft(connection, draft_id)
    table, standard = found["source_table"], found["standard"]
    if found["state"] != "open":
        raise Conflict("refine.draft_answered", f"修改稿 {draft_id} 已经办过")
    connection.execute(_sql.lock_table, {"table": table})
    version, _ = standard_of(connection, table)
    if version != found["base_version"]:
        raise Conflict(
            "refine.standard_moved",
            f"修改稿起自第 {found['base_version']} 版，现已是第 {version} 版，请重新修改",
        )
    check_retypes(store, planned(connection, store, table, standard))
    _answer(connection, draft_id, "adopted", by, "")
    _put(connection, table, standard)
    return note_versions(connection, [table], by=found["made_by"], note=found["note"])[table][0]


def decline(connection: Connection, draft_id: int, *, by: Party, why: str = "") -> None:
    """The steward declines, or whoever made it withdraws. Raises Denied ``refine.not_your_draft``."""
    found = find_draft(connection, draft_id)
    if found["made_by"] == by.user_id:
        _answer(connection, draft_id, "withdrawn", by, why)
    elif "steward" in by.roles:
        _answer(connection, draft_id, "declined", by, why)
    else:
        raise Denied("refine.not_your_draft", "修改稿由提出人撤回，或由主管部门退回")


def _answer(connection: Connection, draft_id: int, state: str, by: Party, why: str) -> None:
    values = {"id": draft_id, "state": state, "by": by.user_id, "answer": why}
    if connection.execute(_sql.answer_draft, values).rowcount != 1:
        raise Conflict("refine.draft_answered", f"修改稿 {draft_id} 已经办过")


def _put(connection: Connection, table: str, standard: Standard) -> None:
    """The standard into the rows refining reads; of an item only what a standard says is changed."""
    known = {item["name"]: item for item in _table(connection, table)["items"]}
    items = []
    for item in standard.items:
        kept = {name: value for name, value in known.get(item["name"], {}).items() if name not in SAID}
        said = {name: item[name] for name in SAID if item.get(name) not in (None, False)}
        items.append({"name": item["name"], **said, **kept})
    connection.execute(
        _sql.put_standard, {"table": table, "items": Jsonb(items), "keys": list(standard.keys)}
    )
    connection.execute(_sql.put_threshold, {"table": table, "hold_above": standard.hold_above})
    connection.execute(_sql.clear_rules, {"table": table, "codes": [rule.code for rule in standard.rules]})
    with connection.cursor() as cursor:
        cursor.executemany(
            _sql.save_rule,
            [
                {
                    **vars(rule), "source_table": table, "place": place, "items": list(rule.items),
                    "arguments": Jsonb(dict(rule.arguments)),
                }
                for place, rule in enumerate(standard.rules)
            ],
        )  # fmt: skip
    put_rule_sets(connection, table, standard.rule_sets)


def put_rule_sets(connection: Connection, table: str, sets: Mapping[str, Mapping[str, str]]) -> None:
    """The sets a table uses, exactly these."""
    connection.execute(_sql.clear_rule_set_uses, {"table": table})
    with connection.cursor() as cursor:
        cursor.executemany(
            _sql.use_rule_set,
            [{"table": table, "name": name, "items": Jsonb(dict(items))} for name, items in sets.items()],
        )


def earlier(connection: Connection, table: str, version: int) -> Standard:
    """A former version, to be saved as a draft: of a rule set it knows the name, and takes it as it is now.

    Raises NotFound ``refine.no_standard``, Conflict ``refine.same_standard`` for the version that holds.
    """
    now, _ = standard_of(connection, table)
    if version == now:
        raise Conflict("refine.same_standard", f"第 {version} 版就是现行标准")
    return standard_of(connection, table, version)[1]
