"""What SQL written by people may consist of: an allow-list, so what nobody thought of is refused.

Left out on purpose: everything that reaches files, settings, environment, extensions or other databases;
``COLUMNS`` and macros, which choose names at run time; ``repeat``, ``printf``, ``range`` and the like, which only make bulk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from jutong.terms import BadInput

#: A person's statement is shorter than this; generated monsters are not.
_LONGEST = 20_000

NODES: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Order, exp.Ordered,
        exp.Limit, exp.Offset, exp.Distinct, exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.With,
        exp.CTE, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.Boolean,
        exp.Null, exp.Paren, exp.Tuple, exp.Values, exp.Lateral, exp.Window, exp.WindowSpec, exp.Filter,
        exp.IgnoreNulls, exp.RespectNulls, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Array,
        exp.Bracket, exp.Slice, exp.Dot, exp.WithinGroup, exp.Cube, exp.Rollup, exp.GroupingSets,
        exp.And, exp.Or, exp.Not, exp.Xor, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod,
        exp.DPipe, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is,
        exp.In, exp.Between, exp.Like, exp.ILike, exp.SimilarTo, exp.Escape, exp.Any, exp.All, exp.Exists,
    }
)  # fmt: skip

FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        # choosing and casting
        exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Cast, exp.TryCast,
        # text
        exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.Substring, exp.Left, exp.Right, exp.Replace,
        exp.Concat, exp.ConcatWs, exp.SplitPart, exp.StrPosition, exp.StartsWith, exp.EndsWith, exp.Contains,
        exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpExtract, exp.RegexpReplace, exp.MD5, exp.Reverse,
        exp.Pad,
        # numbers
        exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sign,
        exp.Trunc,
        # time
        exp.CurrentDate, exp.Extract, exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfWeek,
        exp.DayOfYear, exp.Hour, exp.Minute, exp.Second, exp.LastDay, exp.DateTrunc, exp.TimestampTrunc,
        exp.DateDiff, exp.DateAdd, exp.DateSub, exp.DateFromParts, exp.TimeToStr, exp.StrToTime,
        # sets of rows
        exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Mode, exp.Stddev,
        exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.PercentileCont,
        exp.PercentileDisc, exp.Quantile, exp.ApproxDistinct, exp.AnyValue, exp.First, exp.Last, exp.ArgMax,
        exp.ArgMin, exp.GroupConcat, exp.LogicalAnd, exp.LogicalOr,
        # windows
        exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
        exp.FirstValue, exp.LastValue, exp.NthValue,
    }
)  # fmt: skip

#: Functions sqlglot has no class for, in lower case.
UNTYPED_FUNCTIONS = frozenset({"age", "bool_and", "bool_or", "hash", "isodow", "lower", "strip_accents"})


def checked(sql: str, views: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """``checked_sql`` of the guard."""
    if len(sql) > _LONGEST:
        raise BadInput("store.sql_unreadable", f"SQL 超过 {_LONGEST} 个字符")
    try:
        statements = [each for each in sqlglot.parse(sql, read="duckdb") if each is not None]
    except (SqlglotError, RecursionError) as problem:
        words = " ".join(str(problem).split())[:200]
        raise BadInput("store.sql_unreadable", f"SQL 写得不对：{words}") from None
    if len(statements) != 1:
        raise BadInput("store.sql_refused", f"只能写一条查询，这里有 {len(statements)} 条")
    query = statements[0]
    if not isinstance(query, exp.Query):
        raise BadInput("store.sql_refused", f"只能写查询（SELECT），不能写 {query.key.upper()}")
    known = {name.lower(): name for name in views}
    try:
        used = _check(query, known)
        return query.sql(dialect="duckdb", comments=False), tuple(sorted(used))
    except RecursionError:
        raise BadInput("store.sql_unreadable", "SQL 嵌套太深") from None


def _check(query: exp.Expr, known: Mapping[str, str]) -> set[str]:
    own = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    used = set()
    for node in query.walk():
        kind = type(node)
        if isinstance(node, exp.Table):
            name = _table_name(node)
            if name.lower() in known:
                used.add(known[name.lower()])
            elif name.lower() not in own:
                raise BadInput(
                    "store.sql_refused", f"没有可用的表「{name}」；可用的有：{'、'.join(known.values())}"
                )
        elif isinstance(node, exp.Anonymous):
            if node.name.lower() not in UNTYPED_FUNCTIONS:
                raise BadInput("store.sql_refused", f"不能使用函数 {node.name}")
        elif kind not in NODES and kind not in FUNCTIONS:
            what = "函数" if isinstance(node, exp.Func) else "写法"
            raise BadInput("store.sql_refused", f"不能使用{what} {node.key.upper()}")
        elif kind is exp.Select and node.args.get("into"):
            raise BadInput("store.sql_refused", "查询不能写入表")
    return used


def _table_name(node: exp.Table) -> str:
    if not isinstance(node.this, exp.Identifier):
        words = node.this.key if isinstance(node.this, exp.Expr) else str(node.this)
        raise BadInput("store.sql_refused", f"FROM 后面只能是可用的表，不能是 {words.upper()}")
    extra = [name for name, value in node.args.items() if value and name not in ("this", "alias", "joins")]
    if extra:
        raise BadInput("store.sql_refused", f"表「{node.name}」后面不能带 {', '.join(extra)}")
    return node.name
