"""What there is to refine: batches with the plan of their table, read from the control database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.elements import ELEMENTS
from jutong.refine.plan import Plan, make_plan
from jutong.refine.rules import RowRule, checked, comparable
from jutong.store import Store, column_type
from jutong.terms import BadInput, DatasetName, Item, NotFound, Zone

_sql = named_sql(__file__)
_TIME_ZONE = dt.timezone(dt.timedelta(hours=8))


@dataclass(frozen=True)
class Task:
    """One batch and how it is refined."""

    batch_id: str
    plan: Plan
    given: int
    row_offset: int
    received_at: dt.datetime
    full: bool
    #: Its issues are in the lake already: it was held, and is now let through.
    released: bool = False
    #: Rows of the table's refined batch before this one.
    previous: int | None = None
    #: The version of the table's standard, and what of it decides about rows.
    standard: int | None = None
    meaning: str = ""
    #: After how many rows each row stands that was passed over (``batch.gaps``).
    gaps: tuple[int, ...] = ()

    @property
    def day(self) -> dt.date:
        """The day it was received, as the city counts days."""
        return self.received_at.astimezone(_TIME_ZONE).date()


def open_tasks(
    connection: Connection, store: Store, batch_ids: Sequence[str] | None, *, release: bool = False
) -> list[Task]:
    """Batches to refine, earlier ones of the same tables included, in the order they were received."""
    states = ["received", "held"] if release and batch_ids is not None else ["received"]
    ids = None if batch_ids is None else list(batch_ids)
    rows = connection.execute(_sql.open_tasks, {"ids": ids, "states": states}).fetchall()
    return _tasks(connection, store, rows)


def tasks_again(connection: Connection, store: Store, table: str) -> list[Task]:
    """Every batch of a table that was refined or held, the newest first; ``released`` are those that were refined."""
    rows = connection.execute(_sql.batches_again, {"table": table}).fetchall()
    return _tasks(connection, store, rows, released="refined")


def _tasks(
    connection: Connection, store: Store, rows: Sequence[Mapping[str, Any]], released: str = "held"
) -> list[Task]:
    tables = {row["source_table"]: {**row, "name": row["source_table"]} for row in rows}
    # Noted first: a change in between leaves the table stale, never falsely up to date.
    standards = note_versions(connection, list(tables)) if tables else {}
    plans = _plans(connection, store, tables)
    return [
        Task(
            row["id"], plans[row["source_table"]], row["given"], row["row_offset"], row["received_at"],
            row["batch_mode"] == "full", row["state"] == released, row["previous"],
            version, meaning, tuple(row["gaps"]),
        )
        for row in rows
        for version, meaning in (standards.get(row["source_table"], (None, "")),)
    ]  # fmt: skip


def note_versions(
    connection: Connection, tables: Sequence[str], *, by: int | None = None, note: str = ""
) -> dict[str, tuple[int, str]]:
    """Note the standards of these tables that differ from their newest version; table → (version, meaning)."""
    connection.execute(_sql.note_versions, {"tables": list(tables), "by": by, "note": note})
    rows = connection.execute(_sql.newest_versions, {"tables": list(tables)})
    return {row["source_table"]: (row["version"], row["meaning"]) for row in rows}


def plan_of(connection: Connection, store: Store, table: str) -> Plan:
    """The plan of a source table; raises NotFound ``refine.no_table``."""
    row = connection.execute(_sql.table_row, {"table": table}).fetchone()
    if row is None:
        raise NotFound("refine.no_table", f"没有归集表 {table}")
    return _plans(connection, store, {table: row})[table]


def _plans(connection: Connection, store: Store, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Plan]:
    if not tables:
        return {}
    names = {"tables": list(tables)}
    rules: dict[str, list[RowRule]] = {}
    for row in connection.execute(_sql.rules_of, names):
        rules.setdefault(row["source_table"], []).append(RowRule.from_row(row))
    for row in connection.execute(_sql.rule_sets_of, names):
        own = rules.setdefault(row["source_table"], [])
        own += shared_rules(row["rules"], row["items"], {rule.code for rule in own})
    whitelist = whitelisted(connection)
    thresholds = {
        row["source_table"]: float(row["hold_above"]) for row in connection.execute(_sql.thresholds, names)
    }
    raw = raw_specs(store, tables)
    return {
        name: make_plan(row, raw.get(name), rules.get(name, ()), whitelist, thresholds.get(name, 0.5))
        for name, row in tables.items()
    }


def whitelisted(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Check code → cleaned values for which it is waived."""
    return {row["check_code"]: tuple(row["values"]) for row in connection.execute(_sql.whitelisted)}


def shared_rules(
    rules: Sequence[Mapping[str, Any]], items: Mapping[str, str], besides: Collection[str] = ()
) -> list[RowRule]:
    """The rules of a set over a table's own items (role → item).

    Left out are rules whose code the table has itself, and those with a role the table has nothing for (role → '').
    """
    named = [
        {
            **rule,
            "items": [items.get(name, name) for name in rule["items"]],
            "arguments": {**rule["arguments"], "roles": list(rule["items"])},
        }
        for rule in rules
        if all(items.get(name, name) for name in rule["items"])
    ]
    return [RowRule.from_row(rule) for rule in named if rule["code"] not in besides]


def raw_specs(store: Store, tables: Iterable[str]) -> dict[str, Any]:
    wanted = list(tables)
    if len(wanted) > 20:
        return {spec.name.table: spec for spec in store.datasets(Zone.RAW)}
    found = {}
    for name in wanted:
        try:
            found[name] = store.spec(DatasetName(Zone.RAW, name))
        except NotFound:
            continue
    return found


def declare_rules(connection: Connection, rules: Mapping[str, Sequence[RowRule]]) -> None:
    """The row rules of tables, exactly these for each table named. Raises BadInput ``refine.bad_rule``."""
    for table, wanted in rules.items():
        row = connection.execute(_sql.table_row, {"table": table}).fetchone()
        if row is None:
            raise NotFound("refine.no_table", f"没有归集表 {table}")
        for rule in wanted:
            declarable(connection, row, rule)
        connection.execute(_sql.clear_rules, {"table": table, "codes": [rule.code for rule in wanted]})
        with connection.cursor() as cursor:
            cursor.executemany(
                _sql.save_rule,
                [
                    {
                        **vars(rule), "source_table": table, "place": place, "items": list(rule.items),
                        "arguments": Jsonb(dict(rule.arguments)),
                    }
                    for place, rule in enumerate(wanted)
                ],
            )  # fmt: skip
    note_versions(connection, list(rules))


def declare_thresholds(connection: Connection, limits: Mapping[str, float]) -> None:
    """Table → the share of rejected rows above which a batch is held; noted as ``declare_rules`` notes."""
    for table, share in limits.items():
        connection.execute(_sql.put_threshold, {"table": table, "hold_above": share})


def declarable(connection: Connection, table: Mapping[str, Any], rule: RowRule) -> None:
    """The rule parses, binds to the table's items and looks at no other department's data.

    Raises BadInput ``refine.bad_rule`` with the rule's code and the place.
    """
    types = {item["name"]: column_type(Item.from_row(item).type) for item in table["items"]}
    checked(rule, list(types))
    try:
        comparable(rule, [types[name] for name in rule.items])
        if rule.kind == "sql":
            from jutong.refine import custom

            custom.tried(
                str(rule.arguments["sql"]),
                {role: types[name] for role, name in zip(rule.named, rule.items, strict=True)},
            )
        if rule.kind == "refers_to":
            _known_dataset(connection, table, rule)
    except BadInput as problem:
        raise BadInput("refine.bad_rule", f"规则 {rule.code} 有误：{problem.sentence}") from problem


def _known_dataset(connection: Connection, table: Mapping[str, Any], rule: RowRule) -> None:
    dataset = str(rule.arguments["dataset"])
    row = connection.execute(_sql.department_of, {"dataset": dataset}).fetchone()
    if row is None:
        raise BadInput("refine.bad_reference", f"没有数据集 {dataset}")
    shared = row["zone"] == Zone.BASE or row["department_code"] == table["department_code"]
    if not shared:
        raise BadInput(
            "refine.bad_reference", f"{dataset} 是别的部门的数据，规则只能引用本部门的数据集和基础库"
        )
    named = list(rule.arguments.get("items", rule.items))
    known = {item["name"] for item in row["items"]}
    wrong = [name for name in named if name not in known]
    kinds = {item["name"]: Item.from_row(item).type for item in (*table["items"], *row["items"])}
    own = {item["name"]: Item.from_row(item).type for item in table["items"]}
    for name, other in zip(rule.items, named, strict=False):
        if not wrong and name in own and own[name] != kinds[other]:
            raise BadInput(
                "refine.bad_reference",
                f"「{name}」是 {own[name]}，而 {dataset} 的「{other}」是 {kinds[other]}，不能对照",
            )
    if wrong or len(named) != len(rule.items):
        raise BadInput("refine.bad_reference", f"{dataset} 没有对应的信息项 {'、'.join(wrong) or named}")


def let_off(connection: Connection, check_code: str, value: str, *, reason: str, owner: str) -> None:
    """Whitelist a cleaned value for one check, with a reason and who answers for it.

    Raises BadInput ``refine.bad_whitelist``.
    """
    known = {check.code for element in ELEMENTS.values() for check in element.checks}
    if check_code not in known or not reason.strip() or not owner.strip() or not value:
        raise BadInput(
            "refine.bad_whitelist", f"白名单须写明现有的检查代码、值、理由和责任人（{check_code}：{value}）"
        )
    values = {"check_code": check_code, "value": value, "reason": reason, "owner": owner}
    connection.execute(_sql.save_whitelisted, values)
