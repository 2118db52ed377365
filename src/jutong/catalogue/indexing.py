"""What search knows of an entry: its terms as three nested ``tsvector`` texts, made here so that imports can COPY.

Name ⊂ name and summary ⊂ everything: an entry's rank is the smallest of the three that holds the whole query, so
one index answers each rank and no row is ever read to be weighed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from jutong.words import index_terms

#: PostgreSQL takes lexemes below 2 KB; nothing a person searches for is near that.
_LONGEST = 200


@lru_cache(maxsize=65_536)
def terms_of(text: str) -> frozenset[str]:
    """The terms of a text, quoted as lexemes; item labels repeat by the thousand, so they are worked out once."""
    return frozenset(_quoted(term) for term in index_terms(text) if term and len(term) <= _LONGEST)


def vectors(name: str, summary: str, others: Iterable[str]) -> tuple[str, str, str]:
    """The columns ``names``, ``texts`` and ``terms`` of ``entry_search``, as tsvector text."""
    names = terms_of(name)
    texts = names | terms_of(summary)
    terms = texts.union(*map(terms_of, others))
    return " ".join(names), " ".join(texts), " ".join(terms)


def query_text(terms: Iterable[str], join: str = "&") -> str:
    """A tsquery in text form over these terms."""
    return f" {join} ".join(_quoted(term) for term in dict.fromkeys(terms) if term and len(term) <= _LONGEST)


def _quoted(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
