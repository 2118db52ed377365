"""What the SELECT of a service may be made of: an allow-list over the tree that will run, every name in it resolved.

A value counts only as what the tree says it is made of, so whatever reaches a value by another way than a column of a
table in FROM (a table as a column, a call with a dot, names of columns chosen by a pattern or given anew) is refused,
and with it whatever nobody thought of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlglot import exp

from jutong.terms import BadInput

#: Named in a refusal in words people know; everything else by its own name.
_WORDS: dict[type[exp.Expr], str] = {
    exp.Subquery: "子查询",
    exp.CTE: "WITH",
    exp.SetOperation: "UNION、EXCEPT、INTERSECT",
    exp.Exists: "EXISTS",
    exp.Window: "窗口函数",
    exp.Values: "VALUES",
    exp.Order: "ORDER BY",
    exp.Limit: "LIMIT",
    exp.Offset: "OFFSET",
    exp.CurrentDate: "CURRENT_DATE",
    exp.GroupingSets: "GROUPING SETS",
    exp.TableColumn: "整张表作为一列",
    exp.Dot: "“.”来调用函数或取字段",
    exp.Bracket: "“[]”来取一部分",
    exp.Tuple: "几列合成的一列",
    exp.Array: "几列合成的一列",
}
_ALLOWED: frozenset[type[exp.Expr]] = frozenset(
    {
        # the one level
        exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Distinct, exp.Table, exp.TableAlias,
        exp.Alias, exp.Column, exp.Identifier, exp.Star,
        # values and conditions
        exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var,
        exp.And, exp.Or, exp.Not, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe,
        exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In,
        exp.Between, exp.Like, exp.ILike, exp.SimilarTo, exp.Escape, exp.Filter, exp.IgnoreNulls,
        # functions of one row
        exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Cast, exp.TryCast,
        exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.Substring, exp.Left, exp.Right, exp.Replace, exp.Concat,
        exp.ConcatWs, exp.SplitPart, exp.StrPosition, exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpLike,
        exp.RegexpFullMatch, exp.RegexpExtract, exp.RegexpReplace, exp.MD5, exp.Reverse, exp.Pad,
        exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sign, exp.Trunc,
        exp.Extract, exp.Year, exp.Quarter, exp.Month, exp.Week, exp.Day, exp.DayOfWeek, exp.DayOfYear, exp.Hour,
        exp.Minute, exp.Second, exp.LastDay, exp.DateTrunc, exp.TimestampTrunc, exp.DateDiff, exp.DateAdd,
        exp.DateSub, exp.DateFromParts, exp.TimeToStr, exp.StrToTime,
        # functions of many
        exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Mode, exp.Stddev,
        exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.PercentileCont,
        exp.PercentileDisc, exp.Quantile, exp.ApproxDistinct, exp.AnyValue, exp.ArgMax, exp.ArgMin,
        exp.LogicalAnd, exp.LogicalOr,
    }
)  # fmt: skip
#: Of these nothing but what is named may be said.
_SAID: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset({"expressions", "from_", "joins", "where", "group", "having", "distinct"}),
    exp.From: frozenset({"this"}),
    exp.Join: frozenset({"this", "on", "side", "kind"}),
    exp.Group: frozenset({"expressions"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Table: frozenset({"this", "alias"}),
    exp.TableAlias: frozenset({"this"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Star: frozenset(),
    exp.Count: frozenset({"this", "big_int"}),
    exp.Sum: frozenset({"this"}),
    exp.Avg: frozenset({"this"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.DataType: frozenset({"this", "expressions"}),
}
#: Where these may stand.
_INSIDE: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.Identifier: (exp.Column, exp.Alias, exp.Table, exp.TableAlias),
    exp.Star: (exp.Count,),
    exp.Alias: (exp.Select,),
    exp.Distinct: (exp.Select, exp.AggFunc),
    exp.Where: (exp.Select, exp.Filter),
    exp.Table: (exp.From, exp.Join),
    exp.DataType: (exp.Cast, exp.TryCast),
}
_TYPES = frozenset(
    {
        exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.BOOLEAN, exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ,
        exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.DECIMAL, exp.DType.DOUBLE,
        exp.DType.FLOAT,
    }
)  # fmt: skip
_UNITS = frozenset(
    {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "DOW", "DOY", "ISODOW", "ISOYEAR"}
)
_JOINS = {("", ""), ("", "INNER"), ("LEFT", ""), ("LEFT", "OUTER")}
#: Functions sqlglot has no class for.
_UNTYPED = frozenset({"strip_accents"})
#: What a column without a source may be made of.
_CONSTANT = (
    exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Paren, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Alias,
    exp.Identifier, exp.Count, exp.Star,
)  # fmt: skip


def check_written(query: exp.Expr) -> None:
    """Refuse what the tree as written already tells, before names are resolved and stars spelt out.

    Raises BadInput ``share.select_shape``.
    """
    for node in query.walk():
        refused = next((words for kind, words in _WORDS.items() if isinstance(node, kind)), None)
        if isinstance(node, exp.Select) and node is not query:
            refused = "子查询"
        elif isinstance(node, exp.Group) and node.args.get("all"):
            refused = "GROUP BY ALL"
        elif isinstance(node, exp.TableAlias) and node.args.get("columns"):
            refused = "FROM … AS 表(列名)"
        elif isinstance(node, exp.Star) and not isinstance(node.parent, exp.Select | exp.Column | exp.Count):
            refused = "按名称挑选列的 *"
        elif isinstance(node, exp.Join):
            refused = _join(node)
        if refused:
            _refuse(refused)


def check_resolved(query: exp.Expr, items: Mapping[str, Collection[str]]) -> None:
    """Refuse every node that is not known to be harmless; ``items``: alias in FROM → items it has.

    Raises BadInput ``share.select_shape``.
    """
    for node in query.walk():
        refused = _strange(node, query, items)
        if refused:
            _refuse(refused)
    for column in query.expressions:
        plain = all(isinstance(node, _CONSTANT) for node in column.walk())
        if not plain and not any(column.find_all(exp.Column)):
            _refuse("说不出来自哪一项的列（只能是常量或 COUNT(*)）")


def _strange(node: exp.Expr, query: exp.Expr, items: Mapping[str, Collection[str]]) -> str | None:
    """What is wrong with one node; None when nothing is."""
    kind = type(node)
    if kind is exp.Anonymous:
        return None if node.name.lower() in _UNTYPED else node.name.upper()
    if kind not in _ALLOWED or (kind is exp.Select and node is not query):
        return _WORDS.get(kind, node.key.upper())
    said = _SAID.get(kind)
    extra = [name for name, value in node.args.items() if value and said is not None and name not in said]
    inside = _INSIDE.get(kind)
    if extra or (inside is not None and not isinstance(node.parent, inside)):
        return f"这种写法的 {node.key.upper()}"
    if isinstance(node, exp.Column) and not (
        isinstance(node.this, exp.Identifier) and node.name in items.get(node.table, ())
    ):
        return f"说不清是哪一项的 {node.name or node.key.upper()}"
    if kind is exp.Distinct and isinstance(node.parent, exp.Select) and node.expressions:
        return "DISTINCT ON"
    if kind is exp.DataType and node.this not in _TYPES:
        return f"类型 {node.sql(dialect='duckdb')}"
    if kind is exp.Var and node.name.upper() not in _UNITS:
        return f"单位 {node.name}"
    return _join(node) if isinstance(node, exp.Join) else None


def _join(node: exp.Join) -> str | None:
    how = str(node.side or "").upper(), str(node.kind or "").upper()
    plain = how in _JOINS and not node.method and not node.args.get("using") and node.args.get("on")
    return None if plain else "JOIN … ON 和 LEFT JOIN … ON 以外的连接"


def _refuse(words: str) -> None:
    said = "服务的查询只能是一层 SELECT … FROM … JOIN … WHERE … GROUP BY … HAVING"
    raise BadInput("share.select_shape", f"{said}，不能用{words}")
