"""The loop: refused rows become a case, mended rows close it by themselves, and nothing else does."""

from __future__ import annotations

import pytest
from tests.refine.town import Town

from jutong import casework
from jutong.people import Party
from jutong.refine import dispatch, follow_up, let_off, recheck, refinements
from jutong.terms import Conflict, Denied

ITEMS = (
    {"name": "no", "label": "编号", "element": "code"},
    {"name": "pid", "label": "证件号码", "element": "person_id"},
)
GOOD = {"no": "A1", "pid": "11010519491231002X"}
WRONG = [
    {"no": "A2", "pid": "110105194912310021"},
    {"no": "A3", "pid": "1101051949"},
    {"no": "A4", "pid": "110105194913310028"},
]
OFFICER = Party(1, "li", "李", "D23", frozenset({"provider_officer"}))
STEWARD = Party(2, "wang", "王", "D01", frozenset({"steward"}))


@pytest.fixture(scope="module", autouse=True)
def people(town: Town) -> None:
    with town.database.connection() as connection:
        connection.execute(
            "INSERT INTO department (code, name, short_name, kind, steward) VALUES ('D01', '市行政审批服务局', '审批局', 'department', true) "
            "ON CONFLICT DO NOTHING"
        )
        for party in (OFFICER, STEWARD):
            connection.execute(
                "INSERT INTO department (code, name, short_name, kind) VALUES (%s, %s, %s, 'department') ON CONFLICT DO NOTHING",
                (party.department_code, party.department_code, party.department_code),
            )
            connection.execute(
                "INSERT INTO app_user (id, login, name, department_code, password_hash, state) OVERRIDING SYSTEM VALUE "
                "VALUES (%s, %s, %s, %s, 'x', 'active') ON CONFLICT DO NOTHING",
                (party.user_id, party.login, party.name, party.department_code),
            )


def opened(town: Town, batch: str) -> int:
    with town.database.connection() as connection:
        return dispatch(connection, batch, by=STEWARD)


def state(town: Town, case: int) -> str:
    with town.database.connection() as connection:
        return casework.find_case(connection, case).state


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_three_wrong_rows_mended_and_sent_again_close_the_case_and_raise_the_score(
    town: Town, mode: str
) -> None:
    table = town.table(ITEMS, mode=mode, watermark="no" if mode == "incremental" else None)
    first = town.land(table, [GOOD, *WRONG])
    town.refine(first)
    case = opened(town, first)
    assert state(town, case) == "rectifying"
    assert recheck(town.database, town.store) == []  # nothing has come since

    half = town.land(table, [GOOD, {**WRONG[0], "pid": GOOD["pid"]}, *WRONG[1:]])
    town.refine(half)
    assert [(one.given, one.left, one.state) for one in recheck(town.database, town.store)] == [
        (3, 2, "rectifying")
    ]

    mended = town.land(table, [GOOD, *({**row, "pid": GOOD["pid"]} for row in WRONG)])
    town.refine(mended)
    assert [(one.left, one.state) for one in recheck(town.database, town.store)] == [(0, "rectified")]
    with town.database.connection() as connection:
        assert casework.find_case(connection, case).closed_at is not None
        told = [float(row["score"]) for row in refinements(connection, dataset=f"standard.{table}")]
    assert told == [100.0, 50.0, 25.0]


def test_an_officer_who_says_mended_too_early_gets_it_back_with_the_number(town: Town) -> None:
    table = town.table(ITEMS)
    first = town.land(table, [GOOD, *WRONG])
    town.refine(first)
    case = opened(town, first)
    with town.database.connection() as connection:
        casework.move(connection, case, "report", OFFICER, "已在源系统改正")
    town.refine(town.land(table, [GOOD, *WRONG[:2]]))
    recheck(town.database, town.store)
    assert state(town, case) == "rectifying"
    with town.database.connection() as connection:
        assert "还有 2 处" in casework.history(connection, case)[-1].note


def test_no_person_passes_a_case(town: Town) -> None:
    table = town.table(ITEMS)
    first = town.land(table, [GOOD, *WRONG])
    town.refine(first)
    case = opened(town, first)
    with town.database.connection() as connection:
        casework.move(connection, case, "report", OFFICER, "已改")
        with pytest.raises(Denied):
            casework.move(connection, case, "pass", STEWARD)


def test_a_value_let_off_with_reason_and_owner_is_no_longer_asked_for(town: Town) -> None:
    table = town.table(ITEMS)
    first = town.land(table, [GOOD, {"no": "A2", "pid": "110105194912310020"}])
    town.refine(first)
    case = opened(town, first)
    with town.database.connection() as connection:
        let_off(
            connection, "person_id.check_digit", "110105194912310020", reason="公安机关原始赋码", owner="李"
        )
    recheck(town.database, town.store)
    assert state(town, case) == "rectified"


def test_a_held_batch_goes_to_its_keeper_by_itself_and_only_once(town: Town) -> None:
    table = town.table(ITEMS)
    batch = town.land(table, WRONG)
    refined = town.refine(batch)
    assert refined[0].held_reason
    follow_up(town.database, town.store, refined)
    with town.database.connection() as connection, pytest.raises(Conflict, match="在办"):
        dispatch(connection, batch)


def test_a_batch_without_refused_rows_is_nobodys_case(town: Town) -> None:
    batch = town.land(town.table(ITEMS), [GOOD])
    town.refine(batch)
    with town.database.connection() as connection, pytest.raises(Conflict, match="不必整改"):
        dispatch(connection, batch)
