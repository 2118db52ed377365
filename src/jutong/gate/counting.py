"""统计: how many granted records there are by group; never a record, never a count too small.

    GET /v1/{service}?by=division,active&division=430502
    {"by": ["division", "active"], "groups": [{"division": …, "active": …, "count": 31}, …],
     "total": 60, "suppressed": 17, "least": 10}

The service's groups have one order, coarsest first, and a call counts by the first of them, by the first two and so
on: what can be asked is the counts of one tree, and ``published`` decides once for all of it.  A count below
``least`` is not told (primary suppression).  Among the groups of one parent, what is not told must be two groups at
least and come to ``least`` at least, or the smallest told one is withheld too (complementary suppression); below a
group that is not told nothing is told.  So no sum of told counts gives an untold one away.  ``suppressed`` is what
the untold groups come to together; a group without records is not listed, and looks as an untold one does.

What this does not hide: counts at two instants differ by what came and went between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from jutong.gate.shape import Cell, cell
from jutong.terms import BadInput, Unavailable, quote

if TYPE_CHECKING:
    from jutong.gate.answering import Ready
    from jutong.gate.asking import Asked
    from jutong.gate.rights import Served

#: Groups of one tree at most; more is a list of records by another name.
_MOST_GROUPS = 20_000
Path = tuple[Cell, ...]


def groups_of(asked: Asked, service: Served) -> tuple[str, ...]:
    """The groups counted by: the service's first ones.  Raises BadInput ``gate.bad_query``."""
    by = asked.by or service.keys[:1]
    held = tuple(asked.where)
    if by != service.keys[: len(by)] or set(held) != set(by[: len(held)]):
        raise BadInput(
            "gate.bad_query", f"统计依次按 {'、'.join(service.keys)} 分组，只能从第一个起取，筛选亦然"
        )
    return by


def counted(ready: Ready, service: Served, asked: Asked, by: Sequence[str]) -> dict[str, object]:
    """The answer's body.  Raises Unavailable ``gate.replica_behind``, BadInput ``gate.too_many_groups``."""
    entitled, held = ready.entitled, ready.held
    columns = tuple(entitled.columns[name].name for name in by)
    if not held.counted >= {*columns, *entitled.filtered}:
        raise Unavailable("gate.replica_behind", f"服务 {service.name} 的副本正在准备，请稍后再试")
    sql = (
        f"SELECT {', '.join(map(quote, columns))}, sum(_count) FROM cells"
        f" WHERE {' AND '.join(entitled.where) or '1'} GROUP BY {', '.join(map(quote, columns))}"
        f" ORDER BY {', '.join(map(quote, columns))} LIMIT {_MOST_GROUPS + 1}"
    )
    place = (sql, entitled.values, service.least)
    told = held.kept.get(place)
    if told is None:
        rows = held.rows(sql, entitled.values)
        if len(rows) > _MOST_GROUPS:
            raise BadInput("gate.too_many_groups", f"分组超过 {_MOST_GROUPS} 个，请少取一级")
        leaves = {row[:-1]: int(str(row[-1])) for row in rows}
        told = held.kept[place] = published(leaves, len(by), service.least)
    under = tuple(
        _value(asked, service, entitled.columns[name].name == name, name) for name in by[: len(asked.where)]
    )
    total = told.get(under)
    found = {
        path: count for path, count in told.items() if len(path) == len(by) and path[: len(under)] == under
    }
    booleans = [entitled.columns[name].boolean for name in by]
    groups = [
        {
            **{
                name: bool(value) if boolean and value is not None else value
                for name, value, boolean in zip(by, path, booleans, strict=True)
            },
            "count": count,
        }
        for path, count in found.items()
    ]
    return {
        "by": list(by),
        "groups": groups,
        "total": total,
        "suppressed": None if total is None else total - sum(found.values()),
        "least": service.least,
    }


def published(leaves: Mapping[Path, int], depth: int, least: int) -> dict[Path, int]:
    """Path → count of every node of the tree that may be told; the empty path is the whole.

    What is told of a level does not depend on how deep was asked.
    """
    counts: dict[Path, int] = defaultdict(int)
    for path, count in leaves.items():
        for length in range(depth + 1):
            counts[path[:length]] += count
    children: dict[Path, list[Path]] = defaultdict(list)
    for path in counts:
        if path:
            children[path[:-1]].append(path)
    told: dict[Path, int] = {}
    open_nodes: list[Path] = [()] if counts.get((), 0) >= least else []
    while open_nodes:
        node = open_nodes.pop(0)
        told[node] = counts[node]
        withheld = _withheld(((path, counts[path]) for path in children[node]), least)
        open_nodes += [path for path in children[node] if path not in withheld]
    return told


def _withheld(groups: Iterable[tuple[Path, int]], least: int) -> set[Path]:
    """The groups of one parent that are not told: none, or two and more that come to ``least`` together."""
    smallest_first = sorted(groups, key=lambda one: one[1])
    withheld: set[Path] = set()
    together = 0
    for path, count in smallest_first:
        enough = not withheld or (len(withheld) >= 2 and together >= least)
        if count >= least and enough:
            break
        withheld.add(path)
        together += count
    return withheld


def _value(asked: Asked, service: Served, plain: bool, name: str) -> Cell:
    """The value a call narrows by; of a masked item it is the masked text."""
    given = asked.where[name]
    if given is None or not plain:
        return None if given is None else str(given)
    try:
        return cell(given, service.types[name])
    except ValueError as problem:
        raise BadInput("gate.bad_query", f"「{name}」的值不是 {service.types[name]}") from problem
