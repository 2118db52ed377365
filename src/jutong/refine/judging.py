"""Judging one batch as SQL: given text → cleaned text → value → verdict, each a layer so nothing is done twice.

Item number n has the columns ``g<n>`` given, ``t<n>`` cleaned, ``v<n>`` value, ``f<n>`` fault, ``s<n>`` stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from jutong.elements import Element, verdict_sql
from jutong.refine.plan import ROW_KEY, Fault, Plan, PlannedItem, pinned
from jutong.refine.rules import broken_sql
from jutong.store import table_sql
from jutong.terms import literal, quote


def steps(plan: Plan, batch_id: str, rows: str | None = None) -> list[tuple[str, str]]:
    """The layers from the raw rows to what was found in each, as (name, SELECT over the one before).

    ``rows``: a table that holds the raw rows in the place of the lake's.
    """
    places = list(enumerate(plan.items, start=1))
    given = ", ".join(f"{given_sql(planned)} AS g{place}" for place, planned in places)
    plain = [f"{planned.plain(f'g{place}')} AS p{place}" for place, planned in places if planned.may_be_plain]
    cleaned = ", ".join(f"{_cleaned(place, planned)} AS t{place}" for place, planned in places)
    values = ", ".join(f"{_value(place, planned)} AS v{place}" for place, planned in places)
    asked = ", ".join(f"{_asked(place, planned, plan.whitelist)} AS f{place}" for place, planned in places)
    found = [
        (
            "given",
            f"SELECT _row, {given} FROM {rows or table_sql(plan.raw)} WHERE _batch = {literal(batch_id)}",
        ),
        ("plain", f"SELECT {', '.join(['*', *plain])} FROM given"),
        ("cleaned", f"SELECT *, {cleaned} FROM plain"),
        ("valued", f"SELECT *, {values} FROM cleaned"),
        ("asked", f"SELECT *, {asked} FROM valued"),
        (
            "answered",
            f"SELECT _row, {', '.join(_answer(place, planned) for place, planned in places)} FROM asked",
        ),
    ]
    for fault, condition in zip(plan.rule_faults, _conditions(plan), strict=True):
        found.append(
            (f"ruled{fault.number}", f"SELECT *, {condition} AS r{fault.number} FROM {found[-1][0]}")
        )
    flags = [f"f{place} <> 0" for place, _ in places] + [f"r{fault.number}" for fault in plan.rule_faults]
    verdict = f"{_rejected(plan)} AS _rejected, {' OR '.join(flags)} AS _questioned"
    return [*found, ("judged", f"SELECT *, {verdict} FROM {found[-1][0]}")]


def given_sql(planned: PlannedItem) -> str:
    return f"CAST({quote(planned.item.name)} AS VARCHAR)" if planned.given else "CAST(NULL AS VARCHAR)"


def _cleaned(place: int, planned: PlannedItem) -> str:
    """Only what is not plain pays for cleaning; the same holds for reading and questioning it."""
    return _unless_plain(place, planned, f"g{place}", planned.element.clean(f"g{place}"))


def _value(place: int, planned: PlannedItem) -> str:
    read = planned.cast(f"t{place}")
    if planned.value_type == "text":
        return read
    return _unless_plain(place, planned, f"TRY_CAST(t{place} AS {planned.value_type})", read)


def _asked(place: int, planned: PlannedItem, whitelist: Mapping[str, tuple[str, ...]]) -> str:
    narrowed = planned.value_type != planned.element.type
    verdict = element_verdict_sql(planned.element, f"t{place}", f"v{place}", whitelist, narrowed=narrowed)
    return _unless_plain(place, planned, "0::UTINYINT", verdict)


def _unless_plain(place: int, planned: PlannedItem, then: str, otherwise: str) -> str:
    return f"CASE WHEN p{place} THEN {then} ELSE {otherwise} END" if planned.may_be_plain else otherwise


def element_verdict_sql(
    element: Element, text: str, value: str, whitelist: Mapping[str, tuple[str, ...]], *, narrowed: bool
) -> str:
    """The element's verdict with what the steward has excused; ``narrowed``: see ``verdict_sql``."""
    excused = {
        check.code: f"{text} IN ({', '.join(literal(known) for known in whitelist[check.code])})"
        for check in element.checks
        if whitelist.get(check.code)
    }
    return verdict_sql(element, text, value, excused, narrowed=narrowed)


def staged_sql(plan: Plan, batch_id: str, day: dt.date, stage: str) -> str:
    """A temporary table of the batch, as ``stage_select`` has it."""
    # Not materialised: every layer is one projection of one scan.
    return f"CREATE TEMP TABLE {stage} AS {stage_select(plan, batch_id, day, kept='NOT MATERIALIZED ')}"


def stage_select(plan: Plan, batch_id: str, day: dt.date, rows: str | None = None, kept: str = "") -> str:
    """The batch judged: the standard items, and what was found in each row.

    ``_rejected`` · ``_questioned`` (any fault at all) · ``_faults`` list of {i: item, n: fault, g: given,
    t: cleaned}, NULL for a row without a question · ``_key`` the key as text, for rows with one.
    """
    outputs = [f"s{place} AS {quote(planned.item.name)}" for place, planned in enumerate(plan.items, start=1)]
    if not plan.keyed:
        outputs.append(f"{_fingerprint(plan)} AS {quote(ROW_KEY)}")
    faults = f"CASE WHEN _questioned THEN {_faults(plan)} END AS _faults"
    key = f"CASE WHEN _questioned THEN {_key_text(plan)} END AS _key"
    layers = ", ".join(f"{name} AS {kept}({sql})" for name, sql in steps(plan, batch_id, rows))
    sql = f"WITH {layers} SELECT _row, {', '.join(outputs)}, _rejected, _questioned, {faults}, {key} FROM judged"
    return pinned(sql, day)


def _answer(place: int, planned: PlannedItem) -> str:
    """Given, cleaned, stored value and the verdict with what the item itself asks for."""
    stored = f"t{place}" if planned.kept_as_text else f"v{place}"
    return f"g{place}, t{place}, {stored} AS s{place}, {_item_verdict(place, planned, stored)} AS f{place}"


def _item_verdict(place: int, planned: PlannedItem, stored: str) -> str:
    return own_verdict_sql(planned, f"t{place}", stored, f"f{place}")


def own_verdict_sql(planned: PlannedItem, text: str, stored: str, verdict: str) -> str:
    """The element's verdict, and then what the item itself asks for: that it is there, and in its list."""
    arms: list[str] = []
    for fault in own_faults(planned):
        if fault.rule == "refine.not_in_list":
            words = ", ".join(literal(word) for word in planned.values or ())
            arms.append(
                f"WHEN {verdict} = 0 AND CAST({stored} AS VARCHAR) NOT IN ({words}) THEN {fault.number}"
            )
        else:
            arms.insert(0, f"WHEN {text} IS NULL THEN {fault.number}")
    return f"CASE {' '.join(arms)} ELSE {verdict} END" if arms else verdict


def own_faults(planned: PlannedItem) -> tuple[Fault, ...]:
    return planned.faults[len(planned.element.checks) :]


def _conditions(plan: Plan) -> list[str]:
    """Row rules as booleans; an item that was questioned already is not questioned again."""
    conditions = []
    for number, rule in enumerate(plan.rules):
        places = [plan.place(name) for name in rule.items]
        broken = broken_sql(rule, [f"s{place}" for place in places])
        quiet = [f"f{place} = 0" for place in places]
        quiet += [
            f"NOT r{plan.rule_faults[earlier].number}"
            for earlier in range(number)
            if set(plan.rules[earlier].items) & set(rule.items)
        ]
        conditions.append(f"(coalesce({broken}, false) AND {' AND '.join(quiet)})")
    return conditions


def _rejected(plan: Plan) -> str:
    parts = []
    for place, planned in enumerate(plan.items, start=1):
        rejecting = [str(fault.number) for fault in planned.faults if fault.severity == "reject"]
        if rejecting:
            parts.append(f"f{place} IN ({', '.join(rejecting)})")
    parts += [f"r{fault.number}" for fault in plan.rule_faults if fault.severity == "reject"]
    return " OR ".join(parts) or "false"


def _faults(plan: Plan) -> str:
    found = [
        f"CASE WHEN f{place} <> 0 THEN {{'i': {place}, 'n': f{place}::INTEGER, 'g': g{place}, 't': t{place}}} END"
        for place in range(1, len(plan.items) + 1)
    ]
    for rule, fault in zip(plan.rules, plan.rule_faults, strict=True):
        place = plan.place(rule.items[0])
        found.append(
            f"CASE WHEN r{fault.number} THEN {{'i': {place}, 'n': {fault.number}, 'g': g{place}, 't': t{place}}} END"
        )
    return f"list_filter([{', '.join(found)}], lambda x: x IS NOT NULL)"


def _key_text(plan: Plan) -> str:
    if not plan.keyed:
        return "CAST(NULL AS VARCHAR)"
    parts = (f"coalesce(CAST(s{place} AS VARCHAR), g{place}, '')" for place in plan.key_places)
    return f"concat_ws('|', {', '.join(parts)})"


def _fingerprint(plan: Plan) -> str:
    """MD5 of all values, missing and empty apart."""
    parts = ", ".join(
        f"coalesce(CAST(s{place} AS VARCHAR), chr(30))" for place in range(1, len(plan.items) + 1)
    )
    return f"md5(concat_ws(chr(31), {parts}))"
