"""Whether a gate that answers without pause grows: ten minutes, while the lake changes and grants come and go.

``BENCH_SECONDS`` makes it shorter.  What counts is memory of the processes' own (RssAnon of proc(5)): a replica's
mapped pages are the kernel's to take back.  The value is what worker and keeper hold more at the end than after the
first fifth, when all caches are filled.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
from tests.gate_city import Gate
from tests.share_city import City, agree

from bench.gate import questions, serving, wrk
from bench.measure import Result
from bench.sharing import merge, rows_sql
from jutong.share import resume_grant, suspend_grant

SECONDS = int(os.environ.get("BENCH_SECONDS", "600"))
_SLICES = 20


def run(rows: int) -> Result:
    began = time.perf_counter()
    with serving(rows) as (city, _, _, gate, token, _):
        other = agree(city, method="api").id
        asked = questions(rows, token)
        held, answers, errors = [], 0.0, 0
        for turn in range(_SLICES):
            seconds = max(1, SECONDS // _SLICES)
            rate, _, wrong = wrk(gate.port, asked, seconds)
            answers, errors = answers + rate * seconds, errors + wrong
            held.append(own_memory(gate))
            change(city, other, rows, turn)
    first, last = held[_SLICES // 5], held[-1]
    return Result(
        name="gate_flat",
        rows=rows,
        value=sum(last.values()) - sum(first.values()),
        unit="MB more",
        seconds=time.perf_counter() - began,
        extra={
            "asked_for_s": SECONDS,
            "answers": round(answers),
            "errors": errors,
            **{f"{name}_mb": [round(one.get(name, 0.0)) for one in held] for name in last},
        },
    )


def change(city: City, grant: str, rows: int, turn: int) -> None:
    """A hundredth of the rows, and a grant taken back or given again: new pictures, new pages."""
    part = rows // 100
    merge(city, f"turn-{turn}", rows_sql(part, turn * part, f"更名{turn}"))
    with city.database.connection() as connection:
        if turn % 2:
            resume_grant(connection, grant)
        else:
            suspend_grant(connection, grant, "bench")


def own_memory(gate: Gate) -> dict[str, float]:
    """MB of each of the gate's processes that no file backs; the worker is the one that listens."""
    found: dict[str, float] = {"gate": anonymous(gate.process.pid)}
    for one in psutil.Process(gate.process.pid).children(recursive=True):
        if "spawn_main" in " ".join(one.cmdline()):
            listens = any(line.status == "LISTEN" for line in one.net_connections())
            found["worker" if listens else "keeper"] = anonymous(one.pid)
    return found


def anonymous(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0
