"""One batch after another: split, merged, explained, repeated, held, and settled after a crash."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from tests.refine.town import Town

from jutong.refine import RowRule, declare_rules, double_publicity_rules, explain, let_off, plan_of, refining
from jutong.refine.outcomes import note
from jutong.terms import BadInput, Broken

COMPANY = [
    {"name": "no", "label": "编号", "element": "code"},
    {"name": "name", "label": "名称", "element": "legal_name", "required": True},
    {"name": "uscc", "label": "统一社会信用代码", "element": "uscc"},
    {"name": "founded", "label": "成立日期", "type": "date", "element": "date"},
    {"name": "capital", "label": "注册资本", "type": "decimal(18,2)", "element": "amount"},
]
GOOD = {
    "no": "A1",
    "name": "邵阳市宏达商贸有限公司",
    "uscc": "91430502MA4L000115",
    "founded": "2020-01-02",
    "capital": "100.00",
}


def good(no: str, **changes: Any) -> dict[str, Any]:
    return {**GOOD, "no": no, **changes}


def test_rows_are_split_and_every_question_is_answered(town: Town) -> None:
    table = town.table(COMPANY)
    batch = town.land(
        table,
        [
            good("a1", founded="2020年1月2日", capital="1.5万元"),
            good("A2", uscc="91430502MA4L000116"),
            good("A3", name=" "),
            good("", uscc=None),
            good("A5", founded="2023-02-30", capital="面议"),
            good("A6"),
            good("A6"),
            good("A7", capital="1"),
            good("A7", capital="2"),
        ],
        row_offset=1,
    )
    (done,) = town.refine(batch)
    assert (done.given, done.accepted, done.rejected, done.duplicates, done.flagged) == (9, 4, 3, 2, 1)
    assert (done.inserted, done.updated, done.deleted, done.issues, done.score) == (4, 0, 0, 7, 33.33)
    assert [
        (row["no"], row["founded"], row["capital"], row["_row"], row["_batch"]) for row in town.rows(table)
    ] == [
        ("A1", dt.date(2020, 1, 2), Decimal("15000.00"), 1, batch),
        ("A2", dt.date(2020, 1, 2), Decimal("100.00"), 2, batch),
        ("A6", dt.date(2020, 1, 2), Decimal("100.00"), 7, batch),
        ("A7", dt.date(2020, 1, 2), Decimal("2.00"), 9, batch),
    ]
    assert town.issues(batch) == [
        (2, "uscc", "uscc.check_digit", "91430502MA4L000116"),
        (3, "name", "refine.required", " "),
        (4, "no", "refine.key_missing", ""),
        (5, "capital", "amount.form", "面议"),
        (5, "founded", "date.impossible", "2023-02-30"),
        (6, "no", "refine.duplicate_row", "A6"),
        (8, "no", "refine.duplicate_key", "A7"),
    ]
    with town.store.reading() as reading:
        row = reading.rows(
            f"SELECT * FROM {reading.table('standard.issue')} WHERE batch = ? AND row_no = 8", [batch]
        )[0]
    assert row["sentence"] == "主键与第 10 行相同而内容不同，保留第 10 行"
    assert (row["dataset"], row["department_code"], row["severity"], row["dimension"], row["key"]) == (
        f"standard.{table}", "D23", "flag", "准确性", "A7",
    )  # fmt: skip
    assert town.state(batch) == "refined"


def test_refining_again_changes_nothing(town: Town) -> None:
    table = town.table(COMPANY)
    batch = town.land(table, [good("A1"), good("A2", uscc="1")])
    town.refine(batch)
    before = (town.rows(table), town.issues(batch), town.store.snapshot())
    assert town.refine(batch) == []
    assert (town.rows(table), town.issues(batch), town.store.snapshot()) == before


def test_a_full_batch_deletes_what_is_gone_but_keeps_the_elder_of_a_rejected_row(town: Town) -> None:
    table = town.table(COMPANY)
    town.refine(town.land(table, [good("A1"), good("A2"), good("A3")]))
    (done,) = town.refine(town.land(table, [good("A1"), good("A2", founded="以后"), good("A4")]))
    assert (done.inserted, done.updated, done.deleted) == (1, 0, 1)
    assert [row["no"] for row in town.rows(table)] == ["A1", "A2", "A4"]
    (again,) = town.refine(town.land(table, [good("A1", capital="5"), good("A4")]))
    assert (again.inserted, again.updated, again.deleted) == (0, 1, 1)


def test_a_row_that_did_not_change_keeps_the_batch_it_came_with(town: Town) -> None:
    table = town.table(COMPANY)
    first = town.land(table, [good("A1"), good("A2")])
    town.refine(first)
    second = town.land(table, [good("A1", founded="2020/1/2"), good("A2", capital="7")])
    (done,) = town.refine(second)
    assert (done.accepted, done.updated) == (2, 1)
    assert {row["no"]: row["_batch"] for row in town.rows(table)} == {"A1": first, "A2": second}


def test_an_incremental_batch_deletes_nothing_and_the_latest_row_wins(town: Town) -> None:
    items = [*COMPANY, {"name": "updated_at", "label": "更新时间", "type": "timestamp", "raw": "timestamp"}]
    table = town.table(items, mode="incremental", watermark="updated_at")
    early, late = dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 2, 3, 4, 5, 678000)
    town.refine(town.land(table, [good("A1", updated_at=early), good("A2", updated_at=early)]))
    (done,) = town.refine(
        town.land(
            table, [good("A2", capital="9", updated_at=late), good("A2", capital="8", updated_at=early)]
        )
    )
    assert (done.accepted, done.duplicates, done.updated, done.deleted) == (1, 1, 1, 0)
    assert [(row["no"], row["capital"], row["updated_at"]) for row in town.rows(table)] == [
        ("A1", Decimal("100.00"), early), ("A2", Decimal("9.00"), late),
    ]  # fmt: skip


def test_a_table_without_a_key_is_known_by_its_rows(town: Town) -> None:
    table = town.table(COMPANY[1:], keys=())
    town.refine(town.land(table, [GOOD, {**GOOD, "capital": None}, {**GOOD, "capital": ""}]))
    assert len(town.rows(table)) == 2
    (done,) = town.refine(town.land(table, [GOOD]))
    assert (done.inserted, done.deleted) == (0, 1)


def test_a_table_that_declares_no_items_has_those_it_came_with(town: Town) -> None:
    items = [{"name": "no", "label": "编号"}, {"name": "age", "label": "年龄", "raw": "integer"}]
    table = town.table(items)
    with town.database.connection() as connection:
        connection.execute("UPDATE source_table SET items = '[]' WHERE name = %s", (table,))
    town.refine(town.land(table, [{"no": "1", "age": 7}, {"no": "2", "age": None}]))
    assert [(row["no"], row["age"]) for row in town.rows(table)] == [("1", 7), ("2", None)]


def test_the_row_that_is_kept_is_named_as_the_clerk_counts(town: Town) -> None:
    table = town.table([{"name": "no", "label": "编号"}, {"name": "what", "label": "内容"}])
    batch = town.land(
        table, [{"no": key, "what": key + text} for key, text in (("1", "a"), ("2", ""), ("1", "b"))]
    )
    with town.database.connection() as connection:
        connection.execute("UPDATE batch SET row_offset = 1, gaps = '{1, 2, 3}' WHERE id = %s", (batch,))
    town.refine(batch)
    with town.store.reading() as reading:
        [told] = reading.rows(
            f"SELECT sentence FROM {reading.table('standard.issue')} WHERE batch = ?", [batch]
        )
    assert told["sentence"] == "主键与第 6 行相同而内容不同，保留第 6 行"


def test_earlier_batches_come_along_and_merge_in_their_order(town: Town) -> None:
    table = town.table(COMPANY)
    first = town.land(table, [good("A1", capital="1")])
    second = town.land(table, [good("A1", capital="2")])
    assert [one.batch_id for one in town.refine(second)] == [first, second]
    assert [row["capital"] for row in town.rows(table)] == [Decimal("2.00")]


def test_nothing_in_a_full_batch_or_nothing_right_in_it_is_held_and_can_be_released(town: Town) -> None:
    table = town.table(COMPANY)
    town.refine(town.land(table, [good("A1"), good("A2")]))
    (empty,) = town.refine(town.land(table, []))
    assert empty.held_reason == "全量批次为空，标准库保持原样"
    wrong = town.land(table, [good("A1", founded="x") for _ in range(3)])
    (done,) = town.refine(wrong)
    assert (done.accepted, done.rejected) == (0, 3)
    assert done.held_reason
    mostly = town.land(table, [good(f"B{n}", founded="x" if n % 3 else "2020-01-01") for n in range(30)])
    (done,) = town.refine(mostly)
    assert (done.held_reason or "").startswith("拒收 66.7%")
    assert (town.state(wrong), len(town.rows(table)), len(town.issues(mostly))) == ("held", 2, 20)
    (released,) = town.refine(mostly, release=True)
    assert (released.held_reason, released.inserted, released.deleted) == (None, 10, 2)
    assert (town.state(mostly), len(town.rows(table)), len(town.issues(mostly))) == ("refined", 10, 20)


def test_a_batch_that_lost_rows_on_the_way_is_not_refined_and_stops_only_its_own_table(town: Town) -> None:
    table, other = town.table(COMPANY), town.table(COMPANY)
    short = town.land(table, [good("A1")], given=2)
    behind = town.land(table, [good("A1")])
    fine = town.land(other, [good("A1")])
    with pytest.raises(Broken, match="回执为 2 行，原始库中有 1 行"):
        town.refine(short, behind, fine)
    assert [town.state(batch) for batch in (short, behind, fine)] == ["received", "received", "refined"]
    with town.database.connection() as connection:
        connection.execute("UPDATE batch SET state = 'refined' WHERE id = ANY(%s)", ([short, behind],))


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_crash_between_the_two_databases_is_settled_by_asking_the_lake(
    town: Town, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    table = town.table(COMPANY)
    batch = town.land(table, [good("A1"), good("A2", uscc="91430502MA4L000116")])

    def killed(*given: Any) -> Any:
        if when == "before the commit":
            note(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(refining, "note" if when == "before the commit" else "finish", killed)
    with pytest.raises(KeyboardInterrupt):
        town.refine(batch)
    monkeypatch.undo()
    assert town.state(batch) == "received"
    town.refine(batch)
    assert town.state(batch) == "refined"
    assert [row["no"] for row in town.rows(table)] == ["A1", "A2"]
    assert len(town.issues(batch)) == 1
    with town.database.connection() as connection:
        assert connection.execute("SELECT count(*) AS n FROM refining").fetchone() == {"n": 0}
        row = connection.execute(
            "SELECT accepted, issues FROM refinement WHERE batch_id = %s", (batch,)
        ).fetchone()
    assert row == {"accepted": 2, "issues": 1}


def test_a_whitelisted_value_is_let_off_for_that_one_check(town: Town) -> None:
    table = town.table(COMPANY)
    with town.database.connection() as connection:
        let_off(
            connection,
            "uscc.check_digit",
            "91350203M0001QAY9B",
            reason="登记机关原始赋码",
            owner="厦门市思明区市场监管局",
        )
        with pytest.raises(BadInput, match="白名单"):
            let_off(connection, "uscc.check_digit", "91350203M0001QAY9B", reason=" ", owner="x")
    batch = town.land(table, [good("A1", uscc="91350203m0001qay9b"), good("A2", uscc="91350203M0001QAY98")])
    town.refine(batch)
    assert [row["uscc"] for row in town.rows(table)] == ["91350203M0001QAY9B", "91350203M0001QAY98"]
    assert town.issues(batch) == [(2, "uscc", "uscc.check_digit", "91350203M0001QAY98")]
    with town.database.connection() as connection:
        connection.execute("DELETE FROM whitelist")


PENALTY = [
    {"name": "cf_wsh", "label": "决定书文号", "element": "code"},
    {"name": "cf_cflb", "label": "处罚类别", "element": "text"},
    {"name": "cf_nr_fk", "label": "罚款金额（万元）", "type": "decimal(18,6)", "element": "amount_wan"},
    {"name": "cf_nr_zkdx", "label": "吊销证照", "element": "text"},
    {"name": "cf_jdrq", "label": "决定日期", "type": "date"},
    {"name": "cf_gsjzq", "label": "公示截止期", "type": "date"},
]


def test_the_cross_field_rules_of_penalties_speak_once_each(town: Town) -> None:
    table = town.table(PENALTY, keys=("cf_wsh",))
    fine = {"cf_cflb": "罚款", "cf_nr_fk": "0.5", "cf_jdrq": "2024-01-10", "cf_gsjzq": "2027-01-10"}
    with town.database.connection() as connection:
        declare_rules(connection, {table: double_publicity_rules([item["name"] for item in PENALTY])})
    cases = [
        {},
        {"cf_nr_fk": None},
        {"cf_nr_fk": "0"},
        {"cf_nr_fk": "若干"},
        {"cf_cflb": "吊销许可证件", "cf_nr_fk": None},
        {"cf_gsjzq": "2027-01-11"},
        {"cf_gsjzq": "2024-01-10"},
        {"cf_jdrq": "2094-01-10"},
        {"cf_jdrq": "1024-01-10"},
    ]
    batch = town.land(table, [{**fine, **case, "cf_wsh": f"W{n}"} for n, case in enumerate(cases)])
    (done,) = town.refine(batch)
    assert [(row, item, rule) for row, item, rule, _ in town.issues(batch)] == [
        (2, "cf_nr_fk", "credit.fine_missing"),
        (3, "cf_nr_fk", "credit.fine_missing"),
        (4, "cf_nr_fk", "amount_wan.form"),
        (5, "cf_nr_zkdx", "credit.revoked_missing"),
        (6, "cf_gsjzq", "credit.publication_period"),
        (7, "cf_gsjzq", "credit.publication_period"),
        (8, "cf_jdrq", "credit.decision_in_future"),
        (9, "cf_jdrq", "date.range"),
    ]
    assert (done.rejected, done.flagged) == (1, 7)
    assert explain(plan_of_town(town, table)).count("标记  credit.") == 4


def plan_of_town(town: Town, table: str) -> Any:
    with town.database.connection() as connection:
        return plan_of(connection, town.store, table)


def test_other_kinds_of_row_rules(town: Town) -> None:
    items = [
        {"name": "no", "label": "编号"},
        {"name": "a", "label": "甲"},
        {"name": "b", "label": "乙"},
        {"name": "kind", "label": "类别", "element": "code", "values": ["1", "2", "x"]},
        {"name": "doc", "label": "文号"},
    ]
    table = town.table(items)
    rules = [
        RowRule("own.either", "any_of", ("a", "b"), severity="reject"),
        RowRule("own.one_doc", "unique", ("doc",)),
        RowRule("own.a_known", "one_of", ("a",), {"values": ["甲", "乙"]}, sentence="甲栏只填甲或乙"),
    ]
    with town.database.connection() as connection:
        declare_rules(connection, {table: rules})
    row = {"a": "甲", "b": "1", "kind": "1"}
    batch = town.land(
        table,
        [
            {**row, "no": "1", "doc": "D1"},
            {**row, "no": "2", "doc": "D2"},
            {**row, "no": "3", "doc": "D2"},
            {**row, "no": "4", "a": None, "b": " "},
            {**row, "no": "5", "a": "丙"},
            {**row, "no": "6", "kind": "9"},
            {**row, "no": "7", "kind": "Ｘ"},
        ],
    )
    (done,) = town.refine(batch)
    assert [(number, item, rule) for number, item, rule, _ in town.issues(batch)] == [
        (2, "doc", "own.one_doc"),
        (3, "doc", "own.one_doc"),
        (4, "a", "own.either"),
        (5, "a", "own.a_known"),
        (6, "kind", "refine.not_in_list"),
    ]
    assert (done.accepted, done.rejected, done.flagged) == (6, 1, 4)


def test_a_rule_or_an_item_that_cannot_be_is_refused_in_plain_words(town: Town) -> None:
    table = town.table(COMPANY)
    with town.database.connection() as connection:
        for rule, words in (
            (RowRule("own.x", "sometimes", ("no",)), "没有这种规则"),
            (RowRule("own.x", "not_after", ("no",)), "应有 2 至 2 个信息项"),
            (RowRule("own.x", "not_future", ("when",)), "没有信息项 when"),
            (RowRule("own.x", "one_of", ("no",)), "缺少参数"),
        ):
            with pytest.raises(BadInput, match=words):
                declare_rules(connection, {table: [rule]})
    wrong = town.table(
        [{"name": "no", "label": "编号"}, {"name": "d", "label": "日", "type": "integer", "element": "date"}]
    )
    with pytest.raises(BadInput, match="登记为 integer，而数据元 日期 是 date"):
        plan_of_town(town, wrong)


def test_the_plan_can_be_read(town: Town) -> None:
    text = explain(plan_of_town(town, town.table(COMPANY)))
    assert "标记  uscc.check_digit  准确性  「统一社会信用代码」的校验码（第18位）" in text
    assert "拒收  refine.key_missing  完整性  「编号」是主键，不能为空" in text
    assert "拒收超过 50% 时整批留置" in text
