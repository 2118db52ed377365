"""A replica that memory does not hold: while it answers, the kernel is told to take the worker's pages of it away again.

Four times a second all of them (``MADV_PAGEOUT``, Linux 5.10, as root), so nearly every answer reads from the disk:
harder than any replica larger than memory, of which some part is always there.  The limit is the same gate left alone.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from tests.gate_city import Gate

from bench.gate import ROUNDS, questions, serving, wrk
from bench.measure import Result
from jutong.gate.replicas import newest

_EVERY = 0.25
_PROCESS_MADVISE, _MADV_PAGEOUT = 440, 21


def run(rows: int) -> Result:
    began = time.perf_counter()
    with serving(rows) as (_, _, home, gate, token, _):
        asked = questions(rows, token)
        file = newest(home / "city" / "gate")["company"]
        worker = worker_of(gate, file)
        cold, warm, faults = [], [], []
        for _ in range(ROUNDS):
            warm.append(wrk(gate.port, asked))
            before = major_faults(worker)
            with taken_away(worker, file):
                cold.append(wrk(gate.port, asked))
            faults.append((major_faults(worker) - before) / max(1.0, cold[-1][0] * 5))
        size = file.stat().st_size
    return Result(
        name="gate_larger",
        rows=rows,
        value=statistics.median(one[0] for one in cold),
        unit="answers/s",
        seconds=time.perf_counter() - began,
        limit=("the same, all of it in memory", statistics.median(one[0] for one in warm)),
        extra={
            "p99_ms": round(statistics.median(one[1] for one in cold), 2),
            "errors": sum(one[2] for one in cold + warm),
            "replica_mb": size >> 20,
            "reads_from_disk_per_answer": round(statistics.median(faults), 2),
        },
    )


def worker_of(gate: Gate, file: Path) -> int:
    """The process that has the replica mapped."""
    for one in psutil.Process(gate.process.pid).children(recursive=True):
        if mapped(one.pid, file):
            return one.pid
    raise RuntimeError("no worker has the replica mapped")


def mapped(process: int, file: Path) -> list[tuple[int, int]]:
    """(begin, length) of every mapping of the file in a process."""
    found = []
    for line in Path(f"/proc/{process}/maps").read_text(encoding="utf-8").splitlines():
        if line.endswith(file.name):
            begin, _, end = line.split(" ")[0].partition("-")
            found.append((int(begin, 16), int(end, 16) - int(begin, 16)))
    return found


def major_faults(process: int) -> int:
    """Pages that had to be read from the disk, proc(5)."""
    stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[9])


@contextmanager
def taken_away(process: int, file: Path) -> Iterator[None]:
    ending = threading.Event()
    failed: list[OSError] = []

    def take() -> None:
        descriptor = os.pidfd_open(process)
        try:
            while not ending.wait(_EVERY):
                page_out(descriptor, mapped(process, file))
        except OSError as problem:
            failed.append(problem)
        finally:
            os.close(descriptor)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
    if failed:
        raise failed[0]


def page_out(descriptor: int, ranges: list[tuple[int, int]]) -> None:
    """process_madvise(2).  Raises OSError where the kernel or a container forbids it."""
    libc = ctypes.CDLL(None, use_errno=True)
    told = b"".join(struct.pack("QQ", *one) for one in ranges)
    vector = ctypes.create_string_buffer(told, len(told))
    done = libc.syscall(
        ctypes.c_long(_PROCESS_MADVISE), ctypes.c_int(descriptor), vector, ctypes.c_size_t(len(ranges)),
        ctypes.c_int(_MADV_PAGEOUT), ctypes.c_uint(0),
    )  # fmt: skip
    if done < 0:
        raise OSError(ctypes.get_errno(), "process_madvise")
