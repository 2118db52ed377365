"""Deliveries through SQLAlchemy keep the same promises as the two built-in families: PostgreSQL, MariaDB and SQLite."""

from __future__ import annotations

import random
import sqlite3

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import exc
from tests.mariadb import started
from tests.share_city import City, agree, close_city, company, found, open_city, receiver_database

from jutong.share import (
    Checkpoint,
    add_delivery,
    check_receiver,
    deliver,
    open_receiver,
    reconcile,
    runs,
    suspend_grant,
    try_delivery,
    try_receiver,
)
from jutong.share.receiver import Locked
from jutong.terms import BadInput, Conflict, Denied, JutongError, Unavailable


@pytest.fixture(scope="module")
def city(settings, cluster):
    opened = found(open_city(settings, receiver_database(cluster.url())))
    chance = random.Random(7)
    opened.merge([company(number, chance) for number in range(150)])
    yield opened
    close_city(opened)


def sqlite(city, folder, request):
    return {"kind": "sqlalchemy", "driver": "sqlite", "dbname": str(folder / "receiver.db")}, None


def postgres(city, folder, request):
    parts = conninfo_to_dict(city.receiver_url)
    given = {name: parts[name] for name in ("host", "port", "dbname", "user") if parts.get(name)}
    return {"kind": "sqlalchemy", "driver": "postgresql+psycopg", **given}, str(parts["password"])


def mariadb(city, folder, request):
    running = request.getfixturevalue("server")
    config = running.database().__enter__()
    given = {"host": "127.0.0.1", "port": running.port, "user": "root", "dbname": config["database"]}
    return {"kind": "sqlalchemy", "driver": "mysql+pymysql", **given}, None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with started(tmp_path_factory.mktemp("mariadb")) as running:
        yield running


@pytest.fixture(
    scope="module",
    params=[sqlite, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (postgres, mariadb))],
    ids=lambda kind: kind.__name__,
)
def receiver(request, city, tmp_path_factory):
    return request.param(city, tmp_path_factory.mktemp("there"), request)


def set_up(city, receiver, name, table, **other):
    grant = agree(city, **other)
    with city.database.connection() as connection:
        add_delivery(
            connection, city.keys, name=name, grant_id=grant.id, receiver=receiver[0], password=receiver[1], table_name=table
        )  # fmt: skip
    return grant


def run(city, name):
    return deliver(city.database, city.store, city.stream, city.keys, name, chunk_rows=64)


def check(city, name, **more):
    return reconcile(city.database, city.store, city.stream, city.keys, name, chunk_rows=64, **more)


def there(receiver, statement):
    """Ask the consumer's database through its own door."""
    opened = open_receiver(*receiver)
    with opened, opened.transaction():
        result = opened._connection.exec_driver_sql(statement)
        return result.fetchall() if result.returns_rows else []


def name_of(receiver, what):
    return f"{receiver[0]['driver'].partition('+')[0]}_{what}"


def test_a_first_load_increments_a_meddling_and_its_mending(city: City, receiver):
    name = name_of(receiver, "life")
    set_up(city, receiver, name, "life")
    assert try_delivery(city.database, city.keys, name).table == "free"
    done = run(city, name)
    assert (done.kind, done.upserted) == ("full", len(city.rows))
    assert check(city, name, done=done).result == "equal"
    assert try_delivery(city.database, city.keys, name).table == "kept"
    rows = there(receiver, "SELECT uscc, name, phone, staff FROM life")
    assert {row[0]: row[1] for row in rows} == {key: row["name"] for key, row in city.rows.items()}
    assert all(phone is None or phone != city.rows[key]["phone"] for key, _, phone, _ in rows)
    there(receiver, "ALTER TABLE life ADD note VARCHAR(20)")
    there(receiver, "UPDATE life SET note = 'own'")
    keys = sorted(city.rows)
    changed = [{**city.rows[key], "name": f"更名 {name} '\"\\ 𠮷"} for key in keys[:5]]
    city.merge([*changed, company(90_000 + done.snapshot, random.Random(1))], gone=keys[50:54])
    done = run(city, name)
    assert (done.kind, done.upserted, done.deleted) == ("incremental", 6, 4)
    assert there(receiver, "SELECT count(*) FROM life WHERE note = 'own'") == [(len(keys) - 4,)]
    assert check(city, name).result == "equal"
    there(receiver, f"UPDATE life SET name = 'meddled' WHERE uscc = '{keys[10]}'")
    there(receiver, f"DELETE FROM life WHERE uscc = '{keys[100]}'")
    there(receiver, "INSERT INTO life (uscc) VALUES ('ZZZ'), ('000')")
    told = check(city, name, mend=False)
    assert (told.result, told.differing) == ("different", 4)
    assert check(city, name).result == "mended"
    with city.database.connection() as connection:
        last = runs(connection, name)[0]
    assert (last["kind"], last["upserted"], last["deleted"]) == ("difference", 2, 2)


def test_a_first_load_cut_at_any_step_ends_in_the_same_content(city: City, receiver, monkeypatch):
    from jutong.share.receiver.dialects import DialectReceiver

    class Cut(Exception):
        pass

    for step in ("load", "add_key", "rename", "sweep"):
        name = name_of(receiver, f"cut_{step}")
        set_up(city, receiver, name, f"t_{step}")
        real, seen = getattr(DialectReceiver, step), []

        def dies(self, *given, _real=real, _seen=seen, _step=step):
            _seen.append(1)
            if len(_seen) == 2 and _step in ("load", "sweep"):
                raise Cut
            answer = _real(self, *given)
            if _step not in ("load", "sweep"):  # done there, but nobody heard of it
                raise Cut
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(DialectReceiver, step, dies)
            with pytest.raises(Cut):
                run(city, name)
        run(city, name)
        assert check(city, name).result == "equal", step
        tables = [row[0] for row in _tables(receiver)]
        assert not [table for table in tables if table.startswith("jutong_load_")], step


def _tables(receiver):
    import sqlalchemy as sa

    opened = open_receiver(*receiver)
    with opened, opened.transaction():
        return [(name,) for name in sa.inspect(opened._connection).get_table_names()]


def test_two_runs_at_once_move_the_checkpoint_once(receiver):
    name = name_of(receiver, "twice")
    first = Checkpoint(name, "t", "s", ("a",), run="R1", phase="load")
    with open_receiver(*receiver) as one:
        with one.transaction():
            one.prepare()
        with one.transaction():
            one.begin(first, None)
        with one.transaction():
            moved = one.move(first, chunk=1, last_key=("甲",))
    with open_receiver(*receiver) as other:
        with pytest.raises(Conflict, match="让位"), other.transaction():
            other.move(first, chunk=1)
        with pytest.raises(Conflict), other.transaction():
            other.begin(first, None)
        with other.transaction():
            assert other.checkpoint(name, lock=True) == moved


def test_a_table_that_was_changed_is_held_and_one_that_is_somebody_else_s_left_alone(city: City, receiver):
    name = name_of(receiver, "held")
    grant = set_up(city, receiver, name, "held")
    there(receiver, "CREATE TABLE held (mine INTEGER)")
    assert try_receiver(*receiver, "held").table == "taken"
    with pytest.raises(Conflict, match="不是本交换所建"):
        run(city, name)
    there(receiver, "DROP TABLE held")
    run(city, name)
    there(receiver, "ALTER TABLE held DROP COLUMN staff")
    city.merge([company(95_000, random.Random(1))])
    with pytest.raises(Conflict, match="缺列「staff」"):
        run(city, name)
    assert try_delivery(city.database, city.keys, name).table == "drifted"
    there(receiver, "DROP TABLE held")
    with city.database.connection() as connection:
        suspend_grant(connection, grant.id, "整改")
    with pytest.raises(Denied):
        run(city, name)


def test_a_receiver_that_cannot_be_is_told_in_a_sentence(tmp_path):
    for receiver, code in (
        ({"kind": "sqlalchemy", "dbname": "x"}, "share.delivery_kind"),
        ({"kind": "mysql", "driver": "sqlite", "dbname": "x"}, "share.delivery_kind"),
        ({"kind": "sqlalchemy", "driver": "sqlite:///x?y", "dbname": "x"}, "share.delivery_kind"),
        ({"kind": "sqlalchemy", "driver": "sqlite"}, "share.delivery_receiver"),
        ({"dbname": "x", "url": "postgresql://u:pw@h/x"}, "share.delivery_receiver"),
        ({"dbname": "x", "sslpassword": "pw"}, "share.delivery_receiver"),
    ):
        with pytest.raises(BadInput) as refused:
            check_receiver(receiver)
        assert refused.value.code == code
    with pytest.raises(BadInput, match="没有安装"):
        open_receiver({"kind": "sqlalchemy", "driver": "nosuch", "dbname": "x"}, None)
    away = {
        "kind": "sqlalchemy",
        "driver": "postgresql+psycopg",
        "host": "127.0.0.1",
        "port": 9,
        "dbname": "x",
    }
    with pytest.raises(Unavailable) as gone:
        open_receiver(away, "s3cret-word")
    assert "s3cret" not in gone.value.sentence
    assert not try_receiver(away, None, "t").reached
    (tmp_path / "not.db").write_bytes(b"no database at all" * 100)
    assert not try_receiver(
        {"kind": "sqlalchemy", "driver": "sqlite", "dbname": str(tmp_path / "not.db")}, None, "t"
    ).ready


def test_a_database_that_keeps_no_empty_text_is_delivered_to(city: City, tmp_path):
    receiver = {"kind": "sqlalchemy", "driver": "sqlite", "dbname": str(tmp_path / "x.db")}, None
    set_up(city, receiver, "hollow", "hollow")
    assert try_delivery(city.database, city.keys, "hollow").table == "free"  # and the control table is made
    for moment in ("INSERT", "UPDATE"):
        there(
            receiver,
            f"CREATE TRIGGER as_oracle_{moment} AFTER {moment} ON jutong_delivery BEGIN"
            " UPDATE jutong_delivery SET attempt = nullif(attempt, ''), kind = nullif(kind, '')"
            " WHERE delivery = NEW.delivery AND '' IN (attempt, kind); END",
        )
    assert run(city, "hollow").upserted == len(city.rows)
    city.merge([company(96_000, random.Random(1))])
    assert run(city, "hollow").kind == "incremental"
    assert check(city, "hollow").result == "equal"


@pytest.mark.parametrize(
    ("problem", "becomes"),
    [
        (exc.DatabaseError("", {}, Exception("ORA-00054: resource busy and acquire with NOWAIT")), Locked),
        (exc.DatabaseError("", {}, Exception("ORA-00060: deadlock detected")), Locked),
        (exc.OperationalError("", {}, Exception("database is locked")), Locked),
        (exc.ProgrammingError("", {}, Exception('column "block_no" does not exist')), Conflict),
        (exc.DatabaseError("", {}, Exception("ORA-00942"), connection_invalidated=True), Unavailable),
        (exc.DatabaseError("", {}, Exception("ORA-00942: table or view does not exist")), Conflict),
        (exc.IntegrityError("", {}, Exception("UNIQUE constraint failed: t.lock")), BadInput),
        (exc.DataError("", {}, Exception("value too long")), BadInput),
        (exc.StatementError("no such type", "", {}, TypeError("no such type")), BadInput),
    ],
)
def test_what_a_driver_says_becomes_an_error_that_is_tried_again_or_not(problem, becomes):
    receiver = {"kind": "sqlalchemy", "driver": "sqlite", "dbname": ":memory:"}
    with open_receiver(receiver, None) as opened, pytest.raises(JutongError) as told, opened.transaction():
        raise problem
    assert type(told.value) is becomes


def test_exact_numbers_survive_a_database_without_them(city: City, tmp_path):
    receiver = {"kind": "sqlalchemy", "driver": "sqlite", "dbname": str(tmp_path / "x.db")}, None
    set_up(city, receiver, "exact", "exact")
    run(city, "exact")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        rows = connection.execute("SELECT uscc, capital, checked_at, active FROM exact").fetchall()
    connection.close()
    for uscc, capital, checked_at, active in rows:
        row = city.rows[uscc]
        assert capital == (None if row["capital"] is None else str(row["capital"]))
        assert checked_at == (
            None if row["checked_at"] is None else row["checked_at"].isoformat(" ", "microseconds")
        )
        assert active == row["active"]
