"""Fuse: the same rows give the same register; every value can be answered for; wrong joins are worse than none."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fuse.town import Row, Town, row, valid_codes

from jutong.database import Database
from jutong.fuse import (
    RegisterSource,
    declare_register,
    evaluate,
    explain,
    find_entities,
    find_register,
    fuse,
    list_registers,
    with_sources,
)
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import BadInput, NotFound

# valid codes: GB 32100-2015, GB 11714, GS 15-2006
A_USCC, A_ORG = "91430502MA4L000115", "MA4L00011"
B_USCC, B_ORG = "11430500006123458E", "006123458"
C_ORG = "MA41ADLP3"
REG = "430502000000011"


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        yield opened


@pytest.fixture
def town(database: Database, store: Store, settings: Settings) -> Town:
    return Town(database, store, settings)


# -- matching


def test_codes_join_by_strength_and_a_wrong_check_digit_does_not_join(town: Town) -> None:
    town.write(
        market=[row("1", uscc=A_USCC, reg=REG), row("2", "邵阳市民政局", uscc=B_USCC)],
        tax=[
            row("1", "甲", uscc=A_USCC),
            row("2", "乙", reg=REG),
            row("3", "丙", uscc=A_USCC[:-1] + "6"),  # the organisation code within still holds
            row("4", "丁", uscc="91430502MA4L000125"),  # neither holds
        ],
        social=[row("1", "戊", org=A_ORG), row("2", "己", org=C_ORG), row("3", "庚", org=C_ORG)],
    )
    fused = town.fuse()
    assert town.clusters() == {
        frozenset({"market:1", "tax:1", "tax:2", "tax:3", "social:1"}), frozenset({"market:2"}),
        frozenset({"tax:4"}), frozenset({"social:2", "social:3"}),
    }  # fmt: skip
    assert (fused.records, fused.entities, fused.by_key, fused.by_likeness) == (9, 4, 7, 0)


def test_a_registration_number_that_two_entities_bear_joins_nobody(town: Town) -> None:
    town.write(
        market=[row("1", uscc=A_USCC, reg=REG), row("2", "邵阳市民政局", uscc=B_USCC, reg=REG)],
        tax=[row("1", "不相干", reg=REG)],
    )
    town.fuse()
    assert len(town.clusters()) == 3


def test_the_residue_is_joined_by_name_person_and_address(town: Town) -> None:
    place = "湖南省邵阳市双清区宝庆路18号"
    town.write(
        market=[
            row("1", "邵阳市宏达商贸有限公司", uscc=A_USCC, rep="李建国", address=place),
            row("2", "双清区云水铺老唐招待所", uscc=B_USCC, rep="沐明义", address="双清区云水铺乡白马村4组"),
        ],
        tax=[
            row("1", "湖南省邵阳市宏达商贸有限责任公司", rep="李建国", address="双清区宝庆路18号"),
            row(
                "2", "双清区云水铺老唐招待所", rep="王小红", address="大祥区城南乡1组"
            ),  # another shop of that name
            row("3", "宏达商贸", address=place, phone="13807390001"),
        ],
        social=[row("1", "邵阳市宏大商贸有限公司", rep="李建国", address="双清区宝庆路18号")],
    )
    town.fuse()
    together = frozenset({"market:1", "tax:1", "tax:3", "social:1"})
    assert together in town.clusters()
    assert frozenset({"market:2"}) in town.clusters()
    assert frozenset({"tax:2"}) in town.clusters()


def test_a_record_as_like_to_two_entities_is_left_alone(town: Town) -> None:
    place, owner = "双清区宝庆路18号", "李建国"
    town.write(
        market=[
            row("1", "邵阳市宏达商贸有限公司", uscc=A_USCC, rep=owner, address=place),
            row("2", "邵阳市宏达商贸有限公司", uscc=B_USCC, rep=owner, address=place),
        ],
        tax=[row("1", "邵阳市宏达商贸有限公司", rep=owner, address=place)],
    )
    town.fuse()
    assert frozenset({"tax:1"}) in town.clusters()


def test_records_without_any_code_join_each_other(town: Town) -> None:
    place = "隆回县桃洪镇文昌路3号"
    town.write(
        tax=[row(str(n), "隆回县老兵早餐店", rep="刘军", address=place) for n in range(3)],
        social=[row("9", "隆回县老兵早餐店", rep="刘军", address=place)],
    )
    assert town.fuse().by_likeness == 4
    assert town.clusters() == {frozenset({"tax:0", "tax:1", "tax:2", "social:9"})}


def test_clusters_by_code_are_the_connected_components_an_oracle_finds(town: Town) -> None:
    """Consistent codes (each company has its own three): any subset of them must join as a graph does."""
    chance = random.Random(11)
    codes = valid_codes(40)
    given: dict[str, list[Row]] = {"market": [], "tax": [], "social": []}
    graph: nx.Graph[str] = nx.Graph()
    seen: dict[str, list[tuple[str, int]]] = {}
    for number in range(300):
        company = chance.randrange(40)
        uscc, org, reg = codes[company]
        shown = {"uscc": uscc, "org": org, "reg": reg}
        for code in chance.sample(sorted(shown), k=chance.choice([0, 1, 1, 2])):
            shown[code] = None  # type: ignore[assignment]
        short = chance.choice(sorted(given))
        given[short].append(row(str(number), f"第{number}号", **shown))
        node = f"{short}:{number}"
        graph.add_node(node)
        for code in (shown["uscc"] and shown["uscc"][8:17], shown["org"], shown["reg"]):
            if code:
                for other, _ in seen.setdefault(code, []):
                    graph.add_edge(node, other)
                seen[code].append((node, number))
    town.write(**given)
    town.fuse()
    assert town.clusters() == {frozenset(each) for each in nx.connected_components(graph)}


def test_the_order_of_rows_makes_no_difference(
    town: Town, database: Database, store: Store, settings: Settings
) -> None:
    chance = random.Random(3)
    codes = valid_codes(12)
    rows = []
    for number, (short, company) in enumerate(itertools.product(("market", "tax", "social"), range(12))):
        uscc, org, reg = codes[company]
        rows.append((
            short,
            row(
                str(number), f"邵阳市{company}号商贸有限公司", rep=f"李{company}",
                address=f"双清区宝庆路{company}号", at=f"2024-01-{1 + number % 28:02} 00:00:00",
                uscc=uscc if chance.random() < 0.6 else None, org=org if chance.random() < 0.2 else None,
                reg=reg if chance.random() < 0.5 else None, phone=f"1380739{chance.randrange(10000):04}",
            ),
        ))  # fmt: skip
    results = []
    for shuffled in (rows, rows[::-1], chance.sample(rows, len(rows))):
        another = Town(database, store, settings)
        another.write(**{
            short: [each for kind, each in shuffled if kind == short] for short in ("market", "tax", "social")
        })  # fmt: skip
        another.fuse()
        golden = [
            {name: value for name, value in each.items() if name != "entity"} for each in another.golden()
        ]
        results.append((another.clusters(), sorted(map(repr, golden))))
    assert results[0] == results[1] == results[2]


# -- the golden record


def test_trust_then_time_decides_and_every_losing_value_is_kept_with_its_reason(town: Town) -> None:
    town.write(
        market=[row("1", "甲公司", uscc=A_USCC, rep="李建国", phone="0739-5", at="2020-01-01 00:00:00")],
        tax=[
            row("1", "甲有限公司", uscc=A_USCC, rep="李建国", address="旧址一号", phone="13807390001",
                at="2021-01-01 00:00:00"),
            row("2", "甲有限公司", uscc=A_USCC, rep="王红", address="新址二号", phone="13807390002",
                at="2023-01-01 00:00:00"),
        ],
    )  # fmt: skip
    town.fuse()
    (golden,) = town.golden()
    assert (golden["name"], golden["legal_rep"], golden["address"]) == ("甲公司", "李建国", "新址二号")
    assert golden["phone"] == "13807390002"  # the trusted source's number fails its check
    assert (golden["sources"], golden["records"]) == (2, 3)
    explained = explain(town.store, town.register, golden["entity"])
    items = {item.item: item for item in explained.items}
    assert [(value.value, value.reason) for value in items["address"].values] == [
        ("新址二号", "chosen"), ("旧址一号", "older"),
    ]  # fmt: skip
    assert {value.reason for value in items["legal_rep"].values} == {"chosen", "same", "less_trusted"}
    assert {value.value: value.reason for value in items["phone"].values}["0739-5"] == "invalid"
    assert items["name"].because == "各源不一，以「市场监管」为准（可信顺序在前）"
    assert items["uscc"].because == "3 条记录一致"
    assert items["name"].disputed
    assert not items["uscc"].disputed
    assert [member.sentence for member in explained.members] == ["统一社会信用代码相同"] * 3
    assert [each["entity"] for each in find_entities(town.store, town.register, A_USCC)] == [golden["entity"]]
    assert [each["name"] for each in find_entities(town.store, town.register, "甲公")] == ["甲公司"]
    with pytest.raises(NotFound):
        explain(town.store, town.register, "LE0")


def test_no_value_of_any_source_is_lost(town: Town) -> None:
    """Law 6, counted: every non-empty value of every standard row is in the value dataset, under its row."""
    codes = valid_codes(10)
    town.write(
        market=[row(str(n), f"公司{n}", uscc=codes[n][0], rep=f"李{n}") for n in range(10)],
        tax=[row(str(n), f"公司{n}号", uscc=codes[n][0], phone=f"1380739000{n}") for n in range(5)],
        social=[row(str(n), f"公司{n}", org=codes[n][1]) for n in range(7)],
    )
    town.fuse()
    mapping = town.register.sources[0].mapping
    with town.store.reading() as view:
        wanted = set()
        for source in town.register.sources:
            for each in view.rows(f"SELECT * FROM {view.table(source.dataset)}"):
                wanted |= {
                    (source.dataset, each["code"], item, each[column])
                    for item, column in mapping.items()
                    if each[column] is not None
                }
        kept = {
            (each["dataset"], each["source_key"], each["item"], each["value"])
            for each in view.rows(f"SELECT * FROM {view.table(town.register.values)}")
        }
        chosen = view.rows(
            f"SELECT entity, item, count(*) FILTER (chosen) AS n FROM {view.table(town.register.values)} GROUP BY 1, 2"
        )
    assert kept == wanted
    assert all(each["n"] == 1 for each in chosen)


# -- running again


def test_running_again_changes_nothing_and_commits_nothing(town: Town) -> None:
    town.write(market=[row("1", uscc=A_USCC)], tax=[row("1", "甲", uscc=A_USCC)])
    first = town.fuse()
    before = town.store.snapshot()
    again = town.fuse()
    assert (first.inserted, again.snapshot, again.inserted, again.updated) == (1, None, 0, 0)
    assert town.store.snapshot() == before


def test_a_change_is_merged_and_ids_stay(town: Town) -> None:
    codes = valid_codes(4)
    market = [row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(4)]
    town.write(market=market, tax=[row("1", "公司1", uscc=codes[1][0]), row("9", "无码小店", rep="刘军")])
    town.fuse()
    ids = {each["name"]: each["entity"] for each in town.golden()}
    start = town.store.snapshot()
    changed = [row("1", "公司1改名", uscc=codes[1][0], at="2025-01-01 00:00:00"), *market[2:]]
    town.write(
        market=changed,
        tax=[row("1", "公司1", uscc=codes[1][0]), row("9", "无码小店", uscc=codes[3][0], rep="刘军")],
    )
    fused = town.fuse()
    now = {each["name"]: each["entity"] for each in town.golden()}
    assert now == {"公司1改名": ids["公司1"], "公司2": ids["公司2"], "公司3": ids["公司3"]}
    # 公司1 renamed, 公司3 gained a record; 公司0 and the shop without a code are gone
    assert (fused.inserted, fused.updated, fused.deleted) == (0, 2, 2)
    with town.store.changes(town.register.golden, start) as changes:
        assert (changes.upsert_count, changes.delete_count) == (2, 2)
    with town.store.reading() as view:
        left = view.rows(
            f"SELECT count(*) AS n FROM {view.table(town.register.values)} v ANTI JOIN "
            f"{view.table(town.register.members)} m USING (dataset, source_key)"
        )
    assert left == [{"n": 0}]
    assert town.fuse().snapshot is None


def test_an_entity_that_splits_leaves_its_id_with_the_larger_part(town: Town) -> None:
    uscc, other = valid_codes(2)[0], valid_codes(2)[1]
    town.write(
        market=[row("1", "甲", uscc=uscc[0])],
        tax=[row("1", "甲", uscc=uscc[0]), row("2", "甲", uscc=uscc[0])],
    )
    town.fuse()
    ((entity),) = [each["entity"] for each in town.golden()]
    town.write(tax=[row("1", "甲", uscc=other[0]), row("2", "甲", uscc=other[0])])
    town.fuse()
    golden = {each["uscc"]: each["entity"] for each in town.golden()}
    assert golden[other[0]] == entity
    assert len(set(golden.values())) == 2
    assert town.fuse().snapshot is None


# -- declaring, evaluating


def test_a_register_is_rows_and_a_wrong_mapping_is_refused(town: Town, database: Database) -> None:
    with database.connection() as connection:
        declare_register(connection, town.register)
        assert find_register(connection, town.register.name) == town.register
        assert town.register.name in [register.name for register in list_registers(connection)]
        with pytest.raises(NotFound):
            find_register(connection, "no_such")
    with pytest.raises(BadInput):
        with_sources(town.register, RegisterSource("standard.x", "x", {"没有": "x"}, 1))
    wrong = replace(town.register.sources[0], mapping={"name": "没有"})
    with pytest.raises(BadInput) as raised:
        fuse(
            with_sources(town.register, wrong),
            database=town.database,
            store=town.store,
            settings=town.settings,
        )
    assert raised.value.code == "fuse.bad_mapping"


def test_evaluation_agrees_with_a_count_of_pairs_by_hand(town: Town, tmp_path: Path) -> None:
    codes = valid_codes(3)
    town.write(
        market=[row(str(n), f"公司{n}", uscc=codes[n][0]) for n in range(3)],
        tax=[row("0", "x", uscc=codes[0][0]), row("1", "y", uscc=codes[0][0]), row("2", "z")],
    )
    town.fuse()
    market, tax = town.tables[:2]
    truth = [
        (market, "0", 0),
        (market, "1", 1),
        (market, "2", 2),
        (tax, "0", 0),
        (tax, "1", 1),
        (tax, "2", 2),
    ]
    (tmp_path / "round-000").mkdir()
    pq.write_table(
        pa.table({
            "source_table": [each[0] for each in truth], "round": [0] * 6, "key": [each[1] for each in truth],
            "entity": [each[2] for each in truth], "rejected": [False] * 6,
        }),
        tmp_path / "round-000" / "x.entities.parquet",
    )  # fmt: skip
    found = evaluate(town.register.name, tmp_path, database=town.database, store=town.store)
    # found {m0 t0 t1} {m1} {m2} {t2}: 3 pairs, 1 right; really {m0 t0} {m1 t1} {m2 t2}: 3 pairs; no cluster exact
    assert (found.pair_precision, found.pair_recall) == (round(1 / 3, 6), round(1 / 3, 6))
    assert (found.cluster_f1, found.records, found.entities) == (0.0, 6, 3)
    with pytest.raises(BadInput):
        evaluate(town.register.name, tmp_path / "round-999", database=town.database, store=town.store)


def test_the_vectors_of_this_file_are_valid() -> None:
    from jutong.elements import valid_sql

    for uscc, org, reg in [(A_USCC, A_ORG, REG), (B_USCC, B_ORG, REG), *valid_codes(20)]:
        for element, text in (("uscc", uscc), ("org_code", org), ("business_reg_no", reg)):
            assert duckdb.execute(
                f"SELECT {valid_sql(element, 't')} FROM (SELECT '{text}' AS t)"
            ).fetchone() == (True,), text
