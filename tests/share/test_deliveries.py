"""Deliveries: the receiver's table is what the grant lets out, no more, and it is mended where it is not."""

from __future__ import annotations

import datetime as dt
import random
from contextlib import suppress

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.share_city import GRANTED, agree, company, set_up_delivery

from jutong.casework import find_case
from jutong.share import (
    PostgresReceiver,
    add_delivery,
    bound_of,
    deliver,
    find_request,
    fold,
    look_up,
    meter_differences,
    reconcile,
    reconciliations,
    resume_grant,
    runs,
    seal_grant,
    suspend_grant,
    terminate_grant,
    who_saw,
)
from jutong.share.deliveries import password_of
from jutong.terms import BadInput, Conflict, Denied, Unavailable


@pytest.fixture
def filled(city):
    chance = random.Random(7)
    if not city.rows:
        city.merge([company(number, chance) for number in range(400)])
    return city


def run(city, name, **more):
    return deliver(city.database, city.store, city.stream, city.keys, name, **{"chunk_rows": 64, **more})


def check(city, name, **more):
    return reconcile(city.database, city.store, city.stream, city.keys, name, **{"chunk_rows": 64, **more})


def test_a_full_run_makes_the_table_with_its_key_and_its_chinese_names(filled):
    grant = set_up_delivery(filled, "full", "market_entity")
    done = run(filled, "full")
    assert (done.kind, done.upserted, done.chunks) == ("full", 400, 7)
    there = filled.there("SELECT uscc, name, capital, founded, phone FROM market_entity ORDER BY uscc")
    assert len(there) == 400
    for uscc, name, capital, founded, phone in there:
        row = filled.rows[uscc]
        assert (name, capital, founded) == (row["name"], row["capital"], row["founded"])
        assert phone != row["phone"] or phone is None  # grade 3 leaves masked
    columns = filled.there(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum), a.attnotnull"
        " FROM pg_attribute a WHERE a.attrelid = 'market_entity'::regclass AND a.attnum > 0 ORDER BY a.attnum"
    )
    assert [column[0] for column in columns] == list(GRANTED)
    assert ("capital", "numeric(18,2)", "注册资本", False) in columns
    assert ("uscc", "text", "统一社会信用代码", True) in columns
    assert check(filled, "full").result == "equal"
    with filled.database.connection() as connection:
        assert find_case(connection, find_request(connection, grant.request_id).case_id).state == "delivered"
        assert runs(connection, "full")[0]["state"] == "done"


def test_incremental_runs_send_what_the_receiver_can_see_has_changed_and_nothing_else(filled):
    set_up_delivery(filled, "incremental", "incremental")
    run(filled, "incremental")
    changed = [
        {**filled.rows[key], "name": f"更名{place}"} for place, key in enumerate(sorted(filled.rows)[:5])
    ]
    hidden = [{**filled.rows[key], "secret": "B"} for key in sorted(filled.rows)[20:40]]
    new = [company(1000 + number, random.Random(1)) for number in range(3)]
    filled.merge([*changed, *hidden, *new], gone=sorted(filled.rows)[50:54])
    done = run(filled, "incremental")
    assert (done.kind, done.upserted, done.deleted) == ("incremental", 8, 4)
    assert check(filled, "incremental").result == "equal"
    again = run(filled, "incremental")
    assert (again.kind, again.chunks, again.upserted) == ("incremental", 0, 0)


def test_rows_outside_the_filter_never_leave_not_even_by_their_key(filled):
    only = ({"item": "division", "op": "in", "value": ["430502", "430503"]},)
    set_up_delivery(filled, "filtered", "filtered", row_filter=only)
    inside = {key for key, row in filled.rows.items() if row["division"] in ("430502", "430503")}
    assert run(filled, "filtered").upserted == len(inside)
    outside = sorted(set(filled.rows) - inside)
    leaving, coming = sorted(inside)[:3], outside[:2]
    filled.merge(
        [{**filled.rows[key], "division": "430511"} for key in leaving]
        + [{**filled.rows[key], "division": "430502"} for key in coming]
        + [{**filled.rows[outside[5]], "name": "看不见的变化"}],
        gone=[outside[6]],
    )
    done = run(filled, "filtered")
    assert (done.upserted, done.deleted) == (2, 3)
    keys = {row[0] for row in filled.there("SELECT uscc FROM filtered")}
    assert keys == (inside - set(leaving)) | set(coming)
    assert check(filled, "filtered").result == "equal"


def test_reconciling_finds_and_mends_exactly_the_rows_that_differ(filled):
    set_up_delivery(filled, "mended", "mended")
    run(filled, "mended")
    keys = sorted(filled.rows)
    filled.there("UPDATE mended SET name = '被改过' WHERE uscc = %s", keys[10])
    filled.there("DELETE FROM mended WHERE uscc = %s", keys[200])
    filled.there("INSERT INTO mended (uscc) VALUES ('ZZZ'), ('000')")
    told = check(filled, "mended", mend=False)
    assert (told.result, told.there.rows) == ("different", told.here.rows + 1)
    with filled.database.connection() as connection:
        before = runs(connection, "mended")
    assert check(filled, "mended").result == "mended"
    with filled.database.connection() as connection:
        after = runs(connection, "mended")
        assert [row["result"] for row in reconciliations(connection, "mended")][:2] == ["mended", "different"]
    assert len(after) == len(before) + 1
    assert (after[0]["kind"], after[0]["upserted"], after[0]["deleted"]) == ("difference", 2, 2)
    assert check(filled, "mended").result == "equal"


def test_the_receivers_own_columns_views_and_indexes_stay(filled):
    set_up_delivery(filled, "kept", "kept")
    run(filled, "kept")
    filled.there("ALTER TABLE kept ADD COLUMN remark text")
    filled.there("UPDATE kept SET remark = 'ours'")
    filled.there("CREATE VIEW kept_names AS SELECT uscc, name FROM kept")
    filled.there("CREATE INDEX kept_by_name ON kept (name)")
    key = min(filled.rows)
    filled.merge([{**filled.rows[key], "name": "新名称"}])
    run(filled, "kept")
    assert filled.there("SELECT name, remark FROM kept WHERE uscc = %s", key) == [("新名称", "ours")]
    assert filled.there("SELECT name FROM kept_names WHERE uscc = %s", key) == [("新名称",)]
    assert check(filled, "kept").result == "equal"


def test_a_narrowed_grant_takes_back_what_may_no_longer_be_held(filled):
    grant = set_up_delivery(filled, "narrowed", "narrowed")
    run(filled, "narrowed")
    with filled.database.connection() as connection:
        connection.execute(
            "UPDATE share_grant SET items = array_remove(items, 'capital') WHERE id = %s", (grant.id,)
        )
        connection.execute(
            "UPDATE share_grant SET masks = %s WHERE id = %s",
            (Jsonb({"phone": "full", "name": "full"}), grant.id),
        )
    done = run(filled, "narrowed")
    assert done.kind == "difference"
    assert filled.there("SELECT count(capital) FROM narrowed") == [(0,)]
    assert filled.there("SELECT DISTINCT name FROM narrowed WHERE name IS NOT NULL") == [("******",)]
    assert check(filled, "narrowed").result == "equal"


def test_without_a_live_grant_nothing_leaves_and_the_refusal_is_recorded(filled):
    grant = set_up_delivery(filled, "refused", "refused")
    with filled.database.connection() as connection:
        suspend_grant(connection, grant.id, "核查用途")
    with pytest.raises(Denied) as told:
        run(filled, "refused")
    assert told.value.code == "share.grant_suspended"
    with filled.database.connection() as connection:
        resume_grant(connection, grant.id)
    run(filled, "refused")
    with filled.database.connection() as connection:
        terminate_grant(connection, grant.id, "违规使用")
    with pytest.raises(Denied):
        run(filled, "refused")
    filled.ledger.sequence()
    refusals = [one for _, one in filled.ledger.entries() if one.event == "share:delivery:refuse"]
    assert [(one.resource, one.code, one.outcome) for one in refusals[-2:]] == [
        ("refused", "share.grant_suspended", "refused"),
        ("refused", "share.grant_terminated", "refused"),
    ]


def test_a_grant_suspended_in_mid_run_stops_the_next_chunk(filled, monkeypatch):
    grant = set_up_delivery(filled, "midway", "midway")
    sent = []
    record = filled.stream.record

    def and_then_suspend(exchange):
        receipt = record(exchange)
        if exchange.event == "share:delivery:chunk":
            sent.append(exchange)
            if len(sent) == 2:
                with filled.database.connection() as connection:
                    suspend_grant(connection, grant.id, "中途叫停")
        return receipt

    monkeypatch.setattr(filled.stream, "record", and_then_suspend)
    with pytest.raises(Denied):
        run(filled, "midway")
    assert len(sent) == 2
    assert filled.there("SELECT to_regclass('midway')") == [(None,)]  # never shown half loaded
    with filled.database.connection() as connection:
        resume_grant(connection, grant.id)
    assert run(filled, "midway").upserted == len(filled.rows)
    assert check(filled, "midway").result == "equal"


def test_if_the_ledger_cannot_write_nothing_arrives(filled):
    set_up_delivery(filled, "unproven", "unproven")
    run(filled, "unproven")
    before = filled.there("SELECT * FROM unproven ORDER BY uscc")
    filled.merge([{**row, "name": "不该到达"} for row in list(filled.rows.values())[:100]])
    dead = filled.ledger.stream("dead")
    dead.close()
    with pytest.raises(Exception, match="ledger"):
        deliver(filled.database, filled.store, dead, filled.keys, "unproven", chunk_rows=64)
    assert filled.there("SELECT * FROM unproven ORDER BY uscc") == before
    run(filled, "unproven")
    assert check(filled, "unproven").result == "equal"


def test_a_table_that_is_not_ours_is_left_alone(filled):
    filled.there("CREATE TABLE theirs (id int)")
    set_up_delivery(filled, "taken", "theirs")
    with pytest.raises(Conflict) as told:
        run(filled, "taken")
    assert told.value.code == "share.table_taken"
    assert filled.there("SELECT count(*) FROM theirs") == [(0,)]


def test_a_delivery_needs_a_table_grant_and_a_receiver_without_a_password(filled):
    grant = agree(filled, method="api")
    with filled.database.connection() as connection, pytest.raises(BadInput):
        add_delivery(
            connection,
            filled.keys,
            name="x",
            grant_id=grant.id,
            receiver=filled.receiver,
            password=None,
            table_name="x",
        )
    table = agree(filled)
    with filled.database.connection() as connection, pytest.raises(BadInput):
        add_delivery(
            connection, filled.keys, name="x", grant_id=table.id, receiver={"password": "p", "dbname": "d"},
            password=None, table_name="x",
        )  # fmt: skip
    with filled.database.connection() as connection:
        assert bound_of(connection, table.id).outgoing.keys == ("uscc",)
        sealed = connection.execute("SELECT secret, receiver FROM delivery WHERE name = 'full'").fetchone()
    assert filled.receiver_password not in str(sealed)


def test_a_password_kept_for_one_server_is_never_sent_to_another(filled):
    grant, place = agree(filled), {"dbname": "d", "host": "here", "port": 5432, "user": "u"}
    with filled.database.connection() as connection:

        def kept_after(password=None, **changes):
            add_delivery(
                connection, filled.keys, name="moved", grant_id=grant.id, receiver={**place, **changes},
                password=password, table_name="moved",
            )  # fmt: skip
            return password_of(connection, filled.keys, "moved")

        for changes, stays in (
            ({"dbname": "other"}, True), ({"port": "5432"}, True), ({"sslmode": "require"}, True), ({"host": "there"}, False),
            ({"port": 5433}, False), ({"user": "v"}, False),
        ):  # fmt: skip
            assert kept_after("p") == "p"
            assert kept_after(**changes) == ("p" if stays else None), changes
        assert kept_after("q", host="there") == "q"
        connection.rollback()


def test_a_receiver_that_falls_silent_is_given_up_within_minutes(filled):
    with PostgresReceiver.open(filled.receiver, filled.receiver_password) as receiver:
        said = receiver._connection.info.get_parameters()
    assert (said["tcp_user_timeout"], said["keepalives_idle"]) == ("120000", "30")


def test_a_line_that_breaks_is_an_absent_receiver_whatever_the_driver_makes_of_it(filled):
    with (
        PostgresReceiver.open(filled.receiver, filled.receiver_password) as receiver,
        pytest.raises(Unavailable) as told,
        receiver.transaction(),
    ):
        filled.there("SELECT pg_terminate_backend(%s)", receiver._connection.info.backend_pid)
        with suppress(psycopg.OperationalError):
            receiver.exists("any")
        raise ValueError("too many values to unpack (expected 1)")
    assert told.value.code == "share.receiver_unreachable"


def test_an_old_snapshot_that_has_expired_is_made_up_for_by_a_difference(filled):
    set_up_delivery(filled, "late", "late")
    run(filled, "late")
    filled.store.unfollow("delivery:late")
    for name in (
        "full",
        "incremental",
        "filtered",
        "mended",
        "kept",
        "narrowed",
        "refused",
        "midway",
        "unproven",
    ):
        filled.store.unfollow(f"delivery:{name}")
    key = sorted(filled.rows)[3]
    filled.merge([{**filled.rows[key], "name": "过期之后"}], gone=[sorted(filled.rows)[4]])
    filled.store.expire(filled.store.snapshot())
    done = run(filled, "late")
    assert (done.kind, done.upserted, done.deleted) == ("difference", 1, 1)
    assert check(filled, "late").result == "equal"


def test_who_saw_my_record_is_answered_from_hashes(filled):
    set_up_delivery(filled, "seen", "seen")
    run(filled, "seen")
    filled.ledger.sequence()
    fold(filled.database, filled.ledger)
    subject = sorted(filled.rows)[7]
    with filled.database.connection() as connection:
        sightings = who_saw(connection, filled.keys, subject)
        assert "seen" in {sighting.resource for sighting in sightings}
        assert all(sighting.consumer == "D25" for sighting in sightings)
        assert who_saw(connection, filled.keys, "91430502MA99999999") == []
        kept = connection.execute("SELECT sum(octet_length(hashes)) AS n FROM exchange_subjects").fetchone()
        assert kept["n"] % 8 == 0


def test_the_meter_equals_the_ledger_and_the_receivers(filled):
    filled.ledger.sequence()
    fold(filled.database, filled.ledger)
    assert meter_differences(filled.database, filled.ledger) == []
    with filled.database.connection() as connection:
        counted = connection.execute(
            "SELECT sum(records) AS n FROM meter_daily WHERE method = 'table'"
        ).fetchone()
    there = filled.there("SELECT sum(upserted_total)::bigint FROM jutong_delivery")
    assert int(counted["n"]) == there[0][0]


def test_asking_who_saw_is_itself_recorded_and_what_is_sealed_is_withheld(filled):
    grant = set_up_delivery(filled, "watched", "watched")
    run(filled, "watched")
    subject = sorted(filled.rows)[3]

    def ask(**given):
        filled.ledger.sequence()
        fold(filled.database, filled.ledger)
        with filled.database.connection() as connection:
            return look_up(
                connection, filled.stream, filled.keys, subject,
                by="counter", department="D01", ground="本人到柜台申请，受理号 7", **given,
            )  # fmt: skip

    assert "watched" in {one.resource for one in ask()}
    asked = [one for one in ask() if one.event == "share:subject:lookup"]
    assert (asked[0].consumer, asked[0].purpose) == ("D01", "本人到柜台申请，受理号 7")
    assert {one.provider for one in ask(provider="D23")} == {"D23"}
    with filled.database.connection() as connection:
        seal_grant(connection, grant.id, dt.datetime.now(dt.UTC) + dt.timedelta(days=30))
    assert "watched" not in {one.resource for one in ask()}
    with filled.database.connection() as connection:
        seal_grant(connection, grant.id, dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    assert "watched" in {one.resource for one in ask()}
    with pytest.raises(BadInput), filled.database.connection() as connection:
        look_up(connection, filled.stream, filled.keys, subject, by="counter", department="D01", ground="  ")
