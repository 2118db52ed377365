"""Whose file is this: hold what was found against the marks of every extract ever made, and say how sure that is.

Each extract is a hypothesis; where the heading is gone, so is each column that might be the key.  The chance told is
the chance that *any* of them fits that well by accident (Bonferroni), so it may be read as it stands.  Words are only
words: the visible watermark is reported beside, never counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jutong.database import Connection
from jutong.keys import KeyProvider
from jutong.share.extracts.extracts import Extract, extracts
from jutong.share.extracts.marks import Fit, fit, mark_secret
from jutong.share.extracts.reading import Cell, Found, heading_of, read_found

#: Below the first a recipient is named as certain, below the second as likely; above, nobody is named.
CERTAIN = 1e-9
LIKELY = 1e-3


@dataclass(frozen=True)
class Suspect:
    """One extract that fits, how well, and the chance of that without any connexion."""

    extract: Extract
    fit: Fit
    chance: float
    certain: bool

    @property
    def power(self) -> int:
        """The chance as a power of ten, rounded up: -12 says at most 10^-12."""
        return math.ceil(math.log10(max(self.chance, 1e-300)))


@dataclass(frozen=True)
class Traced:
    """``words``: what the file says of itself, which anybody may have written; ``tried``: hypotheses in all."""

    kind: str
    words: str
    rows: int
    tried: int
    suspects: tuple[Suspect, ...]


def trace(connection: Connection, keys: KeyProvider, file: Path, password: str | None = None) -> Traced:
    """Name the recipients of the extracts a file, or a part of one, was copied from; likeliest first.

    Raises BadInput ``share.extract_unreadable``.
    """
    found = read_found(file, password)
    fits = [
        (extract, one)
        for extract in extracts(connection)
        for one in _fits(found, extract, mark_secret(keys, extract.id, extract.created_at))
    ]
    best: dict[str, tuple[Extract, Fit]] = {}
    for extract, one in fits:
        if extract.id not in best or one.chance < best[extract.id][1].chance:
            best[extract.id] = (extract, one)
    suspects = [
        Suspect(extract, one, chance, chance <= CERTAIN)
        for extract, one in best.values()
        if (chance := min(1.0, one.chance * len(fits))) <= LIKELY
    ]
    return Traced(
        found.kind,
        found.words,
        len(found.rows),
        len(fits),
        tuple(sorted(suspects, key=lambda one: (one.chance, one.extract.id))),
    )


def _fits(found: Found, extract: Extract, secret: str) -> Iterator[Fit]:
    for rows, places in _readings(found.rows, extract):
        identities = [[row[place].text for place in places] for row in rows]
        if found.kind == "excel":  # a row is of one colour; any cell of it says which
            forms = [next((cell.form for cell in row if cell.form is not None), None) for row in rows]
        else:
            forms = [row[places[0]].form for row in rows]
        yield fit(secret, identities, forms)


def _readings(
    rows: Sequence[Sequence[Cell]], extract: Extract
) -> Iterator[tuple[Sequence[Sequence[Cell]], list[int]]]:
    """The ways in which a table may hold this extract's identities: by its heading, else by guessing the column."""
    if not rows:
        return
    width = max(len(row) for row in rows)
    heading = heading_of(rows)
    known = {name: {name, label} for name, label, _ in extract.columns}
    named = [
        next((place for place, text in enumerate(heading) if text in known[name]), None)
        for name in extract.marked
    ]
    if all(place is not None for place in named):
        places = [place for place in named if place is not None]
        yield _wide(rows[1:], max(places)), places
    elif len(extract.marked) == 1:
        for place in range(width):
            yield _wide(rows, place), [place]
    elif width == len(extract.columns):
        order = [name for name, _, _ in extract.columns]
        yield _wide(rows, width - 1), [order.index(name) for name in extract.marked]


def _wide(rows: Sequence[Sequence[Cell]], place: int) -> Sequence[Sequence[Cell]]:
    return [row for row in rows if len(row) > place]
