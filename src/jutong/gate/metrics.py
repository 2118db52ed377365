"""What one gate worker has done, in the Prometheus text format (0.0.4); told to this machine only."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter

#: Upper bounds of the histogram's buckets, in seconds.
_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.5, 1.0, 5.0)


class Metrics:
    """Counted where the answers leave; reading it disturbs nobody."""

    def __init__(self) -> None:
        self._answers: Counter[int] = Counter()
        self._buckets = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0
        self.under_way = 0

    def answered(self, status: int, seconds: float) -> None:
        self._answers[status] += 1
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def text(self, *, rights_fresh: bool, replicas: dict[str, str], breakers: dict[str, str]) -> str:
        """``replicas``: service → the instant its rows are of; ``breakers``: live interface → state."""
        worker = f'worker="{os.getpid()}"'
        lines = ["# TYPE jutong_gate_answers_total counter"]
        lines += [
            f'jutong_gate_answers_total{{{worker},status="{status}"}} {count}'
            for status, count in sorted(self._answers.items())
        ]
        lines.append("# TYPE jutong_gate_seconds histogram")
        reached = 0
        for bound, count in zip((*_BOUNDS, "+Inf"), self._buckets, strict=True):
            reached += count
            lines.append(f'jutong_gate_seconds_bucket{{{worker},le="{bound}"}} {reached}')
        lines.append(f"jutong_gate_seconds_sum{{{worker}}} {self._seconds:.6f}")
        lines.append(f"jutong_gate_seconds_count{{{worker}}} {reached}")
        lines.append("# TYPE jutong_gate_under_way gauge")
        lines.append(f"jutong_gate_under_way{{{worker}}} {self.under_way}")
        lines.append("# TYPE jutong_gate_rights_fresh gauge")
        lines.append(f"jutong_gate_rights_fresh{{{worker}}} {int(rights_fresh)}")
        lines.append("# TYPE jutong_gate_replica_info gauge")
        lines += [
            f'jutong_gate_replica_info{{{worker},service="{service}",as_of="{as_of}"}} 1'
            for service, as_of in sorted(replicas.items())
        ]
        lines.append("# TYPE jutong_gate_breaker_info gauge")
        lines += [
            f'jutong_gate_breaker_info{{{worker},interface="{name}",state="{state}"}} 1'
            for name, state in sorted(breakers.items())
        ]
        return "".join(f"{line}\n" for line in lines)
