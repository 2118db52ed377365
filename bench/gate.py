"""Answers per second of one gate worker: token, grant, mask, metering, evidence fsynced before each answer.

``wrk -t1 -c64`` on the same machine asks for random companies; product, limit and peers take turns.  Bodies are
checked apart, against what was put into the lake, by calls of the client, which also checks every receipt.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyarrow import csv
from tests.gate.conftest import wait_for
from tests.gate_city import Gate
from tests.share_city import DATASET, City, agree

from bench import gate_peers
from bench.measure import Result
from bench.sharing import COLUMNS, city_with
from jutong import client
from jutong.database import EmbeddedPostgres
from jutong.gate.replicas import newest
from jutong.settings import read_settings
from jutong.share import Offer, add_public_key, publish_service, rotate_token

ROUNDS, SECONDS, CHECKED, ASKED, SIGNED = 3, 5, 1_000, 20_000, 60_000
CHECKED_OF_PEERS = 100
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_KEY = "bench.1"

Request = tuple[str, str, Mapping[str, str], str]
"""method, path, headers, body"""
Answered = tuple[float, float, int]
"""answers a second, 99th percentile in ms, errors of any kind"""


def run(rows: int) -> Result:
    began = time.perf_counter()
    private = Ed25519PrivateKey.generate()
    with serving(rows) as (city, server, home, gate, token, _):
        with city.database.connection() as connection:
            add_public_key(connection, "A01", _KEY, private.public_key().public_bytes_raw())
        found, left_out = measure(city, gate, token, rows, server.url("receiver"), home)
        signed, signed_errors = measure_signed(gate, private, rows)
        wrong = wrong_bodies(city, gate, token, rows)
    rates = {name: statistics.median(rate for rate, _, _ in turns) for name, turns in found.items()}
    product, limit_rate, constant = rates.pop("gate"), rates.pop("limit"), rates.pop("constant")
    return Result(
        name="gate",
        rows=rows,
        value=product,
        unit="answers/s",
        seconds=time.perf_counter() - began,
        limit=("one SQLite read and one fsynced 100-byte record", limit_rate),
        peers={name: rate for name, rate in rates.items() if name not in left_out},
        extra={
            "p99_ms": round(statistics.median(p99 for _, p99, _ in found["gate"]), 2),
            "errors": sum(errors for _, _, errors in found["gate"]) + signed_errors,
            "wrong_bodies": wrong,
            "signed_per_s": round(signed),
            "constant_per_s": round(constant),
        },
    )


class Serving(NamedTuple):
    """A gate with one service, the application that may ask it all, and what stands behind them."""

    city: City
    server: EmbeddedPostgres
    home: Path
    gate: Gate
    token: str
    grant: str


@contextmanager
def serving(rows: int, workers: int = 1) -> Iterator[Serving]:
    with city_with(rows) as (city, server, home):
        settings = replace(read_settings(home / "city", {}), database_url=server.url("bench"))
        with city.database.connection() as connection:
            publish_service(connection, Offer(name="company", entry_id=city.entry_id, keys=["uscc"]))
            token = rotate_token(connection, "A01")
        grant = agree(city, method="api").id
        gate = Gate(settings, JUTONG_GATE_WORKERS=str(workers))
        try:
            gate.until(lambda: gate.ask("/health").status == 200)
            wait_for_long(gate, token)
            yield Serving(city, server, home, gate, token, grant)
        finally:
            gate.stop()


def wait_for_long(gate: Gate, token: str) -> None:
    """The first replica of millions of rows takes its time."""
    gate.until(lambda: gate.call("company", token, limit=1).status == 200, 900)
    wait_for(gate, token)


def key_of(number: int) -> str:
    return f"91430502MA{number:08d}"


def name_of(number: int) -> str:
    return f"邵阳市宝庆食品{number}有限公司"


def some_keys(rows: int, count: int = ASKED) -> list[str]:
    return [key_of(number) for number in random.Random(12).choices(range(rows), k=count)]


def questions(rows: int, token: str) -> list[Request]:
    headers = {"Authorization": f"Bearer {token}"}
    return [("GET", f"/v1/company?uscc={key}", headers, "") for key in some_keys(rows)]


def measure(
    city: City, gate: Gate, token: str, rows: int, url: str, home: Path
) -> tuple[dict[str, list[Answered]], set[str]]:
    """What product, limit and each peer answered, turn by turn; and the peers whose answers were wrong.

    All of them run all the time, and each has the machine for itself while it is asked.
    """
    replica = newest(home / "city" / "gate")["company"]
    keys = some_keys(rows)
    with ExitStack() as running:
        contenders: dict[str, tuple[int, list[Request]]] = {
            "gate": (gate.port, questions(rows, token)),
            "limit": (
                running.enter_context(limit(replica)),
                [("GET", f"/?uscc={key}", {}, "") for key in keys],
            ),
        }
        contenders["constant"] = contenders["limit"][0], [("GET", "/constant", {}, "")]
        left_out = set()
        for peer, port in running_peers(city, url, replica, home, running):
            contenders[peer.name] = port, [peer_request(peer, key) for key in keys]
            wrong = wrong_answers(*contenders[peer.name], keys)
            if wrong:
                print(f"{peer.name}: {wrong} wrong answers, left out", file=sys.stderr)
                left_out.add(peer.name)
        found: dict[str, list[Answered]] = {name: [] for name in contenders}
        for port, asked in contenders.values():
            wrk(port, asked, 2)  # warm
        for _ in range(ROUNDS):
            for name, (port, asked) in contenders.items():
                found[name].append(wrk(port, asked))
    for name, turns in found.items():
        print(name, [(round(rate), round(p99, 1), errors) for rate, p99, errors in turns], file=sys.stderr)
        if sum(errors for _, _, errors in turns) > sum(rate for rate, _, _ in turns) * SECONDS / 1_000:
            left_out.add(name)
    return found, left_out - {"gate", "limit", "constant"}


def measure_signed(gate: Gate, private: Ed25519PrivateKey, rows: int) -> tuple[float, int]:
    """Answers to requests each with its own Ed25519 signature and nonce."""
    signer = client.Signer.ed25519(_KEY, private.private_bytes_raw())
    authority, asked = f"127.0.0.1:{gate.port}", []
    for key in some_keys(rows, SIGNED):
        path = f"/v1/company?uscc={key}"
        asked.append(("GET", path, signer.headers("GET", authority, path, b""), ""))
    rate, _, errors = wrk(gate.port, asked)
    return rate, errors


def running_peers(
    city: City, url: str, replica: Path, home: Path, running: ExitStack
) -> Iterator[tuple[gate_peers.Peer, int]]:
    """Every peer that can be had here, with the same rows, and its port."""
    table, copy = home / "rows.csv", home / "peer.db"
    with city.store.reading() as lake:
        csv.write_csv(
            lake.arrow(f"SELECT {COLUMNS} FROM {lake.table(DATASET)}"),
            table,
            csv.WriteOptions(include_header=False),
        )
    gate_peers.fill(url, str(table))
    shutil.copy(replica, copy)
    for make in gate_peers.PEERS:
        port = free_port()
        peer = make(copy, port)
        if peer is not None:
            running.enter_context(gate_peers.running(peer, url, port))
            yield peer, port


def peer_request(peer: gate_peers.Peer, key: str) -> Request:
    if peer.body is None:
        return "GET", peer.path.replace("{}", key), {}, ""
    return "POST", peer.path, {"Content-Type": "application/json"}, peer.body.replace("{}", key)


def wrong_answers(port: int, asked: Sequence[Request], keys: Sequence[str]) -> int:
    """A peer's answers that do not hold the row asked for: a fast error is no answer."""
    wrong = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for (method, path, headers, body), key in zip(asked[:CHECKED_OF_PEERS], keys, strict=False):
        connection.request(method, path, body or None, dict(headers))
        told = connection.getresponse()
        said = json.dumps(json.loads(told.read()), ensure_ascii=False)
        wrong += told.status != 200 or key not in said or name_of(int(key[-8:])) not in said
    connection.close()
    return wrong


def wrk(port: int, asked: Sequence[Request], seconds: int = SECONDS) -> Answered:
    """One run of ``wrk``, 64 connections."""
    with (
        tempfile.NamedTemporaryFile("w", suffix=".lua") as script,
        tempfile.NamedTemporaryFile("wb", suffix=".requests") as requests,
    ):
        # Written out before the clock starts: wrk has the same two cores as what it measures.
        for method, path, headers, body in asked:
            given = {"Host": f"127.0.0.1:{port}", **headers}
            if body:
                given["Content-Length"] = str(len(body.encode()))
            lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
            text = ("\r\n".join([*lines, "", ""]) + body).encode()
            requests.write(b"%d\n%b" % (len(text), text))
        requests.flush()
        script.write(
            f"local at, ready, file = 0, {{}}, io.open({json.dumps(requests.name)}, 'rb')\n"
            "while true do local size = file:read('*l'); if not size then break end;"
            " ready[#ready + 1] = file:read(tonumber(size)) end\n"
            "request = function() at = at % #ready + 1; return ready[at] end\n"
        )
        script.flush()
        said = subprocess.run(
            ["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s", script.name, f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", said)[0]
    wrong = sum(int(one) for one in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    wrong += sum(map(int, re.findall(r"\d+", "".join(re.findall(r"Socket errors: (.*)", said)))))
    return rate, float(number) * _UNITS[unit], wrong


def wrong_bodies(city: City, gate: Gate, token: str, rows: int) -> int:
    """Answers that are not what was put in, out of ``CHECKED``; every receipt is checked on the way."""
    wrong = 0
    with client.City(f"http://127.0.0.1:{gate.port}", token, vkey=str(city.ledger.vkey)) as caller:
        for number in random.Random(13).choices(range(rows), k=CHECKED):
            told = caller.call("company", uscc=key_of(number), items=["uscc", "name", "phone", "staff"]).rows
            wrong += told != [
                {
                    "uscc": key_of(number),
                    "name": name_of(number),
                    "phone": f"139****{number % 100_000_000:08d}"[:7] + f"{number:08d}"[-4:],
                    "staff": number % 5_000,
                }
            ]
    return wrong


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def limit(replica: Path) -> Iterator[int]:
    port = free_port()
    record = replica.with_name(f"limit-{secrets.token_hex(4)}.record")
    running = subprocess.Popen(
        [sys.executable, "-m", "bench.limits.gate", str(port), str(replica), str(record)],
        env=os.environ | {"PYTHONPATH": f"{Path(__file__).parents[1]}:{os.environ.get('PYTHONPATH', '')}"},
    )
    try:
        until(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield port
    finally:
        running.terminate()
        running.wait()
        record.unlink(missing_ok=True)


def until(connects: Callable[[], None]) -> None:
    while True:
        try:
            connects()
        except OSError:
            time.sleep(0.05)
        else:
            return
