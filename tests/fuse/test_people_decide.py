"""What only people can say, and what a run must not do by itself: doubts, holds, contradictions, residue, histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.fuse.town import Town, row, valid_codes

from jutong.casework import case_moves, find_case, move
from jutong.database import Database
from jutong.fuse import declare_register, doubts, explain, history
from jutong.fuse.register import Holds
from jutong.people import Department, Party, add_departments, add_user, party_of
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import NotFound


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def steward(database: Database) -> Party:
    with database.connection() as connection:
        add_departments(connection, [Department("D01", "数据局", "数据局", "department", steward=True)])
        add_user(
            connection,
            login="guan",
            name="管理员",
            department_code="D01",
            roles=("steward",),
            password="Abc-12345-xyz",
        )
        return party_of(connection, "guan")


@pytest.fixture
def town(database: Database, store: Store, settings: Settings, steward: Party) -> Town:
    return Town(database, store, settings)


def doubtful_rows() -> dict[str, list[tuple[Any, ...]]]:
    """The names sound alike and the telephone is the same, nothing else is known: neither one nor two."""
    codes = valid_codes(2)
    return {
        "market": [row("1", "邵阳市宏达商贸有限公司", uscc=codes[0][0], phone="13807390001")],
        "tax": [row("1", "邵阳市宏大商贸有限公司", phone="13807390001")],
    }


def decided(town: Town, name: str, steward: Party) -> int:
    with town.database.connection() as connection:
        (doubt,) = doubts(connection, town.register.name)
        assert doubt.case_id is not None
        case = find_case(connection, doubt.case_id)
        assert case.kind == "merge_review"
        assert ["名称", "邵阳市宏达商贸有限公司", "邵阳市宏大商贸有限公司"] in case.data["items"]
        assert {one.name for one in case_moves(case, steward)} == {"join", "part"}
        move(connection, doubt.case_id, name, steward, "电话核实过")
        return doubt.case_id


def test_a_pair_too_close_to_call_is_asked_and_the_answer_is_replayed(town: Town, steward: Party) -> None:
    town.write(**doubtful_rows())
    assert town.fuse().doubtful == 1
    assert len(town.clusters()) == 2
    decided(town, "join", steward)
    assert town.fuse().updated == 1
    assert town.clusters() == {frozenset({"market:1", "tax:1"})}
    assert {one.rule for one in explain(town.store, town.register, town.golden()[0]["entity"]).members} == {
        "uscc", "decided"
    }  # fmt: skip
    town.write(social=[row("9", "无关小店", rep="刘军")])
    town.fuse()
    assert frozenset({"market:1", "tax:1"}) in town.clusters()


def test_a_pair_that_was_parted_is_not_asked_again(town: Town, steward: Party) -> None:
    town.write(**doubtful_rows())
    town.fuse()
    decided(town, "part", steward)
    town.fuse()
    assert len(town.clusters()) == 2
    with town.database.connection() as connection:
        assert [one.verdict for one in doubts(connection, town.register.name)] == ["different"]


def test_no_decision_joins_two_valid_codes(town: Town, steward: Party) -> None:
    codes = valid_codes(2)
    town.write(**doubtful_rows())
    town.fuse()
    decided(town, "join", steward)
    town.write(tax=[row("1", "邵阳市宏大商贸有限公司", uscc=codes[1][0], phone="13807390001")])
    town.fuse()
    assert len(town.clusters()) == 2


def test_a_source_that_shrinks_to_a_tenth_is_held_until_a_person_lets_it_through(
    town: Town, steward: Party
) -> None:
    town.register = replace(town.register, holds=Holds(at_least=5))
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    codes = valid_codes(30)
    town.write(market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(30)])
    town.fuse()
    before = town.golden()
    town.write(market=[row("0", "公司0", uscc=codes[0][0])])
    held = town.fuse()
    assert (held.snapshot, town.golden()) == (None, before)
    assert "上次 30 行，这次 1 行" in held.held[0]
    assert town.fuse().held
    with town.database.connection() as connection:
        (found,) = connection.execute(
            "SELECT case_id FROM fuse_hold WHERE register = %s AND used_at IS NULL", [town.register.name]
        ).fetchall()
        move(connection, found["case_id"], "release", steward, "来源已确认清库")
    assert town.fuse().deleted == 29
    assert len(town.golden()) == 1


def test_a_source_that_grows_tenfold_is_held_and_the_register_stays(town: Town) -> None:
    town.register = replace(town.register, holds=Holds(at_least=5))
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    codes = valid_codes(40)
    town.write(market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(4)])
    town.fuse()
    before = town.golden()
    town.write(market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(39)])
    assert town.fuse().snapshot is not None  # less than tenfold goes through
    town.write(market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(4)])
    assert town.fuse().deleted == 35  # and so does more than a tenth
    assert town.golden() == before
    town.write(market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(40)])
    held = town.fuse()
    assert (held.snapshot, town.golden()) == (None, before)
    assert "上次 4 行，这次 40 行" in held.held[0]


def test_a_source_that_is_empty_all_at_once_is_held(town: Town) -> None:
    town.register = replace(town.register, holds=Holds(at_least=5))
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    codes = valid_codes(10)
    town.write(
        market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(10)],
        tax=[row("1", "甲", uscc=codes[0][0])],
    )
    town.fuse()
    town.write(market=[])
    assert "上次 10 行，这次 0 行" in town.fuse().held[0]
    assert len(town.golden()) == 10


def test_too_many_splits_are_held(town: Town) -> None:
    town.register = replace(town.register, holds=Holds(at_least=3, splits=0.1))
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    codes = valid_codes(20)
    market = [row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(10)]
    town.write(market=market, tax=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(10)])
    town.fuse()
    town.write(tax=[row(str(n), f"别家{n}", uscc=codes[n + 10][0]) for n in range(10)])
    assert "拆分 10 个主体" in town.fuse().held[0]
    assert len(town.golden()) == 10


def test_too_many_merges_are_held(town: Town) -> None:
    town.register = replace(town.register, holds=Holds(at_least=3, merges=0.1))
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    codes = valid_codes(10)
    tax = [row(str(n), f"小店{n}", rep=f"李{n}") for n in range(10)]
    town.write(market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(10)], tax=tax)
    town.fuse()
    town.write(tax=[row(str(n), f"小店{n}", uscc=codes[n][0], rep=f"李{n}") for n in range(10)])
    assert "合并 10 个主体" in town.fuse().held[0]


def test_a_row_with_nothing_to_go_by_is_counted_apart_with_its_reason(town: Town) -> None:
    town.write(market=[row("1", "甲公司", uscc=valid_codes(1)[0][0]), row("2", None, rep="李建国")])  # type: ignore[arg-type]
    fused = town.fuse()
    assert (fused.records, fused.residue) == (1, 1)
    with town.store.reading() as view:
        (left,) = view.rows(f"SELECT source_key, reason FROM {view.table(town.register.residue)}")
    assert left["source_key"] == "2"
    assert "没有可用的匹配键" in left["reason"]
    town.write(
        market=[row("1", "甲公司", uscc=valid_codes(1)[0][0]), row("2", None, uscc="914305020000000000")]
    )  # type: ignore[arg-type]
    assert town.fuse().residue == 1
    with town.store.reading() as view:
        (left,) = view.rows(f"SELECT reason FROM {view.table(town.register.residue)}")
    assert "代码未通过校验" in left["reason"]
    town.write(market=[row("1", "甲公司", uscc=valid_codes(1)[0][0]), row("2", "乙公司", rep="李建国")])
    fused = town.fuse()
    assert (fused.records, fused.residue) == (2, 0)


def test_an_id_that_went_says_where(town: Town) -> None:
    codes = valid_codes(2)
    town.write(
        market=[row("1", "甲", uscc=codes[0][0])],
        tax=[row("1", "乙店")],
        social=[row("1", "甲", uscc=codes[0][0])],
    )
    town.fuse()
    ids = {one["name"]: one["entity"] for one in town.golden()}
    start = town.store.snapshot()
    town.write(tax=[row("1", "乙店", uscc=codes[0][0])])
    assert town.fuse().merges == 1
    with pytest.raises(NotFound) as gone:
        explain(town.store, town.register, ids["乙店"])
    assert f"并入 {ids['甲']}" in gone.value.sentence
    (event,) = history(town.store, town.register, ids["乙店"])
    assert (event.event, event.other, event.records) == ("merged", ids["甲"], 1)
    with town.store.changes(town.register.history, start) as changes:
        assert changes.upsert_count == 1


def test_a_source_that_contradicts_the_designated_one_gets_an_objection_once(town: Town) -> None:
    market, tax, _ = town.tables
    town.register = replace(town.register, designated={"legal_rep": f"standard.{market}"})
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    code = valid_codes(1)[0][0]
    town.write(
        market=[row("1", "甲", uscc=code, rep="李建国")], tax=[row("1", "甲", uscc=code, rep="王小红")]
    )
    town.fuse()
    assert town.golden()[0]["legal_rep"] == "李建国"
    town.write(tax=[row("1", "甲", uscc=code, rep="王大红")])
    town.fuse()
    with town.database.connection() as connection:
        found = connection.execute(
            "SELECT o.dataset, o.item, c.kind, c.data FROM fuse_objection o JOIN case_file c ON c.id = o.case_id "
            "WHERE o.register = %s",
            [town.register.name],
        ).fetchall()
    assert [(one["dataset"], one["item"], one["kind"]) for one in found] == [
        (f"standard.{tax}", "legal_rep", "objection")
    ]
    assert "李建国 ≠ 王小红" in found[0]["data"]["examples"][0]


def test_an_item_may_be_chosen_by_time_or_by_completeness(town: Town) -> None:
    town.register = replace(town.register, survivorship={"address": "completeness", "phone": "recency"})
    with town.database.connection() as connection:
        declare_register(connection, town.register)
    code = valid_codes(1)[0][0]
    town.write(
        market=[
            row("1", "甲", uscc=code, address="宝庆路18号", phone="13807390001", at="2024-01-01 00:00:00")
        ],
        tax=[
            row(
                "1",
                "甲",
                uscc=code,
                address="双清区宝庆路18号二楼",
                phone="13807390002",
                at="2024-06-01 00:00:00",
            )
        ],
    )
    town.fuse()
    (golden,) = town.golden()
    assert (golden["address"], golden["phone"]) == ("双清区宝庆路18号二楼", "13807390002")
    told = {one.item: one for one in explain(town.store, town.register, golden["entity"]).items}
    assert "最完整" in told["address"].because
