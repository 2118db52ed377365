"""Dirt made by another hand: recall and precision of every operator, and nothing asked of what is clean."""

from __future__ import annotations

import random

import duckdb
import pytest
from bench.refining_data import ITEMS, rows_sql
from tests.elements.other_dirt import CLEAN, OPERATORS, Operator, measured

from jutong.elements import ELEMENTS, element_of, try_many, verdict_sql

_COUNT = 400


def test_there_are_forty_kinds_and_more() -> None:
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS) >= 40


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: one.name)
def test_each_kind_is_found_or_mended(operator: Operator) -> None:
    found = measured(operator, _COUNT)
    assert found.spoiled
    assert found.recall >= 0.98, f"{found.right} of {found.spoiled}"
    assert found.precision >= 0.98, f"{found.false} false beside {found.right}"


@pytest.mark.parametrize("element", CLEAN)
def test_nothing_is_asked_of_clean_values(element: str) -> None:
    rng = random.Random(7)
    tried = try_many(ELEMENTS[element], [CLEAN[element](rng) for _ in range(5_000)])
    asked = [one for one in tried if one.problems]
    assert asked == []


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_no_clean_row_is_questioned(count: int) -> None:
    """Rows of the refining bench without its seeded dirt, by the same SQL that refines."""
    columns = []
    for item in ITEMS:
        element = element_of(str(item["element"]), str(item.get("type", "text")))
        text, value = f"t_{item['name']}", f"v_{item['name']}"
        columns.append((element, str(item["name"]), text, value))
    cleaned = ", ".join(f"{element.clean(name)} AS {text}" for element, name, text, _ in columns)
    values = ", ".join(f"{element.cast(text)} AS {value}" for element, _, text, value in columns)
    asked = ", ".join(
        f"count(*) FILTER (WHERE {verdict_sql(element, text, value)} <> 0)"
        for element, _, text, value in columns
    )
    # Seeded rows are those whose number hashes below 100 in a thousand (see rows_sql).
    clean = f"SELECT * FROM ({rows_sql(0, count)}) WHERE hash(_row - 1 + 1000000007) % 1000 >= 100"
    found = duckdb.sql(f"SELECT {asked} FROM (SELECT *, {values} FROM (SELECT {cleaned} FROM ({clean})))")
    assert found.fetchone() == (0,) * len(columns)


def _rare(element: str, rng: random.Random) -> str:
    """Right and rare: what a rule written in a hurry would refuse. Made of parts, so that a million are not one."""
    number = rng.randint(1, 999_999)
    made = {
        "person_name": ["欧阳娜娜", "买买提·阿不都热合曼", "阿依古丽·买买提", "Maria da Silva", "司马", "李〇", "䶮新", "王一一一"],
        "legal_name": [
            f"邵阳市ABC{number}（湖南）有限公司", f"邵阳{number}号加油站", "新宁县崀山·1号民宿", "邵东市O2O电商服务部", "武冈市“老字号”卤菜店",
            f"城步苗族自治县第{number}小学", "中共邵阳市委办公室", "某某（集团）股份有限公司邵阳分公司",
        ],
        "mobile": [f"199{number:08d}", f"165{number:08d}", f"192{number:08d}", f"+86 178{number:08d}"],
        "phone": [f"0739-5{number:06d}", f"0739-5{number:06d}-8001", "12345", "400-820-8820", f"010-8{number % 10_000_000:07d}"],
        "date": ["2000-02-29", "2024-02-29", "1900-01-01", "2023年12月31日", "20240101", "2024/1/9"],
        "amount": ["0", "0.01", "9999999999999999.99", "1,000,000.00", "壹万贰仟叁佰元整", f"{number}", f"{number}.5万元"],
        "email": [f"a.b+c{number}@mail.example.com.cn", f"_{number}@163.com", f"O'Brien{number}@gov.cn"],
        "document_no": [f"湘邵自然资罚决字〔2024〕第{number % 900 + 1}号", f"（2024）湘05民终{number % 900 + 1}号"],
        "plate_no": ["湘ED12345", "湘E12345D", "湘EA123学", "湘E1234挂"],
        "bank_card": [], "uscc": [], "org_code": [], "person_id": [], "business_reg_no": [], "licence_id": [],
        "integer": ["0", "-1", "1,234,567", f"{number}"],
        "division_code": ["430500", "430581", "430521", "432621", "430500000000"],
    }  # fmt: skip
    choices = made.get(element) or [CLEAN[element](rng)]
    return rng.choice(choices)


@pytest.mark.parametrize("count", [8_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_no_right_value_is_refused_however_rare(count: int) -> None:
    """A flag is a question; a refusal of what is right would lose a row."""
    elements = [*CLEAN, "phone"]
    rng = random.Random(36344)
    refused = []
    for element in elements:
        values = [
            _rare(element, rng) if element not in CLEAN or rng.random() < 0.5 else CLEAN[element](rng)
            for _ in range(count // len(elements))
        ]
        for given, one in zip(values, try_many(ELEMENTS[element], values), strict=True):
            refused += [(element, given, check.code) for check in one.problems if check.severity == "reject"]
    assert sorted(set(refused)) == []
