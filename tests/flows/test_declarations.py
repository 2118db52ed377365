"""A city declared as YAML: nothing guessed, all or nothing, twice is once, and export says what apply was told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jutong import gather
from jutong.database import Database
from jutong.flows import declarations
from jutong.flows.declarations.reading import _Loader
from jutong.terms import BadInput, JutongError

CITY = """\
kind: department
code: D01
name: 邵阳市行政审批服务局
short_name: 行政审批局
steward: true
division_code: 430500
---
kind: department
code: D23
name: 邵阳市市场监督管理局
short_name: 市场监管局
---
kind: rule_set
name: lives
label: 存续
rules:
  - {code: row.begun_before_gone, kind: not_after, items: [begun, gone], severity: reject}
  - {code: row.begun_not_in_future, kind: not_future, items: [begun]}
---
kind: source
name: scjg
department: D23
type: csv
label: 市场监管局报送文件
config: {folder: /srv/scjg}
secret: env:SCJG
tables:
  - name: scjg_market_entity
    label: 市场主体
    locator: {pattern: market_*.csv, encoding: gb18030}
    keys: [uscc]
    items:
      - {name: uscc, label: 统一社会信用代码, element: uscc, required: true}
      - {name: name, label: 名称, element: legal_name, source: QYMC}
      - {name: founded, label: 成立日期, type: date, element: date}
      - {name: ended, label: 注销日期, type: date, element: date, optional: true}
    rules:
      - {code: row.founded_before_ended, kind: not_after, items: [founded, ended]}
    rule_sets:
      lives: {begun: founded, gone: ended}
    hold_above: 0.25
plans:
  - {name: scjg_nightly, label: 每夜归集, cron: 30 1 * * *, from_hour: 22, to_hour: 6}
  - {name: scjg_again, label: 每夜之后, after: [scjg_nightly], tables: [scjg_market_entity], retries: 1}
  - {name: scjg_often, label: 每半小时, every: 30}
---
kind: application
code: A01
name: 审批平台
department: D01
---
kind: register
name: shop
label: 商户
prefix: SH
items:
  - {name: uscc, label: 统一社会信用代码, element: uscc}
  - {name: name, label: 名称, element: legal_name}
match:
  keys:
    - {name: uscc, label: 统一社会信用代码相同, of: [uscc], valid: uscc, settles: true}
sources:
  - {dataset: standard.scjg_market_entity, label: 市场主体, trust: 1, mapping: {uscc: uscc, name: name}}
---
kind: model
name: entities_by_year
label: 历年新设主体
sql: |
  SELECT year(founded) AS year, count(*) AS entities
  FROM entities
  GROUP BY ALL
keys: [year]
items:
  - {name: year, label: 年份, type: integer}
  - {name: entities, label: 户数, type: integer}
inputs:
  - {view: entities, dataset: standard.scjg_market_entity, items: [founded]}
"""


_SOURCE = """kind: source
name: s
department: D1
type: csv
label: 甲
tables: [{name: t, label: 乙, locator: {}, items: [{name: a, label: 丙, element: usc}]}]
"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    file = tmp_path / "city.yaml"
    file.write_text(CITY, encoding="utf-8")
    return file


def outcomes(changes: list[declarations.Change]) -> set[str]:
    return {one.outcome for one in changes}


def test_a_city_is_declared_twice_and_is_the_same(database: Database, declared: Path, tmp_path: Path) -> None:
    rehearsed = declarations.apply(database, declarations.read([declared]), rehearse=True)
    assert outcomes(rehearsed) == {"added"}
    with database.connection() as connection:
        assert gather.list_sources(connection) == []

    assert outcomes(declarations.apply(database, declarations.read([declared]))) == {"added"}
    assert outcomes(declarations.apply(database, declarations.read([tmp_path]))) == {"same"}
    with database.connection() as connection:
        (table,) = gather.find_tables(connection, "scjg")
    assert table.keys == ("uscc",)
    assert [item["name"] for item in table.items] == ["uscc", "name", "founded", "ended"]

    # What export says applies to the same city without changing anything.
    said = io.StringIO()
    with database.connection() as connection:
        # Beside them the rule sets that every city starts with.
        assert declarations.write(declarations.export(connection), said) == len(rehearsed) + 2
        (held,) = connection.execute("SELECT content FROM standard_version WHERE version = 1").fetchall()
    assert held["content"]["hold_above"] == 0.25
    assert [one["items"] for one in held["content"]["rule_sets"]] == [{"begun": "founded", "gone": "ended"}]
    again = tmp_path / "again" / "city.yaml"
    again.parent.mkdir()
    again.write_text(said.getvalue(), encoding="utf-8")
    assert outcomes(declarations.apply(database, declarations.read([again]))) == {"same"}
    assert "SELECT year(founded)" in said.getvalue()

    # One word changed is one declaration changed.
    again.write_text(said.getvalue().replace("审批平台", "审批平台二期"), encoding="utf-8")
    changed = declarations.apply(database, declarations.read([again]), rehearse=True)
    assert {one.name: one.outcome for one in changed if one.outcome != "same"} == {"A01": "kept"}
    again.write_text(said.getvalue().replace("历年新设主体", "历年新设市场主体"), encoding="utf-8")
    changed = declarations.apply(database, declarations.read([again]))
    assert {one.name: one.outcome for one in changed if one.outcome != "same"} == {
        "entities_by_year": "changed"
    }


def test_what_a_declaration_does_not_say_of_refining_stays_and_a_set_changed_makes_a_version(
    database: Database, declared: Path, tmp_path: Path
) -> None:
    declarations.apply(database, declarations.read([declared]))
    silent = tmp_path / "silent" / "city.yaml"
    silent.parent.mkdir()
    said = CITY.replace(
        "    rule_sets:\n      lives: {begun: founded, gone: ended}\n    hold_above: 0.25\n", ""
    )
    silent.write_text(said, encoding="utf-8")
    assert outcomes(declarations.apply(database, declarations.read([silent]))) == {"same"}
    silent.write_text(said.replace("severity: reject", "severity: flag"), encoding="utf-8")
    changed = declarations.apply(database, declarations.read([silent]))
    assert {one.name: one.outcome for one in changed if one.outcome != "same"} == {"lives": "changed"}
    with database.connection() as connection:
        newest = connection.execute(
            "SELECT version, note FROM standard_version ORDER BY version DESC LIMIT 1"
        ).fetchone()
    assert newest == {"version": 2, "note": "规则组「存续」已改"}
    silent.write_text(said.replace("items: [begun]}", "items: [never]}"), encoding="utf-8")
    with pytest.raises(BadInput, match="没有信息项 never"):
        declarations.apply(database, declarations.read([silent]))


def test_one_wrong_declaration_changes_nothing(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "kind: department\ncode: D98\nname: 某局\nshort_name: 某局\n"
        "---\n{kind: source, name: lost, department: D99, type: csv, label: 无主}\n",
        encoding="utf-8",
    )
    with pytest.raises(BadInput) as refused:
        declarations.apply(database, declarations.read([file]))
    assert refused.value.address
    assert refused.value.address.row == 6
    with database.connection() as connection:
        assert (connection.execute("SELECT count(*) AS n FROM department WHERE code = 'D98'").fetchone()) == {
            "n": 0
        }


@pytest.mark.parametrize(
    ("text", "code", "row", "word"),
    [
        ("kind: departement\ncode: D1\n", "flows.bad_declaration", 1, "kind"),
        ("- a\n- b\n", "flows.bad_declaration", 1, "kind"),
        ("kind: department\ncode: D1\nname: 甲\n", "flows.bad_declaration", 1, "short_name 缺少"),
        ("\n\nkind: application\ncode: A1\nname: 甲\ndepartment: D1\ncolour: red\n", "flows.bad_declaration", 3, "colour 不认识"),
        ("kind: application\ncode: A1\ncode: A2\n", "flows.bad_declaration", 3, "出现了两次"),
        (_SOURCE, "flows.no_element", 1, "usc"),
        ("!!python/object/apply:os.system ['true']\n", "flows.bad_declaration", 1, "YAML"),
        ("a: &a [*a]\n", "flows.bad_declaration", 1, "kind"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, code: str, row: int, word: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(JutongError) as refused:
        declarations.read([file])
    assert (refused.value.code, refused.value.address and refused.value.address.row) == (code, row)
    assert word in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_declaration_given_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml"):
        (tmp_path / name).write_text(
            "{kind: application, code: A1, name: 甲, department: D1}", encoding="utf-8"
        )
    with pytest.raises(BadInput) as refused:
        declarations.read([tmp_path])
    assert refused.value.code == "flows.declared_twice"


_SCALARS = {
    "007": "007", "430500": 430500, "2023-05-09": "2023-05-09", "no": "no", "yes": "yes", "on": "on",
    "12:30": "12:30", "1_000": "1_000", "0x1F": "0x1F", "1e3": "1e3", "true": True, "null": None, "-5": -5,
    "1.50": 1.5, "1.0e-06": 1e-6, ".5": ".5", "=": "=",
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), list(_SCALARS.items()))
def test_nothing_is_guessed(text: str, value: object) -> None:
    assert _Loader(f"a: {text}").get_data() == {"a": value}


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\x7f\x85\xa0\ufeff", exclude_categories=("Cc", "Cs"))
    )
)
def test_any_text_written_is_read_again(text: str) -> None:
    said = io.StringIO()
    declarations.write([{"kind": "x", "text": text, "rows": [{"a": text}]}], said)
    assert _Loader(said.getvalue().removeprefix("---\n")).get_data() == {
        "kind": "x",
        "text": text,
        "rows": [{"a": text}],
    }
