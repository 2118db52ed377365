"""Custom rules: one SQL expression over the items of a row, written by a person (through the store's guard).

It becomes part of the one scan, so it is bounded before: parsed once, of known node kinds, allow-listed functions
and the named items alone, no subquery, no window, no aggregate.  What runs is the text made from that tree.  Regular
expressions run in RE2, which is linear in the text; patterns that grow beyond its budget are refused when declared.
A value the expression stumbles over (a cast, a division) holds: ``TRY`` makes it NULL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from jutong.store import checked_sql
from jutong.terms import BadInput, literal, quote

_ROW = "this_row"
_LONGEST = 2_000
_PLACE = "item__{0}__"
_REFUSED = (
    exp.Query, exp.Subquery, exp.Exists, exp.Window, exp.AggFunc, exp.Table, exp.Lambda, exp.Star, exp.Placeholder,
    exp.Pad, exp.Lateral, exp.Values,
)  # fmt: skip
#: Types a value may be cast to; any other may need an extension, or be somebody's own.
_TYPES = {
    "VARCHAR", "TEXT", "INT", "BIGINT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL", "DATE", "TIMESTAMP",
    "TIME", "BOOLEAN", "INTERVAL",
}  # fmt: skip
_OPENED = "SELECT ("
_WHERE = re.compile(r"Line (\d+), Col: (\d+)")
#: RE2 compiles counted repetition by writing it out; beyond this a pattern costs more than it finds.
_MOST_REPEATS = 1_000


def broken(values: Sequence[str], arguments: Mapping[str, Any]) -> str:
    """The expression over ``values``; true where the row is broken.

    Raises BadInput ``refine.bad_sql`` with the place.
    """
    text = _checked(str(arguments["sql"]), tuple(arguments["items_named"]))
    # Highest first, so that item__1__ is not found within item__12__.
    for number in reversed(range(len(values))):
        text = text.replace(_PLACE.format(number), values[number])
    return f"TRY({text})"


@lru_cache(maxsize=2_048)
def _checked(given: str, items: tuple[str, ...]) -> str:
    if len(given) > _LONGEST:
        raise BadInput("refine.bad_sql", f"表达式超过 {_LONGEST} 个字符")
    try:
        query, _ = checked_sql(f"{_OPENED}{given}\n) AS broken FROM {_ROW}", [_ROW])
    except BadInput as problem:
        raise BadInput("refine.bad_sql", _placed(problem.sentence, given)) from problem
    parsed = sqlglot.parse_one(query, read="duckdb")
    assert isinstance(parsed, exp.Select)
    if len(parsed.expressions) != 1 or set(_said(parsed)) != {"expressions", "from_"}:
        raise BadInput("refine.bad_sql", "只能写一个条件表达式，不能带 WHERE、JOIN 等子句")
    condition = parsed.expressions[0].unalias()
    for node in condition.walk():
        if isinstance(node, _REFUSED):
            raise BadInput(
                "refine.bad_sql", f"表达式里不能有子查询、窗口、汇总和补位：{node.sql(dialect='duckdb')[:60]}"
            )
        if isinstance(node, exp.DataType) and (node.this.value if node.this else "") not in _TYPES:
            raise BadInput("refine.bad_sql", f"不能转换成 {node.sql(dialect='duckdb')[:40]}")
        if isinstance(node, exp.Column):
            if node.table or node.name not in items:
                raise BadInput(
                    "refine.bad_sql",
                    f"「{node.sql(dialect='duckdb')}」不是这条规则写明的信息项，可用的有 {'、'.join(items)}",
                )
            node.this.set("this", _PLACE.format(items.index(node.name)))
            node.this.set("quoted", False)
        if isinstance(node, exp.Literal) and node.is_string:
            _bounded(node.name)
            if "item__" in node.name:
                raise BadInput("refine.bad_sql", "文字里不能有 item__")
    return str(condition.sql(dialect="duckdb"))


def _placed(sentence: str, given: str) -> str:
    """The parser's place, counted within what the person wrote."""
    found = _WHERE.search(sentence)
    if found is None:
        return sentence
    line, column = int(found[1]), int(found[2])
    lines = given.split("\n")
    if line > len(lines):
        line, column = len(lines), len(lines[-1])
    elif line == 1:
        column = min(max(column - len(_OPENED), 1), len(lines[0]))
    near = lines[line - 1][max(column - 12, 0) : column + 4].strip()
    return f"写得不对：第 {line} 行第 {column} 字附近（{near}）"


def _said(query: exp.Select) -> list[str]:
    return [("from_" if name in ("from", "from_") else name) for name, value in query.args.items() if value]


def _bounded(pattern: str) -> None:
    """Nested counted repetition multiplies; refuse what would write out more than the budget."""
    counts = [int(most or least) for least, most in re.findall(r"\{(\d+)(?:,(\d*))?\}", pattern)]
    product = 1
    for count in counts:
        product *= max(count, 1)
    if len(pattern) > 500 or product > _MOST_REPEATS:
        raise BadInput("refine.bad_sql", f"正则表达式太大：{pattern[:40]}")


def tried(given: str, types: Mapping[str, str]) -> None:
    """Bind the expression to the items' types and run it on a row of nothing; raises BadInput ``refine.bad_sql``."""
    names = tuple(types)
    text = broken([quote(name) for name in names], {"sql": given, "items_named": names})
    row = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in types.items())
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"}) as engine:
        try:
            answer = engine.execute(f"SELECT typeof({text}), ({text}) FROM (SELECT {row})").fetchone()
        except duckdb.Error as problem:
            raise BadInput(
                "refine.bad_sql", f"表达式不能运行：{str(problem).splitlines()[0][:160]}"
            ) from None
    if answer is None or answer[0] not in ("BOOLEAN", '"NULL"'):
        raise BadInput(
            "refine.bad_sql",
            f"表达式应得出真假，而 {literal(given[:40])} 得出 {answer[0] if answer else '无'}",
        )
