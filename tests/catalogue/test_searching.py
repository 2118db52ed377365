"""Search: two characters, whole phrases, initials; ranked, counted, and never more than one may see."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jutong.catalogue import NewItem, add_entry, count_uses, import_entries, search
from jutong.database import Connection

from .conftest import Cast, new

PLAIN = (NewItem("编号"),)


def names(conn: Connection, cast: Cast, text: str, **filters: object) -> list[str]:
    return [hit.name for hit in search(conn, text, cast.consumer, **filters).hits]  # type: ignore[arg-type]


@pytest.fixture
def stocked(conn: Connection, cast: Cast) -> Cast:
    import_entries(conn, [
        new("住宅专项维修资金信息", items=PLAIN, summary="各小区资金归集与使用", theme="城乡建设"),
        new("电梯维修信息", items=PLAIN, summary="电梯保养", theme="市场监管", share_type=1),
        new("电梯登记信息", items=PLAIN, summary="在用电梯，含维修记录", theme="市场监管"),
        new("特种设备台账", items=(NewItem("维修日期"),), summary="全部特种设备", theme="市场监管"),
        new("企业登记基本信息", summary="一户一行", theme="市场监管"),
        new("取水许可信息", items=PLAIN, summary="取水许可证", theme="水利", department_code="D15", share_type=1),
        new("100%合格'\\率_统计", items=PLAIN, summary="怪名字", theme="市场监管"),
    ])  # fmt: skip
    add_entry(conn, new("维修草稿信息", items=PLAIN), cast.officer)
    return cast


def test_two_characters_and_the_longer_phrase_are_both_found(conn: Connection, stocked: Cast) -> None:
    assert len(names(conn, stocked, "维修")) == 4
    assert names(conn, stocked, "维修信息")[0] == "电梯维修信息"
    assert "取水许可信息" in names(conn, stocked, "取水")


def test_the_name_comes_before_the_summary_and_the_summary_before_the_items(
    conn: Connection, stocked: Cast
) -> None:
    found = search(conn, "维修", stocked.consumer)
    assert [hit.name for hit in found.hits][2:] == ["电梯登记信息", "特种设备台账"]
    assert [hit.rank for hit in found.hits][2:] == [2, 1]
    assert found.hits[3].matched == ("维修日期",)
    assert not found.partial


def test_the_whole_name_is_first_and_much_used_entries_go_ahead_of_little_used(
    conn: Connection, stocked: Cast
) -> None:
    assert names(conn, stocked, "企业登记基本信息")[0] == "企业登记基本信息"
    codes = {hit.name: hit.code for hit in search(conn, "电梯", stocked.consumer).hits}
    for busy in ("电梯维修信息", "电梯登记信息"):
        count_uses(conn, {code: 5000 if name == busy else 0 for name, code in codes.items()})
        assert names(conn, stocked, "电梯")[0] == busy


def test_pinyin_initials_find_the_entry(conn: Connection, stocked: Cast) -> None:
    assert names(conn, stocked, "dtwxxx")[0] == "电梯维修信息"


def test_a_draft_is_found_by_its_department_and_by_nobody_else(conn: Connection, stocked: Cast) -> None:
    assert "维修草稿信息" not in names(conn, stocked, "维修")
    own = [hit.name for hit in search(conn, "维修草稿", stocked.officer).hits]
    assert own[0] == "维修草稿信息"
    assert search(conn, "维修", stocked.consumer).total + 1 == search(conn, "维修", stocked.officer).total


def test_facets_count_what_the_other_filters_leave(conn: Connection, stocked: Cast) -> None:
    found = search(conn, "信息", stocked.consumer, theme="市场监管")
    assert {facet.value: facet.count for facet in found.themes} == {"市场监管": 3, "城乡建设": 1, "水利": 1}
    assert {facet.label: facet.count for facet in found.departments} == {"市场监管局": 3}
    assert {facet.value: facet.count for facet in found.share_types} == {"1": 1, "2": 2}
    assert found.total == 3
    assert search(conn, "信息", stocked.consumer, share_type=1, department="D15").total == 1


def test_an_empty_text_browses_and_pages_never_overlap(conn: Connection, stocked: Cast) -> None:
    pages = [search(conn, "", stocked.consumer, page=page, size=3) for page in (1, 2, 3)]
    found = [hit.code for page in pages for hit in page.hits]
    assert len(found) == len(set(found)) == pages[0].total == 7
    pages = [search(conn, "信息", stocked.consumer, page=page, size=2) for page in (1, 2, 3)]
    found = [hit.code for page in pages for hit in page.hits]
    assert len(found) == len(set(found)) == pages[0].total == 5


def test_where_nothing_holds_every_word_some_words_are_shown_and_it_is_said(
    conn: Connection, stocked: Cast
) -> None:
    found = search(conn, "电梯 户籍", stocked.consumer)
    assert found.partial
    assert {hit.name for hit in found.hits} >= {"电梯维修信息", "电梯登记信息"}
    nothing = search(conn, "船舶", stocked.consumer)
    assert (nothing.total, nothing.hits, nothing.partial) == (0, (), False)


def test_a_changed_entry_is_found_by_its_new_words(conn: Connection, stocked: Cast) -> None:
    from jutong.catalogue import change_entry, find_entry

    draft = search(conn, "维修草稿", stocked.officer).hits[0]
    change_entry(conn, find_entry(conn, draft.code).id, new("仓库备案信息", items=PLAIN), stocked.officer)
    assert search(conn, "仓库", stocked.officer).total == 1
    assert "仓库备案信息" not in [hit.name for hit in search(conn, "维修草稿", stocked.officer).hits]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_characters="\0"), max_size=30))
def test_whatever_is_typed_gets_an_answer(conn: Connection, cast: Cast, text: str) -> None:
    assert search(conn, text, cast.consumer).total >= 0


@pytest.mark.parametrize(
    "text", ["100%", "%s", "' OR 1=1 --", "a & !b | (c", "\\", "'率_统计", "''", ":*", "<->"]
)
def test_signs_that_mean_something_to_a_database_mean_nothing_here(
    conn: Connection, stocked: Cast, text: str
) -> None:
    assert search(conn, text, stocked.consumer).total <= 7


def test_one_wrong_character_still_finds_the_entry_that_was_meant(conn: Connection, stocked: Cast) -> None:
    for typed in ("住宅专项维修资佥信息", "企业登己基本信息"):
        found = search(conn, typed, stocked.consumer)
        assert found.partial
        assert len(set(found.hits[0].name) - set(typed)) <= 1


def test_a_word_that_stands_everywhere_is_no_answer_to_two(conn: Connection, stocked: Cast) -> None:
    assert names(conn, stocked, "骆驼 信息") == []
    assert len(names(conn, stocked, "信息")) == 5
