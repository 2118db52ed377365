"""Kill workers, keepers (which sequence the ledger) and whole gates at random instants, cut the callers' lines:

no answer without evidence, no evidence lost, every checkpoint a prefix of the next.  ``JUTONG_KILLS`` says how often.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import pytest
from tests.gate.conftest import wait_for
from tests.gate.test_gate_stands_still import _children
from tests.gate_city import Gate
from tests.proxy import Proxy
from tests.share_city import agree

from jutong.keys import SoftwareKeys
from jutong.ledger import Receipt, Witness, of_folder
from jutong.share import add_application, rotate_token

KILLS = int(os.environ.get("JUTONG_KILLS", "24"))
SEED = int(os.environ.get("JUTONG_SEED", "8"))
GATES, CALLERS = 3, 4
WAYS = ("close", "reset", "half")


@dataclass
class Door:
    """One gate that is started again whenever it is gone, behind a line that fails on purpose."""

    settings: object
    gate: Gate
    ending: threading.Event
    proxy: Proxy = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self._reach)

    def _reach(self) -> socket.socket:
        """Until somebody listens; once all is over, nobody has to."""
        while not self.ending.is_set():
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.gate.port), 5)
            time.sleep(0.02)
        return socket.socketpair()[0]

    def again(self) -> None:
        """Whoever follows a killed gate first sees its children end."""
        if self.gate.process.poll() is not None:
            self.gate = Gate(self.settings)  # type: ignore[arg-type]


@dataclass
class Caller(threading.Thread):
    """Asks and asks; keeps every whole answer."""

    number: int
    doors: list[Door]
    keys: list[str]
    token: str
    ending: threading.Event
    seed: int
    answers: list[tuple[str, str, str]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return self.number

    def run(self) -> None:
        chance = random.Random(self.seed)
        asked = 0
        while not self.ending.is_set():
            door = chance.choice(self.doors)
            if chance.random() < 0.1:
                door.proxy.cut(chance.randrange(1, 900), chance.choice(WAYS))
            if chance.random() < 0.1:
                time.sleep(chance.random() * 0.05)  # a slow line
            asked += 1
            self._ask(door, chance.choice(self.keys), f"killed-{self.number}-{asked:08d}")

    def _ask(self, door: Door, key: str, name: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", door.proxy.port, timeout=5)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Jutong-Request-Id": name}
            connection.request("GET", f"/v1/company?uscc={key}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.statuses[0] += 1
            return
        finally:
            connection.close()
        self.statuses[answer.status] += 1
        # An answer cut within its headers is no answer: http.client takes the end of the line for their end.
        if answer.status == 200 and "Content-Length" in answer.headers:
            receipt = answer.headers["Jutong-Receipt"]
            self.answers.append((name, receipt, hashlib.sha256(body).hexdigest()))


def kill(door: Door, chance: random.Random) -> str:
    """One SIGKILL to one of the gate's processes, by chance; says to which."""
    keeper, workers = _children(door.gate)
    what = chance.choice(("worker", "worker", "keeper", "keeper", "gate"))
    if what == "worker" and workers:
        chance.choice(workers).kill()
        return what
    if what == "keeper" and keeper is not None:
        keeper.kill()
        return what
    door.gate.process.kill()
    door.gate.process.wait()
    # They notice by themselves that their gate is gone; the next gate need not wait for that.
    return "gate"


@pytest.mark.slow
def test_however_often_they_are_killed_every_answer_has_its_evidence(city, settings, tmp_path):
    with city.database.connection() as connection:
        application = add_application(connection, "屡遭强杀", "D25").id
        token = rotate_token(connection, application)
    agree(city, application_id=application, method="api")
    chance, ending = random.Random(SEED), threading.Event()
    doors = [Door(settings, Gate(settings), ending) for _ in range(GATES)]
    wait_for(doors[0].gate, token)
    witness = Witness(
        tmp_path / "witness", SoftwareKeys.open(tmp_path / "witness-keys"), "witness.example/k", city.ledger.vkey
    )  # fmt: skip
    callers = [
        Caller(number, doors, sorted(city.rows), token, ending, SEED * 100 + number)
        for number in range(CALLERS)
    ]
    killed: Counter[str] = Counter()
    for one in callers:
        one.start()
    try:
        while sum(killed.values()) < KILLS:
            before = sum(len(one.answers) for one in callers)
            door = chance.choice(doors)
            with suppress(psutil.NoSuchProcess):
                killed[kill(door, chance)] += 1
            time.sleep(chance.random() * 0.2)
            door.again()
            note, _, prove = of_folder(city.ledger.folder)
            witness.look(note, prove)
            deadline = time.monotonic() + 60
            while sum(len(one.answers) for one in callers) <= before:
                assert time.monotonic() < deadline, "nobody is answered any more"
                for one in doors:
                    one.again()
                time.sleep(0.02)
    finally:
        ending.set()
        for one in callers:
            one.join(30)
        for one in doors:
            if one.gate.process.poll() is None:
                one.gate.stop()
            one.proxy.__exit__()
    check(city.ledger, [answer for one in callers for answer in one.answers])
    note, _, prove = of_folder(city.ledger.folder)
    witness.look(note, prove)
    assert sum(killed.values()) >= KILLS, killed


def check(ledger, answers):
    """Each answer's exchange is in the log with the digest of the very body; receipts prove it; the log is sound."""
    ledger.sequence()
    recorded = {one.request_id: one.content for _, one in ledger.entries()}
    assert answers
    assert [name for name, _, digest in answers if recorded.get(name) != digest] == []
    for _, token, _ in random.Random(SEED).sample(answers, min(300, len(answers))):
        receipt = Receipt.parse(token)
        ledger.prove(receipt).check(receipt.leaf, ledger.vkey)
    report = ledger.verify()
    assert report.ok, report.problems
