"""The pool: many small batches judged at once, so that a city of small tables is not a day of planning.

Planning one item's SQL costs about 2 ms, judging a thousand of its values half a millisecond.  So the values of
many batches are laid into lists, one list per *lane* (values that are judged alike), and each lane is planned
once.  A pooled row is ``_plan _row`` with lists ``t<n> v<n> f<n>`` per lane and what was found in it.

Row rules are asked after the lanes, for all plans at once that have the same rule over the same lanes (the tables
of one kind in many departments).  Plans whose key lies in several lanes, or with a rule that looks beyond its row, are
judged by themselves; the answers are the same as ``judging``'s (tested).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jutong.elements import REJECT, cast_to
from jutong.refine.judging import element_verdict_sql, given_sql, own_verdict_sql
from jutong.refine.plan import Fault, Lane, Plan, PlannedItem
from jutong.refine.rules import KINDS, RowRule, broken_sql
from jutong.refine.settling import FOUND
from jutong.store import table_sql
from jutong.terms import Item, literal, quote

_GIVEN, JUDGED, LOST = "_pool", "_pool_judged", "_pool_lost"
#: An issue's item in the pool: lane × this + place in the lane's list.
_STEP = 1000


def may_pool(plan: Plan) -> bool:
    """A key that stands in one lane, in the order of the items, can be written out there."""
    lanes = {plan.items[place - 1].lane for place in plan.key_places}
    if any(KINDS[rule.kind].scope != "row" and not plan.answered_by_key(rule) for rule in plan.rules):
        return False
    return len(lanes) == 1 and list(plan.key_places) == sorted(plan.key_places)


@dataclass(frozen=True)
class Pool:
    lanes: tuple[Lane, ...]
    whitelist: Mapping[str, tuple[str, ...]]
    #: Numbers of the lanes whose given texts row rules may have to show.
    ruled: tuple[int, ...] = ()

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> Pool:
        lanes: dict[Lane, None] = {}
        whitelist: dict[str, tuple[str, ...]] = {}
        ruled: set[Lane] = set()
        for plan in plans:
            lanes.update(dict.fromkeys(planned.lane for planned in plan.items))
            whitelist.update(plan.whitelist)
            ruled.update(plan.items[plan.place(rule.items[0]) - 1].lane for rule in plan.rules)
        ordered = tuple(sorted(lanes, key=lambda lane: lane.name))
        return cls(ordered, whitelist, tuple(n for n, lane in enumerate(ordered, start=1) if lane in ruled))

    def places(self, plan: Plan) -> dict[int, tuple[int, int]]:
        """Item number → (lane number, place in its list), both from 1."""
        numbers = {lane: number for number, lane in enumerate(self.lanes, start=1)}
        used: dict[int, int] = {}
        found = {}
        for place, planned in enumerate(plan.items, start=1):
            lane = numbers[planned.lane]
            used[lane] = used.get(lane, 0) + 1
            found[place] = (lane, used[lane])
        return found

    def issue_items(self, plan: Plan) -> dict[int, int]:
        """Item number → how an issue of the pool names it; 0 is the row itself."""
        return {0: 0} | {place: lane * _STEP + index for place, (lane, index) in self.places(plan).items()}

    @property
    def key_lanes(self) -> list[int]:
        return [number for number, lane in enumerate(self.lanes, start=1) if lane.asks == "key"]


def pool_sql(pool: Pool) -> str:
    columns = ", ".join(f"g{number} VARCHAR[]" for number in range(1, len(pool.lanes) + 1))
    return f"CREATE TEMP TABLE {_GIVEN} (_plan INTEGER, _row BIGINT, _day DATE, {columns})"


def pour_sql(pool: Pool, poured: Sequence[tuple[int, Plan, str, dt.date]]) -> str:
    """Batches (plan number, plan, batch id, day received) into the pool."""
    return f"INSERT INTO {_GIVEN} " + " UNION ALL ".join(_poured(pool, *each) for each in poured)


def _poured(pool: Pool, number: int, plan: Plan, batch_id: str, day: dt.date) -> str:
    lists: dict[int, list[str]] = {}
    for place, (lane, _) in pool.places(plan).items():
        lists.setdefault(lane, []).append(given_sql(plan.items[place - 1]))
    columns = (
        f"[{', '.join(lists[lane])}]" if lane in lists else "NULL" for lane in range(1, len(pool.lanes) + 1)
    )
    return (
        f"SELECT {number}, _row, {literal(day)}, {', '.join(columns)} "
        f"FROM {table_sql(plan.raw)} WHERE _batch = {literal(batch_id)}"
    )


def judge_sql(pool: Pool) -> str:
    """Judge all that was poured, lane by lane, and say of each row what was found in it.

    ``_rejected`` · ``_questioned`` · ``_hash`` of the key · for questioned rows ``_faults`` (as in ``judging``,
    i naming lane and place) and ``_key``.
    """
    lanes = list(enumerate(pool.lanes, start=1))
    cleaned = ", ".join(
        f"list_transform(g{number}, lambda g: {lane.element.clean('g')}) AS t{number}"
        for number, lane in lanes
    )
    values = ", ".join(
        f"list_transform(t{number}, lambda x: {cast_to(lane.element, 'x', lane.value_type)}) AS v{number}"
        for number, lane in lanes
    )
    faults = ", ".join(
        f"list_transform(list_zip(t{number}, v{number}), lambda z: {_verdict(lane, pool.whitelist)}) AS f{number}"
        for number, lane in lanes
    )
    layers = f"SELECT *, {faults} FROM (SELECT *, {values} FROM (SELECT *, {cleaned} FROM {_GIVEN}))"
    # Batches received on different days lie side by side: the day is a column here.
    layers = layers.replace("CURRENT_DATE", "_day")
    found = f"SELECT *, {_any_rejected(pool)} AS _rejected, {_any_fault(pool)} AS _questioned FROM ({layers})"
    kept = ", ".join(
        [f"t{number}, v{number}" for number, _ in lanes] + [f"g{number}" for number in pool.ruled]
    )
    keys = ", ".join(f"v{number}" for number in pool.key_lanes)
    return (
        f"CREATE TEMP TABLE {JUDGED} AS SELECT _plan, _row, _day, {kept}, _rejected, _questioned, hash({keys}) AS _hash, "
        f"CASE WHEN _questioned THEN {_faults(pool)} END AS _faults, "
        f"CASE WHEN _questioned THEN {_key(pool, given=True)} END AS _key FROM ({found})"
    )


def _verdict(lane: Lane, whitelist: Mapping[str, tuple[str, ...]]) -> str:
    stands_for = _stand_in(lane)
    narrowed = lane.value_type != lane.element.type
    own = element_verdict_sql(lane.element, "z[1]", "z[2]", whitelist, narrowed=narrowed)
    stored = "z[1]" if stands_for.kept_as_text else "z[2]"
    return own_verdict_sql(stands_for, "z[1]", stored, own)


def _stand_in(lane: Lane) -> PlannedItem:
    """Any item of the lane: they are judged alike."""
    item = Item("x", "x", lane.value_type, key=lane.asks == "key", required=lane.asks != "nothing")
    return PlannedItem(item, lane.element, values=lane.values, order=lane.order)


def _any_rejected(pool: Pool) -> str:
    parts = []
    for number, lane in enumerate(pool.lanes, start=1):
        rejecting = [str(fault.number) for fault in _stand_in(lane).faults if fault.severity == REJECT]
        if rejecting:
            parts.append(f"coalesce(list_has_any(f{number}, [{', '.join(rejecting)}]::UTINYINT[]), false)")
    return " OR ".join(parts) or "false"


def _any_fault(pool: Pool) -> str:
    numbers = range(1, len(pool.lanes) + 1)
    return " OR ".join(f"coalesce(list_max(f{number}) <> 0, false)" for number in numbers)


def _faults(pool: Pool) -> str:
    each = ", ".join(
        f"coalesce(list_transform(list_zip(g{number}, t{number}, f{number}), lambda z, p: CASE WHEN z[3] <> 0 THEN "
        f"{{'i': CAST({number * _STEP} + p AS INTEGER), 'n': CAST(z[3] AS INTEGER), 'g': z[1], 't': z[2]}} END), [])"
        for number in range(1, len(pool.lanes) + 1)
    )
    return f"list_filter(flatten([{each}]), lambda x: x IS NOT NULL)"


def _key(pool: Pool, *, given: bool) -> str:
    """The key as text: values, or what was given where there is none."""
    parts = []
    for number in pool.key_lanes:
        if given:
            pairs = f"list_zip(v{number}, g{number})"
            parts.append(
                f"coalesce(list_transform({pairs}, lambda z: coalesce(CAST(z[1] AS VARCHAR), z[2], '')), [])"
            )
        else:
            parts.append(
                f"coalesce(list_transform(v{number}, lambda x: coalesce(CAST(x AS VARCHAR), '')), [])"
            )
    return f"array_to_string(flatten([{', '.join(parts)}]), '|')"


def rule_sqls(pool: Pool, plans: Mapping[int, Plan]) -> list[str]:
    """UPDATEs that ask the row rules, in their order; each question once for all plans that share it.

    An item that was questioned already is not questioned again, as in ``judging``.
    """
    asked: dict[tuple[int, str], list[int]] = {}
    for number, plan in plans.items():
        places = pool.places(plan)
        for order, (rule, fault) in enumerate(zip(plan.rules, plan.rule_faults, strict=True)):
            seats = [places[plan.place(name)] for name in rule.items]
            asked.setdefault((order, _rule_sql(pool, rule, fault, seats, plan)), []).append(number)
    ordered = sorted(asked.items(), key=lambda each: each[0])
    return [
        sql.replace("$plans", ", ".join(str(number) for number in numbers)) for (_, sql), numbers in ordered
    ]


def _rule_sql(pool: Pool, rule: RowRule, fault: Fault, seats: Sequence[tuple[int, int]], plan: Plan) -> str:
    values = []
    for name, (lane, index) in zip(rule.items, seats, strict=True):
        letter = "t" if plan.items[plan.place(name) - 1].kept_as_text else "v"
        values.append(f"{letter}{lane}[{index}]")
    broken = broken_sql(rule, values).replace("CURRENT_DATE", "_day")
    names = [lane * _STEP + index for lane, index in seats]
    wanted = ", ".join(str(name) for name in names)
    quiet = f"NOT list_has_any(list_transform(coalesce(_faults, []), lambda x: x.i), [{wanted}])"
    lane, index = seats[0]
    found = f"{{'i': {names[0]}, 'n': {fault.number}, 'g': g{lane}[{index}], 't': t{lane}[{index}]}}"
    reject = "_rejected = true, " if fault.severity == REJECT else ""
    return (
        f"UPDATE {JUDGED} SET {reject}_questioned = true, _key = coalesce(_key, {_key(pool, given=False)}), "
        f"_faults = list_append(coalesce(_faults, []), {found}) "
        f"WHERE _plan IN ($plans) AND ({broken}) AND {quiet}"
    )


def counts_sql() -> str:
    """Per plan: given, rejected, flagged, distinct keys; plans without a row are not there."""
    return (
        "SELECT _plan, count(*), count(*) FILTER (WHERE _rejected), "
        "count(*) FILTER (WHERE _questioned AND NOT _rejected), "
        f"count(DISTINCT _hash) FILTER (WHERE NOT _rejected) FROM {JUDGED} GROUP BY _plan"
    )


def lost_sql(pool: Pool) -> str:
    """Rows that lose to another with their key, as ``settling.lost_sql`` finds them."""
    keys = ", ".join(["_plan", *(f"v{number}" for number in pool.key_lanes)])
    content = ", ".join(
        f"t{number}" if _stand_in(lane).kept_as_text else f"v{number}"
        for number, lane in enumerate(pool.lanes, start=1)
    )
    order = "".join(
        f"v{number}[1] DESC NULLS LAST, " for number, lane in enumerate(pool.lanes, start=1) if lane.order
    )
    twice = f"SELECT _plan, _hash FROM {JUDGED} WHERE NOT _rejected GROUP BY ALL HAVING count(*) > 1"
    rivals = (
        f"SELECT *, md5(CAST(row({content}) AS VARCHAR)) AS _content FROM {JUDGED} "
        f"WHERE NOT _rejected AND (_plan, _hash) IN ({twice})"
    )
    return (
        f"CREATE TEMP TABLE {LOST} AS SELECT _plan, _row, winner, same, _questioned, _key FROM ("
        f"SELECT _plan, _row, _questioned, {_key(pool, given=False)} AS _key, row_number() OVER w AS place, "
        f"first_value(_row) OVER w AS winner, _content = first_value(_content) OVER w AS same FROM ({rivals}) "
        f"WINDOW w AS (PARTITION BY {keys} ORDER BY {order}_row DESC)) WHERE place > 1"
    )


def lost_counts_sql() -> str:
    """Per plan: doubled rows, and those among them without any other question."""
    return f"SELECT _plan, count(*), count(*) FILTER (WHERE NOT _questioned) FROM {LOST} GROUP BY _plan"


def issues_sql(plans: Sequence[int]) -> str:
    """Faults of these plans into ``_found``."""
    wanted = ", ".join(str(number) for number in plans)
    return (
        f"INSERT INTO {FOUND} SELECT _plan, _row, _key, fault.i, fault.n, fault.g, fault.t FROM "
        f"(SELECT _plan, _row, _key, unnest(_faults) AS fault FROM {JUDGED} "
        f"WHERE _questioned AND _plan IN ({wanted}))"
    )


def lost_issues_sql(plans: Sequence[int]) -> str:
    wanted = ", ".join(str(number) for number in plans)
    return (
        f"INSERT INTO {FOUND} SELECT _plan, _row, _key, 0, CASE WHEN same THEN 0 ELSE 1 END, _key, "
        f"CAST(winner AS VARCHAR) FROM {LOST} WHERE _plan IN ({wanted})"
    )


def staged_sql(pool: Pool, plan: Plan, number: int) -> str:
    """Plan ``number`` out of the pool, as a subselect with the columns of ``judging.staged_sql``'s table."""
    columns = []
    for place, (lane, index) in pool.places(plan).items():
        planned = plan.items[place - 1]
        letter = "t" if planned.kept_as_text else "v"
        columns.append(f"{letter}{lane}[{index}] AS {quote(planned.item.name)}")
    return f"(SELECT _row, _rejected, {', '.join(columns)} FROM {JUDGED} WHERE _plan = {number})"


def lost_of(number: int) -> str:
    return f"(SELECT _row FROM {LOST} WHERE _plan = {number})"
