"""DuckDB's SQL as Spark says it: the expressions in which the two engines differ, and nothing else.

Plans are written once, in DuckDB's dialect; ``sqlglot`` turns them.  What it does not know, or turns into
something that answers otherwise, stands here (docs/reference/engines.md, each row with its test).
"""

from __future__ import annotations

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
    if isinstance(node, exp.Literal) and node.is_string and "\\p{Han}" in node.this:
        # Java names scripts with Is.
        return exp.Literal.string(node.this.replace("\\p{Han}", "\\p{IsHan}"))
    if isinstance(node, exp.Window) and not node.args.get("order") and isinstance(node.this, exp.RowNumber):
        # Spark numbers no rows without an order; unique is all that is asked.
        return exp.Anonymous(this="monotonically_increasing_id")
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.TIMESTAMP:
        return exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
    return node


def _function(node: exp.Anonymous) -> exp.Expression:
    name = node.name.lower()
    if name == "hash":
        # 64 bits as DuckDB's; Spark's own hash has 32.
        return exp.Anonymous(this="xxhash64", expressions=node.expressions)
    if name == "list_reduce":
        values, reducer, start = node.expressions
        return exp.Anonymous(this="aggregate", expressions=[values, start, reducer])
    if name == "one_char_apart":
        # Spark's levenshtein counts characters, DuckDB's bytes.
        left, right = node.expressions
        return exp.LTE(this=exp.Levenshtein(this=left, expression=right), expression=exp.Literal.number(1))
    return node
