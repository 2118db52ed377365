"""What search knows of an entry and how a typed text asks for it.

An entry has three nested sets of terms: name ⊂ name and summary ⊂ everything.  Its rank is the smallest that
holds the whole query, so the index answers each rank (a lexeme begins with its rank: ``1维修``) and no row is
ever read to be weighed.  Names also carry their pinyin initials from every character on (``1~dtwx``), so 「wx」
finds 「电梯维修」.
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


#: Words that tell nothing of an entry when they stand alone.
_EVERYWHERE = frozenset(["信息", "数据", "情况", "名单", "统计", "目录", "台账", "基本"])

#: Ranks as lexemes carry them.
NAME, TEXT, ANYWHERE = "1", "2", "3"


@dataclass(frozen=True)
class Query:
    """A typed text as tsquery templates; ``{0}`` stands for the rank asked about.  No words: everything is meant."""

    words: tuple[str, ...]
    #: the words as they were typed
    plain: tuple[str, ...]

    def every(self, rank: str) -> str:
        """All words stand within this rank."""
        return " & ".join(self.words).format(rank)

    def all_but_one(self, rank: str) -> str:
        """One word may be missing; with two words, either."""
        return self._all_but(1, rank)

    def all_but_two(self, rank: str) -> str:
        """Two neighbours may be missing: one wrong character spoils the two pairs it stands in."""
        return self._all_but(2, rank)

    def all_but_three(self, rank: str) -> str:
        """Three neighbours may be missing: a wrong character can make words be cut elsewhere."""
        return self._all_but(3, rank)

    def any(self, rank: str) -> str:
        """One word at least, and not merely one that half of all entries have in their names."""
        telling = [
            asked for asked, word in zip(self.words, self.plain, strict=True) if word not in _EVERYWHERE
        ]
        return " | ".join(telling or self.words).format(rank)

    def _all_but(self, missing: int, rank: str) -> str:
        rest = (self.words[:n] + self.words[n + missing :] for n in range(len(self.words) - missing + 1))
        return " | ".join(f"({' & '.join(some)})" for some in rest).format(rank)


def terms_of(text: str) -> frozenset[str]:
    """The terms of a text, clause by clause: clauses and item labels repeat by the thousand."""
    return _NONE.union(*map(_clause_terms, _CLAUSES.split(text)))


@lru_cache(maxsize=131_072)
def _clause_terms(clause: str) -> frozenset[str]:
    return frozenset(_escaped(term) for term in terms(clause) if len(term) <= _LONGEST)


def vector(name: str, summary: str, others: Iterable[str]) -> str:
    """The column ``terms`` of ``entry_search``, as tsvector text."""
    letters = initials(name)[:_LONGEST]
    heard = (_escaped(f"~{letters[start:]}") for start in range(min(len(letters) - 1, _MOST_SUFFIXES)))
    names = terms_of(name).union(heard)
    texts = names | terms_of(summary)
    everything = texts.union(*map(terms_of, others))
    ranks = ((NAME, names), (TEXT, texts), (ANYWHERE, everything))
    return " ".join(f"'{rank}{term}'" for rank, found in ranks for term in found)


def query(text: str) -> Query:
    """What was typed, as a question: every run of characters must be there, by its words or by its pairs."""
    plain = list(
        dict.fromkeys(part for run in _RUNS.findall(folded(text)) for part in _parts(run[:_LONGEST]))
    )
    return Query(tuple(map(_asked, plain)), tuple(plain))


def _parts(run: str) -> list[str]:
    """The words of one run where the dictionary knows all of it, else its pairs of characters."""
    if not _HAN.fullmatch(run) or len(run) == 1:
        return [run]
    short = [word for word in words(run) if len(word) == 2]
    rest = run
    for word in short:
        rest = rest.replace(word, "\0")
    return bigrams(run) if rest.strip("\0") else short


def _asked(term: str) -> str:
    """A condition with a place for its rank.  A lone character and Latin letters ask for beginnings."""
    lexeme = "'{0}" + _escaped(term).replace("{", "{{").replace("}", "}}") + "'"
    if not _HAN.fullmatch(term):
        return f"({lexeme}:* | {lexeme.replace('{0}', '{0}~')}:*)"
    return f"{lexeme}:*" if len(term) == 1 else lexeme


def _escaped(term: str) -> str:
    return term.replace("\\", "\\\\").replace("'", "''")
