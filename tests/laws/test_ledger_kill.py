"""kill -9 at any instant: no acknowledged record is lost, none is doubled, and the ledger verifies.

A witness looks on: every checkpoint is the beginning of the next.  ``JUTONG_KILLS`` says how many are killed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.ledger_facts import open_ledger

from jutong.keys import SoftwareKeys
from jutong.ledger import Receipt, Witness, of_folder

KILLS = int(os.environ.get("JUTONG_KILLS", "24"))
SEED = int(os.environ.get("JUTONG_SEED", "0"))
_WRITER = textwrap.dedent("""
    import os, sys, threading
    from pathlib import Path
    from tests.ledger_facts import fact, open_ledger
    stream = open_ledger(Path(sys.argv[1])).stream("gate")
    def write(which):
        number = 0
        while True:
            name = f"{sys.argv[2]}-{which}-{number}"
            receipt = stream.record(fact(0, resource=name))
            os.write(1, f"{name} {receipt.token()}\\n".encode())
            number += 1
    for which in range(4):
        threading.Thread(target=write, args=(which,), daemon=True).start()
    threading.Event().wait()
""")
_SEQUENCER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from tests.ledger_facts import open_ledger
    ledger = open_ledger(Path(sys.argv[1]))
    while True:
        ledger.sequence()
        time.sleep(0.005)
""")


def started(script: str, said: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with said.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=file,
        )


def harness(home: Path, rounds: int, seed: int) -> None:
    choose = random.Random(seed)
    witness = Witness(
        home / "witness", SoftwareKeys.open(home / "witness-keys"), "witness.example/k", open_ledger(home).vkey
    )  # fmt: skip
    acknowledged: dict[str, Receipt] = {}
    for round_ in range(rounds):
        said = [home / f"said-{which}" for which in range(3)]
        running = [started(_WRITER, said[which], str(home), f"{round_}-{which}") for which in range(2)]
        running.append(started(_SEQUENCER, said[2], str(home)))
        while any(file.stat().st_size < 20_000 for file in said[:2]):
            assert all(process.poll() is None for process in running)
            time.sleep(0.01)
        time.sleep(choose.random() * 0.4)
        for process in running:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for line in said[0].read_text().splitlines() + said[1].read_text().splitlines():
            name, _, token = line.partition(" ")
            acknowledged[name] = Receipt.parse(token)
        report = open_ledger(home).verify()
        assert report.ok, (round_, report.problems)
        note, _, prove = of_folder(home / "ledger")
        witness.look(note, prove)
    ledger = open_ledger(home)
    ledger.sequence()
    written = Counter(one.resource for _, one in ledger.entries())
    assert not [name for name, times in written.items() if times > 1]
    assert set(acknowledged) <= set(written)
    for receipt in random.Random(seed).sample(list(acknowledged.values()), 20):
        ledger.prove(receipt).check(receipt.leaf, ledger.vkey)
    report = ledger.verify()
    assert report.ok, report.problems
    assert not list((ledger.folder / "streams").iterdir())


def test_killed_writers_and_sequencers_lose_and_double_nothing(tmp_path):
    harness(tmp_path, rounds=3, seed=1)


@pytest.mark.slow
def test_killed_many_times_over(tmp_path):
    harness(tmp_path, rounds=-(-KILLS // 3), seed=SEED)
