"""Row rules: questions across the items of one row, as data.

A rule names its kind, its items (the first is the one the issue speaks of) and its arguments.  Kinds:

    not_after      items a, b           a ≤ b; {"strict": true}: a < b
    not_before     items a, b           a ≥ b; {"strict": true}: a > b
    within         items a, b           b < a or … ≤ b + {"years" | "months" | "days"}: b < a ≤ b + that long
    not_future     items a              a is not after the day the batch was received
    required_when  items a, b           a is there when b {"contains": word} or {"equals": [words]};
                                        {"positive": true}: and larger than 0
    any_of         items a, b, …        at least one is there
    one_of         items a              a is one of {"values": [words]}
    sql            items a, b, …        {"sql": expression over the items} is not true; ``custom`` bounds what it may say
    unique         items a, b, …        no two rows of a batch have the same values
    refers_to      items a, b, …        the values stand in {"dataset": "zone.table", "items": [names]}
    row_count      items a              rows are {"least": share} … {"most": share} of the batch before
    fresh          items a              the newest value is not older than {"days": n} before the batch was received

The last two question the batch as a whole: their issue has row number 0, and with severity reject it is held.
Rules are asked in order, and an item that has already been questioned in a row, by its element or by an earlier
rule, is not questioned again: one mistake, one issue.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from jutong.elements import FLAG, Dimension, Severity
from jutong.terms import BadInput, literal

#: A column that the plan replaces by the day the batch was received.
RECEIVED = "CURRENT_DATE"


@dataclass(frozen=True)
class RowRule:
    code: str
    kind: str
    items: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = FLAG
    sentence: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What its SQL calls its items: a rule of a set speaks of roles."""
        return tuple(self.arguments.get("roles", self.items))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        known = {name: row[name] for name in cls.__dataclass_fields__ if name in row}
        return cls(**{**known, "items": tuple(row["items"])})


@dataclass(frozen=True)
class Kind:
    #: How many items it compares, at least and at most.
    least: int
    most: int
    dimension: Dimension
    #: Values of the items, arguments → SQL that is true where the rule is broken; NULL holds.
    broken: Callable[[Sequence[str], Mapping[str, Any]], str]
    #: Labels of the items, arguments → what was expected.
    sentence: Callable[[Sequence[str], Mapping[str, Any]], str]
    #: Names of arguments it must have one of.
    needs: tuple[str, ...] = ()
    #: What it looks at: one row, the rows beside it (or another dataset), or the batch.
    scope: Literal["row", "rows", "batch"] = "row"
    #: Whether it may only flag.
    only_flags: bool = False


def _not_after(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    return f"{values[0]} {'>=' if arguments.get('strict') else '>'} {values[1]}"


def _not_before(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    return f"{values[0]} {'<=' if arguments.get('strict') else '<'} {values[1]}"


def _span(arguments: Mapping[str, Any]) -> tuple[int, str, str]:
    for unit, word in (("years", "年"), ("months", "个月"), ("days", "天")):
        if unit in arguments:
            return int(arguments[unit]), unit, word
    raise BadInput("refine.bad_rule", "规则缺少期限（years、months 或 days）")


def _within(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    count, unit, _ = _span(arguments)
    return f"{values[0]} <= {values[1]} OR {values[0]} > {values[1]} + to_{unit}({count})"


def _required_when(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    wanted, condition = values
    if "contains" in arguments:
        applies = f"contains(CAST({condition} AS VARCHAR), {literal(str(arguments['contains']))})"
    else:
        words = ", ".join(literal(str(word)) for word in arguments["equals"])
        applies = f"CAST({condition} AS VARCHAR) IN ({words})"
    small = f" OR {wanted} <= 0" if arguments.get("positive") else ""
    return f"{applies} AND ({wanted} IS NULL{small})"


def _condition(arguments: Mapping[str, Any]) -> str:
    if "contains" in arguments:
        return f"含“{arguments['contains']}”"
    return f"为{'、'.join(str(word) for word in arguments['equals'])}"


def _one_of(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    words = ", ".join(literal(str(word)) for word in arguments["values"])
    return f"CAST({values[0]} AS VARCHAR) NOT IN ({words})"


def _asked_elsewhere(_values: Sequence[str], _arguments: Mapping[str, Any]) -> str:
    """Kinds that look beyond their row are asked after the scan (``settling``, ``refining``)."""
    return "false"


def _broken(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    from jutong.refine import custom  # its parser is slow to import, needed only for people's SQL

    return custom.broken(values, arguments)


def _shares(arguments: Mapping[str, Any]) -> str:
    least, most = float(arguments.get("least", 0)), arguments.get("most")
    return f"{least:.0%} 至 {float(most):.0%}" if most is not None else f"{least:.0%} 以上"


def _shown(words: Sequence[Any], most: int = 12) -> str:
    text = "、".join(str(word) for word in words[:most])
    return f"{text}等" if len(words) > most else text


KINDS: Mapping[str, Kind] = {
    "not_after": Kind(
        2, 2, Dimension.CONSISTENCY, _not_after,
        lambda labels, arguments: f"「{labels[0]}」应{'早' if arguments.get('strict') else '不晚'}于「{labels[1]}」",
    ),
    "not_before": Kind(
        2, 2, Dimension.CONSISTENCY, _not_before,
        lambda labels, arguments: f"「{labels[0]}」应{'晚' if arguments.get('strict') else '不早'}于「{labels[1]}」",
    ),
    "within": Kind(
        2, 2, Dimension.CONSISTENCY, _within,
        lambda labels, arguments: (
            f"「{labels[0]}」应晚于「{labels[1]}」且不超过其后{_span(arguments)[0]}{_span(arguments)[2]}"
        ),
    ),
    "not_future": Kind(
        1, 1, Dimension.TIMELINESS, lambda values, _: f"{values[0]} > {RECEIVED}",
        lambda labels, _: f"「{labels[0]}」不应晚于报送之日",
    ),
    "required_when": Kind(
        2, 2, Dimension.COMPLETENESS, _required_when,
        lambda labels, arguments: (
            f"「{labels[1]}」{_condition(arguments)}时，「{labels[0]}」必填"
            f"{'且大于0' if arguments.get('positive') else ''}"
        ),
        ("contains", "equals"),
    ),
    "any_of": Kind(
        2, 20, Dimension.COMPLETENESS, lambda values, _: " AND ".join(f"{value} IS NULL" for value in values),
        lambda labels, _: f"{'、'.join(f'「{label}」' for label in labels)}至少应填一项",
    ),
    "one_of": Kind(
        1, 1, Dimension.CONFORMITY, _one_of,
        lambda labels, arguments: f"「{labels[0]}」应为{_shown(list(arguments['values']))}之一",
        ("values",),
    ),
    "unique": Kind(
        1, 6, Dimension.ACCURACY, _asked_elsewhere,
        lambda labels, _: f"{'、'.join(f'「{label}」' for label in labels)}在同一批次中应唯一",
        scope="rows", only_flags=True,
    ),
    "sql": Kind(
        1, 12, Dimension.CONSISTENCY, _broken,
        lambda labels, _: f"{'、'.join(f'「{label}」' for label in labels)}不符合本表的自定义规则",
        ("sql",),
    ),
    "refers_to": Kind(
        1, 4, Dimension.CONSISTENCY, _asked_elsewhere,
        lambda labels, arguments: (
            f"{'、'.join(f'「{label}」' for label in labels)}在 {arguments['dataset']} 中查不到"
        ),
        ("dataset",), scope="rows",
    ),
    "row_count": Kind(
        1, 1, Dimension.COMPLETENESS, _asked_elsewhere,
        lambda _, arguments: f"行数应为上一批的 {_shares(arguments)}", ("least", "most"), scope="batch",
    ),
    "fresh": Kind(
        1, 1, Dimension.TIMELINESS, _asked_elsewhere,
        lambda labels, arguments: f"「{labels[0]}」最新的值不应早于报送前 {int(arguments['days'])} 天",
        ("days",), scope="batch",
    ),
}  # fmt: skip


def checked(rule: RowRule, known_items: Sequence[str]) -> RowRule:
    """The rule itself; raises BadInput ``refine.bad_rule`` with what is wrong."""
    kind = KINDS.get(rule.kind)
    missing = [name for name in rule.items if name not in known_items]
    problem = None
    if kind is None:
        problem = f"没有这种规则：{rule.kind}，可选 {'、'.join(KINDS)}"
    elif not kind.least <= len(rule.items) <= kind.most:
        problem = f"{rule.kind} 应有 {kind.least} 至 {kind.most} 个信息项"
    elif missing:
        problem = f"没有信息项 {'、'.join(missing)}"
    elif kind.needs and not any(name in rule.arguments for name in kind.needs):
        problem = f"缺少参数 {' 或 '.join(kind.needs)}"
    elif kind.only_flags and rule.severity != FLAG:
        problem = f"{rule.kind} 只能标记，不能拒收"
    if problem:
        raise BadInput("refine.bad_rule", f"规则 {rule.code} 有误：{problem}")
    assert kind is not None
    try:
        kind.broken(
            [f"v{place}" for place, _ in enumerate(rule.items)], {**rule.arguments, "items_named": rule.named}
        )
        kind.sentence(rule.items, rule.arguments)
    except BadInput as wrong:
        raise BadInput("refine.bad_rule", f"规则 {rule.code} 有误：{wrong.sentence}") from wrong
    except (KeyError, TypeError, ValueError) as wrong:
        raise BadInput("refine.bad_rule", f"规则 {rule.code} 的参数有误：{wrong}") from wrong
    return rule


#: Kinds that compare values, by what they compare.
_COMPARED = {"not_after": "alike", "not_before": "alike", "within": "days", "not_future": "days"}
_DAYS = ("DATE", "TIMESTAMP")


def comparable(rule: RowRule, types: Sequence[str]) -> None:
    """Whether a rule can compare items of these DuckDB types; a text is no date until its element says so.

    Raises BadInput ``refine.bad_rule``.
    """
    wanted = _COMPARED.get(rule.kind)
    families = {"day" if kind in _DAYS else "text" if kind == "VARCHAR" else "number" for kind in types}
    if (wanted == "days" and families != {"day"}) or (wanted == "alike" and len(families) > 1):
        told = "、".join(f"{name} 是 {kind}" for name, kind in zip(rule.items, types, strict=True))
        what = "日期或时间" if wanted == "days" else "同一种类型"
        raise BadInput("refine.bad_rule", f"{rule.kind} 要比较{what}，而 {told}")


def broken_sql(rule: RowRule, values: Sequence[str]) -> str:
    """SQL that is true where the rule is broken; ``values`` are the SQL of its items, in their order."""
    return KINDS[rule.kind].broken(values, {**rule.arguments, "items_named": rule.named})


def batch_complaint(
    rule: RowRule, rows: int, newest: dt.date | None, previous: int | None, day: dt.date
) -> str | None:
    """What a rule about the whole batch finds wrong: rows given now and the time before, newest value, day received."""
    if rule.kind == "row_count" and previous:
        share, most = rows / previous, rule.arguments.get("most")
        if share < float(rule.arguments.get("least", 0)) or (most is not None and share > float(most)):
            return f"本批 {rows} 行，上一批 {previous} 行"
    if rule.kind == "fresh" and rows:
        oldest = day - dt.timedelta(days=int(rule.arguments["days"]))
        if newest is None or newest < oldest:
            return f"最新为 {newest or '空'}，应不早于 {oldest}"
    return None


#: 双公示, 2018 edition: cross-field rules (domain handbook §4.2) over the physical names in lower case.
LICENCE_RULES = (
    RowRule("credit.decision_in_future", "not_future", ("xk_jdrq",)),
    RowRule("credit.validity_reversed", "not_before", ("xk_yxqzi", "xk_yxqz")),
)
PENALTY_RULES = (
    RowRule(
        "credit.fine_missing",
        "required_when",
        ("cf_nr_fk", "cf_cflb"),
        {"contains": "罚款", "positive": True},
    ),
    RowRule("credit.revoked_missing", "required_when", ("cf_nr_zkdx", "cf_cflb"), {"contains": "吊销"}),
    RowRule("credit.decision_in_future", "not_future", ("cf_jdrq",)),
    RowRule("credit.publication_period", "within", ("cf_gsjzq", "cf_jdrq"), {"years": 3}),
)


def double_publicity_rules(items: Sequence[str]) -> tuple[RowRule, ...]:
    """Those of the 双公示 rules whose items a table has."""
    return tuple(rule for rule in (*LICENCE_RULES, *PENALTY_RULES) if set(rule.items) <= set(items))
