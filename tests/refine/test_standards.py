"""Standards in versions: proposed, looked at before and after, adopted, and refused with the place of what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.refine.test_again import again, stale
from tests.refine.test_refining import COMPANY, good
from tests.refine.town import Town

from jutong.elements import ELEMENTS
from jutong.people import Party
from jutong.refine import (
    KINDS,
    RowRule,
    Standard,
    adopt,
    decline,
    draft,
    find_draft,
    open_drafts,
    placed,
    preview,
    read_standard,
    refine_again,
    save_rule_set,
    standard_of,
    versions,
    write_standard,
)
from jutong.terms import BadInput, Conflict, Denied, JutongError

TIGHT = RowRule("own.big", "sql", ("capital",), {"sql": "capital > 500"}, "reject", "资本不应超过500")


@pytest.fixture(scope="module")
def cast(town: Town) -> dict[str, Party]:
    """officer 提供方, steward 管理员, stranger 外人, who are accounts."""
    town.table(COMPANY)
    found = {}
    with town.database.connection() as connection:
        connection.execute(
            "INSERT INTO department (code, name, short_name, kind) VALUES ('D01', '审批局', '审批局', 'department'), "
            "('D40', '别的', '别的', 'department') ON CONFLICT DO NOTHING"
        )
        for login, department, role in (
            ("officer", "D23", "provider_officer"), ("steward", "D01", "steward"), ("stranger", "D40", "provider_officer"),
        ):  # fmt: skip
            row = connection.execute(
                "INSERT INTO app_user (login, name, department_code, password_hash) VALUES (%s, %s, %s, '') RETURNING id",
                (login, login, department),
            ).fetchone()
            assert row
            found[login] = Party(row["id"], login, login, department, frozenset({role}))
    return found


def now(town: Town, table: str) -> Standard:
    with town.database.connection() as connection:
        return standard_of(connection, table)[1]


def drafted(town: Town, table: str, standard: Standard, by: Party, note: str = "") -> int:
    with town.database.connection() as connection:
        return draft(connection, town.store, table, standard, by=by, note=note)


def adopted(town: Town, draft_id: int, by: Party) -> int:
    with town.database.connection() as connection:
        return adopt(connection, town.store, draft_id, by=by)


def test_a_proposal_becomes_a_version_with_who_and_why_and_is_carried_through(
    town: Town, cast: dict[str, Party]
) -> None:
    table = town.table(COMPANY)
    town.refine(town.land(table, [good("A1"), good("A2", capital="900")]))
    wanted = replace(now(town, table), rules=(TIGHT,), hold_above=0.8)
    made = drafted(town, table, wanted, cast["officer"], "小额企业")
    with town.database.connection() as connection:
        assert [one["id"] for one in open_drafts(connection, table)] == [made]
        looked = preview(connection, town.store, table, wanted)
    assert (looked.rejected, looked.changes, looked.holds) == ((0, 1), 1, False)
    assert [(one.row, one.fault_before, one.fault_after) for one in looked.shown] == [
        (2, "", "资本不应超过500")
    ]
    assert stale(town) == []
    with pytest.raises(Denied, match="主管部门"):
        adopted(town, made, cast["officer"])
    assert adopted(town, made, cast["steward"]) == 2
    assert stale(town) == [table]
    again(town)
    assert [row["no"] for row in town.rows(table)] == ["A1"]
    with town.database.connection() as connection:
        newest, first = versions(connection, table)
        assert open_drafts(connection, table) == []
    assert (newest["version"], newest["made_by"], newest["note"], first["version"]) == (
        2,
        "officer",
        "小额企业",
        1,
    )
    assert {(one.kind, one.name) for one in newest["differences"]} == {
        ("行规则", "own.big"),
        ("留置限度", ""),
    }
    assert newest["standard"] == wanted


def test_only_what_a_standard_says_of_an_item_is_changed(town: Town, cast: dict[str, Party]) -> None:
    items = [{**item, "grade": 3, "source": f"c_{item['name']}"} for item in COMPANY]
    table = town.table(items)
    standard = now(town, table)
    renamed = [{**item, "label": "企业名称"} if item["name"] == "name" else item for item in standard.items]
    bare = [{key: value for key, value in item.items() if key not in ("grade", "source")} for item in renamed]
    adopted(
        town, drafted(town, table, replace(standard, items=tuple(bare)), cast["steward"]), cast["steward"]
    )
    assert now(town, table).items[1] == {**items[1], "label": "企业名称"}


def test_a_stranger_proposes_nothing_and_a_draft_holds_only_over_what_it_was_made_from(
    town: Town, cast: dict[str, Party]
) -> None:
    table = town.table(COMPANY)
    standard = now(town, table)
    tight = replace(standard, rules=(TIGHT,))
    with pytest.raises(Denied, match="提供部门"):
        drafted(town, table, tight, cast["stranger"])
    with pytest.raises(Conflict, match="没有不同"):
        drafted(town, table, standard, cast["steward"])
    first = drafted(town, table, tight, cast["officer"])
    other = drafted(town, table, replace(standard, hold_above=0.9), cast["steward"])
    adopted(town, first, cast["steward"])
    with pytest.raises(Conflict, match="现已是第 2 版"):
        adopted(town, other, cast["steward"])
    with town.database.connection() as connection:
        with pytest.raises(Denied):
            decline(connection, other, by=cast["officer"])
        decline(connection, other, by=cast["steward"])
        assert find_draft(connection, other)["state"] == "withdrawn"
    with pytest.raises(Conflict, match="已经办过"):
        adopted(town, first, cast["steward"])


@pytest.mark.parametrize(
    ("change", "why", "where"),
    [
        ({"rules": (RowRule("own.x", "sql", ("capital",), {"sql": "capital >"}),)}, "第 1 行第 9 字", "own.x"),
        ({"rules": (RowRule("own.x", "sql", ("capital",), {"sql": "EXISTS (SELECT 1)"}),)}, "子查询", "own.x"),
        ({"rules": (RowRule("own.x", "not_future", ("name",)),)}, "要比较日期", "own.x"),
        ({"rules": (RowRule("own.x", "not_after", ("founded", "capital")),)}, "同一种类型", "own.x"),
        ({"rules": (TIGHT, TIGHT)}, "出现了两次", "own.big"),
        ({"keys": ("nowhere",)}, "不是信息项", "nowhere"),
        ({"items": ({"name": "no", "label": "编号", "element": "shoe_size"},)}, "没有名为 shoe_size", None),
        ({"items": ({"name": "no", "label": "编号", "type": "float"},)}, "类型 float 不对", "no"),
        ({"items": ({"name": "else", "label": "别的"},)}, "来源也没有这一列", "else"),
        ({"items": ({"name": "no", "label": " "},)}, "没有名称", "no"),
        ({"hold_above": 1.5}, "0 与 1 之间", "hold_above"),
        ({"rule_sets": {"none_such": {}}}, "没有规则组", "none_such"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_saving_with_its_place(
    town: Town, cast: dict[str, Party], change: dict[str, Any], why: str, where: str | None
) -> None:
    table = town.table(COMPANY)
    with pytest.raises(BadInput) as refused:
        drafted(town, table, replace(now(town, table), **change), cast["steward"])
    assert why in refused.value.sentence
    assert (refused.value.address.item if refused.value.address else None) == where


def test_another_departments_data_is_not_looked_at(town: Town, cast: dict[str, Party]) -> None:
    other = town.table(COMPANY, department="D30")
    town.refine(town.land(other, [good("A1")]))
    table = town.table(COMPANY)
    rule = RowRule("own.there", "refers_to", ("no",), {"dataset": f"standard.{other}"})
    with pytest.raises(BadInput, match="别的部门的数据"):
        drafted(town, table, replace(now(town, table), rules=(rule,)), cast["steward"])


def test_a_type_that_standing_values_cannot_take_is_refused_with_how_many(
    town: Town, cast: dict[str, Party]
) -> None:
    table = town.table([*COMPANY[:1], {"name": "day", "label": "日"}], keys=("no",))
    town.refine(town.land(table, [{"no": "1", "day": "2020年1月2日"}, {"no": "2", "day": "2020-01-03"}]))
    standard = now(town, table)
    retyped = ({**standard.items[0]}, {**standard.items[1], "type": "date", "element": "date"})
    with pytest.raises(BadInput, match="已有 1 个值不能改为 date"):
        drafted(town, table, replace(standard, items=retyped), cast["steward"])
    # First the element, then the type: two steps that lose nothing.
    bound = ({**standard.items[0]}, {**standard.items[1], "element": "date"})
    adopted(town, drafted(town, table, replace(standard, items=bound), cast["steward"]), cast["steward"])
    again(town)
    adopted(town, drafted(town, table, replace(standard, items=retyped), cast["steward"]), cast["steward"])
    (told,) = again(town)
    assert told.state == "done"
    assert [str(row["day"]) for row in town.rows(table)] == ["2020-01-02", "2020-01-03"]


def test_a_column_nobody_had_bound_is_taken_in_from_what_was_given_all_along(
    town: Town, cast: dict[str, Party]
) -> None:
    table = town.table(COMPANY)
    town.refine(town.land(table, [good("A1", uscc="91430502MA4L000116")]))
    standard = now(town, table)
    without = replace(standard, items=tuple(item for item in standard.items if item["name"] != "uscc"))
    adopted(town, drafted(town, table, without, cast["steward"]), cast["steward"])
    again(town)
    adopted(town, drafted(town, table, standard, cast["steward"]), cast["steward"])
    (told,) = again(town)
    assert (told.updated, told.found) == (0, 1)  # the lake forgets no column
    assert [row["uscc"] for row in town.rows(table)] == ["91430502MA4L000116"]


def test_a_rule_set_changed_once_changes_every_table_that_uses_it(town: Town, cast: dict[str, Party]) -> None:
    tables = [town.table(COMPANY), town.table(COMPANY)]
    role = RowRule("set.limit", "sql", ("amount",), {"sql": "amount > 500"}, "reject")
    with town.database.connection() as connection, pytest.raises(Denied):
        save_rule_set(connection, "limits", "限额", [role], by=cast["officer"])
    with town.database.connection() as connection:
        assert save_rule_set(connection, "limits", "限额", [role], by=cast["steward"]) == []
    for table in tables:
        town.refine(town.land(table, [good("A1"), good("A2", capital="600"), good("A3", capital="900")]))
        wanted = replace(now(town, table), rule_sets={"limits": {"amount": "capital"}})
        adopted(town, drafted(town, table, wanted, cast["steward"]), cast["steward"])
    again(town)
    assert [len(town.rows(table)) for table in tables] == [1, 1]
    looser = replace(role, arguments={"sql": "amount > 700"})
    with town.database.connection() as connection:
        assert save_rule_set(connection, "limits", "限额", [looser], by=cast["steward"]) == sorted(tables)
        wrong = replace(role, arguments={"sql": "amount > 'x' || amount"}, items=("amount", "when"))
        with pytest.raises(BadInput, match="没有信息项 when"), connection.transaction():
            save_rule_set(connection, "limits", "限额", [wrong], by=cast["steward"])
    assert stale(town) == sorted(tables)
    told = refine_again(database=town.database, store=town.store)
    assert [(one.inserted, one.withdrawn) for one in told] == [(1, 1), (1, 1)]


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
items = st.builds(
    lambda name, label, kind, element, required, values: {
        "name": name, "label": label,
        **{key: value for key, value in (("type", kind), ("element", element), ("values", values)) if value is not None},
        **({"required": True} if required else {}),
    },
    names, words, st.sampled_from([None, "date", "decimal(18,2)"]), st.sampled_from([None, *ELEMENTS]), st.booleans(),
    st.none() | st.lists(st.sampled_from(["007", "no", "1.0", "null", "2023-05-09", "是"]), max_size=3),
)  # fmt: skip
arguments = st.dictionaries(st.just("days"), st.integers(1, 99)) | st.fixed_dictionaries(
    {"sql": words, "strict": st.booleans(), "least": st.floats(0, 1), "values": st.lists(words, max_size=2)}
)
rules = st.builds(
    RowRule, names.map(lambda name: f"own.{name}"), st.sampled_from(sorted(KINDS)), st.lists(names, max_size=3).map(tuple),
    arguments, st.sampled_from(["flag", "reject"]), st.none() | words,
)  # fmt: skip


@given(
    standard=st.builds(
        Standard, st.lists(names, max_size=2).map(tuple), st.lists(items, max_size=5).map(tuple),
        st.lists(rules, max_size=4).map(tuple), st.dictionaries(names, st.dictionaries(names, names, max_size=2), max_size=2),
        st.floats(0, 1),
    )
)  # fmt: skip
def test_a_standard_written_and_read_is_the_same(standard: Standard) -> None:
    assert read_standard(write_standard("t", standard), "t")[0] == standard


@pytest.mark.parametrize(
    ("text", "why", "row"),
    [
        ("keys: [no\nitems: []", "不是有效的 YAML", 2),
        ("- 1", "应是 keys", None),
        ("keys: [no]\ncolour: red", "不认识 colour", 2),
        ("table: other", "不是 t 的", 1),
        ("items:\n- {name: a, label: 甲}\n- {name: b, label: 乙, required: maybe}", "应是 true 或 false", 3),
        ("items:\n- {label: 甲}", "没有 name", 1),
        ("rules:\n- {code: own.x, kind: fresh, items: [a], arguments: {days: soon}}", "days 写得不对", 2),
        ("rules:\n- {code: own.x, kind: fresh, severity: maybe}", "flag 或 reject", 2),
        ("hold_above: many", "0 与 1 之间", 1),
    ],
)
def test_a_file_that_cannot_be_read_says_its_line(text: str, why: str, row: int | None) -> None:
    with pytest.raises(BadInput) as refused:
        read_standard(text, "t")
    assert why in refused.value.sentence
    assert (refused.value.address.row if refused.value.address else None) == row


@given(text=st.text(max_size=200))
def test_no_file_breaks_the_reader(text: str) -> None:
    try:
        read_standard(text, "t")
    except JutongError as refused:
        assert refused.sentence


def test_a_refused_rule_of_a_file_says_its_line(town: Town, cast: dict[str, Party]) -> None:
    table = town.table(COMPANY)
    text = write_standard(
        table,
        replace(
            now(town, table),
            rules=(TIGHT, replace(TIGHT, code="own.y", arguments={"sql": "sum(capital) > 1"})),
        ),
    )
    standard, lines = read_standard(text, table)
    with pytest.raises(BadInput) as refused, placed(lines):
        drafted(town, table, standard, cast["steward"])
    assert refused.value.address
    assert text.splitlines()[(refused.value.address.row or 0) - 1].startswith(
        "- arguments" if False else "- code: own.y"
    )
