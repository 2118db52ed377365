"""对账: every way it can end is a state, differences are listed by key, and its time comes by itself."""

from __future__ import annotations

import datetime as dt
import random
from types import SimpleNamespace

import pytest
from psycopg.types.json import Jsonb
from tests.share_city import company, set_up_delivery

from jutong.flows import reconcile_deliveries
from jutong.share import (
    deliver,
    differing_keys,
    end_of,
    reconcile,
    reconciliations,
    reconciliations_due,
    resume_grant,
    set_delivery_state,
    set_reconcile_every,
    suspend_grant,
)
from jutong.terms import BadInput, Broken, Conflict, Denied, JutongError, NotFound, Unavailable


@pytest.fixture(scope="module")
def stocked(city):
    chance = random.Random(7)
    city.merge([company(number, chance) for number in range(300)])
    city.grant = set_up_delivery(city, "kept", "kept")
    deliver(city.database, city.store, city.stream, city.keys, "kept", chunk_rows=64)
    return city


def check(city, **more):
    return reconcile(
        city.database, city.store, city.stream, city.keys, "kept", **{"chunk_rows": 64, "mend": False, **more}
    )


def latest(city):
    with city.database.connection() as connection:
        return reconciliations(connection, "kept")[0]


def test_rows_that_differ_are_listed_by_key_and_mended_by_one_command(stocked):
    codes = sorted(stocked.rows)
    stocked.there("DELETE FROM kept WHERE uscc = ANY (%s)", [codes[0], codes[150], codes[299]])
    stocked.there("UPDATE kept SET name = 'x' WHERE uscc = %s", codes[7])
    stocked.there("INSERT INTO kept (uscc) VALUES ('00000'), ('91430502MA00000007x'), ('zzz')")
    found = check(stocked, cause="person")
    assert (found.result, found.differing) == ("different", 7)
    expected = {
        ("missing", codes[0]), ("missing", codes[150]), ("missing", codes[299]), ("different", codes[7]),
        ("extra", "00000"), ("extra", "91430502MA00000007x"), ("extra", "zzz"),
    }  # fmt: skip
    assert {(one.kind, *one.key) for one in found.differences} == expected
    with stocked.database.connection() as connection:
        kept = differing_keys(connection, "kept")
    assert {(one["kind"], *one["key"]) for one in kept} == expected
    assert (latest(stocked)["result"], latest(stocked)["cause"], latest(stocked)["keys_apart"]) == ("different", "person", 7)  # fmt: skip
    assert check(stocked, mend=True).result == "mended"
    assert check(stocked).result == "equal"


def test_a_table_emptied_there_says_so(stocked):
    stocked.there("TRUNCATE kept")
    assert check(stocked).differing == 300
    assert latest(stocked)["result"] == "there_empty"
    assert check(stocked, mend=True).result == "mended"


def test_what_cannot_be_compared_is_a_state_with_its_reason(stocked):
    stocked.there("ALTER TABLE kept RENAME TO aside")
    with pytest.raises(Conflict) as told:
        check(stocked)
    assert told.value.code == "share.receiver_no_table"
    assert (latest(stocked)["result"], latest(stocked)["problem"]) == ("no_table", told.value.sentence)
    stocked.there("ALTER TABLE aside RENAME TO kept")
    with stocked.database.connection() as connection:
        suspend_grant(connection, stocked.grant.id, "试一试")
    with pytest.raises(Denied):
        check(stocked)
    assert latest(stocked)["result"] == "cancelled"
    with stocked.database.connection() as connection:
        resume_grant(connection, stocked.grant.id)
        before = connection.execute("SELECT receiver FROM delivery WHERE name = 'kept'").fetchone()[
            "receiver"
        ]
        connection.execute(
            "UPDATE delivery SET receiver = %s WHERE name = 'kept'", [Jsonb({**before, "host": "127.0.0.1", "port": 1})]
        )  # fmt: skip
    with pytest.raises(Unavailable):
        check(stocked)
    assert latest(stocked)["result"] == "unreachable"
    with stocked.database.connection() as connection:
        connection.execute("UPDATE delivery SET receiver = %s WHERE name = 'kept'", [Jsonb(before)])
    assert check(stocked).result == "equal"


def test_its_time_comes_by_itself_and_sooner_where_it_could_not_compare(stocked):
    def due(hours, result):
        with stocked.database.connection() as connection:
            connection.execute("DELETE FROM reconciliation")
            connection.execute(
                "INSERT INTO reconciliation (delivery_name, at, result) VALUES ('kept', now() - %s::interval, %s)",
                [dt.timedelta(hours=hours), result],
            )
            return reconciliations_due(connection) == ["kept"]

    assert [due(23, "equal"), due(25, "equal"), due(2, "unreachable"), due(0.5, "unreachable")] == [
        False, True, True, False,
    ]  # fmt: skip
    with stocked.database.connection() as connection:
        set_reconcile_every(connection, "kept", None)
    assert not due(1000, "equal")
    with stocked.database.connection() as connection:
        set_reconcile_every(connection, "kept", dt.timedelta(hours=1))
        set_delivery_state(connection, "kept", "paused")
    assert not due(1000, "equal")
    with stocked.database.connection() as connection:
        set_delivery_state(connection, "kept", "active")
        with pytest.raises(BadInput):
            set_reconcile_every(connection, "kept", dt.timedelta(minutes=5))
    assert due(2, "different")
    platform = SimpleNamespace(
        database=stocked.database, store=stocked.store, keys=stocked.keys, ledger=stocked.ledger
    )
    assert [one.result for one in reconcile_deliveries(platform, mend=False)] == ["equal"]
    assert (latest(stocked)["result"], latest(stocked)["cause"]) == ("equal", "schedule")
    assert reconcile_deliveries(platform) == []


def test_one_that_was_killed_is_no_longer_under_way(stocked):
    with stocked.database.connection() as connection:
        connection.execute("INSERT INTO reconciliation (delivery_name, result) VALUES ('kept', 'running')")
    check(stocked)
    with stocked.database.connection() as connection:
        states = [row["result"] for row in reconciliations(connection, "kept")][:2]
    assert states == ["equal", "failed"]


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        (Unavailable("outside.mysql_unreachable", "…"), "unreachable"),
        (Unavailable("share.receiver_locked", "…"), "timeout"),
        (Conflict("share.delivery_unfinished", "…"), "waiting"),
        (Conflict("share.delivery_running", "…"), "waiting"),
        (NotFound("store.no_snapshot", "…"), "no_source"),
        (Denied("share.delivery_stopped", "…"), "cancelled"),
        (Broken("share.mend_failed", "…"), "failed"),
        (ValueError("anything"), "failed"),
    ],
)
def test_every_problem_has_its_state(problem: JutongError, state: str) -> None:
    assert end_of(problem) == state
