"""Housekeeping archives what its rule wants; backups are made by plan, and no more of them stay than it says."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from jutong import flows
from jutong.flows import backing_up, backups, keep_house, plan_backups, prepare
from jutong.flows.housekeeping import is_due, next_turn, tasks
from jutong.flows.stages import quietly
from jutong.store import DatasetSpec
from jutong.terms import BadInput, DatasetName, Denied, Item
from jutong.wiring import open_platform

RAW = DatasetName.parse("raw.visits")


@pytest.fixture(scope="module")
def city(settings):
    with open_platform(settings, make=True) as platform:
        prepare(platform.database)
        platform.store.declare(
            [
                DatasetSpec(
                    RAW, "访客", (Item("_batch", "批次"), Item("_row", "行", "integer"), Item("who", "谁"))
                )
            ]
        )
        with platform.database.connection() as connection:
            connection.execute(
                "INSERT INTO department (code, name, short_name, kind) VALUES ('D98', '乙局', '乙', 'department')"
            )
            connection.execute(
                "INSERT INTO source (name, department_code, kind, label) VALUES ('v', 'D98', 'csv', 'x')"
            )
            connection.execute(
                "INSERT INTO source_table (name, source_name, label, locator) VALUES ('visits', 'v', 'x', '{}')"
            )
        yield platform


def take(city, number: int, days_ago: int, state: str = "refined") -> str:
    batch = f"day{number}.visits"
    with city.store.writing(batch, RAW, author="tests") as w:
        w.append(RAW, f"SELECT '{batch}' AS _batch, i AS _row, 'w' || i AS who FROM range(50) AS t(i)")
    with city.database.connection() as connection:
        connection.execute(
            "INSERT INTO batch (id, source_table, run_id, mode, given, bytes, content_hash, file_sha256, snapshot,"
            " started_at, received_at, state) VALUES (%(id)s, 'visits', %(id)s, 'full', 50, 1, 'h', %(sha)s, %(s)s,"
            " %(at)s, %(at)s, %(state)s)",
            {
                "id": batch, "s": w.snapshot, "state": state, "sha": f"{number:064x}",
                "at": dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago),
            },
        )  # fmt: skip
    kept = city.settings.files_folder / f"{number:064x}"[:2] / f"{number:064x}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("the file as it came")
    return batch


def test_old_batches_go_to_the_archive_by_rule_and_are_destroyed_only_when_approved(city):
    old, waiting, late, new = (
        take(city, number, days, state)
        for number, days, state in (
            (1, 400, "refined"),
            (2, 300, "received"),
            (3, 200, "refined"),
            (4, 1, "refined"),
        )
    )
    before = city.store.content_hash(RAW)
    with city.database.connection() as connection:
        # A follower that has not come so far yet holds the newer one back.
        city.store.follow("slow", RAW, city.store.committed(late) - 1)
        flows.set_rule(
            connection,
            flows.scope_of(connection, "raw.visits"),
            100,
            "档案法第十三条",
            "sys",
            destroy_days=350,
        )
    (run,) = keep_house(city, quietly, only="retain")
    assert (run.state, run.pieces) == ("done", 1)
    city.store.unfollow("slow")
    keep_house(city, quietly, only="retain")
    with city.database.connection() as connection:
        parts = connection.execute("SELECT id, batch_id FROM archive_part ORDER BY id").fetchall()
        (ripe,) = flows.ripe(connection)
    assert [part["batch_id"] for part in parts] == [old, late]
    assert waiting not in {part["batch_id"] for part in parts}
    assert new not in {part["batch_id"] for part in parts}
    assert city.store.content_hash(RAW) == before
    assert ripe.batch_id == old

    def destroy(part: int) -> None:
        flows.destroy_batch(city.database, city.store, city.settings, part, "到期", "steward")

    with pytest.raises(Denied):
        destroy(parts[1]["id"])
    with city.database.connection() as connection:
        hold = flows.place_hold(connection, flows.scope_of(connection, "全部"), "纪检调查", "sys")
    with pytest.raises(Denied):
        destroy(ripe.id)
    with city.database.connection() as connection:
        flows.release_hold(connection, hold, "结案", "sys")
    destroy(ripe.id)
    with city.database.connection() as connection:
        (certificate,) = flows.certificates(connection)
        events = {row["event"] for row in connection.execute("SELECT event FROM security_event")}
    assert (certificate.batch_id, certificate.rows, certificate.destroy_reason) == (old, 50, "到期")
    assert {
        "flows:retention:rule",
        "flows:hold:place",
        "flows:hold:release",
        "flows:archive:destroy",
    } <= events
    assert city.store.count(RAW) == 150
    files = {file.name for file in city.settings.files_folder.rglob("*") if file.is_file()}
    assert files == {f"{number:064x}" for number in (2, 3, 4)}


@pytest.mark.parametrize(
    ("scope", "days", "more"),
    [
        ("standard", 10, {}),
        ("全部", 10, {}),
        ("raw", 0, {}),
        ("raw", 10, {"destroy_days": 10}),
        ("raw", 10, {"keep_batches": 0}),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_a_sentence(city, scope, days, more):
    with pytest.raises(BadInput) as told, city.database.connection() as connection:
        flows.set_rule(connection, flows.scope_of(connection, scope), days, "法", "sys", **more)
    assert told.value.code == "flows.bad_rule"


def test_backups_by_plan_are_verified_and_only_so_many_stay(city, tmp_path, monkeypatch):
    monkeypatch.setattr(backing_up, "drill", lambda platform, folder: 1.5)
    folder = tmp_path / "there"
    with city.database.connection() as connection:
        for wrong in ("", "here", str(city.settings.home / "backups"), "/proc/none"):
            with pytest.raises(BadInput):
                plan_backups(connection, city.settings, wrong, "sys")
        plan_backups(connection, city.settings, str(folder), "sys", every_hours=24, keep=2)
        (task,) = (one for one in tasks(connection) if one.task == "backup")
    assert (task.paused, is_due(task, dt.datetime.now(dt.UTC))) == (False, True)
    (folder / "of-somebody-else").mkdir()
    (folder / "jutong-19990101-000000").mkdir()  # a turn that was killed: no manifest
    start = dt.datetime.now(dt.UTC)
    for day in range(3):
        done, _, drilled = backing_up.back_up(city, start + dt.timedelta(days=day))
        assert drilled == 1.5
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["jutong-" + f"{start + dt.timedelta(days=day):%Y%m%d-%H%M%S}" for day in (1, 2)] + [
        "of-somebody-else"
    ]
    with city.database.connection() as connection:
        assert [Path(one.folder).name for one in backups(connection)] == names[1::-1]
    assert any(path.startswith("archive/") for path in backing_up_files(done.folder))
    (run,) = keep_house(city, quietly, only="backup")
    assert (run.state, "演练恢复" in run.note) == ("done", True)
    with city.database.connection() as connection:
        (task,) = (one for one in tasks(connection) if one.task == "backup")
    assert (
        dt.timedelta(0)
        < next_turn(task, dt.datetime.now(dt.UTC)) - dt.datetime.now(dt.UTC)
        <= dt.timedelta(days=2)
    )


def backing_up_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
