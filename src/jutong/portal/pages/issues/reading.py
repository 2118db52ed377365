"""Issue rows for pages: found by rule, dimension and department, shown in the row they stand in.

The lake's ``standard.issue`` holds one line per fault; a clerk thinks in rows, so faults of one row are shown
together, the wrong cells marked, beside the row's own values as they were given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.elements import ELEMENTS
from jutong.gather import find_tables, sheet_row
from jutong.portal.paging import Pager
from jutong.portal.visits import Visit
from jutong.refine import Chosen, batches_of_day, issue_groups
from jutong.store import Reading
from jutong.terms import Item, NotFound, quote

_DATASET = "standard.issue"
_SIZE = 20
#: Beside the wrong ones, so many of a row's items are shown to know it by.
_KNOWN_BY = 4


@dataclass(frozen=True)
class IssueQuestion:
    rule: Annotated[str, Field(title="规则")] = ""
    severity: Literal["", "reject", "flag"] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class RuleFacet:
    rule: str
    label: str
    rows: int
    rejects: bool


@dataclass(frozen=True)
class Cell:
    text: str
    #: "" as it should be, reject or flag.
    wrong: str
    missing: bool


@dataclass(frozen=True)
class Column:
    name: str
    label: str


@dataclass(frozen=True)
class FaultyRow:
    #: As a clerk's spreadsheet counts.
    number: int
    severity: str
    cells: tuple[Cell, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Issues:
    """The faulty rows of one batch, under one rule or all."""

    asked: IssueQuestion
    rules: tuple[RuleFacet, ...]
    columns: tuple[Column, ...]
    rows: tuple[FaultyRow, ...]
    rejected: int
    flagged: int
    #: Whether values from grade 3 up are hidden from this party.
    hidden: bool
    pager: Pager


#: Rules of refining itself; the sentences of single rows name a row number.
_OWN_RULES = {
    "refine.duplicate_row": "整行重复，只保留一行",
    "refine.duplicate_key": "主键相同而内容不同，只保留一行",
    "refine.key_missing": "主键不能为空",
    "refine.required": "必填项不能为空",
    "refine.not_in_list": "取值不在规定的清单里",
}


def rule_label(code: str) -> str:
    """What a rule expects, in words: an element's check, else the code itself."""
    if code in _OWN_RULES:
        return _OWN_RULES[code]
    element = ELEMENTS.get(code.partition(".")[0])
    if element is None:
        return code
    check = next((one for one in element.checks if one.code == code), None)
    return check.sentence.replace("{label}", element.label) if check else code


def rule_labels(visit: Visit, codes: Sequence[str]) -> dict[str, str]:
    """The same for several rules; those that a table declares itself speak in the sentence they were declared with."""
    query = "SELECT code, min(sentence) AS sentence FROM row_rule WHERE code = ANY(%s) AND sentence <> '' GROUP BY code"
    declared = {row["code"]: row["sentence"] for row in visit.connection.execute(query, (list(codes),))}
    return {code: declared.get(code) or rule_label(code) for code in codes}


def issues_of_batch(visit: Visit, batch: Mapping[str, Any], asked: IssueQuestion) -> Issues:
    """One page of a batch's faulty rows."""
    groups = issue_groups(visit.connection, "rule", Chosen(batch=batch["id"]))
    table = find_tables(visit.connection, names=[batch["source_table"]])[0]
    items = [Item.from_row(one) for one in table.items]
    where, params = _where(batch["id"], asked)
    places = {item.name: place for place, item in enumerate(items)}
    hidden = batch["department_code"] != visit.who.department_code
    try:
        with visit.rooms.store.reading() as view:
            total, counts = _count(view, where, params, batch["id"])
            pager = Pager.of(f"/batches/{batch['id']}", asked, total, _SIZE)
            found = _faults(view, where, params, pager, batch["id"])
            columns = _columns(items, table.keys, found)
            given = _given(view, batch, columns, sorted(found))
    except NotFound:
        total, counts, pager, found, columns, given = 0, {}, Pager.of("", asked, 0, _SIZE), {}, [], {}
    return Issues(
        asked=asked,
        rules=tuple(
            RuleFacet(one["name"], _sentence(one["name"], found), one["rows"], bool(one["rejected"]))
            for one in groups
        ),
        columns=tuple(Column(item.name, item.label) for item in columns),
        rows=tuple(
            _row(
                sheet_row(batch, number),
                sorted(faults, key=lambda fault: places.get(fault["item"], len(places))),
                given.get(number, {}),
                columns,
                hidden=hidden,
            )
            for number, faults in found.items()
        ),
        rejected=counts.get("reject", 0),
        flagged=counts.get("flag", 0),
        hidden=hidden,
        pager=pager,
    )


def _sentence(rule: str, found: Mapping[int, Sequence[Mapping[str, Any]]]) -> str:
    """The rule in words; a table's own rule speaks by what it said of a row on this page."""
    label = rule_label(rule)
    if label != rule:
        return label
    told = (fault["sentence"] for faults in found.values() for fault in faults if fault["rule"] == rule)
    return next(told, rule)


def _where(batch: str, asked: IssueQuestion) -> tuple[str, list[Any]]:
    parts, params = ["batch = ?"], [batch]
    for name, value in (("rule", asked.rule), ("severity", asked.severity)):
        if value:
            parts.append(f"{name} = ?")
            params.append(value)
    return " AND ".join(parts), params


def _count(view: Reading, where: str, params: list[Any], batch: str) -> tuple[int, dict[str, int]]:
    total = view.rows(f"SELECT count(DISTINCT row_no) AS n FROM {view.table(_DATASET)} WHERE {where}", params)
    by = view.rows(
        f"SELECT severity, count(DISTINCT row_no) AS n FROM {view.table(_DATASET)} WHERE batch = ? GROUP BY severity",
        [batch],
    )
    return int(total[0]["n"]), {row["severity"]: int(row["n"]) for row in by}


def _faults(
    view: Reading, where: str, params: list[Any], pager: Pager, batch: str
) -> dict[int, list[Mapping[str, Any]]]:
    """Row number → every fault of that row, whatever the filter found it by."""
    rows = view.rows(
        f"SELECT row_no FROM {view.table(_DATASET)} WHERE {where} GROUP BY row_no ORDER BY row_no"
        f" LIMIT {pager.size} OFFSET {pager.offset}",
        params,
    )
    numbers = [int(row["row_no"]) for row in rows]
    if not numbers:
        return {}
    wanted = ", ".join(map(str, numbers))
    faults: dict[int, list[Mapping[str, Any]]] = {number: [] for number in numbers}
    for fault in view.rows(
        f"SELECT row_no, item, rule, severity, dimension, value_given, sentence FROM {view.table(_DATASET)}"
        f" WHERE batch = ? AND row_no IN ({wanted}) ORDER BY row_no, item",
        [batch],
    ):
        faults[int(fault["row_no"])].append(fault)
    return faults


def _columns(
    items: Sequence[Item], keys: Sequence[str], found: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[Item]:
    """The items a row is known by and those that are wrong on this page, in the table's own order."""
    wrong = {fault["item"] for faults in found.values() for fault in faults}
    known = {item.name for item in items if item.name in keys}
    for item in items:
        if len(known) >= _KNOWN_BY:
            break
        known.add(item.name)
    return [item for item in items if item.name in known | wrong][:9]


def _given(
    view: Reading, batch: Mapping[str, Any], columns: Sequence[Item], numbers: Sequence[int]
) -> dict[int, Mapping[str, Any]]:
    """The rows as they were given, every value as text."""
    if not numbers:
        return {}
    raw = view.table(f"raw.{batch['source_table']}")
    there = {row["column_name"] for row in view.rows(f"DESCRIBE SELECT * FROM {raw}")}
    shown = [item.name for item in columns if item.name in there]
    names = "".join(f", CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in shown)
    wanted = ", ".join(map(str, numbers))
    rows = view.rows(f"SELECT _row{names} FROM {raw} WHERE _batch = ? AND _row IN ({wanted})", [batch["id"]])
    return {int(row["_row"]): row for row in rows}


def _row(
    number: int,
    faults: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
    columns: Sequence[Item],
    *,
    hidden: bool,
) -> FaultyRow:
    wrong = {fault["item"]: fault for fault in faults}
    cells = []
    for item in columns:
        value = given.get(item.name)
        if value is None and item.name in wrong:
            value = wrong[item.name]["value_given"]
        text = "" if value is None else str(value)
        severity = str(wrong[item.name]["severity"]) if item.name in wrong else ""
        cells.append(
            Cell(_hidden(text) if hidden and item.grade >= 3 else text, severity, value is None or text == "")
        )
    worst = "reject" if any(fault["severity"] == "reject" for fault in faults) else "flag"
    return FaultyRow(number, worst, tuple(cells), tuple(dict.fromkeys(fault["sentence"] for fault in faults)))


def _hidden(text: str) -> str:
    """Enough to find the row by, not enough to know the person by."""
    if len(text) <= 4:
        return "*" * len(text)
    return f"{text[:2]}{'*' * (len(text) - 4)}{text[-2:]}"


@dataclass(frozen=True)
class Fault:
    """One line of the city-wide list."""

    batch: str
    dataset: str
    #: What the dataset is called.
    label: str
    department: str
    #: As the clerk counts in the file; 0: the batch as a whole.
    number: int
    item: str
    rule: str
    severity: str
    dimension: str
    given: str
    cleaned: str
    sentence: str
    found_at: dt.datetime | None


def _chosen(visit: Visit, conditions: Mapping[str, str]) -> tuple[str, list[Any]]:
    """SQL over issue columns; ``day`` is that of the batches, which only the control database knows."""
    given = {name: value for name, value in conditions.items() if value and name != "day"}
    parts, params = [f"{quote(name)} = ?" for name in given], list[Any](given.values())
    if conditions.get("day"):
        ids = batches_of_day(visit.connection, conditions["day"])
        parts.append("list_contains(CAST(? AS VARCHAR[]), batch)")
        params.append(ids)
    return " AND ".join(parts) or "true", params


def faults(
    visit: Visit, conditions: Mapping[str, str], pager: Pager, names: Mapping[str, str]
) -> list[Fault]:
    """Issues over all batches, the newest first; what is written down is hidden from grade 3 up."""
    where, params = _chosen(visit, conditions)
    try:
        with visit.rooms.store.reading() as view:
            rows = view.rows(
                f"SELECT * FROM {view.table(_DATASET)} WHERE {where}"
                f" ORDER BY found_at DESC, batch, row_no, item LIMIT {pager.size} OFFSET {pager.offset}",
                params,
            )
    except NotFound:
        return []
    labels: dict[str, tuple[str, dict[str, Item]]] = {}
    query = "SELECT id, row_offset, gaps FROM batch WHERE id = ANY(%s)"
    batches = {one["id"]: one for one in visit.connection.execute(query, ([row["batch"] for row in rows],))}
    return [_fault(visit, row, names, labels, batches.get(row["batch"])) for row in rows]


def _fault(
    visit: Visit,
    row: Mapping[str, Any],
    names: Mapping[str, str],
    labels: dict[str, tuple[str, dict[str, Item]]],
    batch: Mapping[str, Any] | None,
) -> Fault:
    number = int(row["row_no"])
    dataset = row["dataset"]
    if dataset not in labels:
        spec = visit.rooms.store.spec(dataset)
        labels[dataset] = (spec.label, {item.name: item for item in spec.items})
    label, items = labels[dataset]
    item = items.get(row["item"])
    own = row["department_code"] == visit.who.department_code
    hide = _hidden if item is not None and item.grade >= 3 and not own else str
    return Fault(
        batch=row["batch"],
        dataset=dataset,
        label=label,
        department=names.get(row["department_code"], row["department_code"]),
        number=sheet_row(batch, number) if batch and number else number,
        item=item.label if item else row["item"],
        rule=row["rule"],
        severity=row["severity"],
        dimension=row["dimension"],
        given=hide(row["value_given"]) if row["value_given"] is not None else "",
        cleaned=hide(row["value_cleaned"]) if row["value_cleaned"] is not None else "",
        sentence=row["sentence"],
        found_at=row["found_at"],
    )


def count_faults(visit: Visit, conditions: Mapping[str, str]) -> int:
    where, params = _chosen(visit, conditions)
    try:
        with visit.rooms.store.reading() as view:
            rows = view.rows(f"SELECT count(*) AS n FROM {view.table(_DATASET)} WHERE {where}", params)
    except NotFound:
        return 0
    return int(rows[0]["n"])
