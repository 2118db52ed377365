"""Catalogue search over 100 000 entries: the ninety-fifth percentile of an answer, and how well it is ordered.

The entries are the sample city's and the same of further places, each with a place in front of its name.  The 200
queries are of seven kinds (whole names, words of two characters, phrases, two words, department and word, pinyin
initials, names with one wrong character) and are judged by reading every entry, with none of the product's terms
or ranks: 3 for the entry that was meant, 2 where the name holds all that was typed, 1 where name, summary,
items or department do.  ``ndcg`` is the mean nDCG@10.

The limit is the bare index: which ten entries hold the words, unranked, uncounted and unseen by any permission.
The peer is what most portals do: ``LIKE`` over name and summary.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from pypinyin import Style, lazy_pinyin

from bench.lake import city
from bench.measure import Result
from jutong import catalogue, people
from jutong.catalogue.indexing import ANYWHERE, query
from jutong.city.catalogue import entries
from jutong.city.departments import departments
from jutong.database import Connection
from jutong.people import Party

QUERIES, SHOWN, ROUNDS = 200, 10, 3
#: Import in steps, as a city's catalogue comes.
STEP = 10_000
_CLERK = Party(1, "clerk", "办事员", "D16", frozenset({"consumer_officer"}))
_PLACES = (
    "资江",
    "雪峰",
    "崀山",
    "云山",
    "蓼水",
    "巫水",
    "夫夷",
    "檀江",
    "龙山",
    "白水",
    "黄桥",
    "桃花坪",
    "梅城",
)


@dataclass(frozen=True)
class Asked:
    """A query; ``meant`` is the name it was made of, where it was made of one."""

    kind: str
    text: str
    meant: str = ""


@dataclass(frozen=True)
class Read:
    """What a judge reads of an entry."""

    name: str
    everything: str
    department: str
    initials: str


def run(rows: int) -> Result:
    began = time.perf_counter()
    with city() as (database, _), database.connection() as connection:
        every = list(_stocked(connection, rows))
        connection.commit()
        connection.autocommit = True
        # What PostgreSQL does by itself within a minute of an import.
        connection.execute("VACUUM ANALYZE")
        asked = tuple(_queries(every))
        taken, bare, like, gains = _asked_in_turn(connection, asked, every)
    kinds = {kind: [gain for (one, gain) in zip(asked, gains, strict=True) if one.kind == kind]
             for kind in dict.fromkeys(one.kind for one in asked)}  # fmt: skip
    return Result(
        "search", rows, _p95(taken) * 1000, "ms", time.perf_counter() - began,
        limit=("bare index", _p95(bare) * 1000), peers={"like": _p95(like) * 1000},
        extra={"p95_ms": round(_p95(taken) * 1000, 2), "median_ms": round(statistics.median(taken) * 1000, 2),
               "ndcg": round(statistics.mean(gains), 4), "queries": len(asked),
               "p95_ms_by_kind": {kind: round(_p95([second for one, second in zip(asked * ROUNDS, taken, strict=True)
                                                    if one.kind == kind]) * 1000, 2) for kind in kinds},
               "ndcg_by_kind": {kind: round(statistics.mean(some), 4) for kind, some in kinds.items()}},
    )  # fmt: skip


def _stocked(connection: Connection, rows: int) -> Iterator[Read]:
    people.add_departments(connection, (people.Department(**asdict(one)) for one in departments()))
    short = {one.code: one.short_name for one in departments()}
    some = []
    for number in range(rows):
        round_, place = divmod(number, len(entries()))
        entry = entries()[place]
        name = f"{_PLACES[round_ - 1]}{entry.name}" if round_ else entry.name
        some.append(
            replace(entry, name=name, code=None, resource_kind=None, dataset=None, committed=False)
            if round_
            else entry
        )
        if len(some) == STEP or number == rows - 1:
            catalogue.import_entries(
                connection, ({**asdict(one), "items": [asdict(item) for item in one.items]} for one in some)
            )
            some = []
        yield Read(
            name, " ".join([name, entry.summary, entry.theme, *(item.label for item in entry.items)]),
            short[entry.department_code], "".join(lazy_pinyin(name, style=Style.FIRST_LETTER)),
        )  # fmt: skip


def _queries(every: Sequence[Read]) -> Iterator[Asked]:
    """Drawn from the entries by lot, the same for ever."""
    chance = random.Random(20260101)
    makers: tuple[Callable[[Read], Asked], ...] = (
        lambda one: Asked("whole name", one.name, one.name),
        lambda one: Asked("two characters", _part(one.name, 2, chance)),
        lambda one: Asked("phrase", _part(one.name, 4, chance)),
        lambda one: Asked("two words", f"{_part(one.name, 2, chance)} {_part(one.name, 2, chance)}"),
        lambda one: Asked("department and word", f"{one.department} {_part(one.name, 2, chance)}"),
        lambda one: Asked("initials", one.initials[:6].lower()),
        lambda one: Asked("one wrong character", _wrong(one.name, chance), one.name),
    )
    for number in range(QUERIES):
        yield makers[number % len(makers)](chance.choice(every))


def _part(name: str, length: int, chance: random.Random) -> str:
    start = chance.randrange(max(1, len(name) - length + 1))
    return name[start : start + length]


def _wrong(name: str, chance: random.Random) -> str:
    place = chance.randrange(len(name))
    return f"{name[:place]}{chance.choice('仓佑徇枫')}{name[place + 1 :]}"


def _asked_in_turn(
    connection: Connection, asked: Sequence[Asked], every: Sequence[Read]
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Seconds of each answer: ours, the bare index's, LIKE's; and how well ours was ordered."""
    taken, bare, like, gains = [], [], [], []
    for turn in range(ROUNDS + 1):
        for one in asked:
            began = time.perf_counter()
            found = catalogue.search(connection, one.text, _CLERK, size=SHOWN)
            looked = time.perf_counter()
            words = query(one.text).every(ANYWHERE)
            connection.execute(
                "SELECT entry_id FROM entry_search WHERE terms @@ %s::tsquery LIMIT 10", (words,)
            ).fetchall()
            indexed = time.perf_counter()
            if turn == 1:
                pattern = f"%{one.text}%"
                connection.execute(
                    "SELECT id FROM entry WHERE name LIKE %s OR summary LIKE %s ORDER BY name LIKE %s DESC, id LIMIT 10",
                    (pattern, pattern, pattern),
                ).fetchall()
                like.append(time.perf_counter() - indexed)
                gains.append(_ndcg(one, [hit.name for hit in found.hits], every))
            if turn:
                taken.append(looked - began)
                bare.append(indexed - looked)
    return taken, bare, like, gains


def _ndcg(asked: Asked, shown: Sequence[str], every: Sequence[Read]) -> float:
    """Of the ten shown, against the best ten there are; 1 where nothing could be found."""
    grades = {one.name: _grade(asked, one) for one in every}
    best = sorted(grades.values(), reverse=True)[:SHOWN]
    reached, possible = _gain([grades[name] for name in shown]), _gain(best)
    return reached / possible if possible else 1.0


def _gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades))


def _grade(asked: Asked, one: Read) -> int:
    if asked.meant:
        return 3 if one.name == asked.meant else 2 if asked.text in one.name else 0
    if asked.kind == "initials":
        return 2 if asked.text in one.initials else 0
    words = asked.text.split()
    if all(word in one.name for word in words):
        return 2
    return 1 if all(word in one.everything or word in one.department for word in words) else 0


def _p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)]
