"""A damaged file is named, harms no other dataset, and comes back from the backup as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from jutong.flows import backup, drill, mend, prepare
from jutong.store import DatasetSpec
from jutong.terms import Broken, ContentHash, DatasetName, Item
from jutong.wiring import open_platform

HURT, WELL = (DatasetName.parse(f"standard.{name}") for name in ("hurt", "well"))


@pytest.fixture(scope="module")
def city(settings, tmp_path_factory):
    with open_platform(settings, make=True) as platform:
        prepare(platform.database)
        platform.store.declare(
            [DatasetSpec(name, "坏", (Item("k", "键"), Item("v", "值")), ("k",)) for name in (HURT, WELL)]
        )
        for name in (HURT, WELL):
            with platform.store.writing(f"load-{name}", name, author="tests") as w:
                w.merge(name, "SELECT 'K' || i AS k, md5(i::VARCHAR) AS v FROM range(50000) AS t(i)")
        backup(platform, tmp_path_factory.mktemp("backups") / "one")
        yield platform


def file_of(city) -> Path:
    return next(Path(city.settings.lake_folder, "standard", "hurt").glob("*.parquet"))


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    return content[:3000] + bytes(byte ^ 0x55 for byte in content[3000:9000]) + content[9000:]


@pytest.mark.parametrize(
    ("damage", "code"),
    [(None, "store.file_missing"), (_cut, "store.file_damaged"), (_flipped, "store.file_damaged")],
)
def test_damage_is_named_contained_and_mended(city, damage, code):
    expected = city.store.content_hash(HURT)
    file = file_of(city)
    content = file.read_bytes()
    if damage:
        file.write_bytes(damage(content))
    else:
        file.unlink()
    with pytest.raises(Broken, match=r"数据集 standard\.hurt") as told:
        city.store.content_hash(HURT)
    assert told.value.code == code
    with pytest.raises(Broken), city.store.writing(f"hurt-{code}-{damage}", HURT, author="tests") as w:
        w.merge(HURT, "SELECT 'K1' AS k, 'other' AS v")
    assert city.store.count(WELL) == 50_000
    assert bool(city.store.doctor()) is (damage is not _flipped)  # the same length: only a hash can tell
    done = mend(city, deep=damage is _flipped)
    assert (len(done.files), done.lost) == (1, ())
    assert file.read_bytes() == content
    assert city.store.content_hash(HURT) == expected
    assert city.store.doctor() == []


@pytest.mark.slow
def test_a_drill_asks_about_the_past_and_notices_a_difference(city, tmp_path):
    for turn in range(6):
        with city.store.writing(f"turn-{turn}", HURT, author="tests") as w:
            w.merge(HURT, f"SELECT 'K' || i AS k, '{turn}' AS v FROM range(50) AS t(i)")
    backup(city, tmp_path / "two")
    assert drill(city, tmp_path / "two", questions=40) > 0
    differing = city.store.content_hash

    def other(name, columns=None, as_of=None):
        found = differing(name, columns, as_of)
        return ContentHash(found.rows + 1, found.digest) if name == HURT else found

    city.store.content_hash = other
    try:
        with pytest.raises(Broken, match=r"standard\.hurt 在快照") as told:
            drill(city, tmp_path / "two", questions=40)
    finally:
        del city.store.content_hash
    assert told.value.code == "flows.drill_failed"


def test_what_no_backup_holds_is_said_to_be_lost(city):
    with city.store.writing("later", HURT, author="tests") as w:
        w.merge(HURT, "SELECT 'later' AS k, '1' AS v")
    newest = max(
        Path(city.settings.lake_folder, "standard", "hurt").glob("*.parquet"),
        key=lambda f: f.stat().st_mtime_ns,
    )
    kept = newest.read_bytes()
    newest.unlink()
    assert mend(city).lost == ("standard.hurt",)
    newest.write_bytes(kept)
    assert mend(city) == mend(city, deep=True)
