"""Row marks: what in a file tells whose it is when its visible words are gone, without changing one value.

Two free choices of the writer are made by a key of the extract's own: in which order the rows stand, and, row by
row, one of two equivalent forms (a CSV field in quotes or not; an Excel cell black or as good as black).  Any part
of the rows in the file's order carries the first, any part in any order the second.  What a row is called (its
*identity*) is what its key columns read, so a part that lost other columns is traced all the same.  The numbers
below are pure; certainty is the chance that a file which has nothing to do with the extract fits it as well.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise

from jutong.keys import KeyProvider
from jutong.share.outgoing import Outgoing
from jutong.terms import quote

_KEY = "extract_marks"
_BETWEEN = "\x1f"
#: Up to here the tail of the exact distribution of ascents is computed; longer files are looked at pair by pair.
_EXACT = 60


@dataclass(frozen=True)
class RowMark:
    """What one row says: where it would stand, and which of the two forms it has."""

    order: str
    form: bool


@dataclass(frozen=True)
class Fit:
    """How well observed rows fit one extract; ``chance`` of that much or more without any connexion."""

    rows: int
    ascents: int
    pairs: int
    agreed: int
    forms: int
    chance: float


def mark_secret(keys: KeyProvider, extract_id: str, made: datetime) -> str:
    """The key of one extract's marks, hexadecimal; derived, so nothing is kept that could be stolen with the rows."""
    return keys.keyed_hash(_KEY, extract_id.encode(), f"{made:%Y}").hex()


def marked_columns(outgoing: Outgoing) -> tuple[str, ...]:
    """What identifies a row in the file: its keys where they leave as they are, else every text in it."""
    plain = {out.item.name: out.type for out in outgoing.items if out.mask is None}
    if outgoing.keys and all(plain.get(key) in ("text", "integer") for key in outgoing.keys):
        return outgoing.keys
    texts = tuple(out.item.name for out in outgoing.items if out.type == "text")
    return texts or tuple(out.item.name for out in outgoing.items)


def mark_sql(secret: str, marked: Sequence[str]) -> str:
    """DuckDB SQL for a row's digest: ordered by it, and its form chosen by ``form_sql`` of it."""
    texts = ", ".join(f"coalesce(CAST({quote(name)} AS VARCHAR), '')" for name in marked)
    return f"sha256('{secret}:' || concat_ws(chr(31), {texts}))"


def form_sql(digest: str) -> str:
    return f"(substr({digest}, 17, 1) < '8')"


def mark_of(secret: str, identity: Sequence[str]) -> RowMark:
    """The Python twin of the SQL above."""
    digest = hashlib.sha256(f"{secret}:{_BETWEEN.join(identity)}".encode()).hexdigest()
    return RowMark(digest[:16], digest[16] < "8")


def fit(secret: str, identities: Sequence[Sequence[str]], forms: Sequence[bool | None]) -> Fit:
    """Hold observed rows, in the order they stand, against one extract; a form of None says nothing.

    Rows that read alike are one toss, not many: only the first of them counts.
    """
    first: dict[tuple[str, ...], bool | None] = {}
    for identity, form in zip(identities, forms, strict=True):
        first.setdefault(tuple(identity), form)
    marks = [mark_of(secret, identity) for identity in first]
    steps = [after.order > before.order for before, after in pairwise(marks)]
    seen = [mark.form == form for mark, form in zip(marks, first.values(), strict=True) if form is not None]
    if len(marks) <= _EXACT:
        by_order = ascents_chance(len(marks), sum(steps))
    else:
        apart = steps[::2]  # no row in two of them, so each is a toss of its own
        by_order = tosses_chance(len(apart), sum(apart))
    by_form = tosses_chance(len(seen), sum(seen))
    # Two looks at the same file: the better of them, paid for twice.
    chance = min(1.0, 2 * min(by_order, by_form))
    return Fit(len(marks), sum(steps), len(steps), sum(seen), len(seen), chance)


def tosses_chance(tosses: int, hits: int) -> float:
    """P(at least ``hits`` heads in ``tosses`` fair tosses), exact; summed in logarithms, for 2^-tosses underflows."""
    if tosses == 0:
        return 1.0
    logs = [_log_choose(tosses, k) - tosses * math.log(2) for k in range(hits, tosses + 1)]
    return min(1.0, math.exp(_log_sum(logs))) if logs else 0.0


@cache
def ascents_chance(rows: int, ascents: int) -> float:
    """P(a random order of ``rows`` rows ascends at least so often): the tail of the Eulerian numbers."""
    if rows < 2:
        return 1.0
    counts = [1]
    for size in range(2, rows + 1):
        counts = [
            (k + 1) * (counts[k] if k < len(counts) else 0) + (size - k) * (counts[k - 1] if k else 0)
            for k in range(size)
        ]
    return sum(counts[ascents:]) / math.factorial(rows)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(one - top) for one in logs))
