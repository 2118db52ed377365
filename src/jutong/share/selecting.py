"""Checking a SELECT somebody writes for a service: the guard's rules first, then where each column comes from.

Refused is whatever leaves unclear who or what a value is: a query of one level over the department's own entries, with
inner and left joins; rows about somebody must say about whom, and groups of many must be groups of ten at least.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from jutong.database import Connection, named_sql
from jutong.share.bounds import NAMES_SOMEBODY, EntryItem, mask_for
from jutong.share.readable import Readable, readable
from jutong.share.selectable import check_resolved, check_written
from jutong.share.selections import SelectColumn, Selection, SelectView, Told, Used
from jutong.store import checked_sql, described_sql
from jutong.terms import BadInput, Item

_SQL = named_sql(__file__)

#: Groups that name nobody hold so many subjects at least.
LEAST_SUBJECTS = 10
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}")
#: Of a group of many these tell nobody's own value.
_OF_MANY = (exp.Count, exp.CountIf, exp.Sum, exp.Avg)

Place = tuple[str, str]
"""(alias of a table in FROM, item)."""


@dataclass
class _Parts:
    """A SELECT taken apart."""

    query: exp.Select
    #: alias → what it reads
    places: dict[str, Readable]
    #: (name, what it is made of, the one item it is as it stands)
    columns: list[tuple[str, list[Place], Place | None]] = field(default_factory=list)
    conditions: list[Place] = field(default_factory=list)
    #: Items an inner join or WHERE holds equal; each maps to the representative of its class.
    same: dict[Place, Place] = field(default_factory=dict)
    #: (item of the table a left join brings, item it is joined to): equal, or else the first is missing.
    brought: list[tuple[Place, Place]] = field(default_factory=list)

    def alike(self, place: Place) -> Place:
        while self.same.get(place, place) != place:
            place = self.same[place]
        return place

    def tells(self, place: Place, others: Iterable[Place]) -> Place | None:
        """The one of ``others`` that is the value of ``place`` in every row that has one."""
        goals = {self.alike(other): other for other in reversed(list(others))}
        waiting, seen = [self.alike(place)], set()
        while waiting:
            one = waiting.pop()
            if one in goals:
                return goals[one]
            if one not in seen:
                seen.add(one)
                waiting += [self.alike(kept) for brought, kept in self.brought if self.alike(brought) == one]
        return None

    def names_somebody(self, place: Place) -> bool:
        return self.item(place).element in NAMES_SOMEBODY or place[1] in self.places[place[0]].keys

    def item(self, place: Place) -> EntryItem:
        return self.places[place[0]].items[place[1]]

    def used(self, places: Sequence[Place]) -> tuple[Used, ...]:
        return tuple(dict.fromkeys((self.places[alias].entry_id, name) for alias, name in places))


def selected(
    connection: Connection, entry_id: int, sql: str, also: Sequence[int], keys: Sequence[str] | None
) -> Selection:
    """``select_over``."""
    views = readable(connection, [entry_id, *also])
    text, used = checked_sql(sql, list(views))
    parts = _taken_apart(text, views)
    if next(iter(views)) not in used:
        raise BadInput("share.select_entry", f"查询须用到服务所属目录的数据集 {next(iter(views))}")
    _check_masks(parts)
    grouped = _check_people(parts)
    final = _final(parts)
    seen = _views(parts)
    made = described_sql(
        final, {view.view: [views[view.view].types[name] for name in view.items] for view in seen}
    )
    columns = [_column(parts, column, made) for column in parts.columns]
    return Selection(
        sql=final,
        views=tuple(seen),
        columns=tuple(columns),
        conditions=parts.used(parts.conditions),
        told=tuple(_told(parts)),
        places=tuple((alias, one.entry_id) for alias, one in parts.places.items()),
        keys=_keys(parts, keys, grouped=grouped),
        written=sql.strip(),
        naming=tuple((views[one.view].entry_id, name) for one in seen for name in views[one.view].naming),
    )


def _final(parts: _Parts) -> str:
    """The text that runs; read again it must be what was checked."""
    final = parts.query.sql(dialect="duckdb", comments=False)
    again = sqlglot.parse_one(final, read="duckdb")
    check_resolved(again, {alias: one.items for alias, one in parts.places.items()})
    if again.sql(dialect="duckdb") != final or sorted(_places(again)) != sorted(_places(parts.query)):
        raise BadInput("share.select_shape", "查询有不止一种读法，请写得简单些")
    return final


def _taken_apart(text: str, views: Mapping[str, Readable]) -> _Parts:
    tree = sqlglot.parse_one(text, read="duckdb")
    check_written(tree)
    schema: dict[str, object] = {view: dict.fromkeys(one.items, "TEXT") for view, one in views.items()}
    try:
        tree = qualify(tree, schema=schema, dialect="duckdb")
    except SqlglotError as problem:
        words = " ".join(str(problem).split())[:120]
        offered = "；".join(f"{view}：{'、'.join(one.items)}" for view, one in views.items())
        raise BadInput(
            "share.select_column", f"查询用到了没有的或不予共享的信息项（{words}）。可用：{offered}"
        ) from None
    assert isinstance(tree, exp.Select)
    tables = list(tree.find_all(exp.Table))
    places = {table.alias_or_name: views[table.name] for table in tables if table.name in views}
    if len(places) < len(tables):
        raise BadInput("share.select_shape", "FROM 里的每张表须是可用的表，并有各自的名称")
    check_resolved(tree, {alias: one.items for alias, one in places.items()})
    parts = _Parts(tree, places)
    _name_columns(parts)
    for name, value in tree.args.items():
        if name != "expressions":
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, exp.Expr):
                    parts.conditions += _places(each)
    _find_same(parts)
    return parts


def _name_columns(parts: _Parts) -> None:
    for number, each in enumerate(parts.query.expressions, 1):
        name = each.alias_or_name
        if not _COLUMN.fullmatch(name):
            raise BadInput(
                "share.select_name", f"第 {number} 列请用 AS 起名，只含小写字母、数字和下划线，以字母开头"
            )
        inner = each.this if isinstance(each, exp.Alias) else each
        one = (inner.table, inner.name) if isinstance(inner, exp.Column) else None
        parts.columns.append((name, list(_places(each)), one))
    names = [name for name, _, _ in parts.columns]
    if len(set(names)) < len(names):
        raise BadInput("share.select_name", "结果里有两列同名，请用 AS 分别起名")


def _places(node: exp.Expr) -> Iterator[Place]:
    for column in node.find_all(exp.Column):
        yield column.table, column.name


def _find_same(parts: _Parts) -> None:
    """What inner joins and WHERE hold equal, and what a left join brings only where it is equal."""

    def typed(place: Place) -> str:
        return parts.places[place[0]].types[place[1]].type

    def hold(condition: exp.Expr | None) -> None:
        for first, second in _equal(condition):
            if typed(first) == typed(second):
                parts.same[parts.alike(first)] = parts.alike(second)

    where = parts.query.args.get("where")
    hold(where.this if where else None)
    for join in parts.query.args.get("joins") or ():
        if not join.side:
            hold(join.args.get("on"))
            continue
        new = join.this.alias_or_name
        for pair in _equal(join.args.get("on")):
            sides = [place for place in pair if place[0] == new]
            if len(sides) == 1 and typed(pair[0]) == typed(pair[1]):
                parts.brought.append(pair if pair[0] == sides[0] else (pair[1], pair[0]))


def _equal(condition: exp.Expr | None) -> Iterator[tuple[Place, Place]]:
    if isinstance(condition, exp.Paren):
        yield from _equal(condition.this)
    elif isinstance(condition, exp.And):
        yield from _equal(condition.left)
        yield from _equal(condition.right)
    elif isinstance(condition, exp.EQ):
        left, right = condition.left, condition.right
        if isinstance(left, exp.Column) and isinstance(right, exp.Column):
            yield (left.table, left.name), (right.table, right.name)


def _check_masks(parts: _Parts) -> None:
    """What must be masked may be told as it stands, masked; nothing may be worked out from it or chosen by it."""
    worked = [place for _, places, one in parts.columns if one is None for place in places]
    hidden = [
        parts.item(place).label for place in (*worked, *parts.conditions) if mask_for(parts.item(place))
    ]
    if hidden:
        raise BadInput(
            "share.select_mask",
            f"信息项{'、'.join(dict.fromkeys(hidden))}须脱敏：可以原样列出，不能参与计算、筛选、连接和分组",
        )


def _check_people(parts: _Parts) -> bool:
    """Rows about somebody say about whom; groups of many hold many.  Returns whether rows are groups."""
    group = parts.query.args.get("group")
    aggregates = any(parts.query.find_all(exp.AggFunc))
    grouped = group is not None or aggregates or parts.query.args.get("having") is not None
    shown = [one for _, _, one in parts.columns if one is not None]
    if grouped:
        plain = [each for each in (group.expressions if group else ()) if isinstance(each, exp.Column)]
        by = {(each.table, each.name) for each in plain}
        shown = [one for one in shown if one in by]
    missing = [
        (alias, name)
        for alias, one in parts.places.items()
        for name in one.subjects
        if not _says(parts, (alias, name), shown)
    ]
    if not missing:
        return grouped
    if not grouped:
        named = "、".join(f"{alias}.{name}" for alias, name in missing)
        raise BadInput(
            "share.select_subject",
            f"每行说的是谁须列在结果里，“谁看过”才查得到：请列出 {named}；不予共享的列不出，用到它的数据集不能这样查询",
        )
    _check_groups(parts, missing)
    return grouped


def _says(parts: _Parts, subject: Place, shown: Sequence[Place]) -> bool:
    """Whether the result has this subject in a column that is known to be one of its kind."""
    if subject[1] not in parts.places[subject[0]].items:
        return False
    element = parts.item(subject).element
    return parts.tells(subject, [one for one in shown if parts.item(one).element == element]) is not None


def _check_groups(parts: _Parts, missing: Sequence[Place]) -> None:
    """Nothing in a group of many is about one: not what it is made by, not what is counted or added up."""
    group = parts.query.args.get("group")
    bad = [
        f"{alias}.{name}"
        for alias, name in (_places(group) if group else ())
        if parts.names_somebody((alias, name))
    ]
    bad += [
        node.sql(dialect="duckdb") for node in parts.query.find_all(exp.AggFunc) if not _of_many(parts, node)
    ]
    bad += ["FILTER" for _ in parts.query.find_all(exp.Filter)]
    bad += [f"{alias}.{name}" for alias, name in _picking(parts) if parts.names_somebody((alias, name))]
    if bad:
        raise BadInput(
            "share.select_group",
            "不指明主体的分组只能给出整项的计数、合计和平均，不能按指明某人的项分组、筛选或求和；"
            f"不能用：{'、'.join(dict.fromkeys(bad))}",
        )
    counted = list(_counted(parts))
    few = [one for one in missing if not any(parts.tells(each, [one]) for each in counted)]
    if few:
        need = " AND ".join(f"COUNT(DISTINCT {alias}.{name}) >= {LEAST_SUBJECTS}" for alias, name in few)
        raise BadInput("share.select_group", f"太小的分组会说出某人的情况：请加上 HAVING {need}")


def _of_many(parts: _Parts, node: exp.AggFunc) -> bool:
    """Whether it counts, or adds up one whole item that names nobody."""
    if not isinstance(node, _OF_MANY):
        return False
    inner = node.this
    if isinstance(node, exp.Count):
        if isinstance(inner, exp.Distinct) and len(inner.expressions) == 1:
            inner = inner.expressions[0]
        return isinstance(inner, exp.Star | exp.Column)
    return isinstance(inner, exp.Column) and not parts.names_somebody((inner.table, inner.name))


def _picking(parts: _Parts) -> Iterator[Place]:
    """What WHERE and the joins choose rows by, but for items of two tables held equal."""
    where = parts.query.args.get("where")
    conditions = [where.this] if where else []
    conditions += [join.args["on"] for join in parts.query.args.get("joins") or ()]
    for condition in conditions:
        left = list(_places(condition))
        for first, second in _equal(condition):
            if first[0] != second[0]:
                left.remove(first)
                left.remove(second)
        yield from left


def _counted(parts: _Parts) -> Iterator[Place]:
    """What HAVING asks to be ten different ones at least."""
    having = parts.query.args.get("having")
    waiting = [having.this] if having else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, exp.Paren):
            waiting.append(node.this)
        elif isinstance(node, exp.And):
            waiting += [node.left, node.right]
        elif isinstance(node, exp.GTE | exp.GT) and isinstance(node.left, exp.Count):
            distinct, bound = node.left.this, node.right
            least = LEAST_SUBJECTS - isinstance(node, exp.GT)
            if isinstance(bound, exp.Literal) and bound.is_int and int(bound.name) >= least:
                only = distinct.expressions if isinstance(distinct, exp.Distinct) else []
                if len(only) == 1 and isinstance(only[0], exp.Column):
                    yield only[0].table, only[0].name


def _views(parts: _Parts) -> list[SelectView]:
    used: dict[str, dict[str, None]] = {one.view: {} for one in parts.places.values()}
    for alias, name in (*parts.conditions, *(place for _, places, _ in parts.columns for place in places)):
        used[parts.places[alias].view][name] = None
    views = {one.view: one for one in parts.places.values()}
    return [
        SelectView(view, views[view].entry_id, views[view].dataset, tuple(names) or tuple(views[view].items)[:1])
        for view, names in used.items()
    ]  # fmt: skip


def _column(parts: _Parts, column: tuple[str, list[Place], Place | None], made: pa.Schema) -> SelectColumn:
    name, places, one = column
    item_type = _item_type(name, made.field(name).type)
    if one is None:
        return SelectColumn(Item(name, name, item_type), parts.used(places), copied=False)
    source, typed = parts.item(one), parts.places[one[0]].types[one[1]]
    return SelectColumn(
        Item(name, source.label or typed.label, typed.type, source.element), parts.used([one]), copied=True
    )


def _item_type(name: str, found: pa.DataType) -> str:
    if pa.types.is_decimal(found):
        return f"decimal({found.precision},{found.scale})"
    known = (
        (pa.types.is_string, "text"), (pa.types.is_large_string, "text"), (pa.types.is_boolean, "boolean"),
        (pa.types.is_date, "date"), (pa.types.is_signed_integer, "integer"),
    )  # fmt: skip
    for fits, item_type in known:
        if fits(found):
            return item_type
    if pa.types.is_timestamp(found) and found.tz is None:
        return "timestamp"
    raise BadInput(
        "share.select_type", f"结果列 {name} 的类型是 {found}，请用 CAST 写明，例如 CAST(… AS DECIMAL(18,2))"
    )


def _told(parts: _Parts) -> Iterator[Told]:
    shown = {one: name for name, _, one in reversed(parts.columns) if one is not None}
    for alias, one in parts.places.items():
        for item in one.items:
            told = parts.tells((alias, item), [place for _, _, place in parts.columns if place is not None])
            if told is not None:
                yield Told(alias, one.entry_id, item, shown[told])


def _keys(parts: _Parts, given: Sequence[str] | None, *, grouped: bool) -> tuple[str, ...]:
    names = {name for name, _, _ in parts.columns}
    if given:
        strange = [name for name in given if name not in names]
        if strange:
            raise BadInput("share.select_keys", f"主键 {'、'.join(strange)} 不在查询的结果里")
        return tuple(dict.fromkeys(given))
    shown = {parts.alike(one): name for name, _, one in reversed(parts.columns) if one is not None}
    if grouped:
        group = parts.query.args.get("group")
        plain = group is not None and all(isinstance(one, exp.Column) for one in group.expressions)
        wanted = list(_places(group)) if plain and group is not None else []
    elif len(parts.places) == 1:
        ((alias, one),) = parts.places.items()
        wanted = [(alias, key) for key in one.keys]
    else:
        wanted = []
    found = [shown.get(parts.alike(place)) for place in wanted]
    return tuple(name for name in found if name) if all(found) else ()
