"""Twenty services of twenty applications at once, one worker: each call another service with another token.

Every service has a replica of its own with all the rows.  The limit is the first of them asked alone, in turns.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from functools import partial

from tests.gate_city import Gate
from tests.share_city import City, agree

from bench.gate import ASKED, ROUNDS, Request, key_of, wrk
from bench.measure import Result
from bench.sharing import city_with
from jutong.settings import read_settings
from jutong.share import Offer, add_application, publish_service, rotate_token

SERVICES = 20


def run(rows: int) -> Result:
    began = time.perf_counter()
    with city_with(rows) as (city, server, home):
        settings = replace(read_settings(home / "city", {}), database_url=server.url("bench"))
        tokens = [set_up(city, number) for number in range(SERVICES)]
        gate = Gate(settings, JUTONG_GATE_WORKERS="1")
        try:
            for service, token in tokens:
                gate.until(partial(is_ready, gate, service, token), 900)
            many, alone = requests(tokens, rows), requests(tokens[:1], rows)
            found = [(wrk(gate.port, many), wrk(gate.port, alone)) for _ in range(ROUNDS)]
        finally:
            gate.stop()
    return Result(
        name="gate_services",
        rows=rows,
        value=statistics.median(one[0][0] for one in found),
        unit="answers/s",
        seconds=time.perf_counter() - began,
        limit=("one of them alone", statistics.median(one[1][0] for one in found)),
        extra={
            "services": SERVICES,
            "p99_ms": round(statistics.median(one[0][1] for one in found), 2),
            "errors": sum(one[0][2] + one[1][2] for one in found),
        },
    )


def is_ready(gate: Gate, service: str, token: str) -> bool:
    return gate.call(service, token, limit=1).status == 200


def set_up(city: City, number: int) -> tuple[str, str]:
    """One application with a grant, and its service; returns the service's name and the token."""
    name = f"company{number:02d}"
    with city.database.connection() as connection:
        publish_service(connection, Offer(name=name, entry_id=city.entry_id, keys=["uscc"]))
        application = add_application(connection, f"应用{number:02d}", "D25").id
        token = rotate_token(connection, application)
    agree(city, application_id=application, method="api")
    return name, token


def requests(tokens: list[tuple[str, str]], rows: int) -> list[Request]:
    chance = random.Random(20)
    asked: list[Request] = []
    for _ in range(ASKED):
        service, token = chance.choice(tokens)
        path = f"/v1/{service}?uscc={key_of(chance.randrange(rows))}"
        asked.append(("GET", path, {"Authorization": f"Bearer {token}"}, ""))
    return asked
