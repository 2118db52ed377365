"""Answers per second of one gate worker: token, grant, mask, metering, evidence fsynced before each answer.

``wrk -t1 -c64`` on the same machine asks for random companies; product, limit and peers take turns.  Bodies are
checked apart, against what was put into the lake, by calls of the client, which also checks every receipt.
"""

from __future__ import annotations

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
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyarrow import csv
from tests.gate.conftest import wait_for
from tests.gate_city import Gate
from tests.share_city import DATASET, City, agree

from bench import gate_peers
from bench.measure import Result
from bench.sharing import COLUMNS, city_with
from jutong import client
from jutong.gate.replicas import newest
from jutong.settings import read_settings
from jutong.share import Offer, add_public_key, publish_service, rotate_token

ROUNDS, SECONDS, CHECKED, ASKED, SIGNED = 3, 5, 1_000, 20_000, 60_000
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_KEY = "bench.1"

Request = tuple[str, str, Mapping[str, str], str]
"""method, path, headers, body"""


def run(rows: int) -> Result:
    began = time.perf_counter()
    with city_with(rows) as (city, server, home):
        settings = replace(read_settings(home / "city", {}), database_url=server.url("bench"))
        private = Ed25519PrivateKey.generate()
        with city.database.connection() as connection:
            publish_service(connection, Offer(name="company", entry_id=city.entry_id, keys=["uscc"]))
            token = rotate_token(connection, "A01")
            add_public_key(connection, "A01", _KEY, private.public_key().public_bytes_raw())
        agree(city, method="api")
        gate = Gate(settings, JUTONG_GATE_WORKERS="1")
        try:
            gate.until(lambda: gate.ask("/health").status == 200)
            wait_for_long(gate, token)
            file = newest(settings.gate_folder)["company"]
            value, tails, errors, limit_rate = measure(gate, token, rows, file)
            signed, signed_errors = measure_signed(gate, private, rows)
            wrong = wrong_bodies(city, gate, token, rows)
        finally:
            gate.stop()
        return Result(
            name="gate",
            rows=rows,
            value=value,
            unit="answers/s",
            seconds=time.perf_counter() - began,
            limit=("one SQLite read and one fsynced 100-byte record", limit_rate),
            peers=measure_peers(city, server.url("receiver"), file, rows, home),
            extra={
                "p99_ms": round(statistics.median(tails), 2),
                "errors": errors + signed_errors,
                "wrong_bodies": wrong,
                "signed_per_s": round(signed),
            },
        )


def wait_for_long(gate: Gate, token: str) -> None:
    """The first replica of millions of rows takes its time."""
    gate.until(lambda: gate.call("company", token, limit=1).status == 200, 900)
    wait_for(gate, token)


def key_of(number: int) -> str:
    return f"91430502MA{number:08d}"


def some_keys(rows: int, count: int = ASKED) -> list[str]:
    return [key_of(number) for number in random.Random(12).choices(range(rows), k=count)]


def measure(gate: Gate, token: str, rows: int, replica: Path) -> tuple[float, list[float], int, float]:
    """(answers/s, 99th percentiles, errors, the limit's answers/s), product and limit in turns."""
    headers = {"Authorization": f"Bearer {token}"}
    keys = some_keys(rows)
    rates: dict[str, list[float]] = {"gate": [], "limit": []}
    tails, errors = [], 0
    with limit(replica) as port:
        for _ in range(ROUNDS):
            for name, at, path in (("gate", gate.port, "/v1/company"), ("limit", port, "/")):
                asked: list[Request] = [("GET", f"{path}?uscc={key}", headers, "") for key in keys]
                rate, p99, wrong = wrk(at, asked)
                rates[name].append(rate)
                if name == "gate":
                    tails.append(p99)
                    errors += wrong
    return statistics.median(rates["gate"]), tails, errors, statistics.median(rates["limit"])


def measure_signed(gate: Gate, private: Ed25519PrivateKey, rows: int) -> tuple[float, int]:
    """Answers to requests each with its own Ed25519 signature and nonce."""
    signer = client.Signer.ed25519(_KEY, private.private_bytes_raw())
    authority, asked = f"127.0.0.1:{gate.port}", []
    for key in some_keys(rows, SIGNED):
        path = f"/v1/company?uscc={key}"
        asked.append(("GET", path, signer.headers("GET", authority, path, b""), ""))
    rate, _, errors = wrk(gate.port, asked)
    return rate, errors


def measure_peers(city: City, url: str, replica: Path, rows: int, home: Path) -> dict[str, float]:
    table, copy = home / "rows.csv", home / "peer.db"
    with city.store.reading() as lake:
        csv.write_csv(
            lake.arrow(f"SELECT {COLUMNS} FROM {lake.table(DATASET)}"),
            table,
            csv.WriteOptions(include_header=False),
        )
    gate_peers.fill(url, str(table))
    shutil.copy(replica, copy)
    keys, rates = some_keys(rows), {}
    port = free_port()
    for peer in gate_peers.peers(copy, port):
        asked: list[Request] = []
        for key in keys:
            if peer.body is None:
                asked.append(("GET", peer.path.replace("{}", key), {}, ""))
            else:
                body = peer.body.replace("{}", key, 1)
                asked.append(("POST", peer.path, {"Content-Type": "application/json"}, body))
        with gate_peers.running(peer, url, port):
            wrk(port, asked, 2)
            rate, _, errors = wrk(port, asked)
            if rate and errors < rate * SECONDS / 1_000:
                rates[peer.name] = rate
            else:
                print(f"{peer.name}: {rate:g} a second, {errors} errors, left out", file=sys.stderr)
    return rates


def wrk(port: int, asked: Sequence[Request], seconds: int = SECONDS) -> tuple[float, float, int]:
    """(answers a second, 99th percentile in ms, errors of any kind) of one run."""
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
                    "name": f"邵阳市宝庆食品{number}有限公司",
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
