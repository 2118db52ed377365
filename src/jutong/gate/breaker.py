"""熔断: a provider that does not answer is left alone for a while, then asked once, then trusted again.

closed ── as many failures one after another as ``most`` ──▶ open ── after ``rest`` seconds ──▶ half-open
▲                                                            ▲                             │
└──────────────── one probe succeeds ────────────────────────┼── the probe fails: rest doubles
"""

from __future__ import annotations

from collections.abc import Callable

FAILURES, REST, LONGEST_REST = 5, 5.0, 120.0


class Breaker:
    """Of one interface in one worker; the caller serialises."""

    def __init__(self, clock: Callable[[], float], *, most: int = FAILURES, rest: float = REST) -> None:
        self._clock, self._most, self._first = clock, most, rest
        self._failures, self._rest = 0, rest
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        if self._open_until is None:
            return "closed"
        return "half_open" if self._probing or self._clock() >= self._open_until else "open"

    @property
    def seconds(self) -> float:
        """Until it may be asked again."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())

    def may(self) -> bool:
        """Whether to ask now; of several who ask when the rest is over, one is the probe."""
        if self._open_until is None:
            return True
        if self._probing or self._clock() < self._open_until:
            return False
        self._probing = True
        return True

    def went_well(self) -> None:
        self._failures, self._rest, self._open_until, self._probing = 0, self._first, None, False

    def failed(self) -> None:
        self._failures += 1
        if self._probing:
            self._rest = min(self._rest * 2, LONGEST_REST)
        if self._probing or self._failures >= self._most:
            self._open_until, self._probing = self._clock() + self._rest, False

    def never_asked(self) -> None:
        """The call that ``may`` allowed was not made after all: somebody else may be the probe."""
        self._probing = False
