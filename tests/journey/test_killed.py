"""SIGKILL at random instants while the city is made, then once undisturbed: the same city as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess

import psutil
import pytest
from tests.journey.sample import ROOT, answer, command, demo_words, run, sample_of

from jutong import share
from jutong.settings import read_settings
from jutong.wiring import open_platform

#: Which instants; the same every time, so that what was red once is red again.
SEED = int(os.environ.get("JUTONG_SEED", "1"))
#: A killed run may have asked the gate once more whether it knows the caller; everything else is told to the row.
_CALLED = {"exchanges", "records_exchanged"}


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 9])
def test_a_city_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path_factory, kills):
    home = tmp_path_factory.mktemp("killed") / "city"
    chance = random.Random(SEED)
    finished = 0
    for turn in range(kills):
        # Early kills hit the founding, later ones find ever more done and get further.
        finished += _killed_after(home, chance.uniform(1.5, 12 + 3 * turn))
    run(home, *demo_words(home))
    undisturbed = sample_of(tmp_path_factory).figures
    told = answer(home, "figures")
    assert {name: told[name] for name in told if name not in _CALLED} == {
        name: undisturbed[name] for name in undisturbed if name not in _CALLED
    }
    assert finished < kills
    _evidence_is_whole(home, undisturbed)
    shutil.rmtree(home)


def _killed_after(home, seconds: float) -> bool:
    """Run the demo and kill its process group and every process it started; True if it had finished before."""
    child = subprocess.Popen(
        command(home, *demo_words(home)), cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        assert child.wait(seconds) == 0
        return True
    # Its gate lives in a group of its own; PostgreSQL is left to itself, as a killed city leaves it.
    started = [
        one for one in psutil.Process(child.pid).children(recursive=True) if "postgres" not in one.name()
    ]
    os.killpg(child.pid, signal.SIGKILL)
    for one in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    child.wait()
    psutil.wait_procs(started, timeout=30)
    return False


def _evidence_is_whole(home, undisturbed) -> None:
    assert answer(home, "ledger", "verify")["ok"]
    told = answer(home, "figures", "--batches")
    assert undisturbed["exchanges"] <= told["exchanges"] <= undisturbed["exchanges"] * 1.2
    assert all(
        one["given"] == one["accepted"] + one["rejected"] + one["duplicates"] for one in told["batches"]
    )
    with open_platform(read_settings(home, {})) as platform:
        assert share.meter_differences(platform.database, platform.ledger) == []
        counted = share.recount(platform.ledger.entries())
        assert told["records_exchanged"] == sum(one.records for one in counted.values())
        assert platform.store.doctor() == []
