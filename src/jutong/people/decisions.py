"""Who may do what to which thing, as data; one interpreter for a single thing, one for a whole set.

A rule says: these roles, if the thing's columns hold.  ``decide`` reads the rules in Python and gives a reason;
``permitted`` turns the same rules into one SQL condition over the thing's row, so a list is decided as a set.
Both read NULL as "does not hold".  A test asks both the same thousands of questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import sql

from jutong.people.actions import ACTIONS, ANY_ROLE, Rule, Where
from jutong.people.party import ROLES, SYSTEM_ROLE, Party
from jutong.terms import Allowed, Broken, Decision, Refused


def decide(party: Party, action: str, thing: Any = None) -> Decision:
    """Whether ``party`` may do ``action`` (``entry:publish``) to ``thing``, a dataclass or a row.

    Without a thing: whether the party could ever, for some thing (menus, buttons).
    Raises Broken ``people.unknown_action`` when nobody has said who may.
    """
    rules = _rules(action)
    if SYSTEM_ROLE in party.roles:
        return Allowed("平台")
    mine = [rule for rule in rules if _has_role(party, rule)]
    if not mine:
        wanted = "、".join(_names(rules))
        return Refused("people.role_missing", f"这一步由{wanted}办理，您的账号没有这个角色")
    if thing is None:
        return Allowed(mine[0].ground)
    for rule in mine:
        if all(_holds(where, party, thing) for where in rule.where):
            return Allowed(rule.ground)
    failed = next(where for where in mine[-1].where if not _holds(where, party, thing))
    return Refused(failed.code, failed.sentence)


def permitted(party: Party, action: str, alias: str = "") -> sql.Composable:
    """A SQL condition that is true for exactly the rows ``decide`` allows; never NULL.

    ``alias`` qualifies the columns (``e`` → ``"e"."department_code"``).
    """
    rules = _rules(action)
    if SYSTEM_ROLE in party.roles:
        return sql.SQL("true")
    mine = [rule for rule in rules if _has_role(party, rule)]
    if not mine:
        return sql.SQL("false")
    if any(not rule.where for rule in mine):
        return sql.SQL("true")
    return sql.SQL("({})").format(sql.SQL(" OR ").join(_rule_sql(rule, party, alias) for rule in mine))


def visible_to(party: Party, kind: str, alias: str = "") -> sql.Composable:
    """The rows of a kind (``entry``, ``case``, ``batch`` …) this party may see, as a SQL condition."""
    return permitted(party, f"{kind}:read", alias)


def columns_of(action: str) -> tuple[str, ...]:
    """The columns a row must have for this action to be decided about it."""
    return tuple(sorted({where.column for rule in _rules(action) for where in rule.where}))


def _rules(action: str) -> tuple[Rule, ...]:
    try:
        return ACTIONS[action]
    except KeyError:
        raise Broken("people.unknown_action", f"没有规定谁可以做「{action}」") from None


def _has_role(party: Party, rule: Rule) -> bool:
    return rule.roles is ANY_ROLE or bool(party.roles & rule.roles)


def _names(rules: Iterable[Rule]) -> list[str]:
    wanted = {role for rule in rules for role in rule.roles}
    return [label for role, (label, _) in ROLES.items() if role in wanted]


def _value(where: Where, party: Party) -> Any:
    """What the column is compared with: a constant, or something of the party's own."""
    if where.mine is not None:
        return getattr(party, where.mine)
    return where.value


def _holds(where: Where, party: Party, thing: Any) -> bool:
    found = thing.get(where.column) if isinstance(thing, Mapping) else getattr(thing, where.column, None)
    value = _value(where, party)
    if found is None or value is None:
        return False
    match where.op:
        case "is":
            return bool(found == value)
        case "in":
            return found in value
        case "has":
            return value in found
        case "at_most":
            return bool(found <= value)


def _rule_sql(rule: Rule, party: Party, alias: str) -> sql.Composable:
    return sql.SQL("({})").format(
        sql.SQL(" AND ").join(_where_sql(where, party, alias) for where in rule.where)
    )


def _where_sql(where: Where, party: Party, alias: str) -> sql.Composable:
    column = sql.Identifier(alias, where.column) if alias else sql.Identifier(where.column)
    value = _value(where, party)
    if value is None:
        return sql.SQL("false")
    constant = sql.Literal(list(value) if where.op == "in" else value)
    match where.op:
        case "is":
            test = sql.SQL("{} = {}").format(column, constant)
        case "in":
            test = sql.SQL("{} = ANY ({})").format(column, constant)
        case "has":
            test = sql.SQL("{} = ANY ({})").format(constant, column)
        case "at_most":
            test = sql.SQL("{} <= {}").format(column, constant)
    return sql.SQL("coalesce({}, false)").format(test)
