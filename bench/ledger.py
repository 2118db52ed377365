"""The ledger: verification of all leaves offline (the budget: 1M in 10 s), and beside it appending and proving.

The limit is hashing each leaf once with both hashes, in the same Python.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
import tempfile
import time
from pathlib import Path

from bench.measure import Result
from jutong.keys import SoftwareKeys
from jutong.ledger import Exchange, Ledger
from jutong_verify import leaf_hash, sha256, sm3, verify_folder

_BATCH, _PROVED = 512, 50


def run(rows: int) -> Result:
    began = time.perf_counter()
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-ledger-"))
    try:
        ledger = Ledger.open(home / "ledger", SoftwareKeys.open(home / "keys"))
        stream = ledger.stream("bench")
        receipts, appended, merged = [], 0.0, 0.0
        for start in range(0, rows, _BATCH):
            facts = [fact(number) for number in range(start, min(rows, start + _BATCH))]
            at = time.perf_counter()
            found = stream.commit(facts)
            appended += time.perf_counter() - at
            receipts.append(found[-1])
            if start % (_BATCH * 128) == 0:
                at = time.perf_counter()
                ledger.sequence()
                merged += time.perf_counter() - at
        stream.close()
        at = time.perf_counter()
        ledger.sequence()
        merged += time.perf_counter() - at
        at = time.perf_counter()
        for receipt in random.Random(1).choices(receipts, k=_PROVED):
            ledger.prove(receipt).check(receipt.leaf, ledger.vkey)
        proved = (time.perf_counter() - at) / _PROVED
        at = time.perf_counter()
        report = verify_folder(home / "ledger", str(ledger.vkey))
        seconds = time.perf_counter() - at
        assert report.ok, report.problems
        assert report.size == rows
        at = time.perf_counter()
        for _, entry in ledger._log.entries(0):
            leaf_hash(sha256, entry)
            leaf_hash(sm3, entry)
        hashed = time.perf_counter() - at
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Result(
        name="ledger",
        rows=rows,
        value=seconds,
        unit="s",
        seconds=time.perf_counter() - began,
        limit=("every leaf hashed once, SHA-256 and SM3", hashed),
        extra={
            "append_per_s": round(rows / appended),
            "merge_per_s": round(rows / merged),
            "prove_ms": round(proved * 1000, 2),
        },
    )


def fact(number: int) -> Exchange:
    return Exchange(
        "share:service:answer",
        dt.datetime(2026, 5, 9, tzinfo=dt.UTC) + dt.timedelta(milliseconds=number),
        consumer="D25",
        application="A01",
        provider="D23",
        entry="102/000001",
        dataset="standard.market_entity",
        resource="company",
        grant="G000001",
        purpose="数据校核",
        items=("uscc", "name", "phone"),
        rows=1,
        outcome="answered",
        request_id=f"{number:020d}",
        content=f"{number:064x}",
        subjects=f"{number:016x}",
    )
