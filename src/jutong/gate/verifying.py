"""核验: the caller says what it believes, and is told of each item whether it is so, and nothing else.

    GET /v1/{service}?<key item>=…&<item>=<value believed>
    {"result": {"<item>": "match" | "mismatch" | "not_found"}}

``not_found``: there is no such record within the grant, or it holds no value; which of the two is not told.
Values are compared as the lake holds them, masked items too: whoever names a masked value already has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jutong.gate.shape import Cell, cell
from jutong.terms import BadInput, Unavailable, quote

if TYPE_CHECKING:
    from jutong.gate.asking import Asked
    from jutong.gate.replicas import Replica
    from jutong.gate.rights import Entitled, Served

MATCH, MISMATCH, NOT_FOUND = "match", "mismatch", "not_found"
#: Items of one call at most, and records under one key that are looked at.
_MOST_CLAIMS, _MOST_RECORDS = 32, 100


def claims_of(asked: Asked, service: Served) -> dict[str, Cell]:
    """Item → the value believed.  Raises BadInput ``gate.bad_query``."""
    if asked.batch is not None or asked.items or asked.limit or asked.cursor:
        raise BadInput("gate.bad_query", "核验服务只接受查询项和要核对的值")
    missing = [name for name in service.keys if name not in asked.where]
    claimed = [name for name in asked.where if name not in service.keys]
    strange = [name for name in claimed if name not in service.items]
    if missing or strange or not claimed or len(claimed) > _MOST_CLAIMS:
        raise BadInput(
            "gate.bad_query",
            f"核验须给出 {'、'.join(service.keys)} 和 1 至 {_MOST_CLAIMS} 个要核对的值；"
            f"不能核对：{'、'.join(strange) or '无'}",
        )
    claims = {}
    for name in claimed:
        try:
            claims[name] = cell(asked.where[name], service.types[name])
        except ValueError as problem:
            raise BadInput("gate.bad_query", f"「{name}」的值不是 {service.types[name]}") from problem
    return claims


def compared(
    entitled: Entitled, held: Replica, claims: dict[str, Cell], keys: list[tuple[str, Cell]]
) -> list[tuple[Cell, ...]]:
    """The granted records under the key, as they are: claimed items, then subjects, then row numbers."""
    if not held.columns.issuperset(claims):
        raise Unavailable("gate.replica_behind", "核验服务的副本正在准备，请稍后再试")
    columns = ", ".join(map(quote, (*claims, *entitled.subjects)))
    where = " AND ".join((*entitled.where, *(f"{quote(name)} = ?" for name, _ in keys)))
    sql = f"SELECT {columns}, _n FROM data WHERE {where} ORDER BY _n LIMIT {_MOST_RECORDS}"
    return held.rows(sql, [*entitled.values, *(value for _, value in keys)])


def verdicts(claims: dict[str, Cell], rows: list[tuple[Cell, ...]]) -> dict[str, str]:
    """Where several records stand under the key, one of them having the value is enough."""
    found = {}
    for place, (name, believed) in enumerate(claims.items()):
        values = [row[place] for row in rows if row[place] is not None]
        found[name] = NOT_FOUND if not values else MATCH if believed in values else MISMATCH
    return found
