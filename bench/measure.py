"""One measurement: contenders taken in turn, so that a noisy machine is noisy for all of them alike."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """What ``python -m bench NAME --json`` prints; see design §9 for the meaning of each key."""

    name: str
    rows: int
    value: float
    unit: str
    seconds: float
    limit: tuple[str, float] | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def higher_is_better(self) -> bool:
        return "/s" in self.unit

    def printed(self) -> dict[str, Any]:
        ratios: dict[str, float] = {}
        if self.limit:
            ratios["to_limit"] = round(self.value / self.limit[1], 3)
        for peer, theirs in self.peers.items():
            times = self.value / theirs if self.higher_is_better else theirs / self.value
            ratios[f"to_{peer}"] = round(times, 2)
        return {
            "name": self.name,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "value": round(self.value, 4),
            "unit": self.unit,
            "limit": {"name": self.limit[0], "value": round(self.limit[1], 4)} if self.limit else None,
            "peers": {name: round(value, 4) for name, value in self.peers.items()},
            "ratios": ratios,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            **self.extra,
        }


def alternate(contenders: Mapping[str, Callable[[], object]], rounds: int = 3) -> dict[str, float]:
    """Median seconds of each contender over ``rounds`` rounds, each round running all of them in turn."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}
