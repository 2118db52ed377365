"""Replicas: equal to the lake after any change, rebuilt when their shape changes, gone with their service."""

from __future__ import annotations

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.gate.conftest import entry_with_service
from tests.share_city import agree, close_city, company, found, open_city

from jutong.gate import replicate
from jutong.gate.replicas import Replicas, newest
from jutong.gate.replicating import _Writing
from jutong.share import Offer, publish_service, stop_service
from jutong.store import DatasetSpec
from jutong.terms import DatasetName, Item


@pytest.fixture(scope="module")
def city(settings):
    opened = found(open_city(settings, "postgresql://nobody@/none"))
    opened.merge([company(number, random.Random(number)) for number in range(50)])
    with opened.database.connection() as connection:
        publish_service(connection, Offer(name="company", entry_id=opened.entry_id, keys=["uscc"]))
    yield opened
    close_city(opened)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "gate"


def names_held(folder, service="company"):
    with sqlite3.connect(newest(folder)[service]) as connection:
        rows = connection.execute("SELECT uscc, name FROM data ORDER BY uscc").fetchall()
    connection.close()
    return rows


def names_there(city):
    return sorted((key, row["name"]) for key, row in city.rows.items())


def test_a_replica_follows_the_lake(city, folder):
    (built,) = replicate(city.database, city.store, folder)
    assert (built.service, built.rebuilt, built.upserted, built.problem) == ("company", True, 50, "")
    assert names_held(folder) == names_there(city)
    assert replicate(city.database, city.store, folder) == []
    chance = random.Random(1)
    for round_ in range(6):
        keys = sorted(city.rows)
        gone = chance.sample(keys, 5)
        city.merge([company(number, chance) for number in range(round_, 60, 7)], gone=gone)
        (fed,) = replicate(city.database, city.store, folder)
        assert not fed.rebuilt
        assert names_held(folder) == names_there(city)
    assert len(list(folder.glob("*.sqlite"))) == 1


def test_a_pass_that_dies_in_the_middle_leaves_the_replica_as_it_was(city, folder, monkeypatch):
    replicate(city.database, city.store, folder)
    before = names_held(folder)
    city.merge([{**company(3, random.Random(3)), "name": "改过的名称"}])

    def dies(*_):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(_Writing, "say", dies)
        (failed,) = replicate(city.database, city.store, folder)
    assert "disk I/O error" in failed.problem
    assert names_held(folder) == before
    replicate(city.database, city.store, folder)
    assert names_held(folder) == names_there(city)


def test_what_was_purged_leaves_not_a_byte_in_a_replica(city, folder):
    replicate(city.database, city.store, folder)
    key = min(city.rows)
    assert _bytes_of(folder, key)
    city.merge([], gone=[key])
    replicate(city.database, city.store, folder)
    with city.database.connection() as connection:
        connection.execute(
            "INSERT INTO purge (sought, digest, period, basis, reason, applied_by, snapshot)"
            " VALUES ('x', repeat('0', 64), '2026', '法', '案', 'a', %s)",
            (city.store.snapshot() + 1,),
        )
    city.merge([company(58, random.Random(58))])
    (rebuilt,) = replicate(city.database, city.store, folder)
    assert rebuilt.rebuilt
    assert names_held(folder) == names_there(city)
    assert not _bytes_of(folder, key)
    assert not any(one.rebuilt for one in replicate(city.database, city.store, folder))


def _bytes_of(folder, key):
    return any(key.encode() in file.read_bytes() for file in folder.iterdir() if file.is_file())


def test_a_new_row_filter_makes_a_new_generation_and_readers_take_it_over(city, folder):
    replicate(city.database, city.store, folder)
    replicas = Replicas(folder)
    replicas.refresh()
    before = replicas.get("company")
    assert "division" in before.columns
    agree(city, method="api", row_filter=({"item": "division", "op": "eq", "value": "430502"},))
    (rebuilt,) = replicate(city.database, city.store, folder)
    assert rebuilt.rebuilt
    replicas.refresh()
    after = replicas.get("company")
    assert after.generation > before.generation
    assert after.as_of
    replicas.close()


def test_withheld_items_are_not_copied_to_the_gate(city, folder):
    replicate(city.database, city.store, folder)
    replicas = Replicas(folder)
    replicas.refresh()
    columns = replicas.get("company").columns
    assert "secret" not in columns
    assert "phone" not in columns
    assert "phone#mobile#middle" in columns
    replicas.close()


def test_a_stopped_service_keeps_no_copy(city, folder):
    entry_with_service(city, "passing", "102/000090")
    replicate(city.database, city.store, folder)
    assert "passing" in newest(folder)
    with city.database.connection() as connection:
        stop_service(connection, "passing")
    replicate(city.database, city.store, folder)
    assert not list(folder.glob("passing.*"))
    with city.database.connection() as connection:
        followers = connection.execute("SELECT name FROM lake_follower").fetchall()
    assert {"name": "gate:passing"} not in followers


def test_rows_that_are_only_appended_are_appended(city, folder):
    items = (Item("uscc", "代码", element="uscc", key=True), Item("said", "内容"))
    name = DatasetName.parse("standard.said")
    city.store.declare([DatasetSpec(name, "只追加的数据", items)])
    entry_with_service(city, "said", "102/000091", items=items, dataset=str(name))
    said = []
    for number in range(3):
        with city.store.writing(f"said-{number}", name, author="test") as writer:
            writer.append(name, f"SELECT '9143{number}' AS uscc, 'x' AS said")
        said.append((f"9143{number}",))
        assert [
            one.problem for one in replicate(city.database, city.store, folder) if one.service == "said"
        ] == [""]
        with sqlite3.connect(newest(folder)["said"]) as connection:
            assert connection.execute("SELECT uscc FROM data ORDER BY _n").fetchall() == said
        connection.close()
    with city.database.connection() as connection:
        stop_service(connection, "said")


def test_replica_files_are_for_the_owner_only(city, folder):
    replicate(city.database, city.store, folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("*.sqlite"))


def test_two_passes_at_once_and_one_that_was_killed_leave_one_whole_generation(city, folder):
    replicate(city.database, city.store, folder)
    (folder / "company.20200101000000000000-dead.building").write_bytes(b"half a replica")
    (folder / "company.20200101000000000000-dead.building-journal").write_bytes(b"")
    agree(city, method="api", row_filter=({"item": "staff", "op": "eq", "value": 7},))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: replicate(city.database, city.store, folder), range(4)))
    assert [[one.rebuilt for one in each] for each in done if each] == [[True]]
    left = {file.name.split(".", 2)[2] for file in folder.glob("company.*")}
    assert left <= {"sqlite", "sqlite-wal", "sqlite-shm"}
    assert names_held(folder) == names_there(city)
