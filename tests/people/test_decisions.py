"""Who may do what: one table, two readers, and they never disagree."""

from __future__ import annotations

import random

import pytest
from psycopg import sql

from jutong.database import Database
from jutong.people import ACTIONS, ROLES, SYSTEM, Party, columns_of, decide, permitted
from jutong.terms import Allowed, Broken, Refused

TYPES = {
    "department_code": "text", "provider_code": "text", "state": "text", "share_type": "smallint",
    "opened_by": "bigint", "id": "bigint", "user_id": "bigint", "departments": "text[]", "to_user": "bigint",
    "to_department": "text", "consumer": "text", "provider": "text", "owner_code": "text",
}  # fmt: skip
DEPARTMENTS = ("D01", "D02", "C13", "D'9\"%s")


def make_party(*roles: str, department: str = "D02", user_id: int = 7) -> Party:
    return Party(user_id, "someone", "某人", department, frozenset(roles))


def random_thing(rng: random.Random) -> dict[str, object]:
    def value(name: str, kind: str) -> object:
        if rng.random() < 0.1:
            return None
        if kind == "text[]":
            return rng.sample(DEPARTMENTS, rng.randint(0, 3))
        if name == "state":
            return rng.choice(("draft", "dept_review", "published", "rejected", "withdrawn"))
        if kind == "smallint":
            return rng.randint(1, 3)
        return rng.randint(1, 3) if kind == "bigint" else rng.choice(DEPARTMENTS)

    return {name: value(name, kind) for name, kind in TYPES.items()}


def test_one_thing_and_a_set_are_decided_alike_in_a_thousand_cases_per_action(database: Database) -> None:
    rng = random.Random(20260615)
    things = [random_thing(rng) for _ in range(60)]
    parties = [
        Party(rng.randint(1, 3), "p", "p", rng.choice(DEPARTMENTS),
              frozenset(rng.sample(list(ROLES), rng.randint(0, 3))))
        for _ in range(20)
    ]  # fmt: skip
    with database.connection() as conn:
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        conn.execute(f"CREATE TEMP TABLE thing (no int, {columns}) ON COMMIT DROP")
        names = ["no", *TYPES]
        with conn.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO thing ({', '.join(names)}) VALUES ({', '.join(f'%({n})s' for n in names)})",
                [{"no": no, **thing} for no, thing in enumerate(things)],
            )
        asked = 0
        for action in ACTIONS:
            for party in parties:
                condition = permitted(party, action, "t")
                rows = conn.execute(sql.SQL("SELECT no FROM thing t WHERE {}").format(condition))
                as_a_set = {row["no"] for row in rows}
                one_by_one = {no for no, thing in enumerate(things)
                              if isinstance(decide(party, action, thing), Allowed)}  # fmt: skip
                assert as_a_set == one_by_one, (action, party)
                asked += len(things)
    assert asked >= 1000 * len(ACTIONS)


def test_every_condition_names_a_column_the_test_knows() -> None:
    assert {column for action in ACTIONS for column in columns_of(action)} <= set(TYPES)


def test_a_refusal_says_whose_step_it_is() -> None:
    refused = decide(make_party("consumer_officer"), "entry:publish", {})
    assert isinstance(refused, Refused)
    assert refused.code == "people.role_missing"
    assert "数据管理员" in refused.reason


def test_a_provider_may_not_edit_another_departments_entry() -> None:
    thing = {"department_code": "D03", "state": "draft"}
    refused = decide(make_party("provider_officer"), "entry:edit", thing)
    assert refused == Refused("people.not_yours", "只限本部门办理")


def test_a_withheld_entry_cannot_be_asked_for_and_the_reason_points_on() -> None:
    thing = {"state": "published", "share_type": 3}
    refused = decide(make_party("consumer_officer"), "entry:ask", thing)
    assert isinstance(refused, Refused)
    assert refused.code == "people.withheld"
    assert "协调" in refused.reason


def test_the_system_administrator_sees_no_cases_and_grants_no_roles() -> None:
    admin = make_party("system_admin", department="D01")
    assert isinstance(decide(admin, "case:read", {"departments": ["D02"], "opened_by": 1}), Refused)
    assert isinstance(decide(admin, "role:grant"), Refused)
    assert isinstance(decide(make_party("security_admin"), "user:add"), Refused)
    assert isinstance(decide(make_party("security_admin"), "security_event:read", {"user_id": 1}), Refused)


def test_the_platform_itself_is_never_refused_and_an_unknown_action_is_a_mistake_of_ours() -> None:
    assert decide(SYSTEM, "entry:publish", {}) == Allowed("平台")
    with pytest.raises(Broken, match=r"people\.unknown_action"):
        decide(SYSTEM, "entry:fly", {})
