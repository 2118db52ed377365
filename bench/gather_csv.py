"""Seconds to read a CSV as gathering does: every byte checked, every row counted, what is not declared found.

The limit is DuckDB's bare CSV read of the same bytes into Arrow, two threads, no check of ours.  The same rows
in GB18030 are read beside it: ``gb18030_to_utf8`` is how many times longer that takes.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from bench.limits.gather_csv import bare_read
from bench.measure import Result, alternate
from jutong.outside.csv import Dialect, read_csv, read_text

_HEADER = "统一社会信用代码,名称,注册号,资本,成立日期,状态,电话,地址,行政区划,备注\n"


def run(rows: int) -> Result:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="jutong-bench-") as folder:
        utf8, ground = Path(folder) / "utf8.csv", Path(folder) / "gb18030.csv"
        write(utf8, ground, rows)
        found = sum(batch.num_rows for batch in read_text(utf8, utf8.name, {}).batches)
        assert found == rows, found
        taken = alternate({
            "jutong": lambda: _counted(utf8, "utf-8"),
            "limit": lambda: bare_read(utf8),
            "gb18030": lambda: _counted(ground, "gb18030"),
            "found": lambda: sum(batch.num_rows for batch in read_text(utf8, utf8.name, {}).batches),
            "found_gb18030": lambda: sum(batch.num_rows for batch in read_text(ground, ground.name, {}).batches),
        }, rounds=5)  # fmt: skip
        size = utf8.stat().st_size
    return Result(
        name="gather_csv",
        rows=rows,
        value=taken["jutong"],
        unit="s",
        seconds=time.perf_counter() - began,
        limit=("DuckDB's bare CSV read into Arrow", taken["limit"]),
        extra={
            "mb": size >> 20,
            "gb18030_seconds": round(taken["gb18030"], 4),
            "gb18030_to_utf8": round(taken["gb18030"] / taken["jutong"], 3),
            "found_to_limit": round(taken["found"] / taken["limit"], 3),
            "found_gb18030_to_utf8": round(taken["found_gb18030"] / taken["found"], 3),
        },
    )


def _counted(file: Path, encoding: str) -> int:
    return sum(batch.num_rows for batch in read_csv(file, Dialect(encoding), file.name).batches)


def write(utf8: Path, ground: Path, rows: int) -> None:
    """The same rows in both encodings; every fifth row has a quoted value."""
    chance = random.Random(1)
    with (
        utf8.open("w", newline="", encoding="utf-8") as one,
        ground.open("w", newline="", encoding="gb18030") as two,
    ):
        one.write(_HEADER)
        two.write(_HEADER)
        for first in range(0, rows, 20_000):
            text = "".join(_row(number, chance) for number in range(first, min(first + 20_000, rows)))
            one.write(text)
            two.write(text)


def _row(number: int, chance: random.Random) -> str:
    place = f'"{number % 1000}号,大祥区"' if number % 5 == 0 else f"大祥区{number % 1000}号"
    return (
        f"9143050{number:010d}X,邵阳市某某{number}有限公司,{number:015d},{chance.random() * 1e6:.2f},"
        f"2020-01-{number % 28 + 1:02d},存续,138{number % 10**8:08d},{place},430502,{'' if number % 3 else '无'}\n"
    )
