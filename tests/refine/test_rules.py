"""Rules beyond one row, rules people write, and rules that mean harm."""

from __future__ import annotations

from typing import Any

import pytest
from tests.refine.town import Town

from jutong.refine import RowRule, declare_rules
from jutong.terms import BadInput

ITEMS = (
    {"name": "no", "label": "编号", "element": "code"},
    {"name": "name", "label": "名称", "element": "legal_name"},
    {"name": "code", "label": "主管代码", "element": "code"},
    {"name": "staff", "label": "人数", "type": "integer", "element": "integer"},
    {"name": "founded", "label": "成立日期", "type": "date", "element": "date"},
)
ROWS: list[dict[str, Any]] = [
    {"no": f"N{n}", "name": "邵阳市宏达商贸有限公司", "code": "A", "staff": str(n), "founded": "2025-05-09"}
    for n in range(1, 31)
]


def ruled(town: Town, *rules: RowRule, **table: Any) -> str:
    name = town.table(ITEMS, **table)
    with town.database.connection() as connection:
        declare_rules(connection, {name: rules})
    return name


@pytest.fixture(scope="module")
def plain(town: Town) -> str:
    return town.table(ITEMS)


def said(town: Town, batch: str) -> list[tuple[int, str]]:
    return [(row, rule) for row, _, rule, _ in town.issues(batch)]


def test_a_rule_in_sql_speaks_in_the_same_scan(town: Town) -> None:
    rule = RowRule(
        "own.small_and_old",
        "sql",
        ("staff", "founded"),
        {"sql": "staff > 28 AND year(founded) = 2025"},
        sentence="人数不应超过28",
    )
    table = ruled(town, rule)
    batch = town.land(table, ROWS)
    town.refine(batch)
    assert said(town, batch) == [(29, "own.small_and_old"), (30, "own.small_and_old")]


def test_what_an_expression_stumbles_over_holds(town: Town) -> None:
    rule = RowRule("own.cast", "sql", ("name",), {"sql": "CAST(name AS INTEGER) > 3"})
    table = ruled(town, rule)
    batch = town.land(table, ROWS)
    assert town.refine(batch)[0].accepted == 30
    assert said(town, batch) == []


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("staff >", "写得不对"),
        ("staff > 1) FROM this_row; DROP TABLE x; --", ""),
        ("staff > 1) AS a, (1", "只能写一个条件"),
        ("(SELECT count(*) FROM lake.standard.issue) > 0", "后面不能带"),
        ("EXISTS (SELECT 1 FROM read_csv('/etc/passwd'))", "FROM 后面只能"),
        ("(SELECT max(staff) FROM this_row) > staff", "子查询"),
        ("sum(staff) > 1", "汇总"),
        ("row_number() OVER () > 1", "窗口"),
        ("getenv('HOME') = 'x'", "不能使用函数"),
        ("lpad(name, 1000000000, 'x') = ''", "补位"),
        ("regexp_matches(name, '((a{100}){100}){100}')", "太大"),
        ("regexp_matches(name, '(a+')", "不能运行"),
        ("secret = 1", "不是这条规则写明的信息项"),
        ("other.staff = 1", "不是这条规则写明的信息项"),
        ("staff + 1", "真假"),
    ],
)  # fmt: skip
def test_hostile_or_broken_sql_is_refused_when_declared_with_the_place(
    town: Town, plain: str, sql: str, why: str
) -> None:
    rule = RowRule("own.bad", "sql", ("staff", "name"), {"sql": sql})
    with (
        pytest.raises(BadInput, match=r"规则 own\.bad 有误") as refused,
        town.database.connection() as connection,
    ):
        declare_rules(connection, {plain: [rule]})
    assert why in refused.value.sentence
    assert refused.value.code == "refine.bad_rule"


@pytest.mark.parametrize("severity", ["flag", "reject"])
def test_values_must_stand_in_the_other_dataset(town: Town, severity: Any) -> None:
    other = town.table(ITEMS)
    town.refine(town.land(other, [{**ROWS[0], "no": "A"}, {**ROWS[1], "no": "B"}]))
    rule = RowRule(
        "own.keeper", "refers_to", ("code",), {"dataset": f"standard.{other}", "items": ["no"]}, severity
    )
    table = ruled(town, rule)
    batch = town.land(table, [*ROWS[:25], {**ROWS[25], "code": "Z"}, {**ROWS[26], "code": None}])
    refined = town.refine(batch)[0]
    assert said(town, batch) == [(26, "own.keeper")]
    assert refined.rejected == (1 if severity == "reject" else 0)


def test_another_departments_data_is_not_looked_at(town: Town) -> None:
    other = town.table(ITEMS, department="D30")
    town.refine(town.land(other, ROWS))
    rule = RowRule("own.keeper", "refers_to", ("code",), {"dataset": f"standard.{other}", "items": ["no"]})
    with pytest.raises(BadInput, match="别的部门"):
        ruled(town, rule)
    with pytest.raises(BadInput, match="没有数据集"):
        ruled(town, RowRule("own.keeper", "refers_to", ("code",), {"dataset": "standard.nowhere"}))


def test_a_batch_of_half_the_rows_is_held_with_both_numbers(town: Town) -> None:
    rule = RowRule("own.rows", "row_count", ("no",), {"least": 0.8, "most": 1.5}, "reject")
    table = ruled(town, rule)
    assert town.refine(town.land(table, ROWS))[0].held_reason is None
    half = town.land(table, ROWS[:10])
    assert "本批 10 行，上一批 30 行" in (town.refine(half)[0].held_reason or "")
    assert (town.state(half), len(town.rows(table))) == ("held", 30)
    assert said(town, half) == [(0, "own.rows")]


def test_old_news_is_said_once_for_the_batch(town: Town) -> None:
    table = ruled(town, RowRule("own.fresh", "fresh", ("founded",), {"days": 10}))
    batch = town.land(table, ROWS)  # received 2025-06-01
    refined = town.refine(batch)[0]
    assert (refined.accepted, refined.held_reason) == (30, None)
    assert said(town, batch) == [(0, "own.fresh")]


def test_changing_one_rule_changes_exactly_the_rows_it_concerns(town: Town) -> None:
    rows = [{**row, "name": "邵阳市**公司"} if row["no"] == "N3" else row for row in ROWS]
    told = {}
    for most in (28, 25):
        table = ruled(town, RowRule("own.staff", "sql", ("staff",), {"sql": f"staff > {most}"}, "reject"))
        batch = town.land(table, rows)
        town.refine(batch)
        told[most] = (set(said(town, batch)), {row["no"] for row in town.rows(table)})
    assert told[25][0] - told[28][0] == {(row, "own.staff") for row in (26, 27, 28)}
    assert told[28][0] <= told[25][0]
    assert told[28][1] - told[25][1] == {"N26", "N27", "N28"}
