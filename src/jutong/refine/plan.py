"""The plan of refining one table: data that can be read, printed and compared, and the SQL made from it.

Every item has a list of *faults*: its element's checks, then required (or key) and code list.  The verdict of an
item is the number of the first fault that speaks, 0 for none.  Row rules come after the items.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from jutong.elements import FLAG, REJECT, Dimension, Element, Severity, cast_to, element_of, try_many
from jutong.refine.rules import KINDS, RowRule, checked
from jutong.store import DatasetSpec
from jutong.terms import BadInput, DatasetName, Item, Zone

#: The standard item that is the key of a table without one: the fingerprint of the row's values.
ROW_KEY = "row_key"
#: Faults of row rules are numbered from here; no element has that many checks.
ROW_RULES_FROM = 100


@dataclass(frozen=True)
class Fault:
    """One way in which a row may be questioned; ``number`` is unique within its item."""

    number: int
    rule: str
    item: str
    severity: Severity
    dimension: Dimension
    sentence: str


@dataclass(frozen=True)
class Lane:
    """Values that are judged alike, whatever table they stand in."""

    element: Element
    value_type: str
    #: What a missing value means.
    asks: Literal["nothing", "required", "key"]
    #: Its greatest value says which of two rows with one key is the later.
    order: bool
    values: tuple[str, ...] | None

    @property
    def name(self) -> tuple[str, ...]:
        return (self.element.name, self.value_type, self.asks, str(self.order), *(self.values or ()))


@dataclass(frozen=True)
class PlannedItem:
    item: Item
    element: Element
    #: Whether the raw dataset has the column; an optional column may be missing.
    given: bool = True
    #: Values the item may take; None where it is free.
    values: tuple[str, ...] | None = None
    order: bool = False

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """In the order in which they are asked."""
        label, name = self.item.label, self.item.name
        found = [
            Fault(
                number, check.code, name, check.severity, check.dimension, check.sentence.format(label=label)
            )
            for number, check in enumerate(self.element.checks, start=1)
        ]
        if self.item.key or self.item.required:
            rule, what = (
                ("refine.key_missing", "是主键") if self.item.key else ("refine.required", "是必填项")
            )
            sentence = f"「{label}」{what}，不能为空"
            found.append(Fault(len(found) + 1, rule, name, REJECT, Dimension.COMPLETENESS, sentence))
        if self.values is not None:
            words = "、".join(self.values[:12]) + ("等" if len(self.values) > 12 else "")
            sentence = f"「{label}」应为{words}之一"
            found.append(
                Fault(len(found) + 1, "refine.not_in_list", name, FLAG, Dimension.CONFORMITY, sentence)
            )
        return tuple(found)

    @property
    def kept_as_text(self) -> bool:
        """The item keeps the cleaned text although its element reads a value (a month, say, as text)."""
        return self.item.type == "text" and self.element.type != "text"

    @property
    def value_type(self) -> str:
        """The type that the element's cast gives."""
        return self.element.type if self.item.type == "text" else self.item.type

    @property
    def lane(self) -> Lane:
        asks: Literal["nothing", "required", "key"] = (
            "key" if self.item.key else "required" if self.item.required else "nothing"
        )
        return Lane(self.element, self.value_type, asks, self.order, self.values)

    @property
    def may_be_plain(self) -> bool:
        """Whether one question may tell that a value needs nothing: an item of another width asks its own."""
        return self.element.plain is not None and self.value_type == self.element.type

    def plain(self, given: str) -> str:
        """Nothing given needs nothing either."""
        assert self.element.plain
        return f"({given} IS NULL OR coalesce({self.element.plain(given)}, false))"

    def cast(self, text: str) -> str:
        return cast_to(self.element, text, self.value_type)


@dataclass(frozen=True)
class Plan:
    """How batches of one source table are refined. Raises BadInput ``refine.bad_plan``."""

    source_table: str
    label: str
    department_code: str | None
    mode: str
    items: tuple[PlannedItem, ...]
    keys: tuple[str, ...]
    #: The item that says which of two rows with one key is the later one; else the later row wins.
    order_item: str | None = None
    rules: tuple[RowRule, ...] = ()
    #: check code → cleaned values for which it is waived.
    whitelist: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hold_above: float = 0.5

    def __post_init__(self) -> None:
        names = [planned.item.name for planned in self.items]
        if not names:
            raise BadInput("refine.bad_plan", f"归集表 {self.source_table} 没有登记信息项")
        if len(names) > 250:
            raise BadInput("refine.bad_plan", f"归集表 {self.source_table} 的信息项超过250个")
        for rule in self.rules:
            checked(rule, names)

    @property
    def raw(self) -> DatasetName:
        return DatasetName(Zone.RAW, self.source_table)

    @property
    def standard(self) -> DatasetName:
        return DatasetName(Zone.STANDARD, self.source_table)

    @property
    def keyed(self) -> bool:
        return bool(self.keys)

    @property
    def key_places(self) -> tuple[int, ...]:
        return tuple(self.place(name) for name in self.keys)

    def place(self, name: str) -> int:
        """The item's number, from 1."""
        return next(number for number, planned in enumerate(self.items, start=1) if planned.item.name == name)

    def answered_by_key(self, rule: RowRule) -> bool:
        """A ``unique`` rule whose items hold the key asks nothing that doubled keys have not told already."""
        return rule.kind == "unique" and self.keyed and set(self.keys) <= set(rule.items)

    def spec(self) -> DatasetSpec:
        """The standard dataset: the items, the row's key where there is none, and where the row came from."""
        items = tuple(planned.item for planned in self.items)
        key_item = () if self.keyed else (Item(ROW_KEY, "行标识", key=True, required=True),)
        provenance = (Item("_batch", "批次"), Item("_row", "行号", "integer"))
        return DatasetSpec(
            self.standard, self.label, (*items, *key_item, *provenance), self.keys or (ROW_KEY,),
            self.department_code,
        )  # fmt: skip

    @cached_property
    def rule_faults(self) -> tuple[Fault, ...]:
        labels = {planned.item.name: planned.item.label for planned in self.items}
        found = []
        for number, rule in enumerate(self.rules, start=ROW_RULES_FROM):
            kind = KINDS[rule.kind]
            sentence = rule.sentence or kind.sentence([labels[name] for name in rule.items], rule.arguments)
            found.append(Fault(number, rule.code, rule.items[0], rule.severity, kind.dimension, sentence))
        return tuple(found)


def make_plan(
    table: Mapping[str, Any],
    raw: DatasetSpec | None,
    rules: Sequence[RowRule] = (),
    whitelist: Mapping[str, tuple[str, ...]] | None = None,
    hold_above: float = 0.5,
) -> Plan:
    """A plan from the source table's row (name, label, mode, keys, items, watermark_item, department_code).

    An item without an element takes the one of its type.  ``raw`` None: every item is taken to be given.
    A table that declares no items has those its raw rows came with.
    """
    keys = tuple(table["keys"])
    columns = None if raw is None else {item.name for item in raw.items}
    watermark = table.get("watermark_item")
    declared = table["items"] or [item.to_row() for item in (raw.content if raw else ())]
    items = tuple(_planned(row, keys, columns, watermark) for row in declared)
    names = {planned.item.name for planned in items}
    used = {check.code for planned in items for check in planned.element.checks}
    return Plan(
        source_table=table["name"],
        label=table["label"],
        department_code=table.get("department_code"),
        mode=table["mode"],
        items=items,
        keys=keys,
        order_item=watermark if watermark in names else None,
        rules=tuple(rules),
        whitelist={code: values for code, values in (whitelist or {}).items() if code in used},
        hold_above=hold_above,
    )


def _planned(
    row: Mapping[str, Any], keys: Sequence[str], columns: set[str] | None, order_item: str | None
) -> PlannedItem:
    item = Item.from_row(row)
    is_key = item.name in keys
    element = element_of(item.element, item.type)
    item = replace(item, key=is_key, required=item.required or is_key, element=element.name)
    values = row.get("values")
    planned = PlannedItem(
        item,
        element,
        columns is None or item.name in columns,
        None if values is None else _listed(element, [str(value) for value in values]),
        item.name == order_item,
    )
    try:
        planned.cast("x")
    except ValueError as problem:
        raise BadInput(
            "refine.bad_plan",
            f"信息项「{item.label}」登记为 {item.type}，而数据元 {element.label} 是 {element.type}",
        ) from problem
    return planned


def _listed(element: Element, values: Sequence[str]) -> tuple[str, ...]:
    """A code list as its values come out of cleaning."""
    return tuple(one.cleaned for one in try_many(element, values) if one.cleaned is not None)


def explain(plan: Plan) -> str:
    """The plan in words, for ``jutong refine explain`` and the portal."""
    mode = "全量" if plan.mode == "full" else "增量"
    order = f"「{plan.order_item}」最大者，再取" if plan.order_item else ""
    lines = [
        f"{plan.standard}  {plan.label}",
        f"来源 {plan.raw}，{mode}；主键 {'、'.join(plan.keys) or '整行内容'}",
    ]
    lines += [f"同一主键取{order}最后一行；拒收超过 {plan.hold_above:.0%} 时整批留置", ""]
    for planned in plan.items:
        item = planned.item
        marks = "".join(
            mark for mark, on in (("主键 ", item.key), ("必填 ", item.required and not item.key)) if on
        )
        missing = "" if planned.given else "（来源无此列）"
        lines.append(
            f"{item.name}  {item.label}  {item.type}  数据元 {planned.element.label}  {marks}{missing}".rstrip()
        )
        lines += [_line(fault, plan.whitelist.get(fault.rule, ())) for fault in planned.faults]
    if plan.rules:
        lines += ["", "行规则"]
        lines += [_line(fault) for fault in plan.rule_faults]
    return "\n".join(lines)


def _line(fault: Fault, waived: Sequence[str] = ()) -> str:
    word = "拒收" if fault.severity == REJECT else "标记"
    whitelist = f"（白名单 {len(waived)} 个值）" if waived else ""
    return f"    {word}  {fault.rule}  {fault.dimension}  {fault.sentence}{whitelist}"


def pinned(sql: str, day: dt.date) -> str:
    """The SQL with the day the batch was received for today: a batch judged again is judged the same."""
    return sql.replace("CURRENT_DATE", f"DATE '{day.isoformat()}'")
