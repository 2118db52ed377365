"""Registers are declarations: what is declared is read, what is wrong is said, and likeness is Splink's to the bit."""

from __future__ import annotations

import datetime as dt
import random
import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from bench.febrl import declaration, truth_of

from jutong.city import registers
from jutong.fuse import NameParts, evaluate_csv, identifier_sound, read_register, register_yaml, split_name
from jutong.fuse.credits import Fact
from jutong.fuse.evaluating import empty_run
from jutong.fuse.folding import folds, sounding
from jutong.fuse.licences import Licence
from jutong.fuse.likeness import add_sounds, candidate_steps, score, score_sql
from jutong.fuse.matching import anchor_steps, record_steps
from jutong.fuse.names import plain_sql
from jutong.fuse.steps import MACROS, Duck
from jutong.terms import BadInput

DATA = Path(__file__).parents[2] / "bench" / "data" / "febrl"


@pytest.mark.parametrize("register", registers(), ids=lambda one: one.name)
def test_a_declaration_survives_being_written_down(register) -> None:  # type: ignore[no-untyped-def]
    assert read_register(register_yaml(register)) == register


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "应为一个映射"),
        ("name: a\nlabel: 甲\nprefix: A\nitems: []\nsauces: []", "不认识的 sauces"),
        ("name: a\nlabel: 甲\nprefix: A\nitems: []\nmatch: {keys: [{name: k, label: k, of: [x]}]}", "没有信息项 x"),
        ("name: a\nlabel: 甲\nprefix: A\nitems: [{name: x, label: x}]\nmatch: {compare: [{name: c, item: x, as: magic}]}", "magic"),
        ("name: a\nlabel: 甲\nprefix: A\nitems: [{name: x, label: x}]\nmatch: {blocks: [[c]]}", "不是比较项"),
        ("name: [", "YAML 读不懂"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_refused_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_register(text)
    assert raised.value.code == "fuse.bad_register"
    assert told in raised.value.sentence


def test_a_fifth_register_is_a_file_and_no_code(tmp_path: Path) -> None:
    """Febrl's persons, from CSV: nothing here knows them but their declaration."""
    found = evaluate_csv(declaration(), [DATA / "dataset1.csv"], truth_of(("dataset1",), tmp_path))
    assert found.records == 1000
    assert found.pair_f1 >= 0.99
    assert found.cluster_f1 >= 0.99


def test_weights_are_splinks_own() -> None:
    """Engines that Splink does not run on compute the same sum: every pair, every weight."""
    register = registers()[0]
    names = (
        "邵阳市宏达商贸有限公司",
        "邵阳市宏大商贸有限公司",
        "湖南宏达商贸有限责任公司",
        "双清区老唐招待所",
    )
    rows = [
        (
            f"{n}",
            names[n % 4],
            ("李建国", "李建果", None)[n % 3],
            ("双清区宝庆路18号", "宝庆路18号", None)[n % 3],
            ("1", "2", None, "3")[n % 4],
        )
        for n in range(24)
    ]
    with duckdb.connect() as duck:
        for macro in MACROS:
            duck.execute(macro)
        empty_run(duck)
        columns = ", ".join(
            f'CAST({"NULL" if item.name not in SHOWN else "c" + str(SHOWN[item.name])} AS VARCHAR) AS "{item.name}"'
            for item in register.items
        )
        duck.execute("CREATE TABLE given (c0 VARCHAR, c1 VARCHAR, c2 VARCHAR, c3 VARCHAR, c4 VARCHAR)")
        duck.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?)", rows)
        duck.execute(
            f"CREATE TABLE incoming AS SELECT 'standard.x' AS dataset, c0 AS source_key, NULL::VARCHAR AS batch, "
            f"NULL::BIGINT AS row_no, NULL::TIMESTAMP AS told, {columns} FROM given"
        )
        engine = Duck(duck)
        engine.run([*record_steps(register), *anchor_steps(register), *candidate_steps(register)])
        add_sounds(register, engine)
        score(register, engine)
        ours = score_sql(register)
        told = "SELECT least(rid_l, rid_r), greatest(rid_l, rid_r), round(weight, 6) FROM"
        assert duck.execute(f"SELECT count(*) FROM ({ours})").fetchone() > (20,)
        assert (
            duck.execute(
                f"({told} ({ours}) EXCEPT {told} scored_pair) UNION ALL ({told} scored_pair EXCEPT {told} ({ours}))"
            ).fetchall()
            == []
        )


SHOWN = {"name": 1, "legal_rep": 2, "address": 3, "phone": 4}


def test_names_come_apart_as_the_law_has_them() -> None:
    assert split_name("湖南省邵阳市宏達商贸有限责任公司") == NameParts(
        "湖南省邵阳市", "宏达", "商贸", "有限责任公司"
    )
    assert split_name("双清区老唐招待所") == NameParts("双清区", "老唐招待所", "", "")


def test_a_name_is_plain_however_it_was_written() -> None:
    """Against the same said in Python: width, traditional characters, brackets, blanks, small letters and numerals."""
    alphabet = "邵陽阳宏達达商貿贸（）() ·　ａｂＣab9８éⅰⓐ有限公司-，"
    chance = random.Random(7)
    given = ["".join(chance.choices(alphabet, k=chance.randint(1, 6))) for _ in range(3_000)]
    old, new = folds()
    with duckdb.connect() as duck:
        duck.register("given", pa.table({"name": given}))
        plain = [row[0] for row in duck.execute(f"SELECT {plain_sql('name')} FROM given").fetchall()]
    folded = (name.translate(str.maketrans(old, new)) for name in given)
    assert plain == [re.sub(r"[\s（）()《》【】\[\]·.,，。、/-]", "", name).upper() for name in folded]


def test_characters_of_one_sound_or_shape_stand_for_one_another() -> None:
    assert sounding("宏达商贸") == sounding("宏大商贸")
    assert sounding("己未") == sounding("已末")
    assert sounding("宏达") != sounding("金叶")


def test_one_character_is_counted_as_one() -> None:
    with duckdb.connect() as duck:
        for macro in MACROS:
            duck.execute(macro)
        for left, right, near in (
            ("宏达商贸", "宏大商贸", True), ("宏达商贸", "宏达商", True), ("宏达商", "宏达商贸", True),
            ("宏达商贸", "宏大商茂", False), ("宏达商贸", "宏达", False), ("abcd", "abef", False), ("一二", "一二", True),
        ):  # fmt: skip
            assert duck.execute("SELECT one_char_apart(?, ?)", [left, right]).fetchone() == (near,), (
                left,
                right,
            )


def test_a_licences_identifier_and_its_days() -> None:
    sound = "1.2.156.3005.2.11100000000013338W022.1143051100610103XN.20000000006.001.W"
    assert identifier_sound(sound)
    assert not identifier_sound(sound[:-1] + "X")
    assert not identifier_sound(sound.replace("0006.", "0007."))
    assert not identifier_sound("证照")
    day = dt.date(2026, 1, 11)
    one = Licence("ZZ1", sound, "登记证", "", "", None, "", dt.date(2023, 1, 11), day, "001", cancelled=False)
    said = [one.state_on(day + dt.timedelta(days=n)) for n in (-2000, 0, 1)]
    assert said == ["未生效", "有效", "已到期"]


def test_a_repaired_fact_counts_no_more() -> None:
    fact = Fact(
        "XY1", "行政处罚", "1", "", dt.date(2025, 1, 1), dt.date(2026, 1, 1), "", "", dt.date(2025, 6, 1)
    )
    days = (dt.date(2024, 12, 31), dt.date(2025, 5, 31), dt.date(2025, 6, 1))
    assert [fact.counts_on(day) for day in days] == [False, True, False]
