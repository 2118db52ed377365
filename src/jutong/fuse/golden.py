"""The golden record: for every item the value its rule prefers, and why.

Every record gets a place in one fixed order (newest first, then source and key), so that a choice is the smallest
of (invalid?, shorter?, trust of the source in the item, place): one number per item, no window over all rows.
No losing value is lost (law 6): all are kept with source, time and reason.
"""

from __future__ import annotations

from jutong.elements import ELEMENTS, FLAG
from jutong.fuse.matching import key_column
from jutong.fuse.register import COMPLETENESS, RECENCY, Register
from jutong.fuse.steps import Step, drops
from jutong.terms import Item, literal, quote

#: rank = invalid · 2^60 + missing letters · 2^43 + trust · 2^36 + place
_INVALID, _SHORT, _TRUST = 1 << 60, 1 << 43, 1 << 36
_LONGEST = 4095

#: Why a value is shown or not; ``explaining.py`` has the sentences.
CHOSEN, SAME = "chosen", "same"
INVALID, LESS_TRUSTED, OLDER, SHORTER = "invalid", "less_trusted", "older", "shorter"

_DUCKDB = {"integer": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "boolean": "BOOLEAN"}


def entity_steps(register: Register, salt: str) -> list[Step]:
    """From ``anchored`` to ``named (anchor, entity)``.

    ``held (dataset, source_key, entity)`` are earlier members among these records, ``elsewhere (entity)`` ids that
    other entities bear.  An anchor keeps the id that most of its records bore (between equals, the one that was made
    for it); of two that claim one id, the one with more records has it.  A new id follows from the anchor alone, so
    that no history means no difference; ``salt`` goes into it only where an entity that has moved on bears that id.
    """
    fresh = f"{literal(register.prefix)} || upper(left(md5(a.anchor || '%s'), 16))"
    return [
        Step(
            "claim",
            "SELECT a.anchor, k.entity, count(*) AS n FROM anchored a JOIN record r USING (rid) "
            "JOIN held k ON k.dataset = r.dataset AND k.source_key = r.source_key GROUP BY 1, 2",
        ),
        Step(
            "claimed",
            f"SELECT anchor, min_by(entity, (-n, entity <> {fresh % ''}, entity)) AS entity, max(n) AS n FROM claim a GROUP BY 1",
        ),
        Step("granted", "SELECT min_by(anchor, (-n, anchor)) AS anchor, entity FROM claimed GROUP BY entity"),
        Step(
            "named",
            "SELECT a.anchor, coalesce(g.entity, CASE WHEN t.entity IS NOT NULL THEN "
            f"{fresh % f'#{salt}'} ELSE {fresh % ''} END) AS entity "
            "FROM (SELECT DISTINCT anchor FROM anchored) a LEFT JOIN granted g USING (anchor) "
            f"LEFT JOIN (SELECT entity FROM granted UNION SELECT entity FROM elsewhere) t ON t.entity = {fresh % ''}",
        ),
        *drops("claim", "claimed", "granted"),
    ]


def doubtful_sql() -> str:
    """``doubtful``: pairs of entities for people, with the two rows that look most alike."""
    return (
        "SELECT o.entity AS entity_l, t.entity AS entity_r, d.dataset_l, d.key_l, d.dataset_r, d.key_r, d.weight FROM doubt d "
        "JOIN named o ON o.anchor = d.one JOIN named t ON t.anchor = d.two"
    )


def placed_steps() -> list[Step]:
    """``placed (rid, eid, rule, weight, place)``: every record's entity and its place in the fixed order."""
    return [
        Step("numbered", "SELECT anchor, entity, row_number() OVER (ORDER BY entity) AS eid FROM named"),
        Step(
            "placed",
            "SELECT a.rid, n.eid, a.rule, a.weight, row_number() OVER (ORDER BY r.as_of DESC NULLS LAST, r.dataset, r.source_key) AS place "
            "FROM (SELECT rid, as_of, dataset, source_key FROM record) r JOIN anchored a USING (rid) JOIN numbered n USING (anchor)",
        ),
    ]


def _ranked(register: Register) -> str:
    """Every record with each item's rank; joins ``record`` with ``placed``."""
    ranks = ", ".join(f"{_rank(register, item)} AS {quote('r_' + item.name)}" for item in register.items)
    items = ", ".join(f"r.{quote(item.name)}" for item in register.items)
    return (
        f"SELECT p.eid, p.place, p.rule, p.weight, r.rid, r.dataset, r.source_key, r.batch, r.row_no, r.as_of, {items}, {ranks} "
        "FROM record r JOIN placed p USING (rid)"
    )


def _rank(register: Register, item: Item) -> str:
    strategy = register.survivorship.get(item.name)
    terms = ["place"]
    if strategy != RECENCY:
        terms.append(_trust(register, item))
    if strategy == COMPLETENESS:
        terms.append(f"({_LONGEST} - least(length({quote(item.name)}), {_LONGEST})) * {_SHORT}")
    terms.append(_invalid(register, item))
    return f"CASE WHEN {quote(item.name)} IS NOT NULL THEN {' + '.join(term for term in terms if term)} END"


def _trust(register: Register, item: Item) -> str:
    """Sources in the order they are believed for the item; patterns are matched by the dataset's name."""
    arms = []
    law = register.designated.get(item.name)
    if law:
        arms.append(f"WHEN {_is(law)} THEN 0")
    arms += [
        f"WHEN {_is(source.dataset)} THEN {source.trust_in(item.name)}"
        for source in register.sources
        if item.name in source.mapping
    ]
    return f"CAST((CASE {' '.join(arms)} ELSE 99 END) AS BIGINT) * {_TRUST}" if arms else ""


def _is(pattern: str) -> str:
    if "*" not in pattern:
        return f"dataset = {literal(pattern)}"
    return f"dataset LIKE {literal(pattern.replace('_', chr(92) + '_').replace('*', '%'))} ESCAPE '{chr(92)}'"


def _invalid(register: Register, item: Item) -> str:
    """A value its element questions gives way to another source's; of codes, matching knows already."""
    if sum(item.name in source.mapping for source in register.sources) < 2:
        return ""
    key = next(
        (one for one in register.keys if one.valid and one.whole_item == item.name and len(one.ways) == 1),
        None,
    )
    if key:
        return f"CASE WHEN {key_column(key)} IS NULL THEN {_INVALID} ELSE 0 END"
    element = ELEMENTS.get(item.element or "")
    if element is None:
        return ""
    text = quote(item.name)
    doubts = [
        check.fails(text, f"({element.cast(text)})") for check in element.checks if check.severity == FLAG
    ]
    if not doubts:
        return ""
    return (
        f"CASE WHEN {' OR '.join(f'coalesce({doubt}, false)' for doubt in doubts)} THEN {_INVALID} ELSE 0 END"
    )


def chosen_sql(register: Register) -> str:
    """``chosen``: per entity and item the winning rank and its value."""
    columns = ", ".join(
        f"min({rank}) AS {rank}, arg_min({name}, {rank}) AS {name}"
        for item in register.items
        for name, rank in [_columns(item)]
    )
    return (
        f"SELECT n.entity, c.* FROM (SELECT eid, {columns}, count(DISTINCT dataset) AS sources, count(*) AS records, "
        f"max(as_of) AS updated_at FROM ({_ranked(register)}) GROUP BY eid) c JOIN numbered n USING (eid)"
    )


def golden_sql(register: Register, entities: str | None = None) -> str:
    """SELECT of the golden records, or of those of some entities, typed as the register declares them."""
    narrowed = f" SEMI JOIN {entities} USING (entity)" if entities else ""
    items = ", ".join(f"{_typed(item)} AS {quote(item.name)}" for item in register.items)
    return f"SELECT entity, {items}, sources, records, updated_at FROM chosen{narrowed} ORDER BY entity"


def judged_sql(register: Register) -> str:
    """Every record with the reason of each of its values."""
    reasons = ", ".join(f"{_reason(item)} AS {quote('w_' + item.name)}" for item in register.items)
    items = ", ".join(f"p.{quote(item.name)}" for item in register.items)
    return (
        f"SELECT c.eid, p.place, p.rid, p.dataset, p.source_key, c.entity, p.batch, p.row_no, p.as_of, p.rule, "
        f"CAST(p.weight AS DECIMAL(9,4)) AS weight, {items}, {reasons} "
        f"FROM ({_ranked(register)}) p JOIN chosen c USING (eid)"
    )


def digested_sql(register: Register, weighed: str) -> str:
    """``judged`` as it is written: with one digest of all that is told of a record, one entity's records together.

    Sorted by two numbers, since wide rows with texts for a key cost several times that.
    """
    told = ", ".join(f"{quote(name)}" for item in register.items for name in (item.name, f"w_{item.name}"))
    return (
        f"SELECT * EXCLUDE (eid, place), CAST(hash(entity, batch, row_no, as_of, rule, weight, {told}) AS VARCHAR) AS digest "
        f"FROM {weighed} ORDER BY eid, place"
    )


def _reason(item: Item) -> str:
    name, rank = _columns(item)
    mine, best = f"p.{rank}", f"c.{rank}"
    return (
        f"CASE WHEN {mine} IS NULL THEN NULL WHEN {mine} = {best} THEN '{CHOSEN}' "
        f"WHEN p.{name} = c.{name} THEN '{SAME}' "
        f"WHEN {mine} // {_INVALID} > {best} // {_INVALID} THEN '{INVALID}' "
        f"WHEN {mine} // {_SHORT} > {best} // {_SHORT} THEN '{SHORTER}' "
        f"WHEN {mine} // {_TRUST} > {best} // {_TRUST} THEN '{LESS_TRUSTED}' ELSE '{OLDER}' END"
    )


def members_sql(records: str) -> str:
    """SELECT of memberships of some judged records."""
    return f"SELECT dataset, source_key, entity, batch, row_no, as_of, rule, weight, digest FROM {records}"


def wide_sql(register: Register, records: str) -> str:
    """SELECT of what ``values_sql`` needs of some judged records."""
    names = (quote(name) for item in register.items for name in (item.name, f"w_{item.name}"))
    return f"SELECT dataset, source_key, entity, batch, row_no, as_of, {', '.join(names)} FROM {records}"


def values_sql(register: Register, records: str) -> str:
    """SELECT of every value of some judged records; what belongs to one company lies together."""
    names = ", ".join(literal(item.name) for item in register.items)
    values = ", ".join(quote(item.name) for item in register.items)
    reasons = ", ".join(quote(f"w_{item.name}") for item in register.items)
    return (
        "SELECT dataset, source_key, item, entity, value, batch, row_no, as_of, "
        f"reason = '{CHOSEN}' AS chosen, reason FROM ("
        f"SELECT dataset, source_key, entity, batch, row_no, as_of, unnest([{names}]) AS item, "
        f"unnest([{values}]) AS value, unnest([{reasons}]) AS reason FROM {records}) WHERE reason IS NOT NULL"
    )


def _columns(item: Item) -> tuple[str, str]:
    return quote(item.name), quote(f"r_{item.name}")


def _typed(item: Item) -> str:
    kind = _DUCKDB.get(item.type) or (item.type.upper() if item.type.startswith("decimal") else None)
    return f"CAST({quote(item.name)} AS {kind})" if kind else quote(item.name)
