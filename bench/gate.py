"""Answers per second of one gate worker: token, grant, mask, metering, evidence fsynced before each answer.

``wrk -t1 -c64`` on the same machine asks for random companies; product and limit take turns.  Bodies are checked
apart, against the lake, by calls of the client, which also checks every receipt.
"""

from __future__ import annotations

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from tests.gate.conftest import wait_for
from tests.gate_city import Gate
from tests.share_city import City, agree, close_city, company, found, open_city

from bench.measure import Result
from jutong import client
from jutong.database import EmbeddedPostgres
from jutong.gate.replicas import newest
from jutong.settings import read_settings
from jutong.share import publish_service, rotate_token

ROUNDS, SECONDS, CHECKED = 3, 5, 1_000
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def run(rows: int) -> Result:
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-gate-"))
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        city_home = home / "city"
        city_home.mkdir()
        settings = replace(read_settings(city_home, {}), database_url=server.url("bench"))
        city = found(open_city(settings, "postgresql://nobody@/none"))
        try:
            token = fill(city, rows)
            gate = Gate(settings, JUTONG_GATE_WORKERS="1")
            try:
                wait_for(gate, token)
                return measure(city, gate, token, rows, newest(settings.gate_folder)["company"])
            finally:
                gate.stop()
        finally:
            close_city(city)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def fill(city: City, rows: int) -> str:
    """Companies in the lake, a service, a masking grant; returns the application's token."""
    chance = random.Random(11)
    for start in range(0, rows, 50_000):
        city.merge([company(number, chance) for number in range(start, min(rows, start + 50_000))])
    with city.database.connection() as connection:
        publish_service(connection, name="company", entry_id=city.entry_id, keys=["uscc"])
        token = rotate_token(connection, "A01")
    agree(city, method="api")
    return token


def measure(city: City, gate: Gate, token: str, rows: int, replica: Path) -> Result:
    keys = random.Random(12).choices(sorted(city.rows), k=5_000)
    began = time.perf_counter()
    rates: dict[str, list[float]] = {"gate": [], "limit": []}
    tails, errors = [], 0
    with limit(replica) as port:
        for _ in range(ROUNDS):
            for name, at, path in (("gate", gate.port, "/v1/company"), ("limit", port, "/")):
                rate, p99, wrong = wrk(at, path, token, keys)
                rates[name].append(rate)
                if name == "gate":
                    tails.append(p99)
                    errors += wrong
    value = statistics.median(rates["gate"])
    extra = {
        "p99_ms": round(statistics.median(tails), 2),
        "errors": errors,
        "wrong_bodies": wrong_bodies(city, gate, token),
    }
    return Result(
        name="gate",
        rows=rows,
        value=value,
        unit="answers/s",
        seconds=time.perf_counter() - began,
        limit=("one SQLite read and one fsynced 100-byte record", statistics.median(rates["limit"])),
        extra=extra,
    )


def wrk(port: int, path: str, token: str, keys: list[str]) -> tuple[float, float, int]:
    """(answers a second, 99th percentile in ms, errors of any kind) of one run of ``SECONDS``."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        listed = ",".join(f'"{path}?uscc={key}"' for key in keys)
        script.write(
            f"local paths = {{{listed}}}\nlocal at = 0\n"
            f'local headers = {{["Authorization"] = "Bearer {token}"}}\n'
            'request = function() at = at % #paths + 1; return wrk.format("GET", paths[at], headers) end\n'
        )
        script.flush()
        said = subprocess.run(
            ["wrk", "-t1", "-c64", f"-d{SECONDS}s", "--latency", "-s", script.name, f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0])
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", said)[0]
    wrong = sum(int(one) for one in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    wrong += sum(map(int, re.findall(r"\d+", "".join(re.findall(r"Socket errors: (.*)", said)))))
    return rate, float(number) * _UNITS[unit], wrong


def wrong_bodies(city: City, gate: Gate, token: str) -> int:
    """Answers that are not what the lake holds, out of ``CHECKED``; every receipt is checked on the way."""
    wrong = 0
    with client.City(f"http://127.0.0.1:{gate.port}", token, vkey=str(city.ledger.vkey)) as caller:
        for key in random.Random(13).choices(sorted(city.rows), k=CHECKED):
            row = city.rows[key]
            phone = row["phone"] and f"{row['phone'][:3]}****{row['phone'][-4:]}"
            told = caller.call("company", uscc=key, items=["uscc", "name", "phone", "staff"]).rows
            wrong += told != [{"uscc": key, "name": row["name"], "phone": phone, "staff": row["staff"]}]
    return wrong


@contextmanager
def limit(replica: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    record = replica.with_name(f"limit-{secrets.token_hex(4)}.record")
    running = subprocess.Popen(
        [sys.executable, "-m", "bench.limits.gate", str(port), str(replica), str(record)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        running.terminate()
        running.wait()
        record.unlink(missing_ok=True)
