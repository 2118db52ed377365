"""What search knows of an entry and how a typed text asks for it.

An entry has three nested sets of terms: name ⊂ name and summary ⊂ everything.  Its rank is the smallest that
holds the whole query, so one index answers each rank and no row is ever read to be weighed.  Names also carry
their pinyin initials from every character on (``~dtwx``), so 「wx」 finds 「电梯维修」.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from jutong.words import bigrams, folded, initials, terms, words

#: PostgreSQL takes lexemes below 2 KB; nothing a person searches for is near that.
_LONGEST = 200
_MOST_SUFFIXES = 60
_NONE: frozenset[str] = frozenset()
_CLAUSES = re.compile(r"[，。、；：？！,;:()（）《》「」“”\s]+")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003134f〇]+")
_RUNS = re.compile(f"{_HAN.pattern}|[^\\W_{_HAN.pattern[1:-2]}]+")


@dataclass(frozen=True)
class Query:
    """A typed text as tsquery texts: all its words, any of them, and each by itself; empty texts browse."""

    every: str
    some: str
    each: tuple[str, ...]


def terms_of(text: str) -> frozenset[str]:
    """The terms of a text as lexemes, clause by clause: clauses and item labels repeat by the thousand."""
    return _NONE.union(*map(_clause_terms, _CLAUSES.split(text)))


@lru_cache(maxsize=131_072)
def _clause_terms(clause: str) -> frozenset[str]:
    return frozenset(_lexeme(term) for term in terms(clause) if len(term) <= _LONGEST)


def vectors(name: str, summary: str, others: Iterable[str]) -> tuple[str, str, str]:
    """The columns ``names``, ``texts`` and ``terms`` of ``entry_search``, as tsvector text."""
    letters = initials(name)[:_LONGEST]
    heard = (_lexeme(f"~{letters[start:]}") for start in range(min(len(letters) - 1, _MOST_SUFFIXES)))
    names = terms_of(name).union(heard)
    texts = names | terms_of(summary)
    everything = texts.union(*map(terms_of, others))
    return " ".join(names), " ".join(texts), " ".join(everything)


def query(text: str) -> Query:
    """What was typed, as a question: every run of characters must be there, by its words or by its pairs."""
    each = list(dict.fromkeys(part for run in _RUNS.findall(folded(text)) for part in _parts(run[:_LONGEST])))
    return Query(" & ".join(each), " | ".join(each), tuple(each))


def _parts(run: str) -> list[str]:
    """Conditions for one run: its words where the dictionary knows all of it, else its pairs of characters."""
    if not _HAN.fullmatch(run):
        return [f"({_lexeme(run)}:* | {_lexeme(f'~{run}')}:*)"]
    if len(run) == 1:
        return [f"{_lexeme(run)}:*"]
    short = [word for word in words(run) if len(word) == 2]
    rest = run
    for word in short:
        rest = rest.replace(word, "\0")
    known = not rest.strip("\0")
    return [_lexeme(term) for term in (short if known else bigrams(run))]


def _lexeme(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
