"""Upkeep changes files and history, never what a dataset says."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import AlreadyCommitted, DatasetSpec, Store
from jutong.store.engines import duckdb as engine
from jutong.terms import DatasetName, Item, NotFound, Unavailable

NAME = DatasetName.parse("standard.kept")
SPEC = DatasetSpec(NAME, "维护", (Item("k", "键"), Item("v", "值")), ("k",))
NOW = dt.timedelta(0)


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        opened.declare([SPEC])
        yield opened


def merge(store: Store, commit_id: str, select: str, **options: bool) -> int:
    with store.writing(commit_id, NAME, author="tests") as w:
        w.merge(NAME, select, **options)
    return w.snapshot


def files(store: Store) -> set[Path]:
    return set(Path(store._lake.folder, "standard").rglob("*.parquet"))


def test_many_small_merges_become_few_files_with_the_same_content(store: Store) -> None:
    for turn in range(8):
        merge(
            store,
            f"small-{turn}",
            f"SELECT 'K' || i AS k, '{turn}' AS v FROM range({turn}, {turn + 20}) AS t(i)",
        )
    since = store.snapshot()
    content = store.content_hash(NAME)
    before = next(row for row in store.usage() if row["dataset"] == "standard.kept")
    assert store.compact() == ["standard.kept"]
    after = next(row for row in store.usage() if row["dataset"] == "standard.kept")
    assert (after["rows"], store.content_hash(NAME)) == (before["rows"], content)
    assert int(str(after["files"])) < int(str(before["files"]))
    with store.changes(NAME, since) as feed:
        assert feed.empty


def test_expiry_forgets_oldest_first_and_a_commit_stays_done(store: Store) -> None:
    first = merge(store, "expire-1", "SELECT 'E' AS k, '1' AS v")
    last = merge(store, "expire-2", "SELECT 'E' AS k, '2' AS v")
    assert store.expire(last) > 0
    with pytest.raises(NotFound, match=f"现存快照为 {last}"):
        store.count(NAME, as_of=first)
    assert store.committed("expire-1") == first
    with pytest.raises(AlreadyCommitted):
        merge(store, "expire-1", "SELECT 'E' AS k, '3' AS v")
    with store.changes(NAME, since=first) as feed:
        assert feed.full
        assert feed.upsert_count == store.count(NAME)


def test_expiry_waits_for_the_slowest_follower_up_to_its_cap(store: Store) -> None:
    held = merge(store, "follow-1", "SELECT 'F' AS k, '1' AS v")
    store.follow("replica", NAME, held)
    merge(store, "follow-2", "SELECT 'F' AS k, '2' AS v")
    store.expire(store.snapshot())
    with store.changes(NAME, since=held) as feed:
        assert (feed.full, feed.upsert_count) == (False, 1)
    store.expire(store.snapshot(), cap=NOW)
    with store.changes(NAME, since=held) as feed:
        assert feed.full
    store.unfollow("replica")


def test_clean_up_keeps_what_is_young_or_needed_and_takes_orphans(store: Store) -> None:
    merge(store, "clean", "SELECT 'C' || i AS k, 'x' AS v FROM range(50) AS t(i)", delete_missing=True)
    orphan = next(iter(files(store))).with_name("orphan.parquet")
    orphan.write_bytes(b"of a killed transaction")
    store.expire(store.snapshot())
    assert store.clean() == 0
    assert orphan.exists()
    yesterday = (dt.datetime.now() - dt.timedelta(hours=25)).timestamp()
    os.utime(orphan, (yesterday, yesterday))
    content = store.content_hash(NAME)
    assert store.clean() == 1
    assert not orphan.exists()
    before = len(files(store))
    assert store.clean(grace=NOW) > 0
    assert len(files(store)) < before
    assert store.content_hash(NAME) == content
    assert store.doctor() == []


def test_a_lake_copied_elsewhere_is_read_from_there(
    store: Store, database: Database, settings: Settings, tmp_path: Path
) -> None:
    content = store.content_hash(NAME)
    moved = tmp_path / "moved"
    os.rename(store._lake.folder, moved)
    try:
        with Store.open(database, replace(settings, lake_path=str(moved))) as there:
            assert there.content_hash(NAME) == content
            merge(there, "moved", "SELECT 'M' AS k, 'x' AS v")
            assert there.doctor() == []
            assert (moved / "standard").exists()
    finally:
        os.rename(moved, store._lake.folder)
    with Store.open(database, settings) as back:
        assert back.count(NAME) == content.rows + 1
        assert back.doctor() == []


def test_the_doctor_names_a_missing_file(store: Store) -> None:
    merge(store, "missing", "SELECT 'Z' AS k, 'x' AS v")
    newest = max(files(store), key=lambda file: file.stat().st_mtime)
    hidden = newest.with_suffix(".hidden")
    newest.rename(hidden)
    try:
        assert any("缺少 1 个数据文件" in finding and newest.name in finding for finding in store.doctor())
    finally:
        hidden.rename(newest)
    assert store.doctor() == []


def test_the_doctor_names_inlined_rows(store: Store, database: Database) -> None:
    with psycopg.connect(database.lake_url, autocommit=True) as lake:
        lake.execute("INSERT INTO lake.ducklake_inlined_data_tables VALUES (999999, 'inlined', 1)")
        assert any("内联" in finding for finding in store.doctor())
        lake.execute("DELETE FROM lake.ducklake_inlined_data_tables")
    assert store.doctor() == []


def test_nothing_is_ever_inlined(store: Store, database: Database) -> None:
    merge(store, "one row", "SELECT 'one' AS k, 'x' AS v")
    with psycopg.connect(database.lake_url) as lake:
        assert lake.execute("SELECT count(*) FROM lake.ducklake_inlined_data_tables").fetchone() == (0,)


def test_a_missing_extension_is_told_in_a_sentence(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr(engine, "extension_file", lambda name: Path(f"/nowhere/{name}"))
    with pytest.raises(Unavailable, match="请安装 Python 包 duckdb-extension-ducklake==") as told:
        Store.open(database, settings)
    assert told.value.code == "store.extension_missing"


def test_an_extension_that_is_not_signed_is_not_loaded(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.extension_file("ducklake")
    assert real is not None
    forged = tmp_path / "ducklake.duckdb_extension"
    content = bytearray(real.read_bytes())
    content[len(content) // 2] ^= 1
    forged.write_bytes(content)
    monkeypatch.setattr(engine, "extension_file", lambda name: forged if name == "ducklake" else real)
    with pytest.raises(Unavailable, match="装不上"):
        Store.open(database, settings)


@pytest.mark.slow
def test_an_unreachable_catalogue_is_told_in_a_sentence(
    store: Store, database: Database, settings: Settings
) -> None:
    gone = Database(database.url, database.lake_url.replace("host=", "host=/nowhere"))
    try:
        with pytest.raises(Unavailable) as told:
            Store.open(gone, settings)
    finally:
        gone.close()
    assert told.value.code == "store.catalogue_unreachable"


def test_the_lake_survives_the_loss_of_all_its_catalogue_connections(
    store: Store, database: Database
) -> None:
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    count = store.count(NAME)
    merge(store, "after the loss", "SELECT 'after' AS k, 'x' AS v")
    assert store.count(NAME) == count + 1
    assert store.doctor() == []


def test_a_change_that_compaction_has_merged_into_an_older_file_is_still_told(store: Store) -> None:
    merge(store, "merged-1", "SELECT 'old' || i AS k, 'x' AS v FROM range(5) AS t(i)")
    since = store.snapshot()
    merge(store, "merged-2", "SELECT 'new' || i AS k, 'x' AS v FROM range(5) AS t(i)")
    store.compact(NAME)
    with store.changes(NAME, since) as feed:
        assert sorted(row["k"] for row in feed.upserts().read_all().to_pylist()) == [
            f"new{i}" for i in range(5)
        ]
    with store.changes(NAME, feed.until) as feed:
        assert feed.empty
