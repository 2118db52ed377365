"""规则组: row rules stated once and used by many tables, each with items of its own for the set's roles.

A role is the name an item has in the rules of the set.  A table that has nothing for a role says so (role → ''), and
the rules that name it are not asked there.  A set changed is a new version of every standard that uses it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.people import Party
from jutong.refine.double_publicity import FORMER
from jutong.refine.previewing import Preview, preview
from jutong.refine.rules import RowRule, checked
from jutong.refine.standards import put_rule_sets, standard_of
from jutong.refine.tasks import declarable, note_versions, shared_rules
from jutong.store import Store
from jutong.terms import Address, BadInput, Denied, NotFound

_sql = named_sql(__file__)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,61}")
_CODE = re.compile(r"[a-z_]+\.[a-z_0-9]+")


@dataclass(frozen=True)
class SetPreview:
    """What a changed rule set would do to a table that uses it."""

    table: str
    label: str
    department_code: str
    looked: Preview


def rule_sets(connection: Connection) -> list[dict[str, Any]]:
    """Rule sets with how many tables use each: name, label, about, rules, tables."""
    return connection.execute(_sql.rule_sets).fetchall()


def rule_set(connection: Connection, name: str) -> dict[str, Any]:
    """name, label, about, rules (``RowRule``), changed_by, changed_at; raises NotFound ``refine.no_rule_set``."""
    row = connection.execute(_sql.rule_set, {"name": name}).fetchone()
    if row is None:
        raise NotFound("refine.no_rule_set", f"没有规则组 {name}")
    return {**row, "rules": tuple(RowRule.from_row(rule) for rule in row["rules"])}


def rule_set_users(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Tables that use a set: source_table, label, department_code, department, items (role → item), found (issues of
    its rules in the newest refined batch), batch_id."""
    return connection.execute(_sql.users_of_rule_set, {"name": name}).fetchall()


def save_rule_set(
    connection: Connection,
    name: str,
    label: str,
    rules: Sequence[RowRule],
    *,
    about: str = "",
    by: Party | None = None,
) -> list[str]:
    """Save a rule set; returns the tables that use it, whose standards have a new version now.

    Raises Denied ``refine.not_steward``, BadInput ``refine.bad_rule`` naming the table a rule does not fit, or
    ``refine.bad_rule_set``.
    """
    if by is not None and "steward" not in by.roles:
        raise Denied("refine.not_steward", "规则组由主管部门的数据管理员维护")
    content = _content(name, label, rules)
    known = connection.execute(_sql.rule_set, {"name": name}).fetchone()
    if known and (known["label"], known["about"], known["rules"]) == (label, about, content):
        return []
    values = {
        "name": name, "label": label, "about": about, "rules": Jsonb(content), "by": by.user_id if by else None,
    }  # fmt: skip
    connection.execute(_sql.save_rule_set, values)
    tables = []
    for user in rule_set_users(connection, name):
        _fits(connection, user["source_table"], content, user["items"])
        tables.append(user["source_table"])
    note_versions(connection, tables, by=by.user_id if by else None, note=f"规则组「{label}」已改")
    return tables


def preview_rule_set(
    connection: Connection, store: Store, name: str, rules: Sequence[RowRule], most: int = 6
) -> tuple[tuple[SetPreview, ...], int]:
    """What these rules would change in the tables that use the set, ``most`` of them; and how many use it in all.

    Raises what saving raises.
    """
    content = _content(name, "—", rules)
    users = rule_set_users(connection, name)
    for user in users:
        _fits(connection, user["source_table"], content, user["items"])
    looked = tuple(
        SetPreview(
            user["source_table"], user["label"], user["department_code"],
            preview(
                connection, store, user["source_table"], standard_of(connection, user["source_table"])[1], {name: content}
            ),
        )
        for user in users[:most]
    )  # fmt: skip
    return looked, len(users)


def declare_rule_sets(connection: Connection, uses: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
    """Which sets tables use (table → set → role → item), exactly these for each table named; noted as a version
    before it is next used, or by ``declare_rules``.

    Raises BadInput ``refine.bad_rule``, NotFound ``refine.no_rule_set``.
    """
    for table, sets in uses.items():
        for name, items in sets.items():
            row = connection.execute(_sql.rule_set, {"name": name}).fetchone()
            if row is None:
                raise NotFound("refine.no_rule_set", f"没有规则组 {name}")
            _fits(connection, table, row["rules"], items)
        put_rule_sets(connection, table, sets)


def fitted(rules: Sequence[RowRule], names: Collection[str]) -> dict[str, str] | None:
    """How a set fits a table with these items: role → item where it is not the item of its name, '' where there is
    none; of 双公示 the names of 2016 are known.  None where not one rule can be asked."""
    roles = {role for rule in rules for role in rule.items}
    found = {role: role if role in names else _former(role, names) for role in sorted(roles)}
    if not any(all(found[role] for role in rule.items) for rule in rules):
        return None
    return {role: item for role, item in found.items() if item != role}


def _former(role: str, names: Collection[str]) -> str:
    known = FORMER.get(role, "").lower()
    return known if known in names else ""


def _content(name: str, label: str, rules: Sequence[RowRule]) -> list[dict[str, Any]]:
    """The rules as rows, looked at as far as that goes without a table."""
    if not _NAME.fullmatch(name) or not label.strip():
        raise BadInput("refine.bad_rule_set", "规则组要有名称，代号用小写字母、数字和下划线，以字母开头")
    codes = [rule.code for rule in rules]
    for rule in rules:
        if not _CODE.fullmatch(rule.code):
            raise BadInput(
                "refine.bad_rule", f"规则代码 {rule.code or '（空）'} 应写成 组.名 的样子，用小写字母", Address(item=rule.code)
            )  # fmt: skip
        if codes.count(rule.code) > 1:
            raise BadInput("refine.bad_rule", f"规则代码 {rule.code} 出现了两次", Address(item=rule.code))
        try:
            checked(rule, rule.items)
        except BadInput as problem:
            raise BadInput(problem.code, problem.sentence, Address(item=rule.code)) from problem
    return [{**vars(rule), "items": list(rule.items), "arguments": dict(rule.arguments)} for rule in rules]


def _fits(
    connection: Connection, table: str, rules: Sequence[Mapping[str, Any]], items: Mapping[str, str]
) -> None:
    row = connection.execute(_sql.table_row, {"table": table}).fetchone()
    if row is None:
        raise NotFound("refine.no_table", f"没有归集表 {table}")
    for rule in shared_rules(rules, items):
        try:
            declarable(connection, row, rule)
        except BadInput as problem:
            raise BadInput(
                problem.code, f"用于 {row['label']} 时，{problem.sentence}", Address(item=rule.code)
            ) from problem
