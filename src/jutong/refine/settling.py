"""Settling a staged batch, as SQL: its counts, its doubled rows, what is accepted and what becomes an issue.

Doubled rows are found by one GROUP BY over the hashed key; only the few rows whose key comes twice are ordered.
A window over all rows ran out of memory at 3 GB over 10M rows (design §11).
"""

from __future__ import annotations

from jutong.elements import REJECT, Dimension
from jutong.refine.plan import ROW_KEY, Plan
from jutong.store import table_sql
from jutong.terms import DatasetName, literal, quote

FOUND = "_found"
#: GB/T 36344 counts doubled rows under accuracy.
DUPLICATE_DIMENSION = Dimension.ACCURACY


def found_sql() -> str:
    """Faults of all batches of a group, before they get their words."""
    return (
        f"CREATE TEMP TABLE {FOUND} (_plan INTEGER, row_no BIGINT, key VARCHAR, i INTEGER, n INTEGER, "
        "given VARCHAR, cleaned VARCHAR)"
    )


def counts_sql(plan: Plan, stage: str) -> str:
    """given, rejected, flagged (questioned and not rejected), distinct keys among the rows not rejected."""
    return (
        f"SELECT count(*), count(*) FILTER (WHERE _rejected), count(*) FILTER (WHERE _questioned AND NOT _rejected), "
        f"count(DISTINCT hash({_keys(plan)})) FILTER (WHERE NOT _rejected) FROM {stage}"
    )


def lost_sql(plan: Plan, stage: str, lost: str) -> str:
    """A temporary table of the rows that lose to another with their key: ``_row``, ``winner``, ``same``."""
    keys = _keys(plan)
    content = ", ".join(quote(planned.item.name) for planned in plan.items)
    order = f"{quote(plan.order_item)} DESC NULLS LAST, " if plan.order_item else ""
    twice = f"SELECT hash({keys}) FROM {stage} WHERE NOT _rejected GROUP BY 1 HAVING count(*) > 1"
    rivals = (
        f"SELECT {keys}, _row, _questioned, {_order_column(plan)}md5(CAST(row({content}) AS VARCHAR)) AS _content "
        f"FROM {stage} WHERE NOT _rejected AND hash({keys}) IN ({twice})"
    )
    return (
        f"CREATE TEMP TABLE {lost} AS SELECT _row, winner, same, _questioned FROM ("
        f"SELECT _row, _questioned, row_number() OVER w AS place, first_value(_row) OVER w AS winner, "
        f"_content = first_value(_content) OVER w AS same FROM ({rivals}) "
        f"WINDOW w AS (PARTITION BY {keys} ORDER BY {order}_row DESC)) WHERE place > 1"
    )


def _order_column(plan: Plan) -> str:
    if plan.order_item is None or plan.order_item in plan.keys:
        return ""
    return f"{quote(plan.order_item)}, "


def lost_counts_sql(lost: str) -> str:
    """Doubled rows, and those among them without any other question."""
    return f"SELECT count(*), count(*) FILTER (WHERE NOT _questioned) FROM {lost}"


def accepted_sql(plan: Plan, stage: str, lost: str | None, batch_id: str) -> str:
    """The rows for the merge: columns as the standard dataset has them."""
    names = [quote(planned.item.name) for planned in plan.items]
    if not plan.keyed:
        names.append(quote(ROW_KEY))
    unless = f" AND _row NOT IN (SELECT _row FROM {lost})" if lost else ""
    return (
        f"SELECT {', '.join(names)}, {literal(batch_id)} AS _batch, _row FROM {stage} AS staged "
        f"WHERE NOT _rejected{unless}"
    )


def gone_sql(plan: Plan, stage: str) -> str:
    """Keys of the standard dataset that a full batch does not hold at all; a rejected row keeps its elder."""
    keys = [quote(key) for key in plan.keys or (ROW_KEY,)]
    same = " AND ".join(f"g.{key} = s.{key}" for key in keys)
    return (
        f"SELECT {', '.join(keys)} FROM {table_sql(plan.standard)} AS s "
        f"WHERE NOT EXISTS (SELECT 1 FROM {stage} AS g WHERE {same})"
    )


def unique_sql(plan: Plan, stage: str, place: int) -> str:
    """An UPDATE that questions rows whose values of a ``unique`` rule stand under another key as well."""
    rule, fault = plan.rules[place], plan.rule_faults[place]
    names = ", ".join(quote(name) for name in rule.items)
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in rule.items)
    first = plan.place(rule.items[0])
    text = f"CAST({quote(rule.items[0])} AS VARCHAR)"
    repeated = (
        f"SELECT {names} FROM {stage} WHERE NOT _rejected AND {there} GROUP BY {names} "
        f"HAVING count(DISTINCT hash({_keys(plan)})) > 1"
    )
    quiet = f"NOT list_contains(list_transform(coalesce(_faults, []), lambda x: x.i), {first})"
    key = _key_text(plan)
    return (
        f"UPDATE {stage} SET _questioned = true, _key = {key}, _faults = list_append(coalesce(_faults, []), "
        f"{{'i': {first}, 'n': {fault.number}, 'g': {text}, 't': {text}}}) "
        f"WHERE NOT _rejected AND {there} AND {quiet} AND ({names}) IN ({repeated})"
    )


def refers_sql(plan: Plan, stage: str, place: int) -> str:
    """An UPDATE that questions rows whose values do not stand in the other dataset; rows with a gap are let be."""
    rule, fault = plan.rules[place], plan.rule_faults[place]
    names = [quote(name) for name in rule.items]
    there = [quote(name) for name in rule.arguments.get("items", rule.items)]
    same = " AND ".join(f"o.{other} = {stage}.{name}" for name, other in zip(names, there, strict=True))
    known = f"SELECT 1 FROM {table_sql(DatasetName.parse(str(rule.arguments['dataset'])))} AS o WHERE {same}"
    first = plan.place(rule.items[0])
    text = f"CAST({names[0]} AS VARCHAR)"
    reject = "_rejected = true, " if fault.severity == REJECT else ""
    found = f"{{'i': {first}, 'n': {fault.number}, 'g': {text}, 't': {text}}}"
    return (
        f"UPDATE {stage} SET {reject}_questioned = true, _key = {_key_text(plan)}, "
        f"_faults = list_append(coalesce(_faults, []), {found}) "
        f"WHERE NOT _rejected AND {' AND '.join(f'{name} IS NOT NULL' for name in names)} "
        f"AND NOT list_contains(list_transform(coalesce(_faults, []), lambda x: x.i), {first}) AND NOT EXISTS ({known})"
    )


def newest_sql(stage: str, item: str) -> str:
    """How many rows, and the greatest value of an item as a date."""
    return f"SELECT count(*), max(TRY_CAST({quote(item)} AS DATE)) FROM {stage}"


def batch_issue_sql(number: int, place: int, fault: int, told: str) -> str:
    """An issue of the batch as a whole into ``_found``: row 0."""
    return (
        f"INSERT INTO {FOUND} VALUES ({number}, 0, NULL, {place}, {fault}, {literal(told)}, {literal(told)})"
    )


def issues_sql(stage: str, number: int) -> str:
    """All faults of the stage into ``_found``."""
    return (
        f"INSERT INTO {FOUND} SELECT {number}, _row, _key, fault.i, fault.n, fault.g, fault.t FROM "
        f"(SELECT _row, _key, unnest(_faults) AS fault FROM {stage} WHERE _questioned)"
    )


def lost_issues_sql(plan: Plan, stage: str, lost: str, number: int) -> str:
    """Doubled rows into ``_found``; fault 0 of item 0 is an identical row, fault 1 another with the same key.

    ``given`` is the key, ``cleaned`` the row that stays.
    """
    key = _key_text(plan)
    return (
        f"INSERT INTO {FOUND} SELECT {number}, l._row, {key}, 0, CASE WHEN l.same THEN 0 ELSE 1 END, "
        f"{key}, CAST(l.winner AS VARCHAR) FROM {lost} AS l JOIN {stage} AS s ON s._row = l._row"
    )


#: The winner's row as the clerk counts: blank rows and lines set aside count there, and not in ``_row``.
_SHEET_ROW = "CAST(f.cleaned AS BIGINT) + t.row_offset + len(list_filter(t.gaps, lambda gap: gap < CAST(f.cleaned AS BIGINT)))"


def standard_issues_sql(texts: str) -> str:
    """The rows of ``standard.issue``: what was found joined with the words of ``texts``."""
    return (
        "SELECT t.batch, t.dataset, t.department_code, f.row_no, f.key, t.item, t.rule, t.severity, t.dimension, "
        "f.given AS value_given, CASE WHEN f.i = 0 THEN NULL ELSE f.cleaned END AS value_cleaned, "
        f"CASE WHEN f.i = 0 THEN replace(t.sentence, '{{row}}', CAST({_SHEET_ROW} AS VARCHAR)) "
        "ELSE t.sentence END AS sentence, "
        f"t.found_at FROM {FOUND} AS f JOIN {texts} AS t ON t._plan = f._plan AND t.i = f.i AND t.n = f.n"
    )


def rule_counts_sql(texts: str) -> str:
    return (
        f"SELECT t._plan, t.rule, t.item, t.severity, t.dimension, count(*) AS rows FROM {FOUND} AS f "
        f"JOIN {texts} AS t ON t._plan = f._plan AND t.i = f.i AND t.n = f.n GROUP BY ALL ORDER BY ALL"
    )


def _keys(plan: Plan) -> str:
    return ", ".join(quote(key) for key in plan.keys or (ROW_KEY,))


def _key_text(plan: Plan) -> str:
    if not plan.keyed:
        return "CAST(NULL AS VARCHAR)"
    names = (quote(plan.items[place - 1].item.name) for place in plan.key_places)
    parts = (f"coalesce(CAST({name} AS VARCHAR), '')" for name in names)
    return f"concat_ws('|', {', '.join(parts)})"
