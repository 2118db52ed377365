"""What SQL written by people may consist of: an allow-list, so what nobody thought of is refused.

Left out on purpose: everything that reaches files, settings, environment, extensions or other databases;
``COLUMNS`` and macros, which choose names at run time; ``repeat``, ``printf``, ``range`` and the like, which only make bulk.
"""

from __future__ import annotations

from sqlglot import exp

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
