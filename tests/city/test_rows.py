"""Who is in the city and what they use."""

from __future__ import annotations

from jutong.city import applications, departments, plan, source_tables, users
from jutong.city.codes import org_check, uscc_check

KEYS = {"auditor", "security_admin", "system_admin"}


def test_45_departments_and_13_county_units_one_of_them_the_steward():
    rows = departments()
    assert [row.code for row in rows] == [f"D{n:02d}" for n in range(1, 46)] + [
        f"C{n:02d}" for n in range(1, 14)
    ]
    assert [row.name for row in rows if row.steward] == ["邵阳市行政审批服务局"]
    assert sum(row.kind == "county" for row in rows) == 13
    assert len({row.name for row in rows}) == len({row.short_name for row in rows}) == 58


def test_every_body_has_a_valid_code_of_its_own():
    codes = [row.uscc for row in departments()]
    assert len(set(codes)) == 58
    for code in codes:
        assert code[17] == uscc_check(code[:17])
        assert code[16] == org_check(code[8:16])


def test_there_is_an_account_for_every_role_and_none_with_two_keys():
    rows = users()
    demo = {role for user in rows if user.demo for role in user.roles}
    assert demo == {
        "steward",
        "provider_officer",
        "provider_head",
        "consumer_officer",
        "consumer_head",
        "leader",
        *KEYS,
    }
    assert len({user.login for user in rows}) == len(rows)
    assert all(len(KEYS & set(user.roles)) <= 1 for user in rows)


def test_every_provider_and_every_consumer_has_an_officer_and_a_head():
    held = {(user.department_code, role) for user in users() for role in user.roles}
    for row in departments():
        assert {(row.code, "provider_officer"), (row.code, "provider_head")} <= held
    for application in applications():
        assert {
            (application.department_code, "consumer_officer"),
            (application.department_code, "consumer_head"),
        } <= held


def test_20_applications_of_20_departments_call_three_datasets_and_receive_one():
    rows = applications()
    assert [row.id for row in rows] == [f"A{n:02d}" for n in range(1, 21)]
    assert len({row.department_code for row in rows}) == len({row.name for row in rows}) == 20
    for row in rows:
        assert len({call.dataset for call in row.calls}) >= 3
        assert len(row.deliveries) >= 1


def test_applications_use_items_that_are_there_and_never_their_own_departments_data():
    tables = {f"standard.{table.name}": table for table in source_tables()}
    for row in applications():
        for use in (*row.calls, *row.deliveries):
            table = tables[use.dataset]
            names = {item["name"] for item in table.items}
            assert set(use.items) <= names
            assert table.department_code != row.department_code
        for call in row.calls:
            assert set(call.keys) <= {item["name"] for item in tables[call.dataset].items}


def test_a_dataset_is_asked_by_the_same_keys_whoever_asks():
    keys: dict[str, set[tuple[str, ...]]] = {}
    for row in applications():
        for call in row.calls:
            keys.setdefault(call.dataset, set()).add(call.keys)
    assert {dataset: len(each) for dataset, each in keys.items() if len(each) > 1} == {}


def test_what_is_delivered_is_what_later_rounds_change():
    delivered = {use.dataset.removeprefix("standard.") for row in applications() for use in row.deliveries}
    moving = {table.name for table in plan().tables if table.delivered}
    assert delivered == moving
    assert {plan().table(name).mode for name in moving} == {"full", "incremental"}
