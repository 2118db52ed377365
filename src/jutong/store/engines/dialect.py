"""DuckDB's SQL as Spark says it: the expressions in which the two engines differ, and nothing else.

Plans are written once, in DuckDB's dialect; ``sqlglot`` turns them.  What it does not know, or turns into
something that answers otherwise, stands here (docs/reference/engines.md, each row with its test).
"""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp


@lru_cache(maxsize=512)
def to_spark(sql: str) -> str:
    """One SELECT of a plan in Spark's dialect."""
    tree = sqlglot.parse_one(sql, read="duckdb").transform(_turned)
    return tree.sql(dialect="spark")


def _turned(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Anonymous):
        return _function(node)
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
    if isinstance(node, exp.Window) and not node.args.get("order") and isinstance(node.this, exp.RowNumber):
        # Spark numbers no rows without an order; unique is all that is asked.
        return exp.Anonymous(this="monotonically_increasing_id")
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.UBIGINT:
        return _word(node)
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMP:
        return exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
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
    if name == "one_char_apart":
        # Spark's levenshtein counts characters, DuckDB's bytes.
        left, right = node.expressions
        return exp.LTE(this=exp.Levenshtein(this=left, expression=right), expression=exp.Literal.number(1))
    return node
