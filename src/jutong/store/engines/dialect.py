"""DuckDB's SQL as Spark says it: the expressions in which the two engines differ, and nothing else.

Plans are written once, in DuckDB's dialect; ``sqlglot`` turns them.  What it does not know, or turns into
something that answers otherwise, stands here (docs/reference/engines.md, each row with its test).
"""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp

#: How long, as a function of Spark, and how many larger units stand before.
_SPANS = {
    "to_years": ("make_ym_interval", 0), "to_months": ("make_ym_interval", 1),
    "to_days": ("make_dt_interval", 0), "to_seconds": ("make_dt_interval", 3),
}  # fmt: skip


@lru_cache(maxsize=512)
def to_spark(sql: str) -> str:
    """One SELECT of a plan in Spark's dialect."""
    tree = exp.Paren(this=sqlglot.parse_one(sql, read="duckdb"))
    # From within outwards, each node once: what has been turned is not looked into again.
    for node in reversed(list(tree.this.walk(bfs=True))):
        turned = _turned(node)
        if turned is not node:
            node.replace(turned)
    return str(tree.this.sql(dialect="spark"))


def _turned(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Anonymous):
        return _function(node)
    if isinstance(node, exp.ToDays):
        return exp.Anonymous(this=_SPANS["to_days"][0], expressions=[node.this])
    if isinstance(node, exp.RegexpFullMatch):
        # Spark's RLIKE finds anywhere; $ would also match before a final newline.
        pattern = node.expression
        whole = exp.Literal.string(f"\\A(?:{pattern.this})\\z".replace("\\p{Han}", "\\p{IsHan}"))
        return exp.RegexpLike(this=node.this, expression=whole)
    if isinstance(node, exp.RegexpReplace) and isinstance(node.args.get("replacement"), exp.Literal):
        # Java calls a group $1, DuckDB \1; without a flag it replaces all, DuckDB the first (patterns are anchored).
        said = node.args["replacement"].this
        if "\\" in said and "$" not in said:
            node.set("replacement", exp.Literal.string(re.sub(r"\\(\d)", r"$\1", said)))
        return node
    if isinstance(node, exp.Literal) and node.is_string and "\\p{Han}" in node.this:
        # Java names scripts with Is.
        return exp.Literal.string(node.this.replace("\\p{Han}", "\\p{IsHan}"))
    if isinstance(node, exp.RegexpExtract) and isinstance(node.args.get("group"), exp.Array):
        return _groups(node)
    if isinstance(node, exp.Bracket):
        return _part(node)
    if isinstance(node, exp.Split) and node.expression == exp.Literal.string(""):
        # Letter by letter: an empty pattern that is quoted would leave an empty letter at the end.
        return exp.Anonymous(this="split", expressions=[node.this, node.expression])
    if isinstance(node, exp.Transform):
        return _counted_from_one(node)
    if (
        isinstance(node, exp.Add)
        and isinstance(node.expression, exp.Anonymous)
        and node.expression.name == "make_dt_interval"
    ):
        # A day and a span would make a time with a zone, and 1988 had summer time.
        zoneless = exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
        return exp.Add(this=exp.Cast(this=node.this, to=zoneless), expression=node.expression)
    if isinstance(node, exp.Left) and isinstance(node.expression, exp.Neg):
        # All but the last so many; Spark gives nothing for a negative length.
        return _text_part(node.this, 1, -int(node.expression.this.this) - 1)
    if isinstance(node, exp.Window) and not node.args.get("order") and isinstance(node.this, exp.RowNumber):
        # Spark numbers no rows without an order; unique is all that is asked.
        return exp.Anonymous(this="monotonically_increasing_id")
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.UBIGINT:
        return _word(node)
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMP:
        return exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
    return node


def _groups(node: exp.RegexpExtract) -> exp.Expression:
    """A record of named groups: '' for what took no part, as DuckDB has it."""
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(name.this),
            expression=exp.Anonymous(
                this="regexp_extract",
                expressions=[node.this.copy(), node.expression.copy(), exp.Literal.number(place)],
            ),
        )
        for place, name in enumerate(node.args["group"].expressions, start=1)
    ]
    return exp.Struct(expressions=fields)


def _part(node: exp.Bracket) -> exp.Expression:
    """Places and slices counted from the end. A slice of a name is a text's; lists are always computed on the way."""
    (place,) = node.expressions if len(node.expressions) == 1 else (None,)
    if isinstance(place, exp.Neg) and isinstance(place.this, exp.Literal):
        # sqlglot has already taken one off, for a place counted from the front.
        last = exp.Literal.number(1 - int(place.this.this))
        return exp.Anonymous(this="try_element_at", expressions=[node.this, last])
    if not isinstance(place, exp.Slice) or not isinstance(place.expression, exp.Neg):
        return node
    first = int(place.this.this) if place.this is not None else 1
    last_place = -int(place.expression.this.this)
    if isinstance(node.this, exp.Column | exp.Identifier):
        return _text_part(node.this, first, last_place)
    size = exp.Anonymous(this="size", expressions=[node.this.copy()])
    return exp.Anonymous(
        this="slice",
        expressions=[node.this, exp.Literal.number(first), _plus(size, last_place - first + 2)],
    )


def _text_part(text: exp.Expression, first: int, last: int) -> exp.Expression:
    """Characters from a place counted from the front to one counted from the end."""
    size = exp.Length(this=text.copy())
    return exp.Substring(this=text, start=exp.Literal.number(first), length=_plus(size, last - first + 2))


def _plus(size: exp.Expression, more: int) -> exp.Expression:
    return exp.Add(this=size, expression=exp.Literal.number(more))


def _counted_from_one(node: exp.Transform) -> exp.Expression:
    """The place of a value in its list: from 1, where Spark's counts from 0."""
    how = node.expression
    if not isinstance(how, exp.Lambda) or len(how.expressions) != 2:
        return node
    place = how.expressions[1].name
    for named in list(how.this.find_all(exp.Identifier)):
        if named.name == place and not isinstance(named.parent, exp.Dot):
            target = named.parent if isinstance(named.parent, exp.Column) else named
            target.replace(exp.Paren(this=_plus(exp.to_identifier(place), 1)))
    return node


def _word(node: exp.Cast) -> exp.Expression:
    """64 bits as Spark has them, with a sign: the same bits for &, and for >> under a mask."""
    given = node.this
    if isinstance(given, exp.Literal) and not given.is_string:
        value = int(given.this)
        return exp.cast(exp.Literal.number(value - (1 << 64) if value >> 63 else value), "BIGINT")
    if isinstance(given, exp.DPipe) and given.this == exp.Literal.string("0x"):
        text = given.expression
        digits = exp.RegexpLike(this=text.copy(), expression=exp.Literal.string(r"\A[0-9A-Fa-f]{1,16}\z"))
        read = exp.Anonymous(this="conv", expressions=[text, exp.Literal.number(16), exp.Literal.number(-10)])
        whole = exp.Cast(this=read, to=exp.DataType.build("BIGINT"))
        return exp.Case(ifs=[exp.If(this=digits, true=whole)])
    return exp.Cast(this=given, to=exp.DataType.build("BIGINT"))


def _function(node: exp.Anonymous) -> exp.Expression:
    name = node.name.lower()
    if name == "hash":
        # 64 bits as DuckDB's; Spark's own hash has 32.
        return exp.Anonymous(this="xxhash64", expressions=node.expressions)
    if name == "strlen":
        return exp.Anonymous(this="octet_length", expressions=node.expressions)
    if name == "try_strptime":
        text, form = node.expressions
        shape = (
            form.this.replace("%Y", "yyyy")
            .replace("%m", "MM")
            .replace("%d", "dd")
            .replace("%H", "HH")
            .replace("%M", "mm")
            .replace("%S", "ss")
        )
        return exp.Anonymous(this="try_to_timestamp", expressions=[text, exp.Literal.string(shape)])
    if name == "list_reduce":
        values, reducer, start = node.expressions
        return exp.Anonymous(this="aggregate", expressions=[values, start, reducer])
    if name == "list_sum":
        start = exp.cast(exp.Literal.number(0), "BIGINT")
        adding = exp.Lambda(
            this=exp.Add(this=exp.to_identifier("a"), expression=exp.to_identifier("b")),
            expressions=[exp.to_identifier("a"), exp.to_identifier("b")],
        )
        return exp.Anonymous(this="aggregate", expressions=[*node.expressions, start, adding])
    if name in _SPANS:
        function, places = _SPANS[name]
        nothing = [exp.Literal.number(0) for _ in range(places)]
        return exp.Anonymous(this=function, expressions=[*nothing, *node.expressions])
    if name == "one_char_apart":
        # Spark's levenshtein counts characters, DuckDB's bytes.
        left, right = node.expressions
        return exp.LTE(this=exp.Levenshtein(this=left, expression=right), expression=exp.Literal.number(1))
    return node
