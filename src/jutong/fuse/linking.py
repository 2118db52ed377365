"""关联: who in another register an entity belongs to (a licence's holder, the subject of a credit record).

A link follows from what both registers hold: the first declared way that finds exactly one.  It is computed for
all entities at each run, one equi-join per way, because the other register moves by itself.
"""

from __future__ import annotations

from jutong.fuse.register import Register
from jutong.store import AlreadyCommitted, Store, Writer
from jutong.terms import NotFound, literal, quote


def link_sql(register: Register, tables: dict[str, str]) -> str:
    """SELECT of ``entity, role, register, target, rule``; ``tables``: register → its golden table."""
    ways = [
        f"SELECT g.entity, {literal(one.role)} AS role, {literal(one.register)} AS register, t.target, "
        f"{literal(f'{one.item} = {one.to_item}')} AS rule, {place} AS place FROM {tables[register.name]} g "
        f"JOIN (SELECT {quote(one.to_item)} AS code, min(entity) AS target FROM {tables[one.register]} "
        f"WHERE {quote(one.to_item)} IS NOT NULL GROUP BY 1 HAVING count(*) = 1) t ON t.code = g.{quote(one.item)}"
        for place, one in enumerate(register.links)
        if one.register in tables
    ]
    if not ways:
        return ""
    best = ", ".join(f"arg_min({name}, place) AS {name}" for name in ("register", "target", "rule"))
    return f"SELECT entity, role, {best} FROM ({' UNION ALL '.join(ways)}) GROUP BY entity, role"


def link(register: Register, store: Store) -> int:
    """Bring the links of a register up to what the registers hold; how many changed."""
    if not register.links:
        return 0
    tables = {register.name: f"lake.base.{quote(register.name)}"}
    for name in {one.register for one in register.links}:
        try:
            store.spec(f"base.{name}")
        except NotFound:
            continue  # that register is not there yet
        tables[name] = f"lake.base.{quote(name)}"
    sql = link_sql(register, tables)
    if not sql:
        return 0
    linked = f"lake.base.{quote(register.linked.table)}"
    with store.reading() as view:
        # Most runs change none: find out before anything is written.
        differs = view.rows(
            f"SELECT count(*) AS n FROM (({sql}) EXCEPT SELECT entity, role, register, target, rule FROM {linked})"
        )
        fewer = view.rows(
            f"SELECT (SELECT count(*) FROM ({sql})) AS now, (SELECT count(*) FROM {linked}) AS before"
        )
    if not differs[0]["n"] and fewer[0]["now"] == fewer[0]["before"]:
        return 0

    def body(writer: Writer) -> int:
        merged = writer.merge(register.linked, sql, delete_missing=True)
        return merged.inserted + merged.updated + merged.deleted

    try:
        return store.write(
            f"fuse:link:{register.name}:{store.snapshot()}", register.linked, author="fuse", body=body
        )[0]
    except AlreadyCommitted:
        return 0
