"""代理, step 6: the provider is asked in threads of its own, so that whoever waits for it waits alone.

Each interface has so many places and no more, a breaker, a deadline; who finds no place is told so at once.  When
the answer is there it is asked again whether it may be given: rights may have changed while the provider thought.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import orjson

from jutong.gate.answering import MOST_ROWS, Hasher, answered, fresh, renewed
from jutong.gate.breaker import Breaker
from jutong.gate.calls import Draft, Known, Pending, refusal
from jutong.gate.proxying import Misanswered, Question, Record, fetch, narrowed, question_of
from jutong.gate.rights import Entitled, Rights
from jutong.gate.shape import Cell
from jutong.share import LiveInterface
from jutong.terms import Denied, JutongError, Unavailable

_THREADS = 32
#: Characters of answers kept for providers that allow it.
_MOST_KEPT = 32 << 20
_JSON = ("content-type", "application/json; charset=utf-8")


class TooSlow(JutongError):
    """The provider did not answer in time."""

    status = 504
    temporary = True


@dataclass
class _Line:
    """The way to one interface, as it is declared now."""

    signature: str
    breaker: Breaker
    under_way: int = 0


@dataclass(frozen=True)
class Told:
    """What a provider answered, and when."""

    records: Sequence[Record]
    at: dt.datetime
    #: On the worker's clock.
    good_until: float = 0.0
    size: int = 0
    #: Whether it was kept from an earlier call.
    kept: bool = False


@dataclass
class _Kept:
    """Answers that may be used again, the longest unused first; bounded by what they hold."""

    answers: OrderedDict[tuple[str, Question], Told] = field(default_factory=OrderedDict)
    size: int = 0

    def get(self, place: tuple[str, Question], now: float) -> Told | None:
        found = self.answers.get(place)
        if found is None:
            return None
        if now >= found.good_until:
            self._drop(place)
            return None
        self.answers.move_to_end(place)
        return replace(found, kept=True)

    def put(self, place: tuple[str, Question], told: Told) -> None:
        self._drop(place)
        self.answers[place] = told
        self.size += told.size
        while self.size > _MOST_KEPT:
            self._drop(next(iter(self.answers)))

    def _drop(self, place: tuple[str, Question]) -> None:
        gone = self.answers.pop(place, None)
        self.size -= gone.size if gone else 0


class Live:
    """One per worker; used inside its event loop."""

    def __init__(
        self,
        rights: Callable[[], Rights | None],
        hashed: Hasher,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rights, self._hashed, self._clock = rights, hashed, clock
        self._lines: dict[str, _Line] = {}
        self._kept = _Kept()
        # A thread is started when it is first needed; a gate without live interfaces has none.
        self._asking = ThreadPoolExecutor(_THREADS, "provider")
        self._reading = ThreadPoolExecutor(2, "provider-answer")

    def states(self) -> dict[str, str]:
        """Live interface → state of its breaker."""
        return {name: line.breaker.state for name, line in self._lines.items()}

    def close(self) -> None:
        for pool in (self._asking, self._reading):
            pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, pending: Pending) -> Draft:
        """The draft of the answer or of a problem document."""
        known = Known(pending.who, pending.service, pending.asked)
        try:
            return await self._answer(pending, known)
        except JutongError as problem:
            return refusal(pending.call, problem, known)

    async def _answer(self, pending: Pending, known: Known) -> Draft:
        interface = pending.service.live
        if interface is None:
            raise Unavailable("gate.provider_away", "服务所代理的实时接口已不在")
        known.entitled = pending.grounds[0]
        told = await self._told(pending, interface)
        still = renewed(pending, fresh(self._rights()), dt.datetime.now(dt.UTC))
        loop = asyncio.get_running_loop()
        for ground in still.grounds:
            known.entitled = ground
            names = _names(still, ground)
            rows = await loop.run_in_executor(
                self._reading,
                narrowed,
                interface,
                still.service,
                ground,
                names,
                still.asked.where,
                told.records,
            )
            if rows or not (told.records and ground.where):
                return self._draft(still, ground, names, rows, told)
        raise Denied("share.row_not_granted", "授权的行范围内没有这条记录")

    async def _told(self, pending: Pending, interface: LiveInterface) -> Told:
        loop = asyncio.get_running_loop()
        question = await loop.run_in_executor(self._reading, question_of, interface, pending.asked.where)
        line = self._line(interface)
        place = (f"{interface.name} {line.signature}", question)
        found = self._kept.get(place, self._clock())
        if found is not None:
            return found
        if line.under_way >= interface.way.concurrency:
            raise Unavailable("gate.provider_busy", f"提供方的接口正忙（{interface.label}），请稍后再试")
        if not line.breaker.may():
            raise Unavailable(
                "gate.provider_resting", f"提供方的接口连续无应答，暂不再问（{interface.label}）"
            )
        records, seconds = await self._asked(line, interface, pending.service.secret, question)
        told = Told(records, dt.datetime.now(dt.UTC), self._clock() + seconds, _size(records))
        if seconds:
            self._kept.put(place, told)
        return told

    async def _asked(
        self, line: _Line, interface: LiveInterface, secret: str | None, question: Question
    ) -> tuple[list[Record], int]:
        """One call; its place is free again when the thread is, though the caller was answered before."""
        line.under_way += 1
        future = asyncio.wrap_future(self._asking.submit(fetch, interface, secret, question))

        def ended(done: asyncio.Future[tuple[list[Record], int]]) -> None:
            line.under_way -= 1
            if not done.cancelled():
                done.exception()  # seen, also when nobody waits any more

        future.add_done_callback(ended)
        try:
            found = await asyncio.wait_for(asyncio.shield(future), interface.way.timeout)
        except TimeoutError as problem:
            line.breaker.failed()
            raise TooSlow(
                "gate.provider_slow",
                f"提供方的接口 {interface.way.timeout:g} 秒内没有应答（{interface.label}）",
            ) from problem
        except Misanswered as problem:
            if problem.code == "gate.provider_refused":
                line.breaker.went_well()
            else:
                line.breaker.failed()
            raise
        except JutongError:
            line.breaker.failed()
            raise
        except BaseException:
            line.breaker.never_asked()
            raise
        line.breaker.went_well()
        return found

    def _line(self, interface: LiveInterface) -> _Line:
        """An interface declared anew begins with a closed breaker."""
        line = self._lines.get(interface.name)
        if line is None or line.signature != interface.signature:
            line = self._lines[interface.name] = _Line(interface.signature, Breaker(self._clock))
        return line

    def _draft(
        self,
        pending: Pending,
        ground: Entitled,
        names: tuple[str, ...],
        rows: list[tuple[Cell, ...]],
        told: Told,
    ) -> Draft:
        """7. The body, and the exchange that says what it holds."""
        call, service = pending.call, pending.service
        limit = min(pending.asked.limit or service.max_rows, service.max_rows, MOST_ROWS)
        more, rows = len(rows) > limit, rows[:limit]
        body = orjson.dumps({"rows": _objects(ground, names, rows), "next": None, "more": more})
        year, as_of = f"{call.at.year}", told.at.isoformat(timespec="milliseconds")
        subjects = {
            self._hashed(str(one), year) for row in rows for one in row[len(names) :] if one is not None
        }
        exchange = replace(
            answered(service, ground, names, call.at),
            rows=len(rows),
            request_id=call.request_id,
            content=hashlib.sha256(body).hexdigest(),
            subjects=" ".join(sorted(subjects)),
            detail={"by": sorted(service.keys), "as_of": as_of, "from": call.came_from, "kept": told.kept},
        )
        return Draft(200, (_JSON, ("jutong-as-of", as_of), *service.notice), body, exchange)


def _names(pending: Pending, ground: Entitled) -> tuple[str, ...]:
    withheld = frozenset[str]() if pending.who.signed else ground.signed_only
    return tuple(name for name in pending.asked.items or ground.columns if name not in withheld)


def _objects(
    ground: Entitled, names: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]
) -> list[dict[str, Cell]]:
    found: list[dict[str, Cell]] = []
    for row in rows:
        one: dict[str, Cell] = dict(zip(names, row, strict=False))
        for name in names:
            value = one[name]
            if ground.columns[name].boolean and value is not None:
                one[name] = bool(value)
        found.append(one)
    return found


def _size(records: Sequence[Mapping[str, str | None]]) -> int:
    return sum(len(value or "") + 64 for one in records for value in one.values()) + 256
