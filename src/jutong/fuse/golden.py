"""The golden record: for every item the value of the most trusted source, then the most recent, and why.

Every record gets a place in one fixed order (newest first, then source and key), so that a choice is the
smallest of (invalid?, trust of the source in the item, place): one number per item, no window over all rows.
No losing value is lost (law 6): all are kept with source, time and reason.
"""

from __future__ import annotations

from jutong.elements import ELEMENTS, FLAG
from jutong.fuse.register import Register
from jutong.terms import Item, literal, quote

#: rank = invalid · 2^47 + trust · 2^40 + place
_INVALID, _TRUST = 1 << 47, 1 << 40

#: Why a value is shown or not; ``explaining.py`` has the sentences.
CHOSEN, SAME = "chosen", "same"
INVALID, LESS_TRUSTED, OLDER = "invalid", "less_trusted", "older"

#: Columns of ``record`` that hold a code only when it is valid.
_CODES = {"uscc": "k_uscc", "org_code": "k_org", "business_reg_no": "k_reg"}
_DUCKDB = {"integer": "BIGINT", "date": "DATE", "timestamp": "TIMESTAMP", "boolean": "BOOLEAN"}


def entity_sqls(register: Register, known: str, salt: str) -> list[str]:
    """From ``anchored`` to ``named (anchor, entity)``; ``known (dataset, source_key, entity)`` are earlier members.

    An anchor keeps the id that most of its records bore (between equals, the one that was made for it); of two
    that claim one id, the one with more records has it.  A new id follows from the anchor alone, so that no history means no difference; ``salt`` goes into it
    only where an entity that has moved on still bears that id.
    """
    fresh = f"{literal(register.prefix)} || upper(left(md5(a.anchor || '%s'), 16))"
    return [
        (
            "CREATE TABLE claim AS SELECT a.anchor, k.entity, count(*) AS n FROM anchored a JOIN record r USING (rid) "
            f"JOIN {known} k ON k.dataset = r.dataset AND k.source_key = r.source_key GROUP BY 1, 2"
        ),
        (
            f"CREATE TABLE claimed AS SELECT anchor, min_by(entity, (-n, entity <> {fresh % ''}, entity)) AS entity, "
            "max(n) AS n FROM claim a GROUP BY 1"
        ),
        "CREATE TABLE granted AS SELECT min_by(anchor, (-n, anchor)) AS anchor, entity FROM claimed GROUP BY entity",
        (
            f"CREATE TABLE named AS SELECT a.anchor, coalesce(g.entity, CASE WHEN {fresh % ''} IN (SELECT entity FROM granted) "
            f"THEN {fresh % f'#{salt}'} ELSE {fresh % ''} END) AS entity "
            "FROM (SELECT DISTINCT anchor FROM anchored) a LEFT JOIN granted g USING (anchor)"
        ),
        "DROP TABLE claim; DROP TABLE claimed; DROP TABLE granted",
    ]


def placed_sql(register: Register) -> str:
    """``placed``: every record with its entity, its place in the fixed order, and each item's rank."""
    ranks = ", ".join(f"{_rank(register, item)} AS {quote('r_' + item.name)}" for item in register.items)
    items = ", ".join(quote(item.name) for item in register.items)
    return (
        f"CREATE TABLE placed AS SELECT *, {ranks} FROM ("
        "SELECT row_number() OVER () AS place, * FROM ("
        f"SELECT n.entity, r.rid, r.dataset, r.source_key, r.batch, r.row_no, r.as_of, a.rule, a.weight, "
        f"k_uscc, k_org, k_reg, {items} "
        "FROM record r JOIN anchored a USING (rid) JOIN named n USING (anchor) "
        "ORDER BY r.as_of DESC NULLS LAST, r.rid))"
    )


def _rank(register: Register, item: Item) -> str:
    arms = " ".join(
        f"WHEN {literal(source.dataset)} THEN {source.trust_in(item.name)}" for source in register.sources
    )
    trust = f"(CASE dataset {arms} ELSE 99 END) * {_TRUST}"
    return f"CASE WHEN {quote(item.name)} IS NOT NULL THEN place + {trust}{_invalid(register, item)} END"


def _invalid(register: Register, item: Item) -> str:
    """A value its element questions gives way to another source's; of codes, matching knows already."""
    if sum(item.name in source.mapping for source in register.sources) < 2:
        return ""
    if item.element in _CODES:
        return f" + CASE WHEN {quote(item.name)} IS DISTINCT FROM {_CODES[item.element]} THEN {_INVALID} ELSE 0 END"
    element = ELEMENTS.get(item.element or "")
    if element is None:
        return ""
    text = quote(item.name)
    doubts = [
        check.fails(text, f"({element.cast(text)})") for check in element.checks if check.severity == FLAG
    ]
    if not doubts:
        return ""
    return f" + CASE WHEN {' OR '.join(f'coalesce({doubt}, false)' for doubt in doubts)} THEN {_INVALID} ELSE 0 END"


def chosen_sql(register: Register) -> str:
    """``chosen``: per entity and item the winning rank and its value."""
    columns = ", ".join(
        f"min({rank}) AS {rank}, arg_min({name}, {rank}) AS {name}"
        for item in register.items
        for name, rank in [_columns(item)]
    )
    return (
        f"CREATE TABLE chosen AS SELECT entity, {columns}, count(DISTINCT dataset) AS sources, count(*) AS records, "
        "max(as_of) AS updated_at FROM placed GROUP BY entity"
    )


def golden_sql(register: Register, entities: str | None = None) -> str:
    """SELECT of the golden records, or of those of some entities, typed as the register declares them."""
    narrowed = f" SEMI JOIN {entities} USING (entity)" if entities else ""
    items = ", ".join(f"{_typed(item)} AS {quote(item.name)}" for item in register.items)
    return f"SELECT entity, {items}, sources, records, updated_at FROM chosen{narrowed} ORDER BY entity"


def judged_sql(register: Register) -> str:
    """``judged``: every record with the reason of each of its values, and one digest of it all."""
    reasons = ", ".join(f"{_reason(item)} AS {quote('w_' + item.name)}" for item in register.items)
    items = ", ".join(f"p.{quote(item.name)}" for item in register.items)
    told = ", ".join(f"{quote(name)}" for item in register.items for name in (item.name, f"w_{item.name}"))
    return (
        "CREATE TABLE judged AS SELECT *, CAST(hash(entity, batch, row_no, as_of, rule, weight, "
        f"{told}) AS VARCHAR) AS digest FROM ("
        f"SELECT p.dataset, p.source_key, p.entity, p.batch, p.row_no, p.as_of, p.rule, "
        f"CAST(p.weight AS DECIMAL(9,4)) AS weight, {items}, {reasons} "
        "FROM placed p JOIN chosen c USING (entity)) ORDER BY entity"
    )


def _reason(item: Item) -> str:
    name, rank = _columns(item)
    mine, best = f"p.{rank}", f"c.{rank}"
    return (
        f"CASE WHEN {mine} IS NULL THEN NULL WHEN {mine} = {best} THEN '{CHOSEN}' "
        f"WHEN p.{name} = c.{name} THEN '{SAME}' "
        f"WHEN {mine} // {_INVALID} > {best} // {_INVALID} THEN '{INVALID}' "
        f"WHEN {mine} // {_TRUST} > {best} // {_TRUST} THEN '{LESS_TRUSTED}' ELSE '{OLDER}' END"
    )


def members_sql(records: str) -> str:
    """SELECT of memberships of some judged records."""
    return f"SELECT dataset, source_key, entity, batch, row_no, as_of, rule, weight, digest FROM {records}"


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
