"""A changed standard is carried through from the raw rows: exactly the rows it concerns, and as if it had always been."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.refine.test_refining import COMPANY, good
from tests.refine.town import Town

from jutong.refine import (
    Again,
    RowRule,
    declare_rules,
    dispatch,
    let_off,
    outcomes,
    recheck,
    refine_again,
    refinements_again,
    stale_tables,
)
from jutong.refine import again as again_module


def again(town: Town, *tables: str, **options: Any) -> list[Again]:
    return refine_again(list(tables) or None, database=town.database, store=town.store, **options)


def rule(town: Town, table: str, *rules: RowRule) -> None:
    with town.database.connection() as connection:
        declare_rules(connection, {table: rules})


def rebind(town: Town, table: str, items: Sequence[Any], keys: Sequence[str] = ("no",)) -> None:
    with town.database.connection() as connection:
        connection.execute(
            "UPDATE source_table SET items = %s, keys = %s WHERE name = %s",
            (Jsonb(list(items)), list(keys), table),
        )


def stale(town: Town) -> list[str]:
    with town.database.connection() as connection:
        return stale_tables(connection, town.store)


def content(town: Town, table: str) -> set[str]:
    rows = town.rows(table)
    return {
        json.dumps({name: str(value) for name, value in row.items() if name[0] != "_"}, sort_keys=True)
        for row in rows
    }


def changed(town: Town, table: str, since: int) -> tuple[set[str], set[str]]:
    """Keys the net change feed brings and takes."""
    with town.store.changes(f"standard.{table}", since) as feed:
        keys = feed.keys[0]
        return (
            set(feed.upserts([keys]).read_all().column(0).to_pylist()),
            set(feed.deletes().read_all().column(0).to_pylist()),
        )


BIG = RowRule("own.big", "sql", ("capital",), {"sql": "capital > 500"}, "reject")
BIGGER = RowRule("own.big", "sql", ("capital",), {"sql": "capital > 700"}, "reject")


def test_changing_one_rule_changes_exactly_the_rows_it_concerns(town: Town) -> None:
    table = town.table(COMPANY)
    rule(town, table, BIG)
    batch = town.land(table, [good(f"A{n}", capital=str(n * 100)) for n in range(1, 11)])
    town.refine(batch)
    rule(town, table, BIGGER)
    assert stale(town) == [table]
    before = town.store.snapshot()
    (told,) = again(town)
    assert (told.state, told.batches, told.judged) == ("done", 1, 10)
    assert (told.inserted, told.updated, told.deleted, told.found, told.withdrawn) == (2, 0, 0, 0, 2)
    assert changed(town, table, before) == ({"A6", "A7"}, set())
    assert [row for row, *_ in town.issues(batch)] == [8, 9, 10]
    with town.database.connection() as connection:
        row = connection.execute(
            "SELECT accepted, rejected, issues, standard, score::float8 AS score FROM refinement WHERE batch_id = %s",
            (batch,),
        ).fetchone()
        counted = connection.execute(
            "SELECT rule, rows FROM refinement_rule WHERE batch_id = %s", (batch,)
        ).fetchall()
    assert row == {"accepted": 7, "rejected": 3, "issues": 3, "standard": 2, "score": 70.0}
    assert counted == [{"rule": "own.big", "rows": 3}]


def test_carrying_through_again_changes_nothing_at_all(town: Town) -> None:
    table = town.table(COMPANY)
    town.refine(town.land(table, [good("A1"), good("A2", capital="900")]))
    rule(town, table, BIG)
    again(town)
    snapshot = town.store.snapshot()
    assert again(town) == []
    assert town.store.snapshot() == snapshot
    (told,) = again(town, table)
    assert (told.inserted, told.updated, told.deleted, told.found, told.withdrawn) == (0, 0, 0, 0, 0)
    assert changed(town, table, snapshot) == (set(), set())


def test_words_alone_concern_no_row(town: Town) -> None:
    table = town.table(COMPANY)
    rule(town, table, BIG)
    town.refine(town.land(table, [good("A1")]))
    rule(town, table, RowRule(BIG.code, BIG.kind, BIG.items, BIG.arguments, "reject", "资本过大"))
    assert stale(town) == []


def test_a_batch_under_another_standard_leaves_the_table_stale_until_all_is_judged_alike(town: Town) -> None:
    table = town.table(COMPANY, mode="incremental", watermark="founded")
    town.refine(town.land(table, [good("A1", capital="900")]))
    rule(town, table, BIG)
    town.refine(town.land(table, [good("A2", capital="1")]))
    rule(town, table)
    # Back at the first standard, yet A2 was judged by the one in between.
    assert stale(town) == [table]
    again(town)
    assert stale(town) == []
    assert [row["no"] for row in town.rows(table)] == ["A1", "A2"]


def test_a_full_batch_without_a_rejected_row_brings_the_table_up_by_itself(town: Town) -> None:
    table = town.table(COMPANY)
    town.refine(town.land(table, [good("A1", capital="900")]))
    rule(town, table, BIG)
    assert stale(town) == [table]
    town.refine(town.land(table, [good("A1", capital="9")]))
    assert stale(town) == []


def test_only_the_batches_that_matter_are_judged_again(town: Town) -> None:
    table = town.table(COMPANY)
    for capital in ("1", "2", "3"):
        town.refine(town.land(table, [good("A1", capital=capital), good("A2")]))
    rule(town, table, RowRule("own.two", "sql", ("capital",), {"sql": "capital = 3"}, "reject"))
    (told,) = again(town)
    assert told.batches == 2  # the rejected A1 keeps its elder of the batch before
    assert {row["no"]: int(row["capital"]) for row in town.rows(table)} == {"A1": 2, "A2": 100}


def test_what_the_new_standard_would_hold_stops_it_and_can_be_let_through(town: Town) -> None:
    table = town.table(COMPANY)
    batch = town.land(table, [good(f"A{n}", capital="900") for n in range(30)])
    town.refine(batch)
    rule(
        town,
        table,
        RowRule("own.some", "sql", ("capital", "no"), {"sql": "capital > 1 AND no <> 'A3'"}, "reject"),
    )
    before = (content(town, table), town.issues(batch))
    (told,) = again(town)
    assert told.state == "held"
    assert "拒收 96.7%" in told.note
    assert (content(town, table), town.issues(batch), town.state(batch)) == (*before, "refined")
    assert stale(town) == []  # it waits for a person
    (through,) = again(town, table, release=True)
    assert (through.state, through.deleted, len(town.rows(table))) == ("done", 29, 1)


def test_a_held_batch_that_passes_the_new_standard_comes_in(town: Town) -> None:
    table = town.table(COMPANY)
    rule(town, table, BIG)
    town.refine(town.land(table, [good("A1", capital="1")]))
    held = town.land(table, [good(f"B{n}", capital="600") for n in range(30)])
    town.refine(held)
    assert town.state(held) == "held"
    rule(town, table, BIGGER)
    again(town)
    assert (town.state(held), len(town.rows(table))) == ("refined", 30)


def test_another_key_or_another_type_makes_the_dataset_anew(town: Town) -> None:
    table = town.table(
        [*COMPANY[:1], {"name": "day", "label": "日", "element": "date"}, {"name": "who", "label": "谁"}]
    )
    town.refine(
        town.land(
            table,
            [{"no": "1", "day": "2020年1月2日", "who": "a"}, {"no": "2", "day": "20200103", "who": "a"}],
        )
    )
    rebind(
        town, table,
        [*COMPANY[:1], {"name": "day", "label": "日", "element": "date", "type": "date"}, {"name": "who", "label": "谁"}],
        ("who",),
    )  # fmt: skip
    (told,) = again(town)
    assert told.state == "done"
    assert [(str(row["day"]), row["who"]) for row in town.rows(table)] == [("2020-01-03", "a")]


def test_a_value_let_off_takes_back_its_issues_and_only_where_it_was_complained_of(town: Town) -> None:
    table, other = town.table(COMPANY), town.table(COMPANY)
    batch = town.land(table, [good("A1", uscc="91350203M0001QAY9B"), good("A2", uscc="91350203M0001QAY98")])
    town.refine(batch, town.land(other, [good("A1")]))
    with town.database.connection() as connection:
        let_off(connection, "uscc.check_digit", "91350203M0001QAY9B", reason="原始赋码", owner="市场监管局")
    assert stale(town) == [table]
    (told,) = again(town)
    assert (told.withdrawn, told.found, told.updated) == (1, 0, 0)
    assert [row for row, *_ in town.issues(batch)] == [2]
    assert stale(town) == []
    with town.database.connection() as connection:
        connection.execute("DELETE FROM whitelist")


def test_a_case_whose_ground_is_gone_with_the_rule_closes_itself(town: Town) -> None:
    table = town.table(COMPANY)
    rule(town, table, BIG)
    batch = town.land(table, [good("A1", capital="900"), good("A2")])
    town.refine(batch)
    with town.database.connection() as connection:
        connection.execute("UPDATE department SET steward = code = 'D23'")
        case = dispatch(connection, batch)
        connection.execute("UPDATE case_file SET state = 'rectifying' WHERE id = %s", (case,))
    rule(town, table)
    again(town)
    assert [(one.case_id, one.left) for one in recheck(town.database, town.store)] == [(case, 0)]
    with town.database.connection() as connection:
        row = connection.execute(
            "SELECT closed_at IS NOT NULL AS closed FROM case_file WHERE id = %s", (case,)
        ).fetchone()
    assert row == {"closed": True}


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_crash_is_settled_by_asking_the_lake(
    town: Town, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    table = town.table(COMPANY)
    batch = town.land(table, [good("A1"), good("A2", capital="900")])
    town.refine(batch)
    rule(town, table, BIG)

    def killed(*given: Any) -> Any:
        if when == "before the commit":
            outcomes.note(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(again_module, "note" if when == "before the commit" else "finish", killed)
    with pytest.raises(KeyboardInterrupt):
        again(town)
    monkeypatch.undo()
    again(town)
    assert [row["no"] for row in town.rows(table)] == ["A1"]
    assert [row for row, *_ in town.issues(batch)] == [2]
    with town.database.connection() as connection:
        states = [row["state"] for row in refinements_again(connection, table)]
        row = connection.execute("SELECT issues FROM refinement WHERE batch_id = %s", (batch,)).fetchone()
    assert states == (["done", "failed"] if when == "before the commit" else ["done"])
    assert row == {"issues": 1}
    assert stale(town) == []


#: Two standards of one table: what is asked of ``b`` and how, whether ``c`` must be there, what ``d`` is.
standards = st.fixed_dictionaries(
    {
        "most": st.integers(0, 9),
        "severity": st.sampled_from(["reject", "flag"]),
        "required": st.booleans(),
        "element": st.sampled_from(["text", "code", "date"]),
        "unique": st.booleans(),
    }
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "no": st.sampled_from(["K1", "K2", "K3", "K4", ""]),
            "b": st.sampled_from([str(n) for n in range(10)]),
            "c": st.sampled_from(["", "x"]),
            "d": st.sampled_from(["2020年1月2日", "20200102", "ab", " AB"]),
        }
    ),
    max_size=6,
)


def declared(town: Town, table: str, standard: dict[str, Any]) -> None:
    rebind(
        town,
        table,
        [
            {"name": "no", "label": "编号", "element": "code"},
            {"name": "b", "label": "乙", "type": "integer", "element": "integer"},
            {"name": "c", "label": "丙", "required": standard["required"]},
            {"name": "d", "label": "丁", "element": standard["element"]},
        ],
    )
    rules = [RowRule("own.most", "sql", ("b",), {"sql": f"b > {standard['most']}"}, standard["severity"])]
    if standard["unique"]:
        rules.append(RowRule("own.once", "unique", ("d",)))
    # One row that is always right, so that a batch is never held.
    with town.database.connection() as connection:
        declare_rules(connection, {table: rules})
        connection.execute(
            "INSERT INTO hold_threshold VALUES (%s, 1) ON CONFLICT (source_table) DO NOTHING", (table,)
        )


modes = st.sampled_from(["full", "incremental"])
SURE = {"no": "K0", "b": "0", "c": "x", "d": "2021-01-01"}


@settings(max_examples=4, deadline=None)
@given(before=standards, after=standards, mode=modes, batches=st.lists(rows, min_size=1, max_size=3))
def test_carried_through_it_is_as_if_refined_from_scratch(
    town: Town, before: Any, after: Any, mode: str, batches: list[list[dict[str, str]]]
) -> None:
    as_from_scratch(town, before, after, mode, batches)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(before=standards, after=standards, mode=modes, batches=st.lists(rows, min_size=1, max_size=5))
def test_carried_through_it_is_as_if_refined_from_scratch_many_times(
    town: Town, before: Any, after: Any, mode: str, batches: list[list[dict[str, str]]]
) -> None:
    as_from_scratch(town, before, after, mode, batches)


def as_from_scratch(
    town: Town, before: Any, after: Any, mode: str, batches: list[list[dict[str, str]]]
) -> tuple[int, int]:
    """Rows there were, and rows the other standard changed: exactly those it concerns."""
    first = [{"name": name, "label": name} for name in ["no", "b", "c", "d"]]
    table, twin = (
        town.table(first, mode=mode, watermark="d" if mode == "incremental" else None) for _ in "ab"
    )
    with town.database.connection() as connection:
        # The watermark would order rows by a value whose type differs between standards.
        connection.execute(
            "UPDATE source_table SET mode = 'full', watermark_item = NULL WHERE name = ANY(%s)",
            ([table, twin],),
        )

    def landed(name: str) -> list[str]:
        ids = [town.land(name, [SURE, *batch]) for batch in batches]
        with town.database.connection() as connection:
            connection.execute("UPDATE batch SET mode = %s WHERE id = ANY(%s)", (mode, ids))
        return ids

    declared(town, table, before)
    ids = landed(table)
    town.refine(*ids)
    was, snapshot = (
        {row["no"]: str({**row, "_batch": 0, "_row": 0}) for row in town.rows(table)},
        town.store.snapshot(),
    )

    declared(town, table, after)
    declared(town, twin, after)
    twins = landed(twin)
    town.refine(*twins)
    (told,) = again(town, table)

    assert content(town, table) == content(town, twin)
    for mine, other in list(zip(reversed(ids), reversed(twins), strict=True))[: told.batches]:
        assert town.issues(mine) == town.issues(other)
    now = {row["no"]: str({**row, "_batch": 0, "_row": 0}) for row in town.rows(table)}
    assert changed(town, table, snapshot) == (
        {key for key, row in now.items() if was.get(key) != row}, set(was) - set(now),
    )  # fmt: skip
    (once_more,) = again(town, table)
    assert (
        once_more.inserted,
        once_more.updated,
        once_more.deleted,
        once_more.found,
        once_more.withdrawn,
    ) == (0,) * 5
    return len(was), sum(was.get(key) != now.get(key) for key in was.keys() | now.keys())
