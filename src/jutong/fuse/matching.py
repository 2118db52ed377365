"""Matching by code: which records bear the same identity, as SQL over the table ``record``.

A record's *anchor* is the strongest identity it can be tied to, told apart by its first letter:

    U<code>  a valid 统一社会信用代码, its own or the only one that bears its organisation code or its
             registration number
    O<code>  a valid 组织机构代码 that no valid 统一社会信用代码 contains
    R<no>    a valid 工商注册号 that no stronger anchor bears
    S<row>   nothing but its own source and key: only likeness can tell (``likeness.py``)

Everything is a grouping or an equi-join, so a million records take seconds, and nothing depends on their order:
``rid`` counts them by source and key.
"""

from __future__ import annotations

from jutong.elements import valid_sql
from jutong.fuse.names import address_sql, core_sql, form_sql, plain_sql
from jutong.fuse.register import Register, RegisterSource
from jutong.store import DatasetSpec
from jutong.terms import BadInput, Item, literal, quote

#: The text of a missing provenance column.
_NOTHING = "NULL"


def records_sql(register: Register, source: RegisterSource, spec: DatasetSpec, table: str) -> str:
    """SELECT of a source's rows in the register's terms: ``dataset, source_key, batch, row_no, told`` (when the
    source says it was true), and every register item as text.

    Raises BadInput ``fuse.bad_mapping`` when the dataset lacks an item the mapping names.
    """
    names = {item.name: item for item in spec.items}
    missing = [name for name in (*source.mapping.values(), source.time_item) if name and name not in names]
    if missing or not spec.keys:
        raise BadInput(
            "fuse.bad_mapping",
            f"{source.dataset} 没有信息项 {', '.join(missing) or '（主键）'}，不能作为{register.label}的来源",
        )
    told = f"CAST({quote(source.time_item)} AS TIMESTAMP)" if source.time_item else "CAST(NULL AS TIMESTAMP)"
    items = ", ".join(_item(source, item, names) for item in register.items)
    batch = quote("_batch") if "_batch" in names else "CAST(NULL AS VARCHAR)"
    row_no = quote("_row") if "_row" in names else "CAST(NULL AS BIGINT)"
    return (
        f"SELECT {literal(source.dataset)} AS dataset, {source_key_sql(spec)} AS source_key, "
        f"{batch} AS batch, {row_no} AS row_no, {told} AS told, {items} FROM {table}"
    )


def source_key_sql(spec: DatasetSpec) -> str:
    """The key of a standard row as one text; the parts of a composite key are joined by ``|``."""
    return " || '|' || ".join(f"CAST({quote(key)} AS VARCHAR)" for key in spec.keys)


def _item(source: RegisterSource, item: Item, names: dict[str, Item]) -> str:
    given = source.mapping.get(item.name)
    text = f"CAST({quote(given)} AS VARCHAR)" if given and given in names else "CAST(NULL AS VARCHAR)"
    return f"nullif({text}, '') AS {quote(item.name)}"


def record_sqls(register: Register) -> list[str]:
    """From ``incoming`` (and ``batch_time``) to ``record``: numbered, with valid codes and comparable names."""
    uscc, org, reg = (register.item_of(name) for name in ("uscc", "org_code", "business_reg_no"))
    name, person, phone = (register.item_of(name) for name in ("legal_name", "person_name", "mobile"))
    address = "address" if any(item.name == "address" for item in register.items) else None
    part = f"substr({uscc}, 9, 9)" if uscc else "''"
    columns = {
        "k_uscc": f"CASE WHEN {valid_sql('uscc', uscc)} THEN {uscc} END" if uscc else _NOTHING,
        # The organisation code within has a check digit of its own: it may hold where the outer one does not.
        "k_org": _coalesced(
            f"CASE WHEN {valid_sql('org_code', org)} THEN {org} END" if org else None,
            f"CASE WHEN length({uscc}) = 18 AND {valid_sql('org_code', 'part')} THEN part END"
            if uscc
            else None,
        ),
        "k_reg": f"CASE WHEN {valid_sql('business_reg_no', reg)} THEN {reg} END" if reg else _NOTHING,
        "n_plain": plain_sql(name) if name else _NOTHING,
        "n_person": person or _NOTHING,
        "n_address": address_sql(address) if address else _NOTHING,
        "n_phone": phone or _NOTHING,
    }
    computed = ", ".join(f"{sql} AS {column}" for column, sql in columns.items())
    return [
        (
            "CREATE TABLE record AS SELECT row_number() OVER () AS rid, * FROM ("
            f"SELECT *, {core_sql('n_plain')} AS n_core, {form_sql('n_plain')} AS n_form FROM ("
            f"SELECT * EXCLUDE (part, told, received), coalesce(told, received) AS as_of, {computed} FROM ("
            f"SELECT i.*, {part} AS part, b.received FROM incoming i LEFT JOIN batch_time b ON b.id = i.batch)) "
            "ORDER BY dataset, source_key)"
        )
    ]


def anchor_sqls() -> list[str]:
    """From ``record`` to ``anchored (rid, anchor, rule)``; the steps are the module's list."""
    return [
        # Which one organisation code, which one registration number belongs to a stronger identity.
        (
            "CREATE TABLE org_owner AS SELECT k_org, min(k_uscc) AS uscc FROM record "
            "WHERE k_uscc IS NOT NULL AND k_org IS NOT NULL GROUP BY 1 HAVING min(k_uscc) = max(k_uscc)"
        ),
        (
            "CREATE TABLE first_anchor AS SELECT r.rid, r.k_reg, r.dataset || '|' || r.source_key AS named, "
            "CASE WHEN r.k_uscc IS NOT NULL THEN 'U' || r.k_uscc WHEN o.uscc IS NOT NULL THEN 'U' || o.uscc "
            "WHEN r.k_org IS NOT NULL THEN 'O' || r.k_org END AS anchor, "
            "CASE WHEN r.k_uscc IS NOT NULL THEN 'uscc' WHEN r.k_org IS NOT NULL THEN 'org_code' END AS rule "
            "FROM record r LEFT JOIN org_owner o ON o.k_org = CASE WHEN r.k_uscc IS NULL THEN r.k_org END"
        ),
        (
            "CREATE TABLE reg_owner AS SELECT k_reg, min(anchor) AS anchor FROM first_anchor "
            "WHERE anchor IS NOT NULL AND k_reg IS NOT NULL GROUP BY 1 HAVING min(anchor) = max(anchor)"
        ),
        (
            "CREATE TABLE anchored AS SELECT f.rid, "
            "coalesce(f.anchor, o.anchor, 'R' || f.k_reg, 'S' || f.named) AS anchor, "
            "coalesce(f.rule, CASE WHEN f.k_reg IS NOT NULL THEN 'business_reg_no' ELSE 'alone' END) AS rule "
            "FROM first_anchor f LEFT JOIN reg_owner o ON o.k_reg = CASE WHEN f.anchor IS NULL THEN f.k_reg END"
        ),
        "DROP TABLE org_owner; DROP TABLE first_anchor; DROP TABLE reg_owner",
    ]


def _coalesced(*given: str | None) -> str:
    known = [sql for sql in given if sql]
    return f"coalesce({', '.join(known)})" if known else _NOTHING
