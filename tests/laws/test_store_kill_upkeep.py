"""Law: SIGKILL may fall on writers, compaction, expiry, clean-up, archiving and backups at any instant, while others read on.

Afterwards the dataset is what its batches say, the replayed feed equals it, no raw row is lost, doubled or torn, every
whole backup is whole, and after a clean-up no file lies there that nobody knows, nor a sheet of a file that is gone.
``JUTONG_KILLS`` says how many processes are killed, ``JUTONG_SEED`` when; a release takes 300.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jutong.database import Database
from jutong.flows.backup import _check as check_backup
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item

from . import upkeep_child as child

KILLS = int(os.environ.get("JUTONG_KILLS", "24"))
SEED = int(os.environ.get("JUTONG_SEED", "20261122"))
ROLES = ("write", "keep", "retain", "keep", "backup")


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        raw, keyed = DatasetName.parse(child.RAW), DatasetName.parse(child.KEYED)
        place = (Item("_batch", "批次"), Item("_row", "行号", "integer"), Item("k", "键"))
        opened.declare(
            [
                DatasetSpec(raw, "原始", place),
                DatasetSpec(keyed, "标准", (Item("k", "键"), Item("v", "值")), ("k",)),
            ]
        )
        yield opened


class Watching:
    """Readers and a follower in this process, which is never killed; they may not fail."""

    def __init__(self, store: Store) -> None:
        self.failed: list[BaseException] = []
        self.reads = 0
        self.full = 0
        self.held: dict[str, str] = {}
        self._store = store
        self._at: int | None = None
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._again, args=(work,), daemon=True)
            for work in (self._read, self.follow)
        ]

    def __enter__(self) -> Watching:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _again(self, work: object) -> None:
        while not self._stop.wait(0.05):
            try:
                work()  # type: ignore[operator]
            except BaseException as problem:
                self.failed.append(problem)
                return

    def _read(self) -> None:
        """One snapshot, whole: as many raw rows as whole batches, each key once."""
        with self._store.reading() as view:
            row = view.rows(
                f"SELECT (SELECT count(*) FROM {view.table(child.RAW)}) AS raw, count(*) AS n, count(DISTINCT k) AS k "
                f"FROM {view.table(child.KEYED)}"
            )[0]
        assert row["raw"] % child.ROWS == 0
        assert row["n"] == row["k"]
        self.reads += 1

    def follow(self) -> None:
        with self._store.changes(child.KEYED, self._at) as feed:
            gone = feed.deletes().read_all().to_pylist()
            come = feed.upserts().read_all().to_pylist()
            if feed.full:
                self.full += 1
                self.held.clear()
            for row in gone:
                del self.held[row["k"]]
            self.held.update({row["k"]: row["v"] for row in come})
            self._at = feed.until


def started(role: str, settings: Settings, folder: Path, batches: int, seed: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.laws.upkeep_child", role, str(settings.home), settings.database_url,
         str(folder), str(batches), str(seed)],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    return process


@pytest.mark.slow
def test_whoever_is_killed_the_lake_stays_right(store: Store, settings: Settings, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    batches = KILLS * 3
    kept = tmp_path / "backups"
    with Watching(store) as watching:
        for number in range(KILLS // 2):
            role = ROLES[number % len(ROLES)]
            # A second process works at the same time and is killed a little later.
            other = ROLES[(number + 1 + chance.randrange(4)) % len(ROLES)]
            processes = [
                started(one, settings, kept, batches, 2 * number + place)
                for place, one in enumerate((role, other))
            ]
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() in ("ready\n", "")
            for process in processes:
                time.sleep(chance.uniform(0.0, 0.7))
                process.kill()
                process.communicate()
            assert watching.failed == []
            for whole in kept.glob("*/manifest.json"):
                if chance.random() < 0.3:
                    check_backup(whole.parent)
                    shutil.rmtree(whole.parent)
        last = started("write", settings, kept, batches, KILLS)
        last.communicate(timeout=240)
        assert last.returncode == 0
        watching.follow()
    assert watching.failed == []
    assert watching.reads > KILLS
    with store.reading() as view:
        raw = view.rows(f"SELECT _batch, _row FROM {view.table(child.RAW)} ORDER BY ALL")
        held = {row["k"]: row["v"] for row in view.rows(f"SELECT k, v FROM {view.table(child.KEYED)}")}
    assert sorted((row["_batch"], row["_row"]) for row in raw) == sorted(
        (f"b{number}", row) for number in range(batches) for row in range(child.ROWS)
    )
    assert held == child.expected(batches)
    watching.follow()
    assert watching.held == held
    store.clean(grace=dt.timedelta(0))
    store.settle_archive(dt.timedelta(0))
    assert store.settle_archive(dt.timedelta(0)) == 0
    assert store.doctor() == []
    with store._lake.database.connection() as control:
        parts = control.execute("SELECT path FROM archive_part").fetchall()
    archived = {settings.archive_folder / part["path"] for part in parts}
    assert set(settings.archive_folder.rglob("*.parquet")) == archived
    known = {path for path, _ in store._lake.files()}
    assert set(Path(settings.lake_folder).rglob("*.parquet")) - known == set()
    living = {path.stem for path, lives in store._lake.files() if lives}
    sheets = {sheet.name.split(".")[0] for sheet in (settings.home / "places").glob("*/*")}
    assert sheets <= living
    print(
        f"\n{KILLS} kills, seed {SEED}: {watching.reads} reads, {watching.full} full feeds, {len(sheets)} sheets"
    )
