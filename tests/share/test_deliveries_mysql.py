"""Deliveries into the MySQL family keep the same promises as into PostgreSQL; on a real MariaDB."""

from __future__ import annotations

import random
import secrets

import pytest
from psycopg.types.json import Jsonb
from tests.mariadb import started
from tests.share_city import GRANTED, City, agree, close_city, company, found, open_city, set_up_delivery

from jutong.share import (
    add_delivery,
    deliver,
    fold,
    meter_differences,
    metered,
    reconcile,
    reconciliations,
    resume_grant,
    runs,
    suspend_grant,
)
from jutong.terms import BadInput, Conflict, Denied, Unavailable


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with started(tmp_path_factory.mktemp("receiver")) as running:
        yield running


@pytest.fixture(scope="module")
def city(settings, server):
    with server.database() as config:
        url = f"mysql://root@127.0.0.1:{server.port}/{config['database']}"
        opened = found(open_city(settings, url))
        chance = random.Random(7)
        opened.merge([company(number, chance) for number in range(400)])
        yield opened
        close_city(opened)


def run(city, name, **more):
    return deliver(city.database, city.store, city.stream, city.keys, name, **{"chunk_rows": 64, **more})


def check(city, name, **more):
    return reconcile(city.database, city.store, city.stream, city.keys, name, **{"chunk_rows": 64, **more})


def test_a_full_load_three_increments_a_meddling_and_its_mending(city: City):
    set_up_delivery(city, "life", "life")
    done = run(city, "life")
    assert (done.kind, done.upserted, done.chunks) == ("full", 400, 7)
    rows = city.there(f"SELECT {', '.join(GRANTED)} FROM life ORDER BY uscc")
    for uscc, name, capital, founded, phone, _, staff, checked_at, active in rows:
        row = city.rows[uscc]
        assert (name, capital, founded, staff, checked_at) == tuple(
            row[item] for item in ("name", "capital", "founded", "staff", "checked_at")
        )
        assert active is None or bool(active) == row["active"]
        assert phone != row["phone"] or phone is None  # grade 3 leaves masked
    assert check(city, "life", done=done).result == "equal"
    for turn in range(3):
        keys = sorted(city.rows)
        changed = [{**city.rows[key], "name": f"更名 {turn} '\"\\ 𠮷"} for key in keys[:5]]
        new = [company(1000 * (turn + 1) + number, random.Random(1)) for number in range(3)]
        city.merge([*changed, *new], gone=keys[50:54])
        done = run(city, "life")
        assert (done.kind, done.upserted, done.deleted) == ("incremental", 8, 4)
        assert check(city, "life").result == "equal"
    assert run(city, "life").chunks == 0
    keys = sorted(city.rows)
    city.there("UPDATE life SET name = '被改过' WHERE uscc = %s", keys[10])
    city.there("DELETE FROM life WHERE uscc = %s", keys[200])
    city.there("INSERT INTO life (uscc) VALUES ('ZZZ'), ('000')")
    told = check(city, "life", mend=False)
    assert (told.result, told.there.rows) == ("different", told.here.rows + 1)
    assert check(city, "life").result == "mended"
    with city.database.connection() as connection:
        last = runs(connection, "life")[0]
        assert [row["result"] for row in reconciliations(connection, "life")][:2] == ["mended", "different"]
    assert (last["kind"], last["upserted"], last["deleted"]) == ("difference", 2, 2)
    assert check(city, "life").result == "equal"


def test_the_table_is_innodb_its_key_binary_its_columns_named_in_chinese(city: City):
    set_up_delivery(city, "made", "made")
    run(city, "made")
    assert city.there(
        "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        " AND TABLE_NAME IN ('made', 'jutong_delivery')"
    ) == [("InnoDB",), ("InnoDB",)]
    columns = {
        row[0]: row[1:]
        for row in city.there(
            "SELECT COLUMN_NAME, COLUMN_COMMENT, COLLATION_NAME, COLUMN_KEY FROM information_schema.COLUMNS"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'made'"
        )
    }
    assert columns["uscc"] == ("统一社会信用代码", "utf8mb4_nopad_bin", "PRI")
    assert columns["capital"][0] == "注册资本"
    assert city.there("SHOW TABLES LIKE 'jutong_load_%'") == []


@pytest.mark.slow
def test_keys_that_differ_in_case_or_a_trailing_space_are_two_rows(city: City):
    chance = random.Random(2)
    given = [
        {**company(0, chance), "uscc": key} for key in ("ab", "AB", "ab ", " ab", "é", "e\u0301", "a'b\\")
    ]
    city.merge(given)
    set_up_delivery(city, "alike", "alike")
    assert run(city, "alike").upserted == len(city.rows)
    city.merge([{**row, "name": "改"} for row in given], gone=())
    assert run(city, "alike").upserted == len(given)
    city.merge([], gone=[row["uscc"] for row in given])
    assert run(city, "alike").deleted == len(given)
    assert check(city, "alike").result == "equal"


@pytest.mark.slow
def test_the_receivers_own_columns_views_and_indexes_stay(city: City):
    set_up_delivery(city, "kept", "kept")
    run(city, "kept")
    city.there(
        "ALTER TABLE kept ADD COLUMN remark VARCHAR(20), ADD COLUMN no INT AUTO_INCREMENT, ADD UNIQUE (no)"
    )
    city.there("UPDATE kept SET remark = 'ours'")
    city.there("CREATE VIEW kept_names AS SELECT uscc, name FROM kept")
    city.there("CREATE INDEX kept_by_name ON kept (name(20))")
    key, other = sorted(city.rows)[:2]
    city.merge([{**city.rows[key], "name": "新名称"}, company(5000, random.Random(4))])
    run(city, "kept")
    assert city.there("SELECT name, remark FROM kept WHERE uscc = %s", key) == [("新名称", "ours")]
    assert city.there("SELECT name FROM kept_names WHERE uscc = %s", key) == [("新名称",)]
    assert check(city, "kept").result == "equal"
    # A clash in the receiver's own unique index is told, and no other row is written in its stead.
    city.there("ALTER TABLE kept DROP COLUMN no, ADD COLUMN alone VARCHAR(10) AS (LEFT(name, 1)) STORED")
    city.there("CREATE UNIQUE INDEX lonely ON kept (staff, uscc)")
    city.merge([{**city.rows[other], "name": "又一名称"}])
    run(city, "kept")
    assert check(city, "kept").result == "equal"


@pytest.mark.slow
def test_a_clash_in_the_receivers_own_unique_index_is_told_and_overwrites_nobody(city: City):
    set_up_delivery(city, "clash", "clash", row_filter=({"item": "division", "op": "eq", "value": "430503"},))
    run(city, "clash")
    city.there("UPDATE clash SET staff = NULL")
    city.there("CREATE UNIQUE INDEX one_staff ON clash (staff)")
    one, two = company(7001, random.Random(1)), company(7002, random.Random(1))
    city.merge([{**row, "division": "430503", "staff": 99} for row in (one, two)])
    with pytest.raises(BadInput) as told:
        run(city, "clash")
    assert told.value.code == "share.row_not_storable"
    assert city.there("SELECT count(*) FROM clash WHERE staff = 99") == [
        (0,)
    ]  # the chunk is whole or not at all
    city.there("DROP INDEX one_staff ON clash")
    run(city, "clash")
    assert check(city, "clash").result == "mended"  # the staff we took away above
    city.merge([], gone=[one["uscc"], two["uscc"]])


@pytest.mark.slow
def test_a_table_that_has_drifted_holds_the_delivery_until_it_is_put_right(city: City):
    set_up_delivery(city, "drift", "drift")
    run(city, "drift")
    key = min(city.rows)
    for wrong, right, words in (
        ("ALTER TABLE drift RENAME COLUMN capital TO money", "ALTER TABLE drift RENAME COLUMN money TO capital", "capital"),
        ("ALTER TABLE drift MODIFY staff INT", "ALTER TABLE drift MODIFY staff BIGINT", "bigint"),
        ("ALTER TABLE drift DROP PRIMARY KEY", "ALTER TABLE drift ADD PRIMARY KEY (uscc)", "主键"),
        ("ALTER TABLE drift ENGINE=Aria", "ALTER TABLE drift ENGINE=InnoDB", "InnoDB"),
        ("RENAME TABLE drift TO elsewhere", "RENAME TABLE elsewhere TO drift", "不存在"),
    ):  # fmt: skip
        if "staff" in wrong:
            city.there("UPDATE drift SET staff = NULL")
        city.there(wrong)
        city.merge([{**city.rows[key], "name": words}])
        with pytest.raises(Conflict) as told:
            run(city, "drift")
        assert told.value.code in ("share.receiver_drift", "share.receiver_engine")
        assert words.lower() in told.value.sentence.lower()
        with city.database.connection() as connection:
            held = runs(connection, "drift")[0]
        assert (held["state"], held["error"]) == ("failed", told.value.sentence)  # its page says why
        city.there(right)
        assert run(city, "drift").kind == "incremental"
        assert check(city, "drift").result in ("equal", "mended")
    city.there(
        "ALTER TABLE drift MODIFY name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )  # may be
    city.merge([{**city.rows[key], "name": "仍可写入"}])
    assert run(city, "drift").upserted == 1


def test_a_widened_and_a_narrowed_grant_reshape_the_table(city: City):
    grant = set_up_delivery(city, "shape", "shape", items=("uscc", "name", "capital"))
    run(city, "shape")
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE share_grant SET items = %s, masks = %s WHERE id = %s",
            (["uscc", "name", "founded"], Jsonb({"name": "full"}), grant.id),
        )
    assert run(city, "shape").kind == "difference"
    assert city.there("SELECT count(capital) FROM shape") == [(0,)]
    assert city.there("SELECT DISTINCT name FROM shape WHERE name IS NOT NULL") == [("******",)]
    assert city.there("SELECT count(founded) > 0 FROM shape") == [(1,)]
    assert check(city, "shape").result == "equal"


def test_a_value_the_receiver_cannot_hold_is_told_and_never_cut(city: City):
    set_up_delivery(city, "cut", "cut")
    run(city, "cut")
    city.there("UPDATE cut SET name = NULL")
    city.there("ALTER TABLE cut MODIFY name VARCHAR(3)")
    key = min(city.rows)
    city.merge([{**city.rows[key], "name": "四个汉字"}])
    with pytest.raises(BadInput) as told:
        run(city, "cut")
    assert told.value.code == "share.row_not_storable"
    assert city.there("SELECT name FROM cut WHERE uscc = %s", key) == [(None,)]


@pytest.mark.slow
def test_a_receiver_that_is_away_is_caught_up_with_when_it_is_back(city: City, server):
    set_up_delivery(city, "away", "away")
    run(city, "away")
    key = min(city.rows)
    city.merge([{**city.rows[key], "name": "停机期间"}])
    server.stop(hard=True)
    with pytest.raises(Unavailable) as told:
        run(city, "away")
    assert told.value.code == "outside.mysql_unreachable"
    server.start()
    assert run(city, "away").upserted == 1
    assert check(city, "away").result == "equal"


def test_a_suspended_grant_lets_nothing_out(city: City):
    grant = set_up_delivery(city, "stopped", "stopped")
    with city.database.connection() as connection:
        suspend_grant(connection, grant.id, "核查用途")
    with pytest.raises(Denied):
        run(city, "stopped")
    assert city.there("SHOW TABLES LIKE 'stopped'") == []
    with city.database.connection() as connection:
        resume_grant(connection, grant.id)
    run(city, "stopped")


def test_a_table_that_is_not_ours_is_left_alone(city: City):
    city.there("CREATE TABLE theirs (id INT)")
    set_up_delivery(city, "taken", "theirs")
    with pytest.raises(Conflict) as told:
        run(city, "taken")
    assert told.value.code == "share.table_taken"
    assert city.there("SELECT count(*) FROM theirs") == [(0,)]
    city.there("DELETE FROM jutong_delivery WHERE delivery = 'taken'")


@pytest.mark.slow
def test_an_account_with_rights_on_one_schema_is_enough(city: City):
    name = f"u{secrets.token_hex(4)}"
    schema = city.receiver["dbname"]
    city.there(f"CREATE USER {name} IDENTIFIED BY 'p''w'")
    city.there(f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP ON {schema}.* TO {name}")
    grant = agree(city)
    with city.database.connection() as connection:
        add_delivery(
            connection, city.keys, name="small", grant_id=grant.id, receiver={**city.receiver, "user": name},
            password="p'w", table_name="small",
        )  # fmt: skip
    run(city, "small")
    assert check(city, "small").result == "equal"


def test_an_unknown_kind_of_receiver_is_refused(city: City):
    grant = agree(city)
    for receiver in ({"kind": "oracle", "dbname": "d"}, {"kind": "mysql", "dbname": "d", "schema": "s"}):
        with city.database.connection() as connection, pytest.raises(BadInput) as told:
            add_delivery(
                connection,
                city.keys,
                name="x",
                grant_id=grant.id,
                receiver=receiver,
                password=None,
                table_name="x",
            )
        assert told.value.code == "share.delivery_kind"


def test_the_meter_equals_the_ledger_and_the_receivers(city: City):
    city.ledger.sequence()
    fold(city.database, city.ledger)
    assert meter_differences(city.database, city.ledger) == []
    with city.database.connection() as connection:
        assert metered(connection).records == int(
            city.there("SELECT SUM(upserted_total) FROM jutong_delivery")[0][0]
        )
