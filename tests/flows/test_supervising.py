"""``supervise``: what dies is started again, and nothing it started outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

#: Stands in for ``jutong NAME``: the supervisor only needs something that runs.
_FAKE = """
import sys, time
from jutong.flows import end_with_supervisor
end_with_supervisor()
time.sleep(600)
"""
_SUPERVISE = """
import subprocess, sys
from pathlib import Path
from jutong.flows import supervising
from jutong.settings import read_settings
real = subprocess.Popen
supervising.subprocess.Popen = lambda command, **how: real([sys.executable, sys.argv[2], command[-1]], **how)
supervising.supervise(read_settings(Path(sys.argv[1]), {}), ("portal", "gate"))
print("stopped", flush=True)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[SimpleNamespace]:
    fake = tmp_path / "fake.py"
    fake.write_text(_FAKE, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, str(tmp_path), str(fake)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    told = SimpleNamespace(process=process, children=lambda: _named(process.pid))
    started: list[psutil.Process] = []
    try:
        until(lambda: len(told.children()) == 2)
        started += told.children().values()
        yield told
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for one in started:
            if one.is_running():
                one.kill()


def _named(pid: int) -> dict[str, psutil.Process]:
    found = {}
    for one in psutil.Process(pid).children():
        try:
            found[one.cmdline()[-1]] = one
        except (psutil.NoSuchProcess, psutil.ZombieProcess, IndexError):
            continue
    return {name: one for name, one in found.items() if name in ("portal", "gate")}


def until(well: Callable[[], bool]) -> None:
    while not well():
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_supervisor_ends_its_children(supervisor, number):
    children = list(supervisor.children().values())
    os.kill(supervisor.process.pid, number)
    assert supervisor.process.wait() == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert supervisor.process.stdout.read() == "stopped\n"


def test_a_killed_child_is_started_again_and_the_other_left_alone(supervisor):
    before = supervisor.children()
    before["gate"].kill()
    until(lambda: supervisor.children().get("gate", before["gate"]).pid != before["gate"].pid)
    assert supervisor.children()["portal"].pid == before["portal"].pid
    supervisor.process.terminate()
    assert supervisor.process.wait() == 0


def test_the_children_of_a_killed_supervisor_end_by_themselves(supervisor):
    children = list(supervisor.children().values())
    supervisor.process.kill()
    supervisor.process.wait()
    assert psutil.wait_procs(children, timeout=60)[1] == []
