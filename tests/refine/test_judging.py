"""Laws of judging, on an engine without a lake: conservation, cleaning once, and one answer from both shapes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from jutong.refine import judging, pooling, settling
from jutong.refine.plan import Plan, make_plan
from jutong.refine.pooling import Pool
from jutong.refine.rules import RowRule

DAY = dt.date(2025, 6, 1)
KINDS = [
    ("no", "text", "code", True), ("uscc", "text", "uscc", False), ("org", "text", "org_code", False),
    ("reg", "text", "business_reg_no", False), ("pid", "text", "person_id", False), ("pn", "text", "person_name", True),
    ("ln", "text", "legal_name", False), ("mob", "text", "mobile", False), ("d", "date", "date", False),
    ("d2", "date", "date", False), ("t", "timestamp", "datetime", False), ("div", "text", "division_code", False),
    ("amt", "decimal(18,2)", "amount", False), ("wan", "decimal(18,6)", "amount_wan", False),
    ("n", "integer", "integer", False), ("txt", "text", "text", False), ("yes", "boolean", "yes_no", False),
    ("month", "text", "date", False),
]  # fmt: skip
ITEMS = [
    {"name": name, "label": name, "type": kind, "element": element, "required": required}
    for name, kind, element, required in KINDS
]
ITEMS[0]["values"] = ["A1", "A2", "A3", "B1"]

likely = {
    "no": ["A1", "a2", "A3 ", "B1", "", "C9", "Ａ１"],
    "uscc": ["91350200776049653A", "91350203M0001QAY9B", "9135", "无"],
    "org": ["006123458", "00612345-8", "006123459"],
    "reg": ["430502000000011", "430502000000012", "x"],
    "pid": ["432621850312001", "11010519491231002x", "110105194913310028"],
    "pn": ["张三", "张　三", "张1", "锟斤拷", ""],
    "ln": ["邵阳市宏达商贸有限公司", "邵阳 (集团)", "**"],
    "mob": ["13973912345", "+86 13973912345", "123"],
    "d": ["2023-05-09", "2023年5月9日", "2023-02-30", "45055", "x"],
    "d2": ["2023-05-09", "20230510", "1023-05-09"],
    "t": ["2023-05-09 10:00:00", "2023/5/9 9:05", "2024-01-01", "25点"],
    "div": ["430502", "430521", "430588", "本县"],
    "amt": ["1", "1,234.5", "3.5万元", "-1", "1.005", "面议"],
    "wan": ["0.5", "35000元", "详见"],
    "n": ["1", "1.0", "1.5", "十"],
    "txt": ["文字", " 文字 ", "��", "NULL"],
    "yes": ["是", "否", "2"],
    "month": ["2023-05-09", "20230509", "x"],
}
value = {
    name: st.one_of(
        st.none(), st.sampled_from(words), st.text(max_size=6).map(lambda t: t.replace("\x00", ""))
    )
    for name, words in likely.items()
}
tables = st.lists(st.fixed_dictionaries(value), max_size=25)


def plan(
    keys: Sequence[str] = ("no",),
    rules: Sequence[RowRule] = (),
    whitelist: Mapping[str, tuple[str, ...]] | None = None,
) -> Plan:
    row = {"name": "x", "label": "表", "mode": "full", "keys": keys, "items": ITEMS, "watermark_item": "t"}
    return make_plan(row, None, rules, whitelist)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
        connection.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.raw; CREATE SCHEMA lake.standard")
        columns = ", ".join(f'"{name}" VARCHAR' for name, *_ in KINDS)
        connection.execute(f"CREATE TABLE lake.raw.x (_batch VARCHAR, _row BIGINT, {columns})")
        yield connection


def land(engine: duckdb.DuckDBPyConnection, rows: Sequence[Mapping[str, Any]], batch: str = "b") -> None:
    engine.execute("DELETE FROM lake.raw.x WHERE _batch = ?", [batch])
    if rows:
        marks = ", ".join("?" for _ in range(len(KINDS) + 2))
        engine.executemany(
            f"INSERT INTO lake.raw.x VALUES ({marks})",
            [[batch, number, *(row[name] for name, *_ in KINDS)] for number, row in enumerate(rows, start=1)],
        )


def clear(engine: duckdb.DuckDBPyConnection) -> None:
    for (name,) in engine.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall():
        engine.execute(f"DROP TABLE temp.{name}")


def alone(engine: duckdb.DuckDBPyConnection, made: Plan) -> tuple[Any, ...]:
    """Counts, accepted rows and issues of batch b, judged by itself."""
    clear(engine)
    engine.execute(settling.found_sql())
    engine.execute(judging.staged_sql(made, "b", DAY, "_stage"))
    counts = engine.execute(settling.counts_sql(made, "_stage")).fetchone()
    engine.execute(settling.lost_sql(made, "_stage", "_lost"))
    lost = engine.execute(settling.lost_counts_sql("_lost")).fetchone()
    engine.execute(settling.issues_sql("_stage", 1))
    engine.execute(settling.lost_issues_sql(made, "_stage", "_lost", 1))
    accepted = engine.execute(
        settling.accepted_sql(made, "_stage", "_lost", "b") + " ORDER BY _row"
    ).fetchall()
    issues = engine.execute("SELECT row_no, key, i, n, given, cleaned FROM _found ORDER BY ALL").fetchall()
    return counts, lost, accepted, issues


def pooled(engine: duckdb.DuckDBPyConnection, made: Plan) -> tuple[Any, ...]:
    """The same out of a pool in which another batch lies as well."""
    clear(engine)
    other = make_plan(
        {"name": "x", "label": "表", "mode": "full", "keys": ("pid", "mob"), "items": ITEMS[3:12]}, None
    )
    pool = Pool.of([made, other])
    engine.execute(settling.found_sql())
    engine.execute(pooling.pool_sql(pool))
    engine.execute(pooling.pour_sql(pool, [(1, made, "b", DAY), (2, other, "b", DAY)]))
    engine.execute(pooling.judge_sql(pool))
    for question in pooling.rule_sqls(pool, {1: made, 2: other}):
        engine.execute(question)
    counts = {row[0]: row[1:] for row in engine.execute(pooling.counts_sql()).fetchall()}.get(1, (0, 0, 0, 0))
    engine.execute(pooling.lost_sql(pool))
    lost = {row[0]: row[1:] for row in engine.execute(pooling.lost_counts_sql()).fetchall()}.get(1, (0, 0))
    engine.execute(pooling.issues_sql([1]))
    engine.execute(pooling.lost_issues_sql([1]))
    staged = pooling.staged_sql(pool, made, 1)
    accepted = engine.execute(
        settling.accepted_sql(made, staged, pooling.lost_of(1), "b") + " ORDER BY _row"
    ).fetchall()
    names = {named: place for place, named in pool.issue_items(made).items()}
    issues = engine.execute("SELECT row_no, key, i, n, given, cleaned FROM _found WHERE _plan = 1").fetchall()
    named = sorted(
        ((row, key, names[i], *rest) for row, key, i, *rest in issues),
        key=lambda each: tuple(str(part) for part in each),
    )
    return counts, lost, accepted, named


#: Every example plans large SQL, so no time is spent on shrinking one that fails.
everything = settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@everything
@given(rows=tables)
def test_no_row_is_lost_and_none_is_two_things(
    engine: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]
) -> None:
    """Law 1 on random dirty tables, and no key twice among the accepted."""
    land(engine, rows)
    for made in (plan(), plan(keys=("pid", "no")), plan(keys=())):
        (count, rejected, flagged, _), (duplicates, quiet), accepted, issues = alone(engine, made)
        assert count == len(rows) == len(accepted) + rejected + duplicates
        assert flagged <= count - rejected
        assert quiet <= duplicates
        keys = [tuple(row[made.place(key) - 1] for key in made.keys) or row[-3] for row in accepted]
        assert len(set(keys)) == len(keys)
        questioned = {row for row, *_ in issues}
        assert len(questioned) == rejected + flagged + quiet


@settings(everything, max_examples=6)
@given(rows=tables)
def test_a_batch_is_judged_alike_alone_and_in_the_pool(
    engine: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]
) -> None:
    land(engine, rows)
    rules = [
        RowRule("a.order", "not_after", ("d", "d2"), severity="reject"),
        RowRule("a.future", "not_future", ("d",)),
        RowRule("a.n", "required_when", ("n", "txt"), {"contains": "文"}),
        RowRule("a.any", "any_of", ("org", "reg", "uscc")),
    ]
    excused = {"uscc.check_digit": ("91350203M0001QAY9B",)}
    for made in (plan(whitelist=excused), plan(keys=("d", "d2")), plan(rules=rules)):
        assert pooling.may_pool(made)
        counts, lost, accepted, issues = alone(engine, made)
        again = pooled(engine, made)
        assert again[:3] == (counts, lost, accepted)
        assert again[3] == sorted(issues, key=lambda each: tuple(str(part) for part in each))


@pytest.mark.parametrize(
    ("width", "given", "problem"),
    [("decimal(9,2)", "12345678.00", "amount.form"), ("decimal(12,0)", "1234.56", "amount.scale")],
)
def test_a_plain_amount_too_wide_for_its_item_is_told(
    engine: duckdb.DuckDBPyConnection, width: str, given: str, problem: str
) -> None:
    """A value the element knows to be plain in its own type may not fit the item's: it is lost to nobody unsaid."""
    items = [ITEMS[0], {**ITEMS[12], "type": width}]
    made = make_plan({"name": "x", "label": "表", "mode": "full", "keys": ("no",), "items": items}, None)
    land(engine, [dict.fromkeys((name for name, *_ in KINDS)) | {"no": "A1", "amt": given}])
    for judged in (alone, pooled):
        *_, issues = judged(engine, made)
        [(_, _, item, number, *_)] = issues
        assert made.items[item - 1].item.name == "amt"
        assert made.items[item - 1].element.checks[number - 1].code == problem


@everything
@given(rows=tables)
def test_accepted_rows_given_once_more_are_accepted_unchanged(
    engine: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]
) -> None:
    """Refining twice is refining once: what comes out clean goes in and comes out the same."""
    land(engine, rows)
    made = plan()
    accepted = alone(engine, made)[2]
    names = [name for name, *_ in KINDS]
    texts = [
        {name: None if cell is None else _text(cell) for name, cell in zip(names, row, strict=False)}
        for row in accepted
    ]
    land(engine, texts)
    (count, rejected, _, _), (duplicates, _), again, _ = alone(engine, made)
    assert (count, rejected, duplicates) == (len(accepted), 0, 0)
    assert [row[: len(names)] for row in again] == [row[: len(names)] for row in accepted]


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def test_an_item_is_questioned_once(engine: duckdb.DuckDBPyConnection) -> None:
    rules = [
        RowRule("a.order", "not_after", ("d", "d2")),
        RowRule("a.future", "not_future", ("d",)),
        RowRule("a.n", "not_after", ("n", "amt")),
    ]
    empty = dict.fromkeys(likely)
    good = {**empty, "no": "A1", "pn": "张三"}
    land(engine, [
        {**good, "d": "2023-05-10", "d2": "2023-05-09"},
        {**good, "no": "A2", "d": "2026-05-10", "d2": "2023-05-09"},
        {**good, "no": "A3", "d": "2026-05-10"},
        {**good, "no": "B1", "d": "x", "d2": "2023-05-09", "n": "5", "amt": "1"},
    ])  # fmt: skip
    issues = alone(engine, plan(rules=rules))[3]
    assert [(row, place, fault) for row, _, place, fault, *_ in issues] == [
        (1, 9, 100),
        (2, 9, 100),
        (3, 9, 101),
        (4, 9, 1),
        (4, 15, 102),
    ]


def test_the_day_of_receipt_decides_not_the_day_of_judging(engine: duckdb.DuckDBPyConnection) -> None:
    born = "11010520250701" + "001"
    digits = zip((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), born, strict=True)
    born += "10X98765432"[sum(weight * int(digit) for weight, digit in digits) % 11]
    land(engine, [{**dict.fromkeys(likely), "no": "A1", "pn": "张三", "pid": born}])
    made = plan()
    assert alone(engine, made)[0][1] == 1
    assert pooled(engine, made)[0][1] == 1
    clear(engine)
    engine.execute(judging.staged_sql(made, "b", dt.date(2025, 7, 1), "_later"))
    assert engine.execute("SELECT _rejected FROM _later").fetchone() == (False,)


def test_the_plan_is_text_that_sqlglot_reads() -> None:
    """Engine-neutral: the same text can be transpiled for another engine."""
    import sqlglot

    sql = judging.staged_sql(plan(), "b", DAY, "_stage")
    assert sqlglot.parse_one(sql, read="duckdb") is not None
