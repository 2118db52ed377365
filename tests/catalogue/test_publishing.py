"""Codes, imports, the two gates, versions, the lists of the survey."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace
from typing import Any

import pytest

from jutong.casework import CITY_TIME, city_day, clocks_of, desk, find_case, inbox, open_case
from jutong.catalogue import (
    Counts,
    NewDemand,
    add_classes,
    add_entry,
    as_new,
    attach,
    change_entry,
    commit_supply,
    counts,
    counts_by_department,
    demands,
    detach,
    entries,
    entry,
    entry_items,
    find_entry,
    import_demands,
    import_entries,
    items,
    match_demand,
    move_case,
    next_codes,
    open_change,
    submit,
    versions,
    withdraw_entry,
)
from jutong.database import Connection
from jutong.people import SYSTEM
from jutong.terms import BadInput, Conflict, Denied, NotFound

from .conftest import Cast, make_cast, new

NOW = dt.datetime(2026, 6, 9, 15, 20, tzinfo=CITY_TIME)


def published(conn: Connection, *names: str, **changes: Any) -> tuple[str, ...]:
    return import_entries(conn, [new(name, **changes) for name in names], now=NOW).codes


def test_codes_count_per_class_and_an_order_is_never_given_again(conn: Connection, cast: Cast) -> None:
    assert published(conn, "甲信息", "乙信息") == ("102/000001", "102/000002")
    assert published(conn, "丙信息", class_code="201") == ("201/000001",)
    conn.execute("DELETE FROM entry WHERE code = '102/000002'")
    assert published(conn, "丁信息") == ("102/000003",)
    assert next_codes(conn, "102", 2) == ["102/000004", "102/000005"]
    add_classes(conn, [("102001", "企业", "102")])
    assert published(conn, "戊信息", class_code="102001") == ("102001/000001",)


def test_a_code_that_is_brought_along_reserves_its_order(conn: Connection, cast: Cast) -> None:
    assert published(conn, "甲信息", code="102/000040") == ("102/000040",)
    assert published(conn, "乙信息") == ("102/000041",)
    for wrong in ("102/17", "101/000017", "x"):
        with pytest.raises(BadInput, match="信息资源代码"):
            published(conn, "丙信息", code=wrong)


def test_an_import_runs_again_without_doubling_anything(conn: Connection, cast: Cast) -> None:
    rows = [new(f"第{number}号信息") for number in range(50)]
    first = import_entries(conn, rows)
    assert (first.entries, first.items, first.kept) == (50, 150, 0)
    again = import_entries(conn, [*rows, new("新的信息")])
    assert (again.entries, again.items, again.kept) == (1, 3, 50)
    assert counts(conn).entries == 51
    one = find_entry(conn, first.codes[0])
    assert (one.state, one.version, one.item_count) == ("published", 1, 3)
    assert [version.version for version in versions(conn, one.id)] == [1]
    search_rows = conn.execute("SELECT count(*) AS n FROM entry_search WHERE state = 'published'").fetchone()
    assert search_rows == {"n": 51}


def test_a_bad_row_stops_the_import_and_says_where_and_all_that_is_wrong(
    conn: Connection, cast: Cast
) -> None:
    bad = new("坏的信息", share_type=3, share_condition="内部", use_condition=" ")
    with pytest.raises(BadInput, match=r"catalogue\.bad_entry") as refused:
        import_entries(conn, [new("好的信息"), bad])
    assert refused.value.address is not None
    assert refused.value.address.row == 2
    assert "使用条件" in refused.value.sentence
    assert "第15条" in refused.value.sentence
    with pytest.raises(BadInput, match="第 1 行"):
        import_entries(conn, [{"name": "什么也没写"}])
    assert import_entries(conn, [asdict(new("用映射写的信息"))]).entries == 1
    conn.rollback()
    make_cast(conn)
    assert counts(conn).entries == 0
    for wrong in ({"class_code": "999"}, {"department_code": "D99"}, {"secrecy_assessed": False}):
        with pytest.raises(BadInput):
            import_entries(conn, [new(**wrong)])


def test_a_provider_imports_drafts_of_its_own_department_only(conn: Connection, cast: Cast) -> None:
    with pytest.raises(Denied, match=r"catalogue\.two_gates"):
        import_entries(conn, [new()], cast.officer, published=True)
    with pytest.raises(Denied, match=r"people\.not_yours"):
        import_entries(conn, [new(department_code="D15")], cast.officer)
    code = import_entries(conn, [new()], cast.officer).codes[0]
    assert find_entry(conn, code).state == "draft"
    assert find_entry(conn, code).published_at is None


def test_an_entry_passes_two_gates_and_everybody_is_told(conn: Connection, cast: Cast) -> None:
    draft = add_entry(conn, new(secrecy_assessed=False, privacy_assessed=False), cast.officer)
    with pytest.raises(NotFound):
        entry(conn, draft.code, cast.consumer)
    with pytest.raises(BadInput, match=r"保密风险评估.*个人信息保护影响评估"), conn.transaction():
        submit(conn, draft.id, cast.officer, now=NOW)
    case = submit(conn, draft.id, cast.officer, secrecy_assessed=True, privacy_assessed=True, now=NOW)
    assert find_entry(conn, draft.id).state == "dept_review"
    assert case.due_at is None  # a first publication has no limit before the 主管部门 has it
    with pytest.raises(Denied):
        move_case(conn, case.id, "publish", cast.steward) if case.state == "publish_review" else change_entry(
            conn, draft.id, new(), cast.officer
        )
    move_case(conn, case.id, "approve", cast.head, now=NOW)
    waiting = find_entry(conn, draft.id)
    assert (waiting.state, waiting.approved_by) == ("publish_review", cast.head.user_id)
    assert [row.case.id for row in desk(conn, cast.steward, now=NOW)] == [case.id]
    assert [clock.rule for clock in clocks_of(conn, case.id)] == ["T2"]
    due_at = find_case(conn, case.id).due_at
    assert due_at is not None
    assert city_day(due_at) == dt.date(2026, 6, 11)
    with pytest.raises(Denied):
        move_case(conn, case.id, "publish", cast.head)
    move_case(conn, case.id, "publish", cast.steward, now=NOW)
    done = entry(conn, draft.code, cast.consumer)
    assert (done.state, done.version, done.published_at) == ("published", 1, dt.date(2026, 6, 9))
    assert done.case_id is None
    assert [item.name for item in items(conn, draft.code, cast.consumer)] == [
        "uscc",
        "name",
        "representative",
    ]
    for party in (cast.consumer, cast.head):
        assert any("目录发布" in notice.subject for notice in inbox(conn, party))


def test_what_is_sent_back_can_be_mended_and_handed_in_again(conn: Connection, cast: Cast) -> None:
    draft = add_entry(conn, new(), cast.officer)
    case = submit(conn, draft.id, cast.officer, now=NOW)
    move_case(conn, case.id, "return", cast.head, "摘要没有写清楚范围和用处", now=NOW)
    assert find_entry(conn, draft.id).state == "rejected"
    change_entry(conn, draft.id, new(summary="写清楚了的摘要"), cast.officer)
    again = submit(conn, draft.id, cast.officer, now=NOW)
    assert again.id == case.id
    move_case(conn, case.id, "approve", cast.head, now=NOW)
    move_case(conn, case.id, "send_back", cast.steward, "共享条件是自己增设的，请删去", now=NOW)
    assert find_entry(conn, draft.id).state == "rejected"
    submit(conn, draft.id, cast.officer, now=NOW)
    move_case(conn, case.id, "withdraw", cast.officer, "不编了", now=NOW)
    assert find_entry(conn, draft.id).state == "draft"
    assert find_entry(conn, draft.id).case_id is None
    assert submit(conn, draft.id, cast.officer, now=NOW).id != case.id


def test_a_published_entry_keeps_serving_while_its_change_is_reviewed(conn: Connection, cast: Cast) -> None:
    (code,) = published(conn, "企业登记基本信息")
    old = find_entry(conn, code)
    with pytest.raises(Conflict, match=r"catalogue\.published"):
        change_entry(conn, old.id, new(), cast.officer)
    changed = replace(as_new(old, entry_items(conn, old.id)), update_cycle=4, items=new().items[:2])
    case = submit(conn, old.id, cast.officer, draft=changed, now=NOW)
    move_case(conn, case.id, "approve", cast.head, now=NOW)
    serving = entry(conn, code, cast.consumer)
    assert (serving.state, serving.update_cycle, serving.item_count) == ("published", 2, 3)
    with pytest.raises(Conflict, match=r"catalogue\.under_review"), conn.transaction():
        submit(conn, old.id, cast.officer, draft=changed, now=NOW)
    move_case(conn, case.id, "publish", cast.steward, now=NOW)
    present = entry(conn, code, cast.consumer)
    assert (present.code, present.version, present.update_cycle, present.item_count) == (code, 2, 4, 2)
    second, first = versions(conn, old.id)
    assert second.content is None
    assert first.content is not None
    assert len(first.content["items"]) == 3
    with pytest.raises(BadInput, match=r"catalogue\.class_fixed"):
        submit(conn, old.id, cast.officer, draft=replace(changed, class_code="201"), now=NOW)


def test_a_change_of_law_starts_the_ten_days_and_the_department_cannot_talk_itself_out(
    conn: Connection, cast: Cast
) -> None:
    (code,) = published(conn, "取水许可信息")
    old = find_entry(conn, code)
    case = open_change(conn, old.id, "《取水许可管理办法》修订，新增两项", cast.steward, now=NOW)
    assert [clock.rule for clock in clocks_of(conn, case.id)] == ["T1"]
    assert [row.case.id for row in desk(conn, cast.officer, now=NOW)] == [case.id]
    with pytest.raises(NotFound, match=r"casework\.no_move"), conn.transaction():
        move_case(conn, case.id, "withdraw", cast.officer, "不改了")
    changed = replace(as_new(old, entry_items(conn, old.id)), summary="按新办法")
    assert submit(conn, old.id, cast.officer, draft=changed, now=NOW).id == case.id
    move_case(conn, case.id, "approve", cast.head, now=NOW)
    assert [(clock.rule, clock.met_at is None) for clock in clocks_of(conn, case.id)] == [
        ("T1", False), ("T2", True),
    ]  # fmt: skip
    move_case(conn, case.id, "publish", cast.steward, now=NOW)
    assert versions(conn, old.id)[0].note.startswith("《取水许可管理办法》")


def test_a_withdrawn_entry_is_gone_from_the_lists_and_its_name_is_free_again(
    conn: Connection, cast: Cast
) -> None:
    (code,) = published(conn, "旧的信息")
    with pytest.raises(Denied):
        withdraw_entry(conn, find_entry(conn, code).id, "不再产生", cast.water)
    withdraw_entry(conn, find_entry(conn, code).id, "不再产生", cast.head)
    with pytest.raises(NotFound):
        entry(conn, code, cast.consumer)
    assert published(conn, "旧的信息") == ("102/000002",)


def test_the_four_lists_are_counts_of_rows(conn: Connection, cast: Cast) -> None:
    a, b, c = published(conn, "甲信息", "乙信息", "丙信息")
    published(conn, "负面信息", share_type=3, share_condition="《个人信息保护法》第28条")
    add_entry(conn, new("草稿信息"), cast.officer)
    attach(conn, find_entry(conn, a).id, "standard.enterprise", cast.officer)
    attach(conn, find_entry(conn, b).id, "standard.other")
    commit_supply(conn, find_entry(conn, a).id, cast.officer)
    commit_supply(conn, find_entry(conn, c).id)
    import_demands(conn, [
        NewDemand("D15", "户籍人口核验", "入学资格核验", ("姓名", "公民身份号码"), "D23"),
        NewDemand("D15", "企业登记信息", "取水许可", ("统一社会信用代码",), "D23"),
    ])  # fmt: skip
    import_demands(conn, [NewDemand("D15", "户籍人口核验", "入学资格核验")])
    found = counts(conn)
    assert found == Counts(
        entries=4, supply=1, demand=2, negative=1, attached=2, committed=2, drafts=1, demand_met=0
    )
    assert entries(conn, cast.consumer, "supply").rows[0].code == a
    assert entries(conn, cast.consumer, "negative").total == 1
    assert entries(conn, cast.officer, "mine").total == 5
    assert entries(conn, cast.consumer, "mine").total == 0
    first = entries(conn, cast.consumer, size=3)
    assert (len(first.rows), first.total, first.pages) == (3, 4, 2)
    by_department = {row.code: row for row in counts_by_department(conn)}
    assert (by_department["D23"].entries, by_department["D15"].demand, by_department["D01"].entries) == (
        4,
        2,
        0,
    )
    wanted = next(one for one in demands(conn, department="D15").rows if one.name == "企业登记信息")
    match_demand(conn, wanted.id, find_entry(conn, a).id)
    assert demands(conn, status="met").rows[0].entry_code == a
    detach(conn, find_entry(conn, a).id)
    assert counts(conn).supply == 0


def test_a_demand_follows_its_case_to_the_entry_that_meets_it(conn: Connection, cast: Cast) -> None:
    (code,) = published(conn, "企业登记基本信息")
    import_demands(conn, [NewDemand("D15", "企业登记信息", "取水许可审批")])
    wanted = demands(conn).rows[0]
    case_id = open_case(conn, "demand", title=wanted.name, department_code="D15", opened_by=cast.consumer,
                        subject={"demand_id": wanted.id}, now=NOW)  # fmt: skip
    assert [clock.rule for clock in clocks_of(conn, case_id)] == ["L2"]
    move_case(conn, case_id, "coordinate", cast.steward, "与市场监管局商量", now=NOW)
    assert demands(conn).rows[0].status == "coordinating"
    with pytest.raises(NotFound, match=r"catalogue\.no_entry"), conn.transaction():
        move_case(conn, case_id, "match", cast.steward, data={"entry_code": "102/999999"}, now=NOW)
    move_case(conn, case_id, "match", cast.steward, data={"entry_code": code}, now=NOW)
    assert (demands(conn).rows[0].status, demands(conn).rows[0].entry_code) == ("met", code)


def test_the_platform_may_do_what_the_city_needs_done(conn: Connection, cast: Cast) -> None:
    draft = add_entry(conn, new(), SYSTEM)
    assert draft.state == "draft"
