"""One sample city for all who look at a whole one: made once per test run, by the command a person would type.

Whichever worker asks first makes it; the others wait for its lock and use it.  ``figures`` are those of the city
just after it was made, for comparison with cities that had a harder life.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCALE = 0.0005
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sample:
    home: Path
    figures: Mapping[str, Any]


def command(home: Path, *words: str) -> list[str]:
    """The ``jutong`` command of this checkout, on the city in ``home``."""
    return [sys.executable, "-m", "jutong.cli", "-C", str(home), *words]


def run(home: Path, *words: str, code: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its own words are the failure."""
    ended = subprocess.run(
        command(home, *words), cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert code is None or ended.returncode == code, (
        f"jutong {' '.join(words)}\n{ended.stdout}\n{ended.stderr}"
    )
    return ended


def answer(home: Path, *words: str) -> Any:
    """What a command prints for a machine."""
    return json.loads(run(home, *words, "--json").stdout)


def demo_words(home: Path) -> Sequence[str]:
    return ("demo", str(home), "--scale", str(SCALE), "--no-serve")


def sample_of(factory: pytest.TempPathFactory) -> Sample:
    base = factory.getbasetemp()
    return _made(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@cache
def _made(shared: Path) -> Sample:
    home, said = shared / "sample-city", shared / "sample-city.json"
    with (shared / "sample-city.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            run(home, *demo_words(home))
            said.write_text(json.dumps(answer(home, "figures")), encoding="utf-8")
    return Sample(home, json.loads(said.read_text(encoding="utf-8")))
